//! A session with a runtime, over whatever [`Endpoint`] it is at.

use std::io::{self, Write};
use std::time::Duration;

use kernel_link::{Client, ClientError, FrameError, Reply, Request, ToClient, ToRuntime};
use link_dial::{ConnectError, Endpoint, Greeting, Listed, Reader, Texts, Writer};
use tokio::time::{Instant, timeout_at};

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
        let connected = endpoint.connect(NAME, SOON, SOON, memory).await;
        let (client, greeting, note) = connected.map_err(|cause| Failure::no_session(endpoint, cause))?;
        if let Some(note) = note {
            // On the terminal of whoever asked; a program that listens there does not need it.
            let _ = writeln!(io::stderr(), "core-runtime: {}", escape(&note));
        }
        Ok(Session {
            endpoint,
            client,
            greeting,
            last_id: PING,
            spoke: Instant::now(),
        })
    }
}

/// An open session: one request at a time.
pub(crate) struct Session<'b> {
    endpoint: &'b Endpoint,
    client: Client<'b, Reader, Writer>,
    greeting: Greeting,
    last_id: u32,
    /// When something was sent last.
    spoke: Instant,
}

impl Session<'_> {
    /// Who the runtime is, with its version, for people.
    pub(crate) fn runtime(&self) -> &str {
        &self.greeting.name
    }

    /// The Unix time of the runtime's clock zero, in microseconds, where it knows that.
    pub(crate) fn epoch(&self) -> Option<u64> {
        self.greeting.epoch
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

    /// Asks for a list.
    pub(crate) async fn list<T: Listed>(&mut self, what: Request<'_>) -> Result<Vec<T>, Failure> {
        let id = self.request(what).await?;
        let (mut items, mut texts, mut more) = (Vec::new(), Texts::default(), true);
        while more {
            more = self
                .receive(Patience::For(SOON), |message| {
                    Some(match reply_to(id, message)? {
                        Ok(Reply::End) => Ok(false),
                        Ok(reply) => match T::of(&reply, &mut texts) {
                            Some(item) => {
                                items.push(item);
                                Ok(true)
                            }
                            None => Err(Failure::unexpected()),
                        },
                        Err(failure) => Err(failure),
                    })
                })
                .await?;
        }
        Ok(items)
    }

    /// Sends a request that fits; gives its number.
    async fn request(&mut self, what: Request<'_>) -> Result<u32, Failure> {
        self.last_id = self.last_id.wrapping_add(1).max(PING + 1);
        let id = self.last_id;
        let message = ToRuntime::Request { id, what };
        let size = postcard::experimental::serialized_size(&message).unwrap_or(usize::MAX);
        if size > self.greeting.max_message {
            return Err(Failure::Usage(format!(
                "too large: the message has {size} bytes, the runtime takes at most {}; nothing was sent",
                self.greeting.max_message
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
            Ok(Err(cause)) => Err(Failure::no_session(self.endpoint, cause)),
            Err(_) => Err(self.silent(SOON)),
        }
    }

    fn silent(&self, span: Duration) -> Failure {
        Failure::no_session(self.endpoint, ConnectError::Silent(span))
    }

    /// When it is time to say that this client is there; `None` for never.
    pub(crate) fn quiet_until(&self) -> Option<Instant> {
        self.greeting.keep_alive.map(|span| self.spoke + span / 2)
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
                Ok(Ok(ToClient::Refused(why))) => return Err(Failure::no_session(self.endpoint, why)),
                Ok(Ok(message)) => {
                    if let Some(seen) = see(message) {
                        return seen;
                    }
                    if matches!(patience, Patience::For(_)) {
                        continue;
                    }
                    pinged = false;
                }
                Ok(Err(cause)) => return Err(Failure::no_session(self.endpoint, cause)),
                Err(_) if wake < deadline => continue,
                Err(_) if pinged || matches!(patience, Patience::For(_)) => {
                    return Err(self.silent(span));
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
