// Verifies signed webhooks, one a line on standard input, and prints a line for
// each: "ok", or why not.
//
//   {"secret": "whsec_…", "headers": {"webhook-id": …}, "body": "…base64…"}
//   {"publicKey": "…base64…", "headers": …, "body": …}
//
// With a secret it asks the library standardwebhooks; with a public key, which
// the library does not know, Node's own ed25519.
import { createInterface } from "node:readline";
import { createPublicKey, verify } from "node:crypto";
import { Webhook } from "standardwebhooks";

function verifyV1a(publicKey, headers, body) {
  const x = Buffer.from(publicKey, "base64").toString("base64url");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const signed = Buffer.concat([Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`), body]);
  const signatures = headers["webhook-signature"].split(" ").filter((s) => s.startsWith("v1a,"));
  if (!signatures.some((s) => verify(null, signed, key, Buffer.from(s.slice(4), "base64")))) {
    throw new Error("No matching v1a signature");
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, publicKey, headers, body } = JSON.parse(line);
  const bytes = Buffer.from(body, "base64");
  try {
    if (publicKey) verifyV1a(publicKey, headers, bytes);
    else new Webhook(secret).verify(bytes, headers, { jsonParse: false });
    console.log("ok");
  } catch (e) {
    console.log(e.message);
  }
}
