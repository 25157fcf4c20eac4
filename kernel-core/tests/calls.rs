//! Calls: replies, errors, deadlines, cancellation, and what is too much.
mod support;

use std::time::Duration;

use kernel_core::*;
use support::{
    AtOnce, ByHand, Failure, Notes, Pending, ROOMY, Seen, Tasks, actor, advance, counters, json, now,
    poll_once, runtime,
};

const SECOND: Duration = Duration::from_secs(1);

/// A plugin led by hand that answers `svc.one` and `svc.two`.
fn server() -> (CoreRuntime, ByHand) {
    let runtime = runtime(&ROOMY);
    let server = ByHand::started(&runtime, PluginMetadata::new("server", "1.0.0"));
    server.cx().register(&Service::new("svc.one")).unwrap();
    server.cx().register(&Service::new("svc.two")).unwrap();
    (runtime, server)
}

fn call_of(seen: Option<Seen>) -> CallId {
    match seen {
        Some(Seen::Call { id, .. }) => id,
        other => panic!("no call but {other:?}"),
    }
}

/// How the call ended, when it did.
fn outcome(call: &mut Pending) -> Option<Result<String, Failure>> {
    call.outcome()
}

#[test]
fn a_call_carries_its_arguments_there_and_the_reply_back() {
    let (runtime, mut server) = server();
    let mut call = Pending::begin(runtime.context(), "svc.one", json("[1,2]"), None).unwrap();
    assert_eq!(outcome(&mut call), None);
    let seen = server.next();
    let id = call.id();
    assert_eq!(
        seen,
        Some(Seen::Call {
            id,
            caller: PluginId::OPERATOR,
            service: "svc.one".into(),
            args: "[1,2]".into()
        })
    );
    assert!(server.reply(id, Ok(json("{\"sum\":3}"))));
    assert!(!server.reply(id, Ok(json("4"))), "answered twice");
    assert_eq!(outcome(&mut call), Some(Ok("{\"sum\":3}".into())));
    drop(call);
    assert_eq!(runtime.metrics().calls.used, 0);
    assert_eq!(counters(&runtime, "server").calls, 1);
}

#[test]
fn an_error_reaches_the_caller_with_code_and_message() {
    let (runtime, mut server) = server();
    let mut call = Pending::begin(runtime.context(), "svc.one", json("0"), None).unwrap();
    let id = call_of(server.next());
    let error = Error::new("no_such_room", "room \"attic\" is not known");
    assert!(server.reply(id, Err(&error)));
    assert_eq!(outcome(&mut call), Some(Err(Failure::Failed(error))));
}

#[test]
fn an_actors_error_reaches_its_caller_and_is_kept() {
    let runtime = runtime(&ROOMY);
    let mut tasks = Tasks::default();
    actor(
        &runtime,
        &mut tasks,
        PluginMetadata::new("server", "1.0.0"),
        |cx, seen| async move {
            match seen {
                Seen::Load => cx.register(&Service::new("svc.one")).await?,
                Seen::Call { .. } => return Err(Error::new("nope", "not today")),
                _ => {}
            }
            Ok("null".into())
        },
    );
    support::start_all(&runtime, &mut tasks);
    let mut buf = [0; 64];
    let services = runtime.services();
    let got = tasks.run(runtime.kernel(), services.call("svc.one", json("1"), &mut buf));
    assert_eq!(
        Failure::from(got.unwrap_err()),
        Failure::Failed(Error::new("nope", "not today"))
    );
    tasks.settle();
    assert_eq!(
        support::last_error(&runtime, "server"),
        ("nope".into(), "not today".into())
    );
    assert_eq!(counters(&runtime, "server").errors, 1);
    assert_eq!(runtime.plugins().state("server"), Some(PluginState::Started));
}

#[test]
fn a_call_ends_by_the_runtimes_deadline_or_its_own() {
    let (runtime, mut server) = server();
    let mut tasks = Tasks::default();
    let mut buf = [0; 64];
    let services = runtime.services();
    let begun = now();
    let got = tasks.run(runtime.kernel(), services.call("svc.one", json("1"), &mut buf));
    assert_eq!(Failure::from(got.unwrap_err()), Failure::Fault(Fault::Timeout));
    assert_eq!(now() - begun, 30_000_000);

    runtime.set_call_timeout(SECOND);
    let begun = now();
    let got = tasks.run(runtime.kernel(), services.call("svc.one", json("1"), &mut buf));
    assert_eq!(Failure::from(got.unwrap_err()), Failure::Fault(Fault::Timeout));
    assert_eq!(now() - begun, 1_000_000);

    let begun = now();
    let limit = Duration::from_millis(5);
    let got = tasks.run(
        runtime.kernel(),
        services.call_within("svc.one", json("1"), limit, &mut buf),
    );
    assert_eq!(Failure::from(got.unwrap_err()), Failure::Fault(Fault::Timeout));
    assert_eq!(now() - begun, 5_000);
    assert_eq!(runtime.metrics().timed_out, 3);
    assert_eq!(runtime.metrics().calls.used, 0);
    assert_eq!(server.next(), None, "a call that is over is not delivered");
}

#[test]
fn a_reply_after_the_deadline_is_refused() {
    let (runtime, mut server) = server();
    let mut call = Pending::begin(runtime.context(), "svc.one", json("1"), Some(SECOND)).unwrap();
    let id = call_of(server.next());
    advance(SECOND);
    runtime.kernel().expire();
    assert!(!server.reply(id, Ok(json("1"))));
    assert_eq!(outcome(&mut call), Some(Err(Failure::Fault(Fault::Timeout))));
}

#[test]
fn a_queued_call_that_is_dropped_is_never_seen() {
    let (runtime, mut server) = server();
    let calls: Vec<_> = (0..5)
        .map(|n| Pending::begin(runtime.context(), "svc.one", json(&n.to_string()), None).unwrap())
        .collect();
    // The first, one in the middle and the last leave the queue; the order of the others stays.
    for (n, call) in calls.into_iter().enumerate() {
        if n == 1 || n == 3 {
            std::mem::forget(call);
        }
    }
    assert_eq!(runtime.metrics().calls.used, 2);
    for expected in ["1", "3"] {
        match server.next() {
            Some(Seen::Call { args, .. }) => assert_eq!(args, expected),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(server.next(), None);
}

#[test]
fn a_running_call_that_is_dropped_runs_on_and_its_reply_is_refused() {
    let (runtime, mut server) = server();
    let call = Pending::begin(runtime.context(), "svc.one", json("1"), None).unwrap();
    let old = call_of(server.next());
    drop(call);
    assert_eq!(runtime.metrics().calls.used, 0);
    // The slot is used again at once: the late reply must not reach the new call.
    let mut call = Pending::begin(runtime.context(), "svc.one", json("2"), None).unwrap();
    let new = call_of(server.next());
    assert_ne!(old, new);
    assert!(!server.reply(old, Ok(json("\"late\""))));
    assert_eq!(outcome(&mut call), None);
    assert!(server.reply(new, Ok(json("\"mine\""))));
    assert_eq!(outcome(&mut call), Some(Ok("\"mine\"".into())));
}

#[test]
fn a_call_handle_that_is_done_cannot_free_a_later_call() {
    let (runtime, mut server) = server();
    let mut first = Pending::begin(runtime.context(), "svc.one", json("1"), None).unwrap();
    let id = call_of(server.next());
    server.reply(id, Ok(json("1")));
    assert!(outcome(&mut first).is_some());
    let mut second = Pending::begin(runtime.context(), "svc.one", json("2"), None).unwrap();
    drop(first);
    assert_eq!(runtime.metrics().calls.used, 1);
    let id = call_of(server.next());
    server.reply(id, Ok(json("2")));
    assert_eq!(outcome(&mut second), Some(Ok("2".into())));
}

#[test]
fn when_all_slots_are_taken_the_capacity_is_named() {
    let (runtime, _server) = server();
    let calls: Vec<_> = (0..8)
        .map(|_| Pending::begin(runtime.context(), "svc.one", json("1"), None).unwrap())
        .collect();
    let full = Pending::begin(runtime.context(), "svc.one", json("1"), None).err();
    assert_eq!(
        full,
        Some(Fault::Full {
            capacity: Capacity::Calls,
            size: 8
        })
    );
    drop(calls);
    assert!(Pending::begin(runtime.context(), "svc.one", json("1"), None).is_ok());
}

#[test]
fn arguments_and_replies_that_do_not_fit_are_errors_with_sizes() {
    let (runtime, mut server) = server();
    let services = runtime.services();
    let large = format!("\"{}\"", "x".repeat(600));
    let refused = Pending::begin(runtime.context(), "svc.one", json(&large), None).err();
    assert_eq!(refused, Some(Fault::TooLarge { max: 512 }));
    assert_eq!(runtime.metrics().calls.used, 0);

    // Too large for the caller.
    let mut buf = [0; 4];
    let mut call = Box::pin(services.call("svc.one", json("1"), &mut buf));
    assert!(poll_once(call.as_mut()).is_none());
    let id = call_of(server.next());
    server.reply(id, Ok(json("\"0123456789\"")));
    let got = poll_once(call.as_mut()).map(|got| got.map(drop).map_err(Failure::from));
    assert_eq!(got, Some(Err(Failure::Fault(Fault::Buffer { len: 12 }))));
    drop(call);

    // Too large for the call.
    let mut call = Pending::begin(runtime.context(), "svc.one", json("1"), None).unwrap();
    let id = call_of(server.next());
    assert!(server.reply(id, Ok(json(&large))));
    match outcome(&mut call) {
        Some(Err(Failure::Fault(fault))) => assert_eq!(fault.code(), "reply_too_large"),
        other => panic!("{other:?}"),
    }

    // Too large for the callee's buffer.
    let text = format!("\"{}\"", "x".repeat(100));
    let mut call = Pending::begin(runtime.context(), "svc.one", json(&text), None).unwrap();
    let mut small = [0; 50];
    assert!(poll_once(server.mailbox.next(&mut small)).is_none());
    match outcome(&mut call) {
        Some(Err(Failure::Fault(fault))) => assert_eq!(fault.code(), "too_large"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn unregistering_ends_the_calls_of_that_service_alone() {
    let (runtime, mut server) = server();
    let mut running = Pending::begin(runtime.context(), "svc.one", json("1"), None).unwrap();
    let id = call_of(server.next());
    let mut queued = Pending::begin(runtime.context(), "svc.one", json("2"), None).unwrap();
    let mut other = Pending::begin(runtime.context(), "svc.two", json("3"), None).unwrap();
    assert!(server.cx().services().unregister("svc.one").unwrap());
    assert_eq!(outcome(&mut running), Some(Err(Failure::Fault(Fault::Gone))));
    assert_eq!(outcome(&mut queued), Some(Err(Failure::Fault(Fault::Gone))));
    assert!(!server.reply(id, Ok(json("1"))));
    let id = call_of(server.next());
    assert!(server.reply(id, Ok(json("3"))));
    assert_eq!(outcome(&mut other), Some(Ok("3".into())));
    assert_eq!(
        Pending::begin(runtime.context(), "svc.one", json("1"), None).err(),
        Some(Fault::NotFound)
    );
}

#[test]
fn a_crash_ends_calls_to_the_plugin_and_frees_those_it_made() {
    let (runtime, mut server) = server();
    let client = ByHand::started(&runtime, PluginMetadata::new("client", "1.0.0"));
    let mut running = Pending::begin(runtime.context(), "svc.one", json("1"), None).unwrap();
    let _ = call_of(server.next());
    let mut queued = Pending::begin(client.cx(), "svc.two", json("2"), None).unwrap();
    server.installed.crashed(&Error::new("panic", "boom"));
    assert_eq!(outcome(&mut running), Some(Err(Failure::Fault(Fault::Gone))));
    assert_eq!(outcome(&mut queued), Some(Err(Failure::Fault(Fault::Gone))));
    assert_eq!(
        Pending::begin(client.cx(), "svc.two", json("2"), None).err(),
        Some(Fault::NotFound)
    );
    assert_eq!(runtime.metrics().calls.used, 0);

    let mut third = ByHand::started(&runtime, PluginMetadata::new("third", "1.0.0"));
    third.cx().register(&Service::new("third.x")).unwrap();
    let mut made = Pending::begin(client.cx(), "third.x", json("1"), None).unwrap();
    client.installed.crashed(&Error::new("panic", "boom"));
    assert_eq!(runtime.metrics().calls.used, 0);
    assert_eq!(third.next(), None, "nobody waits for it any more");
    assert_eq!(outcome(&mut made), Some(Err(Failure::Fault(Fault::Unloaded))));
}

#[test]
fn stopping_answers_queued_calls_at_once_and_refuses_new_ones() {
    let (runtime, mut server) = server();
    let services = runtime.services();
    let mut queued = Pending::begin(runtime.context(), "svc.one", json("1"), None).unwrap();
    let manager = runtime.plugins();
    let mut stop = Box::pin(manager.stop("server"));
    assert!(poll_once(stop.as_mut()).is_none());
    assert_eq!(server.next(), Some(Seen::Stop));
    assert_eq!(
        outcome(&mut queued),
        Some(Err(Failure::Fault(Fault::Unavailable)))
    );
    assert_eq!(
        Pending::begin(runtime.context(), "svc.one", json("1"), None).err(),
        Some(Fault::Unavailable)
    );
    assert!(services.has_service("svc.one").unwrap(), "it stays registered");
}

#[test]
fn unloading_ends_a_call_that_was_kept_for_later() {
    let (runtime, mut server) = server();
    let mut kept = Pending::begin(runtime.context(), "svc.one", json("1"), None).unwrap();
    let id = call_of(server.next());
    let manager = runtime.plugins();
    let mut unload = Box::pin(manager.unload("server"));
    assert!(poll_once(unload.as_mut()).is_none());
    assert_eq!(server.next(), Some(Seen::Stop));
    assert_eq!(server.next(), Some(Seen::Unload));
    assert_eq!(
        outcome(&mut kept),
        None,
        "until it is unloaded it may still answer"
    );
    assert_eq!(server.next(), Some(Seen::Ended));
    assert_eq!(outcome(&mut kept), Some(Err(Failure::Fault(Fault::Gone))));
    assert!(!server.reply(id, Ok(json("1"))));
    assert_eq!(poll_once(unload), Some(Ok(PluginState::Unloaded)));
}

#[test]
fn events_and_calls_come_in_the_order_they_came_in() {
    let (runtime, mut server) = server();
    server.cx().subscribe("e.>").unwrap();
    let mut calls = Vec::new();
    let plan = [0, 1, 1, 0, 0, 1, 0];
    for (n, kind) in plan.iter().enumerate() {
        let text = n.to_string();
        if *kind == 0 {
            runtime.bus().try_publish("e.x", json(&text)).unwrap();
        } else {
            calls.push(Pending::begin(runtime.context(), "svc.one", json(&text), None).unwrap());
        }
    }
    for (n, kind) in plan.iter().enumerate() {
        match server.next() {
            Some(Seen::Event { payload, .. }) if *kind == 0 => assert_eq!(payload, n.to_string()),
            Some(Seen::Call { args, .. }) if *kind == 1 => assert_eq!(args, n.to_string()),
            other => panic!("{n}: {other:?}"),
        }
    }
}

#[test]
fn a_caller_waits_for_an_actor_and_wakes_when_it_answers() {
    let runtime = runtime(&ROOMY);
    let mut tasks = Tasks::default();
    let notes = Notes::default();
    let hooks = notes.clone();
    actor(
        &runtime,
        &mut tasks,
        PluginMetadata::new("server", "1.0.0"),
        move |cx, seen| {
            let notes = hooks.clone();
            async move {
                match seen {
                    Seen::Load => cx.register(&Service::new("svc.slow")).await?,
                    Seen::Call { args, .. } => {
                        notes.push(args);
                        cx.sleep(SECOND).await?;
                        return Ok("\"slept\"".into());
                    }
                    _ => {}
                }
                Ok("null".into())
            }
        },
    );
    support::start_all(&runtime, &mut tasks);
    let mut buf = [0; 64];
    let services = runtime.services();
    let got = tasks.run(runtime.kernel(), services.call("svc.slow", json("7"), &mut buf));
    assert_eq!(got.unwrap().as_str(), "\"slept\"");
    assert_eq!(notes.take(), ["7"]);
    let mut cursor = 0;
    let mut texts = [0; 256];
    let info = runtime.next_service(&mut cursor, &mut texts).unwrap();
    assert_eq!(
        (info.name, info.owner, info.counters.calls, info.counters.errors),
        ("svc.slow", "server", 1, 0)
    );
    #[cfg(feature = "large")]
    assert_eq!(
        (info.counters.busy_micros, info.counters.worst_micros),
        (1_000_000, 1_000_000)
    );
}

#[test]
fn a_late_reply_finds_nobody_however_often_the_slot_was_used_since() {
    let (runtime, mut server) = server();
    let begin = || Pending::begin(runtime.context(), "svc.one", json("1"), None).unwrap();
    let first = begin();
    let late = call_of(server.next());
    drop(first);
    for _ in 0..if cfg!(miri) { 100 } else { 70_000 } {
        let call = begin();
        assert_eq!(call_of(server.next()), call.id());
        assert!(!server.reply(late, Ok(json("2"))));
    }
    assert_eq!(runtime.metrics().calls.used, 0);
}

#[test]
fn the_callers_mistake_is_not_the_callees_error() {
    let runtime = runtime(&ROOMY);
    let mut tasks = Tasks::default();
    actor(
        &runtime,
        &mut tasks,
        PluginMetadata::new("server", "1"),
        |cx, seen| async move {
            match seen {
                Seen::Load => {
                    cx.register(&Service::new("svc.one")).await?;
                    cx.subscribe("topic").await?;
                }
                Seen::Call { .. } => return Err(Error::invalid_argument("a number from 1 to 9")),
                // Nobody called: what cannot be read here is this plugin's.
                Seen::Event { .. } => return Err(Error::invalid_argument("no number")),
                _ => {}
            }
            Ok("null".into())
        },
    );
    support::start_all(&runtime, &mut tasks);
    let mut buf = [0; 64];
    let services = runtime.services();
    let got = tasks.run(runtime.kernel(), services.call("svc.one", json("0"), &mut buf));
    let refused = Error::invalid_argument("a number from 1 to 9");
    assert_eq!(Failure::from(got.unwrap_err()), Failure::Failed(refused));
    let mut texts = [0; 256];
    let info = runtime.next_service(&mut 0, &mut texts).unwrap();
    assert_eq!((info.counters.calls, info.counters.errors), (1, 0));
    assert_eq!(counters(&runtime, "server").errors, 0);
    assert_eq!(
        support::last_error(&runtime, "server"),
        (String::new(), String::new())
    );
    support::at_once(runtime.bus().publish("topic", json("0"))).unwrap();
    tasks.settle();
    assert_eq!(counters(&runtime, "server").errors, 1);
}

#[test]
#[cfg(feature = "large")]
fn a_caller_with_many_calls_takes_turns_with_others() {
    let runtime = runtime(&ROOMY);
    let mut callee = ByHand::started(&runtime, PluginMetadata::new("callee", "1"));
    callee.cx().register(&Service::new("x")).unwrap();
    let eager = ByHand::started(&runtime, PluginMetadata::new("eager", "1"));
    let mut calls: Vec<_> = (0..4)
        .map(|n| Pending::begin(eager.cx(), "x", json(&n.to_string()), None).unwrap())
        .collect();
    for n in 4..6 {
        calls.push(Pending::begin(runtime.context(), "x", json(&n.to_string()), None).unwrap());
    }
    let mut order = Vec::new();
    while let Some(Seen::Call { id, args, .. }) = callee.next() {
        order.push(args);
        assert!(callee.reply(id, Ok(json("1"))));
    }
    assert_eq!(
        order,
        ["0", "4", "1", "5", "2", "3"],
        "each caller's calls stay in their order"
    );
}

#[cfg(feature = "large")]
#[test]
fn a_service_that_gives_way_is_had_by_whoever_registers_its_name() {
    let (runtime, mut proxy) = server();
    let service = Service::new("svc.far").yielding();
    proxy.cx().register(&service).unwrap();
    assert!(matches!(
        proxy.cx().register(&service).now(),
        Err(Fault::Taken { .. })
    ));
    let mut call = Pending::begin(runtime.context(), "svc.far", json("1"), None).unwrap();
    let id = call_of(proxy.next());
    let mut near = ByHand::started(&runtime, PluginMetadata::new("near", "1.0.0"));
    near.cx().register(&service).unwrap();
    assert_eq!(outcome(&mut call), Some(Err(Failure::Fault(Fault::Gone))));
    assert!(!proxy.reply(id, Ok(json("1"))), "it is gone");
    let mut call = Pending::begin(runtime.context(), "svc.far", json("1"), None).unwrap();
    let id = call_of(near.next());
    assert!(near.reply(id, Ok(json("2"))));
    assert_eq!(outcome(&mut call), Some(Ok("2".into())));
    assert!(matches!(
        near.cx().register(&Service::new("svc.one")).now(),
        Err(Fault::Taken { .. })
    ));
    assert_eq!(proxy.cx().services().unregister("svc.far").now(), Ok(false));
}

#[test]
fn an_open_call_says_what_it_belongs_to() {
    let (runtime, mut server) = server();
    let call = Pending::begin(runtime.context(), "svc.one", json("1"), Some(SECOND)).unwrap();
    let id = call_of(server.next());
    let open = OpenCall {
        caller: PluginId::OPERATOR,
        parent: None,
        left: Span::of(SECOND),
    };
    assert_eq!(runtime.open_call(id), Some(open));
    drop(call);
    assert_eq!(runtime.open_call(id), None);
}
