// Counts what was sent, with the official client of one version or another:
//
//   node statistics.mjs <package> <url of the server> <key>
//
// It prints {"methods": [...], "problems": [...]}.
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18 has it, though not as a global

const [, , name, serverUrl, key] = process.argv;
const { Svix } = await import(name);
const client = new Svix(key, { serverUrl });
const problems = [];

try {
  const { id } = await client.application.create({ name });
  await client.message.create(id, { eventType: `${name}.counted`, payload: { n: 1 } });
  const since = new Date(Date.now() - 3_600_000);
  const until = new Date(Date.now() + 3_600_000);
  const byApp = await client.statistics.aggregateAppStats({ appIds: [id, "nobody"], since, until });
  assert.deepEqual([byApp.task, byApp.status, byApp.unresolvedAppIds], ["application.stats", "finished", ["nobody"]]);
  const counted = await client.backgroundTask.get(byApp.id);
  assert.deepEqual(counted.data, { applications: [{ appId: id, messageDestinations: 0, messages: 1 }] });
  const byType = await client.statistics.aggregateEventTypes();
  assert.deepEqual([byType.task, byType.status], ["event-type.aggregate", "finished"]);
  const { data } = await client.backgroundTask.get(byType.id);
  assert.deepEqual(data.eventTypes.find((t) => t.eventType === `${name}.counted`), { eventType: `${name}.counted`, messageDestinations: 0, messages: 1 });
} catch (problem) {
  problems.push(String(problem.stack ?? problem));
}
const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(client.statistics)).filter((m) => m !== "constructor").sort();
console.log(JSON.stringify({ methods, problems }));
