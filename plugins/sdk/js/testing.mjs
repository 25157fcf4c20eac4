// A test kit, for node:test or anything that runs a promise.
//
//     const rt = await testPlugin(thermostat, { settings: { target: 21 } });
//     await rt.publish("sensor.kitchen.temperature", { celsius: 19 });
//     assert.equal(rt.published.at(-1).topic, "heating.switch");
//     assert.equal(await rt.call("thermostat.set", { target: 18 }), 18);
//     await rt.stop();
//
// The plugin runs as it is, over the same lines of JSON; the runtime is a small one in memory, with simulated time.

import { PluginError, Session } from "./core-runtime.mjs";

const PERMISSIONS = ["publish", "subscribe", "call", "register", "state", "storage"];

const matches = (filter, topic) => {
  const pattern = filter
    .split(".")
    .map((token) => (token === "*" ? "[^.]+" : token === ">" ? ".+" : token.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
  return new RegExp(`^${pattern.join("\\.")}$`, "u").test(topic);
};

const page = (keys, { limit = 1000, after = "" }) => {
  const rest = keys.filter((key) => key > after).sort();
  return { keys: rest.slice(0, limit), more: rest.length > limit };
};

/** Loads and starts a plugin in a runtime in memory; `stop()` ends it. Throws the plugin's error where it fails. */
export async function testPlugin(plugin, options = {}) {
  const runtime = new TestRuntime(plugin, options);
  await runtime.begin();
  return runtime;
}

class TestRuntime {
  #session;
  #queue = [];
  #asked = new Map();
  #events = [];
  #nextId = 0;
  #seq = 0;
  #versions = 0;
  #window = 1;
  #now = 1_000_000;
  #interval = 0;
  #nextTick = Infinity;
  #entries = new Map();
  #granted;
  #settings;
  #ended = false;

  constructor(plugin, { name = "plugin", settings = {}, permissions, stored = {}, state = {}, services = {} } = {}) {
    this.name = name;
    this.published = [];
    this.errors = [];
    this.logs = [];
    this.storage = { [name]: structuredClone(stored) };
    this.services = {};
    this.subscriptions = [];
    this.fakes = { ...services };
    this.#granted = permissions;
    this.#settings = settings;
    for (const [key, value] of Object.entries(state)) this.#write(key, value);
    this.#session = new Session(plugin, (line) => setImmediate(() => this.#receive(JSON.parse(line))), {
      clock: () => this.#now,
      reported: (error) => this.errors.push(error),
    });
  }

  /** What is stored under the plugin's own name; change it as you like. */
  get stored() {
    return this.storage[this.name];
  }

  /** The state values that are there now (a copy). */
  get state() {
    this.#expire();
    return Object.fromEntries([...this.#entries].map(([key, { value }]) => [key, value]));
  }

  async begin() {
    const granted = Object.fromEntries(PERMISSIONS.map((each) => [each, this.#granted?.[each] ?? []]));
    const { window } = await this.#ask("initialize", {
      protocol: 1,
      runtime: { name: "core-runtime-testing", version: "1" },
      plugin: { name: this.name, version: "0.0.0", folder: "", data: "" },
      settings: this.#settings,
      permissions: granted,
      limits: { max_line: 1 << 20, max_value: 64000, in_flight: 64 },
    });
    this.#window = window ?? 1;
    await this.#ask("load", {});
    await this.#ask("start", {});
    if (this.#interval) this.#nextTick = this.#now + this.#interval;
    await this.#settled();
  }

  /** Publishes an event as somebody else; done when it and all that follows from it is handled. The receivers: 1 or 0. */
  async publish(topic, payload = null, { source = "test", lost = 0 } = {}) {
    const full = this.#full(topic);
    if (!this.#subscribed(full)) return 0;
    const answer = this.#deliver(full, payload, source, lost);
    await this.#settled();
    await answer;
    return 1;
  }

  /** Calls a service of the plugin; the reply, or the PluginError. */
  async call(service, args = null, { caller = "test" } = {}) {
    const full = this.#full(service);
    if (!Object.hasOwn(this.services, full)) {
      const known = Object.keys(this.services).join(", ") || "none";
      throw new PluginError("not_found", `the plugin has no service '${full}'; it has: ${known}`);
    }
    const reply = await this.#ask("call", { service: full, args, caller });
    await this.#settled();
    return reply;
  }

  /** Lets simulated time go by, in milliseconds: intervals become due, state values expire. */
  async advance(ms) {
    const end = this.#now + ms;
    while (this.#interval && this.#nextTick <= end) {
      this.#now = this.#nextTick;
      this.#nextTick += this.#interval;
      await this.#ask("tick", {});
      await this.#settled();
    }
    this.#now = end;
    this.#expire();
  }

  /** Plays a service of another plugin: the reply, or a function of the arguments. */
  fake(service, answer) {
    this.fakes[service] = answer;
  }

  /** Stops and unloads the plugin. */
  async stop() {
    if (this.#ended) return;
    this.#ended = true;
    await this.#ask("stop", {});
    await this.#ask("unload", {});
  }

  #full(name) {
    return name.startsWith(".") ? this.name + name : name;
  }

  // Lines

  #ask(method, params) {
    return new Promise((resolve, reject) => {
      this.#queue.push({ method, params, resolve, reject });
      this.#send();
    });
  }

  #send() {
    while (this.#queue.length && this.#asked.size < this.#window) {
      const { method, params, ...answer } = this.#queue.shift();
      this.#nextId += 1;
      this.#asked.set(this.#nextId, answer);
      const line = JSON.stringify({ jsonrpc: "2.0", id: this.#nextId, method, params });
      setImmediate(() => this.#session.peer.feed(line));
    }
  }

  #receive(message) {
    const { id, method, params, result, error } = message;
    if (method === undefined) {
      const { resolve, reject } = this.#asked.get(id);
      this.#asked.delete(id);
      if (error)
        reject(
          Object.assign(new PluginError(error.data?.code ?? "error", error.message), { cause: this.errors.at(-1) }),
        );
      else resolve(result);
      this.#send();
    } else if (id !== undefined) this.#carryOut(id, method, params);
    else if (method === "log") this.logs.push([params.level, params.message]);
  }

  async #carryOut(id, method, params) {
    const answer = { jsonrpc: "2.0", id };
    try {
      if (!Object.hasOwn(METHODS, method))
        throw Object.assign(new Error(`no such method: ${method}`), { number: -32601 });
      answer.result = (await METHODS[method].call(this.#inside, params)) ?? null;
    } catch (error) {
      answer.error = { code: error.number ?? -32000, message: error.message, data: { code: error.code ?? "error" } };
    }
    this.#session.peer.feed(JSON.stringify(answer));
  }

  // What the methods of the protocol reach
  #inside = {
    rt: this,
    may: (permission, name) => {
      const own = name === this.name || name.startsWith(`${this.name}.`);
      if (!this.#granted || own || (this.#granted[permission] ?? []).some((filter) => matches(filter, name))) return;
      const grant = `core-runtime plugin permissions ${this.name} grant ${permission} '${name}'`;
      throw new PluginError("denied", `${permission} '${name}' is not granted: ${grant}`);
    },
    publish: (topic, payload, source) => this.#publish(topic, payload, source),
    entries: this.#entries,
    expire: () => this.#expire(),
    write: (key, value, until) => this.#write(key, value, until),
    space: (namespace = this.name) => {
      const allowed = !this.#granted || namespace === this.name || (this.#granted.storage ?? []).includes(namespace);
      if (allowed) return (this.storage[namespace] ??= {});
      const grant = `core-runtime plugin permissions ${this.name} grant storage '${namespace}'`;
      throw new PluginError("denied", `storage '${namespace}' is not granted: ${grant}`);
    },
    callBack: (service, args) => {
      if (this.#window === 1)
        throw new PluginError("cycle", `'${service}' is the plugin's own, and it handles one message at a time`);
      return this.#ask("call", { service, args, caller: this.name });
    },
    until: (ms) => (ms === undefined ? Infinity : this.#now + ms),
    interval: (ms) => {
      this.#interval = ms;
      this.#nextTick = this.#now + ms;
    },
  };

  // Events and values

  #subscribed(topic) {
    return this.subscriptions.some((filter) => matches(filter, topic));
  }

  #publish(topic, payload, source) {
    if (source === this.name) this.published.push({ topic, payload });
    if (!this.#subscribed(topic)) return 0;
    this.#deliver(topic, payload, source, 0).catch(() => {});
    return 1;
  }

  #deliver(topic, payload, source, lost) {
    this.#seq += 1;
    const answer = this.#ask("event", { topic, payload, seq: this.#seq, time_ms: this.#now, source, lost });
    this.#events.push(answer);
    return answer;
  }

  async #settled() {
    while (this.#events.length) await this.#events.shift().catch(() => {});
  }

  #write(key, value, until = Infinity) {
    this.#versions += 1;
    this.#entries.set(key, { value, version: this.#versions, until });
    if (this.#session) this.#publish(`state.changed.${key}`, { value, version: this.#versions }, "runtime");
    return this.#versions;
  }

  #expire() {
    for (const [key, { until }] of this.#entries) if (until <= this.#now) this.#entries.delete(key);
  }
}

const checkVersion = (entries, key, version) => {
  const there = entries.get(key)?.version ?? 0;
  if (version !== undefined && version !== there)
    throw new PluginError("conflict", `'${key}' has version ${there}, not ${version}`);
};

const METHODS = {
  publish({ topic, payload = null }) {
    this.may("publish", topic);
    if (/^(runtime|state\.changed)\./.test(topic)) throw new PluginError("reserved", `'${topic}' is the runtime's`);
    return { receivers: this.publish(topic, payload, this.rt.name) };
  },
  subscribe({ filter }) {
    this.may(filter.startsWith("state.changed.") ? "state" : "subscribe", filter);
    if (this.rt.subscriptions.includes(filter)) return false;
    this.rt.subscriptions.push(filter);
    return true;
  },
  unsubscribe({ filter }) {
    const index = this.rt.subscriptions.indexOf(filter);
    if (index >= 0) this.rt.subscriptions.splice(index, 1);
    return index >= 0;
  },
  register({ service, ...about }) {
    this.may("register", service);
    if (service in this.rt.services || service in this.rt.fakes)
      throw new PluginError("taken", `the service '${service}' is there already`);
    this.rt.services[service] = about;
  },
  unregister({ service }) {
    return service in this.rt.services && delete this.rt.services[service];
  },
  async call({ service, args = null }) {
    this.may("call", service);
    if (service in this.rt.fakes) {
      const fake = this.rt.fakes[service];
      return typeof fake === "function" ? fake(args) : fake;
    }
    if (service in this.rt.services) return this.callBack(service, args);
    throw new PluginError("not_found", `there is no service '${service}'`);
  },
  has_service({ service }) {
    return service in this.rt.services || service in this.rt.fakes;
  },
  services() {
    const own = Object.entries(this.rt.services).map(([name, about]) => ({ name, plugin: this.rt.name, ...about }));
    return [...own, ...Object.keys(this.rt.fakes).map((name) => ({ name, plugin: "test" }))];
  },
  "state.get"({ key }) {
    this.may("state", key);
    this.expire();
    const entry = this.entries.get(key);
    return entry ? { value: entry.value, version: entry.version } : null;
  },
  "state.set"({ key, value = null, ttl_ms, version }) {
    this.may("state", key);
    this.expire();
    checkVersion(this.entries, key, version);
    return { version: this.write(key, value, this.until(ttl_ms)) };
  },
  "state.update"({ values }) {
    for (const key of Object.keys(values)) this.may("state", key);
    for (const [key, value] of Object.entries(values)) this.write(key, value);
  },
  "state.delete"({ key, version }) {
    this.may("state", key);
    this.expire();
    checkVersion(this.entries, key, version);
    return this.entries.delete(key);
  },
  "state.keys"({ prefix = "", ...how }) {
    this.expire();
    return page(
      [...this.entries.keys()].filter((key) => key.startsWith(prefix)),
      how,
    );
  },
  "state.clear"() {
    const deleted = this.entries.size;
    this.entries.clear();
    return { deleted };
  },
  "storage.get"({ key, namespace }) {
    return this.space(namespace)[key];
  },
  "storage.set"({ key, value, namespace }) {
    this.space(namespace)[key] = value;
  },
  "storage.delete"({ key, namespace }) {
    const space = this.space(namespace);
    return key in space && delete space[key];
  },
  "storage.keys"({ namespace, ...how }) {
    return page(Object.keys(this.space(namespace)), how);
  },
  "storage.clear"({ namespace }) {
    const space = this.space(namespace);
    const keys = Object.keys(space);
    for (const key of keys) delete space[key];
    return { deleted: keys.length };
  },
  "storage.batch"({ operations, namespace }) {
    const space = this.space(namespace);
    for (const { set, value, delete: gone } of operations) {
      if (set !== undefined) space[set] = value;
      else delete space[gone];
    }
  },
  interval({ ms }) {
    this.interval(ms);
  },
  log({ level, message }) {
    this.rt.logs.push([level, message]);
  },
  cancel() {},
};
