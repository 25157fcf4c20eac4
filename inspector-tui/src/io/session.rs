//! One session with a runtime: hello, a snapshot, then the stream from where the snapshot was taken.

mod asking;
mod hearing;
mod opening;
mod run;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use kernel_link::{ClientError, FrameError, Receiver, Sender, ToRuntime};
use link_dial::{Greeting, Reader, Texts, Writer};
use tokio::sync::mpsc;

use super::live::Live;
use super::port::{Gone, Port};
use super::requests::{Outgoing, Pending};
use super::snapshot::Collecting;
use crate::facts::{Answer, Command, Item, Update};
use opening::explain;

pub(super) use opening::{Opened, memory, open};
pub(super) use run::Run;

/// How many events the runtime may send before it is given more credit.
const WINDOW: u32 = 8192;

/// How many events are handed to the model at once.
const BATCH: usize = 2048;

/// Events are handed over no more often than this: one wake for many of them.
const PACE: Duration = Duration::from_millis(15);

/// The same while somebody waits for an answer.
const PACE_URGENT: Duration = Duration::from_millis(2);

/// So many events at a time are well within what a socket holds.
const MANY_A_NAP: usize = 400;

impl Opened<'_> {
    /// Serves the model until the connection ends; why it ended.
    pub(super) async fn serve(
        self,
        live: &Live,
        port: &mut Port,
        run: &mut Option<Run>,
    ) -> Result<String, Gone> {
        let Opened {
            receiving,
            sending,
            greeting,
            note: _,
        } = self;
        let (out, queue) = mpsc::unbounded_channel();
        let mut session = Session {
            live,
            port,
            run,
            out,
            greeting,
            last_id: 0,
            open: false,
            watch: None,
            pending: Pending::default(),
            waiting: VecDeque::new(),
            collecting: None,
            damaged: 0,
            poll_at: Instant::now(),
            checked: None,
            refresh: false,
            finding_past: false,
            answers: Vec::new(),
            may_watch: true,
            notice: None,
            batch: Vec::new(),
            flushed: Instant::now(),
            nap: PACE,
            napped_at: None,
            heard: Instant::now(),
            owed: 0,
            texts: Texts::default(),
        };
        let over = session.run(receiving, sending, queue).await;
        let reason = match over {
            Over::Gone => return Err(Gone),
            Over::Because(reason) => reason,
        };
        session.flush().await?;
        for awaited in session.pending.drain() {
            let doubt = if awaited.acts {
                ": what was asked may have been done"
            } else {
                ""
            };
            let why = format!("the connection ended before the answer came{doubt}");
            session.port.refuse(awaited.id, "disconnected", &why).await?;
        }
        for (id, _) in std::mem::take(&mut session.waiting) {
            let why = "the connection ended: nothing was sent";
            session.port.refuse(id, "disconnected", why).await?;
        }
        Ok(reason)
    }
}

/// Why a session is over.
enum Over {
    Gone,
    Because(String),
}

impl From<Gone> for Over {
    fn from(_: Gone) -> Self {
        Over::Gone
    }
}

struct Session<'s> {
    live: &'s Live,
    port: &'s mut Port,
    run: &'s mut Option<Run>,
    /// Short: what the model asks is bounded by `Pending`, the rest by what came in.
    out: mpsc::UnboundedSender<Outgoing>,
    greeting: Greeting,
    last_id: u32,
    /// The first snapshot is there.
    open: bool,
    /// The request that began the watch, until it is answered.
    watch: Option<u32>,
    pending: Pending,
    /// What the model asked and is not sent yet, with the model's numbers.
    waiting: VecDeque<(u32, Outgoing)>,
    collecting: Option<Collecting>,
    /// Snapshots thrown away in a row.
    damaged: u32,
    /// When the next snapshot is due.
    poll_at: Instant,
    /// The stream at a snapshot before: when, the record the runtime was at, and the one that was due here.
    checked: Option<(Instant, u64, u64)>,
    /// A snapshot is wanted before its time.
    refresh: bool,
    /// The stream begins with the oldest record there is.
    finding_past: bool,
    /// False once the runtime said that this key may not watch events.
    may_watch: bool,
    /// What whoever looks should know.
    notice: Option<String>,
    /// Answers for the model.
    answers: Vec<(u32, Answer, Duration)>,
    batch: Vec<Item>,
    /// When a batch was handed over last.
    flushed: Instant,
    /// How long to sleep between looks at what came, and how many were there before the last sleep.
    nap: Duration,
    napped_at: Option<usize>,
    /// When the runtime was heard of last.
    heard: Instant,
    /// Events that were paid for by credit which is not given back yet.
    owed: u32,
    texts: Texts,
}

/// Why the loop left off reading.
enum Woken {
    /// There is nothing more to read now, or a timer is due.
    Idle,
    Asked(Result<Command, Gone>),
}

impl Session<'_> {
    async fn run(
        &mut self,
        mut receiving: Receiver<'_, Reader>,
        sending: Sender<'_, Writer>,
        queue: mpsc::UnboundedReceiver<Outgoing>,
    ) -> Over {
        let mut writing = std::pin::pin!(send_all(sending, queue, self.greeting.keep_alive));
        self.collect();
        loop {
            let wake_at = self.wake_at();
            let woken = tokio::select! {
                biased;
                // Until it runs dry or the batch is full.
                received = receiving.next(), if self.batch.len() < BATCH => {
                    let taken = match received {
                        Ok(message) => self.message(&message),
                        // Behind what is no frame nothing can be read on a stream.
                        Err(ClientError::Frame(cause)) if cause != FrameError::Lost => {
                            self.damaged_frame();
                            Ok(())
                        }
                        Err(cause) => return Over::Because(explain(&self.live.at, cause)),
                    };
                    match taken {
                        Ok(()) => continue,
                        Err(reason) => return Over::Because(reason),
                    }
                }
                () = std::future::ready(()), if self.has_news() => Woken::Idle,
                cause = &mut writing => return Over::Because(explain(&self.live.at, cause)),
                command = self.port.command() => Woken::Asked(command),
                () = tokio::time::sleep_until(wake_at.into()) => Woken::Idle,
            };
            if matches!(woken, Woken::Idle) && self.gather_more() {
                continue;
            }
            if let Err(over) = self.turn(woken).await {
                return over;
            }
        }
    }

    /// True when something waits to be handed to the model.
    fn has_news(&self) -> bool {
        !self.batch.is_empty()
            || !self.answers.is_empty()
            || self.collecting.as_ref().is_some_and(Collecting::is_done)
    }

    /// Lets events gather for a moment, where a few came just after others; true when it did.
    fn gather_more(&mut self) -> bool {
        let pace = if self.pending.is_empty() {
            PACE
        } else {
            PACE_URGENT
        };
        let left = pace.saturating_sub(self.flushed.elapsed());
        if left.is_zero() || self.batch.is_empty() || self.batch.len() >= BATCH || !self.answers.is_empty() {
            return false;
        }
        self.adapt_nap();
        self.napped_at = Some(self.batch.len());
        // Not a timer of the reactor's: every event that arrives would wake that.
        std::thread::sleep(left.min(self.nap));
        true
    }

    /// Sleeps long enough for some events to come, and short enough that they do not fill the socket: then
    /// the runtime could send no more, and would have to drop.
    fn adapt_nap(&mut self) {
        let Some(before) = self.napped_at.take() else {
            return;
        };
        let came = self.batch.len().saturating_sub(before);
        if came > MANY_A_NAP {
            self.nap = (self.nap / 2).max(PACE_URGENT);
        } else if came < MANY_A_NAP / 4 {
            self.nap = (self.nap * 2).min(PACE);
        }
    }

    /// What is to be done between messages.
    async fn turn(&mut self, woken: Woken) -> Result<(), Over> {
        self.flush().await?;
        if let Woken::Asked(command) = woken {
            self.command(command?).await?;
        }
        while let Some(command) = self.port.try_command()? {
            self.command(command).await?;
        }
        self.snapshot().await?;
        self.tidy().await
    }

    /// Hands over what came, and gives credit for it once it was taken.
    async fn flush(&mut self) -> Result<(), Gone> {
        self.adapt_nap();
        if !self.batch.is_empty() {
            let room = Vec::with_capacity(self.batch.len());
            let items = std::mem::replace(&mut self.batch, room);
            self.port.send(Update::Items(items)).await?;
            self.flushed = Instant::now();
        }
        if let Some(notice) = self.notice.take() {
            self.port.send(Update::Notice(notice)).await?;
        }
        for (id, answer, took) in std::mem::take(&mut self.answers) {
            self.port.send(Update::Answer { id, answer, took }).await?;
        }
        if self.owed >= WINDOW / 4 {
            let credit = Outgoing::Credit(std::mem::take(&mut self.owed));
            // The writer ends only together with the session.
            let _ = self.out.send(credit);
        }
        Ok(())
    }
}

/// Sends what is in the queue, one after the other, and a word when there was nothing else for half of the keep-alive
/// period; why that ended.
async fn send_all(
    mut sending: Sender<'_, Writer>,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
    keep_alive: Option<Duration>,
) -> ClientError<io::Error> {
    let pause = keep_alive.map_or(Duration::MAX, |period| period / 2);
    loop {
        let sent = match tokio::time::timeout(pause, queue.recv()).await {
            Ok(Some(outgoing)) => sending.send(&outgoing.message()).await,
            Ok(None) => return ClientError::Closed,
            Err(_) => sending.send(&ToRuntime::KeepAlive).await,
        };
        if let Err(cause) = sent {
            return cause;
        }
    }
}
