// Compiled, never run: what the declarations let through, and what they do not.

import { definePlugin, invalidArgument, PluginError } from "../core-runtime.mjs";
import { testPlugin } from "../testing.mjs";

interface Settings {
  target: number;
}

export default definePlugin<Settings>({ window: 2 }, (rt) => {
  let target: number = rt.settings.target;
  // @ts-expect-error: no such setting
  rt.settings.goal;
  rt.on<{ celsius: number }>("sensor.*.temperature", (event) => rt.publish("x", event.payload.celsius < target));
  rt.service(".set", { args: { target: "number", room: "string?", mode: ["heat", "off"] } }, (args, call) => {
    target = args.target;
    const room: string | undefined = args.room;
    const mode: "heat" | "off" = args.mode;
    // @ts-expect-error: a number
    const wrong: string = args.target;
    if (call.signal.aborted) throw new PluginError("late", `${room} ${mode} ${wrong}`);
    throw invalidArgument("/target: too hot");
  });
  rt.service(".raw", (args) => args);
  // @ts-expect-error: no such type
  rt.service(".bad", { args: { target: "double" } }, () => null);
  rt.every({ seconds: 5 }, () => rt.log.info("tick"));
});

export async function trial(plugin: ReturnType<typeof definePlugin>): Promise<void> {
  const rt = await testPlugin(plugin, { settings: { target: 21 } });
  const reply: number = await rt.call(".set", { target: 18 });
  await rt.advance(reply);
}
