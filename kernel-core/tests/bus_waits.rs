//! Subscribers that make publishers wait: who waits, for whom, and how long.
mod support;

use std::time::Duration;

use kernel_core::*;
use support::{AtOnce, ByHand, Seen, Tasks, advance, counters, json, now, poll_once, runtime};

const SMALL: Capacities = Capacities {
    log_bytes: 512,
    ..Capacities::DEFAULT
};

fn blocking(name: &'static str) -> PluginMetadata {
    PluginMetadata {
        overflow: Overflow::Block,
        ..PluginMetadata::new(name, "1.0.0")
    }
}

fn payload() -> String {
    format!("\"{}\"", "x".repeat(98))
}

/// A subscriber that makes publishers wait, and a log that is full of what it has not read.
fn full() -> (CoreRuntime, ByHand) {
    let runtime = runtime(&SMALL);
    let slow = ByHand::started(&runtime, blocking("slow"));
    slow.cx().subscribe("t.>").unwrap();
    while runtime.bus().try_publish("t.a", json(&payload())).is_ok() {}
    (runtime, slow)
}

#[test]
fn try_publish_answers_full_with_the_name_and_changes_nothing() {
    let (runtime, mut slow) = full();
    let before = runtime.metrics();
    let refused = runtime.bus().try_publish("t.a", json(&payload()));
    assert_eq!(
        refused,
        Err(Fault::Busy {
            subscriber: slow.cx().id()
        })
    );
    let after = runtime.metrics();
    assert_eq!(after.refused, before.refused + 1);
    assert_eq!(Metrics { refused: 0, ..after }, Metrics { refused: 0, ..before });
    let mut read = 0;
    while let Some(Seen::Event { lost, .. }) = slow.next() {
        assert_eq!(lost, 0);
        read += 1;
    }
    assert_eq!(counters(&runtime, "slow").events, read);
    assert_eq!(counters(&runtime, "slow").dropped, 0);
}

#[test]
fn publish_goes_on_when_the_subscriber_reads_and_is_not_counted_as_refused() {
    let (runtime, mut slow) = full();
    let refused = runtime.metrics().refused;
    let mut tasks = Tasks::default();
    let bus = runtime.bus();
    tasks.spawn(async move {
        assert_eq!(bus.publish("t.b", json(&payload())).await, Ok(1));
    });
    tasks.settle();
    let waiting = runtime.metrics();
    assert_eq!(waiting.waits.used, 1);
    assert!(slow.next().is_some());
    tasks.settle();
    let done = runtime.metrics();
    assert_eq!((done.waits.used, done.next_seq), (0, waiting.next_seq + 1));
    assert_eq!(done.refused, refused);
}

#[test]
fn publish_ends_at_its_deadline_and_names_the_subscriber() {
    let (runtime, slow) = full();
    let mut tasks = Tasks::default();
    let begun = now();
    let before = runtime.metrics();
    let outcome = tasks.run(runtime.kernel(), runtime.bus().publish("t.b", json(&payload())));
    assert_eq!(
        outcome,
        Err(Fault::Slow {
            subscriber: slow.cx().id()
        })
    );
    assert_eq!(now() - begun, PUBLISH_TIMEOUT.as_micros() as u64);
    assert_eq!(runtime.metrics().next_seq, before.next_seq);
    assert_eq!(runtime.metrics().refused, before.refused + 1);

    let begun = now();
    let limit = Duration::from_millis(7);
    let outcome = tasks.run(
        runtime.kernel(),
        runtime.bus().publish_within("t.b", json(&payload()), limit),
    );
    assert!(matches!(outcome, Err(Fault::Slow { .. })));
    assert_eq!(now() - begun, 7_000);
}

#[test]
fn a_publisher_never_waits_for_itself() {
    let (runtime, slow) = full();
    let before = counters(&runtime, "slow");
    assert_eq!(
        poll_once(slow.cx().publish("t.own", json(&payload()))),
        Some(Ok(1))
    );
    let after = counters(&runtime, "slow");
    assert!(after.dropped > before.dropped);
    assert_eq!(after.lag + after.dropped, before.lag + before.dropped + 1);
}

#[test]
fn the_kernels_own_events_wait_for_nobody() {
    let (runtime, mut slow) = full();
    slow.cx().subscribe("state.>").unwrap();
    let lag = counters(&runtime, "slow").lag;
    runtime.state().set("k", json("1")).unwrap();
    let after = counters(&runtime, "slow");
    assert!(after.dropped > 0);
    assert_eq!(after.lag + after.dropped, lag + 1);
    let mut lost = 0;
    while let Some(Seen::Event { lost: n, .. }) = slow.next() {
        lost += n;
    }
    assert_eq!(lost, after.dropped);
}

/// Somebody waits to publish while `way` makes the subscriber's unread events go away.
fn goes_on_after(way: impl FnOnce(&CoreRuntime, &mut ByHand)) {
    let (runtime, mut slow) = full();
    let mut tasks = Tasks::default();
    let bus = runtime.bus();
    tasks.spawn(async move {
        bus.publish("t.b", json(&payload())).await.unwrap();
    });
    tasks.settle();
    assert_eq!(runtime.metrics().waits.used, 1);
    way(&runtime, &mut slow);
    tasks.settle();
    assert_eq!(runtime.metrics().waits.used, 0, "the publisher was not woken");
}

#[test]
fn a_publisher_goes_on_when_the_subscriber_stops() {
    goes_on_after(|runtime, slow| {
        let manager = runtime.plugins();
        let mut stop = Box::pin(manager.stop("slow"));
        assert!(poll_once(stop.as_mut()).is_none());
        assert_eq!(slow.next(), Some(Seen::Stop));
        assert_eq!(slow.next(), None);
        assert_eq!(poll_once(stop), Some(Ok(PluginState::Stopped)));
    });
}

#[test]
fn a_publisher_goes_on_when_the_subscriber_crashes() {
    goes_on_after(|_, slow| slow.installed.crashed(&Error::new("panic", "at line 1")));
}

#[test]
fn a_publisher_goes_on_when_the_subscriber_cannot_take_an_event_in() {
    goes_on_after(|runtime, slow| {
        let mut buf = [0; 8];
        assert!(poll_once(slow.mailbox.next(&mut buf)).is_none());
        let counted = counters(runtime, "slow");
        assert_eq!((counted.lag, counted.events), (0, 0));
        assert!(counted.dropped > 0);
    });
}

#[test]
fn an_event_too_large_for_the_readers_buffer_is_lost_and_told() {
    let runtime = runtime(&SMALL);
    let plugin = ByHand::started(&runtime, PluginMetadata::new("small", "1.0.0"));
    plugin.cx().subscribe("t.>").unwrap();
    runtime.bus().try_publish("t.large", json(&payload())).unwrap();
    runtime.bus().try_publish("t.small", json("1")).unwrap();
    let mut buf = [0; 32];
    let Some(Message::Event(event)) = poll_once(plugin.mailbox.next(&mut buf)) else {
        panic!("no event");
    };
    assert_eq!((event.topic(), event.lost), ("t.small", 1));
    let counted = counters(&runtime, "small");
    assert_eq!((counted.events, counted.dropped, counted.lag), (1, 1, 0));
}

#[test]
fn an_event_larger_than_the_log_is_refused_with_what_would_fit() {
    let runtime = runtime(&SMALL);
    let text = format!("\"{}\"", "x".repeat(600));
    let Err(Fault::TooLarge { max }) = runtime.bus().try_publish("t.a", json(&text)) else {
        panic!("not refused");
    };
    let fits = format!("\"{}\"", "x".repeat(max as usize - 2));
    assert_eq!(runtime.bus().try_publish("t.a", json(&fits)), Ok(0));
    let one_more = format!("\"{}\"", "x".repeat(max as usize - 1));
    assert!(runtime.bus().try_publish("t.a", json(&one_more)).is_err());
}

#[test]
fn dropping_a_publish_that_waits_publishes_nothing() {
    let (runtime, mut slow) = full();
    let published = runtime.metrics().next_seq;
    let bus = runtime.bus();
    {
        let text = payload();
        let mut waiting = Box::pin(bus.publish("t.b", json(&text)));
        assert!(poll_once(waiting.as_mut()).is_none());
        assert_eq!(runtime.metrics().waits.used, 1);
    }
    assert_eq!(runtime.metrics().waits.used, 0);
    while slow.next().is_some() {}
    advance(PUBLISH_TIMEOUT);
    runtime.kernel().expire();
    assert_eq!(runtime.metrics().next_seq, published);
}

#[test]
fn where_too_many_wait_already_the_capacity_is_named() {
    let runtime = runtime(&Capacities { waits: 1, ..SMALL });
    let mut slow = ByHand {
        installed: runtime
            .plugins()
            .install(support::metadata(blocking("slow")))
            .unwrap(),
        mailbox: runtime
            .plugins()
            .install(support::metadata(blocking("other")))
            .unwrap()
            .mailbox(),
    };
    slow.mailbox = slow.installed.mailbox();
    slow.start(&runtime, "slow");
    slow.cx().subscribe("t.>").unwrap();
    while runtime.bus().try_publish("t.a", json(&payload())).is_ok() {}
    let bus = runtime.bus();
    let text = payload();
    let mut first = Box::pin(bus.publish("t.b", json(&text)));
    assert!(poll_once(first.as_mut()).is_none());
    assert_eq!(
        poll_once(bus.publish("t.b", json(&text))),
        Some(Err(Fault::Full {
            capacity: Capacity::Waits,
            size: 1
        }))
    );
}
