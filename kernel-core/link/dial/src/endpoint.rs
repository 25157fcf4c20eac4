//! A runtime that is reached and greeted; and where it is not, why, and what to do.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::time::{Duration, Instant};

use embedded_io_async::{Read, Write};
use kernel_link::{Client, ClientError, Failure, Framing, Refusal, ToClient};
use tokio::time::{interval_at, timeout};

use crate::dial::is_socket;
use crate::{Line, Reader, Target, Writer};

/// A hello that is not answered on a serial line is sent again after this: the board may not be up yet.
const AGAIN: Duration = Duration::from_millis(500);

/// Where a runtime is, and how to get in there.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Where it is.
    pub target: Target,
    /// The key that it is shown; empty for one that asks for none.
    pub key: String,
}

/// A runtime's answer to a hello.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// Who the runtime is, for people.
    pub name: String,
    /// The longest message that it takes, in bytes before framing.
    pub max_message: usize,
    /// Either side that is silent for so long is taken for gone; `None` for never.
    pub keep_alive: Option<Duration>,
    /// The runtime's clock when this was heard, in microseconds.
    pub now: u64,
    /// When this was heard.
    pub heard: Instant,
    /// The unix time of the clock's zero, in microseconds, where the runtime knows it.
    pub epoch: Option<u64>,
}

/// Why there is no session, or none any more.
#[derive(Debug)]
pub enum ConnectError {
    /// Nobody could be reached.
    Unreachable(io::Error),
    /// It said nothing for so long.
    Silent(Duration),
    /// It does not let this client in.
    Refused {
        /// The stable code.
        code: String,
        /// The reason, for people; none for a key that is not good.
        message: Option<String>,
    },
    /// The connection broke, or what answers does not speak the link.
    Lost(ClientError<io::Error>),
}

impl From<ClientError<io::Error>> for ConnectError {
    fn from(cause: ClientError<io::Error>) -> Self {
        ConnectError::Lost(cause)
    }
}

impl From<Failure<'_>> for ConnectError {
    fn from(why: Failure<'_>) -> Self {
        ConnectError::Refused {
            code: why.code().to_owned(),
            message: (why != Failure::Link(Refusal::Token)).then(|| why.to_string()),
        }
    }
}

impl Endpoint {
    /// Connects and says hello as `name`; what whoever looks should know of the way there is in the last of the three. The
    /// way may take as long as `way`, and the answer as long as `answer`.
    ///
    /// # Errors
    /// See [`ConnectError`].
    ///
    /// # Cancellation
    /// The connection is closed.
    pub async fn connect<'m>(
        &self,
        name: &str,
        way: Duration,
        answer: Duration,
        memory: &'m mut [u8],
    ) -> Result<(Client<'m, Reader, Writer>, Greeting, Option<String>), ConnectError> {
        let late = || io::Error::new(io::ErrorKind::TimedOut, "nobody answers there");
        let line = timeout(way, self.target.dial()).await;
        let line = line.unwrap_or_else(|_| Err(late()));
        let Line { read, write, note } = line.map_err(ConnectError::Unreachable)?;
        let framing = self.target.framing();
        let mut client = Client::new(framing, read, write, memory)?;
        match timeout(answer, greet(&mut client, framing, name, &self.key)).await {
            Ok(greeting) => Ok((client, greeting?, note)),
            Err(_) => Err(ConnectError::Silent(answer)),
        }
    }

    /// One that asks for no key.
    pub fn open(target: Target) -> Endpoint {
        Endpoint {
            target,
            key: String::new(),
        }
    }

    /// The place, for people.
    fn place(&self) -> String {
        match &self.target {
            Target::Unix(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                path.display().to_string()
            }
            target => target.to_string(),
        }
    }

    /// What happened, and what to do.
    pub fn explain(&self, cause: &ConnectError) -> (String, &'static str) {
        let place = self.place();
        match cause {
            ConnectError::Unreachable(cause) => self.unreachable(&place, cause),
            ConnectError::Silent(span) => (
                format!(
                    "the runtime at {place} did not answer within {} s",
                    span.as_secs_f64()
                ),
                match self.target.framing() {
                    Framing::Serial => {
                        "the board may be stopped, or another client has its line: it takes one at a time"
                    }
                    _ => "it may be stopped or overloaded; what was asked may still be carried out",
                },
            ),
            ConnectError::Refused { code, message } => (
                match message {
                    Some(message) => format!("the runtime at {place} refused: {message}"),
                    None if self.key.is_empty() => {
                        format!("the runtime at {place} lets in clients that show a key, and none was given")
                    }
                    None => format!("the runtime at {place} does not know the key that was given"),
                },
                match code.as_str() {
                    "denied" => KEY_WANTED,
                    "version" => "use the program of the runtime's own version",
                    "shutting_down" => "the runtime is ending: start it again",
                    "too_many_clients" => "end another client: a `watch`, an inspector",
                    _ => "see the runtime's log",
                },
            ),
            ConnectError::Lost(cause) => (
                format!("lost the runtime at {place}: {cause}"),
                match cause {
                    ClientError::Frame(_) => "it may be no runtime, or one of another version",
                    _ => "it may have been stopped: see its log",
                },
            ),
        }
    }

    fn unreachable(&self, place: &str, cause: &io::Error) -> (String, &'static str) {
        match (&self.target, cause.kind()) {
            (Target::Serial { .. }, io::ErrorKind::NotFound) => (
                format!("there is no such device: {place}"),
                "plug the board in, or say where it is",
            ),
            (Target::Serial { .. }, io::ErrorKind::ResourceBusy) => (
                format!("another program has the line {place}"),
                "end it: a serial line takes one client at a time",
            ),
            (Target::Serial { .. }, io::ErrorKind::PermissionDenied) => (
                format!("permission denied for {place}"),
                "join the group that owns the device, often `dialout`",
            ),
            (_, io::ErrorKind::NotFound) => (
                format!("there is no such socket: {place}"),
                "start a runtime with `core-runtime run`, or say where its socket is",
            ),
            // The system refuses what is no socket as it refuses one that nobody listens at.
            (Target::Unix(path), io::ErrorKind::ConnectionRefused) if path.exists() && !is_socket(path) => {
                (format!("{place} is no socket"), "say where the runtime's is")
            }
            (_, io::ErrorKind::ConnectionRefused) => (
                format!("nobody listens at {place}"),
                "the runtime that used it has ended: start one with `core-runtime run`",
            ),
            (_, io::ErrorKind::PermissionDenied) => (
                format!("permission denied for {place}"),
                "be the user that runs the runtime: nobody else may use its socket",
            ),
            _ => (format!("no way to {place}: {cause}"), "say where the runtime is"),
        }
    }
}

/// What to do about a key that is not good.
pub const KEY_WANTED: &str =
    "give a key, or the `tcp_token` of its configuration, with --key-file or in RUNTIME_TCP_TOKEN";

/// Says hello, on a serial line again and again until it is heard, and waits for the answer to the last one.
///
/// # Errors
/// [`ConnectError::Refused`] and [`ConnectError::Lost`].
///
/// # Cancellation
/// The session may be open.
async fn greet<R, W>(
    client: &mut Client<'_, R, W>,
    framing: Framing,
    name: &str,
    key: &str,
) -> Result<Greeting, ConnectError>
where
    R: Read<Error = io::Error>,
    W: Write<Error = io::Error>,
{
    let serial = framing == Framing::Serial;
    let first = RandomState::new().hash_one(std::process::id()) as u32;
    let mut nonce = first;
    // A runtime that takes no more clients says so and closes, perhaps before it hears this.
    let mut sent = client.hello(name, nonce, key).await;
    let mut again = interval_at((Instant::now() + AGAIN).into(), AGAIN);
    let mut heard = false;
    loop {
        let received = tokio::select! {
            received = client.next() => received,
            _ = again.tick(), if serial && !heard => {
                nonce = nonce.wrapping_add(1);
                sent = client.hello(name, nonce, key).await;
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
                    return Ok(Greeting {
                        name: name.to_owned(),
                        max_message: max_message as usize,
                        keep_alive: (keep_alive_ms > 0).then(|| Duration::from_millis(keep_alive_ms.into())),
                        now,
                        heard: Instant::now(),
                        epoch,
                    });
                }
            }
            // What was on a serial line before is answered too.
            Ok(ToClient::Refused(Failure::Link(
                Refusal::NoSession
                | Refusal::Malformed
                | Refusal::Damaged
                | Refusal::Unknown
                | Refusal::TooLarge(_),
            ))) if serial => {}
            Err(ClientError::Frame(_)) if serial => {}
            Ok(ToClient::Refused(why)) => return Err(why.into()),
            Ok(_) => {}
            Err(cause) => return Err(sent.err().unwrap_or(cause).into()),
        }
    }
}
