//! A clock that wraps around, as a chip's does after 49 days: what was begun before goes on after.
mod support;

use std::time::Duration;

use kernel_core::*;
use support::{
    AtOnce, ByHand, Notes, ROOMY, Seen, Tasks, actor, advance, at_once, json, poll_once, runtime, set_now,
    start_all,
};

/// Lets time go by in steps of 50 milliseconds.
fn pass(runtime: &CoreRuntime, tasks: &mut Tasks, millis: u64) {
    for _ in 0..millis / 50 {
        advance(Duration::from_millis(50));
        runtime.kernel().expire();
        tasks.settle();
    }
}

#[test]
fn ticks_deadlines_pauses_and_times_to_live_go_on_where_the_clock_wraps_around() {
    let second = Duration::from_secs(1);
    set_now(((u32::MAX - 1_000) as u64) * 1_000);
    let runtime = runtime(&ROOMY);
    let mut tasks = Tasks::default();
    let notes = Notes::default();
    let to = notes.clone();
    let metadata = PluginMetadata {
        handler_timeout: second * 4,
        ..PluginMetadata::new("p", "1")
    };
    actor(&runtime, &mut tasks, metadata, move |cx, seen| {
        let to = to.clone();
        async move {
            match seen {
                Seen::Load => {
                    cx.register(&Service::new("p.slow")).await?;
                    cx.set_interval(second).await?;
                }
                Seen::Tick => to.push("tick"),
                Seen::Call { .. } => {
                    cx.sleep(second * 3).await?;
                    to.push("slept");
                }
                _ => {}
            }
            Ok("null".into())
        }
    });
    start_all(&runtime, &mut tasks);
    at_once(runtime.state().set_with_ttl("k", json("1"), second * 2)).unwrap();
    let mut buf = [0; 64];
    let services = runtime.services();
    let mut late = Box::pin(services.call_within("p.slow", json("1"), second * 2, &mut buf));
    assert!(poll_once(late.as_mut()).is_none());
    tasks.settle();
    pass(&runtime, &mut tasks, 1_950);
    assert!(poll_once(late.as_mut()).is_none());
    assert_eq!(at_once(runtime.state().exists("k")), Ok(true));
    pass(&runtime, &mut tasks, 100);
    let ended = poll_once(late.as_mut()).map(|reply| reply.map(drop));
    assert_eq!(ended, Some(Err(CallError::Fault(Fault::Timeout))));
    assert_eq!(at_once(runtime.state().exists("k")), Ok(false));
    assert_eq!(notes.take(), [""; 0], "it sleeps in its handler");
    pass(&runtime, &mut tasks, 1_000);
    assert_eq!(notes.take(), ["slept", "tick"]);
    pass(&runtime, &mut tasks, 2_000);
    assert_eq!(notes.take(), ["tick", "tick"]);
    assert_eq!(runtime.plugins().state("p"), Some(PluginState::Started));
}

/// A plugin's lives are numbered with 16 bits, a slot's calls with 20.
#[test]
fn lives_and_calls_go_on_where_their_numbers_wrap_around() {
    let runtime = runtime(&Capacities { calls: 1, ..ROOMY });
    let mut plugin = ByHand::started(&runtime, PluginMetadata::new("p", "1"));
    let first = plugin.cx();
    let mut before = None;
    for life in 0..(1 << 16) + 20 {
        plugin.cx().register(&Service::new("p.x")).unwrap();
        // More than 20 bits of calls, all together.
        for _ in 0..16 {
            let mut buf = [0; 8];
            let mut call = Box::pin(runtime.services().call("p.x", json("1"), &mut buf));
            assert!(poll_once(call.as_mut()).is_none());
            let mut room = [0; 64];
            let Some(Message::Call(request)) = plugin.mailbox.try_next(&mut room) else {
                panic!("no call in life {life}")
            };
            let id = request.id;
            assert_ne!(before, Some(id));
            if let Some(before) = before {
                assert!(
                    !plugin.reply(before, Ok(json("0"))),
                    "a late reply in life {life}"
                );
            }
            assert!(plugin.reply(id, Ok(json("2"))));
            assert_eq!(poll_once(call).map(|reply| reply.is_ok()), Some(true));
            before = Some(id);
        }
        let old = plugin.cx();
        plugin.installed.crashed(&Error::new("panic", "boom"));
        assert_eq!(old.try_publish("t", json("1")), Err(Fault::Unloaded), "{life}");
        plugin.mailbox = plugin.installed.mailbox();
        plugin.start(&runtime, "p");
        assert_eq!(old.try_publish("t", json("1")), Err(Fault::Unloaded), "{life}");
        assert_eq!(plugin.cx().try_publish("t", json("1")), Ok(0), "{life}");
    }
    assert_ne!(plugin.cx().id(), first.id());
    assert_eq!(first.try_publish("t", json("1")), Err(Fault::Unloaded));
}
