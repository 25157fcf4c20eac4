// Plugins of Core Runtime in JavaScript: Node 18 or newer, no dependencies, this one file.
//
//     import { definePlugin } from "./core-runtime.mjs";
//
//     export default definePlugin((rt) => {
//       let target = rt.settings.target;
//       rt.on("sensor.*.temperature", (event) => rt.publish("heating.switch", event.payload.celsius < target));
//       rt.service(".set", { args: { target: "number" } }, (args) => (target = args.target));
//     });
//
// It is run by `node core-runtime.mjs main.mjs`: the protocol is kept from whatever main.mjs imports and prints.

import { AsyncLocalStorage } from "node:async_hooks";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { isatty } from "node:tty";
import { fileURLToPath, pathToFileURL } from "node:url";
import { format } from "node:util";

export const VERSION = "1.0.0";
const PROTOCOL = 1;
const MAX_MESSAGE = 160;

// Errors

/** An error with a code (a word of at most 24 bytes) and a message (at most 160 bytes; a longer one is cut). */
export class PluginError extends Error {
  constructor(code, message = "") {
    super(message || code);
    this.name = "PluginError";
    this.code = code;
  }
}

/** The caller's mistake: it is not counted as an error of the plugin. */
export const invalidArgument = (message) => new PluginError("invalid_argument", message);

const cut = (text, limit) => {
  const line = String(text).split(/\s+/).filter(Boolean).join(" ");
  const bytes = Buffer.from(line);
  if (bytes.length <= limit) return line.toWellFormed?.() ?? bytes.toString();
  // The last character may be half there: what stands for it is left out.
  return (
    bytes
      .subarray(0, limit - 3)
      .toString()
      .replace(/\uFFFD+$/, "") + "…"
  );
};

// By its name, since a plugin may have a copy of this file of its own.
const isOwn = (error) => error?.name === "PluginError" && typeof error.code === "string";

const toAnswer = (error) => {
  const own = isOwn(error);
  const name = error?.name ?? "Error";
  const message = own ? error.message : error?.message === undefined ? format(error) : `${name}: ${error.message}`;
  const code = own ? error.code : error?.name === "AbortError" ? "cancelled" : "error";
  return { code: -32000, message: cut(message, MAX_MESSAGE), data: { code: cut(code, 24) } };
};

const fromAnswer = (error) => new PluginError(error?.data?.code ?? "error", error?.message ?? format(error));

// JSON

const LONE = /(?:^|[^\\])(?:\\\\)*\\ud[89a-f]/;

const dump = (value) => {
  let text;
  try {
    text = JSON.stringify(value) ?? "null";
  } catch (error) {
    throw new PluginError("not_json", error.message.split("\n")[0]);
  }
  // JSON.stringify writes half a character as an escape, which the runtime refuses.
  if (text.includes("\\ud") && LONE.test(text)) throw new PluginError("not_json", "a lone surrogate is no character");
  return text;
};

const typeOf = (value) => {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
};

const isType = (type, value) => {
  if (type === "integer") return Number.isInteger(value);
  return typeOf(value) === type;
};

const size = (text) => [...text].length;

// What a value of this type breaks of a schema; `at` is called with a step of the path and what is below it.
const RULES = {
  enum: (allowed, value) => {
    const text = JSON.stringify(value);
    if (allowed.some((each) => JSON.stringify(each) === text)) return null;
    return `expected one of ${allowed.map((each) => JSON.stringify(each)).join(", ")}, got ${text.length > 40 ? typeOf(value) : text}`;
  },
  const: (only, value) => RULES.enum([only], value),
  minimum: (limit, value) =>
    typeof value === "number" && value < limit ? `expected at least ${limit}, got ${value}` : null,
  maximum: (limit, value) =>
    typeof value === "number" && value > limit ? `expected at most ${limit}, got ${value}` : null,
  exclusiveMinimum: (limit, value) =>
    typeof value === "number" && value <= limit ? `expected more than ${limit}, got ${value}` : null,
  exclusiveMaximum: (limit, value) =>
    typeof value === "number" && value >= limit ? `expected less than ${limit}, got ${value}` : null,
  minLength: (limit, value) =>
    typeof value === "string" && size(value) < limit ? `expected at least ${limit} characters` : null,
  maxLength: (limit, value) =>
    typeof value === "string" && size(value) > limit ? `expected at most ${limit} characters` : null,
  pattern: (pattern, value) =>
    typeof value === "string" && !new RegExp(pattern, "u").test(value) ? `expected to match ${pattern}` : null,
  minItems: (limit, value) =>
    Array.isArray(value) && value.length < limit ? `expected at least ${limit} items, got ${value.length}` : null,
  maxItems: (limit, value) =>
    Array.isArray(value) && value.length > limit ? `expected at most ${limit} items, got ${value.length}` : null,
};

/**
 * Checks a value against a JSON Schema (type, enum, const, properties, required, additionalProperties, items, anyOf, and
 * the limits of numbers, strings and arrays; other words are passed over). Returns null, or what is wrong and where, as
 * in "/target: expected number, got string".
 */
export function mismatch(schema, value, at = "") {
  const wrong = (why) => (at ? `${at}: ${why}` : why);
  if (schema === true || schema === undefined) return null;
  if (schema.type !== undefined) {
    const types = [schema.type].flat();
    if (!types.some((type) => isType(type, value)))
      return wrong(`expected ${types.join(" or ")}, got ${typeOf(value)}`);
  }
  for (const word in schema) {
    const why = Object.hasOwn(RULES, word) ? RULES[word](schema[word], value) : null;
    if (why !== null) return wrong(why);
  }
  if (schema.anyOf) {
    const found = schema.anyOf.map((each) => mismatch(each, value, at));
    if (!found.includes(null)) return found.find((each) => each.startsWith(`${at}/`)) ?? found[0];
  }
  if (typeOf(value) === "object") {
    const known = schema.properties ?? {};
    for (const key of schema.required ?? []) {
      if (!Object.hasOwn(value, key)) return `${at}/${step(key)}: is missing: expected ${wanted(known[key])}`;
    }
    for (const key in value) {
      const below = Object.hasOwn(known, key) ? known[key] : schema.additionalProperties;
      if (below === false) {
        return `${at}/${step(key)}: there is no such member; known: ${Object.keys(known).join(", ") || "none"}`;
      }
      const why = mismatch(below, value[key], `${at}/${step(key)}`);
      if (why !== null) return why;
    }
  }
  if (Array.isArray(value) && schema.items) {
    for (let index = 0; index < value.length; index += 1) {
      const why = mismatch(schema.items, value[index], `${at}/${index}`);
      if (why !== null) return why;
    }
  }
  return null;
}

const step = (key) => key.replaceAll("~", "~0").replaceAll("/", "~1");
const wanted = (schema) => {
  if (schema?.enum) return `one of ${schema.enum.map((each) => JSON.stringify(each)).join(", ")}`;
  return schema?.type ? [schema.type].flat().join(" or ") : "a value";
};

// Arguments

const KINDS = ["string", "number", "integer", "boolean", "array", "object", "null"];

// One parameter: "number", "number?" for one that may be left out, ["a", "b"] for one of these, or a JSON Schema, which
// may say `default` or `optional: true`.
const parameter = (service, name, said) => {
  if (Array.isArray(said)) return { schema: { enum: said }, required: true };
  if (typeof said === "string") {
    const type = said.replace(/\?$/, "");
    if (type !== "any" && !KINDS.includes(type)) {
      throw new TypeError(
        `${service}: argument '${name}' is '${said}': use any, ${KINDS.join(", ")}, or a JSON Schema`,
      );
    }
    return { schema: type === "any" ? {} : { type }, required: type === said };
  }
  if (typeOf(said) !== "object")
    throw new TypeError(`${service}: argument '${name}' is ${format(said)}: use a type or a JSON Schema`);
  const { optional = false, ...schema } = said;
  return { schema, required: !optional && !("default" in schema) };
};

const isBoth = (args) =>
  typeOf(args) === "object" &&
  Array.isArray(args.args) &&
  typeOf(args.kwargs) === "object" &&
  Object.keys(args).length === 2;

// The schema of a service's arguments, and the function that makes one object of whatever came: by name, by position
// (an object of exactly `args` and `kwargs`), one value for the first parameter, or null for none.
function signature(service, said) {
  const names = Object.keys(said);
  const all = names.map((name) => parameter(service, name, said[name]));
  const required = names.filter((name, index) => all[index].required);
  const properties = Object.fromEntries(names.map((name, index) => [name, all[index].schema]));
  const object = { properties, required, additionalProperties: false };
  const types = ["object"];
  const first = all[0]?.schema;
  // One value alone is the first parameter, where no other is required and it cannot be taken for the object of all.
  const alone =
    names.length > 0 &&
    required.every((name) => name === names[0]) &&
    first.type !== "object" &&
    Object.keys(first).length > 0;
  const plain =
    alone &&
    first.type !== undefined &&
    Object.keys(first).every((word) => ["type", "items", "description", "default"].includes(word));
  if (plain) {
    types.push(...[first.type].flat());
    if (first.items) object.items = first.items;
  }
  if (required.length === 0 && !types.includes("null")) types.push("null");
  let schema = { type: types.length > 1 ? types : "object", ...object };
  if (alone && !plain) schema = { anyOf: [schema, first] };
  const whole = { type: "object", ...object, items: undefined };
  const defaults = names.filter((name, index) => "default" in all[index].schema);
  const bind = (args) => {
    let given = args ?? {};
    if (isBoth(args)) {
      given = { ...args.kwargs };
      if (args.args.length > names.length)
        throw invalidArgument(`expected at most ${names.length} arguments, got ${args.args.length}`);
      for (const [index, value] of args.args.entries()) {
        if (Object.hasOwn(given, names[index]))
          throw invalidArgument(`/${step(names[index])}: is given twice, by position and by name`);
        given[names[index]] = value;
      }
    } else if (typeOf(given) !== "object") {
      if (!names.length) throw invalidArgument(`expected no arguments, got ${typeOf(args)}`);
      given = { [names[0]]: args };
    }
    const why = mismatch(whole, given);
    if (why !== null) throw invalidArgument(why);
    for (const name of defaults) {
      if (!Object.hasOwn(given, name)) given = { ...given, [name]: structuredClone(properties[name].default) };
    }
    return given;
  };
  return { schema, bind };
}

// A service without named arguments gets the value itself.
const bare = (args) =>
  isBoth(args) && args.args.length <= 1 && !Object.keys(args.kwargs).length ? (args.args[0] ?? null) : args;

// Filters

const matches = (filter, topic) => {
  const [wantedTokens, given] = [filter.split("."), topic.split(".")];
  if (wantedTokens.at(-1) === ">") {
    wantedTokens.pop();
    if (given.length <= wantedTokens.length) return false;
  } else if (given.length !== wantedTokens.length) return false;
  return wantedTokens.every((token, index) => token === "*" || token === given[index]);
};

// Lines

const CALLING = new AsyncLocalStorage();

/**
 * One side of the protocol: our requests and their answers, and the other side's messages for `methods`. It knows no
 * descriptors: lines come by feed() and go by send(), so that a test runs the same code in memory.
 */
export class Peer {
  constructor(send, methods, report, broken) {
    this.send = send;
    this.methods = methods;
    this.report = report;
    this.broken = broken;
    this.window = 1;
    this.inFlight = 64;
    this.maxLine = 1 << 20;
    this.nextId = 0;
    this.pending = new Map();
    this.held = [];
    this.sent = 0;
    this.handling = new Map();
    this.waiting = [];
  }

  /** Takes one line, without its line feed. */
  feed(line) {
    let message;
    try {
      message = JSON.parse(line);
      if (typeOf(message) !== "object") throw new SyntaxError("not an object");
    } catch (error) {
      this.broken(`a line of the runtime is no message (${error.message}): ${line.slice(0, 80)}`);
      return;
    }
    const { id, method } = message;
    if (method === undefined) this.answered(message);
    else if (id === undefined) {
      if (method === "cancel") this.cancel(message.params?.id);
    } else if (!Object.hasOwn(this.methods, method)) {
      this.fail(id, { code: -32601, message: cut(`no such method: ${method}`, MAX_MESSAGE) });
    } else if (this.handling.size < this.window) this.handle(id, method, message.params ?? {});
    else this.waiting.push(message);
  }

  // A handler that returns no promise is answered before this returns.
  handle(id, method, params) {
    const call = { id, controller: null };
    this.handling.set(id, call);
    let result;
    try {
      result = this.methods[method](params, call);
    } catch (error) {
      this.failed(id, error);
      return;
    }
    if (typeof result?.then === "function") {
      result.then(
        (value) => this.done(id, value),
        (error) => this.failed(id, error),
      );
    } else this.done(id, result);
  }

  done(id, result) {
    let line;
    try {
      line = `{"jsonrpc":"2.0","id":${typeof id === "number" ? id : JSON.stringify(id)},"result":${dump(result)}}\n`;
      this.check(line, "the answer");
    } catch (error) {
      this.failed(id, error);
      return;
    }
    this.finish(id);
    this.send(line);
    this.next();
  }

  failed(id, error) {
    this.report(error);
    this.finish(id);
    this.fail(id, toAnswer(error));
    this.next();
  }

  fail(id, error) {
    this.send(`${JSON.stringify({ jsonrpc: "2.0", id, error })}\n`);
  }

  finish(id) {
    this.handling.delete(id);
  }

  next() {
    while (this.waiting.length && this.handling.size < this.window) {
      const { id, method, params } = this.waiting.shift();
      this.handle(id, method, params ?? {});
    }
  }

  cancel(id) {
    const call = this.handling.get(id);
    if (call) {
      call.cancelled = true;
      call.controller?.abort(new PluginError("cancelled", "nobody waits for the answer any more"));
    }
    const index = this.waiting.findIndex((message) => message.id === id);
    if (index >= 0) {
      this.waiting.splice(index, 1);
      this.fail(id, toAnswer(new PluginError("cancelled", "cancelled before it was begun")));
    }
  }

  // Most lines are far too short to be worth counting bytes.
  check(line, what) {
    if (line.length * 3 > this.maxLine && Buffer.byteLength(line) > this.maxLine) {
      throw new PluginError(
        "too_large",
        `${what} has ${Buffer.byteLength(line)} bytes, a line at most ${this.maxLine}`,
      );
    }
  }

  notify(method, params) {
    this.send(`${JSON.stringify({ jsonrpc: "2.0", method, params })}\n`);
  }

  /** Asks at once; the promise of the answer, passed through `convert`. Aborting `signal` withdraws it. */
  request(method, params, convert, signal) {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      this.nextId += 1;
      const id = this.nextId;
      const line = `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${dump(params)}}\n`;
      this.check(line, method);
      const abort = () => {
        reject(signal.reason);
        this.withdraw(id);
      };
      signal?.addEventListener("abort", abort, { once: true });
      const settle = (how) => (value) => {
        signal?.removeEventListener("abort", abort);
        how(value);
      };
      this.pending.set(id, { resolve: settle(resolve), reject: settle(reject), convert });
      if (this.sent < this.inFlight) {
        this.sent += 1;
        this.send(line);
        // The runtime would read nothing more, not even our answers.
      } else this.held.push({ id, line });
    });
  }

  withdraw(id) {
    const index = this.held.findIndex((each) => each.id === id);
    if (index >= 0) {
      this.held.splice(index, 1);
      this.pending.delete(id);
    } else if (this.pending.has(id)) this.notify("cancel", { id });
  }

  answered({ id, result, error }) {
    const asked = this.pending.get(id);
    if (!asked) {
      this.broken(`an answer to a question that nobody asked: id ${JSON.stringify(id)}`);
      return;
    }
    this.pending.delete(id);
    this.sent -= 1;
    while (this.held.length && this.sent < this.inFlight) {
      this.sent += 1;
      this.send(this.held.shift().line);
    }
    if (error !== undefined) asked.reject(fromAnswer(error));
    else {
      try {
        asked.resolve(asked.convert ? asked.convert(result) : result);
      } catch (wrong) {
        asked.reject(new PluginError("error", `an answer of another shape: ${wrong.message}`));
      }
    }
  }
}

// State and storage

async function pages(rt, method, params) {
  const keys = [];
  for (;;) {
    const answer = await rt.request(method, { ...params, limit: 1000 });
    keys.push(...answer.keys);
    if (!answer.more) return keys;
    params = { ...params, after: answer.keys.at(-1) };
  }
}

class State {
  #rt;
  constructor(rt) {
    this.#rt = rt;
  }
  #key(key) {
    return { key: this.#rt.fullName(key) };
  }
  get(key) {
    return this.#rt.request("state.get", this.#key(key), (found) => found?.value);
  }
  getVersioned(key) {
    return this.#rt.request("state.get", this.#key(key), (found) => found ?? undefined);
  }
  has(key) {
    return this.#rt.request("state.get", this.#key(key), (found) => found !== null);
  }
  set(key, value, { ttlMs, version } = {}) {
    const params = { ...this.#key(key), value: value ?? null, ttl_ms: ttlMs, version };
    return this.#rt.request("state.set", params, (answer) => answer.version);
  }
  update(values) {
    const full = Object.fromEntries(
      Object.entries(values).map(([key, value]) => [this.#rt.fullName(key), value ?? null]),
    );
    return this.#rt.request("state.update", { values: full });
  }
  delete(key, { version } = {}) {
    return this.#rt.request("state.delete", { ...this.#key(key), version });
  }
  keys(prefix = "") {
    return pages(this.#rt, "state.keys", { prefix: this.#rt.fullName(prefix) });
  }
  clear() {
    return this.#rt.request("state.clear", {}, (answer) => answer.deleted);
  }
}

class Storage {
  #rt;
  #where;
  constructor(rt, namespace) {
    this.#rt = rt;
    this.#where = { namespace };
  }
  namespace(name) {
    return new Storage(this.#rt, name);
  }
  get(key) {
    return this.#rt.request("storage.get", { key, ...this.#where }, (value) => value ?? undefined);
  }
  set(key, value) {
    return this.#rt.request("storage.set", { key, value: value ?? null, ...this.#where });
  }
  delete(key) {
    return this.#rt.request("storage.delete", { key, ...this.#where });
  }
  keys() {
    return pages(this.#rt, "storage.keys", this.#where);
  }
  clear() {
    return this.#rt.request("storage.clear", { ...this.#where }, (answer) => answer.deleted);
  }
  batch(operations) {
    return this.#rt.request("storage.batch", { operations, ...this.#where });
  }
}

// The plugin

const LEVELS = ["error", "warn", "info", "debug", "trace"];
const MAX_RECORD = 8000;
const DEFINED = Symbol.for("core-runtime.defined");

/**
 * A plugin. `setup(rt)` runs when the plugin is loaded; what it declares is registered when it is done. Options: `window`
 * (how many messages are handled at a time, 1 to 64; 1 unless given) and `version` (must be that of plugin.toml).
 */
export function definePlugin(options, setup) {
  if (typeof options === "function") [options, setup] = [{}, options];
  if (typeof setup !== "function")
    throw new TypeError("definePlugin takes a function, as in definePlugin((rt) => { ... })");
  const { window = 1, version } = options;
  if (!Number.isInteger(window) || window < 1 || window > 64)
    throw new RangeError(`window must be 1 to 64, not ${format(window)}`);
  return { [DEFINED]: true, setup, window, version };
}

const period = (service, { minutes = 0, seconds = 0, ms = 0 } = {}) => {
  const whole = Math.round(minutes * 60_000 + seconds * 1000 + ms);
  if (!(whole >= 1)) throw new RangeError(`${service} takes a time of at least a millisecond, as in { seconds: 5 }`);
  return whole;
};

const divisor = (a, b) => (b ? divisor(b, a % b) : a);

/** What a plugin has of the runtime. A name that begins with a dot is below the plugin's own name. */
class Runtime {
  #session;
  constructor(session, params) {
    this.#session = session;
    this.name = params.plugin.name;
    this.folder = params.plugin.folder ?? "";
    this.data = params.plugin.data ?? "";
    this.settings = params.settings ?? {};
    this.permissions = params.permissions ?? {};
    this.state = new State(this);
    this.storage = new Storage(this);
    this.log = Object.fromEntries(LEVELS.map((level) => [level, (...words) => session.log(level, format(...words))]));
  }
  fullName(name) {
    return name.startsWith(".") ? this.name + name : name;
  }
  request(method, params, convert, signal) {
    return this.#session.peer.request(method, params, convert, signal);
  }
  publish(topic, payload = null, { waitMs } = {}) {
    return this.request(
      "publish",
      { topic: this.fullName(topic), payload, wait_ms: waitMs },
      (answer) => answer.receivers,
    );
  }
  call(service, args = null, { timeoutMs, signal } = {}) {
    const parent = this.#session.overlaps ? CALLING.getStore() : undefined;
    return this.request("call", { service: this.fullName(service), args, timeout_ms: timeoutMs, parent }, null, signal);
  }
  hasService(service) {
    return this.request("has_service", { service: this.fullName(service) });
  }
  services() {
    return this.request("services", {});
  }
  on(filter, handler) {
    return this.#session.subscribe(this.fullName(filter), handler);
  }
  off(filter) {
    return this.#session.unsubscribe(this.fullName(filter));
  }
  service(name, about, handler) {
    if (typeof about === "function") [about, handler] = [{}, about];
    return this.#session.register(this.fullName(name), about, handler);
  }
  unregister(name) {
    return this.#session.unregister(this.fullName(name));
  }
  every(time, handler) {
    return this.#session.every(period("every()", time), handler);
  }
  onStart(handler) {
    this.#session.hooks.start.push(handler);
  }
  onStop(handler) {
    this.#session.hooks.stop.push(handler);
  }
  onUnload(handler) {
    this.#session.hooks.unload.push(handler);
  }
}

/** One life of a plugin: what each message of the runtime means to it. */
export class Session {
  constructor(definition, send, { clock = () => performance.now(), reported = () => {} } = {}) {
    this.definition = definition;
    this.clock = clock;
    this.rt = null;
    this.overlaps = false;
    this.hooks = { start: [], stop: [], unload: [] };
    this.handlers = new Map();
    this.byTopic = new Map();
    this.functions = new Map();
    this.ticks = [];
    this.declared = [];
    this.loading = false;
    this.interval = 0;
    const methods = {
      initialize: (params) => this.initialize(params),
      load: () => this.load(),
      start: () => this.start(),
      stop: () => this.run("stop"),
      unload: () => this.run("unload"),
      event: (params) => this.event(params),
      call: (params, call) => this.call(params, call),
      tick: () => this.tick(),
    };
    const report = (error) => {
      reported(error);
      if (!isOwn(error)) this.log("error", `a handler failed: ${error?.stack ?? format(error)}`);
    };
    this.peer = new Peer(send, methods, report, (why) => this.log("error", why));
  }

  log(level, text) {
    const message = text.length > MAX_RECORD ? `${text.slice(0, MAX_RECORD)} …` : text;
    this.peer.notify("log", { level, message: message.toWellFormed?.() ?? Buffer.from(message).toString() });
  }

  initialize(params) {
    if (this.rt) throw new PluginError("protocol_error", "initialize came a second time");
    if (!this.definition?.[DEFINED]) {
      throw new PluginError(
        "error",
        "the module has no plugin: it must `export default definePlugin((rt) => { ... })`",
      );
    }
    const { window, version } = this.definition;
    const { limits = {} } = params;
    this.rt = new Runtime(this, params);
    this.peer.window = window;
    this.peer.maxLine = limits.max_line ?? this.peer.maxLine;
    // At the limit itself the runtime reads nothing more, not even answers.
    this.peer.inFlight = Math.max(1, (limits.in_flight ?? this.peer.inFlight) - 1);
    this.overlaps = window > 1;
    return { protocol: PROTOCOL, sdk: `core-runtime-js ${VERSION}`, window, version };
  }

  async load() {
    if (!this.rt) throw new PluginError("protocol_error", "initialize has not come yet, or failed");
    this.loading = true;
    await this.definition.setup(this.rt);
    this.loading = false;
    await Promise.all(this.declared);
  }

  async start() {
    await this.run("start");
    await this.setInterval();
  }

  async run(hook) {
    for (const handler of this.hooks[hook]) await handler();
  }

  event(event) {
    const { topic } = event;
    let handlers = this.byTopic.get(topic);
    if (!handlers) {
      handlers = [...this.handlers].filter(([filter]) => matches(filter, topic)).flatMap(([, each]) => each);
      if (this.byTopic.size >= 4096) this.byTopic.clear();
      this.byTopic.set(topic, handlers);
    }
    return this.each(handlers, event);
  }

  // One after another; the first error is thrown when each had its turn. What they return is nobody's business.
  each(handlers, ...args) {
    if (handlers.length === 1) {
      const result = handlers[0](...args);
      return typeof result?.then === "function" ? result.then(() => null) : null;
    }
    return handlers.length ? this.oneByOne(handlers, args) : null;
  }

  async oneByOne(handlers, args) {
    const errors = [];
    for (const handler of handlers) {
      try {
        await handler(...args);
      } catch (error) {
        errors.push(error);
      }
    }
    for (const error of errors.slice(1)) this.peer.report(error);
    if (errors.length) throw errors[0];
    return null;
  }

  call({ service, args = null, caller }, call) {
    const found = this.functions.get(service);
    if (!found) throw new PluginError("not_found", `this plugin has no service ${service}`);
    const given = found.bind(args);
    const context = new Call(caller, call);
    return this.overlaps ? CALLING.run(call.id, found.handler, given, context) : found.handler(given, context);
  }

  tick() {
    if (this.ticks.length === 1) return this.each([this.ticks[0].handler]);
    const now = this.clock();
    // The runtime's clock and ours do not agree to the millisecond.
    const due = this.ticks.filter((tick) => tick.due <= now + this.interval / 2);
    for (const tick of due) tick.due = tick.due + tick.ms > now ? tick.due + tick.ms : now + tick.ms;
    return this.each(due.map((tick) => tick.handler));
  }

  // While setup() runs, what it declares is waited for by load(), also where setup() does not.
  declare(request) {
    if (this.loading) {
      this.declared.push(request);
      request.catch(() => {});
    }
    return request;
  }

  subscribe(filter, handler) {
    if (typeof handler !== "function") throw new TypeError(`on("${filter}") takes a function of the event`);
    this.byTopic.clear();
    this.handlers.set(filter, [...(this.handlers.get(filter) ?? []), handler]);
    return this.declare(this.peer.request("subscribe", { filter }));
  }

  unsubscribe(filter) {
    this.byTopic.clear();
    this.handlers.delete(filter);
    return this.peer.request("unsubscribe", { filter });
  }

  register(service, about, handler) {
    if (typeof handler !== "function") throw new TypeError(`service("${service}") takes a function of the arguments`);
    const { args, schema, description, version, deprecated, reads, returns, examples } = about;
    let bind = bare;
    let said = schema;
    if (args !== undefined) ({ bind, schema: said } = signature(service, args));
    else if (schema !== undefined) {
      bind = (given) => {
        const value = bare(given);
        const why = mismatch(schema, value);
        if (why !== null) throw invalidArgument(why);
        return value;
      };
    }
    this.functions.set(service, { bind, handler });
    const params = {
      service,
      description,
      version,
      deprecated: deprecated || undefined,
      reads: reads || undefined,
      schema: said,
      returns,
      examples,
    };
    return this.declare(this.peer.request("register", params));
  }

  unregister(service) {
    this.functions.delete(service);
    return this.peer.request("unregister", { service });
  }

  every(ms, handler) {
    if (typeof handler !== "function") throw new TypeError("every() takes a function");
    this.ticks.push({ ms, handler, due: this.clock() + ms });
    if (this.interval) return this.setInterval();
  }

  async setInterval() {
    if (!this.ticks.length) return;
    const now = this.clock();
    if (!this.interval) for (const tick of this.ticks) tick.due = now + tick.ms;
    this.interval = this.ticks.map((tick) => tick.ms).reduce(divisor);
    await this.rt.request("interval", { ms: this.interval });
  }
}

/** What a service knows of a call: who called, and a signal that is aborted when nobody waits any more. */
class Call {
  #call;
  constructor(caller, call) {
    this.caller = caller;
    this.#call = call;
  }
  get signal() {
    const call = this.#call;
    if (!call.controller) {
      call.controller = new AbortController();
      if (call.cancelled) call.controller.abort(new PluginError("cancelled", "nobody waits for the answer any more"));
    }
    return call.controller.signal;
  }
}

// The process

// Node cannot duplicate a descriptor, but a pipe can be opened once more, and a closed number is given out again.
function takeDescriptors() {
  const { O_RDONLY, O_WRONLY, O_NONBLOCK, O_APPEND } = fs.constants;
  const folder = fs.existsSync("/proc/self/fd") ? "/proc/self/fd" : "/dev/fd";
  const toStderr = (...words) => process.stderr.write(...words);
  let reading;
  let writing;
  try {
    reading = fs.openSync(`${folder}/0`, O_RDONLY | O_NONBLOCK);
    writing = fs.openSync(`${folder}/1`, O_WRONLY | O_NONBLOCK);
  } catch {
    // A socket, or a system that hides its descriptors: children that inherit standard output can write to it.
    process.stdout.write = toStderr;
    return { reading: 0, writing: 1 };
  }
  fs.closeSync(0);
  fs.openSync("/dev/null", O_RDONLY);
  fs.closeSync(1);
  try {
    fs.openSync(`${folder}/2`, O_WRONLY | O_APPEND);
  } catch {
    // What a child prints is lost then, and the protocol is whole.
    fs.openSync("/dev/null", O_WRONLY);
    process.stdout.write = toStderr;
  }
  return { reading, writing };
}

// Writes at once where the pipe takes it; what it does not take waits, and the event loop goes on.
function writer(descriptor) {
  let left = null;
  const more = () => {
    try {
      left = left.subarray(fs.writeSync(descriptor, left));
    } catch (error) {
      // Where nobody reads any more, the end of standard input follows.
      if (error.code !== "EAGAIN") left = left.subarray(left.length);
    }
    if (left.length) setTimeout(more, 1);
    else left = null;
  };
  return (line) => {
    if (left) {
      left = Buffer.concat([left, Buffer.from(line)]);
      return;
    }
    try {
      const bytes = Buffer.from(line);
      const written = fs.writeSync(descriptor, bytes);
      if (written < bytes.length) left = bytes.subarray(written);
    } catch (error) {
      if (error.code === "EAGAIN") left = Buffer.from(line);
    }
    if (left) setTimeout(more, 1);
  };
}

const NEWLINE = 10;

// Cuts what comes into lines: most often one whole line at a time.
function reader(descriptor, feed, ended) {
  let begun = null;
  const take = (bytes) => {
    const end = bytes.lastIndexOf(NEWLINE);
    const whole = end < 0 ? null : bytes.subarray(0, end);
    const rest = bytes.subarray(end + 1);
    if (whole) {
      const text = (begun ? Buffer.concat([...begun, whole]) : whole).toString();
      begun = null;
      if (text.includes("\n")) text.split("\n").forEach(feed);
      else feed(text);
    }
    // The buffer is used again.
    if (rest.length) (begun ??= []).push(Buffer.from(rest));
  };
  const buffer = Buffer.allocUnsafe(65536);
  const onread = { buffer, callback: (length) => (take(buffer.subarray(0, length)), true) };
  const socket = new net.Socket({ fd: descriptor, readable: true, writable: false, onread });
  socket.on("end", ended);
  socket.on("error", ended);
  socket.resume();
}

// What is printed goes to the log, at the level that it was printed with.
function logConsole() {
  const levels = { error: "ERROR", warn: "WARN", debug: "DEBUG", trace: "TRACE" };
  for (const [method, level] of Object.entries(levels)) {
    console[method] = (...words) => {
      const text = method === "trace" ? new Error(format(...words)).stack.replace(/^Error/, "Trace") : format(...words);
      process.stderr.write(text.replace(/^/gm, `${level} `) + "\n");
    };
  }
}

/** Runs a plugin as this process, until its standard input ends. `find` gives the definition, or a promise of it. */
export async function run(find) {
  if (isatty(0)) {
    console.error(
      "This is a plugin: the runtime starts it and speaks with it. Try it by 'core-runtime plugin dev FOLDER'.",
    );
    process.exit(2);
  }
  const { reading, writing } = takeDescriptors();
  logConsole();
  // Whatever is not awaited and fails is logged, and the plugin goes on.
  process.on("unhandledRejection", (error) =>
    console.error(`nobody awaited it, and it failed: ${error?.stack ?? format(error)}`),
  );
  let definition;
  let failure;
  try {
    definition = await (typeof find === "function" && !find[DEFINED] ? find() : find);
  } catch (error) {
    failure = error;
  }
  const session = new Session(definition, writer(writing));
  if (failure) {
    // The runtime hears of it as the answer to its first question.
    session.peer.methods.initialize = () => {
      throw failure;
    };
  }
  reader(
    reading,
    (line) => session.peer.feed(line),
    () => process.reallyExit(0),
  );
}

const isMain = () => {
  try {
    return process.argv[1] !== undefined && fs.realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
  } catch {
    return false;
  }
};

if (isMain()) {
  const file = process.argv[2];
  if (!file) {
    console.error("usage: node core-runtime.mjs main.mjs");
    process.exit(2);
  }
  // The plugin's module finds this one as the argument that it would have had.
  process.argv.splice(1, 1);
  // Not awaited: the plugin's module imports this one, which must be done by then.
  run(async () => (await import(pathToFileURL(path.resolve(file)).href)).default);
}
