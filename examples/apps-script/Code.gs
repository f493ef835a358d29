// A web app that takes webhooks into the sheet "Webhooks" of its spreadsheet, each once.
// README.md says how to deploy it.

const TOLERANCE = 5 * 60; // seconds that a clock may be wrong by

function doPost(e) {
  let hook;
  try {
    hook = verify_(e, PropertiesService.getScriptProperties().getProperty('WEBHOOK_SECRET'));
  } catch (wrong) {
    return answer_({ ok: false, error: wrong.message });
  }
  const lock = LockService.getScriptLock(); // up to thirty of these run at once
  lock.waitLock(30 * 1000);
  try {
    const sheet = sheet_();
    if (!sheet.createTextFinder(hook.id).matchEntireCell(true).findNext()) {
      handle_(hook, sheet);
    }
  } finally {
    lock.releaseLock();
  }
  return answer_({ ok: true });
}

// handle_ is yours: what becomes of a webhook. What it throws has the webhook come again.
function handle_(hook, sheet) {
  sheet.appendRow([hook.id, new Date(hook.timestamp * 1000), hook.type, JSON.stringify(hook.payload)]);
}

// verify_ returns the webhook, or throws what is wrong with it. A script is told of no
// headers, so the signature is in the query, or around the payload.
function verify_(e, secret) {
  if (!secret) throw new Error('set the script property WEBHOOK_SECRET to the secret in the endpoint\'s config');
  let id = e.parameter.whid;
  let timestamp = e.parameter.whts;
  let signatures = e.parameters.whsig || [];
  let type = '';
  let body = e.postData.contents;
  if (!id) {
    const { headers = {}, payload = '' } = JSON.parse(body);
    id = headers['webhook-id'];
    timestamp = headers['webhook-timestamp'];
    signatures = [headers['webhook-signature'] || ''];
    type = headers['webhook-event-type'] || '';
    body = payload;
  }
  if (!id || !/^\d{1,12}$/.test(timestamp)) throw new Error('it is not signed');
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE) throw new Error('it was signed too long ago');
  // Without the charset all but ASCII would be signed as question marks.
  const want = hex_(Utilities.computeHmacSha256Signature(`${id}.${timestamp}.${body}`, secret, Utilities.Charset.UTF_8));
  if (!signatures.some((signature) => same_(signature, want))) throw new Error('the signature is not by this secret');
  return { id, timestamp: Number(timestamp), type, payload: JSON.parse(body) };
}

function hex_(bytes) { // which are from -128 to 127 here
  return bytes.map((b) => ((b + 256) % 256).toString(16).padStart(2, '0')).join('');
}

// same_ takes as long whatever differs.
function same_(a, b) {
  let differs = a.length ^ b.length;
  for (let i = 0; i < b.length; i++) differs |= (a.charCodeAt(i) || 0) ^ b.charCodeAt(i);
  return differs === 0;
}

function sheet_() {
  const file = SpreadsheetApp.getActiveSpreadsheet();
  const sheet = file.getSheetByName('Webhooks');
  if (sheet) return sheet;
  const made = file.insertSheet('Webhooks');
  made.appendRow(['id', 'signed', 'type', 'payload']);
  return made;
}

function answer_(said) {
  return ContentService.createTextOutput(JSON.stringify(said)).setMimeType(ContentService.MimeType.JSON);
}
