//! The inspector's side: a thread that starts the process, gives it batches, and kills it.

use std::io::{self, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::{WORKER, wire};
use crate::filter::{FilterError, Wake};
use crate::ring::{EventRow, RowId};

/// How long the process may take for one event before it is killed.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many batches may be under way.
const UNDER_WAY: usize = 2;

/// Which way the rows of a batch were gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Rows that arrived, oldest first.
    Forward,
    /// Rows that were here, newest first.
    Backward,
}

/// Rows for the process to look at.
#[derive(Debug)]
pub(crate) struct Batch {
    direction: Direction,
    /// The rows, and whether the process looks at them: gaps pass as they are.
    rows: Vec<(RowId, bool)>,
    bytes: Vec<u8>,
}

impl Batch {
    pub(crate) fn new(direction: Direction) -> Self {
        // Room for the length of it all.
        Batch {
            direction,
            rows: Vec::new(),
            bytes: vec![0; 8],
        }
    }

    pub(crate) fn push_event(&mut self, row: RowId, event: &EventRow<'_>) {
        let to = &mut self.bytes;
        let written = wire::put_number(to, event.seq)
            .and_then(|()| wire::put_number(to, event.time))
            .and_then(|()| wire::put_text(to, event.topic.as_bytes()))
            .and_then(|()| wire::put_text(to, event.source.as_bytes()))
            .and_then(|()| wire::put_text(to, event.payload));
        // Into memory it cannot fail.
        self.rows.push((row, written.is_ok()));
    }

    pub(crate) fn push_gap(&mut self, row: RowId) {
        self.rows.push((row, false));
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// What the process said of a row that passes.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) row: RowId,
    /// The output; `None` for a gap.
    pub(crate) value: Option<Box<str>>,
}

/// What there is to know of the process.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The expression compiles.
    Compiled,
    /// It does not; the place is in the expression.
    Fault(FilterError),
    /// Of a batch, in its order, those that pass; how many failed, and why the first did.
    Results {
        direction: Direction,
        passed: Vec<Verdict>,
        failed: u64,
        reason: Option<String>,
    },
    /// It ended, or had to be killed.
    Stopped(String),
}

/// An expression that is evaluated.
#[derive(Debug)]
pub(crate) struct Jq {
    batches: Option<SyncSender<Batch>>,
    progress: Receiver<Progress>,
    child: Arc<Mutex<Option<Child>>>,
    under_way: usize,
}

impl Jq {
    pub(crate) fn start(program: Option<PathBuf>, code: String, wake: Wake) -> Self {
        let (batches, todo) = sync_channel(UNDER_WAY);
        let (done, progress) = channel();
        let child = Arc::new(Mutex::new(None));
        let theirs = child.clone();
        let told = done.clone();
        let spawned = thread::Builder::new().name("jq".into()).spawn(move || {
            let told = Told { done, wake };
            if let Err(reason) = attend(program, &code, &todo, &told, &theirs) {
                told.tell(Progress::Stopped(reason));
            }
            end(&theirs);
        });
        if let Err(error) = spawned {
            // The channel holds it until somebody asks.
            let _ = told.send(Progress::Stopped(format!("no thread for jq: {error}")));
        }
        Jq {
            batches: Some(batches),
            progress,
            child,
            under_way: 0,
        }
    }

    /// True when a batch can be given.
    pub(crate) fn has_room(&self) -> bool {
        self.under_way < UNDER_WAY && self.batches.is_some()
    }

    /// True when nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.under_way == 0
    }

    /// Gives a batch. There must be [room](Self::has_room).
    pub(crate) fn give(&mut self, batch: Batch) {
        if let Some(batches) = &self.batches {
            // With the thread gone the reason comes from `progress`.
            if batches.try_send(batch).is_ok() {
                self.under_way += 1;
            }
        }
    }

    /// What happened since this was last asked.
    pub(crate) fn progress(&mut self) -> Option<Progress> {
        match self.progress.try_recv() {
            Ok(progress) => {
                if matches!(progress, Progress::Results { .. }) {
                    self.under_way = self.under_way.saturating_sub(1);
                }
                Some(progress)
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
        }
    }
}

impl Drop for Jq {
    fn drop(&mut self) {
        self.batches = None;
        end(&self.child);
    }
}

fn end(child: &Mutex<Option<Child>>) {
    let child = child.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(mut child) = child {
        // Both fail only when it is gone already.
        let _ = child.kill();
        let _ = child.wait();
    }
}

struct Told {
    done: Sender<Progress>,
    wake: Wake,
}

impl Told {
    fn tell(&self, progress: Progress) {
        // When nobody listens any more, there is nothing to tell.
        let _ = self.done.send(progress);
        (self.wake)();
    }
}

fn attend(
    program: Option<PathBuf>,
    code: &str,
    todo: &Receiver<Batch>,
    told: &Told,
    slot: &Mutex<Option<Child>>,
) -> Result<(), String> {
    let program = program.ok_or("jq does not run: this program's own path is not known")?;
    let start = || -> io::Result<UnixStream> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(PATIENCE))?;
        ours.set_write_timeout(Some(PATIENCE))?;
        let child = Command::new(&program)
            .arg(WORKER)
            .stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?)))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::null())
            .spawn()?;
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        Ok(ours)
    };
    let mut to = start().map_err(|error| format!("jq does not run: {}: {error}", program.display()))?;
    let mut from = BufReader::with_capacity(1 << 16, to.try_clone().map_err(|error| format!("jq: {error}"))?);

    let compiled = wire::put_text(&mut to, code.as_bytes()).and_then(|()| wire::number(&mut from));
    match compiled.map_err(|error| stopped(&error, None))? {
        wire::YES => told.tell(Progress::Compiled),
        _ => {
            let fault = (|| {
                let span = wire::number(&mut from)? as usize..wire::number(&mut from)? as usize;
                let reason = String::from_utf8_lossy(&wire::text(&mut from)?).into_owned();
                Ok(FilterError { span, reason })
            })();
            told.tell(Progress::Fault(fault.map_err(|error| stopped(&error, None))?));
            return Ok(());
        }
    }
    while let Ok(mut batch) = todo.recv() {
        let len = (batch.bytes.len() - 8) as u64;
        if let Some(room) = batch.bytes.first_chunk_mut() {
            *room = len.to_le_bytes();
        }
        to.write_all(&batch.bytes)
            .map_err(|error| stopped(&error, None))?;
        let mut passed = Vec::new();
        let (mut failed, mut reason) = (0, None);
        let mut last = None;
        for (row, asked) in batch.rows {
            if !asked {
                passed.push(Verdict { row, value: None });
                continue;
            }
            let at = last.replace(row);
            let verdict = wire::number(&mut from).and_then(|verdict| {
                let text = if verdict == wire::NO {
                    Vec::new()
                } else {
                    wire::text(&mut from)?
                };
                Ok((verdict, String::from_utf8_lossy(&text).into_owned()))
            });
            let (verdict, text) = verdict.map_err(|error| stopped(&error, at))?;
            match verdict {
                wire::YES => passed.push(Verdict {
                    row,
                    value: Some(text.into_boxed_str()),
                }),
                wire::FAILED => {
                    failed += 1;
                    reason.get_or_insert(text);
                }
                _ => {}
            }
        }
        told.tell(Progress::Results {
            direction: batch.direction,
            passed,
            failed,
            reason,
        });
    }
    Ok(())
}

/// Why the process is of no use any more.
fn stopped(error: &io::Error, after: Option<RowId>) -> String {
    let place = if after.is_some() { "at an event" } else { "at once" };
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => format!(
            "jq gave no result within {} s and was stopped: change the expression so that it ends",
            PATIENCE.as_secs()
        ),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => format!(
            "jq ended {place}, for want of stack or of its 1 GiB of memory: change the expression so that it does with less"
        ),
        _ => format!("jq was stopped: {error}"),
    }
}
