// Runs Code.gs as Apps Script would, with what it uses of Google's services. Reads a list
// of events, as doPost is told them; prints what it returned for each, and the sheet.
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import vm from "node:vm";

const rows = [];
let exists = false;
let locked = false;
const sheet = {
  appendRow(row) {
    if (!locked) throw new Error("nobody holds the lock");
    rows.push(row);
  },
  createTextFinder: (what) => ({
    matchEntireCell: () => ({ findNext: () => rows.some((row) => row.includes(what)) || null }),
  }),
};
const google = {
  PropertiesService: { getScriptProperties: () => ({ getProperty: () => process.env.WEBHOOK_SECRET || null }) },
  LockService: { getScriptLock: () => ({ waitLock: () => (locked = true), releaseLock: () => (locked = false) }) },
  SpreadsheetApp: {
    getActiveSpreadsheet: () => ({
      getSheetByName: () => (exists ? sheet : null),
      insertSheet: () => ((exists = true), sheet),
    }),
  },
  Utilities: {
    Charset: { UTF_8: "utf8" },
    // Without a charset it is US-ASCII, and what that has not becomes a question mark.
    computeHmacSha256Signature(value, key, charset) {
      const bytes = (s) => (charset ? Buffer.from(s, charset) : Buffer.from(s.replace(/[^\x00-\x7f]/g, "?")));
      return Array.from(new Int8Array(createHmac("sha256", bytes(key)).update(bytes(value)).digest()));
    },
  },
  ContentService: {
    MimeType: { JSON: "application/json" },
    createTextOutput: (output) => ({ setMimeType: () => output }),
  },
};
vm.createContext(google);
vm.runInContext(readFileSync(new URL("Code.gs", import.meta.url), "utf8"), google);
const answers = JSON.parse(await text(process.stdin)).map((event) => {
  try {
    return google.doPost(event);
  } catch (error) {
    return `<title>Error</title>${error}`;
  }
});
process.stdout.write(JSON.stringify({ answers, rows }));
