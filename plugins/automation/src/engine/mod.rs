//! The engine: which rules there are, and what they wait for. It runs within the plugin's hooks, a little at a time:
//! a run goes on until it waits for a time or an answer, and then others do.

mod begin;
mod changes;
mod due;
mod effect;
mod run;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use kernel_core::{Context, Error, Instant, Json};
use serde_json::Value;

use crate::guard::Guard;
use crate::plan::{Index, Subscriptions, Timers, TriggerId};
use crate::rule::{CHANGED, Limits, Rule, Trigger};
use crate::settings::Settings;
use crate::time::{Clock, Zone};
use crate::trace::Trace;

use changes::Hold;
use due::Due;
use run::Run;

/// A rule, and what became of it.
pub(crate) struct Place {
    pub(crate) rule: Rule,
    /// Another one with every change of the rule: so what waited for the one before is known.
    life: u32,
    /// The runs that are under way or wait, the oldest first.
    runs: Vec<u64>,
    guard: Guard,
    pub(crate) traces: VecDeque<Trace>,
    /// How many runs there were.
    pub(crate) count: u64,
    /// When the last one began: milliseconds of the Unix epoch.
    pub(crate) last_run: Option<i64>,
}

impl Place {
    /// How many runs are under way or wait.
    pub(crate) fn active(&self) -> usize {
        self.runs.len()
    }
}

/// What was counted since the plugin started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) events: u64,
    pub(crate) candidates: u64,
    pub(crate) lost_events: u64,
    pub(crate) runs: u64,
    pub(crate) failed: u64,
    pub(crate) stopped: u64,
    pub(crate) refused: u64,
}

pub(crate) struct Engine {
    settings: Settings,
    zone: Zone,
    clock: Clock,
    places: Vec<Option<Place>>,
    /// Places that are free.
    free: Vec<usize>,
    lives: u32,
    ids: BTreeMap<String, usize>,
    events: Index,
    states: Index,
    pub(crate) subscriptions: Subscriptions,
    wall: Timers<i64, TriggerId>,
    timers: Timers<u64, Due>,
    /// The values that state entries had at last, of those that a trigger wants.
    known: BTreeMap<String, Value>,
    holds: BTreeMap<(TriggerId, String), Hold>,
    runs: BTreeMap<u64, Run>,
    /// Runs that can go on.
    ready: VecDeque<u64>,
    last_run: u64,
    /// Events that are to be published by the next tick: then they have no cause that would make them one too many.
    notices: Vec<(&'static str, Value)>,
    /// When the plugin ticks next.
    armed: Option<u64>,
    pub(crate) counters: Counters,
}

impl Default for Engine {
    fn default() -> Self {
        Engine::new(Settings::default(), Zone::utc(), Instant::default())
    }
}

impl Engine {
    pub(crate) fn new(settings: Settings, zone: Zone, now: Instant) -> Engine {
        Engine {
            subscriptions: Subscriptions::new(settings.max_filters as usize),
            settings,
            zone,
            clock: Clock::begin(now),
            places: Vec::new(),
            free: Vec::new(),
            lives: 0,
            ids: BTreeMap::new(),
            events: Index::default(),
            states: Index::default(),
            wall: Timers::new(),
            timers: Timers::new(),
            known: BTreeMap::new(),
            holds: BTreeMap::new(),
            runs: BTreeMap::new(),
            ready: VecDeque::new(),
            last_run: 0,
            notices: Vec::new(),
            armed: None,
            counters: Counters::default(),
        }
    }

    /// What a rule may be.
    pub(crate) fn limits(&self) -> Limits<'_> {
        Limits::new(&self.zone, &self.settings.forbidden_services)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Place> {
        self.places.get(*self.ids.get(id)?)?.as_ref()
    }

    /// The rules whose ids come after this one, in their order.
    pub(crate) fn after<'e>(&'e self, id: &str) -> impl Iterator<Item = &'e Place> {
        use core::ops::Bound::{Excluded, Unbounded};
        let places = self.ids.range::<str, _>((Excluded(id), Unbounded));
        places.filter_map(|(_, place)| self.places.get(*place)?.as_ref())
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn active(&self) -> usize {
        self.runs.len()
    }

    /// Places of the index of filters that were looked at.
    pub(crate) fn steps(&self) -> u64 {
        self.events.visited + self.states.visited
    }

    /// The runs of a rule that are under way, as they are now; the newest first.
    pub(crate) fn under_way(&self, place: &Place) -> Vec<Trace> {
        let now = self.clock.ms();
        let runs = place.runs.iter().rev().filter_map(|number| self.runs.get(number));
        runs.map(|run| run.trace_at(now)).collect()
    }

    /// Whether there is room for one more rule.
    pub(crate) fn check_room(&self) -> Result<(), Error> {
        let most = self.settings.max_rules;
        match self.ids.len() < most as usize {
            true => Ok(()),
            false => Err(Error::format(
                "too_many_rules",
                format_args!("there are {most} rules, and no more can be: raise the setting max_rules"),
            )),
        }
    }

    /// Takes a rule in, in place of the one with its id; or an error, and nothing is changed. Runs of the one before
    /// are cancelled.
    pub(crate) async fn put(&mut self, cx: &Context, rule: Rule) -> Result<(), Error> {
        let filters = filters(&rule);
        self.subscriptions.add(cx, &filters).await?;
        self.look(cx);
        let index = match self.ids.get(&rule.id) {
            Some(index) => *index,
            None => self.free.pop().unwrap_or(self.places.len()),
        };
        self.detach(cx, index).await;
        self.ids.insert(rule.id.clone(), index);
        self.settle_in(index, rule);
        for filter in &filters {
            // What another rule wants as well is known.
            let own = filters.iter().filter(|other| *other == filter).count();
            if let Some(keys) = filter.strip_prefix(CHANGED)
                && self.subscriptions.wanted(filter) == own
            {
                self.learn(cx, keys).await;
            }
        }
        self.attach(index);
        Ok(())
    }

    fn settle_in(&mut self, index: usize, rule: Rule) {
        self.lives += 1;
        if index == self.places.len() {
            self.places.push(None);
        }
        let Some(slot) = self.places.get_mut(index) else {
            return;
        };
        match slot {
            Some(place) => {
                place.rule = rule;
                place.life = self.lives;
            }
            None => {
                *slot = Some(Place {
                    rule,
                    life: self.lives,
                    runs: Vec::new(),
                    guard: Guard::default(),
                    traces: VecDeque::new(),
                    count: 0,
                    last_run: None,
                });
            }
        }
    }

    /// Forgets a rule, and cancels its runs; false when there is none.
    pub(crate) async fn remove(&mut self, cx: &Context, id: &str) -> bool {
        let Some(index) = self.ids.remove(id) else {
            return false;
        };
        self.look(cx);
        self.detach(cx, index).await;
        if let Some(place) = self.places.get_mut(index) {
            *place = None;
            self.free.push(index);
        }
        true
    }

    /// The triggers of the rule begin to count.
    fn attach(&mut self, index: usize) {
        let Some(Some(place)) = self.places.get(index) else {
            return;
        };
        if !place.rule.enabled {
            return;
        }
        let now = self.clock.ms();
        for (number, trigger) in place.rule.triggers.iter().enumerate() {
            let id = TriggerId {
                place: index,
                life: place.life,
                number,
            };
            match trigger {
                Trigger::Event { filter, .. } => self.events.insert(filter, id),
                Trigger::State { filter, .. } => self.states.insert(filter, id),
                Trigger::Every { ms } => self.timers.push(now + ms, Due::Every(id)),
                Trigger::Time { .. } | Trigger::Sun { .. } => {
                    let next = self.clock.unix_ms().and_then(|now| trigger.next(&self.zone, now));
                    next.into_iter().for_each(|due| self.wall.push(due, id));
                }
            }
        }
    }

    /// The triggers of the rule in this place count no more, and its runs end.
    async fn detach(&mut self, cx: &Context, index: usize) {
        let Some(Some(place)) = self.places.get_mut(index) else {
            return;
        };
        let (life, runs) = (place.life, core::mem::take(&mut place.runs));
        let mut states = false;
        if place.rule.enabled {
            for (number, trigger) in place.rule.triggers.iter().enumerate() {
                let id = TriggerId {
                    place: index,
                    life,
                    number,
                };
                match trigger {
                    Trigger::Event { filter, .. } => self.events.remove(filter, id),
                    Trigger::State { filter, .. } => {
                        self.states.remove(filter, id);
                        states = true;
                    }
                    _ => {}
                }
            }
        }
        let filters = filters(&place.rule);
        for number in runs {
            self.cancel(number, "the rule was changed");
        }
        self.subscriptions.remove(cx, &filters).await;
        if states {
            self.holds.retain(|(id, _), _| id.place != index);
            let index = &mut self.states;
            self.known.retain(|key, _| !index.find(key).is_empty());
        }
    }

    /// The place of a trigger that still counts.
    fn place_of(&self, id: TriggerId) -> Option<&Place> {
        let place = self.places.get(id.place)?.as_ref()?;
        (place.life == id.life && place.rule.enabled).then_some(place)
    }

    fn trigger_of(&self, id: TriggerId) -> Option<&Trigger> {
        self.place_of(id)?.rule.triggers.get(id.number)
    }

    /// Looks at the clock.
    pub(crate) fn look(&mut self, cx: &Context) -> u64 {
        self.clock.look(cx.now())
    }

    /// An event came.
    pub(crate) async fn event(&mut self, cx: &Context, topic: &str, payload: Json<'_>) {
        self.counters.events += 1;
        if let Some(key) = topic.strip_prefix(CHANGED) {
            self.state_changed(cx, key, payload).await;
        }
        let found = self.events.find(topic);
        if found.is_empty() {
            return;
        }
        self.counters.candidates += found.len() as u64;
        let payload: Value = serde_json::from_slice(payload.as_bytes()).unwrap_or_default();
        let event = serde_json::json!({"kind": "event", "topic": topic, "payload": payload});
        let mut begun = None;
        for id in found {
            // Two triggers of a rule are one reason to run it.
            if begun != Some(id.place) && self.wants(cx, id, &event).await {
                begun = Some(id.place);
                self.fire(cx, id, event.clone()).await;
            }
        }
    }
}

/// What the rule is to be subscribed to.
fn filters(rule: &Rule) -> Vec<String> {
    match rule.enabled {
        true => rule.triggers.iter().filter_map(Trigger::subscription).collect(),
        false => Vec::new(),
    }
}
