//! The plugin: its services, and its hooks, which hand over to the engine.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use plugin_kit::prelude::*;
use plugin_kit::{Args, MAX_REPLY};
use serde_json::{Map, Value};

use crate::engine::Engine;
use crate::rule::{MAX_RULE, Rule, is_id};
use crate::settings::{MAX_TRACES, Settings};
use crate::store;
use crate::types::{
    Id, ListRules, RuleChange, RuleDocument, RuleInfo, RuleState, Rules, SkippedRule, Stats, TraceRule,
    Traces, TriggerRule, Triggered,
};

/// How many rules a list has unless it is said, and at most.
const PAGE: (u32, u32) = (50, 100);

/// How many skipped rows a list shows.
const MOST_SKIPPED: usize = 20;

/// The deepest nesting of what a rule is triggered with by hand.
const MAX_PAYLOAD_DEPTH: usize = 16;

/// See the crate's documentation.
#[derive(Default)]
pub struct AutomationPlugin {
    /// Those that the program says.
    settings: Option<Settings>,
    engine: Engine,
    /// Rows that are no rules, with the reason.
    skipped: BTreeMap<String, String>,
}

#[plugin(
    name = "automation",
    description = "Runs rules: what is to happen when",
    author = "Home Console",
    hook_timeout = Duration::from_secs(60),
    buffer = 1024,
    schema = "host"
)]
impl AutomationPlugin {
    #[load]
    fn load(&mut self, cx: &Context, settings: Settings) -> Result<(), Error> {
        let settings = self.settings.clone().unwrap_or(settings);
        let zone = settings.check()?;
        self.engine = Engine::new(settings, zone, cx.now());
        Ok(())
    }

    #[start]
    async fn start(&mut self, cx: &Context) -> Result<(), Error> {
        self.engine.set_clock(cx).await?;
        for id in store::ids(cx).await? {
            if let Err(error) = self.take_row(cx, &id).await {
                log::warn!("{id} in {} is skipped: {error}", store::NAMESPACE);
                self.skipped.insert(id, error.to_string());
            }
        }
        self.engine.arm(cx).await
    }

    #[event]
    #[on("state.changed.clock.zero_unix_ms")]
    async fn event(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        self.engine.look(cx);
        if event.lost > 0 {
            self.engine.learn_again(cx, event.lost).await;
        }
        let clock = match event.topic() {
            "state.changed.clock.zero_unix_ms" => self.engine.set_clock(cx).await,
            _ => Ok(()),
        };
        self.engine.event(cx, event.topic(), event.payload()).await;
        self.engine.run_ready(cx).await;
        self.engine.arm(cx).await.and(clock)
    }

    #[tick]
    async fn tick(&mut self, cx: &Context) -> Result<(), Error> {
        self.engine.tick(cx).await;
        self.engine.run_ready(cx).await;
        self.engine.arm(cx).await
    }

    /// Creates a rule.
    #[service(".create", examples = [r#"{
        "id": "hall_light",
        "triggers": [{"event": "sensor.hall.motion", "when": {"event": "/payload/on", "eq": true}}],
        "conditions": [{"time": {"after": "17:00", "before": "07:00"}}],
        "actions": [{"service": "devices.turn_on", "args": "lamp_hall"}, {"delay": 60}]
    }"#])]
    async fn create(&mut self, cx: &Context, Args(args): Args<RuleDocument>) -> Result<RuleState, Error> {
        let rule = Rule::read(&args.0, &mut self.engine.limits())?;
        let id = rule.id.clone();
        if self.engine.get(&id).is_some() {
            let message = format_args!("there is a rule {id}: automation.update changes it");
            return Err(Error::format("already_exists", message));
        }
        if self.skipped.contains_key(&id) {
            let message = format_args!("{id} is stored and no rule: automation.delete deletes it");
            return Err(Error::format("already_exists", message));
        }
        self.engine.check_room()?;
        self.keep(cx, rule, args.0).await
    }

    /// A rule, as it was created, and what became of it.
    #[service(".get", reads, examples = [r#"{"id": "hall_light"}"#])]
    async fn get(&mut self, cx: &Context, Args(args): Args<Id>) -> Result<RuleState, Error> {
        let rule = self.document(cx, &args.id).await?;
        self.state(&args.id, rule)
    }

    /// The rules, in short.
    #[service(".list", reads, examples = [r#"{"after": "hall_light", "limit": 20}"#])]
    fn list(&self, Args(args): Args<ListRules>) -> Result<Rules, Error> {
        let limit = limit(args.limit, PAGE.0, PAGE.1)?;
        if !args.after.is_empty() && !is_id(&args.after) {
            return Err(Error::invalid_argument(
                "after: an id is wanted, or the empty text for the first page",
            ));
        }
        let mut after = self.engine.after(&args.after);
        let rules: Vec<_> = after.by_ref().take(limit as usize).map(RuleInfo::of).collect();
        let next = after.next().and(rules.last().map(|last| last.id.clone()));
        let skipped = self.skipped.iter().take(MOST_SKIPPED);
        Ok(Rules {
            rules,
            next,
            total: self.engine.len(),
            skipped: skipped
                .map(|(id, error)| SkippedRule {
                    id: id.clone(),
                    error: error.clone(),
                })
                .collect(),
            skipped_total: self.skipped.len(),
        })
    }

    /// Changes some members of a rule; null takes one out. Its runs are cancelled.
    #[service(".update", examples = [r#"{"id": "hall_light", "mode": "restart"}"#])]
    async fn update(&mut self, cx: &Context, Args(args): Args<RuleChange>) -> Result<RuleState, Error> {
        let id = match args.0.get("id") {
            Some(Value::String(id)) => id.clone(),
            _ => return Err(Error::invalid_argument("id: the id of a rule is wanted")),
        };
        let mut document = self.document(cx, &id).await?;
        for (name, value) in args.0 {
            match value {
                Value::Null => drop(document.remove(&name)),
                value => drop(document.insert(name, value)),
            }
        }
        let rule = Rule::read(&document, &mut self.engine.limits())?;
        self.keep(cx, rule, document).await
    }

    /// Deletes a rule, and cancels its runs; false when there was none.
    #[service(".delete", examples = [r#"{"id": "hall_light"}"#])]
    async fn delete(&mut self, cx: &Context, Args(args): Args<Id>) -> Result<bool, Error> {
        let is_known = self.engine.get(&args.id).is_some() || self.skipped.contains_key(&args.id);
        if !is_known {
            return Ok(false);
        }
        store::delete(cx, &args.id).await?;
        self.skipped.remove(&args.id);
        self.engine.remove(cx, &args.id).await;
        Ok(true)
    }

    /// The rule's triggers count from now on; true unless they did.
    #[service(".enable", examples = [r#"{"id": "hall_light"}"#])]
    async fn enable(&mut self, cx: &Context, Args(args): Args<Id>) -> Result<bool, Error> {
        self.set_enabled(cx, &args.id, true).await
    }

    /// The rule's triggers count no more, and its runs are cancelled; true unless it was so.
    #[service(".disable", examples = [r#"{"id": "hall_light"}"#])]
    async fn disable(&mut self, cx: &Context, Args(args): Args<Id>) -> Result<bool, Error> {
        self.set_enabled(cx, &args.id, false).await
    }

    /// Begins a run of a rule by hand, also of one that is disabled.
    #[service(".trigger", examples = [r#"{"id": "hall_light", "payload": {"on": true}}"#])]
    async fn trigger(&mut self, cx: &Context, Args(args): Args<TriggerRule>) -> Result<Triggered, Error> {
        check_payload(&args.payload)?;
        let checks = !args.skip_conditions;
        let begun = self.engine.trigger(cx, &args.id, args.payload, checks).await;
        let begun = begun.ok_or_else(|| self.not_found(&args.id))?;
        self.engine.arm(cx).await?;
        Ok(Triggered {
            run: begun.as_ref().ok().copied(),
            refused: begun.err(),
        })
    }

    /// What became of the last triggers of a rule, and why.
    #[service(".trace", reads, examples = [r#"{"id": "hall_light", "limit": 5}"#])]
    fn trace(&mut self, cx: &Context, Args(args): Args<TraceRule>) -> Result<Traces, Error> {
        self.engine.look(cx);
        let place = self
            .engine
            .get(&args.id)
            .ok_or_else(|| self.not_found(&args.id))?;
        let limit = limit(args.limit, MAX_TRACES, MAX_TRACES)?;
        let (mut traces, mut room) = (Vec::new(), MAX_REPLY * 3 / 4);
        let all = self
            .engine
            .under_way(place)
            .into_iter()
            .chain(place.traces.iter().rev().cloned());
        for trace in all.take(limit as usize) {
            let len = serde_json::to_string(&trace).map_or(0, |text| text.len());
            // As many as a reply has room for.
            let Some(rest) = room.checked_sub(len) else { break };
            room = rest;
            traces.push(trace);
        }
        Ok(Traces { traces })
    }

    /// What was counted since the plugin started.
    #[service(".stats", reads)]
    fn stats(&self) -> Result<Stats, Error> {
        let (engine, counters) = (&self.engine, &self.engine.counters);
        Ok(Stats {
            rules: engine.len(),
            active: engine.active(),
            filters: engine.subscriptions.len(),
            covering: engine.subscriptions.is_covering(),
            events: counters.events,
            candidates: counters.candidates,
            steps: engine.steps(),
            lost_events: counters.lost_events,
            runs: counters.runs,
            failed: counters.failed,
            stopped: counters.stopped,
            refused: counters.refused,
        })
    }
}

impl AutomationPlugin {
    /// With these settings, whatever the platform says: for a chip, whose kernel has none for its plugins.
    ///
    /// ```
    /// use automation::{AutomationPlugin, Settings};
    ///
    /// let plugin = AutomationPlugin::with_settings(Settings {
    ///     timezone: "CET-1CEST,M3.5.0,M10.5.0/3".into(),
    ///     ..Settings::default()
    /// });
    /// # let _ = plugin;
    /// ```
    pub fn with_settings(settings: Settings) -> AutomationPlugin {
        AutomationPlugin {
            settings: Some(settings),
            ..AutomationPlugin::default()
        }
    }
}

/// How many are wanted, where it is said or not.
fn limit(wanted: Option<u32>, usual: u32, most: u32) -> Result<u32, Error> {
    let limit = wanted.unwrap_or(usual);
    match (1..=most).contains(&limit) {
        true => Ok(limit),
        false => Err(Error::format(
            "invalid_argument",
            format_args!("limit: {limit} is not a whole number from 1 to {most}"),
        )),
    }
}

/// That there is room for a payload in what a rule makes of it.
fn check_payload(payload: &Value) -> Result<(), Error> {
    let refuse = |why: core::fmt::Arguments<'_>| Err(Error::format("invalid_argument", why));
    let len = payload.to_string().len();
    if len > MAX_RULE {
        return refuse(format_args!(
            "payload: {len} bytes of JSON, at most {MAX_RULE} are allowed"
        ));
    }
    if depth(payload) > MAX_PAYLOAD_DEPTH {
        return refuse(format_args!("payload: nested deeper than {MAX_PAYLOAD_DEPTH}"));
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

impl AutomationPlugin {
    /// Takes in a rule that is stored.
    async fn take_row(&mut self, cx: &Context, id: &str) -> Result<(), Error> {
        self.engine.check_room()?;
        let Some(document) = store::read(cx, id).await? else {
            return Ok(());
        };
        let rule = Rule::read(&document, &mut self.engine.limits())?;
        if rule.id != id {
            let other = rule.id;
            return Err(Error::format(
                "invalid_value",
                format_args!("/id: it is the rule {other}"),
            ));
        }
        self.engine.put(cx, rule).await
    }

    /// Takes in a rule and stores it; both, or an error and none.
    async fn keep(
        &mut self,
        cx: &Context,
        rule: Rule,
        document: Map<String, Value>,
    ) -> Result<RuleState, Error> {
        let id = rule.id.clone();
        let before = self.engine.get(&id).map(|place| place.rule.clone());
        self.engine.put(cx, rule).await?;
        if let Err(error) = store::write(cx, &id, &document).await {
            match before {
                Some(before) => self.engine.put(cx, before).await?,
                None => drop(self.engine.remove(cx, &id).await),
            }
            return Err(error);
        }
        self.engine.arm(cx).await?;
        self.state(&id, document)
    }

    async fn set_enabled(&mut self, cx: &Context, id: &str, enabled: bool) -> Result<bool, Error> {
        let place = self.engine.get(id).ok_or_else(|| self.not_found(id))?;
        if place.rule.enabled == enabled {
            return Ok(false);
        }
        let mut rule = place.rule.clone();
        rule.enabled = enabled;
        let mut document = self.document(cx, id).await?;
        document.insert(String::from("enabled"), Value::Bool(enabled));
        self.keep(cx, rule, document).await?;
        Ok(true)
    }

    /// The rule as it is stored.
    async fn document(&mut self, cx: &Context, id: &str) -> Result<Map<String, Value>, Error> {
        if self.engine.get(id).is_none() {
            return Err(self.not_found(id));
        }
        let found = store::read(cx, id).await?;
        found.ok_or_else(|| {
            Error::format(
                "not_found",
                format_args!("the row of {id} is gone from the storage"),
            )
        })
    }

    fn state(&self, id: &str, rule: Map<String, Value>) -> Result<RuleState, Error> {
        let place = self.engine.get(id).ok_or_else(|| self.not_found(id))?;
        Ok(RuleState {
            info: RuleInfo::of(place),
            rule,
        })
    }

    fn not_found(&self, id: &str) -> Error {
        if let Some(error) = self.skipped.get(id) {
            return Error::new("not_found", &format!("{id} is stored and no rule: {error}"));
        }
        match is_id(id) {
            true => Error::format("not_found", format_args!("there is no rule {id}")),
            false => Error::invalid_argument("id: 1 to 64 of a-z, A-Z, 0-9, _ and - are wanted"),
        }
    }
}
