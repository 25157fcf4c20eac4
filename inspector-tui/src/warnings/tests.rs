use std::time::{Duration, Instant};

use super::*;
use crate::facts::Usage;
use crate::facts::{Call, Health, Metrics, Plugin, PluginCounters, PluginState, Service, Slots, State};

fn plugin(name: &str) -> Plugin {
    Plugin {
        index: 0,
        name: name.into(),
        version: "1.0".into(),
        description: String::new(),
        author: String::new(),
        dependencies: Slots::default(),
        placement: "shared".into(),
        state: PluginState::Started,
        hook: "event".into(),
        error: (String::new(), String::new()),
        counters: PluginCounters::default(),
    }
}

fn service(name: &str) -> Service {
    Service {
        name: name.into(),
        owner: "light".into(),
        description: String::new(),
        version: "1".into(),
        deprecated: false,
        calls: 0,
        errors: 0,
        busy_micros: 0,
        worst_micros: 0,
        latency: Vec::new(),
    }
}

fn quiet() -> Snapshot {
    Snapshot {
        health: Health {
            plugins: 1,
            started: 1,
            failed: Slots::default(),
            storage: true,
            running: true,
        },
        metrics: Metrics::default(),
        plugins: vec![plugin("thermo")],
        services: vec![service("light.set"), service("light.old")],
        calls: Vec::new(),
        states: Vec::new(),
        subscriptions: Vec::new(),
    }
}

/// The warnings after a quiet snapshot and one that `change` made of it a second later.
fn after(change: impl FnOnce(&mut Snapshot)) -> Warnings {
    let now = Instant::now();
    let mut warnings = Warnings::default();
    let before = quiet();
    warnings.observe(None, &before, now);
    assert_eq!(warnings.active(), 0, "{warnings:?}");
    let mut after = quiet();
    after.metrics.now = 1_000_000;
    change(&mut after);
    warnings.observe(Some(&before), &after, now + Duration::from_secs(1));
    warnings
}

/// The one there is, as kind, plugin and what happened.
fn only(warnings: &Warnings) -> (Kind, Level, &str, &str) {
    assert_eq!(warnings.iter().len(), 1, "{warnings:?}");
    let one = warnings.iter().next().unwrap();
    (one.kind, one.level, &one.plugin, &one.what)
}

#[test]
fn a_quiet_runtime_has_none() {
    assert_eq!(after(|_| ()).iter().len(), 0);
}

#[test]
fn each_names_its_plugin_and_says_what_happened() {
    let warnings = after(|now| {
        now.plugins[0].counters.slow = 2;
        now.plugins[0].counters.worst_micros = 12_300;
    });
    let (kind, level, plugin, what) = only(&warnings);
    assert_eq!(
        (kind, level, plugin),
        (Kind::SlowHandler, Level::Warning, "thermo")
    );
    assert!(
        what.starts_with("2 of its handlers") && what.ends_with("12.3 ms"),
        "{what}"
    );

    let warnings = after(|now| now.plugins[0].counters.dropped = 40);
    let (kind, level, plugin, what) = only(&warnings);
    assert_eq!((kind, level, plugin), (Kind::Dropped, Level::Error, "thermo"));
    assert!(what.starts_with("lost 40 events within 1.0 s"), "{what}");

    let warnings = after(|now| {
        now.plugins[0].state = PluginState::Failed;
        now.plugins[0].error = ("io".into(), "no such device".into());
    });
    let (kind, _, plugin, what) = only(&warnings);
    assert_eq!((kind, plugin), (Kind::Failed, "thermo"));
    assert!(what.contains("io: no such device"), "{what}");

    let warnings = after(|now| now.metrics.storage_errors = 3);
    assert_eq!(only(&warnings).0, Kind::Storage);
    let warnings = after(|now| now.metrics.refused = 3);
    assert_eq!(only(&warnings).0, Kind::Refused);
}

#[test]
fn a_capacity_warns_from_80_and_alarms_from_95_percent() {
    for (used, expected) in [
        (799, None),
        (800, Some(Level::Warning)),
        (949, Some(Level::Warning)),
        (950, Some(Level::Error)),
        (1000, Some(Level::Error)),
    ] {
        let warnings = after(|now| {
            now.metrics.state_entries = Usage {
                used,
                high_water: used,
                capacity: 1000,
            };
        });
        let found = warnings.iter().next();
        assert_eq!(found.map(|warning| warning.level), expected, "{used}");
        assert!(found.is_none_or(|warning| &*warning.about == "state_entries"));
    }
}

#[test]
fn a_deprecated_service_is_named_with_a_caller() {
    let warnings = after(|now| {
        now.services[1].deprecated = true;
        now.services[1].calls = 5;
        now.calls.push(Call {
            call: 1,
            service: "light.old".into(),
            caller: "scene".into(),
            callee: "light".into(),
            running: true,
            age_micros: 5,
            parent: None,
        });
    });
    let (kind, _, plugin, what) = only(&warnings);
    assert_eq!((kind, plugin), (Kind::Deprecated, "light"));
    assert!(
        what.contains("called 5 times") && what.contains("by `scene`"),
        "{what}"
    );
}

#[test]
fn calls_that_time_out_name_the_service_with_errors() {
    let warnings = after(|now| {
        now.metrics.timed_out = 2;
        now.services[0].calls = 9;
        now.services[0].errors = 2;
    });
    let (kind, _, plugin, what) = only(&warnings);
    assert_eq!((kind, plugin), (Kind::TimedOut, "light"));
    assert!(what.contains("`light.set` (2)"), "{what}");
}

#[test]
fn a_lag_counts_when_it_grows_again_and_again() {
    let start = Instant::now();
    let mut warnings = Warnings::default();
    let mut before = quiet();
    warnings.observe(None, &before, start);
    // Grows three times, stays, and shrinks.
    for (second, (lag, active)) in [(10, 0), (20, 0), (30, 1), (40, 1), (40, 0), (5, 0)]
        .into_iter()
        .enumerate()
    {
        let mut now = quiet();
        now.plugins[0].counters.lag = lag;
        let at = start + Duration::from_secs(second as u64 + 1);
        warnings.observe(Some(&before), &now, at);
        assert_eq!(
            warnings.active(),
            active,
            "lag {lag} in second {second}: {warnings:?}"
        );
        before = now;
    }
    let (kind, _, plugin, what) = only(&warnings);
    assert_eq!((kind, plugin), (Kind::GrowingLag, "thermo"));
    assert!(
        what.starts_with("40 events are unread, 40 more than 4 snapshots ago"),
        "{what}"
    );
}

#[test]
fn two_restarts_within_a_minute_are_a_loop() {
    let start = Instant::now();
    let mut warnings = Warnings::default();
    let mut before = quiet();
    warnings.observe(None, &before, start);
    // (second, restarts so far, active warnings)
    for (second, restarts, active) in [(1, 1, 0), (100, 2, 0), (130, 3, 1), (131, 3, 1), (195, 3, 0)] {
        let mut now = quiet();
        now.plugins[0].counters.failures = restarts;
        let at = start + Duration::from_secs(second);
        warnings.tick(at);
        warnings.observe(Some(&before), &now, at);
        assert_eq!(warnings.active(), active, "in second {second}: {warnings:?}");
        before = now;
    }
    let (kind, _, plugin, what) = only(&warnings);
    assert_eq!((kind, plugin), (Kind::RestartLoop, "thermo"));
    assert!(
        what.starts_with("restarted 2 times within 60 s, 3 times in all"),
        "{what}"
    );
}

#[test]
fn what_happened_is_over_after_a_while_and_may_come_again() {
    let start = Instant::now();
    let mut warnings = Warnings::default();
    let before = quiet();
    let mut dropping = quiet();
    dropping.plugins[0].counters.dropped = 1;
    warnings.observe(None, &before, start);
    warnings.observe(Some(&before), &dropping, start);
    warnings.observe(Some(&before), &dropping, start + Duration::from_secs(1));
    assert_eq!((warnings.active(), warnings.worst()), (1, Some(Level::Error)));
    assert_eq!(warnings.iter().next().unwrap().count, 2);
    assert!(!warnings.tick(start + Duration::from_secs(10)));
    assert!(warnings.tick(start + Duration::from_secs(11)));
    assert_eq!((warnings.active(), warnings.worst()), (0, None));
    warnings.missed(LostAt::Bus, 3, 3, start + Duration::from_secs(12));
    warnings.observe(Some(&before), &dropping, start + Duration::from_secs(12));
    assert_eq!(warnings.active(), 2);
    // Worst first, then what is over.
    let kinds: Vec<_> = warnings
        .iter()
        .map(|warning| (warning.kind, warning.over.is_some()))
        .collect();
    assert_eq!(
        kinds,
        [
            (Kind::Dropped, false),
            (Kind::Missed, false),
            (Kind::Dropped, true)
        ]
    );
}

#[test]
fn those_that_are_over_do_not_pile_up() {
    let start = Instant::now();
    let mut warnings = Warnings::default();
    for round in 0..500u64 {
        let at = start + Duration::from_secs(round * 20);
        warnings.missed(LostAt::Link, 1, round, at);
        warnings.tick(at + Duration::from_secs(15));
    }
    assert_eq!(warnings.iter().len(), KEPT);
}

#[test]
fn a_fault_of_the_database_is_shown_as_long_as_it_is_told() {
    let mut warnings = after(|snapshot| {
        snapshot.states.push(State {
            key: "runtime.storage.fault".into(),
            value: Some("\"the disk is full; free some space\"".to_owned()),
            version: 7,
            ttl_ms: None,
            owner: "kernel".into(),
        });
    });
    let shown: Vec<_> = warnings
        .iter()
        .map(|warning| (warning.kind, &*warning.what))
        .collect();
    assert_eq!(shown, [(Kind::StorageFault, "the disk is full; free some space")]);
    assert_eq!(warnings.worst(), Some(Level::Error));
    warnings.observe(Some(&quiet()), &quiet(), Instant::now() + Duration::from_secs(1));
    assert_eq!(warnings.worst(), None);
}

#[test]
fn the_kernels_own_warnings_are_shown() {
    let now = Instant::now();
    let mut warnings = Warnings::default();
    warnings.warned(
        "runtime.warning.lamp",
        br#"{"warning":"handler_failed","hook":"on_event","seq":7,"topic":"a.b","code":"broken","error":"no bulb","more":2}"#,
        now,
    );
    warnings.warned(
        "runtime.warning.loop",
        br#"{"warning":"event_cycle","plugins":["loop","lamp"]}"#,
        now,
    );
    warnings.warned(
        "runtime.warning.hog",
        br#"{"warning":"share_used","capacity":"filters","share":5}"#,
        now,
    );
    for (topic, payload) in [
        (
            "runtime.warning.lamp",
            &br#"{"warning":"slow_handler","hook":"on_event","micros":5}"#[..],
        ),
        ("runtime.warning.lamp", br#"{"warning":"from a later version"}"#),
        ("runtime.plugin.lamp", br#"{"state":"STARTED"}"#),
    ] {
        warnings.warned(topic, payload, now);
    }
    let shown: Vec<_> = warnings
        .iter()
        .map(|warning| (warning.kind, &*warning.plugin, &*warning.what))
        .collect();
    assert_eq!(
        shown,
        [
            (
                Kind::HandlerFailed,
                "lamp",
                "on_event failed at event 7, a.b: broken: no bulb; 2 more before it"
            ),
            (
                Kind::EventCycle,
                "loop",
                "was refused an event that too many others had caused: loop, lamp answer one another's events"
            ),
            (
                Kind::ShareUsed,
                "hog",
                "was refused more of the capacity `filters`: it holds its share, 5"
            ),
        ]
    );
}
