//! A session with a node: messages in and out, and whether it is there.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use embedded_io_async::{ErrorType, Write};
use futures_util::FutureExt;
use kernel_core::{Error, Fault};
use kernel_link::{Client, ClientError, Failure, Framing, Refusal, Request, ToClient, ToRuntime};
use link_dial::{Reader, Writer};
use tokio::time::{sleep_until, timeout};

use super::said::{Said, error_of};
use crate::manifest::Node;
use crate::session::MAX_VALUE;

/// Each of the two buffers: the longest value, with its names and what frames it.
const BUFFER: usize = MAX_VALUE + 4096;

/// How often a board that boots is greeted.
const GREET: Duration = Duration::from_millis(500);

/// Who this is, for people.
const NAME: &str = concat!("core-runtime ", env!("CARGO_PKG_VERSION"), " node");

/// The request that only asks whether somebody is there.
const PING: u32 = 0;

/// Room for a line's messages.
pub(super) fn memory() -> Vec<u8> {
    vec![0; 2 * BUFFER]
}

/// An open session.
pub(super) struct Line<'m> {
    client: Client<'m, Reader, Unwritten>,
    /// What was said and is not on the line yet.
    unwritten: Unwritten,
    writer: Writer,
    writing: Vec<u8>,
    unflushed: bool,
    /// The longest message that the node takes.
    max_message: usize,
    last_id: u32,
    /// How long it may be silent, and how often it is asked whether it is there.
    limit: Duration,
    tick: Duration,
    heard: Instant,
    tick_at: Instant,
    /// What to know of the way there.
    pub(super) note: Option<String>,
    /// Who the node is, for people.
    pub(super) name: String,
}

impl<'m> Line<'m> {
    /// Connects and opens a session.
    ///
    /// # Errors
    /// `unreachable`, `silent`, or the node's own: why not.
    pub(super) async fn open(node: &Node, key: &str, memory: &'m mut [u8]) -> Result<Line<'m>, Error> {
        let target = &node.target;
        let unreachable =
            |cause: &dyn std::fmt::Display| Error::format("unreachable", format_args!("{target}: {cause}"));
        let seconds = node.check.as_secs_f64();
        let dialled = timeout(node.check, target.dial()).await;
        let dialled = dialled.map_err(|_| unreachable(&format_args!("no connection within {seconds} s")))?;
        let dialled = dialled.map_err(|cause| unreachable(&cause))?;
        let unwritten = Unwritten::default();
        let client = Client::new(target.framing(), dialled.read, unwritten.clone(), memory);
        let now = Instant::now();
        let mut line = Line {
            client: client.map_err(|cause| unreachable(&cause))?,
            unwritten,
            writer: dialled.write,
            writing: Vec::new(),
            unflushed: false,
            max_message: 0,
            last_id: PING,
            limit: node.check,
            tick: node.check / 2,
            heard: now,
            tick_at: now + node.check / 2,
            note: dialled.note,
            name: String::new(),
        };
        match timeout(node.check, line.greet(key, target.framing())).await {
            Ok(Ok(())) => Ok(line),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::format(
                "silent",
                format_args!(
                    "{target}: nobody answers as the link does within {seconds} s: is it the right program?"
                ),
            )),
        }
    }

    async fn greet(&mut self, key: &str, framing: Framing) -> Result<(), Error> {
        let nonce = RandomState::new().hash_one(std::process::id()) as u32;
        let serial = framing == Framing::Serial;
        self.hello(nonce, key)?;
        let mut again = Instant::now() + GREET;
        loop {
            self.take_unwritten();
            let Line {
                client,
                writer,
                writing,
                unflushed,
                ..
            } = self;
            tokio::select! {
                written = write(writer, writing, unflushed) => written.map_err(|cause| lost(&cause))?,
                message = client.next() => match message {
                    Ok(ToClient::Hello { nonce: echoed, max_message, keep_alive_ms, name, .. }) if echoed == nonce => {
                        self.name = name.to_owned();
                        self.max_message = max_message as usize;
                        if keep_alive_ms > 0 {
                            self.tick = self.tick.min(Duration::from_millis(u64::from(keep_alive_ms) / 2));
                        }
                        self.heard = Instant::now();
                        self.tick_at = self.heard + self.tick;
                        return Ok(());
                    }
                    // On a serial line, what was there before is answered too.
                    Ok(ToClient::Refused(Failure::Link(
                        Refusal::NoSession | Refusal::Malformed | Refusal::Damaged | Refusal::Unknown
                        | Refusal::TooLarge(_),
                    ))) if serial => {}
                    Ok(ToClient::Refused(failure)) => return Err(error_of(failure)),
                    Ok(_) => {}
                    Err(ClientError::Frame(_)) if serial => {}
                    Err(cause) => return Err(lost(&cause)),
                },
                () = sleep_until(again.into()), if serial => {
                    self.hello(nonce, key)?;
                    again = Instant::now() + GREET;
                }
            }
        }
    }

    fn hello(&mut self, nonce: u32, key: &str) -> Result<(), Error> {
        let sent = self.client.hello(NAME, nonce, key).now_or_never();
        sent.unwrap_or(Ok(())).map_err(|cause| lost(&cause))
    }

    /// Sends a request; its number.
    ///
    /// # Errors
    /// [`Fault::TooLarge`] when the node does not take one of this size; nothing is sent then.
    pub(super) fn request(&mut self, what: Request<'_>) -> Result<u32, Fault> {
        self.last_id = self.last_id.wrapping_add(1).max(PING + 1);
        let id = self.last_id;
        self.send(&ToRuntime::Request { id, what })?;
        Ok(id)
    }

    /// Sends a message: it is written while messages are waited for.
    ///
    /// # Errors
    /// See [`Line::request`].
    pub(super) fn send(&mut self, message: &ToRuntime<'_>) -> Result<(), Fault> {
        let too_large = Fault::TooLarge {
            max: self.max_message as u32,
        };
        let size = postcard::experimental::serialized_size(message).unwrap_or(usize::MAX);
        if size > self.max_message {
            return Err(too_large);
        }
        let sent = self.client.send(message).now_or_never();
        sent.unwrap_or(Ok(())).map_err(|_| too_large)
    }

    /// Waits for a message, and writes and keeps the session alive meanwhile.
    ///
    /// # Errors
    /// That the node is gone: `unreachable` or `silent`.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub(super) async fn next(&mut self) -> Result<Said, Error> {
        loop {
            self.take_unwritten();
            let Line {
                client,
                writer,
                writing,
                unflushed,
                tick_at,
                ..
            } = self;
            tokio::select! {
                written = write(writer, writing, unflushed) => written.map_err(|cause| lost(&cause))?,
                message = client.next() => {
                    let said = match message {
                        Ok(message) => Said::from(message),
                        // Damaged; or, on a stream, no frame at all.
                        Err(ClientError::Frame(kernel_link::FrameError::Lost)) => {
                            return Err(Error::new("unreachable", "what comes is not the link"));
                        }
                        Err(ClientError::Frame(_)) => Said::Nothing,
                        Err(cause) => return Err(lost(&cause)),
                    };
                    self.heard = Instant::now();
                    return Ok(said);
                }
                () = sleep_until((*tick_at).into()) => self.ticked()?,
            }
        }
    }

    fn ticked(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        if now - self.heard > self.limit {
            let seconds = self.limit.as_secs_f64();
            return Err(Error::format(
                "silent",
                format_args!("nothing was heard of it for {seconds} s"),
            ));
        }
        self.tick_at = now + self.tick;
        let ping = ToRuntime::Request {
            id: PING,
            what: Request::Ping,
        };
        // The smallest message there is.
        let _ = self.send(&ping);
        Ok(())
    }

    fn take_unwritten(&mut self) {
        self.writing.append(&mut self.unwritten.0.borrow_mut());
    }
}

fn lost(cause: &dyn std::fmt::Display) -> Error {
    Error::new("unreachable", &cause.to_string())
}

/// Writes a part; for ever where there is nothing to write.
async fn write(writer: &mut Writer, writing: &mut Vec<u8>, unflushed: &mut bool) -> io::Result<()> {
    if !writing.is_empty() {
        let count = writer.write(writing).await?;
        writing.drain(..count);
        *unflushed = true;
    } else if *unflushed {
        writer.flush().await?;
        *unflushed = false;
    } else {
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// Keeps what the client writes until the line takes it.
#[derive(Clone, Default)]
struct Unwritten(Rc<RefCell<Vec<u8>>>);

impl ErrorType for Unwritten {
    type Error = io::Error;
}

impl Write for Unwritten {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
