// Run by: node --test

import assert from "node:assert/strict";
import { test } from "node:test";

import plugin from "./main.mjs";
import { testPlugin } from "./testing.mjs";

const start = () => testPlugin(plugin, { name: "{name}", settings: { target: 21 } });

test("it heats when it is cold", async () => {
  const rt = await start();
  await rt.publish("sensor.kitchen.temperature", { celsius: 19.5 });
  await rt.publish("sensor.kitchen.temperature", { celsius: 21.5 });
  assert.deepEqual(
    rt.published.map((event) => event.payload),
    [true, false],
  );
  await rt.stop();
});

test("the setpoint is kept", async () => {
  const rt = await start();
  assert.equal(await rt.call("{name}.set", { target: 18 }), 18);
  assert.deepEqual(rt.stored, { target: 18 });
  await assert.rejects(rt.call("{name}.set", { target: "warm" }), {
    code: "invalid_argument",
    message: "/target: expected number, got string",
  });
  await rt.stop();
});

test("it repeats itself every minute", async () => {
  const rt = await start();
  await rt.advance(120_000);
  assert.deepEqual(
    rt.published.map((event) => event.payload),
    [false, false],
  );
  await rt.stop();
});
