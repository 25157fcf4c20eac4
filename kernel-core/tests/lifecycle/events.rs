//! Events across a stop, and the events that tell of each step.

use kernel_core::*;

use crate::support::{self, AtOnce, ByHand, ROOMY, Seen, counters, json, runtime};

#[test]
fn stopping_counts_what_was_not_read_as_dropped() {
    let runtime = runtime(&ROOMY);
    let mut p = ByHand::started(&runtime, PluginMetadata::new("p", "1.0.0"));
    p.cx().subscribe("e").unwrap();
    for n in 0..5 {
        runtime.bus().try_publish("e", json(&n.to_string())).unwrap();
    }
    assert!(matches!(p.next(), Some(Seen::Event { .. })));
    let manager = runtime.plugins();
    let mut stop = Box::pin(manager.stop("p"));
    assert!(support::poll_once(stop.as_mut()).is_none());
    assert_eq!(p.next(), Some(Seen::Stop));
    let counted = counters(&runtime, "p");
    assert_eq!((counted.events, counted.dropped, counted.lag), (1, 4, 0));
    assert_eq!(
        runtime.bus().try_publish("e", json("1")),
        Ok(0),
        "it no longer listens"
    );
    assert_eq!(p.next(), None);

    let mut start = Box::pin(manager.start("p"));
    assert!(support::poll_once(start.as_mut()).is_none());
    assert_eq!(p.next(), Some(Seen::Start));
    assert_eq!(p.next(), None);
    assert_eq!(
        runtime.bus().try_publish("e", json("9")),
        Ok(1),
        "its filters stayed"
    );
    match p.next() {
        Some(Seen::Event { lost, payload, .. }) => assert_eq!((lost, payload.as_str()), (0, "9")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_lost_before_a_stop_is_not_told_after_the_next_start() {
    let runtime = runtime(&ROOMY);
    let mut p = ByHand::started(&runtime, PluginMetadata::new("p", "1.0.0"));
    p.cx().subscribe("e").unwrap();
    runtime.bus().try_publish("e", json("\"too large\"")).unwrap();
    assert!(support::poll_once(p.mailbox.next(&mut [0; 4])).is_none());
    assert_eq!(counters(&runtime, "p").dropped, 1);
    let manager = runtime.plugins();
    let _ = support::poll_once(manager.stop("p"));
    assert_eq!(p.next(), Some(Seen::Stop));
    let _ = support::poll_once(manager.start("p"));
    assert_eq!(p.next(), Some(Seen::Start));
    runtime.bus().try_publish("e", json("1")).unwrap();
    assert!(matches!(p.next(), Some(Seen::Event { lost: 0, .. })));
}
