//! Recordings, and playing them back.

use inspector_tui::facts::{Answer, Command, Connection, Item, Limit, Place, Play, Playing, Request, Update};
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

/// A recording by hand: an event each ten seconds, and the state of nothing.
fn by_hand(file: &std::path::Path) {
    let mut text = String::from("{\"at\":0,\"core_inspector_recording\":1,\"began\":1764000000000000}\n");
    text.push_str("{\"at\":0,\"connection\":{\"open\":{\"name\":\"r\",\"epoch\":7,\"restarted\":false}}}\n");
    for n in 1..=6u64 {
        let at = n * 10_000_000;
        text.push_str(&format!(
            "{{\"at\":{at},\"event\":{{\"seq\":{n},\"time\":{at},\"source\":\"s\",\"cause\":null,\"receivers\":[0,0,0,0],\"topic\":\"t\",\"payload\":{n}}}}}\n"
        ));
    }
    std::fs::write(file, text).unwrap();
}

/// What is seen of the events until the recording says that it is paused, or has ended.
fn seen(io: &mut Io, seqs: &mut Vec<u64>) -> Playing {
    let mut playing = None;
    until(io, |update| {
        match update {
            Update::Rewound => seqs.clear(),
            Update::Items(items) => seqs.extend(items.iter().map(|item| match item {
                Item::Event(event) => event.seq,
                Item::Lost { .. } => panic!("{item:?}"),
            })),
            Update::Playing(at) => playing = Some(*at),
            _ => {}
        }
        matches!(update, Update::Playing(at) if at.paused || at.at == at.length)
    });
    playing.unwrap()
}

#[test]
fn a_recording_is_paused_stepped_and_played_from_anywhere() {
    let folder = folder();
    let file = folder.path().join("r.ndjson");
    by_hand(&file);
    // Nothing but the connection is due for the first ten seconds.
    let mut io = Io::spawn(Replay::open(&file, 1.0).unwrap()).unwrap();
    let mut seqs = Vec::new();
    let play = |io: &Io, play| io.send(Command::Play(play)).unwrap();
    play(&io, Play::Pause);
    let playing = seen(&mut io, &mut seqs);
    assert_eq!(
        (playing.length, playing.events, playing.speed),
        (60_000_000, 0, 1.0)
    );
    assert!(playing.at < 10_000_000, "{playing:?}");

    for (how, expected) in [
        (Play::Step(1), vec![1]),
        (Play::Step(2), vec![1, 2, 3]),
        (Play::Step(-1), vec![1, 2]),
        (Play::To(Place::Time(50_000_000)), vec![1, 2, 3, 4, 5]),
        (Play::By(-20_000_001), vec![1, 2]),
        (Play::To(Place::Event(4)), vec![1, 2, 3, 4]),
        (Play::To(Place::Event(2)), vec![1, 2]),
        (Play::To(Place::Time(0)), vec![]),
        (Play::Step(-5), vec![]),
    ] {
        play(&io, how);
        let playing = seen(&mut io, &mut seqs);
        assert_eq!(seqs, expected, "{how:?}");
        assert_eq!(playing.events, expected.len() as u64, "{how:?}");
        assert!(playing.paused, "{how:?}");
    }
    // On to the end, fast, and back from there.
    play(&io, Play::Faster(4_096.0));
    assert!(seen(&mut io, &mut seqs).paused);
    play(&io, Play::Pause);
    let playing = seen(&mut io, &mut seqs);
    assert_eq!((playing.at, &seqs[..]), (60_000_000, &[1, 2, 3, 4, 5, 6][..]));
    play(&io, Play::Step(-2));
    assert!(seen(&mut io, &mut seqs).paused);
    assert_eq!(seqs, [1, 2, 3, 4]);
    assert!(io.close());
}

#[test]
fn a_recording_is_bounded_and_each_of_its_files_can_be_played_alone() {
    let folder = folder();
    let (socket, file) = (folder.path().join("s"), folder.path().join("r.ndjson"));
    let runtime = Runtime::new(7, 1 << 20);
    let _server = runtime.serve(&socket);
    let mut io = attach(&socket);
    until_open(&mut io);
    let limit = Limit {
        bytes: 8_192,
        keep: 2,
    };
    io.send(Command::Limit(limit)).unwrap();
    io.send(Command::Record(Some(file.clone()))).unwrap();
    until(&mut io, |update| matches!(update, Update::Recording(Ok(Some(_)))));
    let text = format!("\"{}\"", "x".repeat(900));
    let mut last = 0;
    for _ in 0..60 {
        last = runtime.next_seq();
        runtime.publish("a.topic", &text);
        let published = |item: &Item| matches!(item, Item::Event(event) if event.seq == last);
        until(
            &mut io,
            |update| matches!(update, Update::Items(items) if items.iter().any(published)),
        );
    }
    io.send(Command::Record(None)).unwrap();
    until(&mut io, |update| *update == Update::Recording(Ok(None)));
    assert!(io.close());

    let mut seqs = Vec::new();
    for name in ["r.ndjson.2", "r.ndjson.1", "r.ndjson"] {
        let path = folder.path().join(name);
        let size = std::fs::metadata(&path).unwrap().len();
        assert!(size < 8_192 + 4_096, "{name} has {size} bytes");
        let all: Vec<_> = lines(&path).unwrap().map(|line| line.unwrap().1).collect();
        assert!(
            matches!(
                all[..2],
                [Update::Connection(Connection::Open { .. }), Update::Snapshot(_)]
            ),
            "{name}: {:?}",
            &all[..2]
        );
        seqs.extend(all.iter().filter_map(|update| match update {
            Update::Items(items) => match &items[..] {
                [Item::Event(event)] => Some(event.seq),
                _ => None,
            },
            _ => None,
        }));
    }
    assert!(!folder.path().join("r.ndjson.3").exists());
    let kept: Vec<u64> = (last + 1 - seqs.len() as u64..=last).collect();
    assert_eq!(seqs, kept, "none is missing between the files");
    assert!(seqs.len() > 10 && seqs.len() < 60, "{}", seqs.len());

    // What is there is not written over.
    std::fs::remove_file(&file).unwrap();
    let mut io = attach(&socket);
    until_open(&mut io);
    io.send(Command::Limit(limit)).unwrap();
    io.send(Command::Record(Some(file.clone()))).unwrap();
    let refused = until(&mut io, |update| matches!(update, Update::Recording(_)));
    assert!(
        matches!(&refused, Update::Recording(Err(why)) if why.contains("r.ndjson.1 already")),
        "{refused:?}"
    );
}
