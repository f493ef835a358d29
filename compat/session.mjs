// A session with the official client for JavaScript, of one version or another:
//
//   node session.mjs <package> <url of the server> <key>
//
// It prints what it checked, which methods it called, and which there are:
//
//   {"checks": [{"name", "error"?}], "called": ["application.list"], "methods": [...]}
import assert from "node:assert/strict";
import {
  application, attemptsOf, authentication, check, endpoint, eventType, finish, has, health, message, messageAttempt, messageInRaw,
  operationalWebhook, operationalWebhookEndpoint, own, pages, put, rate, receiver, refused, serverUrl, setHeaders, spy, Svix, token, two,
  types, Webhook,
} from "./client.mjs";
import { tasks } from "./tasks.mjs";

let app;
await check("health", () => health.get());

await check("application", async () => {
  app = (await application.create({ name: "JavaScript" })).id;
  const made = await application.create({ name: "One", uid: "one", [rate]: 7, metadata: { plan: "free" } });
  has(made, { name: "One", uid: "one", [rate]: 7, metadata: { plan: "free" } });
  assert.match(made.id, /^app_/);
  assert.ok(Math.abs(made.createdAt - Date.now()) < 60_000);
  assert.deepEqual(await application.get(made.id), made);
  assert.deepEqual(await application.get("one"), made);
  assert.deepEqual(await application.getOrCreate({ name: "Other", uid: "one" }), made);
  has(await application.patch("one", { name: "Uno", [rate]: null }), { name: "Uno", [rate]: null, metadata: { plan: "free" } });
  has(await application[put]("one", { name: "Eins", uid: "eins" }), { id: made.id, uid: "eins", metadata: {} });
  for (const uid of ["two", "three", "four"]) has(await application[put](uid, { name: uid }), { uid });
  await refused(application.create({ name: "Two", uid: "two" }), 409, "conflict");
  const list = await pages((o) => application.list(o), { order: "ascending" });
  assert.deepEqual(list.map((a) => a.name), ["Demo", "JavaScript", "Eins", "two", "three", "four"]);
  for (const [uid, disabled] of [["two", true], ["three", false]]) await endpoint.create(uid, { url: "http://127.0.0.1:8999/filter", disabled, [types]: ["never.sent"] });
  const picked = async (o) => (await pages((p) => application.list(p), { order: "ascending", ...o })).map((a) => a.name).filter((n) => n !== "Demo" && n !== "JavaScript");
  assert.deepEqual(await picked({ excludeAppsWithNoEndpoints: true }), ["two", "three"]);
  assert.deepEqual(await picked({ excludeAppsWithDisabledEndpoints: true }), ["Eins", "three", "four"]);
  assert.deepEqual(await picked({ excludeAppsWithNoEndpoints: true, excludeAppsWithDisabledEndpoints: true }), ["three"]);
  assert.deepEqual(await picked({ excludeAppsWithSvixPlayEndpoints: true }), ["Eins", "two", "three", "four"]);
  for (const uid of ["two", "three"]) for (const { id } of (await endpoint.list(uid)).data) await endpoint.delete(uid, id);
  await application.delete("four");
  await refused(application.get("four"), 404, "not_found");
});

await check("event type", async () => {
  const schemas = { 1: { type: "object", title: "Created" } };
  const made = await eventType.create({ name: "js.created", description: "Created", groupName: "js", featureFlags: ["beta"], schemas });
  has(made, { name: "js.created", description: "Created", groupName: "js", featureFlags: ["beta"], schemas, archived: false });
  assert.deepEqual(await eventType.get("js.created"), made);
  has(await eventType.patch("js.created", { deprecated: true, groupName: null }), { deprecated: true, groupName: null, schemas });
  has(await eventType[put]("js.created", { description: "Again" }), { description: "Again", deprecated: false, schemas: null });
  for (const name of ["js.deleted", "js.updated", "js.viewed"]) await eventType[put](name, { description: name, schemas });
  await eventType.delete("js.viewed");
  const names = async (o) => (await pages((p) => eventType.list(p), o)).map((t) => t.name);
  assert.deepEqual(await names(), ["js.created", "js.deleted", "js.updated"]);
  assert.deepEqual(await names({ includeArchived: true }), ["js.created", "js.deleted", "js.updated", "js.viewed"]);
  assert.deepEqual((await eventType.list({ withContent: true })).data[1].schemas, schemas);
  assert.equal((await eventType.list({ withContent: false })).data[1].schemas, null);
  await eventType.delete("js.viewed", { expunge: true });
  await refused(eventType.get("js.viewed"), 404, "not_found");
  await refused(eventType.create({ name: "js.created", description: "" }), 409, "conflict");
  const post = { summary: "Taken in", requestBody: { content: { "application/json": { schema: { type: "object" } } } } };
  const spec = { openapi: "3.1.0", webhooks: { "js.imported": { post } } };
  const dry = await eventType.importOpenapi({ spec, dryRun: true });
  assert.deepEqual(dry.data.modified, []);
  has(dry.data.toModify[0], { name: "js.imported", description: "Taken in", deprecated: false, schemas: { 1: { type: "object" } } });
  await refused(eventType.get("js.imported"), 404, "not_found");
  assert.deepEqual((await eventType.importOpenapi({ specRaw: JSON.stringify(spec) })).data.modified, ["js.imported"]);
  has(await eventType.get("js.imported"), { description: "Taken in", archived: false });
  await eventType.delete("js.imported", { expunge: true });
});

await check("endpoint", async () => {
  const url = "http://127.0.0.1:8999/a";
  const about = { url, uid: "a", description: "the first", [types]: ["never.sent", "nothing.*"], channels: ["north"], [rate]: 9, metadata: { k: "v" }, disabled: true };
  const made = has(await endpoint.create(app, { ...about, headers: { "X-Made": "1" } }), about);
  assert.match(made.id, /^ep_/);
  assert.deepEqual(await endpoint.get(app, "a"), made);
  assert.deepEqual((await endpoint.getHeaders(app, "a")).headers, { "X-Made": "1" });
  has(await endpoint.patch(app, made.id, { url: url + "b", [rate]: null, channels: null }), { url: url + "b", [rate]: null, channels: null, description: "the first" });
  await own("PATCH", `/app/${app}/endpoint/a`, { ordered: true });
  has(await endpoint[put](app, "a", { url, uid: "c", [types]: ["never.sent"] }), { id: made.id, uid: "c", description: "", channels: null, disabled: false });
  assert.equal((await own("GET", `/app/${app}/endpoint/c`)).ordered, true); // which the client does not know and must not undo
  for (const uid of ["d", "e"]) has(await endpoint[put](app, uid, { url, [types]: ["never.sent"] }), { uid });
  const list = await pages((o) => endpoint.list(app, o), { order: "ascending" });
  assert.deepEqual(list.map((e) => e.uid), ["c", "d", "e"]);
  for (const { uid } of list) await endpoint.delete(app, uid);
  await refused(endpoint.get(app, made.id), 404, "not_found");
});

await check("endpoint secret", async () => {
  const [first, second] = ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "whsec_FxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"];
  const rcv = await receiver();
  const { id } = await endpoint.create(app, { url: rcv.url, secret: first, [types]: ["js.secret"] });
  assert.equal((await endpoint.getSecret(app, id)).key, first);
  await endpoint.rotateSecret(app, id, { key: second });
  assert.equal((await endpoint.getSecret(app, id)).key, second);
  await message.create(app, { eventType: "js.secret", payload: { n: 1 } });
  const [a] = await rcv.wait(1);
  new Webhook(first).verify(a.body, a.headers);
  new Webhook(second).verify(a.body, a.headers);
  await endpoint.rotateSecret(app, id);
  const { key } = await endpoint.getSecret(app, id);
  assert.throws(() => new Webhook(key).verify(a.body, a.headers), /No matching signature/);
  await message.create(app, { eventType: "js.secret", payload: { n: 2 } });
  const [, b] = await rcv.wait(2);
  new Webhook(key).verify(b.body, b.headers);
  await endpoint.delete(app, id);
});

await check("endpoint headers", async () => {
  const rcv = await receiver();
  const { id } = await endpoint.create(app, { url: rcv.url, [types]: ["js.headers"] });
  await endpoint[setHeaders](app, id, { headers: { "X-One": "1", "X-Two": "2", "X-Three": "3", Authorization: "Basic eA==" } });
  await endpoint.patchHeaders(app, id, { headers: { "X-Two": "zwei" }, deleteHeaders: ["X-Three"] });
  if (!two) {
    await endpoint.headersPatch(app, id, { headers: { "X-Four": "4" } });
  }
  const shown = { "X-One": "1", "X-Two": "zwei", ...(two ? {} : { "X-Four": "4" }) };
  assert.deepEqual(await endpoint.getHeaders(app, id), { headers: shown, sensitive: ["Authorization"] });
  await message.create(app, { eventType: "js.headers", payload: {} });
  const [a] = await rcv.wait(1);
  has(a.headers, { "x-one": "1", "x-two": "zwei", authorization: "Basic eA==", "x-three": undefined });
  if (!two) {
    await endpoint.headersUpdate(app, id, { headers: {} });
    assert.deepEqual(await endpoint.getHeaders(app, id), { headers: {}, sensitive: [] });
  }
  await endpoint.delete(app, id);
});

await check("message", async () => {
  const rcv = await receiver();
  const { id } = await endpoint.create(app, { url: rcv.url, [types]: ["js.message.*"], channels: ["north"] });
  const about = { eventType: "js.message.sent", eventId: "event-1", channels: ["north", "south"], tags: ["red"], payload: { text: "ä€𝄞", n: 12.5, list: [null, true] } };
  const made = has(await message.create(app, about, { withContent: true }), about);
  assert.deepEqual(await message.get(app, made.id, { withContent: true }), made);
  assert.deepEqual(await message.get(app, "event-1", { withContent: true }), made);
  assert.deepEqual((await message.get(app, made.id, { withContent: false })).payload, {});
  await refused(message.create(app, about), 409, "conflict");
  const [a] = await rcv.wait(1);
  assert.equal(a.headers["webhook-id"], made.id);
  assert.equal(a.body, JSON.stringify(about.payload));
  new Webhook((await endpoint.getSecret(app, id)).key).verify(a.body, a.headers);

  const active = async (about) => (await message.precheck(app, about)).active;
  assert.equal(await active({ eventType: "js.message.sent", channels: ["north"] }), true);
  assert.equal(await active({ eventType: "js.message.sent", channels: ["south"] }), false);
  assert.equal(await active({ eventType: "js.message.sent" }), false);
  assert.equal(await active({ eventType: "js.other", channels: ["north"] }), false);
  await refused(message.precheck(app, { eventType: "not a type" }), 422);
  await refused(message.precheck("nobody", { eventType: "js.message.sent" }), 404, "not_found");

  const raw = await message.create(app, { ...messageInRaw("js.message.raw", "<a>\n 1.0 </a>", "text/xml"), channels: ["north"] });
  const [, b] = await rcv.wait(2);
  assert.deepEqual([b.body, b.headers["content-type"]], ["<a>\n 1.0 </a>", "text/xml"]);
  const ids = async (o) => (await pages((p) => message.list(app, p), o)).map((m) => m.id).reverse();
  assert.deepEqual(await ids({ tag: "red" }), [made.id]);
  assert.deepEqual(await ids({ channel: "north", limit: 1 }), [made.id, raw.id]);
  assert.deepEqual(await ids({ eventTypes: ["js.message.raw", "js.other"] }), [raw.id]);
  assert.deepEqual(await ids({ channel: "north", after: made.timestamp }), [made.id, raw.id]); // JavaScript's times are cut to the millisecond
  assert.deepEqual(await ids({ channel: "north", before: made.timestamp }), []);
  assert.deepEqual((await message.list(app, { tag: "red", withContent: true })).data[0].payload, about.payload);

  await message.create("made-by-a-message", { eventType: "js.made", payload: {}, application: { name: "Made", uid: "made-by-a-message" } });
  has(await application.get("made-by-a-message"), { name: "Made" });
  const deliverAt = new Date(Date.now() + 3_600_000);
  const later = await message.create(app, { eventType: "js.message.later", payload: {}, channels: ["north"], deliverAt });
  assert.deepEqual(later.deliverAt, deliverAt);
  const waiting = (await messageAttempt.listAttemptedMessages(app, id, { status: 1 })).data;
  assert.deepEqual(waiting.map((m) => [m.id, m.statusText, m.nextAttempt]), [[later.id, "pending", deliverAt]]);
  await message.expungeContent(app, made.id);
  assert.deepEqual((await message.get(app, made.id, { withContent: true })).payload, { expired: true });
  await endpoint.delete(app, id);
});

await check("attempt", async () => {
  const rcv = await receiver((before) => (before === 0 ? 503 : 200));
  const { id } = await endpoint.create(app, { url: rcv.url, [types]: ["js.attempt"] });
  await own("PATCH", `/app/${app}/endpoint/${id}`, { retry: { delays: [1] } });
  const msg = await message.create(app, { eventType: "js.attempt", tags: ["blue"], payload: { n: 1 } }, { withContent: true });
  const both = await attemptsOf(app, msg.id, 2);
  has(both[0], { msgId: msg.id, endpointId: id, url: rcv.url, response: "thank you", responseStatusCode: 503, status: 2, statusText: "fail", triggerType: 0 });
  has(both[1], { responseStatusCode: 200, status: 0, statusText: "success" });
  assert.deepEqual(await messageAttempt.get(app, msg.id, both[0].id), both[0]);
  const to = async (o) => (await pages((p) => messageAttempt.listByEndpoint(app, id, p), o)).map((a) => a.id);
  assert.deepEqual(await to({ limit: 1 }), [both[1].id, both[0].id]);
  assert.deepEqual(await to({ status: 2, eventTypes: ["js.attempt"], tag: "blue" }), [both[0].id]);
  assert.deepEqual(await to({ statusCodeClass: 200 }), [both[1].id]);
  const withMsg = await messageAttempt.listByEndpoint(app, id, { withMsg: true, withContent: true });
  assert.deepEqual(withMsg.data[0].msg, msg);
  const [m] = (await messageAttempt.listAttemptedMessages(app, id, { withContent: true })).data;
  has(m, { id: msg.id, status: 0, statusText: "success", nextAttempt: null, payload: { n: 1 } });
  const [e] = (await messageAttempt.listAttemptedDestinations(app, msg.id)).data;
  has(e, { id, url: rcv.url, status: 0, statusText: "success", nextAttempt: null });
  await endpoint.delete(app, id);
});

await check("poller", async () => {
  const { id } = await own("POST", `/app/${app}/endpoint`, { kind: "poller", url: "", filterTypes: ["js.polled.*"] });
  const sent = [];
  for (const n of [1, 2, 3]) {
    sent.push((await message.create(app, { eventType: "js.polled.here", payload: { n } })).id);
    await message.create(app, { eventType: "js.polled-not", payload: {} });
  }
  const idsOf = ({ data }) => data.map((m) => m.id);
  const first = await message.poller.poll(app, id, { limit: 2 });
  assert.deepEqual([idsOf(first), first.done, first.data[0].payload], [sent.slice(0, 2), false, { n: 1 }]);
  const rest = await message.poller.poll(app, id, { iterator: first.iterator });
  assert.deepEqual([idsOf(rest), rest.done], [sent.slice(2), true]);
  assert.deepEqual(idsOf(await message.poller.poll(app, id, { after: new Date(Date.now() + 1000), eventType: "js.polled.here" })), []);
  const one = await message.poller.consumerPoll(app, id, "one", { limit: 2 });
  assert.deepEqual(await message.poller.consumerPoll(app, id, "one", { limit: 2 }), one);
  assert.deepEqual(idsOf(await message.poller.consumerPoll(app, id, "one", { iterator: one.iterator })), sent.slice(2));
  assert.deepEqual(idsOf(await message.poller.consumerPoll(app, id, "one")), sent.slice(2));
  const { iterator } = await message.poller.consumerSeek(app, id, "one", { after: new Date(Date.now() - 3_600_000) });
  assert.deepEqual(idsOf(await message.poller.consumerPoll(app, id, "one", { iterator })), sent);
  await refused(message.poller.consumerPoll(app, id, "one", { iterator: one.iterator }), 409, "conflict");
  await endpoint.delete(app, id);
});

await check("resend", async () => {
  const rcv = await receiver();
  const { id } = await endpoint.create(app, { url: rcv.url, [types]: ["js.resend"] });
  const msg = await message.create(app, { eventType: "js.resend", payload: { n: 1 } });
  await attemptsOf(app, msg.id, 1);
  await messageAttempt.resend(app, msg.id, id);
  const [a, b] = await rcv.wait(2);
  assert.deepEqual([b.headers["webhook-id"], b.body], [a.headers["webhook-id"], a.body]);
  has((await attemptsOf(app, msg.id, 2))[1], { triggerType: 1 });
  await endpoint.delete(app, id);
});

await check("example", async () => {
  const [rcv, other] = [await receiver(), await receiver()];
  const { id } = await endpoint.create(app, { url: rcv.url, [types]: ["never.sent"] });
  const { id: otherId } = await endpoint.create(app, { url: other.url, [types]: ["js.example"] });
  const examples = [{ n: 1 }, { n: 2, list: [null] }];
  await eventType.create({ name: "js.example", description: "", schemas: { 1: { type: "object", examples } } });
  const first = has(await endpoint.sendExample(app, id, { eventType: "js.example" }), { eventType: "js.example", payload: examples[0] });
  const second = has(await endpoint.sendExample(app, id, { eventType: "js.example", exampleIndex: 1 }), { payload: examples[1] });
  const got = await rcv.wait(2);
  const sent = new Map(got.map((r) => [r.headers["webhook-id"], r.body]));
  assert.deepEqual(sent, new Map([[first.id, JSON.stringify(examples[0])], [second.id, JSON.stringify(examples[1])]]));
  const { key } = await endpoint.getSecret(app, id);
  for (const r of got) new Webhook(key).verify(r.body, r.headers);
  has((await attemptsOf(app, first.id, 1))[0], { endpointId: id, triggerType: 1, status: 0 });
  assert.equal(other.got.length, 0);
  await refused(endpoint.sendExample(app, id, { eventType: "js.example", exampleIndex: 2 }), 422);
  await eventType.create({ name: "js.unmade", description: "", schemas: { 1: { type: "string", minLength: 100000 } } });
  await refused(endpoint.sendExample(app, id, { eventType: "js.unmade" }), 422); // has no example, and none can be made
  await refused(endpoint.sendExample(app, id, { eventType: "js.unknown" }), 404, "not_found");
  await refused(endpoint.sendExample(app, "ep_nobody", { eventType: "js.example" }), 404, "not_found");
  for (const ep of [id, otherId]) await endpoint.delete(app, ep);
});

await tasks(app);

await check("error", async () => {
  await refused(spy(new Svix("not-the-key", { serverUrl })).application.list(), 401, "authentication_failed");
  const body = await refused(endpoint.create(app, { url: "not a url" }), 422);
  assert.deepEqual(body.detail[0].loc, ["body", "url"]);
  assert.deepEqual(body.detail.map((d) => [typeof d.msg, typeof d.type]), [["string", "string"]]);
  await refused(message.create(app, { eventType: "not a type", payload: {} }), 422);
  await refused(message.get("two", "msg_nobody"), 404, "not_found");
});

await check("access", async () => {
  const uid = "js-portal";
  const begun = await authentication.appPortalAccess(uid, { application: { name: "Portal" }, capabilities: ["ViewBase", "CreateAttempts"], sessionId: "one" });
  assert.equal(begun.url, `${serverUrl}/portal#key=${begun.token}`);
  const all = await authentication.appPortalAccess(uid, { sessionId: "two", expiry: 3600 });
  const as = ({ token }) => spy(new Svix(token, { serverUrl }));
  const { id } = await as(all).endpoint.create(uid, { url: "http://127.0.0.1:8999/portal" });
  assert.equal((await as(begun).endpoint.list(uid)).data[0].id, id);
  await refused(as(begun).endpoint.getSecret(uid, id), 403, "insufficient_access");
  assert.match((await as(all).endpoint.getSecret(uid, id)).key, /^whsec_/);
  await refused(as(all).endpoint.list(app), 404, "not_found");
  await refused(as(all).application.list(), 403, "insufficient_access");
  await as(all).authentication.logout();
  await refused(as(all).endpoint.get(uid, id), 401, "authentication_failed");
  await authentication.expireAll(uid, { sessionIds: ["two"] });
  await as(begun).endpoint.get(uid, id);
  await authentication.expireAll(uid);
  await refused(as(begun).endpoint.get(uid, id), 401, "authentication_failed");
  if (!two) await as(await authentication.dashboardAccess(uid)).endpoint.get(uid, id);
});

// Version 1 has them under two names.
for (const ops of [operationalWebhook?.endpoint, operationalWebhookEndpoint].filter(Boolean)) await check("operational webhooks", async () => {
  const rcv = await receiver();
  const { id } = await ops.create({ url: rcv.url, uid: "js-ops", [types]: ["endpoint.created"] });
  assert.equal((await ops.get("js-ops")).id, id);
  assert.deepEqual((await ops.list()).data.map((e) => e.id), [id]);
  await ops[put](id, { url: rcv.url, uid: "js-ops", [types]: ["endpoint.deleted"] });
  await ops[setHeaders](id, { headers: { "X-Ops": "1" } });
  assert.deepEqual((await ops.getHeaders(id)).headers, { "X-Ops": "1" });
  await ops.rotateSecret(id, {});
  const { key } = await ops.getSecret(id);
  const made = await endpoint.create(app, { url: rcv.url, [types]: ["js.none"] });
  await endpoint.delete(app, made.id);
  const [a] = await rcv.wait(1);
  assert.equal(a.headers["x-ops"], "1");
  new Webhook(key).verify(a.body, a.headers);
  const told = JSON.parse(a.body);
  has(told, { type: "endpoint.deleted" });
  has(told.data, { appId: (await application.get(app)).id, endpointId: made.id });
  await ops.delete(id);
  await refused(ops.get(id), 404, "not_found");
});

// The answer to each first try is lost, so that the client tries again of itself,
// under the idempotency key that it made.
await check("lost answer", async () => {
  const keys = [];
  const lossy = async (url, init) => {
    const answer = await fetch(url, init);
    if (init.method !== "POST") return answer;
    keys.push(init.headers["idempotency-key"]);
    return keys.length % 2 ? new Response("lost", { status: 502 }) : answer;
  };
  const c = spy(new Svix(token, { serverUrl, fetch: lossy, retryScheduleInMs: [1, 1] }));
  await c.application.create({ name: "Lost", uid: "lost" }); // a repeat would be 409
  await c.eventType.create({ name: "js.lost", description: "" });
  const { id } = await c.endpoint.create("lost", { url: (await receiver()).url, uid: "lost" });
  const msg = await c.message.create("lost", { eventType: "js.lost", payload: {} });
  assert.deepEqual((await message.list("lost")).data.map((m) => m.id), [msg.id]);
  await c.endpoint.rotateSecret("lost", id, { key: "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX" });
  assert.equal(keys.length, 10);
  for (let i = 0; i < keys.length; i += 2) {
    assert.match(keys[i], /^auto_[0-9a-f-]{36}$/);
    assert.equal(keys[i], keys[i + 1]);
  }
  const idempotencyKey = "mine";
  const first = await application.create({ name: "Mine" }, { idempotencyKey });
  assert.deepEqual(await application.create({ name: "Mine" }, { idempotencyKey }), first);
  await refused(application.create({ name: "Other" }, { idempotencyKey }), 409, "conflict");
});

finish();
