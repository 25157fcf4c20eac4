// Types of testing.mjs.

import type { Definition, JsonSchema } from "./core-runtime.mjs";

export interface TestOptions {
  /** The name that the plugin is installed under; "plugin" unless given. */
  name?: string;
  /** As the runtime hands them over, so with the defaults of plugin.toml filled in. */
  settings?: Record<string, unknown>;
  /** What was granted; without it the plugin may do everything. */
  permissions?: Record<string, string[]>;
  /** What is stored under the plugin's name before it starts. */
  stored?: Record<string, unknown>;
  /** State values that are there before it starts. */
  state?: Record<string, unknown>;
  /** Services of other plugins: the reply, or a function of the arguments. */
  services?: Record<string, unknown>;
}

export interface TestRuntime {
  readonly name: string;
  /** Every event that the plugin published, in order. */
  readonly published: { topic: string; payload: any }[];
  /** What handlers threw, in order. */
  readonly errors: unknown[];
  /** What the plugin logged: level and message. */
  readonly logs: [string, string][];
  /** The services that the plugin registered. */
  readonly services: Record<string, { description?: string; schema?: JsonSchema; [key: string]: unknown }>;
  readonly subscriptions: string[];
  /** What is stored, by namespace. */
  readonly storage: Record<string, Record<string, any>>;
  /** What is stored under the plugin's own name. */
  readonly stored: Record<string, any>;
  readonly state: Record<string, any>;
  /** Done when the event and all that follows from it is handled; the number of receivers, 1 or 0. */
  publish(topic: string, payload?: unknown, options?: { source?: string; lost?: number }): Promise<number>;
  call(service: string, args?: unknown, options?: { caller?: string }): Promise<any>;
  /** Lets simulated time go by, in milliseconds. */
  advance(ms: number): Promise<void>;
  fake(service: string, answer: unknown): void;
  stop(): Promise<void>;
}

/** Loads and starts a plugin in a runtime in memory. */
export function testPlugin(plugin: Definition, options?: TestOptions): Promise<TestRuntime>;
