//! How a session ends, and one that does not begin.

use embedded_io_async::Write;

use crate::frame::{self, Framing};
use crate::{Failure, ToClient};

/// How a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum End<E> {
    /// The client closed the stream.
    Closed,
    /// The stream failed.
    Failed(E),
    /// `memory` is too small for a session.
    NoMemory,
    /// The client did not open its session in time, or was silent for longer than the keep-alive period.
    Silent,
    /// What the client sent on a stream was no frame, so that nothing behind it can be read.
    Malformed,
}

/// Tells a client that it is not served, and why: in place of [`serve`](crate::serve), when there are too many, or
/// after it.
///
/// # Errors
/// When the stream fails.
///
/// # Cancellation
/// The client may get a part of the message.
pub async fn refuse<W: Write>(mut write: W, framing: Framing, why: Failure<'_>) -> Result<(), W::Error> {
    let mut frame = [0; 256];
    // One that is larger is not sent: the client sees the end of the stream.
    let len = frame::encode(framing, &ToClient::Refused(why), &mut frame).unwrap_or(0);
    write.write_all(frame.get(..len).unwrap_or(&[])).await?;
    write.flush().await
}
