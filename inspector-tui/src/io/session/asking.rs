//! What is asked of the runtime: what the model wants, and a snapshot again and again.

use std::time::{Duration, Instant};

use link_dial::ConnectError;

use super::opening::explain;
use super::{Over, Session};
use crate::facts::{Command, Connection, Request, Update};
use crate::io::port::Gone;
use crate::io::requests::Outgoing;
use crate::io::snapshot::Collecting;

/// How often a snapshot is asked for.
pub(super) const POLL: Duration = Duration::from_secs(1);

/// On a slow line a snapshot takes long: no more than this part of the line is for snapshots.
const POLL_SHARE: u32 = 4;

/// The longest pause between snapshots.
const POLL_SELDOM: Duration = Duration::from_secs(15);

/// A snapshot of which nothing comes for so long was lost on the way.
const STUCK: Duration = Duration::from_secs(3);

/// A runtime that says nothing for so long, though it was asked, is gone.
const SILENCE: Duration = Duration::from_secs(6);

/// Requests that wait until others are answered.
const WAITING: usize = 256;

/// Snapshots that are thrown away in a row because the line damaged a frame.
const DAMAGED: u32 = 3;

impl Session<'_> {
    pub(super) async fn command(&mut self, command: Command) -> Result<(), Gone> {
        match command {
            // There is a connection.
            Command::Reconnect => Ok(()),
            Command::Limit(_) | Command::Play(_) => self.port.idle(command, "").await,
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
        if size > self.greeting.max_message {
            let why = format!(
                "the message has {size} bytes, the runtime takes at most {}: nothing was sent",
                self.greeting.max_message
            );
            return self.port.refuse(id, "too_large", &why).await;
        }
        if self.waiting.len() >= WAITING {
            let why = "too many requests wait for their answers: nothing was sent, try again later";
            return self.port.refuse(id, "busy", why).await;
        }
        self.waiting.push_back((id, outgoing));
        self.ask_waiting();
        Ok(())
    }

    /// Sends what has waited for the answers to others.
    pub(super) fn ask_waiting(&mut self) {
        while !self.pending.is_full()
            && let Some((id, outgoing)) = self.waiting.pop_front()
        {
            if let Outgoing::Asked(number, request) = &outgoing {
                self.pending.add(*number, id, request);
            }
            let _ = self.out.send(outgoing);
        }
    }

    /// Asks for a snapshot.
    pub(super) fn collect(&mut self) {
        self.collecting = Some(Collecting::new());
        self.ask_part();
    }

    /// Asks for the next part of it.
    pub(super) fn ask_part(&mut self) {
        let id = self.number();
        if let Some(part) = self.collecting.as_mut().and_then(|collecting| collecting.ask(id)) {
            let _ = self.out.send(Outgoing::Part(id, part));
        }
    }

    /// Hands the snapshot over when all of it is there, and asks for the next one when that is due.
    pub(super) async fn snapshot(&mut self) -> Result<(), Over> {
        let now = self.present();
        let Some(collecting) = self.collecting.as_mut() else {
            if Instant::now() >= self.poll_at || std::mem::take(&mut self.refresh) {
                self.collect();
            }
            return Ok(());
        };
        let Some(snapshot) = collecting.finish(now) else {
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
        if self.open {
            self.port.send(Update::Snapshot(Box::new(snapshot))).await?;
            self.check_stream(&metrics);
            return Ok(());
        }
        self.open = true;
        let restarted = self.begin_run(&metrics);
        self.port
            .send(Update::Connection(Connection::Open {
                name: self.greeting.name.clone(),
                epoch: self.greeting.epoch,
                restarted,
            }))
            .await?;
        self.port.send(Update::Snapshot(Box::new(snapshot))).await?;
        self.begin_watch();
        Ok(())
    }

    /// Gives up what will not come any more.
    pub(super) async fn tidy(&mut self) -> Result<(), Over> {
        let now = Instant::now();
        for awaited in self.pending.overdue(now) {
            let why = "no answer came: it, or the request, was lost on the line";
            self.port.refuse(awaited.id, "timeout", why).await?;
        }
        self.ask_waiting();
        if let Some(collecting) = &self.collecting
            && collecting.progress + STUCK <= now
        {
            let silent = now.saturating_duration_since(self.heard);
            if silent >= SILENCE {
                let cause = ConnectError::Silent(Duration::from_secs(silent.as_secs()));
                return Err(Over::Because(explain(&self.live.at, cause)));
            }
            self.collect();
        }
        Ok(())
    }

    pub(super) fn wake_at(&self) -> Instant {
        match &self.collecting {
            Some(collecting) => collecting.progress + STUCK,
            None if self.refresh => Instant::now(),
            None => self.poll_at,
        }
    }

    pub(super) fn number(&mut self) -> u32 {
        self.last_id = self.last_id.wrapping_add(1);
        self.last_id
    }
}
