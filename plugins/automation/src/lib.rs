//! Rules: what is to happen when.
//!
//! ```
//! use automation::AutomationPlugin;
//! use plugin_kit::test::TestRuntime;
//! use serde_json::json;
//! use std::time::Duration;
//!
//! let mut rt = TestRuntime::new();
//! rt.fake("devices.turn_on", |device| Ok(device));
//! rt.fake("devices.turn_off", |device| Ok(device));
//! rt.add::<AutomationPlugin>(json!({"timezone": "Europe/Berlin"}));
//! rt.start()?;
//! rt.call("automation.create", &json!({
//!     "id": "hall_light",
//!     "name": "Light in the hall while somebody is there",
//!     "mode": "restart",
//!     "triggers": [{"event": "sensor.hall.motion", "when": {"event": "/payload/on", "eq": true}}],
//!     "conditions": [{"time": {"after": "17:00", "before": "07:00"}}],
//!     "actions": [
//!         {"service": "devices.turn_on", "args": "lamp_hall"},
//!         {"delay": 60},
//!         {"service": "devices.turn_off", "args": "lamp_hall"}
//!     ]
//! }))?;
//! rt.publish("sensor.hall.motion", &json!({"on": true}))?;
//! rt.advance(Duration::from_secs(61))?;
//! let reply = rt.call("automation.trace", "hall_light")?;
//! assert_eq!(reply["traces"][0]["outcome"], "done");
//! assert_eq!(reply["traces"][0]["actions"][2]["answer"], r#""lamp_hall""#);
//!
//! // At noon nothing happens, and the trace says why.
//! rt.set_time(Duration::from_secs(1_767_265_200));
//! rt.publish("sensor.hall.motion", &json!({"on": true}))?;
//! let reply = rt.call("automation.trace", "hall_light")?;
//! assert_eq!(reply["traces"][0]["outcome"], "stopped");
//! assert_eq!(reply["traces"][0]["path"], "/conditions/0");
//! assert_eq!(reply["traces"][0]["why"], "it is thu 12:00, wanted after 17:00 before 07:00");
//! # Ok::<(), plugin_kit::kernel_core::Error>(())
//! ```
//!
//! # Services
//!
//! | service | takes | answers |
//! |---|---|---|
//! | `automation.create` | a rule, see below | [`RuleState`] |
//! | `automation.get` | `{"id": ..}` | [`RuleState`] |
//! | `automation.list` | [`ListRules`], or nothing | [`Rules`], a page of them |
//! | `automation.update` | `{"id": .., ..}`: members that are to be others; null takes one out | [`RuleState`] |
//! | `automation.delete` | `{"id": ..}` | false when there was none |
//! | `automation.enable`, `automation.disable` | `{"id": ..}` | false when it was so already |
//! | `automation.trigger` | [`TriggerRule`] | [`Triggered`]: the run's number, or what was against it |
//! | `automation.trace` | [`TraceRule`] | [`Traces`]: what became of the last triggers, the newest first |
//! | `automation.stats` | nothing | [`Stats`] |
//!
//! The id may be passed by place as well: see [`plugin_kit::Args`]. A rule that is changed, disabled or deleted loses its
//! runs. Errors: `invalid_argument`, with a JSON pointer to what is wrong in a rule, the value, and what is allowed;
//! `not_found`, `already_exists`, `too_many_rules`, `full` (subscriptions), and those of the storage; then nothing is changed.
//!
//! # Rules
//!
//! | member | value |
//! |---|---|
//! | `id` | 1 to [`MAX_ID`] of a-z, A-Z, 0-9, _ and - |
//! | `name` | for people; may be left out |
//! | `enabled` | true unless it is said |
//! | `mode` | what happens when it is triggered while it runs: `single` (the new one is refused) unless it is said, `restart` (the one before is cancelled), `queued`, `parallel` |
//! | `max` | the most runs at once, those in the queue counted; for `queued` and `parallel`; 10 unless it is said, at most [`MAX_PARALLEL`] |
//! | `triggers` | a list, at most [`MAX_TRIGGERS`]; each of them is enough |
//! | `conditions` | a list; all of them are to hold |
//! | `actions` | a list, carried out one after another |
//!
//! A rule has at most [`MAX_RULE`] bytes, [`MAX_CONDITIONS`] conditions and [`MAX_ACTIONS`] actions, nested at most
//! [`MAX_NESTING`] deep. Spans of time are numbers of seconds, with a fraction where it is needed, of at most a week.
//!
//! | trigger | when | event that the rule sees |
//! |---|---|---|
//! | `{"event": FILTER, "when"?: CONDITION}` | an event comes whose topic matches, and the condition holds | `{"kind": "event", "topic", "payload"}` |
//! | `{"state": FILTER, "from"?: VALUE, "to"?: VALUE, "when"?: CONDITION, "for"?: SECONDS}` | a state entry whose key matches becomes another one; with `for`, it stays one that is wanted for so long. What is not there is null | `{"kind": "state", "key", "from", "to"}` |
//! | `{"time": "HH:MM[:SS]", "weekdays"?: ["mon", ..]}` | at this time of the day | `{"kind": "time", "time"}` |
//! | `{"every": SECONDS}` | again and again, from 1 s on | `{"kind": "every"}` |
//! | `{"sun": "sunrise" or "sunset", "offset"?: SECONDS, "weekdays"?: [..]}` | the sun does so, or so much later (or earlier, below zero) | `{"kind": "sun", "sun"}` |
//! | `automation.trigger` | | `{"kind": "manual", "payload"}` |
//!
//! | condition | holds when |
//! |---|---|
//! | `{"event": POINTER, CHECK..}` | what is there in the event that triggered passes all checks |
//! | `{"state": KEY, "at"?: POINTER, CHECK..}` | the state entry, or what is there in it, does |
//! | `{"result": NAME, "at"?: POINTER, CHECK..}` | the answer of an action before does (in `choose` only) |
//! | `{"time": {"after"?: "HH:MM", "before"?: "HH:MM", "weekdays"?: [..]}}` | it is so late; a window over midnight is of the day on which it begins |
//! | `{"and": [..]}`, `{"or": [..]}`, `{"not": ..}` | all, one, or it does not |
//!
//! A check is `eq`, `ne`, `gt`, `ge`, `lt`, `le` (numbers, or texts), `in` (a list), or `exists` (true or false) with a
//! value. Numbers are compared by what they are: 1 is 1.0.
//!
//! | action | does |
//! |---|---|
//! | `{"service": NAME, "args"?: TEMPLATE, "timeout"?: SECONDS, "result"?: NAME, "on_error"?: "stop" or "continue"}` | calls a service; its answer has this name from then on. Not one of `automation` itself |
//! | `{"publish": TOPIC, "payload"?: TEMPLATE}` | publishes an event |
//! | `{"set_state": KEY, "value": TEMPLATE, "ttl"?: SECONDS}` | sets a state entry, which belongs to this plugin then |
//! | `{"delay": SECONDS}` | waits |
//! | `{"choose": [{"if": CONDITION, "then": [..]}, ..], "else"?: [..]}` | carries out the actions of the first whose condition holds |
//!
//! A template is a value, in which `{"$event": POINTER}`, `{"$state": KEY, "at"?: POINTER}` and `{"$result": NAME,
//! "at"?: POINTER}` stand for what is there, or null. Checks may have them too. A pointer is a JSON pointer (RFC 6901),
//! such as `/payload/value`; the empty one is all of it. An action that fails ends the run, unless it says `continue`.
//!
//! # What it publishes, stores and needs
//!
//! | event | payload |
//! |---|---|
//! | `automation.failed` | `{"id", "run", "path", "error"}`: an action failed, and the run ended with it |
//! | `automation.loop` | `{"id", "why"}`: a rule triggers itself, and rests for a minute |
//!
//! - **Storage**: the namespace `automation`, a key for each rule. Rows that are no rules are left as they are, and shown by
//!   `automation.list`. Runs and traces are in memory, and end with the plugin; so does the time of a `for`.
//! - **Permissions**: to subscribe to, call, publish and set what the rules say; to read the state. What a rule does is done
//!   by this plugin, so whoever may create rules may do what it may: give `automation.create` and `automation.update` to
//!   those alone. The services that the setting `forbidden_services` names are called by no rule.
//! - **Settings**: [`Settings`], in `[plugins.automation.settings]`, or where there is no configuration by `with_settings`.
//!   **Dependencies**: none.
//! - **Features**: without any it runs on a chip that has an allocator, with time zones as POSIX strings. `host`: the sizes
//!   of a host, IANA time zones (their data is built in), and JSON Schemas.
//!
//! # Time
//!
//! Intervals, delays and deadlines go by the monotonic clock; times of the day by [`plugin_kit::unix_time`], and wait while
//! nobody has set it. A time of day that does not exist on a day (spring) comes once, just after the gap; one that comes
//! twice (autumn) counts once, the first time. When the clock is set by less than an hour, what was stepped over comes late
//! and what was done is not done again; by an hour or more, everything is planned anew, and what was stepped over is missed.
//! Where the sun does not rise or set, the next day on which it does is waited for.
//!
//! # How it works
//!
//! Triggers are found by their filters in a tree of tokens, and times in a heap: one more rule costs nothing while it is
//! not triggered. A run is a small program with a place in it. It goes on within the plugin's hooks until it waits, for a
//! time or for an answer, and then others go on. What it waits for is a future that is kept, and asked again by ticks: soon
//! at first, then after a quarter of the time that it has taken so far. So neither a delay nor a slow service holds up
//! another rule.
//!
//! A rule that triggers itself, directly or through others, comes to the kernel's limit of events that cause one another
//! and rests for a minute; so does one that has more runs in a minute than the setting `max_runs_per_minute` allows, which
//! catches rings with a pause in them.

#![no_std]

extern crate alloc;

mod engine;
mod guard;
mod plan;
mod plugin;
mod read;
mod rule;
#[cfg(feature = "host")]
mod schema;
mod settings;
mod store;
mod time;
mod trace;
mod types;

pub use plugin::AutomationPlugin;
pub use rule::{MAX_ACTIONS, MAX_CONDITIONS, MAX_ID, MAX_NESTING, MAX_PARALLEL, MAX_RULE, MAX_TRIGGERS};
pub use settings::Settings;
pub use trace::{ActionTrace, Outcome, Trace};
pub use types::*;
