//! One life of a plugin in a process: from the kernel's mailbox to the process' lines, and back.
//!
//! ```text
//! kernel ── mailbox ──▶ messages.rs ──▶ Outgoing ──▶ stdin ┐
//!                          window                           │  the plugin's process
//! kernel ◀── Gate ◀── requests.rs ◀── Lines ◀────── stdout ┘
//! ```

mod messages;
mod requests;
mod values;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::{FuturesUnordered, StreamExt};
use kernel_core::{AttachedPlugin, Error, Mailbox, Message};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::{Instant, Sleep, sleep};

use crate::gate::{Gate, over};
use crate::lines::{Lines, NoLine};
use crate::log::Level;
use crate::process::{Process, Started};
use crate::rpc_error::RpcError;
use messages::{Handled, Hook, Pending};
use wire::{Line, Outgoing};

/// The longest line, in bytes.
pub(crate) const MAX_LINE: usize = 1 << 20;

/// The largest value, in bytes: what a call of the kernel has room for.
pub(crate) const MAX_VALUE: usize = 64 * 1024;

/// Requests of a plugin that are under way at a time.
pub(crate) const IN_FLIGHT: usize = 64;

/// Bytes for the plugin that wait to be written, above which nothing more is read from it.
const UNWRITTEN: usize = 1 << 20;

/// Lines in one life that may be no messages.
const NOISE: u32 = 100;

/// How much of such a line is quoted.
const QUOTED: usize = 200;

/// What a process may still have written when it left.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How often the deadlines of what the plugin handles are looked at, while it handles something.
const LOOK: Duration = Duration::from_secs(1);

/// The number of a request, unless it was a notification, and what came of it.
type Answered = (Option<Box<RawValue>>, Result<Vec<u8>, RpcError>);

type InFlight = Pin<Box<dyn Future<Output = Answered>>>;

/// How a life ended.
pub(crate) enum End {
    /// The kernel has ended it, or it was unloaded.
    Over,
    /// By this fault of the process.
    Failed(Error),
}

/// See the module's documentation.
pub(crate) struct Session<'p> {
    gate: Rc<Gate>,
    plugin: &'p AttachedPlugin,
    mailbox: Mailbox,
    process: Process,
    stdin: Option<ChildStdin>,
    lines: Lines<ChildStdout>,
    out: Outgoing,
    /// What the plugin was sent and has not answered.
    pending: BTreeMap<u64, Pending>,
    /// A hook that is sent once all that was sent before is answered.
    held: Option<Hook>,
    window: usize,
    /// Handles several messages at a time.
    concurrent: bool,
    in_flight: FuturesUnordered<InFlight>,
    cancels: HashMap<String, AbortHandle>,
    noise: u32,
    /// What the manifest says that it is.
    version: String,
    /// Until the deadlines are looked at next. One for all of the life: each new one would wake the reactor.
    look: Pin<Box<Sleep>>,
}

/// What happened.
enum Happened<'m> {
    Message(Message<'m>),
    Over,
    Line(Result<(), NoLine>),
    Written(std::io::Result<usize>),
    Answer(Answered),
    Left,
    Look,
}

impl<'p> Session<'p> {
    /// A life whose process was started with these pipes, of a plugin that is to be this `version`.
    pub(crate) fn new(gate: Rc<Gate>, plugin: &'p AttachedPlugin, version: &str, started: Started) -> Self {
        let cx = gate.cx;
        Session {
            gate,
            plugin,
            mailbox: Mailbox::new(cx),
            process: started.process,
            stdin: Some(started.stdin),
            lines: Lines::new(started.stdout, MAX_LINE),
            out: Outgoing::default(),
            pending: BTreeMap::new(),
            held: None,
            window: 1,
            concurrent: false,
            in_flight: FuturesUnordered::new(),
            cancels: HashMap::new(),
            noise: 0,
            version: version.to_owned(),
            look: Box::pin(sleep(LOOK)),
        }
    }

    /// Runs the life to its end, beginning with `initialize`, whose parameters these are.
    pub(crate) async fn run(&mut self, parameters: &serde_json::Value, buf: &mut [u8]) -> End {
        let id = self.out.request("initialize", |params| {
            for (key, value) in parameters.as_object().into_iter().flatten() {
                params.value(key, value);
            }
        });
        self.pend(id, Handled::Initialize);
        loop {
            let fault = match self.next(buf).await {
                Happened::Over | Happened::Message(Message::Ended) => return End::Over,
                Happened::Message(message) => {
                    self.hand_over(&message);
                    Ok(())
                }
                Happened::Line(read) => self.read(read).await,
                Happened::Written(Ok(count)) => {
                    self.out.advance(count);
                    Ok(())
                }
                // It reads no more: its exit says the rest.
                Happened::Written(Err(_)) => {
                    self.stdin = None;
                    Ok(())
                }
                Happened::Answer((id, outcome)) => {
                    if let Some(id) = id {
                        self.cancels.remove(id.get());
                        self.out.answer(&id, &outcome);
                    }
                    Ok(())
                }
                Happened::Left => self.last_words().await,
                Happened::Look => self.look(),
            };
            if let Err(error) = fault {
                return End::Failed(error);
            }
        }
    }

    /// Ends the process.
    pub(crate) async fn end(self) {
        drop(self.stdin);
        self.process.end().await;
    }

    /// Waits for whatever comes first.
    async fn next<'m>(&mut self, buf: &'m mut [u8]) -> Happened<'m> {
        let takes = self.takes();
        let reads = self.in_flight.len() < IN_FLIGHT && self.out.rest().len() < UNWRITTEN;
        let handles = !self.pending.is_empty();
        let Session {
            gate,
            mailbox,
            process,
            stdin,
            lines,
            out,
            in_flight,
            look,
            ..
        } = self;
        // The mailbox says the same, while it is asked.
        let over = over(gate.identity.runtime, gate.cx);
        let write = async {
            match stdin {
                Some(stdin) if !out.rest().is_empty() => stdin.write(out.rest()).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            written = write => Happened::Written(written),
            Some(answered) = in_flight.next(), if !in_flight.is_empty() => Happened::Answer(answered),
            read = lines.fill(), if reads => Happened::Line(read),
            message = mailbox.next(buf), if takes => Happened::Message(message),
            () = over, if !takes => Happened::Over,
            _ = process.left() => Happened::Left,
            () = look, if handles => Happened::Look,
        }
    }

    /// Reads the lines that have come.
    async fn read(&mut self, read: Result<(), NoLine>) -> Result<(), Error> {
        match read {
            Ok(()) => {}
            Err(NoLine::TooLong) => {
                let message = format!("a line on standard output is longer than {MAX_LINE} bytes");
                return Err(Error::new("line_too_long", &message));
            }
            Err(NoLine::Closed | NoLine::Broken) => return self.last_words().await,
        }
        while let Some(line) = self.lines.take() {
            let Ok(line) = std::str::from_utf8(line) else {
                return Err(Error::new("not_utf8", "a line on standard output is not UTF-8"));
            };
            // The line is in the reader, which nothing else touches meanwhile; what becomes of it needs the rest.
            let line = line.to_owned();
            self.take_line(&line)?;
        }
        Ok(())
    }

    fn take_line(&mut self, line: &str) -> Result<(), Error> {
        match wire::parse(line) {
            Some(Line::Request { id, method, params }) => self.begin(Some(id), &method, params),
            Some(Line::Notification { method, params }) => self.begin(None, &method, params),
            Some(Line::Answer { id, outcome }) => self.answered(id, outcome)?,
            None => {
                let identity = &self.gate.identity;
                identity.noise.fetch_add(1, Ordering::Relaxed);
                self.noise += 1;
                let quoted: String = line.chars().take(QUOTED).collect();
                identity
                    .log
                    .write(Level::Warn, &format!("no message on standard output: {quoted}"));
                if self.noise > NOISE {
                    return Err(Error::new(
                        "not_protocol",
                        "too many lines on standard output are no messages: write what is for people to standard error",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Begins what the plugin asks for.
    fn begin(&mut self, id: Option<&RawValue>, method: &str, params: Option<&RawValue>) {
        #[derive(Deserialize)]
        struct Cancel<'a> {
            #[serde(borrow)]
            id: &'a RawValue,
        }
        #[derive(Deserialize)]
        struct Parent {
            parent: Option<u64>,
        }
        let params = params.map_or("{}", RawValue::get);
        if method == "cancel" {
            if let Ok(cancel) = serde_json::from_str::<Cancel<'_>>(params)
                && let Some(handle) = self.cancels.get(cancel.id.get())
            {
                handle.abort();
            }
            if let Some(id) = id {
                self.out.answer(id, &Ok(b"null".to_vec()));
            }
            return;
        }
        // One at a time, the kernel knows what a call belongs to.
        let parent = match method {
            "call" if self.concurrent => serde_json::from_str::<Parent>(params)
                .ok()
                .and_then(|params| params.parent),
            _ => None,
        };
        let parent = parent.and_then(|id| match self.pending.get(&id)?.what {
            Handled::Call(call) => Some(call),
            _ => None,
        });
        // It was JSON as a part of the line.
        let Ok(params) = RawValue::from_string(params.to_owned()) else {
            return;
        };
        let work = requests::perform(self.gate.clone(), method.to_owned(), params, parent);
        let Some(id) = id.map(ToOwned::to_owned) else {
            self.in_flight.push(Box::pin(async move { (None, work.await) }));
            return;
        };
        let (handle, registration) = AbortHandle::new_pair();
        self.cancels.insert(id.get().to_owned(), handle);
        let work = Abortable::new(work, registration);
        self.in_flight.push(Box::pin(async move {
            let cancelled = || Err(RpcError::new("cancelled", "the plugin asked for that"));
            (Some(id), work.await.unwrap_or_else(|_| cancelled()))
        }));
    }

    /// The process has left, or says no more: what it wrote before is read.
    async fn last_words(&mut self) -> Result<(), Error> {
        let read = tokio::time::timeout(LAST_WORDS, self.lines.fill()).await;
        if let Ok(Ok(())) = read {
            return Box::pin(self.read(Ok(()))).await;
        }
        let left = tokio::time::timeout(LAST_WORDS, self.process.left()).await;
        let how = match left {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(cause)) => cause.to_string(),
            Err(_) => "it closed its standard output".to_owned(),
        };
        Err(Error::new("exited", &format!("the plugin's process left: {how}")))
    }

    /// Whether any of what it handles is overdue.
    fn look(&mut self) -> Result<(), Error> {
        self.look.as_mut().reset(Instant::now() + LOOK);
        let limits = &self.gate.identity.limits;
        for pending in self.pending.values() {
            let most = match pending.what {
                hook if hook.is_hook() => limits.hook_seconds,
                _ => limits.handler_seconds,
            };
            if pending.since.elapsed().as_secs_f64() > most {
                let what = pending.what.name();
                let message = format!("{what} was not answered within {most} s");
                return Err(Error::new("hook_timeout", &message));
            }
        }
        self.cancel_the_abandoned();
        Ok(())
    }
}

/// What the plugin says in answer to `initialize`.
#[derive(Deserialize)]
struct Initialized {
    protocol: u32,
    version: Option<String>,
    #[serde(default)]
    sdk: String,
    #[serde(default = "one")]
    window: usize,
}

fn one() -> usize {
    1
}
