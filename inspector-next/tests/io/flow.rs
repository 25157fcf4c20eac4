//! The stream of events: its beginning, a model that is too slow, a runtime that goes and comes back.

use std::time::Duration;

use inspector_tui::facts::{Answer, Command, Connection, Item, Request, Update};
use inspector_tui::io::{Io, Live};

use crate::folder;
use crate::support::{Runtime, Seen, attach, live, until, until_open};

#[test]
fn a_snapshot_comes_first_and_then_every_event() {
    let folder = folder();
    let socket = folder.path().join("s");
    let runtime = Runtime::new(7, 1 << 16);
    let _server = runtime.serve(&socket);
    runtime.publish("before.it", "1");
    let mut io = attach(&socket);
    let (restarted, first) = until_open(&mut io);
    assert!(!restarted);
    for n in 0..1000 {
        runtime.publish("a.topic", &n.to_string());
    }
    let mut seen = Seen {
        next: Some(first),
        ..Seen::default()
    };
    let mut payloads = Vec::new();
    while seen.all() < 1000 {
        if let Some(Update::Items(items)) = io.updates.blocking_recv() {
            seen.take(&items);
            for item in items {
                if let Item::Event(event) = item {
                    assert_eq!((&*event.topic, &*event.source), ("a.topic", "operator"));
                    payloads.push(String::from_utf8(event.payload.into()).unwrap());
                }
            }
        }
    }
    assert_eq!(payloads, (0..1000).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(io.close());
}

#[test]
fn with_the_past_the_stream_begins_with_what_is_still_there() {
    let folder = folder();
    let socket = folder.path().join("s");
    let runtime = Runtime::new(7, 1 << 12);
    let _server = runtime.serve(&socket);
    for n in 0..1000 {
        runtime.publish("a.topic", &n.to_string());
    }
    let next = runtime.next_seq();
    let mut io = Io::spawn(Live {
        past: true,
        ..live(&socket)
    })
    .unwrap();
    until_open(&mut io);
    let mut seen = Seen::default();
    while seen.next != Some(next) {
        if let Some(Update::Items(items)) = io.updates.blocking_recv() {
            seen.take(&items);
        }
    }
    assert_eq!((seen.bus, seen.link), (0, 0), "nobody asked for what was gone");
    assert!(seen.events > 10, "{seen:?}");
}

#[test]
fn a_slow_model_costs_events_on_the_bus_and_every_one_is_counted() {
    let folder = folder();
    let socket = folder.path().join("s");
    let runtime = Runtime::new(7, 1 << 16);
    let _server = runtime.serve(&socket);
    let mut io = attach(&socket);
    let (_, first) = until_open(&mut io);
    let published = 300_000;
    let payload = format!("\"{}\"", "x".repeat(100));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..published {
                runtime.publish("flood.all", &payload);
            }
        });
        let mut seen = Seen {
            next: Some(first),
            ..Seen::default()
        };
        while seen.all() < published {
            if let Some(Update::Items(items)) = io.updates.blocking_recv() {
                seen.take(&items);
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        assert_eq!(seen.all(), published);
        assert_eq!(seen.link, 0);
        assert!(
            seen.bus > 0,
            "the model is slower than the runtime, which does not wait: {seen:?}"
        );
        assert!(seen.events > 0);
    });
}

#[test]
fn a_runtime_that_goes_and_comes_back_is_found_again_and_nothing_is_counted_twice() {
    let folder = folder();
    let socket = folder.path().join("s");
    let runtime = Runtime::new(7, 1 << 12);
    let server = runtime.serve(&socket);
    let mut io = attach(&socket);
    let (_, first) = until_open(&mut io);
    let mut seen = Seen {
        next: Some(first),
        ..Seen::default()
    };
    runtime.publish("a.b", "1");
    until(&mut io, |update| match update {
        Update::Items(items) => {
            seen.take(items);
            true
        }
        _ => false,
    });

    // The link ends, the runtime goes on: fewer events than its log keeps, all of them are there later.
    drop(server);
    let is_down = |update: &Update| matches!(update, Update::Connection(Connection::Down { .. }));
    until(&mut io, is_down);
    let request = Request::Publish {
        topic: "never.sent".to_owned(),
        payload: "1".to_owned(),
    };
    io.send(Command::Request { id: 9, request }).unwrap();
    let answer = until(&mut io, |update| matches!(update, Update::Answer { .. }));
    assert!(
        matches!(&answer, Update::Answer { id: 9, answer: Answer::Failed(code, _), .. } if code == "disconnected")
    );
    for _ in 0..5 {
        runtime.publish("while.away", "1");
    }
    let server = runtime.serve(&socket);
    let open = until(&mut io, |update| {
        matches!(update, Update::Connection(Connection::Open { .. }))
    });
    assert!(
        matches!(
            open,
            Update::Connection(Connection::Open { restarted: false, .. })
        ),
        "{open:?}"
    );
    while seen.all() < 6 {
        if let Some(Update::Items(items)) = io.updates.blocking_recv() {
            seen.take(&items);
        }
    }
    assert_eq!((seen.events, seen.bus, seen.link), (6, 0, 0));

    // More than the log keeps: the rest is lost, and that is the link's doing.
    drop(server);
    until(&mut io, is_down);
    for _ in 0..1000 {
        runtime.publish("while.away", "1");
    }
    let server = runtime.serve(&socket);
    while seen.all() < 1006 {
        if let Some(Update::Items(items)) = io.updates.blocking_recv() {
            seen.take(&items);
        }
    }
    assert_eq!((seen.all(), seen.bus), (1006, 0));
    assert!(seen.link > 0 && seen.events > 6, "{seen:?}");
    drop(server);
    until(&mut io, is_down);

    // Another start: its numbers begin anew, and all of its events are of interest.
    let runtime = Runtime::new(90_000_000, 1 << 12);
    runtime.publish("early.bird", "1");
    let _server = runtime.serve(&socket);
    let open = until(&mut io, |update| {
        matches!(update, Update::Connection(Connection::Open { .. }))
    });
    assert!(
        matches!(open, Update::Connection(Connection::Open { restarted: true, .. })),
        "{open:?}"
    );
    let next = runtime.next_seq();
    let mut seen = Seen {
        next: Some(1),
        ..Seen::default()
    };
    while seen.next != Some(next) {
        if let Some(Update::Items(items)) = io.updates.blocking_recv() {
            seen.take(&items);
        }
    }
    assert_eq!((seen.bus, seen.link), (0, 0));
}
