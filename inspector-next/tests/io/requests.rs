//! Requests and their answers, and the snapshot of a program without screens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use inspector_tui::facts::{Answer, Command, Request, Update};
use inspector_tui::headless;

use crate::folder;
use crate::support::{Runtime, attach, live, until, until_open};

#[test]
fn requests_are_answered_in_the_middle_of_a_flood() {
    let folder = folder();
    let socket = folder.path().join("s");
    let runtime = Runtime::new(7, 1 << 20);
    let _server = runtime.serve(&socket);
    let mut io = attach(&socket);
    until_open(&mut io);
    let answered = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // It ends only when all answers are there.
            while !answered.load(Ordering::Relaxed) {
                runtime.publish("flood.all", "{\"on\":true}");
            }
        });
        for id in 0..40 {
            let request = Request::StateSet {
                key: format!("key.{}", id % 8),
                value: id.to_string(),
                ttl: None,
                expected: None,
            };
            io.send(Command::Request { id, request }).unwrap();
        }
        let mut open: Vec<u32> = (0..40).collect();
        while !open.is_empty() {
            if let Some(Update::Answer { id, answer, .. }) = io.updates.blocking_recv() {
                assert!(matches!(answer, Answer::Count(_)), "{answer:?}");
                open.retain(|waiting| *waiting != id);
            }
        }
        // And the other way round: the snapshots that the answers led to do not hold up the events.
        let mut snapshots = 0;
        while snapshots < 2 {
            match io.updates.blocking_recv() {
                Some(Update::Snapshot(snapshot)) => {
                    assert_eq!(snapshot.states.len(), 8);
                    snapshots += 1;
                }
                Some(Update::Items(items)) => assert!(!items.is_empty()),
                _ => {}
            }
        }
        answered.store(true, Ordering::Relaxed);
    });
}

#[test]
fn one_snapshot_has_everything_with_names() {
    let folder = folder();
    let socket = folder.path().join("s");
    let runtime = Runtime::new(7, 1 << 16);
    let server = runtime.serve(&socket);
    let mut io = attach(&socket);
    until_open(&mut io);
    for (id, request) in [
        Request::StateSet {
            key: "lamp".to_owned(),
            value: "{\"on\":true}".to_owned(),
            ttl: Some(Duration::from_secs(60)),
            expected: None,
        },
        Request::StorageSet {
            namespace: "home".to_owned(),
            key: "rooms".to_owned(),
            value: "[1]".to_owned(),
        },
    ]
    .into_iter()
    .enumerate()
    {
        io.send(Command::Request {
            id: id as u32,
            request,
        })
        .unwrap();
        let answer = until(&mut io, |update| matches!(update, Update::Answer { .. }));
        assert!(
            !matches!(
                answer,
                Update::Answer {
                    answer: Answer::Failed(..),
                    ..
                }
            ),
            "{answer:?}"
        );
    }
    let mut out = Vec::new();
    headless::snapshot(live(&socket), &mut out).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(document["name"], "test runtime");
    assert_eq!(document["state"][0]["key"], "lamp");
    assert_eq!(document["state"][0]["value"]["on"], true);
    assert_eq!(
        document["storage"],
        serde_json::json!([{"namespace": "home", "keys": ["rooms"]}])
    );
    drop(server);
    let failure = headless::snapshot(live(&socket), Vec::new()).unwrap_err();
    assert_eq!(failure.status(), 3, "{failure}");
}
