// Asks the libraries of those whose profiles they are about webhooks, one a line on
// standard input, and prints a line for each. One with headers is verified: "ok", or
// why not. One without is signed: what the library adds, as {"url", "headers"}.
//
//   {"profile": "stripe", "secret": "…", "url": "…", "headers": {…}, "body": "…base64…"}
import { webcrypto } from "node:crypto";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import Stripe from "stripe";
import twilio from "twilio";
import { sign, verify } from "@octokit/webhooks-methods";
import { Webhook } from "standardwebhooks";

globalThis.crypto ??= webcrypto; // Node 18 has it, though not as a global

const require = createRequire(import.meta.url);
require("@shopify/shopify-api/adapters/node");
const { shopifyApi } = require("@shopify/shopify-api");
const { createSHA256HMAC, HashFormat } = require("@shopify/shopify-api/runtime");
const { verifySlackRequest } = require("@slack/bolt/dist/receivers/verify-request.js"); // all of it takes a second to load

const fields = (body) => {
  const all = {};
  for (const [name, value] of new URLSearchParams(body)) (all[name] ??= []).push(value);
  return Object.fromEntries(Object.entries(all).map(([name, values]) => [name, values.length > 1 ? values : values[0]]));
};
const isForm = (headers) => headers["content-type"].startsWith("application/x-www-form-urlencoded");

// Each takes { secret, url, headers, body }, and throws or returns whether it is good.
const verifiers = {
  stripe({ secret, headers, body }) {
    const event = Stripe.webhooks.constructEvent(body, headers["stripe-signature"], secret);
    return JSON.stringify(event) === JSON.stringify(JSON.parse(body));
  },
  github({ secret, headers, body }) {
    return verify(secret, body, headers["x-hub-signature-256"]);
  },
  twilio({ secret, url, headers, body }) {
    const signature = headers["x-twilio-signature"];
    if (isForm(headers)) return twilio.validateRequest(secret, signature, url, fields(body));
    return twilio.validateRequestWithBody(secret, signature, url, body);
  },
  slack({ secret, headers, body }) {
    verifySlackRequest({ signingSecret: secret, headers, body });
    return true;
  },
  async shopify({ secret, headers, body }) {
    const config = { apiSecretKey: secret, apiKey: "-", apiVersion: "unstable", hostName: "localhost", isEmbeddedApp: false, logger: { level: 0 } };
    const rawRequest = { method: "POST", url: "/", headers };
    const { valid, reason, missingHeaders, domain, webhookId } = await shopifyApi(config).webhooks.validate({ rawBody: body, rawRequest });
    if (!valid) throw new Error([reason, ...(missingHeaders ?? [])].join(" "));
    return domain === "acme" && webhookId === headers["webhook-id"];
  },
};

// Each takes { secret, url, body } and returns the url and the headers.
const signers = {
  stripe: ({ secret, url, body }) => ({ url, headers: { "stripe-signature": Stripe.webhooks.generateTestHeaderString({ payload: body, secret }) } }),
  github: async ({ secret, url, body }) => ({ url, headers: { "x-hub-signature-256": await sign(secret, body) } }),
  shopify: async ({ secret, url, body }) => ({ url, headers: { "x-shopify-hmac-sha256": await createSHA256HMAC(secret, body, HashFormat.Base64) } }),
  "twilio form": ({ secret, url, body }) => ({ url, headers: { "x-twilio-signature": twilio.getExpectedTwilioSignature(secret, url, fields(body)) } }),
  "twilio JSON"({ secret, url, body }) {
    url += `&bodySHA256=${twilio.getExpectedBodyHash(body)}`;
    return { url, headers: { "x-twilio-signature": twilio.getExpectedTwilioSignature(secret, url, {}) } };
  },
  standard({ secret, url, body }) {
    const [id, at] = ["msg_foreign", new Date()];
    const signature = new Webhook(secret).sign(id, at, body);
    return { url, headers: { "webhook-id": id, "webhook-timestamp": String(Math.floor(at / 1000)), "webhook-signature": signature } };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { profile, ...request } = JSON.parse(line);
  request.body = Buffer.from(request.body, "base64").toString();
  try {
    if (request.headers) console.log((await verifiers[profile](request)) ? "ok" : "no match");
    else console.log(JSON.stringify(await signers[profile](request)));
  } catch (e) {
    console.log(`${e.type ?? e.name}: ${e.message.split("\n")[0].trim()}`);
  }
}
