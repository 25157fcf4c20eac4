//! Recordings, and playing them back.

use inspector_tui::facts::{Answer, Command, Connection, Item, Request, Update};
use inspector_tui::io::{Io, Replay, lines};

use crate::folder;
use crate::support::{Runtime, attach, until, until_open};

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
