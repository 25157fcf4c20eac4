//! One session, used by many tasks at a time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kernel_link::{FLIGHTS, FrameError, Request, ToRuntime, VERSIONS};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::line::{self, Shared, lock};
use crate::ring::Seen;

/// How long opening a session may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a request beside its values: names, numbers.
const HEAD: usize = 512;
/// How many events may be on their way.
const CREDIT: u32 = 256;

/// A session with a runtime. Clones are the same one, and it is closed with the last of them.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    frames: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Shared,
    /// One for each operation that the link lets a session have in flight.
    room: Semaphore,
    /// Of publishes that wait, one of a session may.
    publishing: tokio::sync::Mutex<()>,
    /// Of looks at the newest events, one of a session goes on.
    looking: tokio::sync::Mutex<()>,
    max_message: usize,
}

impl Session {
    /// Opens a session on a stream with this key; empty where none is wanted. `name` is who the client is, for people. A
    /// task of the present tokio runtime carries it.
    ///
    /// # Errors
    /// The runtime's; with [`Failure::locked_out`] when it does not let the key in.
    ///
    /// # Cancellation
    /// The stream is closed.
    pub async fn open<R, W>(read: R, write: W, name: &str, key: &str) -> Result<Session, Failure>
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let (frames, queued) = mpsc::unbounded_channel();
        let (say, opened) = oneshot::channel();
        let waiting = Shared::default();
        let hello = ToRuntime::Hello {
            versions: VERSIONS,
            nonce: 1,
            name,
            token: key,
        };
        let hello = line::frame(&hello, HEAD + key.len()).map_err(|cause| too_large(cause, HEAD))?;
        // It is there until the task takes it.
        let _ = frames.send(hello);
        tokio::spawn(line::carry(read, write, queued, waiting.clone(), say));
        let opened = match timeout(PATIENCE, opened).await {
            Ok(Ok(opened)) => opened?,
            _ => return Err(Failure::new("unavailable", "the runtime does not answer")),
        };
        Ok(Session(Arc::new(Inner {
            frames,
            waiting,
            room: Semaphore::new(FLIGHTS),
            publishing: tokio::sync::Mutex::new(()),
            looking: tokio::sync::Mutex::new(()),
            max_message: opened.max_message,
        })))
    }

    /// Asks for something that has one answer. Where as many operations are in flight as may be, it waits for one to
    /// be done.
    ///
    /// # Errors
    /// The runtime's, or those of the plugin that was called.
    ///
    /// # Cancellation
    /// The request is given up; a call is cancelled.
    pub async fn ask(&self, what: Request<'_>) -> Result<Answer, Failure> {
        let _one = match what {
            Request::Publish { timeout_ms: 1.., .. } => Some(self.0.publishing.lock().await),
            _ => None,
        };
        let _room = self.0.room.acquire().await;
        let mut asked = self.begin(&what)?;
        asked.next().await
    }

    /// Asks for a list.
    ///
    /// # Errors
    /// See [`Session::ask`].
    ///
    /// # Cancellation
    /// See [`Session::ask`].
    pub async fn list(&self, what: Request<'_>) -> Result<Vec<serde_json::Value>, Failure> {
        let _room = self.0.room.acquire().await;
        let mut asked = self.begin(&what)?;
        let mut items = Vec::new();
        loop {
            match asked.next().await? {
                Answer::Item(item) => items.push(item),
                Answer::End => return Ok(items),
                _ => return Err(Failure::unexpected()),
            }
        }
    }

    /// Watches the events that match, from `since` on or from now on, in place of what the session watched before.
    ///
    /// # Errors
    /// See [`Session::ask`].
    ///
    /// # Cancellation
    /// The session may watch already.
    pub async fn watch(&self, filter: &str, since: Option<u64>) -> Result<Watch, Failure> {
        let (events, seen) = mpsc::unbounded_channel();
        lock(&self.0.waiting).events = Some(events);
        let watch = Request::Watch {
            filter,
            credit: CREDIT,
            since,
        };
        match self.ask(watch).await? {
            Answer::Count(from) => Ok(Watch {
                session: self.clone(),
                from,
                seen,
                taken: 0,
            }),
            _ => Err(Failure::unexpected()),
        }
    }

    /// Whether the key may watch these events now: they are watched, and none is sent.
    ///
    /// # Errors
    /// The runtime's reason why not.
    ///
    /// # Cancellation
    /// The session may go on watching without a result.
    pub async fn may_watch(&self, filter: &str) -> Result<(), Failure> {
        let watch = Request::Watch {
            filter,
            credit: 0,
            since: None,
        };
        self.ask(watch).await?;
        self.ask(Request::Unwatch).await.map(drop)
    }

    /// The largest message that the runtime takes, in bytes.
    pub fn max_message(&self) -> usize {
        self.0.max_message
    }

    /// Why the session is over; `None` while it is not.
    pub fn over(&self) -> Option<Failure> {
        lock(&self.0.waiting).over.clone()
    }

    /// Waits until the session is over; why it is.
    ///
    /// # Cancellation
    /// Nothing happened.
    pub async fn ended(&self) -> Failure {
        self.0.frames.closed().await;
        self.over().unwrap_or_else(Failure::unexpected)
    }

    /// Whoever has it looks at the newest events.
    pub(crate) async fn looking(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.looking.lock().await
    }

    /// How many more requests may be in flight.
    pub(crate) fn room(&self) -> usize {
        self.0.room.available_permits()
    }

    /// True when nobody else has this session.
    pub(crate) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    fn begin(&self, what: &Request<'_>) -> Result<Asked<'_>, Failure> {
        let (say, answers) = mpsc::unbounded_channel();
        let id = {
            let mut waiting = lock(&self.0.waiting);
            if let Some(why) = &waiting.over {
                return Err(why.clone());
            }
            waiting.last_id = waiting.last_id.wrapping_add(1);
            waiting.last_id
        };
        let asked = Asked {
            session: self,
            id,
            answers,
        };
        let message = ToRuntime::Request { id, what: *what };
        let most = self.0.max_message;
        let frame =
            line::frame(&message, size_of_values(what) + HEAD).map_err(|cause| too_large(cause, most))?;
        if frame.len() > most {
            return Err(too_large(FrameError::TooLarge, most));
        }
        lock(&self.0.waiting).asked.insert(id, say);
        // Where nobody sends any more, the reason is there as the answer.
        if self.0.frames.send(frame).is_err() {
            let why = lock(&self.0.waiting).over.clone();
            return Err(why.unwrap_or_else(Failure::unexpected));
        }
        Ok(asked)
    }

    fn say(&self, message: &ToRuntime<'_>) {
        if let Ok(frame) = line::frame(message, HEAD) {
            // A session that is over wants to hear nothing more.
            let _ = self.0.frames.send(frame);
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

/// A request whose answer is waited for. Dropped, it is given up.
struct Asked<'s> {
    session: &'s Session,
    id: u32,
    answers: mpsc::UnboundedReceiver<Result<Answer, Failure>>,
}

impl Asked<'_> {
    async fn next(&mut self) -> Result<Answer, Failure> {
        match self.answers.recv().await {
            Some(answer) => answer,
            None => Err(self.session.over().unwrap_or_else(Failure::unexpected)),
        }
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let waited = lock(&self.session.0.waiting).asked.remove(&self.id);
        if waited.is_some() {
            self.session.say(&ToRuntime::Cancel { id: self.id });
        }
    }
}

/// What a session watches.
#[derive(Debug)]
pub struct Watch {
    session: Session,
    from: u64,
    seen: mpsc::UnboundedReceiver<Seen>,
    /// Taken since more were allowed.
    taken: u32,
}

impl Watch {
    /// The sequence number of the first event that was looked at.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// What comes next; the runtime keeps what is not taken, as long as its log does.
    ///
    /// # Errors
    /// Why the session is over.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub async fn next(&mut self) -> Result<Seen, Failure> {
        let Some(seen) = self.seen.recv().await else {
            return Err(self.session.over().unwrap_or_else(Failure::unexpected));
        };
        self.taken += 1;
        if self.taken >= CREDIT / 2 {
            let more = std::mem::take(&mut self.taken);
            self.session.say(&ToRuntime::Credit(more));
        }
        Ok(seen)
    }

    /// What is there already.
    pub(crate) fn next_now(&mut self) -> Option<Seen> {
        let seen = self.seen.try_recv().ok()?;
        self.taken += 1;
        Some(seen)
    }

    /// The sequence number of the next event that the runtime looks at; those before, if they match, can be taken now.
    ///
    /// # Errors
    /// See [`Session::ask`].
    ///
    /// # Cancellation
    /// Nothing happened.
    pub(crate) async fn position(&self) -> Result<u64, Failure> {
        match self.session.ask(Request::WatchPosition).await? {
            Answer::Count(position) => Ok(position),
            _ => Err(Failure::unexpected()),
        }
    }
}

/// The bytes of a request's values, and of the texts that are not short.
fn size_of_values(what: &Request<'_>) -> usize {
    postcard::experimental::serialized_size(what).unwrap_or(usize::MAX / 2)
}

fn too_large(_: FrameError, most: usize) -> Failure {
    Failure::new(
        "too_large",
        format!("the link takes messages of at most {most} bytes"),
    )
}
