// The official client of the version that is tried, and what every session needs.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { webcrypto } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

globalThis.crypto ??= webcrypto; // Node 18 has it, though not as a global

const [, , name, url, key] = process.argv;
export const [serverUrl, token] = [url, key];
export const { Svix, Webhook, ApiException, messageInRaw } = await import(name);
export const two = name === "svix"; // major version 2 has other names for some things
export const put = two ? "upsert" : "update";
export const setHeaders = two ? "setHeaders" : "updateHeaders";
export const types = two ? "eventTypes" : "filterTypes";
export const rate = two ? "throttleRate" : "rateLimit";

const client = new Svix(token, { serverUrl });
const resources = [
  "application", "authentication", "backgroundTask", "endpoint", "eventType", "health", "message", "messageAttempt",
  "operationalWebhook", "operationalWebhookEndpoint",
].filter((r) => client[r]);
const called = new Set();

// spy is a client that notes which methods of its resources are called.
export function spy(client) {
  const watch = (resource, path) =>
    new Proxy(resource, {
      get(target, key) {
        const value = Reflect.get(target, key);
        if (value !== null && typeof value === "object") return watch(value, `${path}.${key}`);
        if (typeof value !== "function") return value;
        return (...args) => (called.add(`${path}.${key}`), value.apply(target, args));
      },
    });
  return Object.fromEntries(resources.map((r) => [r, watch(client[r], r)]));
}

// methodsOf are all that its resources have, with those of what hangs on them.
function methodsOf(client) {
  const all = (resource, path) =>
    Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(resource)))
      .filter(([key]) => key !== "constructor")
      .flatMap(([key, { get }]) => (get ? all(resource[key], `${path}.${key}`) : [`${path}.${key}`]));
  return resources.flatMap((r) => all(client[r], r));
}

export const {
  application, authentication, backgroundTask, endpoint, eventType, health, message, messageAttempt, operationalWebhook, operationalWebhookEndpoint,
} = spy(client);

// own calls a route that the client does not know.
export async function own(method, path, body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(`${serverUrl}/api/v1${path}`, { method, headers, body: JSON.stringify(body) });
  assert.ok(answer.ok, await answer.clone().text());
  return answer.json();
}

// receiver is someone's server; answer tells the status by how many came before.
const receivers = [];
export async function receiver(answer = () => 200) {
  const got = [];
  const server = createServer(async (req, res) => {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    res.statusCode = answer(got.length);
    got.push({ headers: req.headers, body: Buffer.concat(chunks).toString() });
    res.end("thank you");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  receivers.push(server);
  return { url: `http://127.0.0.1:${server.address().port}/hook`, got, wait: (n) => eventually(() => got.length >= n && got) };
}

export async function eventually(holds) {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(5)) {
    const value = await holds();
    if (value) return value;
  }
  assert.fail("what is waited for did not come about in a minute");
}

// pages walks a list to its end.
export async function pages(fetchPage, options) {
  const all = [];
  for (let iterator; ; ) {
    const page = await fetchPage({ limit: 2, ...options, iterator });
    assert.ok(Array.isArray(page.data) && typeof page.done === "boolean");
    assert.ok(page.data.length <= (options?.limit ?? 2));
    all.push(...page.data);
    if (page.done) return all;
    iterator = page.iterator;
  }
}

// refused expects the client's own exception, and returns what the server said.
export async function refused(promise, code, word) {
  const error = await promise.then(() => assert.fail("it was not refused"), (e) => e);
  assert.ok(error instanceof ApiException, String(error));
  assert.equal(error.code, code, JSON.stringify(error.body));
  if (word) assert.equal(error.body.code, word);
  return error.body;
}

// has compares the members that are wanted.
export function has(value, want) {
  for (const key of Object.keys(want)) assert.deepEqual(value[key], want[key], key);
  return value;
}

const checks = [];
export async function check(name, run) {
  try {
    await run();
    checks.push({ name });
  } catch (e) {
    checks.push({ name, error: e.stack });
  }
}

// attemptsOf waits for the attempts of a message of app and returns them, the first first.
export async function attemptsOf(app, msg, n) {
  const list = await eventually(async () => {
    const { data } = await messageAttempt.listByMsg(app, msg, { withContent: true });
    return data.length >= n && data;
  });
  assert.equal(list.length, n);
  return list.reverse();
}

// finish lets the process end, and prints what came of the session.
export function finish() {
  for (const server of receivers) {
    server.closeAllConnections();
    server.close();
  }
  console.log(JSON.stringify({ checks, called: [...called].sort(), methods: methodsOf(client) }));
}
