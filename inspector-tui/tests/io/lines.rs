//! Lines that damage what they carry, or are slow.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use inspector_tui::facts::{Answer, Command, Item, Request, Update};
use inspector_tui::io::{Io, Live};
use link_dial::{Endpoint, Target};

use crate::folder;
use crate::support::{Runtime, Seen, bad_line, live, serial_line, until_open};

/// What is on a serial line.
fn on(device: &Path) -> Live {
    Live {
        at: Endpoint::open(Target::Serial {
            device: device.to_owned(),
            baud: 115_200,
        }),
        ..live(device)
    }
}

#[test]
fn what_a_bad_line_swallows_is_counted_and_what_comes_is_whole() {
    let folder = folder();
    let socket = folder.path().join("s");
    let runtime = Runtime::new(7, 1 << 20);
    let _server = runtime.serve_line(&socket);
    let damaging = Arc::new(AtomicBool::new(false));
    let device = bad_line(&socket, &damaging);
    let mut io = Io::spawn(on(&device)).unwrap();
    let (_, first) = until_open(&mut io);
    damaging.store(true, Ordering::Relaxed);
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
    damaging.store(false, Ordering::Relaxed);
    runtime.publish("good.line", "1");
    while seen.all() < published + 1 {
        if let Some(Update::Items(items)) = io.updates.blocking_recv() {
            seen.take(&items);
        }
    }
}

#[test]
fn a_serial_line_carries_what_it_can_and_the_rest_is_lost_on_the_bus() {
    let folder = folder();
    let socket = folder.path().join("s");
    let runtime = Runtime::new(7, 1 << 14);
    let _server = runtime.serve_line(&socket);
    let device = serial_line(&socket);
    let mut io = Io::spawn(on(&device)).unwrap();
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
    let mut io = Io::spawn(on(&device)).unwrap();
    until_open(&mut io);
}
