//! Recordings: what the target said, one JSON object a line, each with the microseconds since the recording
//! began.
//!
//! ```text
//! {"at":0,"core_inspector_recording":1,"began":1764000000000000}
//! {"at":0,"connection":{"open":{"name":"core-runtime 0.1.0","epoch":1764000000000000,"restarted":false}}}
//! {"at":1840,"snapshot":{"health":{…},"metrics":{…},"plugins":[…],…}}
//! {"at":2011,"event":{"seq":17,"time":9120,"source":"sensor","cause":null,…,"topic":"a.b","payload":{"on":true}}}
//! {"at":2011,"lost":{"from":18,"count":40,"at":"bus"}}
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use link_dial::Texts;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::facts::{self, Cause, Connection, Item, Limit, LostAt, Snapshot, Update};

/// The version of the format.
pub(super) const VERSION: u32 = 1;

/// A line.
#[derive(Debug, Serialize, Deserialize)]
pub struct Line {
    /// Microseconds since the recording began.
    pub(super) at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) core_inspector_recording: Option<u32>,
    /// The unix time when it began, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) began: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) connection: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) snapshot: Option<Box<Snapshot>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lost: Option<Lost>,
}

/// A change of the connection.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Link {
    Connecting,
    Open {
        name: String,
        epoch: Option<u64>,
        restarted: bool,
    },
    Down {
        reason: String,
    },
}

/// An event, its payload as the JSON it is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Event {
    seq: u64,
    time: u64,
    source: String,
    cause: Cause,
    receivers: facts::Slots,
    topic: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
    /// A payload that is not JSON, which no runtime should send.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<Box<[u8]>>,
}

/// A gap.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Lost {
    from: u64,
    count: u64,
    at: LostAt,
}

impl Line {
    pub(super) fn empty(at: u64) -> Self {
        Line {
            at,
            core_inspector_recording: None,
            began: None,
            connection: None,
            snapshot: None,
            event: None,
            lost: None,
        }
    }

    /// An item as a line.
    pub fn item(at: u64, item: &Item) -> Line {
        match item {
            Item::Event(event) => Line {
                event: Some(Event::new(event)),
                ..Line::empty(at)
            },
            Item::Lost {
                from,
                count,
                at: place,
            } => Line {
                lost: Some(Lost {
                    from: *from,
                    count: *count,
                    at: *place,
                }),
                ..Line::empty(at)
            },
        }
    }

    fn connection(at: u64, connection: &Connection) -> Option<Line> {
        let link = match connection {
            Connection::Connecting => Link::Connecting,
            Connection::Open {
                name,
                epoch,
                restarted,
            } => Link::Open {
                name: name.clone(),
                epoch: *epoch,
                restarted: *restarted,
            },
            Connection::Down { reason, .. } => Link::Down {
                reason: reason.clone(),
            },
            Connection::Ended => return None,
        };
        Some(Line {
            connection: Some(link),
            ..Line::empty(at)
        })
    }

    /// What the line says; `None` for a kind of line that this version does not know.
    pub(super) fn into_update(self, texts: &mut Texts) -> Option<Update> {
        if let Some(event) = self.event {
            return Some(Update::Items(vec![Item::Event(event.into_fact(texts))]));
        }
        if let Some(Lost { from, count, at }) = self.lost {
            return Some(Update::Items(vec![Item::Lost { from, count, at }]));
        }
        if let Some(snapshot) = self.snapshot {
            return Some(Update::Snapshot(snapshot));
        }
        Some(Update::Connection(match self.connection? {
            Link::Connecting => Connection::Connecting,
            Link::Open {
                name,
                epoch,
                restarted,
            } => Connection::Open {
                name,
                epoch,
                restarted,
            },
            Link::Down { reason } => Connection::Down {
                reason,
                retry_at: Instant::now(),
            },
        }))
    }
}

impl Event {
    fn new(event: &facts::Event) -> Self {
        let json = one_line(&event.payload);
        Event {
            seq: event.seq,
            time: event.time,
            source: event.source.as_ref().to_owned(),
            cause: event.cause,
            receivers: event.receivers,
            topic: event.topic.as_ref().to_owned(),
            bytes: json.is_none().then(|| event.payload.clone()),
            payload: json,
        }
    }

    fn into_fact(self, texts: &mut Texts) -> facts::Event {
        let payload = match (self.payload, self.bytes) {
            (Some(json), _) => json.get().as_bytes().into(),
            (None, Some(bytes)) => bytes,
            (None, None) => Box::default(),
        };
        facts::Event {
            seq: self.seq,
            time: self.time,
            source: texts.keep(&self.source),
            cause: self.cause,
            receivers: self.receivers,
            topic: texts.keep(&self.topic),
            payload,
        }
    }
}

/// The JSON without line breaks, which are nothing but space in it; `None` for what is no JSON.
fn one_line(payload: &[u8]) -> Option<Box<RawValue>> {
    let text = str::from_utf8(payload).ok()?;
    let text = if text.contains(['\n', '\r']) {
        text.replace(['\n', '\r'], " ")
    } else {
        text.to_owned()
    };
    RawValue::from_string(text).ok()
}

/// A recording that is being written.
#[derive(Debug)]
pub(super) struct Recorder {
    path: PathBuf,
    file: BufWriter<File>,
    began: Instant,
    limit: Option<Limit>,
    /// The bytes of the file.
    written: u64,
    /// What the next file begins with, where there can be one: the connection, and the state of everything.
    last: (Connection, Option<Box<Snapshot>>),
}

impl Recorder {
    /// Begins a recording in a new file.
    pub(super) fn create(path: &Path, limit: Option<Limit>) -> io::Result<Recorder> {
        let keep = limit.map_or(0, |limit| limit.keep);
        if let Some(there) = (1..=keep)
            .map(|nth| older(path, nth))
            .find(|older| older.exists())
        {
            let why = format!("there is {} already: say another name", there.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        let mut recorder = Recorder {
            path: path.to_owned(),
            file: new_file(path)?,
            began: Instant::now(),
            limit,
            written: 0,
            last: (Connection::Connecting, None),
        };
        recorder.begin()?;
        Ok(recorder)
    }

    /// The first line.
    fn begin(&mut self) -> io::Result<()> {
        self.began = Instant::now();
        self.written = 0;
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.write(&Line {
            core_inspector_recording: Some(VERSION),
            began: Some(micros(wall)),
            ..Line::empty(0)
        })
    }

    /// Puts the full file behind the one before it, and begins another one that can be read alone.
    fn rotate(&mut self, keep: usize) -> io::Result<()> {
        self.file.flush()?;
        for nth in (1..keep).rev() {
            match std::fs::rename(older(&self.path, nth), older(&self.path, nth + 1)) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
                _ => {}
            }
        }
        match keep {
            0 => std::fs::remove_file(&self.path)?,
            _ => std::fs::rename(&self.path, older(&self.path, 1))?,
        }
        self.file = new_file(&self.path)?;
        self.begin()?;
        let (connection, snapshot) = self.last.clone();
        self.connection(&connection)?;
        match snapshot {
            Some(snapshot) => self.snapshot(&snapshot),
            None => Ok(()),
        }
    }

    pub(super) fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        if self.limit.is_some() {
            self.last.0 = connection.clone();
        }
        match Line::connection(self.at(), connection) {
            Some(line) => self.write(&line),
            None => Ok(()),
        }
    }

    fn snapshot(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        /// A line that borrows.
        #[derive(Serialize)]
        struct Borrowed<'a> {
            at: u64,
            snapshot: &'a Snapshot,
        }
        let at = self.at();
        self.write(&Borrowed { at, snapshot })
    }

    pub(super) fn update(&mut self, update: &Update) -> io::Result<()> {
        if let Some(limit) = self.limit.filter(|limit| self.written >= limit.bytes) {
            self.rotate(limit.keep)?;
        }
        let at = self.at();
        match update {
            Update::Items(items) => items
                .iter()
                .try_for_each(|item| self.write(&Line::item(at, item))),
            Update::Snapshot(snapshot) => {
                self.snapshot(snapshot)?;
                if self.limit.is_some() {
                    self.last.1 = Some(snapshot.clone());
                }
                // Once a second, so that little is lost with the power.
                self.file.flush()
            }
            Update::Connection(connection) => {
                self.connection(connection)?;
                self.file.flush()
            }
            Update::Answer { .. }
            | Update::Notice(_)
            | Update::Playing(_)
            | Update::Rewound
            | Update::Recording(_) => Ok(()),
        }
    }

    /// Writes what is left; on failure, which file it was.
    pub(super) fn finish(mut self) -> Result<(), (PathBuf, io::Error)> {
        self.file.flush().map_err(|cause| (self.path, cause))
    }

    /// Leaves the file as it is; its name.
    pub(super) fn abandon(self) -> PathBuf {
        // What could not be written once is not tried again.
        let (_file, _unwritten) = self.file.into_parts();
        self.path
    }

    fn at(&self) -> u64 {
        micros(self.began.elapsed())
    }

    fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.written += text.len() as u64;
        self.file.write_all(&text)
    }
}

/// The name of a full file: the larger the number, the older.
fn older(path: &Path, nth: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{nth}"));
    name.into()
}

fn new_file(path: &Path) -> io::Result<BufWriter<File>> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let file = file.map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => {
            io::Error::new(cause.kind(), "there is such a file already: say another name")
        }
        _ => cause,
    })?;
    Ok(BufWriter::with_capacity(1 << 16, file))
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
