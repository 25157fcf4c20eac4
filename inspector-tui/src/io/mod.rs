//! The I/O thread: everything that waits for the target, or for a file, waits there. What it finds goes
//! through one bounded channel; what it is asked comes through another. When nobody takes what it found it
//! stops, gives the runtime no more credit, and the loss is counted where it happens: on the bus.

mod convert;
mod live;
mod loss;
mod player;
mod port;
mod record;
mod replay;
mod requests;
mod session;
mod snapshot;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::facts::{Command, Update};

pub use live::Live;
pub use port::Port;
pub use record::Line;
pub use replay::{Replay, ReplayError, lines};

/// Updates on their way to the model; the longest is a batch of events.
const UPDATES: usize = 8;

/// Commands on their way to the target.
const COMMANDS: usize = 64;

/// How long the thread may take to end, when asked to.
const ENDING: Duration = Duration::from_secs(2);

/// Where the updates come from: a runtime, or a recording of one.
pub trait Source: Send {
    /// Feeds the port until it closes. It runs alone on a thread with a reactor.
    fn run(self: Box<Self>, port: Port) -> Pin<Box<dyn Future<Output = ()>>>;
}

/// The model's end of the I/O thread.
#[derive(Debug)]
pub struct Io {
    /// What the thread found.
    pub updates: mpsc::Receiver<Update>,
    commands: mpsc::Sender<Command>,
    thread: JoinHandle<()>,
}

impl Io {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread, or no reactor for it.
    pub fn spawn(source: impl Source + 'static) -> io::Result<Io> {
        let reactor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (to_model, updates) = mpsc::channel(UPDATES);
        let (commands, from_model) = mpsc::channel(COMMANDS);
        let port = Port::new(to_model, from_model);
        let source: Box<dyn Source> = Box::new(source);
        let thread = std::thread::Builder::new()
            .name("io".to_owned())
            .spawn(move || reactor.block_on(source.run(port)))?;
        Ok(Io {
            updates,
            commands,
            thread,
        })
    }

    /// Hands a command over; gives it back when so many wait already, or the thread has ended.
    ///
    /// # Errors
    /// The command.
    pub fn send(&self, command: Command) -> Result<(), Command> {
        self.commands
            .try_send(command)
            .map_err(mpsc::error::TrySendError::into_inner)
    }

    /// Ends the thread and waits for it, so that a recording is whole; false when it did not end in time.
    pub fn close(self) -> bool {
        let Io {
            updates,
            commands,
            thread,
        } = self;
        drop((updates, commands));
        let deadline = Instant::now() + ENDING;
        while !thread.is_finished() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        thread.join().is_ok()
    }
}
