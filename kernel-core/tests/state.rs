//! The state: each operation, times to live, versions, events, and what is refused.
mod support;

use std::time::Duration;

use kernel_core::*;
use support::{AtOnce, ByHand, ROOMY, Seen, Tasks, advance, at_once, json, now, runtime};

const SECOND: Duration = Duration::from_secs(1);

fn get(state: StateEngine, key: &str) -> Option<String> {
    let mut buf = [0; 1024];
    state
        .get(key, &mut buf)
        .unwrap()
        .map(|value| value.as_str().to_owned())
}

fn keys(state: StateEngine, prefix: &str) -> Vec<String> {
    let (mut cursor, mut buf, mut all) = (0, [0; 1024], Vec::new());
    while let Some(entry) = at_once(state.keys(prefix, &mut cursor, &mut buf)).unwrap() {
        all.push(entry.key.to_owned());
    }
    all.sort();
    all
}

/// A watcher of all changes.
fn watcher(runtime: &CoreRuntime) -> ByHand {
    let watcher = ByHand::started(runtime, PluginMetadata::new("watcher", "1.0.0"));
    watcher.cx().subscribe("state.changed.>").unwrap();
    watcher
}

fn changes(watcher: &mut ByHand) -> Vec<(String, String)> {
    let mut all = Vec::new();
    while let Some(seen) = watcher.next() {
        if let Seen::Event { topic, payload, .. } = seen {
            json(&payload);
            all.push((topic, payload));
        }
    }
    all
}

#[test]
fn a_value_is_set_read_replaced_and_deleted() {
    let state = runtime(&ROOMY).state();
    assert_eq!(get(state, "a.b"), None);
    let first = state.set("a.b", json("[1]")).unwrap();
    assert_eq!(get(state, "a.b").as_deref(), Some("[1]"));
    let second = state.set("a.b", json("[1,2]")).unwrap();
    assert!(second > first);
    assert!(at_once(state.exists("a.b")).unwrap());
    let mut buf = [0; 64];
    let (value, version) = state.get_versioned("a.b", &mut buf).unwrap().unwrap();
    assert_eq!((value.as_str(), version), ("[1,2]", second));
    assert_eq!(at_once(state.delete("a.b")), Ok(true));
    assert_eq!(at_once(state.delete("a.b")), Ok(false));
    assert!(!at_once(state.exists("a.b")).unwrap());
}

#[test]
fn a_value_larger_than_the_callers_buffer_is_an_error() {
    let state = runtime(&ROOMY).state();
    state.set("a", json("12345")).unwrap();
    assert_eq!(
        at_once(state.get("a", &mut [0; 4])).map(|_| ()),
        Err(Fault::Buffer { len: 5 })
    );
}

#[test]
fn keys_are_listed_by_prefix_with_value_version_owner_and_time_left() {
    let runtime = runtime(&ROOMY);
    let state = runtime.state();
    let plugin = ByHand::started(&runtime, PluginMetadata::new("p", "1.0.0"));
    state.set("room.a", json("1")).unwrap();
    let version = plugin
        .cx()
        .state()
        .set_with_ttl("room.b", json("2"), SECOND)
        .unwrap();
    state.set("other", json("3")).unwrap();
    assert_eq!(keys(state, "room."), ["room.a", "room.b"]);
    assert_eq!(keys(state, ""), ["other", "room.a", "room.b"]);
    advance(SECOND / 4);
    let (mut cursor, mut buf) = (0, [0; 64]);
    let entry = at_once(state.keys("room.b", &mut cursor, &mut buf))
        .unwrap()
        .unwrap();
    assert_eq!(entry.value.unwrap().as_str(), "2");
    assert_eq!((entry.version, entry.owner), (version, plugin.cx().id()));
    assert_eq!(entry.ttl, Some(SECOND * 3 / 4));
}

#[test]
fn past_its_time_a_value_is_gone_for_every_operation() {
    // Without a timekeeper: the operations see it by themselves.
    let state = runtime(&ROOMY).state();
    let fresh = || {
        state.set_with_ttl("k", json("1"), SECOND).unwrap();
        advance(SECOND - Duration::from_micros(1));
        assert!(at_once(state.exists("k")).unwrap());
        advance(Duration::from_micros(1));
    };
    fresh();
    assert_eq!(get(state, "k"), None);
    fresh();
    assert!(!at_once(state.exists("k")).unwrap());
    fresh();
    assert!(keys(state, "").is_empty());
    assert_eq!(at_once(state.delete("k")), Ok(false));
    fresh();
    assert_eq!(at_once(state.clear()), Ok(0));
    fresh();
    let version = state.compare_and_set("k", json("2"), 0).unwrap();
    assert_eq!(get(state, "k").as_deref(), Some("2"));
    state.delete("k").unwrap();
    fresh();
    assert_eq!(
        at_once(state.compare_and_set("k", json("2"), version)),
        Err(Fault::Conflict)
    );
    fresh();
    state.update(&[(Name::Fixed("k"), json("3"))]).unwrap();
    advance(SECOND * 10);
    assert_eq!(get(state, "k").as_deref(), Some("3"), "the new value has no end");
}

#[test]
fn what_is_over_gives_its_room_to_what_is_new() {
    let runtime = runtime(&Capacities {
        state_entries: 2,
        state_bytes: 32,
        state_block: 16,
        names: 4,
        ..ROOMY
    });
    let state = runtime.state();
    for key in ["a", "b"] {
        state.set_with_ttl(key, json("\"0123456789\""), SECOND).unwrap();
    }
    assert_eq!(
        at_once(state.set("c", json("1"))),
        Err(Fault::Full {
            capacity: Capacity::StateBytes,
            size: 32
        })
    );
    advance(SECOND);
    state.set("c", json("1")).unwrap();
    state.set_with_ttl("d", json("1"), SECOND).unwrap();
    advance(SECOND);
    state.update(&[(Name::Fixed("e"), json("1"))]).unwrap();
    assert_eq!(keys(state, ""), ["c", "e"]);
}

#[test]
fn setting_without_a_time_to_live_takes_it_away_and_a_new_one_counts_anew() {
    let state = runtime(&ROOMY).state();
    state.set_with_ttl("k", json("1"), SECOND).unwrap();
    advance(SECOND / 2);
    state.set_with_ttl("k", json("2"), SECOND).unwrap();
    advance(SECOND * 3 / 4);
    assert_eq!(get(state, "k").as_deref(), Some("2"));
    state.set("k", json("3")).unwrap();
    advance(SECOND * 60);
    assert_eq!(get(state, "k").as_deref(), Some("3"));
}

#[test]
fn compare_and_set_tells_the_version_that_is_there() {
    let state = runtime(&ROOMY).state();
    let first = state.compare_and_set("k", json("1"), 0).unwrap();
    assert_eq!(
        at_once(state.compare_and_set("k", json("2"), 0)),
        Err(Fault::Conflict)
    );
    let second = state.compare_and_set("k", json("2"), first).unwrap();
    assert!(second > first);
    assert_eq!(
        at_once(state.compare_and_set("k", json("3"), first)),
        Err(Fault::Conflict)
    );
    assert_eq!(get(state, "k").as_deref(), Some("2"));
}

#[test]
fn a_version_is_never_used_again() {
    let state = runtime(&ROOMY).state();
    let mut last = 0;
    for n in 0..20 {
        let version = match n % 3 {
            0 => state.set("a", json("1")).unwrap(),
            1 => state.set_with_ttl("b", json("1"), Duration::ZERO).unwrap(),
            _ => {
                state.delete("a").unwrap();
                state.set("a", json("2")).unwrap()
            }
        };
        assert!(version > last);
        last = version;
    }
}

#[test]
fn an_update_is_done_whole_or_not_at_all() {
    let runtime = runtime(&Capacities {
        state_entries: 3,
        state_bytes: 64,
        state_block: 16,
        names: 1,
        name_bytes: 8,
        ..ROOMY
    });
    let state = runtime.state();
    state.set(name!("old"), json("1")).unwrap();
    let before = (runtime.metrics(), get(state, "old"));
    let fixed = Name::Fixed;
    let long = "\"0123456789012345678901234567890123456789012345678901\"";
    let refused: [(&[(Name<'_>, Json<'_>)], Fault); 6] = [
        (
            &[
                (fixed("old"), json("2")),
                (fixed("a"), json("1")),
                (fixed("b"), json("1")),
                (fixed("c"), json("1")),
            ],
            // Four blocks there are: one is taken, and the old value stays until the new one is in.
            Fault::Full {
                capacity: Capacity::StateBytes,
                size: 64,
            },
        ),
        (
            &[
                (fixed("a"), json("1")),
                (fixed("b"), json("1")),
                (fixed("c"), json("1")),
            ],
            Fault::Full {
                capacity: Capacity::StateEntries,
                size: 3,
            },
        ),
        (
            &[(fixed("old"), json("2")), (fixed("runtime.x"), json("1"))],
            Fault::Reserved,
        ),
        (
            &[(fixed("old"), json("2")), (fixed("a"), json(long))],
            Fault::Full {
                capacity: Capacity::StateBytes,
                size: 64,
            },
        ),
        (
            &[(Name::Copied("x"), json("2")), (Name::Copied("y"), json("1"))],
            Fault::Full {
                capacity: Capacity::Names,
                size: 1,
            },
        ),
        (
            &[(fixed("old"), json("2")), (Name::Copied("long.name"), json("1"))],
            Fault::TooLarge { max: 8 },
        ),
    ];
    for (writes, error) in refused {
        assert_eq!(at_once(state.update(writes)), Err(error));
        assert_eq!((runtime.metrics(), get(state, "old")), before, "{error:?}");
    }
    state
        .update(&[(fixed("old"), json("2")), (Name::Copied("new"), json("3"))])
        .unwrap();
    assert_eq!(get(state, "old").as_deref(), Some("2"));
    assert_eq!(get(state, "new").as_deref(), Some("3"));
}

#[test]
fn every_change_is_an_event_with_its_value_and_version() {
    let runtime = runtime(&ROOMY);
    let mut watcher = watcher(&runtime);
    let state = runtime.state();
    let mut tasks = Tasks::default();
    let a = state.set("a", json("{\"x\": [1]}")).unwrap();
    state.delete("a").unwrap();
    state.set_with_ttl("b", json("2"), SECOND).unwrap();
    tasks.pass(runtime.kernel(), SECOND);
    state
        .update(&[(Name::Fixed("c"), json("3")), (Name::Fixed("d"), json("4"))])
        .unwrap();
    assert_eq!(at_once(state.clear()), Ok(2));
    let topic = |key: &str| format!("state.changed.{key}");
    let expected = [
        (
            topic("a"),
            format!("{{\"value\":{{\"x\": [1]}},\"version\":{a}}}"),
        ),
        (topic("a"), format!("{{\"deleted\":true,\"version\":{}}}", a + 1)),
        (topic("b"), format!("{{\"value\":2,\"version\":{}}}", a + 2)),
        (topic("b"), format!("{{\"expired\":true,\"version\":{}}}", a + 3)),
        (topic("c"), format!("{{\"value\":3,\"version\":{}}}", a + 4)),
        (topic("d"), format!("{{\"value\":4,\"version\":{}}}", a + 5)),
        (topic("c"), format!("{{\"deleted\":true,\"version\":{}}}", a + 6)),
        (topic("d"), format!("{{\"deleted\":true,\"version\":{}}}", a + 7)),
    ];
    assert_eq!(changes(&mut watcher), expected);
}

#[test]
fn a_change_that_nobody_hears_is_in_the_log_and_whoever_comes_hears_the_next() {
    let runtime = runtime(&ROOMY);
    let mut tap = Tap::open(runtime.kernel(), None).unwrap();
    let mut other = ByHand::started(&runtime, PluginMetadata::new("other", "1.0.0"));
    other.cx().subscribe("*.kitchen.>").unwrap();
    let logged = |tap: &mut Tap| {
        let (mut buf, mut all) = ([0; 512], Vec::new());
        while let Some(tapped) = tap.try_next(&mut buf) {
            if let Tapped::Record(record) = tapped {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                all.push((
                    record.seq,
                    record.topic.to_owned(),
                    text(record.payload),
                    record.receivers.len(),
                ));
            }
        }
        all.retain(|(_, topic, ..)| topic.starts_with("state.changed.lamp"));
        all
    };
    let state = other.cx().state();
    let next = runtime.metrics().next_seq;
    let published = runtime.metrics().next_seq;
    let version = state.set("lamp.on", json("true")).unwrap();
    state.delete("lamp.on").unwrap();
    assert_eq!(runtime.metrics().next_seq, published + 2);
    let topic = "state.changed.lamp.on".to_owned();
    let told = |what: &str, version: u64| format!("{{{what},\"version\":{version}}}");
    let expected = [
        (next, topic.clone(), told("\"value\":true", version), 0),
        (next + 1, topic.clone(), told("\"deleted\":true", version + 1), 0),
    ];
    assert_eq!(logged(&mut tap), expected);

    // Each filter that may match brings the next change, until the last of them goes.
    let hears = |filter: &str, other: &mut ByHand| {
        other.cx().subscribe(Name::Copied(filter)).unwrap();
        state.set("lamp.on", json("1")).unwrap();
        assert!(changes(other).len() == 1, "{filter}");
        assert!(at_once(other.cx().unsubscribe(filter)).unwrap());
        state.set("lamp.on", json("2")).unwrap();
        assert!(changes(other).is_empty(), "{filter}");
    };
    for filter in [">", "state.*.lamp.on", "state.changed.lamp.on", "*.changed.>"] {
        hears(filter, &mut other);
    }
    assert_eq!(logged(&mut tap).len(), 8);
}

#[test]
fn a_key_twice_in_an_update_is_told_as_often_and_the_last_value_stays() {
    let runtime = runtime(&ROOMY);
    let mut watcher = watcher(&runtime);
    let state = runtime.state();
    let writes = [(Name::Fixed("a"), json("1")), (Name::Fixed("a"), json("22"))];
    state.update(&writes).unwrap();
    let told: Vec<_> = changes(&mut watcher)
        .into_iter()
        .map(|(_, payload)| payload)
        .collect();
    assert_eq!(
        told,
        ["{\"value\":1,\"version\":1}", "{\"value\":22,\"version\":2}"]
    );
    assert_eq!(get(state, "a").as_deref(), Some("22"));
}

// The clock of a kernel without `large` does not go on between two readings so near each other.
#[cfg(feature = "large")]
#[test]
fn what_expires_by_a_write_is_not_later_than_it() {
    let runtime = runtime(&ROOMY);
    let mut tap = Tap::open(runtime.kernel(), None).unwrap();
    let state = runtime.state();
    support::ticks(1);
    state
        .set_with_ttl("a", json("1"), Duration::from_micros(1))
        .unwrap();
    state.set("b", json("2")).unwrap();
    let (mut buf, mut told) = ([0; 512], Vec::new());
    while let Some(Tapped::Record(record)) = tap.try_next(&mut buf) {
        told.push((record.time.as_micros(), record.topic.to_owned()));
    }
    let topics: Vec<_> = told.iter().map(|(_, topic)| topic.as_str()).collect();
    assert_eq!(topics, ["state.changed.a", "state.changed.a", "state.changed.b"]);
    assert!(told.is_sorted_by_key(|(time, _)| *time), "{told:?}");
}

#[test]
fn what_is_refused_is_no_event() {
    let runtime = runtime(&ROOMY);
    let mut watcher = watcher(&runtime);
    let state = runtime.state();
    state.compare_and_set("a", json("1"), 7).unwrap_err();
    state.set("runtime.x", json("1")).unwrap_err();
    state.delete("nothing").unwrap();
    assert!(changes(&mut watcher).is_empty());
}

#[test]
fn a_plugins_values_go_with_its_life_and_the_watcher_is_told() {
    let runtime = runtime(&ROOMY);
    let mut watcher = watcher(&runtime);
    let plugin = ByHand::started(&runtime, PluginMetadata::new("p", "1.0.0"));
    plugin.cx().state().set("mine", json("1")).unwrap();
    plugin.cx().state().set("shared", json("1")).unwrap();
    runtime.state().set("shared", json("2")).unwrap();
    changes(&mut watcher);
    plugin.installed.crashed(&Error::new("panic", "boom"));
    assert_eq!(
        keys(runtime.state(), ""),
        ["shared"],
        "it belongs to its last writer"
    );
    let told = changes(&mut watcher);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "state.changed.mine");
    assert!(told[0].1.starts_with("{\"deleted\":true,\"version\":"));
    assert_eq!(
        at_once(plugin.cx().state().set("mine", json("1"))),
        Err(Fault::Unloaded)
    );
}

#[test]
fn a_plugin_clears_its_own_values_and_the_operator_all_but_the_kernels() {
    let runtime = runtime(&ROOMY);
    let plugin = ByHand::started(&runtime, PluginMetadata::new("p", "1.0.0"));
    runtime.set_status(Status::Running);
    runtime.state().set("theirs", json("1")).unwrap();
    plugin.cx().state().set("mine", json("1")).unwrap();
    assert_eq!(at_once(plugin.cx().state().clear()), Ok(1));
    assert_eq!(keys(runtime.state(), ""), ["runtime.status", "theirs"]);
    assert_eq!(at_once(runtime.state().clear()), Ok(1));
    assert_eq!(keys(runtime.state(), ""), ["runtime.status"]);
}

#[test]
fn reserved_keys_are_read_by_all_and_written_by_nobody() {
    let runtime = runtime(&ROOMY);
    let state = runtime.state();
    runtime.set_status(Status::Running);
    assert_eq!(get(state, STATUS).as_deref(), Some("\"running\""));
    assert_eq!(at_once(state.set(STATUS, json("1"))), Err(Fault::Reserved));
    assert_eq!(
        at_once(state.set_with_ttl(STATUS, json("1"), SECOND)),
        Err(Fault::Reserved)
    );
    assert_eq!(
        at_once(state.compare_and_set(STATUS, json("1"), 1)),
        Err(Fault::Reserved)
    );
    assert_eq!(at_once(state.delete(STATUS)), Err(Fault::Reserved));
    assert_eq!(get(state, STATUS).as_deref(), Some("\"running\""));
    state.set("runtimes", json("1")).unwrap();
}

#[test]
fn a_key_is_formed_like_the_end_of_a_topic() {
    let state = runtime(&Capacities {
        name_bytes: 255,
        ..ROOMY
    })
    .state();
    let set = |key: &str| at_once(state.set(Name::Copied(key), json("1"))).map(drop);
    let tokens = |n: usize| vec!["t"; n].join(".");
    assert_eq!(set(&tokens(14)), Ok(()));
    let many = Fault::Name {
        why: NameFault::TooManyTokens,
        at: 14,
    };
    assert_eq!(set(&tokens(15)), Err(many));
    assert_eq!(set(&"x".repeat(114)), Ok(()));
    assert_eq!(
        set(&"x".repeat(114 + 1)),
        Err(Fault::Name {
            why: NameFault::TooLong,
            at: 114
        })
    );
    for bad in ["", "a..b", "a.", "a b", "*", "a.>"] {
        assert!(matches!(set(bad), Err(Fault::Name { .. })), "{bad:?}");
        assert!(matches!(at_once(state.delete(bad)), Err(Fault::Name { .. })));
        assert!(!at_once(state.exists(bad)).unwrap());
    }
}

#[test]
fn a_timekeeper_is_asked_for_the_next_expiry() {
    let runtime = runtime(&ROOMY);
    runtime.state().set_with_ttl("a", json("1"), SECOND * 2).unwrap();
    runtime.state().set_with_ttl("b", json("1"), SECOND).unwrap();
    assert_eq!(
        runtime.kernel().expire().map(Instant::as_micros),
        Some(now() + 1_000_000)
    );
    advance(SECOND);
    assert_eq!(
        runtime.kernel().expire().map(Instant::as_micros),
        Some(now() + 1_000_000)
    );
    assert_eq!(runtime.metrics().state_entries.used, 1);
    advance(SECOND);
    assert_eq!(runtime.kernel().expire(), None);
    assert_eq!(runtime.metrics().state_bytes.used, 0);
}
