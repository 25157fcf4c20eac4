//! The I/O thread's end of the channels, and the recording of what goes through.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::record::Recorder;
use crate::facts::{Answer, Command, Connection, Limit, Update};

/// The model went away: there is nobody to work for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone;

/// The I/O thread's end of its channels.
#[derive(Debug)]
pub struct Port {
    updates: mpsc::Sender<Update>,
    commands: mpsc::Receiver<Command>,
    recorder: Option<Recorder>,
    limit: Option<Limit>,
    connection: Connection,
}

impl Port {
    pub(super) fn new(updates: mpsc::Sender<Update>, commands: mpsc::Receiver<Command>) -> Self {
        Port {
            updates,
            commands,
            recorder: None,
            limit: None,
            connection: Connection::Connecting,
        }
    }

    /// Hands an update over, once there is room for it.
    ///
    /// # Cancellation
    /// The update may be in the recording and not with the model.
    pub(super) async fn send(&mut self, update: Update) -> Result<(), Gone> {
        if let Update::Connection(connection) = &update {
            self.connection = connection.clone();
        }
        let written = match self.recorder.as_mut() {
            Some(recorder) => recorder.update(&update),
            None => Ok(()),
        };
        self.updates.send(update).await.map_err(|_| Gone)?;
        if let Err(cause) = written {
            let path = self.recorder.take().map(Recorder::abandon).unwrap_or_default();
            let why = format!("the recording to {} ended: {cause}", path.display());
            self.updates
                .send(Update::Recording(Err(why)))
                .await
                .map_err(|_| Gone)?;
        }
        Ok(())
    }

    /// The next command.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub(super) async fn command(&mut self) -> Result<Command, Gone> {
        self.commands.recv().await.ok_or(Gone)
    }

    /// The next command, if there is one now.
    pub(super) fn try_command(&mut self) -> Result<Option<Command>, Gone> {
        match self.commands.try_recv() {
            Ok(command) => Ok(Some(command)),
            Err(mpsc::error::TryRecvError::Empty) => Ok(None),
            Err(mpsc::error::TryRecvError::Disconnected) => Err(Gone),
        }
    }

    /// Begins or ends the recording and says so.
    pub(super) async fn record(&mut self, path: Option<PathBuf>) -> Result<(), Gone> {
        let mut result = match self.recorder.take().map(Recorder::finish) {
            Some(Err((path, cause))) => Err(format!("cannot write {}: {cause}", path.display())),
            _ => Ok(path.clone()),
        };
        if let Some(path) = path {
            let begun = Recorder::create(&path, self.limit)
                .and_then(|mut recorder| recorder.connection(&self.connection).map(|()| recorder));
            match begun {
                Ok(recorder) => self.recorder = Some(recorder),
                Err(cause) => result = Err(format!("cannot record to {}: {cause}", path.display())),
            }
        }
        self.updates
            .send(Update::Recording(result))
            .await
            .map_err(|_| Gone)
    }

    /// Says that a request was not sent, and why.
    pub(super) async fn refuse(&mut self, id: u32, code: &str, why: &str) -> Result<(), Gone> {
        self.send(Update::Answer {
            id,
            answer: Answer::Failed(code.to_owned(), why.to_owned()),
            took: Duration::ZERO,
        })
        .await
    }

    /// Serves commands while there is no session, until `until` or until it is asked to connect; `why`
    /// requests are not sent.
    pub(super) async fn wait(&mut self, until: Instant, why: &str) -> Result<(), Gone> {
        loop {
            let command = tokio::select! {
                command = self.command() => command?,
                () = tokio::time::sleep_until(until.into()) => return Ok(()),
            };
            if command == Command::Reconnect {
                return Ok(());
            }
            self.idle(command, why).await?;
        }
    }

    /// Carries out a command while there is no session.
    pub(super) async fn idle(&mut self, command: Command, why: &str) -> Result<(), Gone> {
        match command {
            Command::Reconnect | Command::Play(_) => Ok(()),
            Command::Limit(limit) => {
                self.limit = Some(limit);
                Ok(())
            }
            Command::Record(path) => self.record(path).await,
            Command::Request { id, .. } => self.refuse(id, "disconnected", why).await,
        }
    }
}
