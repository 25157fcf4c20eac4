// The conformance plugin in JavaScript; see README.md. The first argument is its window, 1 unless given.

import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

import { definePlugin, PluginError } from "../../plugins/sdk/js/core-runtime.mjs";

export default definePlugin({ window: Number(process.argv[2] ?? 1) }, (rt) => {
  const called = ["load"];
  const seen = [];
  let ticked = 0;

  rt.onStart(() => called.push("start"));
  rt.onStop(async () => {
    called.push("stop");
    await rt.storage.set("hooks", called);
  });
  rt.on(".event.>", ({ topic, payload, seq }) => {
    seen.push({ topic, payload, seq });
    if (payload === "crash") throw new Error("as it was told to");
  });
  rt.every({ ms: 100 }, () => {
    ticked += 1;
  });

  rt.service(".hooks", () => called);
  rt.service(".about", () => ({ name: rt.name, settings: rt.settings, permissions: rt.permissions }));
  rt.service(".echo", async (args) => args);
  rt.service(".long", (size) => "x".repeat(size));
  rt.service(".fail", { args: { code: "string", message: "string" } }, async ({ code, message }) => {
    throw new PluginError(code, message);
  });
  rt.service(".crash", () => {
    throw new RangeError("as it was told to");
  });
  rt.service(".events", () => seen);
  rt.service(".print", { args: { text: "string" } }, ({ text }) => {
    console.log(text);
    spawnSync("echo", [`a child says ${text}`], { stdio: "inherit" });
  });
  rt.service(".log", { args: { level: "string", message: "string" } }, ({ level, message }) => rt.log[level](message));
  rt.service(".call", { args: { service: "string", args: "any?" } }, async ({ service, args }) => {
    try {
      return { reply: await rt.call(service, args) };
    } catch (error) {
      return { error: error.code };
    }
  });
  rt.service(".publish", { args: { topic: "string", payload: "any" } }, ({ topic, payload }) =>
    rt.publish(topic, payload),
  );
  rt.service(".keep", async (value) => {
    await rt.state.set(".kept", value);
    await rt.storage.set("kept", value);
    return [await rt.state.get(".kept"), await rt.storage.get("kept")];
  });
  rt.service(".burst", async (number) => {
    const sent = Array.from({ length: number }, (_, each) => rt.publish(".burst", each));
    return (await Promise.all(sent)).length;
  });
  rt.service(".ticks", () => ticked);
  rt.service(".hang", (_, { signal }) => sleep(3_600_000, null, { signal }));
  rt.service(".slow", async (ms) => {
    await sleep(ms);
    return ms;
  });
});
