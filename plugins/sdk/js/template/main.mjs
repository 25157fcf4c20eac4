// Switches the heating by the temperature.

import { definePlugin } from "./core-runtime.mjs";

export default definePlugin((rt) => {
  let { target } = rt.settings;
  let heating = false;

  rt.onStart(async () => {
    target = (await rt.storage.get("target")) ?? target;
  });

  rt.on("sensor.*.temperature", async (event) => {
    heating = event.payload.celsius < target;
    await rt.publish("heating.switch", heating);
  });

  rt.service(
    ".set",
    {
      description: "Sets the temperature to keep, in degrees Celsius.",
      args: { target: "number" },
      examples: [{ target: 21.5 }],
    },
    async (args) => {
      await rt.storage.set("target", args.target);
      target = args.target;
      return target;
    },
  );

  rt.every({ minutes: 1 }, () => rt.publish("heating.switch", heating));
});
