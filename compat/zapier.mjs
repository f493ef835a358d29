// The Zapier app of examples/zapier, run by Zapier's own platform library: what the
// platform does when an account is connected, when a Zap is turned on, when it is set
// up, when a hook comes in, and when it is turned off. Prints what each step gave.
import Module, { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

// The app finds the library where this folder has it.
process.env.NODE_PATH = fileURLToPath(new URL("node_modules", import.meta.url));
Module._initPaths();
const require = createRequire(import.meta.url);
const zapier = require("zapier-platform-core");
const App = require("../examples/zapier/index.js");
const { version } = require("../examples/zapier/package.json");
const [url, key, target] = process.argv.slice(2);

const run = zapier.createAppTester(App);
const { performSubscribe, performUnsubscribe, performList, perform } = App.triggers.event.operation;
const authData = { url: `${url}/`, application: "acme", key };
const inputData = { event: "record.created" };
const steps = {};
async function step(name, what, bundle) {
  try {
    steps[name] = { result: (await run(what, { authData, inputData, ...bundle })) ?? null };
  } catch (error) {
    steps[name] = { error: `${error.name}: ${error.message}` };
  }
  return steps[name].result;
}

const { results: wrong } = await zapier.createAppHandler(App)({ command: "validate" });
steps.version = { result: version };
steps.wrong = { result: wrong };
await step("test", App.authentication.test);
await step("unknown", App.authentication.test, { authData: { ...authData, key: "nobody" } });
await step("types", App.triggers.event_type.operation.perform);
const subscribeData = await step("on", performSubscribe, { targetUrl: target });
await step("onNowhere", performSubscribe, { targetUrl: "nowhere" });
await step("list", performList);
const message = { event: "record.created", payload: { id: 7, name: "seven" }, event_id: "seven" };
await step("sent", App.creates.message.operation.perform, { inputData: message });
await step("sentAgain", App.creates.message.operation.perform, { inputData: message });
await step("listNow", performList);
await step("perform", perform, { cleanedRequest: { id: 7, name: "seven" } });
await step("off", performUnsubscribe, { targetUrl: target, subscribeData });
await step("offAgain", performUnsubscribe, { targetUrl: target, subscribeData });
process.stdout.write(`\n${JSON.stringify(steps)}`);
