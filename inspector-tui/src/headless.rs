//! What works without a terminal: one snapshot, recording, and reading a recording.

pub mod pictures;
pub mod plain;

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::facts::{Answer, Command, Connection, Item, Limit, LostAt, Place, Request, Snapshot, Update};
use crate::io::{Io, Line, Live, ReplayError, lines};
use crate::past;
use crate::snapshot::{Document, Error, Namespace, Storage};

/// Why it did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The runtime answered with an error, or a file did not do what was wanted of it.
    Failed(String),
    /// It makes no sense.
    Usage(String),
    /// No runtime is there.
    Unreachable(String),
    /// Nobody takes the output any more.
    ClosedPipe,
}

impl Failure {
    /// The exit status.
    pub fn status(&self) -> u8 {
        match self {
            Failure::Failed(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Unreachable(_) => 3,
            Failure::ClosedPipe => 0,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(why) | Failure::Usage(why) | Failure::Unreachable(why) => f.write_str(why),
            Failure::ClosedPipe => f.write_str("nobody takes the output"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::Failed(cause.to_string()),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(cause: serde_json::Error) -> Self {
        io::Error::from(cause).into()
    }
}

impl From<ReplayError> for Failure {
    fn from(cause: ReplayError) -> Self {
        Failure::Failed(cause.to_string())
    }
}

/// Prints one snapshot of everything.
///
/// # Errors
/// See [`Failure`].
pub fn snapshot(live: Live, out: impl Write) -> Result<(), Failure> {
    let target = live.at.target.to_string();
    let mut io = Io::spawn(live)?;
    let (mut name, mut epoch) = (String::new(), None);
    let snapshot = loop {
        match io.updates.blocking_recv() {
            Some(Update::Connection(Connection::Open {
                name: told,
                epoch: zero,
                ..
            })) => (name, epoch) = (told, zero),
            Some(Update::Connection(Connection::Down { reason, .. })) => {
                return Err(Failure::Unreachable(reason));
            }
            Some(Update::Snapshot(snapshot)) => break snapshot,
            Some(Update::Notice(notice)) => say(&notice),
            Some(_) => {}
            None => return Err(ended()),
        }
    };
    let storage = stored(&mut io)?;
    let mut document = Document::new(&target, &name, epoch, &snapshot);
    document.storage = Some(storage);
    print(&document, out)
}

/// All namespaces, with their keys.
fn stored(io: &mut Io) -> Result<Storage, Failure> {
    let listed = names(io, |after| Request::StorageNamespaces { after })?;
    let names_of_all = match listed {
        Ok(names) => names,
        Err(error) => return Ok(Storage::Error { error }),
    };
    let mut namespaces = Vec::new();
    for namespace in names_of_all {
        let keys = names(io, |after| Request::StorageKeys {
            namespace: namespace.clone(),
            after,
        })?;
        match keys {
            Ok(keys) => namespaces.push(Namespace { namespace, keys }),
            Err(error) => return Ok(Storage::Error { error }),
        }
    }
    Ok(Storage::Namespaces(namespaces))
}

/// All pages of a list of names.
fn names(io: &mut Io, page: impl Fn(String) -> Request) -> Result<Result<Vec<String>, Error>, Failure> {
    let mut all: Vec<String> = Vec::new();
    loop {
        let after = all.last().cloned().unwrap_or_default();
        match ask(io, page(after))? {
            Answer::Names { mut names, more } => {
                let over = !more || names.is_empty();
                all.append(&mut names);
                if over {
                    return Ok(Ok(all));
                }
            }
            Answer::Failed(code, message) => return Ok(Err(Error { code, message })),
            other => return Err(Failure::Failed(format!("the storage answered with {other:?}"))),
        }
    }
}

fn ask(io: &mut Io, request: Request) -> Result<Answer, Failure> {
    io.send(Command::Request { id: 0, request })
        .map_err(|_| ended())?;
    loop {
        match io.updates.blocking_recv() {
            Some(Update::Answer { answer, .. }) => return Ok(answer),
            Some(Update::Connection(Connection::Down { reason, .. })) => {
                return Err(Failure::Unreachable(reason));
            }
            Some(_) => {}
            None => return Err(ended()),
        }
    }
}

fn ended() -> Failure {
    Failure::Failed("the I/O thread ended: please report what it said".to_owned())
}

pub(crate) fn print(value: &impl Serialize, mut out: impl Write) -> Result<(), Failure> {
    serde_json::to_writer(&mut out, value)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// What went through a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Events.
    pub events: u64,
    /// Events lost on the bus.
    pub bus: u64,
    /// Events lost on the link.
    pub link: u64,
}

impl Counted {
    fn count(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Event(_) => self.events += 1,
                Item::Lost { count, at, .. } => match at {
                    LostAt::Bus => self.bus += count,
                    LostAt::Link => self.link += count,
                },
            }
        }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "events: {}, lost on the bus: {}, lost on the link: {}",
            self.events, self.bus, self.link
        )
    }
}

/// Records to a new file until a signal comes or the time is over.
///
/// # Errors
/// See [`Failure`]; also when there was no runtime all the while.
pub fn record(
    live: Live,
    path: &Path,
    span: Option<Duration>,
    limit: Option<Limit>,
) -> Result<Counted, Failure> {
    let reactor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let until = span.map(|span| Instant::now() + span);
    reactor.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut io = Io::spawn(live)?;
        let path = path.to_owned();
        if let Some(limit) = limit {
            io.send(Command::Limit(limit)).map_err(|_| ended())?;
        }
        io.send(Command::Record(Some(path))).map_err(|_| ended())?;
        let mut counted = Counted::default();
        let mut absent = Some("the runtime said nothing yet".to_owned());
        let mut failed = None;
        let mut said = String::new();
        loop {
            let update = tokio::select! {
                update = io.updates.recv() => update,
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                _ = hang_up.recv() => break,
                () = sleep_until(until) => break,
            };
            match update {
                Some(Update::Items(items)) => counted.count(&items),
                Some(Update::Notice(notice)) => say(&notice),
                Some(Update::Recording(Err(why))) => {
                    failed = Some(Failure::Failed(why));
                    break;
                }
                Some(Update::Connection(Connection::Open { name, .. })) => {
                    absent = None;
                    said.clear();
                    say(&format!("recording {name}"));
                }
                Some(Update::Connection(Connection::Down { reason, .. })) => {
                    // Once, and not with every attempt.
                    if said != reason {
                        say(&reason);
                        said.clone_from(&reason);
                    }
                    if let Some(absent) = absent.as_mut() {
                        *absent = reason;
                    }
                }
                Some(_) => {}
                None => return Err(ended()),
            }
        }
        if !io.close() && failed.is_none() {
            failed = Some(Failure::Failed(
                "the recording could not be ended in time: it may not be whole".to_owned(),
            ));
        }
        match (failed, absent) {
            (Some(failure), _) => Err(failure),
            (None, Some(reason)) => Err(Failure::Unreachable(reason)),
            (None, None) => Ok(counted),
        }
    })
}

/// A closed stderr has nobody to tell.
fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

/// Prints what a recording holds, or what it holds until a place: its items, one a line, and the state of everything then.
///
/// # Errors
/// See [`Failure`].
pub fn replay(path: &Path, until: Option<Place>, out: impl Write) -> Result<(), Failure> {
    /// The last line.
    #[derive(Serialize)]
    struct Last<'a> {
        at: u64,
        snapshot: Document<'a>,
    }
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let (mut name, mut epoch) = (String::new(), None);
    let mut last: Option<(u64, Box<Snapshot>)> = None;
    let (mut cut, mut there) = (None, false);
    for line in lines(path)? {
        let (at, update) = match line {
            Ok(line) => line,
            // What is whole is printed all the same.
            Err(cause) => {
                cut = Some(cause);
                break;
            }
        };
        let at = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        if there || matches!(until, Some(Place::Time(until)) if at > until) {
            break;
        }
        match update {
            Update::Items(items) => {
                for item in &items {
                    if let Item::Event(event) = item {
                        there = matches!(until, Some(Place::Event(seq)) if event.seq >= seq);
                        if let Some((_, snapshot)) = &mut last {
                            past::change(snapshot, event);
                        }
                    }
                    print_line(&Line::item(at, item), &mut out)?;
                }
            }
            Update::Snapshot(snapshot) => last = Some((at, snapshot)),
            Update::Connection(Connection::Open {
                name: told,
                epoch: zero,
                ..
            }) => (name, epoch) = (told, zero),
            _ => {}
        }
    }
    if let Some((at, snapshot)) = last {
        let target = path.display().to_string();
        let snapshot = Document::new(&target, &name, epoch, &snapshot);
        print_line(&Last { at, snapshot }, &mut out)?;
    }
    out.flush()?;
    cut.map_or(Ok(()), |cause| Err(cause.into()))
}

fn print_line(value: &impl Serialize, mut out: impl Write) -> Result<(), Failure> {
    serde_json::to_writer(&mut out, value)?;
    Ok(out.write_all(b"\n")?)
}
