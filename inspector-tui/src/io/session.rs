//! One session with a runtime: hello, a snapshot, then the stream from where the snapshot was taken.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::time::{Duration, Instant};

use embedded_io_adapters::tokio_1::FromTokio;
use kernel_core::link::{Client, ClientError, Reply, ToClient};
use tokio::io::Empty;
use tokio::sync::mpsc;

use super::convert::{Texts, lost_at};
use super::dial::{Reader, Writer};
use super::live::Live;
use super::loss::{Gap, Sequence};
use super::port::{Gone, Port};
use super::requests::{Outgoing, Pending, answer};
use super::snapshot::Collecting;
use crate::facts::{Answer, Command, Connection, Item, Metrics, Request, Update};
use crate::target::Target;

/// Who the client is, for people.
const NAME: &str = concat!("core-inspector ", env!("CARGO_PKG_VERSION"));

/// Each of a client's three buffers: no message of a runtime is as long.
const BUFFER: usize = 1024 * 1024;

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

/// How often a snapshot is asked for.
const POLL: Duration = Duration::from_secs(1);

/// On a slow line a snapshot takes long: no more than this part of the line is for snapshots.
const POLL_SHARE: u32 = 4;

/// The longest pause between snapshots.
const POLL_SELDOM: Duration = Duration::from_secs(15);

/// A snapshot of which nothing comes for so long was lost on the way.
const STUCK: Duration = Duration::from_secs(3);

/// A runtime that says nothing for so long, though it was asked, is gone.
const SILENCE: Duration = Duration::from_secs(6);

/// Snapshots that are thrown away in a row because the line damaged a frame.
const DAMAGED: u32 = 3;

/// A hello that is not answered is sent again after this.
const AGAIN: Duration = Duration::from_millis(500);

type Receiving<'b> = Client<'b, Reader, FromTokio<Empty>>;
type Sending<'b> = Client<'b, FromTokio<Empty>, Writer>;

/// The buffers of a session.
#[derive(Debug)]
pub(super) struct Memory {
    receive: Vec<u8>,
    send: Vec<u8>,
}

impl Default for Memory {
    fn default() -> Self {
        // Zero pages, which cost nothing until a message is that long.
        Memory {
            receive: vec![0; 3 * BUFFER],
            send: vec![0; 3 * BUFFER],
        }
    }
}

/// What is known of one run of a runtime, from its start to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    sequence: Sequence,
    clock: Clock,
}

/// Its clock, as it was last heard of.
#[derive(Clone, Copy, Debug)]
struct Clock {
    now: u64,
    heard: Instant,
    epoch: Option<u64>,
}

impl Clock {
    /// True when `later` is the same clock, still going: a runtime that began anew has another zero.
    fn goes_on_as(&self, later: &Clock) -> bool {
        if let (Some(one), Some(two)) = (self.epoch, later.epoch) {
            return one.abs_diff(two) < 50_000 && later.now >= self.now;
        }
        let passed = later.heard.duration_since(self.heard);
        let told = Duration::from_micros(later.now.saturating_sub(self.now));
        // A board's clock, and an emulator's all the more, may be far off.
        later.now >= self.now && passed.abs_diff(told) < Duration::from_secs(2).max(passed / 4)
    }
}

/// An open session, before anything was asked.
pub(super) struct Opened<'b> {
    receiving: Receiving<'b>,
    sending: Sending<'b>,
    name: String,
    max_message: usize,
    clock: Clock,
}

/// Connects and says hello.
pub(super) async fn open<'b>(live: &Live, memory: &'b mut Memory) -> Result<Opened<'b>, String> {
    let target = &live.target;
    let (read, write) = target.dial().await.map_err(|cause| target.explain(&cause))?;
    let nobody = || FromTokio::new(tokio::io::empty());
    let mut receiving =
        Client::new(read, nobody(), &mut memory.receive).map_err(|cause| cause.to_string())?;
    let mut sending = Client::new(nobody(), write, &mut memory.send).map_err(|cause| cause.to_string())?;
    let patience = match target {
        // A board that begins anew when its line is opened needs a moment.
        Target::Serial { .. } => Duration::from_secs(10),
        Target::Unix(_) | Target::Tcp { .. } => Duration::from_secs(3),
    };
    let greeted = tokio::time::timeout(patience, greet(live, &mut receiving, &mut sending)).await;
    let (name, max_message, clock) = greeted.unwrap_or_else(|_| {
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
        clock,
    })
}

/// Says hello, again and again until it is heard (behind any of the ways there may be a board that is not up
/// yet), and waits for the answer to the last one.
async fn greet(
    live: &Live,
    receiving: &mut Receiving<'_>,
    sending: &mut Sending<'_>,
) -> Result<(String, usize, Clock), String> {
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
                    return Ok((name.to_owned(), max_message as usize, clock));
                }
            }
            // On a serial line, what was there before is answered too.
            Ok(ToClient::Refused(why)) if !matches!(why.code, "bad_frame" | "no_session") => {
                return Err(refused(target, why.code, why.message));
            }
            // What was on the line before is not for this session.
            Ok(_) | Err(ClientError::Frame(_)) => {}
            Err(cause) => return Err(lost(target, sent.as_ref().err().unwrap_or(&cause))),
        }
    }
}

fn refused(target: &Target, code: &str, message: &str) -> String {
    let hint = match code {
        "denied" => ": say the runtime's token with --token or RUNTIME_TCP_TOKEN",
        "version" => ": use the inspector of the runtime's own version",
        _ => "",
    };
    format!("the runtime at {target} refused: {message}{hint}")
}

fn lost(target: &Target, cause: &ClientError<io::Error>) -> String {
    match cause {
        ClientError::Closed => format!("the runtime at {target} closed the connection: it may have ended"),
        cause => format!("lost the runtime at {target}: {cause}"),
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
            name,
            max_message,
            clock,
        } = self;
        let (out, queue) = mpsc::unbounded_channel();
        let mut session = Session {
            live,
            port,
            run,
            out,
            name,
            max_message,
            clock,
            last_id: 0,
            open: false,
            watch: None,
            pending: Pending::default(),
            collecting: None,
            damaged: 0,
            poll_at: Instant::now(),
            checked: None,
            refresh: false,
            finding_past: false,
            answers: Vec::new(),
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
        Ok(reason)
    }
}

/// Sends what is in the queue, one after the other; why that ended.
async fn send_all(
    mut sending: Sending<'_>,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
) -> ClientError<io::Error> {
    while let Some(outgoing) = queue.recv().await {
        if let Err(cause) = sending.send(&outgoing.message()).await {
            return cause;
        }
    }
    ClientError::Closed
}

struct Session<'s> {
    live: &'s Live,
    port: &'s mut Port,
    run: &'s mut Option<Run>,
    /// Short: what the model asks is bounded by `Pending`, the rest by what came in.
    out: mpsc::UnboundedSender<Outgoing>,
    name: String,
    max_message: usize,
    clock: Clock,
    last_id: u32,
    /// The first snapshot is there.
    open: bool,
    /// The request that began the watch, until it is answered.
    watch: Option<u32>,
    pending: Pending,
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
        mut receiving: Receiving<'_>,
        sending: Sending<'_>,
        queue: mpsc::UnboundedReceiver<Outgoing>,
    ) -> Over {
        let mut writing = std::pin::pin!(send_all(sending, queue));
        self.collect();
        loop {
            let wake_at = self.wake_at();
            let woken = tokio::select! {
                biased;
                // Until it runs dry or the batch is full.
                received = receiving.next(), if self.batch.len() < BATCH => {
                    let taken = match received {
                        Ok(message) => self.message(&message),
                        Err(ClientError::Frame(_)) => {
                            self.damaged_frame();
                            Ok(())
                        }
                        Err(cause) => return Over::Because(lost(&self.live.target, &cause)),
                    };
                    match taken {
                        Ok(()) => continue,
                        Err(reason) => return Over::Because(reason),
                    }
                }
                () = std::future::ready(()), if self.has_news() => Woken::Idle,
                cause = &mut writing => return Over::Because(lost(&self.live.target, &cause)),
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

    async fn command(&mut self, command: Command) -> Result<(), Gone> {
        match command {
            // There is a connection.
            Command::Reconnect => Ok(()),
            Command::Record(path) => {
                self.refresh = true;
                self.port.record(path).await
            }
            Command::Request { id, request } => self.request(id, request).await,
        }
    }

    async fn request(&mut self, id: u32, request: Request) -> Result<(), Gone> {
        let number = self.number();
        let outgoing = Outgoing::Asked(number, request);
        let size = outgoing.size();
        if size > self.max_message {
            let why = format!(
                "the message has {size} bytes, the runtime takes at most {}: nothing was sent",
                self.max_message
            );
            return self.port.refuse(id, "too_large", &why).await;
        }
        if let Outgoing::Asked(_, request) = &outgoing
            && !self.pending.add(number, id, request)
        {
            let why = "too many requests wait for their answers: nothing was sent, try again later";
            return self.port.refuse(id, "busy", why).await;
        }
        let _ = self.out.send(outgoing);
        Ok(())
    }

    /// Asks for a snapshot.
    fn collect(&mut self) {
        let first = self.last_id.wrapping_add(1);
        let collecting = Collecting::new(first);
        for (id, part) in collecting.requests() {
            self.last_id = id;
            let _ = self.out.send(Outgoing::Part(id, part));
        }
        self.collecting = Some(collecting);
    }

    /// Hands the snapshot over when all of it is there, and asks for the next one when that is due.
    async fn snapshot(&mut self) -> Result<(), Over> {
        let Some(collecting) = self.collecting.as_mut() else {
            if Instant::now() >= self.poll_at || std::mem::take(&mut self.refresh) {
                self.collect();
            }
            return Ok(());
        };
        let Some(snapshot) = collecting.finish() else {
            return Ok(());
        };
        let begun = collecting.begun;
        let damaged = collecting.damaged;
        self.collecting = None;
        if damaged && self.damaged < DAMAGED {
            // An item of a list may be missing.
            self.damaged += 1;
            self.collect();
            return Ok(());
        }
        self.damaged = 0;
        let pause = (begun.elapsed() * POLL_SHARE).min(POLL_SELDOM).max(POLL);
        self.poll_at = begun + pause;
        let metrics = snapshot.metrics;
        self.clock.now = metrics.now;
        self.clock.heard = Instant::now();
        if self.open {
            self.port.send(Update::Snapshot(Box::new(snapshot))).await?;
            self.check_stream(&metrics);
            return Ok(());
        }
        self.open = true;
        let restarted = self.begin_run(&metrics);
        self.port
            .send(Update::Connection(Connection::Open {
                name: self.name.clone(),
                epoch: self.clock.epoch,
                restarted,
            }))
            .await?;
        self.port.send(Update::Snapshot(Box::new(snapshot))).await?;
        self.begin_watch();
        Ok(())
    }

    /// Finds out whether this is the run of before, and where its stream goes on; true when it is another.
    fn begin_run(&mut self, metrics: &Metrics) -> bool {
        let before = self.run.take();
        let same =
            before.filter(|run| run.clock.goes_on_as(&self.clock) && run.sequence.next() <= metrics.next_seq);
        let restarted = before.is_some() && same.is_none();
        let mut sequence = match same {
            Some(run) => run.sequence,
            // It has been seen before, so that all of the new run is of interest.
            None if restarted => Sequence::starting_at(1),
            None if self.live.past => {
                self.finding_past = true;
                Sequence::starting_at(1)
            }
            None => Sequence::starting_at(metrics.next_seq),
        };
        sequence.resumed(metrics.next_seq);
        *self.run = Some(Run {
            sequence,
            clock: self.clock,
        });
        restarted
    }

    /// Watches from the record that is due.
    fn begin_watch(&mut self) {
        let Some(run) = self.run.as_ref() else { return };
        let since = run.sequence.next();
        let id = self.number();
        self.watch = Some(id);
        self.owed = 0;
        let _ = self.out.send(Outgoing::Watch {
            id,
            since,
            credit: WINDOW,
        });
    }

    /// A stream that stands still while the runtime goes on lost its last events, or its credit, on the
    /// line.
    fn check_stream(&mut self, metrics: &Metrics) {
        let Some(run) = self.run.as_mut() else { return };
        run.clock = self.clock;
        let due = run.sequence.next();
        match self.checked {
            Some((at, reached, then)) if due == then && due < reached => {
                if at.elapsed() >= POLL {
                    self.checked = None;
                    self.begin_watch();
                }
            }
            _ => self.checked = Some((Instant::now(), metrics.next_seq, due)),
        }
    }

    /// Gives up what will not come any more.
    async fn tidy(&mut self) -> Result<(), Over> {
        let now = Instant::now();
        for awaited in self.pending.overdue(now) {
            let why = "no answer came: it, or the request, was lost on the line";
            self.port.refuse(awaited.id, "timeout", why).await?;
        }
        if let Some(collecting) = &self.collecting
            && collecting.progress + STUCK <= now
        {
            let silent = now.saturating_duration_since(self.heard);
            if silent >= SILENCE {
                return Err(Over::Because(format!(
                    "the runtime at {} says nothing for {} s: it may be stopped or overloaded",
                    self.live.target,
                    silent.as_secs()
                )));
            }
            self.collect();
        }
        Ok(())
    }

    fn wake_at(&self) -> Instant {
        match &self.collecting {
            Some(collecting) => collecting.progress + STUCK,
            None if self.refresh => Instant::now(),
            None => self.poll_at,
        }
    }

    fn number(&mut self) -> u32 {
        self.last_id = self.last_id.wrapping_add(1);
        self.last_id
    }

    fn message(&mut self, message: &ToClient<'_>) -> Result<(), String> {
        self.heard = Instant::now();
        match message {
            ToClient::Event(event) => {
                let Some(run) = self.run.as_mut() else {
                    return Ok(());
                };
                self.finding_past = false;
                self.owed = self.owed.saturating_add(1);
                let seen = run.sequence.event(event.seq);
                if let Some(gap) = seen.before {
                    // They were sent, and paid for, and did not arrive.
                    let paid = u32::try_from(gap.count).unwrap_or(u32::MAX);
                    self.owed = self.owed.saturating_add(paid);
                    self.batch.push(lost_item(gap));
                }
                if seen.new {
                    self.batch.push(Item::Event(self.texts.event(event)));
                }
            }
            ToClient::Lost { from, count, at } => {
                let Some(run) = self.run.as_mut() else {
                    return Ok(());
                };
                if std::mem::take(&mut self.finding_past) {
                    // Those were gone before anybody asked for them.
                    run.sequence = Sequence::starting_at(from.saturating_add(*count));
                    return Ok(());
                }
                let gaps = run.sequence.told(*from, *count, lost_at(*at));
                self.batch.extend(gaps.map(lost_item));
            }
            ToClient::Reply { id, what } => return self.reply(*id, what),
            ToClient::Refused(why) if why.code == "no_session" => {
                return Err(format!("the runtime at {} began anew", self.live.target));
            }
            // A request was damaged on its way: it is missed when its answer is.
            ToClient::Refused(_) => {}
            // Those are for plugins, and for sessions before this one.
            _ => {}
        }
        Ok(())
    }

    fn damaged_frame(&mut self) {
        self.heard = Instant::now();
        if let Some(collecting) = self.collecting.as_mut() {
            collecting.damaged = true;
        }
    }

    fn reply(&mut self, id: u32, what: &Reply<'_>) -> Result<(), String> {
        if self.watch == Some(id) {
            self.watch = None;
            return match what {
                Reply::Failed(why) => Err(refused(&self.live.target, why.code, why.message)),
                _ => Ok(()),
            };
        }
        if let Some(awaited) = self.pending.take(id) {
            self.answers
                .push((awaited.id, answer(what), awaited.sent.elapsed()));
            // What it changed should be seen at once.
            self.refresh |= awaited.acts;
        } else if let Some(collecting) = self.collecting.as_mut() {
            collecting.take(id, what, &mut self.texts);
        }
        Ok(())
    }
}

fn lost_item(gap: Gap) -> Item {
    Item::Lost {
        from: gap.from,
        count: gap.count,
        at: gap.at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_tells_whether_the_runtime_began_anew() {
        let begun = Instant::now();
        let clock = |heard: u64, now: f64, epoch: Option<u64>| Clock {
            now: (now * 1e6) as u64,
            heard: begun + Duration::from_secs(heard),
            epoch,
        };
        let with_epoch = clock(0, 100.0, Some(7_000_000));
        assert!(with_epoch.goes_on_as(&clock(60, 160.0, Some(7_000_000))));
        // Started anew a minute later: its zero is another.
        assert!(!with_epoch.goes_on_as(&clock(60, 161.0, Some(6_000_000))));
        assert!(!with_epoch.goes_on_as(&clock(60, 5.0, Some(67_000_000))));
        let board = clock(0, 100.0, None);
        assert!(board.goes_on_as(&clock(60, 160.0, None)));
        // An emulator that is too slow, and one that catches up.
        assert!(board.goes_on_as(&clock(60, 146.0, None)));
        assert!(board.goes_on_as(&clock(1, 102.5, None)));
        // Reset: it goes back, or is behind where it must be by now.
        assert!(!board.goes_on_as(&clock(60, 3.0, None)));
        assert!(!board.goes_on_as(&clock(600, 110.0, None)));
    }
}
