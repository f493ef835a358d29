// A receiver of webhooks in Node.js, with nothing installed:
//
//   WEBHOOK_SECRET=whsec_… PORT=9001 node receiver.mjs
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const TOLERANCE = 5 * 60; // seconds that a clock may be wrong by
const MAX_BODY = 1 << 20;

const secret = process.env.WEBHOOK_SECRET ?? "";
if (!secret.startsWith("whsec_")) {
  console.error("receiver: set WEBHOOK_SECRET to the endpoint's secret, whsec_…");
  process.exit(2);
}
const key = Buffer.from(secret.slice("whsec_".length), "base64");

// verify says why a webhook is not by who knows the secret; "" if it is. The body is the
// bytes that came in: what JSON makes of them may be written differently.
function verify(headers, body) {
  const id = headers["webhook-id"] ?? "";
  const timestamp = headers["webhook-timestamp"] ?? "";
  const signatures = headers["webhook-signature"] ?? "";
  if (!id || !/^\d{1,12}$/.test(timestamp) || !signatures) return "a header is missing: webhook-id, webhook-timestamp, webhook-signature";
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE) return "it was signed too long ago, or a clock is wrong";
  const want = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
  for (const signature of signatures.split(" ")) { // while a secret is replaced there are two
    const [version, text = ""] = signature.split(",");
    const got = Buffer.from(text, "base64");
    if (version === "v1" && got.length === want.length && timingSafeEqual(got, want)) return "";
  }
  return "the signature is not by this secret";
}

const had = new Set(); // in production a table with a unique column

function answer(res, status, text = "") {
  res.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" }).end(text);
}

createServer(async (req, res) => {
  const parts = [];
  let size = 0;
  try {
    for await (const part of req) {
      if ((size += part.length) > MAX_BODY) return answer(res, 413, "more than 1 MiB");
      parts.push(part);
    }
  } catch {
    return; // it was cut off, and comes again
  }
  if (req.method !== "POST") return answer(res, 405, "webhooks are POSTs");
  const body = Buffer.concat(parts);
  const wrong = verify(req.headers, body);
  if (wrong) return answer(res, 401, wrong);
  const id = req.headers["webhook-id"];
  if (!had.has(id)) {
    had.add(id);
    console.log(id, req.headers["webhook-event-type"] ?? "-", body.toString());
  }
  answer(res, 204);
}).listen(Number(process.env.PORT ?? 9001), "127.0.0.1", function () {
  console.log(`Listening on http://127.0.0.1:${this.address().port}`);
});
