//! Ticks, slow handlers and shutting down.
mod support;

use std::time::Duration;

use kernel_core::PluginState::{Failed, Started, Unloaded};
use kernel_core::*;
use support::{
    ByHand, Notes, ROOMY, Seen, Tasks, actor, advance, counters, json, last_error, now, poll_once, runtime,
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn ticks_come_at_their_interval_while_the_plugin_is_started() {
    let runtime = runtime(&ROOMY);
    let kernel = runtime.kernel();
    let mut tasks = Tasks::default();
    let notes = Notes::default();
    let (all, begun) = (notes.clone(), now());
    actor(
        &runtime,
        &mut tasks,
        PluginMetadata::new("p", "1.0.0"),
        move |cx, seen| {
            let notes = all.clone();
            async move {
                match seen {
                    Seen::Start => cx.set_interval(SECOND * 2),
                    Seen::Tick => notes.push(((now() - begun) / 1_000_000).to_string()),
                    _ => {}
                }
                Ok("null".into())
            }
        },
    );
    tasks.run(kernel, runtime.plugins().start("p")).unwrap();
    tasks.pass(kernel, SECOND * 7);
    assert_eq!(notes.take(), ["2", "4", "6"]);
    tasks.run(kernel, runtime.plugins().stop("p")).unwrap();
    tasks.pass(kernel, SECOND * 7);
    assert!(notes.take().is_empty());
    assert_eq!(counters(&runtime, "p").handled, 3);
}

#[test]
fn ticks_that_were_missed_do_not_pile_up() {
    let runtime = runtime(&ROOMY);
    let mut p = ByHand::started(&runtime, PluginMetadata::new("p", "1.0.0"));
    p.cx().set_interval(SECOND);
    assert_eq!(p.next(), None);
    advance(SECOND * 10 + SECOND / 2);
    assert_eq!(p.next(), Some(Seen::Tick));
    assert_eq!(p.next(), None);
    advance(SECOND - Duration::from_micros(1));
    assert_eq!(p.next(), None);
    advance(Duration::from_micros(1));
    assert_eq!(p.next(), Some(Seen::Tick));
    p.cx().set_interval(Duration::ZERO);
    advance(SECOND * 10);
    assert_eq!(p.next(), None);
}

#[test]
fn ticks_faster_than_they_are_handled_leave_room_for_messages() {
    let runtime = runtime(&ROOMY);
    let mut p = ByHand::started(&runtime, PluginMetadata::new("p", "1.0.0"));
    p.cx().subscribe("e").unwrap();
    p.cx().register(Service::new("p.x")).unwrap();
    p.cx().set_interval(Duration::from_millis(1));
    runtime.bus().try_publish("e", json("1")).unwrap();
    let _call = runtime.services().begin("p.x", json("1"), None).unwrap();
    let kinds: Vec<_> = (0..6)
        .map(|_| {
            advance(SECOND);
            match p.next() {
                Some(Seen::Tick) => "tick",
                Some(Seen::Event { .. }) => "event",
                Some(Seen::Call { .. }) => "call",
                other => panic!("{other:?}"),
            }
        })
        .collect();
    assert_eq!(kinds, ["tick", "event", "tick", "call", "tick", "tick"]);
}

#[test]
fn a_handler_over_its_budget_is_counted_and_a_warning() {
    let runtime = runtime(&ROOMY);
    let mut watcher = ByHand::started(&runtime, PluginMetadata::new("watcher", "1.0.0"));
    watcher.cx().subscribe("runtime.warning.>").unwrap();
    let meta = PluginMetadata {
        handler_budget: Duration::from_millis(50),
        ..PluginMetadata::new("p", "1.0.0")
    };
    let mut p = ByHand::started(&runtime, meta);
    p.cx().subscribe("e").unwrap();
    let mut handle = |took: Duration| {
        runtime.bus().try_publish("e", json("1")).unwrap();
        assert!(matches!(p.next(), Some(Seen::Event { .. })));
        advance(took);
        assert_eq!(p.next(), None);
    };
    handle(Duration::from_millis(50));
    assert_eq!(watcher.next(), None, "in time");
    handle(Duration::from_millis(51));
    match watcher.next() {
        Some(Seen::Event { topic, payload, .. }) => {
            assert_eq!(topic, "runtime.warning.p");
            assert_eq!(
                payload,
                r#"{"warning":"slow_handler","hook":"on_event","micros":51000,"limit":50000}"#
            );
        }
        other => panic!("{other:?}"),
    }
    runtime.set_handler_budget(SECOND);
    handle(Duration::from_millis(500));
    assert_eq!(
        watcher.next(),
        None,
        "the runtime's budget goes before the plugin's"
    );
    let counted = counters(&runtime, "p");
    assert_eq!((counted.handled, counted.slow), (3, 1));
    assert_eq!((counted.busy_micros, counted.worst_micros), (601_000, 500_000));
}

#[test]
fn a_call_takes_until_its_handler_ends_or_its_reply_is_taken() {
    let runtime = runtime(&ROOMY);
    let mut p = ByHand::started(&runtime, PluginMetadata::new("p", "1.0.0"));
    p.cx().register(Service::new("p.x")).unwrap();
    let services = runtime.services();
    let counted = || {
        let mut texts = [0; 64];
        let info = services.list_services(&mut 0, &mut texts).unwrap();
        (info.calls, info.errors, info.busy_micros)
    };
    let pass = || advance(Duration::from_micros(5));
    // A call that was replied to 5 µs after it began.
    let replied = |p: &mut ByHand| {
        let call = services.begin("p.x", json("1"), None).unwrap();
        assert!(matches!(p.next(), Some(Seen::Call { .. })));
        pass();
        assert!(p.mailbox.reply(call.id(), Ok(json("2"))));
        call
    };
    let mut buf = [0; 16];

    let call = replied(&mut p);
    assert_eq!(p.next(), None);
    pass();
    assert_eq!(poll_once(call.reply(&mut buf)), Some(Ok(json("2"))));
    assert_eq!(counted(), (1, 0, 5), "the handler ended first");

    let call = replied(&mut p);
    pass();
    assert_eq!(poll_once(call.reply(&mut buf)), Some(Ok(json("2"))));
    pass();
    assert_eq!(p.next(), None);
    assert_eq!(counted(), (2, 0, 15), "the reply was taken first");

    let call = replied(&mut p);
    pass();
    drop(call);
    pass();
    assert_eq!(p.next(), None);
    assert_eq!(counted(), (3, 0, 25), "the caller left first");

    let call = services.begin("p.x", json("1"), None).unwrap();
    assert!(matches!(p.next(), Some(Seen::Call { .. })));
    assert_eq!(p.next(), None);
    pass();
    assert!(p.mailbox.reply(call.id(), Ok(json("2"))));
    assert_eq!(counted(), (4, 0, 30), "the reply came after the handler");

    let call = replied(&mut p);
    assert!(p.cx().services().unregister("p.x"));
    p.cx().register(Service::new("p.y")).unwrap();
    assert_eq!(p.next(), None);
    assert_eq!(poll_once(call.reply(&mut buf)), Some(Ok(json("2"))));
    assert_eq!(
        counted(),
        (0, 0, 0),
        "a service in the same place has nothing of it"
    );
}

#[test]
fn a_handler_that_returns_an_error_is_counted_and_the_plugin_goes_on() {
    let runtime = runtime(&ROOMY);
    let mut tasks = Tasks::default();
    actor(
        &runtime,
        &mut tasks,
        PluginMetadata::new("p", "1.0.0"),
        |cx, seen| async move {
            match seen {
                Seen::Load => cx.subscribe("e")?,
                Seen::Event { .. } => return Err(Error::new("bad", "event")),
                _ => {}
            }
            Ok("null".into())
        },
    );
    tasks.run(runtime.kernel(), runtime.start());
    for _ in 0..3 {
        runtime.bus().try_publish("e", json("1")).unwrap();
    }
    tasks.settle();
    let counted = counters(&runtime, "p");
    assert_eq!((counted.errors, counted.events, counted.handled), (3, 3, 3));
    assert_eq!(last_error(&runtime, "p"), ("bad".into(), "event".into()));
    assert_eq!(runtime.plugins().state("p"), Some(Started));
}

/// Plugins of which the first hangs where `hangs` says, and a storage.
fn house(hangs: fn(&Seen) -> bool) -> (CoreRuntime, Tasks, Notes) {
    let runtime = runtime(&ROOMY);
    let kernel = runtime.kernel();
    let mut tasks = Tasks::default();
    let notes = Notes::default();
    tasks.spawn(async move {
        let mut storage = storage::MemoryStorage::<4, 8, 8>::new();
        storage::serve(kernel, &mut storage, &mut [0; 1024]).await;
    });
    let plugins: [(&str, &[&str]); 3] = [("bad", &["db"]), ("good", &["db"]), ("db", &[])];
    for (name, needs) in plugins {
        let meta = PluginMetadata {
            dependencies: needs,
            ..PluginMetadata::new(name, "1.0.0")
        };
        let all = notes.clone();
        actor(&runtime, &mut tasks, meta, move |cx, seen| {
            let notes = all.clone();
            async move {
                if seen == Seen::Stop {
                    cx.storage(name).set("k", json("1")).await?;
                    notes.push(name);
                }
                if name == "bad" && hangs(&seen) {
                    std::future::pending::<()>().await;
                }
                Ok("null".into())
            }
        });
    }
    tasks.settle();
    (runtime, tasks, notes)
}

#[test]
fn a_plugin_that_hangs_at_shutdown_is_named_and_the_others_end_well() {
    let (runtime, mut tasks, notes) = house(|seen| *seen == Seen::Stop);
    let kernel = runtime.kernel();
    assert!(tasks.run(kernel, runtime.start()).is_empty());
    let begun = now();
    let down = tasks.run(kernel, runtime.shutdown(SECOND * 4));
    assert_eq!(down.late.iter().collect::<Vec<_>>(), [0]);
    assert!(down.storage_closed);
    assert!(now() - begun <= 4_000_000);
    assert_eq!(notes.take(), ["bad", "good", "db"]);
    let manager = runtime.plugins();
    assert_eq!(manager.state("bad"), Some(Failed));
    assert_eq!(manager.state("good"), Some(Unloaded));
    assert_eq!(manager.state("db"), Some(Unloaded));
    assert_eq!(last_error(&runtime, "bad").0, "stop_timeout");
    tasks.pass(kernel, SECOND * 300);
    assert_eq!(
        manager.state("bad"),
        Some(Failed),
        "nothing restarts after a shutdown"
    );
}

#[test]
fn a_plugin_that_hangs_while_it_loads_does_not_hold_up_the_shutdown() {
    let (runtime, mut tasks, notes) = house(|seen| *seen == Seen::Load);
    let kernel = runtime.kernel();
    // Half way through the start.
    let manager = runtime.plugins();
    tasks.run(kernel, manager.start("db")).unwrap();
    drop(poll_once(manager.start("bad")));
    tasks.settle();
    let down = tasks.run(kernel, runtime.shutdown(SECOND * 4));
    assert_eq!(down.late.iter().collect::<Vec<_>>(), [0]);
    assert!(down.storage_closed);
    assert_eq!(notes.take(), ["db"]);
}

#[test]
fn a_shutdown_without_a_timekeeper_ends_as_well() {
    let (runtime, mut tasks, _) = house(|seen| *seen == Seen::Load);
    let manager = runtime.plugins();
    drop(poll_once(manager.start("db")));
    tasks.settle();
    drop(poll_once(manager.start("bad")));
    tasks.settle();
    let mut down = Box::pin(runtime.shutdown(SECOND * 4));
    assert!(poll_once(down.as_mut()).is_none());
    advance(SECOND * 5);
    for _ in 0..10 {
        if let Some(down) = poll_once(down.as_mut()) {
            assert!(down.late.contains(0));
            return;
        }
        tasks.settle();
    }
    panic!("it is never done");
}

#[test]
fn starting_and_shutting_down_need_no_free_wait() {
    let runtime = runtime(&Capacities { waits: 0, ..ROOMY });
    let kernel = runtime.kernel();
    let mut tasks = Tasks::default();
    tasks.spawn(async move {
        let mut storage = storage::MemoryStorage::<4, 8, 8>::new();
        storage::serve(kernel, &mut storage, &mut [0; 1024]).await;
    });
    for (name, needs) in [("app", &["db"][..]), ("db", &[])] {
        let meta = PluginMetadata {
            dependencies: needs,
            ..PluginMetadata::new(name, "1.0.0")
        };
        actor(&runtime, &mut tasks, meta, |_, _| async { Ok("null".into()) });
    }
    assert!(tasks.run(kernel, runtime.start()).is_empty());
    assert_eq!(runtime.health().started, 2);
    let down = tasks.run(kernel, runtime.shutdown(SECOND));
    assert!(down.late.is_empty() && down.storage_closed, "{down:?}");
    assert_eq!(runtime.plugins().state("app"), Some(Unloaded));
}

#[test]
fn the_timekeeper_wakes_for_a_deadline_that_comes_up_while_it_sleeps() {
    let runtime = runtime(&ROOMY);
    let kernel = runtime.kernel();
    let mut tasks = Tasks::default();
    let asked = Notes::default();
    let notes = asked.clone();
    tasks.spawn(async move {
        kernel
            .run_timers(|until| {
                notes.push(if until == Instant::NEVER {
                    "never".into()
                } else {
                    (until.as_micros() - now()).to_string()
                });
                std::future::pending()
            })
            .await;
    });
    tasks.settle();
    assert_eq!(asked.take(), ["never"]);
    runtime.state().set_with_ttl("a", json("1"), SECOND).unwrap();
    tasks.settle();
    assert_eq!(asked.take(), ["1000000"]);
    runtime.state().set_with_ttl("b", json("1"), SECOND * 2).unwrap();
    tasks.settle();
    assert!(asked.take().is_empty(), "a later one moves nothing");
    runtime.state().set_with_ttl("c", json("1"), SECOND / 2).unwrap();
    tasks.settle();
    assert_eq!(asked.take(), ["500000"]);
}
