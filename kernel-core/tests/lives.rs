//! Lives of plugins: steps, deadlines, ticks, failures, and commands that cross.
mod support;

use std::time::Duration;

use kernel_core::*;
use support::{
    AtOnce, ByHand, Notes, ROOMY, Seen, Tasks, actor, at_once, counters, json, last_error, poll_once,
    runtime, start_all,
};

const SECOND: Duration = Duration::from_secs(1);

fn limits(name: &'static str) -> PluginMetadata {
    PluginMetadata {
        hook_timeout: SECOND * 2,
        handler_timeout: SECOND * 5,
        ..PluginMetadata::new(name, "1.0.0")
    }
}

/// An actor that notes its messages, and in one of them waits for ever.
fn hangs_in(runtime: &CoreRuntime, tasks: &mut Tasks, hang: fn(&Seen) -> bool) -> Notes {
    let notes = Notes::default();
    let to = notes.clone();
    actor(runtime, tasks, limits("p"), move |cx, seen| {
        let to = to.clone();
        async move {
            to.push(format!("{seen:?}").split([' ', '{']).next().unwrap_or(""));
            if let Seen::Load = seen {
                cx.subscribe("e").await?;
            }
            if hang(&seen) {
                std::future::pending::<()>().await;
            }
            Ok("null".into())
        }
    });
    notes
}

#[test]
fn a_step_that_hangs_fails_the_plugin_at_its_deadline_and_a_new_goal_brings_it_back() {
    let runtime = runtime(&ROOMY);
    let mut tasks = Tasks::default();
    let notes = hangs_in(&runtime, &mut tasks, |seen| matches!(seen, Seen::Start));
    let begun = support::now();
    let failed = tasks.run(runtime.kernel(), runtime.plugins().start("p"));
    assert_eq!(failed.unwrap_err().code(), "hook_timeout");
    assert_eq!(support::now() - begun, 2_000_000);
    assert_eq!(
        last_error(&runtime, "p"),
        ("hook_timeout".into(), "on_start".into())
    );
    assert_eq!(runtime.plugins().state("p"), Some(PluginState::Failed));
    assert_eq!(
        runtime.metrics().filters.used,
        0,
        "what it registered is taken back"
    );
    tasks.pass(runtime.kernel(), SECOND * 60);
    assert_eq!(
        notes.take(),
        ["Load", "Start"],
        "it stays FAILED until somebody says otherwise"
    );
    assert!(tasks.run(runtime.kernel(), runtime.plugins().load("p")).is_ok());
    assert_eq!(counters(&runtime, "p").failures, 1);
}

#[test]
fn a_handler_that_hangs_fails_the_plugin_and_others_do_not_notice() {
    let runtime = runtime(&ROOMY);
    let mut tasks = Tasks::default();
    let notes = hangs_in(&runtime, &mut tasks, |seen| matches!(seen, Seen::Event { .. }));
    let mut other = ByHand::started(&runtime, PluginMetadata::new("other", "1"));
    other.cx().subscribe("e").unwrap();
    start_all(&runtime, &mut tasks);
    at_once(runtime.bus().publish("e", json("1"))).unwrap();
    tasks.pass(runtime.kernel(), SECOND * 4);
    assert_eq!(runtime.plugins().state("p"), Some(PluginState::Started));
    tasks.pass(runtime.kernel(), SECOND);
    assert_eq!(runtime.plugins().state("p"), Some(PluginState::Failed));
    assert_eq!(notes.take(), ["Load", "Start", "Event"]);
    assert!(matches!(other.next(), Some(Seen::Event { .. })));
}

#[test]
fn a_task_that_does_not_take_its_steps_is_failed_as_well() {
    let runtime = runtime(&ROOMY);
    let mut tasks = Tasks::default();
    let plugin = ByHand::started(&runtime, limits("p"));
    let failed = tasks.run(runtime.kernel(), runtime.plugins().stop("p"));
    assert_eq!(failed.unwrap_err().code(), "stop_timeout");
    assert_eq!(plugin.cx().subscribe("x").at_once(), Err(Fault::Unloaded));
}

#[test]
fn an_error_of_a_step_is_kept_and_announced_and_one_of_a_handler_is_counted() {
    let runtime = runtime(&ROOMY);
    let mut tasks = Tasks::default();
    actor(&runtime, &mut tasks, limits("p"), |cx, seen| async move {
        match seen {
            Seen::Load => drop(cx.subscribe("e").await?),
            Seen::Event { .. } => return Err(Error::new("bad_event", "no \"quotes\"\n")),
            Seen::Stop => return Err(Error::new("stuck", "the \"valve\"")),
            _ => {}
        }
        Ok("null".into())
    });
    let mut watcher = ByHand::started(&runtime, PluginMetadata::new("watcher", "1"));
    watcher.cx().subscribe("runtime.plugin.p").unwrap();
    start_all(&runtime, &mut tasks);
    at_once(runtime.bus().publish("e", json("1"))).unwrap();
    tasks.settle();
    assert_eq!(last_error(&runtime, "p").0, "bad_event");
    assert_eq!(counters(&runtime, "p").errors, 1);
    let failed = tasks.run(runtime.kernel(), runtime.plugins().stop("p"));
    assert_eq!(failed.unwrap_err(), Error::new("stuck", "the \"valve\""));
    let mut told = Vec::new();
    while let Some(Seen::Event { payload, .. }) = watcher.next() {
        told.push(payload);
    }
    let failed = r#"{"state":"FAILED","code":"stuck","error":"the \"valve\""}"#;
    assert_eq!(told, [r#"{"state":"LOADED"}"#, r#"{"state":"STARTED"}"#, failed]);
}

#[test]
fn a_crash_takes_back_everything_and_old_handles_are_refused() {
    let runtime = runtime(&ROOMY);
    let plugin = ByHand::started(&runtime, limits("p"));
    let cx = plugin.cx();
    cx.subscribe("a.>").unwrap();
    cx.register(&Service::new("p.x")).unwrap();
    cx.state().set("p.k", json("1")).unwrap();
    plugin.installed.crashed(&Error::new("panic", "boom"));
    let metrics = runtime.metrics();
    let used = (
        metrics.filters.used,
        metrics.services.used,
        metrics.state_entries.used,
        metrics.names.used,
    );
    assert_eq!(used, (0, 0, 0, 0));
    assert_eq!(cx.subscribe("a").at_once(), Err(Fault::Unloaded));
    assert_eq!(cx.try_publish("a.b", json("1")), Err(Fault::Unloaded));
    assert_eq!(at_once(cx.state().set("k", json("1"))), Err(Fault::Unloaded));
    assert_eq!(
        plugin.mailbox.try_next(&mut [0; 8]).map(Seen::from),
        Some(Seen::Ended)
    );
}

#[test]
fn a_command_that_another_one_crosses_says_so() {
    let runtime = runtime(&ROOMY);
    let manager = runtime.plugins();
    ByHand::started(&runtime, limits("p"));
    let mut stop = Box::pin(manager.stop("p"));
    assert!(poll_once(stop.as_mut()).is_none());
    let mut start = Box::pin(manager.start("p"));
    let at_once = poll_once(start.as_mut());
    assert_eq!(at_once, Some(Ok(PluginState::Started)), "it never left");
    assert_eq!(
        poll_once(stop.as_mut()).map(|e| e.unwrap_err().code().to_owned()),
        Some("superseded".into())
    );
    let unknown = poll_once(manager.start("nobody"));
    assert_eq!(
        unknown.map(|e| e.unwrap_err().code().to_owned()),
        Some("not_found".into())
    );
}

#[test]
fn names_of_the_kernels_own_and_names_that_are_taken_are_refused() {
    let runtime = runtime(&ROOMY);
    let install = |name: &'static str| {
        runtime
            .plugins()
            .install(support::metadata(limits(name)))
            .map(drop)
    };
    for name in ["kernel", "operator", "runtime", "link"] {
        assert_eq!(install(name), Err(Fault::Reserved));
    }
    assert!(matches!(install("Upper"), Err(Fault::Name { .. })));
    install("one").unwrap();
    assert!(matches!(install("one"), Err(Fault::Taken { .. })));
    for name in ["b", "c", "d", "e", "f", "g", "h"] {
        install(name).unwrap();
    }
    assert_eq!(
        install("i"),
        Err(Fault::Full {
            capacity: Capacity::Plugins,
            size: 8
        })
    );
}

#[test]
fn ticks_come_every_interval_do_not_pile_up_and_let_others_through() {
    let runtime = runtime(&ROOMY);
    let mut tasks = Tasks::default();
    let notes = Notes::default();
    let to = notes.clone();
    actor(&runtime, &mut tasks, limits("p"), move |cx, seen| {
        let to = to.clone();
        async move {
            match seen {
                Seen::Load => drop(cx.subscribe("e").await?),
                Seen::Start => cx.set_interval(SECOND).await?,
                Seen::Tick => to.push("tick"),
                Seen::Event { .. } => {
                    to.push("event");
                    cx.sleep(SECOND * 3).await?;
                }
                _ => {}
            }
            Ok("null".into())
        }
    });
    start_all(&runtime, &mut tasks);
    tasks.pass(runtime.kernel(), SECOND * 3);
    assert_eq!(notes.take(), ["tick", "tick", "tick"]);
    for _ in 0..2 {
        at_once(runtime.bus().publish("e", json("1"))).unwrap();
    }
    tasks.pass(runtime.kernel(), Duration::from_millis(6_500));
    assert_eq!(notes.take(), ["event", "tick", "event", "tick"]);
    tasks.run(runtime.kernel(), runtime.plugins().stop("p")).unwrap();
    tasks.pass(runtime.kernel(), SECOND * 3);
    assert_eq!(notes.take(), [""; 0]);
}

#[test]
fn events_and_calls_come_in_the_order_in_which_they_came_in() {
    let runtime = runtime(&ROOMY);
    let mut plugin = ByHand::started(&runtime, limits("p"));
    plugin.cx().subscribe("e").unwrap();
    plugin.cx().register(&Service::new("p.x")).unwrap();
    runtime.bus().try_publish("e", json("1")).unwrap();
    let one = support::Pending::begin(runtime.context(), "p.x", json("2"), None).unwrap();
    runtime.bus().try_publish("e", json("3")).unwrap();
    let two = support::Pending::begin(runtime.context(), "p.x", json("4"), None).unwrap();
    let mut order = Vec::new();
    while let Some(seen) = plugin.next() {
        match seen {
            Seen::Event { payload, .. } => order.push(payload),
            Seen::Call { args, .. } => order.push(args),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(order, ["1", "2", "3", "4"]);
    drop((one, two));
}

#[cfg(feature = "large")]
#[test]
fn a_slow_handler_is_counted_and_warned_of() {
    let runtime = runtime(&ROOMY);
    let mut plugin = ByHand::started(&runtime, limits("p"));
    plugin.cx().subscribe("e").unwrap();
    plugin.cx().subscribe("runtime.warning.p").unwrap();
    runtime.bus().try_publish("e", json("1")).unwrap();
    assert!(plugin.next().is_some());
    support::advance(Duration::from_millis(150));
    let Some(Seen::Event { payload, .. }) = plugin.next() else {
        panic!("no warning")
    };
    assert_eq!(
        payload,
        r#"{"warning":"slow_handler","hook":"on_event","micros":150000}"#
    );
    let counted = counters(&runtime, "p");
    assert_eq!(
        (counted.slow, counted.worst_micros, counted.busy_micros),
        (1, 150_000, 150_000)
    );
}

#[cfg(feature = "large")]
#[test]
fn a_plugin_that_attaches_is_like_any_other_and_gone_when_it_is_dropped() {
    let runtime = runtime(&ROOMY);
    let attachment = Attachment {
        name: "remote",
        version: "2",
        dependencies: "p,q",
        ..Attachment::default()
    };
    for name in ["kernel", "Bad"] {
        assert!(AttachedPlugin::attach(runtime.kernel(), &Attachment { name, ..attachment }).is_err());
    }
    let attached = AttachedPlugin::attach(runtime.kernel(), &attachment).unwrap();
    let again = AttachedPlugin::attach(runtime.kernel(), &attachment);
    assert!(matches!(again.err(), Some(Fault::Taken { .. })));
    let mailbox = Mailbox::new(attached.context());
    let mut buf = [0; 256];
    assert!(matches!(mailbox.try_next(&mut buf), Some(Message::Load)));
    attached.context().subscribe("e").unwrap();
    assert!(matches!(mailbox.try_next(&mut buf), Some(Message::Start)));
    assert!(mailbox.try_next(&mut buf).is_none());
    assert_eq!(runtime.plugins().state("remote"), Some(PluginState::Started));
    assert_eq!(runtime.bus().try_publish("e", json("1")), Ok(1));
    drop(attached);
    assert_eq!(runtime.plugins().state("remote"), None);
    let metrics = runtime.metrics();
    assert_eq!(
        (metrics.plugins.used, metrics.filters.used, metrics.names.used),
        (0, 0, 0)
    );
}

#[cfg(feature = "large")]
#[test]
fn a_plugin_of_another_runtime_is_known_by_both_names() {
    let runtime = runtime(&ROOMY);
    let attachment = Attachment {
        name: "operator",
        runtime: "kitchen",
        ..Attachment::default()
    };
    let _own = AttachedPlugin::install(
        runtime.kernel(),
        &Attachment {
            name: "kitchen",
            ..Attachment::default()
        },
    )
    .unwrap();
    let attached = AttachedPlugin::install(runtime.kernel(), &attachment).unwrap();
    let cx = attached.context();
    assert_eq!(cx.name_of(cx.id(), &mut [0; 32]).now(), Ok("kitchen/operator"));
    assert_eq!(
        runtime.plugins().state("kitchen/operator"),
        Some(PluginState::Unloaded)
    );
    let bad = [("Kitchen", "a"), ("a/b", "c"), ("a", "b/c"), ("a", "")];
    for (runtime_name, name) in bad {
        let bad = Attachment {
            name,
            runtime: runtime_name,
            ..attachment
        };
        assert!(
            AttachedPlugin::install(runtime.kernel(), &bad).is_err(),
            "{runtime_name}/{name}"
        );
    }
    let long = Attachment {
        name: "a-name-of-25-bytes-this-is",
        ..attachment
    };
    let refused = AttachedPlugin::install(runtime.kernel(), &long).err();
    assert!(matches!(
        refused,
        Some(Fault::Name {
            why: NameFault::TooLong,
            at: 32
        })
    ));
}
