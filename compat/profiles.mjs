// Verifies signed webhooks with the libraries of those whose profiles they are, one
// a line on standard input, and prints a line for each: "ok", or why not.
//
//   {"profile": "stripe", "secret": "…", "url": "…", "headers": {…}, "body": "…base64…"}
import { createInterface } from "node:readline";
import Stripe from "stripe";
import twilio from "twilio";
import { verify } from "@octokit/webhooks-methods";

// Each takes { secret, url, headers } and the body, and throws or returns whether it is good.
const libraries = {
  stripe({ secret, headers }, body) {
    const event = Stripe.webhooks.constructEvent(body, headers["stripe-signature"], secret);
    return JSON.stringify(event) === JSON.stringify(JSON.parse(body));
  },
  github({ secret, headers }, body) {
    return verify(secret, body.toString(), headers["x-hub-signature-256"]);
  },
  twilio({ secret, url, headers }, body) {
    const signature = headers["x-twilio-signature"];
    if (headers["content-type"].startsWith("application/x-www-form-urlencoded")) {
      const fields = Object.fromEntries(new URLSearchParams(body.toString()));
      return twilio.validateRequest(secret, signature, url, fields);
    }
    return twilio.validateRequestWithBody(secret, signature, url, body.toString());
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { profile, body, ...request } = JSON.parse(line);
  try {
    const good = await libraries[profile](request, Buffer.from(body, "base64"));
    console.log(good ? "ok" : "no match");
  } catch (e) {
    console.log(`${e.type ?? e.name}: ${e.message.split("\n")[0]}`);
  }
}
