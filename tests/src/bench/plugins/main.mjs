import { definePlugin } from "./core-runtime.mjs";

export default definePlugin((rt) => {
  rt.on("bench.event", () => {});
  rt.service(".echo", (value) => value);
});
