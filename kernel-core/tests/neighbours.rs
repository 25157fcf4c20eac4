//! Nobody hurts a neighbour: shares of capacities, and events that cause one another.
#![cfg(feature = "large")]
mod support;

use kernel_core::*;
use support::{AtOnce, ByHand, Pending, ROOMY, Seen, Tasks, actor, at_once, json, runtime, start_all};

fn pair() -> (CoreRuntime, ByHand, ByHand) {
    let runtime = runtime(&Capacities {
        names: 64,
        calls: 16,
        ..ROOMY
    });
    let greedy = ByHand::started(&runtime, PluginMetadata::new("greedy", "1"));
    let honest = ByHand::started(&runtime, PluginMetadata::new("honest", "1"));
    (runtime, greedy, honest)
}

/// Does `step` until it is refused: how often it was done, and why no more.
fn fill<T>(mut step: impl FnMut(usize) -> Result<T, Fault>) -> (u32, Fault) {
    for n in 0..10_000 {
        if let Err(fault) = step(n) {
            return (n as u32, fault);
        }
    }
    panic!("never refused");
}

#[test]
fn one_plugin_takes_its_share_of_the_filters_and_leaves_the_rest() {
    let (runtime, greedy, honest) = pair();
    let (count, fault) = fill(|n| greedy.cx().subscribe(&*format!("t{n}")).at_once());
    assert_eq!(
        (count, fault),
        (
            16,
            Fault::Share {
                capacity: Capacity::Filters,
                share: 16
            }
        )
    );
    let (count, fault) = fill(|n| honest.cx().subscribe(&*format!("t{n}")).at_once());
    assert_eq!(
        (count, fault),
        (
            8,
            Fault::Share {
                capacity: Capacity::Filters,
                share: 8
            }
        )
    );
    assert_eq!(runtime.metrics().shares, 2);
    // Its share is smaller now that another one has some.
    for n in 0..5 {
        greedy.cx().unsubscribe(&format!("t{n}")).unwrap();
    }
    greedy.cx().subscribe("again").unwrap();
    greedy.installed.crashed(&Error::new("panic", "boom"));
    assert_eq!(runtime.metrics().filters.used, 8);
}

#[test]
fn one_plugin_takes_its_share_of_the_services_and_of_the_state() {
    let (runtime, greedy, honest) = pair();
    let (count, fault) = fill(|n| greedy.cx().register(&Service::new(&*format!("s{n}"))).at_once());
    assert_eq!(
        (count, fault),
        (
            8,
            Fault::Share {
                capacity: Capacity::Services,
                share: 8
            }
        )
    );
    honest.cx().register(&Service::new("mine")).unwrap();

    let state = greedy.cx().state();
    let (count, fault) = fill(|n| state.set(&*format!("k{n}"), json("1")).at_once());
    assert_eq!(
        (count, fault),
        (
            8,
            Fault::Share {
                capacity: Capacity::StateEntries,
                share: 8
            }
        )
    );
    state.set("k0", json("2")).unwrap();
    honest.cx().state().set("mine", json("1")).unwrap();
    // What another one writes over is that one's.
    honest.cx().state().set("k0", json("3")).unwrap();
    state.delete("k2").unwrap();
    state.set("k8", json("1")).unwrap();
    let large = format!("\"{}\"", "x".repeat(600));
    let refused = state.set("k1", json(&large)).at_once();
    assert!(
        matches!(
            refused,
            Err(Fault::Share {
                capacity: Capacity::StateBytes,
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(runtime.metrics().state_entries.used, 9);
}

#[test]
fn one_plugin_takes_its_share_of_the_calls() {
    let (runtime, greedy, honest) = pair();
    let callee = ByHand::started(&runtime, PluginMetadata::new("callee", "1"));
    callee.cx().register(&Service::new("slow")).unwrap();
    let mut calls = Vec::new();
    let (count, fault) = fill(|_| {
        calls.push(Pending::begin(greedy.cx(), "slow", json("1"), None)?);
        Ok(())
    });
    assert_eq!(
        (count, fault),
        (
            8,
            Fault::Share {
                capacity: Capacity::Calls,
                share: 8
            }
        )
    );
    let call = Pending::begin(honest.cx(), "slow", json("1"), None).unwrap();
    drop((calls, call));
    assert_eq!(runtime.metrics().calls.used, 0);
}

#[test]
fn the_operator_and_a_runtime_without_shares_take_all() {
    let (runtime, greedy, _) = pair();
    runtime.set_share(256);
    let (count, fault) = fill(|n| greedy.cx().subscribe(&*format!("t{n}")).at_once());
    assert_eq!(
        (count, fault),
        (
            32,
            Fault::Full {
                capacity: Capacity::Filters,
                size: 32
            }
        )
    );
    let (_, fault) = fill(|n| runtime.state().set(&*format!("k{n}"), json("1")).at_once());
    assert_eq!(
        fault,
        Fault::Full {
            capacity: Capacity::StateEntries,
            size: 16
        }
    );
}

/// What the watcher was told about plugins that answer their own events. The handlers that could not
/// publish have failed too, of which it was told beside it.
fn warnings(watcher: &mut ByHand) -> Vec<(String, String)> {
    let mut all = Vec::new();
    while let Some(seen) = watcher.next() {
        if let Seen::Event { topic, payload, .. } = seen {
            all.push((topic, payload));
        }
    }
    all.retain(|(_, payload)| payload.contains(r#""warning":"event_cycle""#));
    all
}

/// A plugin that answers each event of one topic by one of another.
fn echo(
    runtime: &CoreRuntime,
    tasks: &mut Tasks,
    name: &'static str,
    hears: &'static str,
    says: &'static str,
) {
    actor(
        runtime,
        tasks,
        PluginMetadata::new(name, "1"),
        move |cx, seen| async move {
            match seen {
                Seen::Load => drop(cx.subscribe(hears).await?),
                Seen::Event { .. } => drop(cx.publish(says, json("1")).await?),
                _ => {}
            }
            Ok("null".into())
        },
    );
}

fn ring(members: &[(&'static str, &'static str, &'static str)]) -> (CoreRuntime, Vec<(String, String)>) {
    let runtime = runtime(&Capacities {
        log_bytes: 64 * 1024,
        ..ROOMY
    });
    let mut tasks = Tasks::default();
    for (name, hears, says) in members {
        echo(&runtime, &mut tasks, name, hears, says);
    }
    start_all(&runtime, &mut tasks);
    let mut watcher = ByHand::started(&runtime, PluginMetadata::new("watcher", "1"));
    watcher.cx().subscribe("runtime.warning.>").unwrap();
    at_once(runtime.bus().publish(members[0].1, json("0"))).unwrap();
    tasks.settle();
    let warnings = warnings(&mut watcher);
    (runtime, warnings)
}

#[test]
fn a_plugin_that_answers_its_own_events_is_refused_and_named() {
    let (runtime, warnings) = ring(&[("loop", "tick", "tick")]);
    let told = [(
        "runtime.warning.loop".to_owned(),
        r#"{"warning":"event_cycle","plugins":["loop"]}"#.to_owned(),
    )];
    assert_eq!(warnings, told);
    assert_eq!((runtime.metrics().cycles, runtime.metrics().refused), (1, 1));
    assert_eq!(support::counters(&runtime, "loop").published, 63);
    assert_eq!(support::last_error(&runtime, "loop").0, "event_cycle");
}

#[test]
fn a_ring_of_three_is_refused_and_all_are_named() {
    let (runtime, warnings) = ring(&[("a", "one", "two"), ("b", "two", "three"), ("c", "three", "one")]);
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].1.contains(r#"["a","b","c"]"#), "{warnings:?}");
    assert_eq!(runtime.metrics().cycles, 1);
}

#[test]
fn a_ring_through_a_call_and_through_the_state_is_refused_as_well() {
    let runtime = runtime(&Capacities {
        log_bytes: 64 * 1024,
        ..ROOMY
    });
    let mut tasks = Tasks::default();
    actor(
        &runtime,
        &mut tasks,
        PluginMetadata::new("server", "1"),
        |cx, seen| async move {
            match seen {
                Seen::Load => cx.register(&Service::new("server.go")).await?,
                Seen::Call { .. } => drop(cx.state().set("key", json("1")).await?),
                _ => {}
            }
            Ok("null".into())
        },
    );
    actor(
        &runtime,
        &mut tasks,
        PluginMetadata::new("client", "1"),
        |cx, seen| async move {
            match seen {
                Seen::Load => drop(cx.subscribe("state.changed.>").await?),
                Seen::Event { .. } => drop(cx.call("server.go", json("1"), &mut [0; 64]).await?),
                _ => {}
            }
            Ok("null".into())
        },
    );
    start_all(&runtime, &mut tasks);
    at_once(runtime.state().set("key", json("0"))).unwrap();
    tasks.settle();
    assert_eq!(runtime.metrics().cycles, 1);
    assert_eq!(support::last_error(&runtime, "client").0, "event_cycle");
}

#[test]
fn a_limit_of_ones_own_is_kept_and_ticks_begin_anew() {
    let runtime = runtime(&ROOMY);
    runtime.set_most_hops(3);
    let mut tasks = Tasks::default();
    echo(&runtime, &mut tasks, "loop", "tick", "tick");
    start_all(&runtime, &mut tasks);
    for round in 1..=5 {
        at_once(runtime.bus().publish("tick", json("0"))).unwrap();
        tasks.settle();
        assert_eq!(support::counters(&runtime, "loop").published, round * 3);
    }
}
