// What is done to many messages at once, in the background.
import assert from "node:assert/strict";
import { application, attemptsOf, backgroundTask, check, endpoint, eventually, has, message, messageAttempt, own, pages, receiver, refused, two, types } from "./client.mjs";

// finished expects a task that someone was told of, and waits for its end.
async function finished(told, kind, data) {
  assert.match(told.id, /^qtask_/);
  has(told, { task: kind });
  const task = await eventually(async () => {
    const now = await backgroundTask.get(told.id);
    return now.status !== "running" && now;
  });
  return has(task, { id: told.id, task: kind, status: "finished", data });
}

// tasks are the checks of background tasks; app is an application to work in.
export async function tasks(app) {
  await check("recover", async () => {
    const rcv = await receiver((before) => (before < 2 ? 500 : 200));
    const { id } = await endpoint.create(app, { url: rcv.url, [types]: ["js.recover"] });
    await own("PATCH", `/app/${app}/endpoint/${id}`, { retry: { preset: "none" } });
    const first = await message.create(app, { eventType: "js.recover", payload: { n: 1 } });
    await message.create(app, { eventType: "js.recover", payload: { n: 2 } });
    const counts = (want) => eventually(async () => {
      const got = await endpoint.getStats(app, id);
      return Object.keys(want).every((key) => got[key] === want[key]);
    });
    await counts({ success: 0, pending: 0, sending: 0, fail: 2 });
    has(await endpoint.recover(app, id, { since: first.timestamp }), { task: "endpoint.recover", status: "finished" });
    await rcv.wait(4);
    await counts({ success: 2, pending: 0, sending: 0, fail: 0 });
    const hourAgo = new Date(Date.now() - 3_600_000);
    has(await endpoint.getStats(app, id, { since: new Date(0), until: hourAgo }), { success: 0, fail: 0 });
    await endpoint.delete(app, id);
  });

  await check("background task", async () => {
    const [rcv, since] = [await receiver(), new Date(Date.now() - 60_000)];
    const sent = [];
    for (const n of [1, 2, 3]) sent.push(await message.create(app, { eventType: "js.task", tags: [`tag-${n}`], payload: { n } }));
    const { id } = await endpoint.create(app, { url: rcv.url, [types]: ["js.task"] });
    const replayed = await finished(await endpoint.replayMissing(app, id, { since }), "endpoint.replay", { messagesSent: 3 });
    const came = (got) => got.map((r) => JSON.parse(r.body).n).sort();
    assert.deepEqual(came(await rcv.wait(3)), [1, 2, 3]);
    for (const { id: msg } of sent) await attemptsOf(app, msg, 1);
    await finished(await endpoint.replayMissing(app, id, { since }), "endpoint.replay", { messagesSent: 0 });
    const again = { since, eventTypes: ["js.task"], tag: "tag-2", status: 0, statusCodeClass: 200 };
    const bulk = await finished(await endpoint.bulkReplay(app, id, again), "endpoint.bulk-replay", { messagesSent: 1 });
    assert.deepEqual(came((await rcv.wait(4)).slice(3)), [2]);
    await attemptsOf(app, sent[1].id, 2);
    const listed = async (o) => (await pages((p) => backgroundTask.list(p), o)).map((t) => t.id);
    assert.deepEqual(await listed({ task: "endpoint.bulk-replay", status: "finished" }), [bulk.id]);
    assert.ok((await listed({ limit: 1 })).includes(replayed.id));
    assert.deepEqual(await listed({ status: "failed" }), []);
    if (!two) assert.deepEqual((await backgroundTask.listByEndpoint({ task: "endpoint.bulk-replay" })).data, [bulk]);
    await refused(backgroundTask.get("qtask_nobody"), 404, "not_found");
    await endpoint.delete(app, id);
  });

  await check("expunge", async () => {
    const uid = "expunged"; // an application of its own: all its payloads go
    await application.create({ name: "Expunged", uid });
    const rcv = await receiver();
    await endpoint.create(uid, { url: rcv.url, [types]: ["js.expunge"] });
    const send = async (n) => (await message.create(uid, { eventType: "js.expunge", payload: { n } })).id;
    const [one, other, third] = [await send(1), await send(2), await send(3)];
    await rcv.wait(3);
    const payloads = () => Promise.all([one, other, third].map(async (id) => (await message.get(uid, id, { withContent: true })).payload));
    const gone = { expired: true };
    if (two) {
      const { results } = await message.bulkExpungeContent(uid, { ids: [one, "msg_nobody"] });
      assert.deepEqual(results, { [one]: "expunged", msg_nobody: "not-found" });
      assert.deepEqual(await payloads(), [gone, { n: 2 }, { n: 3 }]);
    }
    await finished(await message.expungeAllContents(uid), "application.purge_content", { messagesPurged: two ? 2 : 3 });
    assert.deepEqual(await payloads(), [gone, gone, gone]);
    const attempt = async () => (await messageAttempt.listByMsg(uid, third, { withContent: true })).data[0];
    const before = await eventually(attempt);
    assert.equal(before.response, "thank you");
    await messageAttempt.expungeContent(uid, third, before.id);
    has(await attempt(), { id: before.id, responseStatusCode: 200, response: "" });
    await refused(messageAttempt.expungeContent(uid, third, "atmpt_nobody"), 404, "not_found");
  });
}
