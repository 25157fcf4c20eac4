//! Whatever is dropped at whatever point leaves nothing behind.
mod support;

use std::future::poll_fn;
use std::time::Duration;

use kernel_core::*;
use support::{AtOnce, ByHand, ROOMY, json, poll_once, runtime};

fn blocking() -> PluginMetadata {
    PluginMetadata {
        overflow: Overflow::Block,
        ..PluginMetadata::new("slow", "1")
    }
}

/// Polls a future `polls` times, then drops it.
fn poll_and_drop<T>(polls: usize, future: impl Future<Output = T>) {
    let mut future = std::pin::pin!(future);
    for _ in 0..polls {
        if poll_once(future.as_mut()).is_some() {
            return;
        }
    }
}

#[test]
fn every_future_dropped_after_any_poll_gives_back_what_it_took() {
    let runtime = runtime(&Capacities {
        log_bytes: 1024,
        ..ROOMY
    });
    let mut slow = ByHand::started(&runtime, blocking());
    slow.cx().subscribe("full.>").unwrap();
    slow.cx().register(&Service::new("slow.call")).unwrap();
    let text = format!("\"{}\"", "x".repeat(100));
    while runtime.bus().try_publish("full.a", json(&text)).is_ok() {}
    let before = runtime.metrics();
    let cx = runtime.context();
    for polls in 0..4 {
        poll_and_drop(polls, cx.publish("full.a", json(&text)));
        poll_and_drop(polls, cx.sleep(Duration::from_secs(1)));
        poll_and_drop(polls, cx.call("slow.call", json("1"), &mut [0; 64]));
        poll_and_drop(polls, cx.storage("n").get("k", &mut [0; 64]));
        poll_and_drop(polls, runtime.plugins().start("slow"));
        let mut changes = runtime.plugins().watch();
        // The first look is at what is there; the second one waits.
        poll_and_drop(polls, async {
            loop {
                let _ = poll_fn(|task| changes.poll(None, task.waker())).await;
            }
        });
        drop(changes);
        let mut tap = Tap::open(runtime.kernel(), None).unwrap();
        poll_and_drop(polls, tap.next(&mut [0; 64]));
        drop(tap);
        let after = runtime.metrics();
        assert_eq!(
            (after.waits.used, after.calls.used, after.taps.used),
            (0, 0, 0),
            "{polls}"
        );
        assert_eq!(after.next_seq, before.next_seq);
    }
    assert!(slow.next().is_some());
}

#[test]
fn a_call_dropped_while_it_runs_is_refused_its_reply_and_its_slot_serves_another() {
    let runtime = runtime(&ROOMY);
    let mut callee = ByHand::started(&runtime, PluginMetadata::new("callee", "1"));
    callee.cx().register(&Service::new("x")).unwrap();
    for _ in 0..100 {
        let mut buf = [0; 64];
        let mut call = Box::pin(runtime.services().call("x", json("1"), &mut buf));
        assert!(poll_once(call.as_mut()).is_none());
        let Some(support::Seen::Call { id, .. }) = callee.next() else {
            panic!("no call")
        };
        drop(call);
        assert!(!callee.reply(id, Ok(json("2"))));
    }
    assert_eq!(runtime.metrics().calls.high_water, 1);
}

#[test]
fn a_name_made_at_run_time_is_taken_as_it_is() {
    let runtime = runtime(&ROOMY);
    let plugin = ByHand::started(&runtime, PluginMetadata::new("p", "1"));
    let room = "kitchen";
    plugin.cx().subscribe(&format!("lamp.{room}.>")).unwrap();
    plugin
        .cx()
        .state()
        .set(&format!("lamp.{room}"), json("1"))
        .unwrap();
    plugin
        .cx()
        .register(&Service::new(&format!("lamp.{room}.set")))
        .unwrap();
    assert_eq!(runtime.bus().try_publish("lamp.kitchen.on", json("1")), Ok(1));
}
