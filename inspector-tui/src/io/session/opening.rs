//! The beginning of a session: the connection, and a hello that is answered.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::time::{Duration, Instant};

use embedded_io_adapters::tokio_1::FromTokio;
use kernel_link::{Client, ClientError, Failure, Framing, ToClient};
use link_dial::{Line, Reader, Target, Writer};
use tokio::io::Empty;

use super::run::Clock;
use crate::io::dial::{dial, explain};
use crate::io::live::Live;

/// Who the client is, for people.
const NAME: &str = concat!("core-inspector ", env!("CARGO_PKG_VERSION"));

/// Each of a client's two buffers: no message of a runtime is as long.
const BUFFER: usize = 1024 * 1024;

/// A hello that is not answered is sent again after this.
const AGAIN: Duration = Duration::from_millis(500);

pub(super) type Receiving<'b> = Client<'b, Reader, FromTokio<Empty>>;
pub(super) type Sending<'b> = Client<'b, FromTokio<Empty>, Writer>;

/// The buffers of a session.
#[derive(Debug)]
pub(in crate::io) struct Memory {
    receive: Vec<u8>,
    send: Vec<u8>,
}

impl Default for Memory {
    fn default() -> Self {
        // Zero pages, which cost nothing until a message is that long.
        Memory {
            receive: vec![0; 2 * BUFFER],
            send: vec![0; 2 * BUFFER],
        }
    }
}

/// An open session, before anything was asked.
pub(in crate::io) struct Opened<'b> {
    pub(super) receiving: Receiving<'b>,
    pub(super) sending: Sending<'b>,
    pub(super) name: String,
    pub(super) max_message: usize,
    pub(super) keep_alive: Option<Duration>,
    pub(super) clock: Clock,
    /// What is new about the line.
    pub(in crate::io) note: Option<String>,
}

/// Connects and says hello.
pub(in crate::io) async fn open<'b>(live: &Live, memory: &'b mut Memory) -> Result<Opened<'b>, String> {
    let target = &live.target;
    let Line { read, write, note } = dial(target).await.map_err(|cause| explain(target, &cause))?;
    let nobody = || FromTokio::new(tokio::io::empty());
    let mut receiving = Client::new(target.framing(), read, nobody(), &mut memory.receive)
        .map_err(|cause| cause.to_string())?;
    let mut sending = Client::new(target.framing(), nobody(), write, &mut memory.send)
        .map_err(|cause| cause.to_string())?;
    let patience = match target {
        // A board that begins anew when its line is opened needs a moment.
        Target::Serial { .. } | Target::SerialServer { .. } => Duration::from_secs(10),
        Target::Unix(_) | Target::Tcp { .. } => Duration::from_secs(3),
    };
    let greeted = tokio::time::timeout(patience, greet(live, &mut receiving, &mut sending)).await;
    let (name, max_message, keep_alive, clock) = greeted.unwrap_or_else(|_| {
        Err(format!(
            "somebody is at {target} but did not answer within {} s: is it a runtime?",
            patience.as_secs()
        ))
    })?;
    Ok(Opened {
        receiving,
        sending,
        name,
        max_message,
        keep_alive,
        clock,
        note,
    })
}

/// Says hello, again and again until it is heard (behind any of the ways there may be a board that is not up
/// yet), and waits for the answer to the last one.
async fn greet(
    live: &Live,
    receiving: &mut Receiving<'_>,
    sending: &mut Sending<'_>,
) -> Result<(String, usize, Option<Duration>, Clock), String> {
    let target = &live.target;
    let first = RandomState::new().hash_one(std::process::id()) as u32;
    let mut nonce = first;
    // A runtime that takes no more clients says so and closes, perhaps before it hears this.
    let mut sent = sending.hello(NAME, nonce, &live.token).await;
    let mut again = tokio::time::interval_at((Instant::now() + AGAIN).into(), AGAIN);
    let mut heard = false;
    loop {
        let received = tokio::select! {
            received = receiving.next() => received,
            _ = again.tick(), if !heard => {
                nonce = nonce.wrapping_add(1);
                sent = sending.hello(NAME, nonce, &live.token).await;
                continue;
            }
        };
        match received {
            Ok(ToClient::Hello {
                nonce: echoed,
                name,
                max_message,
                keep_alive_ms,
                now,
                epoch,
                ..
            }) if echoed.wrapping_sub(first) <= nonce.wrapping_sub(first) => {
                heard = true;
                // Each hello begins the session anew, so that only the last one counts.
                if echoed == nonce {
                    let clock = Clock {
                        now,
                        heard: Instant::now(),
                        epoch,
                    };
                    let keep_alive = (keep_alive_ms > 0).then(|| Duration::from_millis(keep_alive_ms.into()));
                    return Ok((name.to_owned(), max_message as usize, keep_alive, clock));
                }
            }
            // On a serial line, what was there before is answered too.
            Ok(ToClient::Refused(why)) if !matches!(why.code(), "bad_frame" | "no_session") => {
                let hint = match why.code() {
                    "denied" if live.token.is_empty() => {
                        ": none was given, say it with --key-file or in RUNTIME_TCP_TOKEN"
                    }
                    "denied" => ": say the right one with --key-file or in RUNTIME_TCP_TOKEN",
                    "version" => ": use the inspector of the runtime's own version",
                    _ => "",
                };
                return Err(refused(target, why) + hint);
            }
            Err(ClientError::Frame(_)) if target.framing() == Framing::Stream => {
                return Err(format!(
                    "what answers at {target} is no runtime of this version: it does not speak the link"
                ));
            }
            // What was on the line before is not for this session.
            Ok(_) | Err(ClientError::Frame(_)) => {}
            Err(cause) => return Err(lost(target, sent.as_ref().err().unwrap_or(&cause))),
        }
    }
}

pub(super) fn refused(target: &Target, why: Failure<'_>) -> String {
    format!("the runtime at {target} refused: {why}")
}

pub(super) fn lost(target: &Target, cause: &ClientError<io::Error>) -> String {
    match cause {
        ClientError::Closed => format!("the runtime at {target} closed the connection: it may have ended"),
        cause => format!("lost the runtime at {target}: {cause}"),
    }
}
