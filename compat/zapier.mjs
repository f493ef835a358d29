// A Zapier app for Fanfare, run by Zapier's own platform library: what the platform
// does when a Zap is turned on, when it is set up, when a hook comes in, and when it
// is turned off. Prints what each step gave.
import { createRequire } from "node:module";

const zapier = createRequire(import.meta.url)("zapier-platform-core");
const [url, key, target] = process.argv.slice(2);
const hooks = `${url}/api/v1/app/acme/hooks`;

const App = {
  version: "1.0.0",
  platformVersion: zapier.version,
  authentication: {
    type: "custom",
    fields: [{ key: "key", required: true }],
    test: { url: `${url}/api/v1/app/acme` },
  },
  beforeRequest: [
    (request, z, bundle) => {
      request.headers.Authorization = `Bearer ${bundle.authData.key}`;
      return request;
    },
  ],
  triggers: {
    record: {
      key: "record",
      noun: "Record",
      display: { label: "New Record", description: "Triggers when a record is created." },
      operation: {
        type: "hook",
        performSubscribe: {
          url: hooks,
          method: "POST",
          body: { target_url: "{{bundle.targetUrl}}", event: "record.created" },
        },
        performUnsubscribe: { url: `${hooks}/{{bundle.subscribeData.id}}`, method: "DELETE" },
        performList: { url: `${hooks}/sample`, params: { event: "record.created" } },
        perform: (z, bundle) => [bundle.cleanedRequest],
        sample: { id: 1, name: "a" },
      },
    },
  },
};

const run = zapier.createAppTester(App);
const { operation } = App.triggers.record;
const authData = { key };
const steps = {};
async function step(name, what, bundle) {
  try {
    steps[name] = { result: (await run(what, { authData, ...bundle })) ?? null };
  } catch (error) {
    steps[name] = { error: `${error.name}: ${error.message}` };
  }
  return steps[name].result;
}

await step("test", App.authentication.test);
const subscribeData = await step("on", operation.performSubscribe, { targetUrl: target });
await step("list", operation.performList);
const sent = await fetch(`${url}/api/v1/app/acme/msg`, {
  method: "POST",
  headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
  body: JSON.stringify({ eventType: "record.created", payload: { id: 7, name: "seven" } }),
});
steps.sent = { result: sent.status };
await step("listNow", operation.performList);
await step("perform", operation.perform, { cleanedRequest: { id: 7, name: "seven" } });
await step("off", operation.performUnsubscribe, { targetUrl: target, subscribeData });
await step("offAgain", operation.performUnsubscribe, { targetUrl: target, subscribeData });
process.stdout.write(JSON.stringify(steps));
