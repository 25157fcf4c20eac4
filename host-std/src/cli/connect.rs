//! A session with a runtime, over whatever [`Endpoint`] it is at.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::time::Duration;

use kernel_link::{
    Client, ClientError, Failure as LinkFailure, FrameError, Framing, Refusal, Reply, Request, ToClient,
    ToRuntime,
};
use link_dial::{Line, Reader, Writer};
use tokio::time::{Instant, timeout_at};

use super::endpoint::{Endpoint, KEY_WANTED};
use super::exit::Failure;
use crate::escape::escape;

/// How long connecting, and the answer to a request, may take.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Each of the client's two buffers: no message of a runtime is as long.
const BUFFER: usize = 1024 * 1024;

/// Who the client is, for people.
const NAME: &str = concat!("core-runtime ", env!("CARGO_PKG_VERSION"), " command line");

/// The request that only asks whether somebody is there.
const PING: u32 = 0;

/// An endpoint and the memory for a session on it.
pub(crate) struct Link {
    endpoint: Endpoint,
    memory: Vec<u8>,
}

/// How long to wait for an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    /// So long.
    For(Duration),
    /// As long as the runtime shows that it is there.
    WhileAlive,
}

impl Link {
    /// Nothing is connected yet.
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Link {
            endpoint,
            // Zero pages, which cost nothing until a message is that long.
            memory: vec![0; 2 * BUFFER],
        }
    }

    /// Connects and opens a session.
    pub(crate) async fn open(&mut self) -> Result<Session<'_>, Failure> {
        let Link { endpoint, memory } = self;
        let endpoint = &*endpoint;
        match tokio::time::timeout(SOON, Session::open(endpoint, memory)).await {
            Ok(session) => session,
            Err(_) => Err(endpoint.silent(SOON)),
        }
    }
}

/// An open session: one request at a time.
pub(crate) struct Session<'b> {
    endpoint: &'b Endpoint,
    client: Client<'b, Reader, Writer>,
    max_message: usize,
    /// Who the runtime is, for people.
    runtime: String,
    epoch: Option<u64>,
    last_id: u32,
    /// The longest that nothing may be sent; `None` for any span.
    quiet: Option<Duration>,
    /// When something was sent last.
    spoke: Instant,
}

impl<'b> Session<'b> {
    async fn open(endpoint: &'b Endpoint, memory: &'b mut [u8]) -> Result<Self, Failure> {
        let Line { read, write, note } = endpoint.dial().await.map_err(|cause| endpoint.explain(&cause))?;
        if let Some(note) = note {
            // On the terminal of whoever asked; a program that listens there does not need it.
            let _ = writeln!(io::stderr(), "core-runtime: {}", escape(&note));
        }
        let mut client =
            Client::new(endpoint.framing(), read, write, memory).map_err(|cause| endpoint.lost(&cause))?;
        let nonce = RandomState::new().hash_one(std::process::id()) as u32;
        // A runtime that takes no more clients says so and closes, perhaps before it hears this.
        let sent = client.hello(NAME, nonce, &endpoint.token).await;
        let spoke = Instant::now();
        // What was on a serial line before is not for this session, and is answered too.
        let shared = endpoint.framing() == Framing::Serial;
        loop {
            match client.next().await {
                Ok(ToClient::Hello {
                    nonce: echoed,
                    name,
                    max_message,
                    keep_alive_ms,
                    epoch,
                    ..
                }) if echoed == nonce => {
                    let runtime = name.to_owned();
                    return Ok(Session {
                        endpoint,
                        client,
                        max_message: max_message as usize,
                        runtime,
                        epoch,
                        last_id: PING,
                        quiet: (keep_alive_ms > 0)
                            .then(|| Duration::from_millis(u64::from(keep_alive_ms) / 2)),
                        spoke,
                    });
                }
                Ok(ToClient::Refused(why))
                    if !shared
                        || !matches!(why.code(), "bad_frame" | "no_session" | "too_large" | "unknown") =>
                {
                    return Err(match why {
                        LinkFailure::Link(Refusal::Token) => endpoint.denied(),
                        why => Failure::runtime(why).advise("denied", KEY_WANTED),
                    });
                }
                Ok(_) => {}
                Err(ClientError::Frame(_)) if shared => {}
                Err(cause) => return Err(endpoint.lost(sent.as_ref().err().unwrap_or(&cause))),
            }
        }
    }

    /// Who the runtime is, with its version, for people.
    pub(crate) fn runtime(&self) -> &str {
        &self.runtime
    }

    /// The Unix time of the runtime's clock zero, in microseconds, where it knows that.
    pub(crate) fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// Asks for something and takes the one reply; `take` refuses one that makes no sense by `None`.
    pub(crate) async fn ask<T>(
        &mut self,
        what: Request<'_>,
        patience: Patience,
        take: impl FnOnce(Reply<'_>) -> Option<T>,
    ) -> Result<T, Failure> {
        let id = self.request(what).await?;
        let mut take = Some(take);
        self.receive(patience, |message| {
            let reply = reply_to(id, message)?;
            let take = take.take()?;
            Some(reply.and_then(|reply| take(reply).ok_or_else(Failure::unexpected)))
        })
        .await
    }

    /// Asks for a list and gives each item to `item`.
    pub(crate) async fn list(
        &mut self,
        what: Request<'_>,
        mut item: impl FnMut(Reply<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let id = self.request(what).await?;
        let mut more = true;
        while more {
            more = self
                .receive(Patience::For(SOON), |message| {
                    Some(match reply_to(id, message)? {
                        Ok(Reply::End) => Ok(false),
                        Ok(reply) => item(reply).map(|()| true),
                        Err(failure) => Err(failure),
                    })
                })
                .await?;
        }
        Ok(())
    }

    /// Sends a request that fits; gives its number.
    async fn request(&mut self, what: Request<'_>) -> Result<u32, Failure> {
        self.last_id = self.last_id.wrapping_add(1).max(PING + 1);
        let id = self.last_id;
        let message = ToRuntime::Request { id, what };
        let size = postcard::experimental::serialized_size(&message).unwrap_or(usize::MAX);
        if size > self.max_message {
            return Err(Failure::Usage(format!(
                "too large: the message has {size} bytes, the runtime takes at most {}; nothing was sent",
                self.max_message
            )));
        }
        self.send(message).await?;
        Ok(id)
    }

    /// Sends a message.
    pub(crate) async fn send(&mut self, message: ToRuntime<'_>) -> Result<(), Failure> {
        match tokio::time::timeout(SOON, self.client.send(&message)).await {
            Ok(Ok(())) => {
                self.spoke = Instant::now();
                Ok(())
            }
            Ok(Err(ClientError::Frame(FrameError::TooLarge))) => Err(Failure::Usage(format!(
                "too large: no more than {BUFFER} bytes can be sent"
            ))),
            Ok(Err(cause)) => Err(self.endpoint.lost(&cause)),
            Err(_) => Err(self.endpoint.silent(SOON)),
        }
    }

    /// When it is time to say that this client is there; `None` for never.
    pub(crate) fn quiet_until(&self) -> Option<Instant> {
        self.quiet.map(|quiet| self.spoke + quiet)
    }

    /// Receives messages until `see` has what it waits for.
    pub(crate) async fn receive<T>(
        &mut self,
        patience: Patience,
        mut see: impl FnMut(ToClient<'_>) -> Option<Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let span = match patience {
            Patience::For(span) => span,
            Patience::WhileAlive => SOON,
        };
        let mut deadline = Instant::now() + span;
        let mut pinged = false;
        loop {
            // Checked here, because messages that come without a pause leave a timeout no time.
            if self.quiet_until().is_some_and(|until| Instant::now() >= until) {
                self.send(ToRuntime::KeepAlive).await?;
            }
            let wake = self.quiet_until().map_or(deadline, |until| deadline.min(until));
            match timeout_at(wake, self.client.next()).await {
                Ok(Ok(ToClient::Refused(why))) => return Err(Failure::runtime(why)),
                Ok(Ok(message)) => {
                    if let Some(seen) = see(message) {
                        return seen;
                    }
                    if matches!(patience, Patience::For(_)) {
                        continue;
                    }
                    pinged = false;
                }
                Ok(Err(cause)) => return Err(self.endpoint.lost(&cause)),
                Err(_) if wake < deadline => continue,
                Err(_) if pinged || matches!(patience, Patience::For(_)) => {
                    return Err(self.endpoint.silent(span));
                }
                Err(_) => {
                    pinged = true;
                    let what = Request::Ping;
                    self.send(ToRuntime::Request { id: PING, what }).await?;
                }
            }
            deadline = Instant::now() + span;
        }
    }
}

/// The reply to the request `id`, or the error; `None` for another message.
fn reply_to(id: u32, message: ToClient<'_>) -> Option<Result<Reply<'_>, Failure>> {
    match message {
        ToClient::Reply { id: answered, what } if answered == id => Some(match what {
            Reply::Failed(why) => Err(Failure::runtime(why)),
            reply => Ok(reply),
        }),
        _ => None,
    }
}

/// `()` for [`Reply::Done`], and for nothing else.
pub(crate) fn done(reply: Reply<'_>) -> Option<()> {
    matches!(reply, Reply::Done).then_some(())
}

/// The number of [`Reply::Count`].
pub(crate) fn count(reply: Reply<'_>) -> Option<u64> {
    match reply {
        Reply::Count(count) => Some(count),
        _ => None,
    }
}

/// True for [`Reply::Done`], false for [`Reply::Absent`].
pub(crate) fn was_there(reply: Reply<'_>) -> Option<bool> {
    match reply {
        Reply::Done => Some(true),
        Reply::Absent => Some(false),
        _ => None,
    }
}
