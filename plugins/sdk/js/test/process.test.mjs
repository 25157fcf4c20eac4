// A plugin as a process: its descriptors, its children, its log, and when it leaves.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const SDK = fileURLToPath(new URL("../core-runtime.mjs", import.meta.url));
const INITIALIZE = {
  protocol: 1,
  plugin: { name: "trial", version: "1.0.0" },
  settings: {},
  permissions: {},
  limits: {},
};

// Starts a plugin, whose module is `source`, and a runtime that answers whatever it asks with null.
async function start(t, source, { live = true, pipes = true } = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "core-runtime-"));
  fs.writeFileSync(path.join(folder, "main.mjs"), `import { definePlugin } from ${JSON.stringify(SDK)};\n${source}`);
  // Node connects children by sockets; the runtime does it by pipes, as the shell.
  const pipeline = 'cat | ("$0" "$1" main.mjs 2>&1 1>&3 3>&- | cat 1>&2) 3>&1 | cat';
  const piped = ["sh", ["-c", pipeline, process.execPath, SDK]];
  const [command, words] = pipes ? piped : [process.execPath, [SDK, "main.mjs"]];
  const child = spawn(command, words, { cwd: folder, env: { PATH: process.env.PATH } });
  t.after(() => {
    child.kill("SIGKILL");
    for (const stream of child.stdio) stream.destroy();
    fs.rmSync(folder, { recursive: true });
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (log += text));
  child.stdin.on("error", () => {});
  const exited = new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal })));
  const messages = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const asked = [];
  let id = 0;
  const send = (message) => child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  const next = async () => {
    const { value, done } = await messages.next();
    assert.ok(!done, `standard output ended; the log: ${log}`);
    return JSON.parse(value);
  };
  const ask = async (method, params = {}) => {
    id += 1;
    send({ id, method, params });
    for (;;) {
      const message = await next();
      if (message.method === undefined) {
        assert.equal(message.id, id);
        if (message.error) throw Object.assign(new Error(message.error.message), { code: message.error.data?.code });
        return message.result;
      }
      asked.push(message);
      if (message.id !== undefined) send({ id: message.id, result: null });
    }
  };
  const end = async () => {
    const began = Date.now();
    child.stdin.end();
    const how = await exited;
    return { ...how, ms: Date.now() - began };
  };
  if (live) {
    await ask("initialize", INITIALIZE);
    await ask("load");
    await ask("start");
  }
  return { child, send, next, ask, end, exited, asked, log: () => log };
}

test("whatever prints prints to the log", async (t) => {
  const plugin = await start(
    t,
    `import { spawnSync } from "node:child_process";
     import fs from "node:fs";
     console.log("while importing");
     export default definePlugin((rt) => {
       rt.service(".go", () => {
         console.log("printed Привет");
         console.error("bad\\nworse");
         console.warn("careful");
         process.stdout.write("written\\n");
         fs.writeSync(1, "by descriptor\\n");
         spawnSync("sh", ["-c", "echo from a child; cat"], { stdio: "inherit" });
         rt.log.info("logged %d", 5);
         Promise.reject(new Error("unawaited"));
         return fs.readlinkSync("/proc/self/fd/1") === fs.readlinkSync("/proc/self/fd/2");
       });
     });`,
  );
  assert.equal(await plugin.ask("call", { service: "trial.go" }), true);
  assert.deepEqual(plugin.asked.at(-1).params, { level: "info", message: "logged 5" });
  const { code, ms } = await plugin.end();
  assert.equal(code, 0);
  assert.ok(ms < 1000, `${ms} ms`);
  for (const text of [
    "while importing",
    "printed Привет",
    "ERROR bad\nERROR worse",
    "WARN careful",
    "written",
    "by descriptor",
    "from a child",
    "ERROR nobody awaited it, and it failed: Error: unawaited",
  ]) {
    assert.ok(`\n${plugin.log()}`.includes(`\n${text}`), `${text} in ${plugin.log()}`);
  }
});

test("no child has the protocol", async (t) => {
  const plugin = await start(
    t,
    `import { execFileSync } from "node:child_process";
     import fs from "node:fs";
     const link = (each) => fs.readlinkSync("/proc/self/fd/" + each);
     export default definePlugin((rt) => {
       rt.service(".go", () => {
         const mine = fs.readdirSync("/proc/self/fd").flatMap((each) => { try { return [[Number(each), link(each)]]; } catch { return []; } });
         const child = execFileSync("sh", ["-c", "ls -l /proc/self/fd"], { stdio: ["inherit", "pipe", "inherit"], encoding: "utf8" });
         return { pipes: mine.filter(([, to]) => to.startsWith("pipe:") && to !== link(2)), child, zero: link(0) };
       });
     });`,
  );
  const { pipes, child, zero } = await plugin.ask("call", { service: "trial.go" });
  // All but the log: the two ends of the protocol, and what else Node has.
  assert.ok(pipes.length >= 2);
  assert.equal(zero, "/dev/null");
  // Whoever ran the tests may have left some open.
  const inherited = fs.readdirSync("/proc/self/fd").flatMap((each) => {
    try {
      return [fs.readlinkSync(`/proc/self/fd/${each}`)];
    } catch {
      return [];
    }
  });
  for (const [descriptor, pipe] of pipes.filter(([, pipe]) => !inherited.includes(pipe)))
    assert.ok(!child.includes(pipe), `the child has ${descriptor}, ${pipe}: ${child}`);
});

test("what came before the end is answered, and then it leaves", async (t) => {
  const plugin = await start(t, "export default definePlugin(() => { setInterval(() => {}, 1000); });", {
    live: false,
  });
  plugin.send({ id: 1, method: "initialize", params: INITIALIZE });
  plugin.send({ id: 2, method: "load", params: {} });
  assert.equal((await plugin.next()).id, 1);
  assert.equal((await plugin.next()).id, 2);
  const { code, ms } = await plugin.end();
  assert.equal(code, 0);
  assert.ok(ms < 1000, `${ms} ms`);
});

test("it leaves though a thread of it hangs", async (t) => {
  const plugin = await start(
    t,
    `import { Worker } from "node:worker_threads";
     export default definePlugin((rt) => {
       rt.service(".go", () => new Promise((resolve) => new Worker("for (;;);", { eval: true }).on("online", () => resolve(1))));
     });`,
  );
  assert.equal(await plugin.ask("call", { service: "trial.go" }), 1);
  assert.ok((await plugin.end()).ms < 1000);
});

test("a module that fails is told as the answer to initialize", async (t) => {
  for (const [source, pattern] of [
    ["throw new TypeError('no bridge');", /TypeError: no bridge/],
    ["import 'not-installed';", /Cannot find package 'not-installed'/],
    ["export const x = 1;", /the module has no plugin/],
  ]) {
    const plugin = await start(t, source, { live: false });
    await assert.rejects(plugin.ask("initialize", INITIALIZE), pattern);
    assert.ok((await plugin.end()).ms < 1000);
  }
});

test("lines in pieces, several at once, and long ones", async (t) => {
  const plugin = await start(t, "export default definePlugin((rt) => { rt.service('.echo', (args) => args); });");
  const line = (id, args) =>
    `${JSON.stringify({ jsonrpc: "2.0", id, method: "call", params: { service: "trial.echo", args } })}\n`;
  const bytes = Buffer.from(line(50, "Привет 😀\u2028"));
  for (let at = 0; at < bytes.length; at += 7) {
    plugin.child.stdin.write(bytes.subarray(at, at + 7));
    await sleep(1);
  }
  assert.equal((await plugin.next()).result, "Привет 😀\u2028");
  plugin.child.stdin.write([51, 52, 53].map((id) => line(id, id)).join(""));
  for (const id of [51, 52, 53]) assert.equal((await plugin.next()).result, id);
  const long = "я".repeat(300_000);
  plugin.child.stdin.write(line(54, long));
  await sleep(100);
  assert.equal((await plugin.next()).result, long);
  plugin.child.stdin.write(line(55, "after"));
  assert.equal((await plugin.next()).result, "after");
});

test("without pipes, what the plugin itself prints is still kept from the protocol", async (t) => {
  const source =
    "export default definePlugin((rt) => { rt.service('.go', () => (process.stdout.write('written\\n'), console.log('printed'))); });";
  const plugin = await start(t, source, { pipes: false });
  assert.equal(await plugin.ask("call", { service: "trial.go" }), null);
  const { code, ms } = await plugin.end();
  assert.equal(code, 0);
  assert.ok(ms < 1000, `${ms} ms`);
  assert.equal(plugin.log(), "written\nprinted\n");
});

test("SIGTERM ends it", async (t) => {
  const plugin = await start(t, "export default definePlugin(() => {});", { pipes: false });
  plugin.child.kill("SIGTERM");
  assert.equal((await plugin.exited).signal, "SIGTERM");
});
