// Plugins in the test kit: what they declare, ask, and answer.

import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { definePlugin, mismatch, Peer, PluginError } from "../core-runtime.mjs";
import { testPlugin } from "../testing.mjs";
import example from "../../../example/js/main.mjs";

const rejects = (promise, code, message) => assert.rejects(promise, { code, ...(message && { message }) });

const thermostat = definePlugin((rt) => {
  let { target = 21 } = rt.settings;
  const hooks = ["setup"];
  rt.onStart(async () => {
    hooks.push("start");
    target = (await rt.storage.get("target")) ?? target;
  });
  rt.onStop(async () => {
    hooks.push("stop");
    await rt.storage.set("hooks", hooks);
  });
  rt.onUnload(() => rt.storage.set("hooks", [...hooks, "unload"]));
  rt.on("sensor.*.temperature", async (event) => {
    await rt.publish("heating.switch", event.payload.celsius < target);
  });
  rt.on("sensor.>", (event) => rt.log.debug("%s lost %d", event.topic, event.lost));
  rt.service("thermostat.set", { description: "Sets it", args: { target: "number" } }, async (args, call) => {
    await rt.storage.set("target", args.target);
    target = args.target;
    return [target, call.caller];
  });
  rt.every({ seconds: 5 }, () => rt.publish(".tick"));
  rt.every({ seconds: 2 }, () => rt.publish(".tock"));
});

test("hooks come in order, once", async () => {
  const rt = await testPlugin(thermostat, { name: "thermostat" });
  await rt.stop();
  assert.deepEqual(rt.stored, { hooks: ["setup", "start", "stop", "unload"] });
});

test("events reach the handlers of their filters", async () => {
  const rt = await testPlugin(thermostat, { settings: { target: 20 } });
  assert.equal(await rt.publish("sensor.a.temperature", { celsius: 19 }, { lost: 2 }), 1);
  assert.equal(await rt.publish("sensor.a.b.temperature", { celsius: 19 }), 1);
  assert.equal(await rt.publish("sensor"), 0);
  assert.deepEqual(rt.published, [{ topic: "heating.switch", payload: true }]);
  assert.deepEqual(rt.logs, [
    ["debug", "sensor.a.temperature lost 2"],
    ["debug", "sensor.a.b.temperature lost 0"],
  ]);
  await assert.rejects(rt.publish("sensor.a.temperature", null), /Cannot read properties of null/);
  assert.match(rt.logs.at(-1)[1], /a handler failed: TypeError/);
  await rt.stop();
});

test("services answer and describe themselves", async () => {
  const rt = await testPlugin(thermostat, { stored: { target: 15 } });
  assert.deepEqual(await rt.call("thermostat.set", { target: 18 }), [18, "test"]);
  assert.deepEqual(await rt.call("thermostat.set", 19, { caller: "operator" }), [19, "operator"]);
  const object = { properties: { target: { type: "number" } }, required: ["target"], additionalProperties: false };
  const schema = { type: ["object", "number"], ...object };
  assert.deepEqual(rt.services["thermostat.set"], { description: "Sets it", schema });
  await rejects(rt.call("thermostat.set", { target: "x" }), "invalid_argument", "/target: expected number, got string");
  await rejects(rt.call("thermostat.nothing"), "not_found");
});

test("several intervals by one tick", async () => {
  const rt = await testPlugin(thermostat, { name: "t" });
  await rt.advance(10_000);
  assert.deepEqual(
    rt.published.map(({ topic }) => topic.slice(2)),
    ["tock", "tock", "tick", "tock", "tock", "tick", "tock"],
  );
});

test("the arguments of a service by name, by position, alone, or none", async () => {
  const rt = await testPlugin(
    definePlugin((rt) => {
      rt.service(
        ".many",
        { args: { room: "string", target: { type: "number", default: 20, minimum: 5 }, mode: ["heat", "off"] } },
        (args) => args,
      );
      rt.service(".maybe", { args: { name: "string?" } }, (args) => args);
      rt.service(".none", { args: {} }, (args) => args);
      rt.service(".list", { args: { list: { type: "array", items: { type: "integer" } } } }, (args) => args);
      rt.service(".choice", { args: { mode: ["heat", "off"] } }, (args) => args);
      rt.service(".object", { args: { room: "object" } }, (args) => args);
      rt.service(".bare", (args) => ({ got: args }));
      rt.service(".schema", { schema: { type: "object", required: ["a"] } }, (args) => args);
    }),
  );
  const both = (args, kwargs = {}) => ({ args, kwargs });
  for (const [service, args, expected] of [
    [".many", { room: "a", mode: "off" }, { room: "a", mode: "off", target: 20 }],
    [".many", both(["a", 6], { mode: "heat" }), { room: "a", target: 6, mode: "heat" }],
    [".many", both(["a", 4, "off"]), "/target: expected at least 5, got 4"],
    [".many", { room: "a", mode: "cool" }, '/mode: expected one of "heat", "off", got "cool"'],
    [".many", "a", '/mode: is missing: expected one of "heat", "off"'],
    [".many", both([1, 2, 3, 4]), "expected at most 3 arguments, got 4"],
    [".many", both(["a"], { room: "b" }), "/room: is given twice, by position and by name"],
    [".maybe", null, {}],
    [".maybe", "a", { name: "a" }],
    [".maybe", { nam: "a" }, "/nam: there is no such member; known: name"],
    [".none", null, {}],
    [".none", 5, "expected no arguments, got number"],
    [".list", [1, 2], { list: [1, 2] }],
    [".list", { list: [1, "x"] }, "/list/1: expected integer, got string"],
    [".choice", "off", { mode: "off" }],
    [".object", { room: { a: 1 } }, { room: { a: 1 } }],
    [".bare", { a: 1 }, { got: { a: 1 } }],
    [".bare", both([7]), { got: 7 }],
    [".bare", both([]), { got: null }],
    [".bare", both([1, 2]), { got: both([1, 2]) }],
    [".schema", both([{ a: 1 }]), { a: 1 }],
    [".schema", {}, "/a: is missing: expected a value"],
  ]) {
    if (typeof expected === "string") await rejects(rt.call(service, args), "invalid_argument", expected);
    else assert.deepEqual(await rt.call(service, args), expected, `${service} ${JSON.stringify(args)}`);
  }
  // What the library lets through, the schema does, since the runtime checks by it.
  for (const [service, args] of [
    [".maybe", null],
    [".maybe", "a"],
    [".none", null],
    [".list", [1]],
    [".choice", "off"],
    [".choice", { mode: "off" }],
  ]) {
    assert.equal(mismatch(rt.services[`plugin${service}`].schema, args), null, service);
  }
  assert.notEqual(mismatch(rt.services["plugin.choice"].schema, "cool"), null);
});

test("mistakes of the author are named", async () => {
  const fails = (setup, pattern) => assert.rejects(testPlugin(definePlugin(setup)), pattern);
  await fails(
    (rt) => rt.service(".x", { args: { a: "double" } }, () => 1),
    /argument 'a' is 'double': use any, string/,
  );
  await fails((rt) => rt.service(".x", {}), /takes a function of the arguments/);
  await fails((rt) => rt.on("a.b"), /takes a function of the event/);
  await fails((rt) => rt.every({}, () => 1), /at least a millisecond/);
  await fails(() => Promise.reject(new Error("no bridge")), /Error: no bridge/);
  assert.throws(() => definePlugin({ window: 65 }, () => 1), /window must be 1 to 64, not 65/);
  assert.throws(() => definePlugin({}), /takes a function/);
  await assert.rejects(testPlugin({}), /must `export default definePlugin/);
});

test("what setup declares and does not await fails the load", async () => {
  const greedy = definePlugin((rt) => {
    rt.service("other.service", () => 1);
  });
  await rejects(testPlugin(greedy, { permissions: {} }), "denied");
});

test("state", async () => {
  let got;
  const rt = await testPlugin(
    definePlugin((rt) => {
      rt.onStart(async () => {
        const first = await rt.state.set(".heat", true);
        const second = await rt.state.set(".heat", false, { version: first });
        await rejects(rt.state.set(".heat", true, { version: first }), "conflict");
        await rt.state.update({ ".a": 1, ".b": null });
        await rt.state.set(".short", 1, { ttlMs: 1000 });
        assert.deepEqual(await rt.state.getVersioned(".heat"), { value: false, version: second });
        got = [
          await rt.state.get(".nothing"),
          await rt.state.has(".b"),
          await rt.state.get(".b"),
          await rt.state.keys("."),
          await rt.state.delete(".a"),
          await rt.state.delete(".a"),
        ];
      });
    }),
    { name: "t" },
  );
  assert.deepEqual(got, [undefined, true, null, ["t.a", "t.b", "t.heat", "t.short"], true, false]);
  await rt.advance(1001);
  assert.deepEqual(rt.state, { "t.b": null, "t.heat": false });
});

test("storage, calls of others, and what fails", async () => {
  const rt = await testPlugin(
    definePlugin((rt) => {
      rt.onStart(async () => {
        await rt.storage.batch([{ set: "a", value: 1 }, { set: "b", value: 2 }, { delete: "old" }]);
        assert.deepEqual(await rt.storage.keys(), ["a", "b"]);
        assert.equal(await rt.storage.delete("a"), true);
        assert.equal(await rt.storage.get("a"), undefined);
        assert.deepEqual(await rt.call("weather.now", { city: "Riga" }), { celsius: 4, city: "Riga" });
        await rejects(rt.call("nobody.there"), "not_found");
        assert.equal(await rt.hasService("weather.now"), true);
        await rejects(rt.publish(".x", 1n), "not_json");
        await rejects(rt.publish(".x", "\ud800"), "not_json");
        await rejects(rt.publish(".x", "y".repeat(1 << 20)), "too_large");
        await rt.publish(".x", "\\ud800 \u2028 😀");
      });
    }),
    { name: "t", stored: { old: 1 }, services: { "weather.now": ({ city }) => ({ celsius: 4, city }) } },
  );
  assert.deepEqual(rt.stored, { b: 2 });
  assert.deepEqual(rt.published, [{ topic: "t.x", payload: "\\ud800 \u2028 😀" }]);
});

const gate = (window) =>
  definePlugin({ window }, (rt) => {
    let open;
    const opened = new Promise((resolve) => (open = resolve));
    let now = 0;
    rt.service(".wait", async (name, { signal }) => {
      now += 1;
      await Promise.race([
        opened,
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      ]);
      return [name, now];
    });
    rt.service(".open", () => open());
    rt.service(".twice", () => rt.call(".open"));
  });

test("as many at a time as the plugin says, and it may call itself then", async () => {
  const rt = await testPlugin(gate(4));
  const calls = ["a", "b"].map((name) => rt.call(".wait", name));
  await sleep(50);
  await rt.call(".twice");
  assert.deepEqual(await Promise.all(calls), [
    ["a", 2],
    ["b", 2],
  ]);
});

// Waits for what comes in its own time.
const until = async (done) => {
  for (let left = 500; !done() && left > 0; left -= 1) await sleep(10);
};

// A peer by itself, line by line.
const lines = (methods) => {
  const sent = [];
  const broken = [];
  const peer = new Peer(
    (line) => sent.push(JSON.parse(line)),
    methods,
    () => {},
    (why) => broken.push(why),
  );
  return { peer, sent, broken, feed: (message) => peer.feed(JSON.stringify({ jsonrpc: "2.0", ...message })) };
};

test("a message that was cancelled is answered, and the next is unharmed", async () => {
  const methods = {
    call: ({ x }, call) =>
      new Promise((resolve, reject) => {
        call.controller = new AbortController();
        call.controller.signal.addEventListener("abort", () => reject(call.controller.signal.reason));
        setTimeout(resolve, 20, x);
      }),
  };
  const { sent, feed } = lines(methods);
  for (const id of [1, 2, 3]) feed({ id, method: "call", params: { x: id } });
  feed({ method: "cancel", params: { id: 1 } });
  feed({ method: "cancel", params: { id: 2 } });
  feed({ method: "cancel", params: { id: 9 } });
  await until(() => sent.length === 3);
  assert.deepEqual(sent.map(({ id, result, error }) => [id, result ?? error.data.code]).sort(), [
    [1, "cancelled"],
    [2, "cancelled"],
    [3, 3],
  ]);
});

test("what is above the limit of requests is held back", async () => {
  const { peer, sent, feed } = lines({});
  peer.inFlight = 2;
  const controller = new AbortController();
  const asked = [0, 1, 2, 3].map((number) =>
    peer.request("publish", { topic: `${number}` }, null, number === 2 ? controller.signal : undefined),
  );
  assert.equal(sent.length, 2);
  controller.abort(new PluginError("cancelled"));
  await rejects(asked[2], "cancelled");
  feed({ id: 2, result: null });
  await asked[1];
  assert.deepEqual(
    sent.map(({ params }) => params.topic),
    ["0", "1", "3"],
  );
});

test("what is no message is reported and passed over", () => {
  const { peer, sent, broken, feed } = lines({ event: () => null });
  for (const line of ["nonsense", "[1]", "5", '{"id":1}{"id":2}']) peer.feed(line);
  feed({ id: 77, result: null });
  assert.equal(broken.length, 5);
  feed({ id: 1, method: "nothing" });
  feed({ id: 2, method: "constructor" });
  feed({ method: "nothing" });
  feed({ id: "three", method: "event", params: {}, more: 1 });
  assert.deepEqual(
    sent.map(({ id, error }) => [id, error?.code]),
    [
      [1, -32601],
      [2, -32601],
      ["three", undefined],
    ],
  );
});

test("messages are cut to 160 bytes at the border of a character", async () => {
  const { sent, feed } = lines({
    call: () =>
      Promise.resolve().then(() => {
        throw new PluginError("long", "я".repeat(200));
      }),
  });
  feed({ id: 1, method: "call" });
  await until(() => sent.length === 1);
  const { message } = sent[0].error;
  assert.ok(Buffer.byteLength(message) <= 160, `${Buffer.byteLength(message)}`);
  assert.match(message, /^я+…$/);
});

test("the example, whole, with a copy of the library that is this one", async () => {
  const rt = await testPlugin(example, { name: "example", permissions: { subscribe: ["example.test"] } });
  assert.deepEqual(rt.stored.status, { state: "started", message: "Плагин запущен" });
  assert.equal(await rt.call("example.hello", "Мир"), "Привет, Мир!");
  await rejects(rt.call("example.hello", 5), "invalid_argument");
  assert.equal(await rt.publish("example.test", { data: "test" }), 1);
  assert.deepEqual(rt.logs.at(-1), ["debug", "received 1"]);
  await rt.stop();
  assert.deepEqual(rt.stored.status, { state: "stopped", message: "Плагин остановлен" });
  const read = (file) => fs.readFileSync(new URL(file, import.meta.url), "utf8");
  assert.equal(read("../../../example/js/core-runtime.mjs"), read("../core-runtime.mjs"), "copy it anew");
});
