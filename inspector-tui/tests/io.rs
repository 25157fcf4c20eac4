//! The I/O thread against a real runtime, behind a real socket.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use inspector_tui::facts::{Answer, Command, Connection, Item, Request, Update};
use inspector_tui::headless;
use inspector_tui::io::{Io, Live, Replay, lines};
use inspector_tui::target::Target;
use support::{BadLine, Runtime, Seen, attach, live, serial_line, until, until_open};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

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

#[test]
fn what_a_bad_line_swallows_is_counted_and_what_comes_is_whole() {
    let folder = folder();
    let (socket, here) = (folder.path().join("s"), folder.path().join("line"));
    let runtime = Runtime::new(7, 1 << 20);
    let _server = runtime.serve(&socket);
    let line = BadLine::between(&here, &socket);
    let mut io = attach(&here);
    let (_, first) = until_open(&mut io);
    line.damaging.store(true, Ordering::Relaxed);
    let published = 5_000;
    for n in 0..published {
        runtime.publish("bad.line", &n.to_string());
    }
    let mut seen = Seen {
        next: Some(first),
        ..Seen::default()
    };
    // Even the last ones, after which nothing comes.
    while seen.all() < published {
        if let Some(Update::Items(items)) = io.updates.blocking_recv() {
            for item in &items {
                if let Item::Event(event) = item {
                    assert_eq!(*event.payload, *(event.seq - first).to_string().as_bytes());
                }
            }
            seen.take(&items);
        }
    }
    assert_eq!((seen.all(), seen.bus), (published, 0));
    assert!(seen.link > 100 && seen.events > 1000, "{seen:?}");
    line.damaging.store(false, Ordering::Relaxed);
    runtime.publish("good.line", "1");
    while seen.all() < published + 1 {
        if let Some(Update::Items(items)) = io.updates.blocking_recv() {
            seen.take(&items);
        }
    }
}

#[test]
fn a_recording_plays_back_what_was_seen() {
    let folder = folder();
    let (socket, file) = (folder.path().join("s"), folder.path().join("r.ndjson"));
    let runtime = Runtime::new(7, 1 << 16);
    let _server = runtime.serve(&socket);
    let mut io = attach(&socket);
    until_open(&mut io);
    io.send(Command::Record(Some(file.clone()))).unwrap();
    let begun = until(&mut io, |update| matches!(update, Update::Recording(_)));
    assert_eq!(begun, Update::Recording(Ok(Some(file.clone()))));
    for payload in ["{\n  \"on\": true\n}", "\"Привет\"", "1.50", "[]"] {
        runtime.publish("a.topic", payload);
    }
    let (mut items, mut snapshots) = (Vec::new(), Vec::new());
    while items.len() < 4 || snapshots.is_empty() {
        match io.updates.blocking_recv() {
            Some(Update::Items(more)) => items.extend(more),
            Some(Update::Snapshot(snapshot)) => snapshots.push(snapshot),
            other => panic!("{other:?}"),
        }
    }
    io.send(Command::Record(None)).unwrap();
    until(&mut io, |update| match update {
        Update::Snapshot(snapshot) => {
            snapshots.push(snapshot.clone());
            false
        }
        update => *update == Update::Recording(Ok(None)),
    });
    // A file that is there is never written over.
    io.send(Command::Record(Some(file.clone()))).unwrap();
    let refused = until(&mut io, |update| matches!(update, Update::Recording(_)));
    assert!(
        matches!(&refused, Update::Recording(Err(why)) if why.contains("already")),
        "{refused:?}"
    );
    assert!(io.close());

    // A line break in a payload is nothing but space, and would end the line.
    let Some(Item::Event(first)) = items.first_mut() else {
        panic!("{items:?}")
    };
    first.payload = b"{   \"on\": true }".as_slice().into();
    let mut player = Io::spawn(Replay::open(&file, 0.0).unwrap()).unwrap();
    let (mut played, mut shown) = (Vec::new(), Vec::new());
    until(&mut player, |update| {
        match update {
            Update::Items(more) => played.extend(more.iter().cloned()),
            Update::Snapshot(snapshot) => shown.push(snapshot.clone()),
            _ => {}
        }
        *update == Update::Connection(Connection::Ended)
    });
    assert_eq!(played, items);
    assert_eq!(shown, snapshots);
    let request = Request::StorageNamespaces { after: String::new() };
    player.send(Command::Request { id: 1, request }).unwrap();
    let refused = until(&mut player, |update| matches!(update, Update::Answer { .. }));
    assert!(matches!(
        refused,
        Update::Answer {
            answer: Answer::Failed(..),
            ..
        }
    ));

    // Cut off in the middle of a line: what is whole is played, and the rest is said.
    let text = std::fs::read(&file).unwrap();
    let cut = folder.path().join("cut.ndjson");
    std::fs::write(&cut, &text[..text.len() - 9]).unwrap();
    let last = lines(&cut).unwrap().last().unwrap();
    assert!(last.unwrap_err().to_string().contains("cut off in line"));
    std::fs::write(&cut, "{}\n").unwrap();
    assert!(lines(&cut).unwrap_err().to_string().contains("no recording"));
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

#[test]
fn a_serial_line_carries_what_it_can_and_the_rest_is_lost_on_the_bus() {
    let folder = folder();
    let socket = folder.path().join("s");
    let runtime = Runtime::new(7, 1 << 14);
    let _server = runtime.serve(&socket);
    let device = serial_line(&socket);
    let live = || Live {
        target: Target::Serial {
            device: device.clone(),
            baud: 115_200,
        },
        ..live(&socket)
    };
    let mut io = Io::spawn(live()).unwrap();
    let (_, first) = until_open(&mut io);
    // Twenty seconds of the line, at once: the runtime does not wait for it.
    let published = 4_000;
    for n in 0..published {
        runtime.publish("a.topic.of.some.length", &n.to_string());
    }
    let request = Request::StateSet {
        key: "in.between".to_owned(),
        value: "1".to_owned(),
        ttl: None,
        expected: None,
    };
    io.send(Command::Request { id: 3, request }).unwrap();
    let mut seen = Seen {
        next: Some(first),
        ..Seen::default()
    };
    let mut answered = false;
    while seen.next < Some(first + published) || !answered {
        match io.updates.blocking_recv() {
            Some(Update::Items(items)) => seen.take(&items),
            Some(Update::Answer { id: 3, answer, .. }) => {
                assert_eq!(answer, Answer::Count(1));
                answered = true;
            }
            _ => {}
        }
    }
    assert_eq!(seen.link, 0);
    assert!(seen.bus > 1000 && seen.events > 100, "{seen:?}");
    assert!(io.close());

    // Somebody else takes the line over, in the middle of whatever was on it.
    let mut io = Io::spawn(live()).unwrap();
    until_open(&mut io);
}
