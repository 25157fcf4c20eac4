//! The way to the link of the runtime in the same process.

use std::fmt;

use kernel_core::Plugin;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

use crate::failure::Failure;

/// Bytes on their way in each direction.
const PIPE: usize = 64 * 1024;
/// Visitors that the link has not let in yet.
const WAITING: usize = 16;

/// A plugin that lets clients of another protocol at the runtime: it is made with the [`Door`] to it.
pub trait Gateway: Plugin + Sized {
    /// The plugin, when it is loaded.
    fn behind(door: Door) -> Self;
}

/// A door to the runtime: behind it is its link, which asks whoever comes through for a key.
#[derive(Clone)]
pub struct Door(mpsc::Sender<Visitor>);

/// One who came through the door.
#[derive(Debug)]
pub struct Visitor {
    /// Its stream.
    pub stream: DuplexStream,
    /// From where it comes, as the gateway says: the address of its client.
    pub peer: String,
}

/// Those who come through the door.
pub type Visitors = mpsc::Receiver<Visitor>;

impl Door {
    /// A door, and those who come through it.
    pub fn new() -> (Door, Visitors) {
        let (door, visitors) = mpsc::channel(WAITING);
        (Door(door), visitors)
    }

    /// Goes through, on behalf of a client at `peer`; what comes is a stream of the link's
    /// [`Framing::Stream`](kernel_link::Framing::Stream).
    ///
    /// # Errors
    /// `shutting_down` when nobody is behind it any more.
    ///
    /// # Cancellation
    /// Nothing happened.
    pub async fn enter(&self, peer: &str) -> Result<DuplexStream, Failure> {
        let (ours, stream) = tokio::io::duplex(PIPE);
        let peer = peer.to_owned();
        match self.0.send(Visitor { stream, peer }).await {
            Ok(()) => Ok(ours),
            Err(_) => Err(Failure::new("shutting_down", "the runtime is shutting down")),
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
    }
}
