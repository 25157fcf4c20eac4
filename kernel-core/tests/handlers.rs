//! Ticks, slow handlers, and the timekeeper.
mod support;

use std::time::Duration;

use kernel_core::PluginState::Started;
use kernel_core::*;
use support::{
    AtOnce, ByHand, Notes, Pending, ROOMY, Seen, Tasks, actor, advance, counters, json, last_error, now,
    runtime, start_all,
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
                    Seen::Start => cx.set_interval(SECOND * 2).await?,
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
    p.cx().set_interval(SECOND).unwrap();
    assert_eq!(p.next(), None);
    advance(SECOND * 10 + SECOND / 2);
    assert_eq!(p.next(), Some(Seen::Tick));
    assert_eq!(p.next(), None);
    advance(SECOND - Duration::from_micros(1));
    assert_eq!(p.next(), None);
    advance(Duration::from_micros(1));
    assert_eq!(p.next(), Some(Seen::Tick));
    p.cx().set_interval(Duration::ZERO).unwrap();
    advance(SECOND * 10);
    assert_eq!(p.next(), None);
}

#[test]
fn ticks_faster_than_they_are_handled_leave_room_for_messages() {
    let runtime = runtime(&ROOMY);
    let mut p = ByHand::started(&runtime, PluginMetadata::new("p", "1.0.0"));
    p.cx().subscribe("e").unwrap();
    p.cx().register(&Service::new("p.x")).unwrap();
    p.cx().set_interval(Duration::from_millis(1)).unwrap();
    runtime.bus().try_publish("e", json("1")).unwrap();
    let _call = Pending::begin(runtime.context(), "p.x", json("1"), None).unwrap();
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

#[cfg(feature = "large")]
#[test]
fn an_error_of_a_handler_is_a_warning_at_most_once_a_second() {
    let runtime = runtime(&ROOMY);
    let mut watcher = ByHand::started(&runtime, PluginMetadata::new("watcher", "1.0.0"));
    watcher.cx().subscribe("runtime.warning.>").unwrap();
    let mut p = ByHand::started(&runtime, PluginMetadata::new("p", "1.0.0"));
    p.cx().subscribe("sensor.*").unwrap();
    let mut fails = |message: &str| {
        runtime.bus().try_publish("sensor.hall", json("1")).unwrap();
        let Some(Seen::Event { seq, .. }) = p.next() else {
            panic!("no event")
        };
        p.mailbox.fail(&Error::new("broken", message)).now().unwrap();
        assert_eq!(p.next(), None);
        seq
    };
    let said = |seq: u64, message: &str, more: u32| {
        format!(
            r#"{{"warning":"handler_failed","hook":"on_event","seq":{seq},"topic":"sensor.hall","code":"broken","error":"{message}","more":{more}}}"#
        )
    };
    let mut heard = || match watcher.next() {
        Some(Seen::Event { topic, payload, .. }) => {
            assert_eq!(topic, "runtime.warning.p");
            Some(payload)
        }
        _ => None,
    };
    let first = fails("one");
    assert_eq!(heard(), Some(said(first, "one", 0)));
    fails("two");
    fails("three");
    assert_eq!(heard(), None, "not more than once a second");
    advance(SECOND);
    let last = fails("four");
    assert_eq!(heard(), Some(said(last, "four", 2)));
    assert_eq!(counters(&runtime, "p").errors, 4);
}

#[cfg(feature = "large")]
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
                r#"{"warning":"slow_handler","hook":"on_event","micros":51000}"#
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

#[cfg(feature = "large")]
#[test]
fn a_calls_time_is_its_handlers_whenever_the_reply_is_taken() {
    let runtime = runtime(&ROOMY);
    let mut p = ByHand::started(&runtime, PluginMetadata::new("p", "1.0.0"));
    p.cx().register(&Service::new("p.x")).unwrap();
    let counted = || {
        let mut texts = [0; 64];
        let counters = runtime.next_service(&mut 0, &mut texts).unwrap().counters;
        (counters.calls, counters.errors, counters.busy_micros)
    };
    let pass = || advance(Duration::from_micros(5));
    // A call that was replied to 5 µs after it began.
    let replied = |p: &mut ByHand| {
        let call = Pending::begin(runtime.context(), "p.x", json("1"), None).unwrap();
        assert!(matches!(p.next(), Some(Seen::Call { .. })));
        pass();
        assert!(p.reply(call.id(), Ok(json("2"))));
        call
    };

    let mut call = replied(&mut p);
    assert_eq!(p.next(), None);
    pass();
    assert_eq!(call.outcome(), Some(Ok("2".into())));
    assert_eq!(counted(), (1, 0, 5), "the handler ended first");

    let mut call = replied(&mut p);
    pass();
    assert_eq!(call.outcome(), Some(Ok("2".into())));
    pass();
    assert_eq!(p.next(), None);
    assert_eq!(counted(), (2, 0, 20), "the reply was taken first");

    let call = replied(&mut p);
    pass();
    drop(call);
    pass();
    assert_eq!(p.next(), None);
    assert_eq!(counted(), (3, 0, 35), "the caller left first");

    let call = Pending::begin(runtime.context(), "p.x", json("1"), None).unwrap();
    assert!(matches!(p.next(), Some(Seen::Call { .. })));
    assert_eq!(p.next(), None);
    pass();
    assert!(p.reply(call.id(), Ok(json("2"))));
    assert_eq!(counted(), (4, 0, 35), "the reply came after the handler");

    let mut call = replied(&mut p);
    assert!(p.cx().services().unregister("p.x").unwrap());
    p.cx().register(&Service::new("p.y")).unwrap();
    assert_eq!(p.next(), None);
    assert_eq!(call.outcome(), Some(Ok("2".into())));
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
                Seen::Load => drop(cx.subscribe("e").await?),
                Seen::Event { .. } => return Err(Error::new("bad", "event")),
                _ => {}
            }
            Ok("null".into())
        },
    );
    start_all(&runtime, &mut tasks);
    for _ in 0..3 {
        runtime.bus().try_publish("e", json("1")).unwrap();
    }
    tasks.settle();
    let counted = counters(&runtime, "p");
    assert_eq!((counted.errors, counted.events, counted.handled), (3, 3, 3));
    assert_eq!(last_error(&runtime, "p"), ("bad".into(), "event".into()));
    assert_eq!(runtime.plugins().state("p"), Some(Started));
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
                notes.push((until.as_micros() - now()).to_string());
                std::future::pending()
            })
            .await;
    });
    tasks.settle();
    assert_eq!(asked.take(), [""; 0], "there is nothing to wait for");
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
