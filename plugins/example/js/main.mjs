// The example plugin in JavaScript: one service, one subscription, one stored value.
//
// - Service `NAME.hello` takes a name and answers "Привет, <name>!"; NAME is that under which the plugin is installed.
// - It subscribes to `example.test` and counts what comes.
// - Under `status` it stores that it was started, or stopped.

import { definePlugin } from "./core-runtime.mjs";

export default definePlugin({ version: "1.0.0" }, (rt) => {
  let received = 0;

  rt.service(
    ".hello",
    { description: "Greets whoever it is told.", args: { name: "string" }, examples: ["Мир"] },
    ({ name }) => `Привет, ${name}!`,
  );

  rt.on("example.test", () => {
    received += 1;
    rt.log.debug("received %d", received);
  });

  rt.onStart(() => rt.storage.set("status", { state: "started", message: "Плагин запущен" }));
  rt.onStop(() => rt.storage.set("status", { state: "stopped", message: "Плагин остановлен" }));
});
