//! Events across a stop, and the events that tell of each step.

use kernel_core::*;

use crate::support::{self, ByHand, ROOMY, Seen, counters, json, runtime};
use crate::{House, SECOND};

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
    drop(support::poll_once(manager.stop("p")));
    assert_eq!(p.next(), Some(Seen::Stop));
    drop(support::poll_once(manager.start("p")));
    assert_eq!(p.next(), Some(Seen::Start));
    runtime.bus().try_publish("e", json("1")).unwrap();
    assert!(matches!(p.next(), Some(Seen::Event { lost: 0, .. })));
}

#[test]
fn each_step_is_an_event_and_the_runtime_says_how_it_is() {
    let mut house = House::new();
    let mut watcher = ByHand::started(&house.runtime, PluginMetadata::new("watcher", "1.0.0"));
    watcher.cx().subscribe("runtime.plugin.p").unwrap();
    watcher.cx().subscribe("state.changed.runtime.status").unwrap();
    house.add("p", &[], "stop");
    let kernel = house.runtime.kernel();
    house.tasks.run(kernel, house.runtime.start());
    assert!(house.runtime.health().running);
    house.ask("p", "stop").unwrap_err();
    let mut told = Vec::new();
    while let Some(seen) = watcher.next() {
        if let Seen::Event { payload, .. } = seen {
            let value: serde_json::Value = serde_json::from_str(&payload).unwrap();
            told.push(value.get("state").or(value.get("value")).unwrap().clone());
            if told.last().unwrap() == "FAILED" {
                assert_eq!(
                    (&value["code"], &value["error"]),
                    (&"broken".into(), &"stop".into())
                );
            }
        }
    }
    assert_eq!(told, ["starting", "LOADED", "STARTED", "running", "FAILED"]);
    let status = || {
        let mut buf = [0; 32];
        let value = house.runtime.state().get(STATUS, &mut buf).unwrap();
        value.unwrap().as_str().to_owned()
    };
    assert_eq!(status(), "\"running\"");
    assert!(support::poll_once(house.runtime.shutdown(SECOND)).is_none());
    assert_eq!(status(), "\"stopping\"");
    assert!(!house.runtime.health().running);
    house.tasks.run(kernel, house.runtime.shutdown(SECOND));
    assert_eq!(status(), "\"stopped\"");
}
