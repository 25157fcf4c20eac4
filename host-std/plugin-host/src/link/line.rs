//! A session with a node: messages in and out, and whether it is there.

use std::io;
use std::time::{Duration, Instant};

use embedded_io_async::Write;
use kernel_core::{Error, Fault};
use kernel_link::{ClientError, Framing, Receiver, Request, ToRuntime};
use link_dial::{ConnectError, Endpoint, Reader, Writer};
use tokio::time::sleep_until;

use super::said::Said;
use crate::manifest::Node;
use crate::session::MAX_VALUE;

/// Each of the two buffers: the longest value, with its names and what frames it.
const BUFFER: usize = MAX_VALUE + 4096;

/// How long connecting may take at most, and as long again the answer to a hello: both are a part of a hook.
const OPEN: Duration = Duration::from_secs(4);

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
    receiver: Receiver<'m, Reader>,
    framing: Framing,
    writer: Writer,
    /// Frames that are not on the line yet.
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
        let endpoint = Endpoint {
            target: node.target.clone(),
            key: key.to_owned(),
        };
        let limit = node.check.min(OPEN);
        let connected = endpoint.connect(NAME, limit, limit, memory).await;
        let (client, greeting, note) = connected.map_err(|cause| {
            let code = match &cause {
                ConnectError::Refused { code, .. } => code,
                ConnectError::Silent(_) => "silent",
                _ => "unreachable",
            };
            Error::new(code, &endpoint.explain(&cause).0)
        })?;
        let (receiver, sender) = client.split();
        let half = node.check / 2;
        let tick = greeting.keep_alive.map_or(half, |span| half.min(span / 2));
        Ok(Line {
            receiver,
            framing: endpoint.target.framing(),
            writer: sender.into_stream(),
            writing: Vec::new(),
            unflushed: false,
            max_message: greeting.max_message,
            last_id: PING,
            limit: node.check,
            tick,
            heard: greeting.heard,
            tick_at: greeting.heard + tick,
            note,
            name: greeting.name,
        })
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
        let begin = self.writing.len();
        // What the framing adds is less than a part in 128.
        self.writing.resize(begin + size + size / 128 + 16, 0);
        let room = self.writing.get_mut(begin..).unwrap_or_default();
        let framed = self.framing.encode(message, room);
        self.writing
            .truncate(begin + framed.as_ref().map_or(0, |len| *len));
        framed.map(drop).map_err(|_| too_large)
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
            let Line {
                receiver,
                writer,
                writing,
                unflushed,
                tick_at,
                ..
            } = self;
            tokio::select! {
                written = write(writer, writing, unflushed) => written.map_err(|cause| lost(&cause))?,
                message = receiver.next() => {
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
