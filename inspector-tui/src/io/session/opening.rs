//! The beginning of a session: the connection, and a hello that is answered.

use std::time::Duration;

use kernel_link::{Receiver, Sender};
use link_dial::{ConnectError, Endpoint, Greeting, Reader, Target, Writer};

use super::super::live::Live;

/// Who the client is, for people.
const NAME: &str = concat!("core-inspector ", env!("CARGO_PKG_VERSION"));

/// Each of a client's two buffers: no message of a runtime is as long.
const BUFFER: usize = 1024 * 1024;

/// How long a connection may take to be made: a host that is away answers nothing at all, and the next
/// attempt should not be far.
const CONNECT: Duration = Duration::from_millis(900);

/// An open session, before anything was asked.
pub(in crate::io) struct Opened<'m> {
    pub(super) receiving: Receiver<'m, Reader>,
    pub(super) sending: Sender<'m, Writer>,
    pub(super) greeting: Greeting,
    /// What is new about the line.
    pub(in crate::io) note: Option<String>,
}

/// The buffers of a session: zero pages, which cost nothing until a message is that long.
pub(in crate::io) fn memory() -> Vec<u8> {
    vec![0; 2 * BUFFER]
}

/// Connects and says hello.
pub(in crate::io) async fn open<'m>(live: &Live, memory: &'m mut [u8]) -> Result<Opened<'m>, String> {
    let answer = match live.at.target {
        // A board that begins anew when its line is opened needs a moment.
        Target::Serial { .. } | Target::SerialServer { .. } => Duration::from_secs(10),
        Target::Unix(_) | Target::Tcp { .. } => Duration::from_secs(3),
    };
    let connected = live.at.connect(NAME, CONNECT, answer, memory).await;
    let (client, greeting, note) = connected.map_err(|cause| explain(&live.at, cause))?;
    let (receiving, sending) = client.split();
    Ok(Opened {
        receiving,
        sending,
        greeting,
        note,
    })
}

/// Why there is no session, or none any more, and what to do.
pub(super) fn explain(at: &Endpoint, cause: impl Into<ConnectError>) -> String {
    let (what, hint) = at.explain(&cause.into());
    format!("{what}; {hint}")
}
