//! Plays a recording: at its own pace or faster, paused, step by step, and from any place of it.

use std::time::{Duration, Instant};

use super::Port;
use super::port::Gone;
use super::replay::{Lines, ReplayError, length, lines};
use crate::facts::{Command, Connection, Item, Place, Play, Playing, Update};

/// What lies so close together is handed over together.
const TOGETHER: Duration = Duration::from_millis(15);

/// How often it is said where it is.
const SAID: Duration = Duration::from_millis(100);

/// The most items at once.
const BATCH: usize = 2048;

/// The paces that can be chosen.
const SLOWEST: f64 = 1.0 / 64.0;
const FASTEST: f64 = 4_096.0;

/// What becomes of requests.
const UNSENT: &str = "this is a recording: there is no runtime to ask";

/// A recording that is played.
pub(super) struct Player {
    lines: Lines,
    /// The line that comes next.
    next: Option<(u64, Update)>,
    batch: Vec<Item>,
    /// The sequence number of the last event.
    seq: u64,
    /// True when all of it was played, or what could be read of it.
    ended: bool,
    playing: Playing,
    /// When it was last at which place: the pace is counted from there.
    since: (Instant, u64),
    /// When it was last said where it is.
    said: Option<Instant>,
}

impl Player {
    pub(super) fn new(lines: Lines, speed: f64) -> Player {
        let length = length(lines.path());
        Player {
            lines,
            next: None,
            batch: Vec::new(),
            seq: 0,
            ended: false,
            playing: Playing {
                at: 0,
                length,
                events: 0,
                speed,
                paused: false,
            },
            since: (Instant::now(), 0),
            said: None,
        }
    }

    /// Plays until nobody looks any more, or from a place on when it is asked to.
    pub(super) async fn run(mut self, first: Option<Place>, port: &mut Port) -> Result<(), Gone> {
        self.say(port, true).await?;
        if let Some(place) = first {
            self.playing.paused = true;
            self.obey(Command::Play(Play::To(place)), port).await?;
        }
        loop {
            if self.playing.paused || self.ended {
                let command = port.command().await?;
                self.obey(command, port).await?;
                continue;
            }
            let Some(at) = self.peek(port).await? else {
                self.flush(port).await?;
                self.playing.at = self.playing.length.max(self.playing.at);
                self.ended = true;
                port.send(Update::Connection(Connection::Ended)).await?;
                self.say(port, true).await?;
                continue;
            };
            let due = self.due(at);
            let now = Instant::now();
            if due > now + TOGETHER {
                self.flush(port).await?;
                self.playing.at = self.reached(now).min(at);
                self.say(port, false).await?;
                tokio::select! {
                    command = port.command() => self.obey(command?, port).await?,
                    () = tokio::time::sleep_until(due.min(now + SAID).into()) => {}
                }
                continue;
            }
            self.take(port).await?;
            while let Some(command) = port.try_command()? {
                self.obey(command, port).await?;
            }
        }
    }

    /// When a line is due.
    fn due(&self, at: u64) -> Instant {
        let (since, from) = self.since;
        if self.playing.speed <= 0.0 {
            return since;
        }
        let apart = Duration::from_micros(at.saturating_sub(from)).as_secs_f64() / self.playing.speed;
        Duration::try_from_secs_f64(apart).map_or(since, |apart| since + apart)
    }

    /// Where it is by the clock.
    fn reached(&self, now: Instant) -> u64 {
        let (since, from) = self.since;
        let passed = now.saturating_duration_since(since).as_secs_f64() * self.playing.speed;
        from + (passed * 1e6) as u64
    }

    /// When the next line is; `None` when there is none.
    async fn peek(&mut self, port: &mut Port) -> Result<Option<u64>, Gone> {
        if self.next.is_none() && !self.ended {
            match self.lines.next() {
                Some(Ok((at, update))) => self.next = Some((at.as_micros() as u64, update)),
                Some(Err(cause)) => {
                    self.flush(port).await?;
                    port.send(Update::Recording(Err(cause.to_string()))).await?;
                }
                None => {}
            }
        }
        Ok(self.next.as_ref().map(|(at, _)| *at))
    }

    /// Hands the next line over.
    async fn take(&mut self, port: &mut Port) -> Result<(), Gone> {
        let Some((at, update)) = self.next.take() else {
            return Ok(());
        };
        self.playing.at = at;
        match update {
            Update::Items(mut items) => {
                for item in &items {
                    if let Item::Event(event) = item {
                        self.seq = event.seq;
                        self.playing.events += 1;
                    }
                }
                self.batch.append(&mut items);
                if self.batch.len() >= BATCH {
                    self.flush(port).await?;
                }
            }
            other => {
                self.flush(port).await?;
                port.send(other).await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self, port: &mut Port) -> Result<(), Gone> {
        if self.batch.is_empty() {
            return Ok(());
        }
        port.send(Update::Items(std::mem::take(&mut self.batch))).await
    }

    /// Says where it is, when it was not just said.
    async fn say(&mut self, port: &mut Port, now: bool) -> Result<(), Gone> {
        if now || self.said.is_none_or(|said| said.elapsed() >= SAID) {
            self.flush(port).await?;
            port.send(Update::Playing(self.playing)).await?;
            self.said = Some(Instant::now());
        }
        Ok(())
    }

    async fn obey(&mut self, command: Command, port: &mut Port) -> Result<(), Gone> {
        let Command::Play(play) = command else {
            return port.idle(command, UNSENT).await;
        };
        match play {
            Play::Pause => self.playing.paused = !self.playing.paused,
            Play::Faster(_) if self.playing.speed <= 0.0 => self.playing.speed = 1.0,
            Play::Faster(times) => {
                self.playing.speed = (self.playing.speed * times).clamp(SLOWEST, FASTEST);
            }
            Play::By(micros) => {
                let to = self.playing.at.saturating_add_signed(micros);
                self.seek(Place::Time(to), port).await?;
            }
            Play::To(place) => self.seek(place, port).await?,
            Play::Step(by) => {
                let wanted = self.playing.events.saturating_add_signed(by);
                if by < 0 {
                    self.rewind(port).await?;
                }
                while self.playing.events < wanted && self.peek(port).await?.is_some() {
                    self.take(port).await?;
                }
                self.playing.paused = true;
            }
        }
        self.since = (Instant::now(), self.playing.at);
        self.say(port, true).await
    }

    /// Goes to a place, reading all before it: what was then is what all of it said until then.
    async fn seek(&mut self, place: Place, port: &mut Port) -> Result<(), Gone> {
        match place {
            Place::Time(to) => {
                if to < self.playing.at {
                    self.rewind(port).await?;
                }
                while self.peek(port).await?.is_some_and(|at| at <= to) {
                    self.take(port).await?;
                }
                self.playing.at = to.min(self.playing.length);
            }
            Place::Event(seq) => {
                if seq <= self.seq {
                    self.rewind(port).await?;
                }
                while self.seq < seq && self.peek(port).await?.is_some() {
                    self.take(port).await?;
                }
            }
        }
        // At no pace there is nothing to go on with but the end.
        self.playing.paused |= self.playing.speed <= 0.0;
        Ok(())
    }

    /// Begins anew.
    async fn rewind(&mut self, port: &mut Port) -> Result<(), Gone> {
        self.batch.clear();
        match lines(self.lines.path()) {
            Ok(lines) => self.lines = lines,
            Err(cause @ ReplayError::Io(..)) => {
                return port.send(Update::Recording(Err(cause.to_string()))).await;
            }
            // It was one when it was opened.
            Err(_) => return Ok(()),
        }
        (self.next, self.seq, self.ended) = (None, 0, false);
        (self.playing.at, self.playing.events) = (0, 0);
        port.send(Update::Rewound).await
    }
}
