//! What must be so after each step.
//!
//! - One total order: whoever reads all sees each number once, or is told that it is lost.
//! - Exact losses: between two events that a plugin gets, it is told of as many lost as there were for it.
//! - A call that is over time has ended, or its caller is woken to hear it.
//! - States of plugins follow one another as they may.
//! - No capacity is used beyond its size; at the end all of each is back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use kernel_core::*;

use crate::plugins::NAMES;

/// What was simulated.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    pub(crate) steps: u64,
    pub(crate) events: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    pub(crate) calls: u64,
    pub(crate) timed_out: u64,
    pub(crate) failures: u64,
    pub(crate) sessions: u64,
}

impl Seen {
    pub(crate) fn add(&mut self, other: &Seen) {
        self.steps += other.steps;
        self.events += other.events;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.calls += other.calls;
        self.timed_out += other.timed_out;
        self.failures += other.failures;
        self.sessions += other.sessions;
    }

    /// A simulation in which nothing happens proves nothing.
    pub(crate) fn assert_enough(&self, seeds: u64) {
        for (what, count) in [
            ("events", self.events),
            ("delivered", self.delivered),
            ("lost", self.lost),
            ("calls", self.calls),
            ("timed out", self.timed_out),
            ("failures", self.failures),
            ("sessions", self.sessions),
        ] {
            assert!(count > seeds / 10, "{what}: {count} in {seeds} seeds");
        }
    }
}

/// What one life of a plugin got.
#[derive(Default)]
struct Got {
    /// The number that the next event had when the life began, set at the next look.
    from: Option<u64>,
    last: Option<u64>,
    /// Where it was stopped.
    stopped: Vec<u64>,
    events: Vec<(u64, u32, String)>,
}

/// What plugins got since the last look.
#[derive(Clone, Default)]
pub(crate) struct Deliveries(Rc<RefCell<BTreeMap<usize, Got>>>);

impl Deliveries {
    /// A life begins.
    pub(crate) fn begin(&self, plugin: usize) {
        self.0.borrow_mut().insert(plugin, Got::default());
    }

    /// What was not read by then is counted, and not told after the next start.
    fn stop(&self, plugin: &str, seq: u64) {
        for (index, got) in self.0.borrow_mut().iter_mut() {
            if NAMES[*index] == plugin {
                got.stopped.push(seq);
            }
        }
    }

    pub(crate) fn took(&self, plugin: usize, seq: u64, lost: u32, topic: &str) {
        let mut all = self.0.borrow_mut();
        let got = all.get_mut(&plugin).expect("an event comes after the load");
        got.events.push((seq, lost, topic.to_owned()));
    }
}

/// Reads everything, as it comes.
pub(crate) struct Witness {
    tap: Tap,
    next: u64,
    /// Topic and receivers by number; those that it could not read are not there.
    records: BTreeMap<u64, (String, PluginSet)>,
    missed: Vec<u64>,
    states: BTreeMap<String, String>,
    pub(crate) seen: Seen,
}

impl Witness {
    pub(crate) fn new(runtime: CoreRuntime) -> Witness {
        let tap = Tap::open(runtime.kernel(), None).unwrap();
        Witness {
            next: tap.position(),
            tap,
            records: BTreeMap::new(),
            missed: Vec::new(),
            states: BTreeMap::new(),
            seen: Seen::default(),
        }
    }

    /// Looks at all that is new, and at what plugins got.
    pub(crate) fn look(&mut self, runtime: CoreRuntime, deliveries: &Deliveries, installed: &[Installed]) {
        let before = self.next;
        let mut buf = [0; 1024];
        while let Some(found) = self.tap.try_next(&mut buf) {
            match found {
                Tapped::Record(record) => {
                    assert_eq!(
                        record.seq, self.next,
                        "the order is total, and nothing is left out"
                    );
                    self.next += 1;
                    self.seen.events += 1;
                    let (topic, receivers) = (record.topic.to_owned(), record.receivers);
                    if let Some(plugin) = topic.strip_prefix("runtime.plugin.") {
                        let text = std::str::from_utf8(record.payload).unwrap();
                        follow(&mut self.states, &mut self.seen, plugin, text);
                        if self.states[plugin] == "STOPPED" {
                            deliveries.stop(plugin, record.seq);
                        }
                    }
                    self.records.insert(record.seq, (topic, receivers));
                }
                Tapped::Lost { from, count } => {
                    assert_eq!(from, self.next, "what is lost is where it is missing");
                    self.missed.extend(from..from + count);
                    self.next += count;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(self.next, runtime.metrics().next_seq, "nothing is left");
        for (plugin, got) in deliveries.0.borrow_mut().iter_mut() {
            self.check(*plugin, got, installed[*plugin].index(), before);
        }
        capacities(&runtime.metrics());
    }

    /// What one plugin got since the last look, and what it was told that it lost.
    fn check(&mut self, plugin: usize, got: &mut Got, slot: usize, before: u64) {
        let from = *got.from.get_or_insert(before);
        for (seq, lost, topic) in got.events.drain(..) {
            let mut after = got.last.map_or(from, |last| last + 1);
            let stopped = got.stopped.iter().filter(|stopped| **stopped < seq).max();
            after = after.max(stopped.map_or(0, |stopped| stopped + 1));
            assert!(seq >= after, "plugin {plugin}: event {seq} after {after}");
            if let Some((published, receivers)) = self.records.get(&seq) {
                assert!(
                    receivers.contains(slot),
                    "plugin {plugin} gets event {seq}, which is not for it"
                );
                assert_eq!(*published, topic);
            }
            let between = self.records.range(after..seq);
            let skipped = between
                .filter(|(_, (_, receivers))| receivers.contains(slot))
                .count() as u64;
            // Nobody knows for whom those were that the witness missed.
            let unknown = self
                .missed
                .iter()
                .filter(|missed| (after..seq).contains(missed))
                .count() as u64;
            let told = u64::from(lost);
            assert!(
                (skipped..=skipped + unknown).contains(&told),
                "plugin {plugin} is told of {told} lost before event {seq}, there were {skipped} (and {unknown} unknown) \
                 from {after} on"
            );
            got.last = Some(seq);
            self.seen.delivered += 1;
            self.seen.lost += told;
        }
    }
}

/// Notes what state a plugin goes to.
fn follow(states: &mut BTreeMap<String, String>, seen: &mut Seen, plugin: &str, text: &str) {
    let change: serde_json::Value = serde_json::from_str(text).unwrap();
    let now = change["state"].as_str().unwrap().to_owned();
    let was = states.insert(plugin.to_owned(), now.clone());
    let was = was.as_deref().unwrap_or("UNLOADED");
    let may = match &*now {
        "LOADED" => was == "UNLOADED" || was == "FAILED",
        "STARTED" => was == "LOADED" || was == "STOPPED",
        "STOPPED" => was == "STARTED",
        "UNLOADED" => was != "STARTED",
        "FAILED" => true,
        _ => false,
    };
    assert!(may, "{plugin} goes from {was} to {now}");
    seen.failures += u64::from(now == "FAILED");
}

fn capacities(metrics: &Metrics) {
    for (name, usage) in [
        ("filters", metrics.filters),
        ("services", metrics.services),
        ("calls", metrics.calls),
        ("state_entries", metrics.state_entries),
        ("state_bytes", metrics.state_bytes),
        ("log_bytes", metrics.log_bytes),
        ("names", metrics.names),
        ("waits", metrics.waits),
        ("taps", metrics.taps),
    ] {
        assert!(
            usage.used <= usage.capacity && usage.used <= usage.high_water,
            "{name}: {usage:?}"
        );
    }
}

/// At the end nothing is held by anybody.
pub(crate) fn all_is_back(runtime: CoreRuntime) {
    let metrics = runtime.metrics();
    let used = [
        ("filters", metrics.filters.used, 0),
        ("services", metrics.services.used, 0),
        ("calls", metrics.calls.used, 0),
        // The status; the witness; whoever waits for a change of plugins, the supervisor.
        ("state_entries", metrics.state_entries.used, 1),
        ("taps", metrics.taps.used, 1),
        ("waits", metrics.waits.used, 1),
    ];
    for (name, used, expected) in used {
        assert_eq!(used, expected, "{name} that nobody gave back: {metrics:?}");
    }
}
