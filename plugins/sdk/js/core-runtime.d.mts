// Types of core-runtime.mjs.

/** Any JSON. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A JSON Schema. */
export type JsonSchema = Record<string, unknown>;

/** An error with a code (a word of at most 24 bytes) and a message (at most 160 bytes; a longer one is cut). */
export class PluginError extends Error {
  constructor(code: string, message?: string);
  code: string;
}

/** The caller's mistake: it is not counted as an error of the plugin. */
export function invalidArgument(message: string): PluginError;

/** What is wrong with a value by a JSON Schema, and where ("/target: expected number, got string"); null for nothing. */
export function mismatch(schema: JsonSchema | boolean | undefined, value: unknown, at?: string): string | null;

/** What somebody published. */
export interface Event<Payload = any> {
  topic: string;
  payload: Payload;
  /** Its place in the order of the bus. */
  seq: number;
  /** The runtime's monotonic time, in milliseconds. */
  time_ms: number;
  /** The plugin that published it. */
  source: string;
  /** How many events this plugin lost directly before this one, because it was too slow. */
  lost: number;
}

/** What a service knows of a call. */
export interface Call {
  /** The plugin that calls, or "operator". */
  readonly caller: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

type Kind = "string" | "number" | "integer" | "boolean" | "array" | "object" | "null" | "any";

/**
 * One argument of a service: its type, with `?` where it may be left out; an array of the strings or numbers that it may
 * be; or a JSON Schema, which may say `default` or `optional: true`.
 */
export type Argument =
  Kind | `${Kind}?` | readonly (string | number | boolean)[] | (JsonSchema & { optional?: boolean });

type OfKind<K> = K extends "string"
  ? string
  : K extends "number" | "integer"
    ? number
    : K extends "boolean"
      ? boolean
      : K extends "array"
        ? any[]
        : K extends "object"
          ? Record<string, any>
          : K extends "null"
            ? null
            : any;

type ArgumentType<A> = A extends `${infer K}?`
  ? OfKind<K> | undefined
  : A extends string
    ? OfKind<A>
    : A extends readonly (infer Choice)[]
      ? Choice
      : any;

/** The object that a service gets. */
export type Arguments<A> = { [Name in keyof A]: ArgumentType<A[Name]> };

/** What a service says of itself. */
export interface About {
  description?: string;
  version?: string;
  deprecated?: boolean;
  /** Nothing is changed by a call. */
  reads?: boolean;
  /** A JSON Schema of the arguments as they come, where they are not named by `args`. */
  schema?: JsonSchema;
  /** A JSON Schema of the reply. */
  returns?: JsonSchema;
  /** Arguments, for people. */
  examples?: readonly unknown[];
}

/** State values that every plugin with the permission sees; every change is an event `state.changed.KEY`. */
export interface State {
  get(key: string): Promise<any>;
  getVersioned(key: string): Promise<{ value: any; version: number } | undefined>;
  has(key: string): Promise<boolean>;
  /** The new version. `version` is the one that it must have, 0 for none; else it fails with `conflict`. */
  set(key: string, value: unknown, options?: { ttlMs?: number; version?: number }): Promise<number>;
  /** Sets at most 16 keys, all or none. */
  update(values: Record<string, unknown>): Promise<void>;
  /** Whether it was there. */
  delete(key: string, options?: { version?: number }): Promise<boolean>;
  keys(prefix?: string): Promise<string[]>;
  /** Deletes what this plugin wrote last; how many. */
  clear(): Promise<number>;
}

/** Values that outlive the plugin and the runtime; what is answered is durable. Null cannot be told from nothing. */
export interface Storage {
  /** Of another plugin; it needs a permission. */
  namespace(name: string): Storage;
  get(key: string): Promise<any>;
  set(key: string, value: unknown): Promise<void>;
  /** Whether it was there. */
  delete(key: string): Promise<boolean>;
  keys(): Promise<string[]>;
  /** How many were deleted. */
  clear(): Promise<number>;
  /** At most 16 changes, all or none. */
  batch(operations: readonly ({ set: string; value: unknown } | { delete: string })[]): Promise<void>;
}

/** Writes to the runtime's log; the words are formatted as by console.log. */
export type Log = Record<"error" | "warn" | "info" | "debug" | "trace", (...words: unknown[]) => void>;

/**
 * What a plugin has of the runtime. A name that begins with a dot (a topic, a service, a key) is below the plugin's own
 * name. Promises fail with a PluginError; one that nobody awaits is logged when it fails.
 */
export interface Runtime<Settings = any> {
  /** The name the plugin was installed under. */
  readonly name: string;
  /** The plugin's folder. */
  readonly folder: string;
  /** The folder that the plugin may write to; empty where there is none. */
  readonly data: string;
  readonly settings: Settings;
  /** What was granted: filters below `publish`, `subscribe`, `call`, `register`, `state`, `storage`. */
  readonly permissions: Record<string, string[]>;
  readonly state: State;
  readonly storage: Storage;
  readonly log: Log;

  /** Calls `handler` with each event whose topic matches; `*` is one token, a final `>` one or more. */
  on<Payload = any>(filter: string, handler: (event: Event<Payload>) => unknown): Promise<boolean>;
  /** Takes all handlers of a filter away. */
  off(filter: string): Promise<boolean>;
  /** Registers a service whose arguments are named, and checked. */
  service<const A extends Record<string, Argument>>(
    name: string,
    about: About & { args: A },
    handler: (args: Arguments<A>, call: Call) => unknown,
  ): Promise<void>;
  /** Registers a service that gets its arguments, any JSON, as they are. */
  service(name: string, about: About, handler: (args: any, call: Call) => unknown): Promise<void>;
  service(name: string, handler: (args: any, call: Call) => unknown): Promise<void>;
  unregister(name: string): Promise<boolean>;
  /** Calls `handler` whenever this time went by, from the plugin's start. */
  every(time: { minutes?: number; seconds?: number; ms?: number }, handler: () => unknown): void;
  onStart(handler: () => unknown): void;
  onStop(handler: () => unknown): void;
  onUnload(handler: () => unknown): void;

  /** The number of receivers. `waitMs`: how long to wait for subscribers that make publishers wait. */
  publish(topic: string, payload?: unknown, options?: { waitMs?: number }): Promise<number>;
  /** The reply. Aborting the signal withdraws the call. */
  call(service: string, args?: unknown, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<any>;
  hasService(service: string): Promise<boolean>;
  services(): Promise<{ name: string; plugin: string; description: string; schema?: JsonSchema }[]>;
  /** A request of the protocol as it is. */
  request(method: string, params: Record<string, unknown>): Promise<any>;
  /** The name, or what it is below the plugin's own name where it begins with a dot. */
  fullName(name: string): string;
}

/** A plugin that was defined. */
export interface Definition {
  readonly window: number;
  readonly version?: string;
}

/** `window`: how many messages are handled at a time, 1 to 64, 1 unless given. `version`: must be that of plugin.toml. */
export interface Options {
  window?: number;
  version?: string;
}

/** A plugin; `setup` runs when it is loaded, and what it declares is registered when it is done. */
export function definePlugin<Settings = any>(setup: (rt: Runtime<Settings>) => unknown): Definition;
export function definePlugin<Settings = any>(options: Options, setup: (rt: Runtime<Settings>) => unknown): Definition;

/**
 * Runs a plugin as this process, until its standard input ends. `node core-runtime.mjs main.mjs` does it before the
 * plugin's module is loaded, so that nothing it imports can print into the protocol.
 */
export function run(find: Definition | (() => Definition | Promise<Definition>)): Promise<void>;
