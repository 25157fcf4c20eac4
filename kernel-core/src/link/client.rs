//! The client's side of the link: messages in, messages out. What a client does with them (an
//! inspector, a command line, a remote plugin) is its own.

use core::fmt;

use embedded_io_async::{Read, Write};

use super::frame::{self, END, FrameError, Inbox};
use super::protocol::{Failure, Request, ToClient, ToRuntime, VERSION};

/// Why the client's link failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ClientError<E> {
    /// The stream failed.
    Stream(E),
    /// The runtime closed the stream.
    Closed,
    /// A message was too large for the buffer, or made no sense.
    Frame(FrameError),
    /// The buffers are too small.
    NoMemory,
}

impl<E: fmt::Display> fmt::Display for ClientError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Stream(error) => write!(f, "the connection failed: {error}"),
            ClientError::Closed => f.write_str("the runtime closed the connection"),
            ClientError::Frame(error) => error.fmt(f),
            ClientError::NoMemory => f.write_str("the link's buffers are too small"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for ClientError<E> {}

/// The client's side of one session, on two halves of a byte stream.
///
/// ```no_run
/// use kernel_core::link::{Client, Raw, Reply, Request, ToClient};
/// # async fn example(read: impl embedded_io_async::Read<Error = std::io::Error>,
/// #     write: impl embedded_io_async::Write<Error = std::io::Error>)
/// #     -> Result<(), Box<dyn std::error::Error>> {
/// let mut memory = vec![0; 3 * 4096];
/// let mut client = Client::new(read, write, &mut memory)?;
/// client.hello("example", 7, "").await?;
/// let call = Request::Call { service: "example.hello", args: Raw(b"\"Ann\""), timeout_ms: 0, parent: None };
/// client.request(1, call).await?;
/// loop {
///     if let ToClient::Reply { id: 1, what: Reply::Json(json) } = client.next().await? {
///         println!("{}", String::from_utf8_lossy(json.0));
///         break;
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Client<'b, R, W> {
    read: R,
    write: W,
    inbox: Inbox<'b>,
    scratch: &'b mut [u8],
    frame: &'b mut [u8],
}

impl<'b, R: Read, W: Write<Error = R::Error>> Client<'b, R, W> {
    /// A client on this stream. `memory` is divided into three buffers; the longest message either
    /// way is a little shorter than one of them.
    ///
    /// # Errors
    /// [`ClientError::NoMemory`] for less than 3 x 64 bytes.
    pub fn new(read: R, write: W, memory: &'b mut [u8]) -> Result<Self, ClientError<R::Error>> {
        let part = memory.len() / 3;
        let mut parts = memory.chunks_exact_mut(part.max(1));
        match (parts.next(), parts.next(), parts.next()) {
            (Some(inbox), Some(scratch), Some(frame)) if part >= 64 => Ok(Client {
                read,
                write,
                inbox: Inbox::new(inbox),
                scratch,
                frame,
            }),
            _ => Err(ClientError::NoMemory),
        }
    }

    /// Opens the session. What the runtime says to it comes by [`Client::next`]: wait there for the
    /// [`ToClient::Hello`] with this `nonce`; what comes before is not for this session.
    ///
    /// # Errors
    /// See [`ClientError`].
    ///
    /// # Cancellation
    /// A part of the message may be on the line: open the session again.
    pub async fn hello(&mut self, name: &str, nonce: u32, token: &str) -> Result<(), ClientError<R::Error>> {
        // Ends whatever was on the line before.
        self.write.write_all(&[END]).await.map_err(ClientError::Stream)?;
        self.send(&ToRuntime::Hello {
            version: VERSION,
            nonce,
            name,
            token,
        })
        .await
    }

    /// Asks for something; the answer comes by [`Client::next`] with the same `id`.
    ///
    /// # Errors
    /// See [`ClientError`].
    ///
    /// # Cancellation
    /// A part of the message may be on the line: open the session again.
    pub async fn request(&mut self, id: u32, what: Request<'_>) -> Result<(), ClientError<R::Error>> {
        self.send(&ToRuntime::Request { id, what }).await
    }

    /// Answers a call that this session's plugin was asked.
    ///
    /// # Errors
    /// See [`ClientError`].
    ///
    /// # Cancellation
    /// A part of the message may be on the line: open the session again.
    pub async fn answer(
        &mut self,
        call: u32,
        result: Result<super::Raw<'_>, Failure<'_>>,
    ) -> Result<(), ClientError<R::Error>> {
        self.send(&ToRuntime::Answer { call, result }).await
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`ClientError::Frame`] when it is larger than the buffer; nothing is sent then.
    ///
    /// # Cancellation
    /// A part of the message may be on the line: open the session again.
    pub async fn send(&mut self, message: &ToRuntime<'_>) -> Result<(), ClientError<R::Error>> {
        let len = frame::encode(message, self.scratch).map_err(ClientError::Frame)?;
        let encoded = self.scratch.get(..len).unwrap_or(&[]);
        let size = frame::stuff(encoded, self.frame).map_err(ClientError::Frame)?;
        self.write
            .write_all(self.frame.get(..size).unwrap_or(&[]))
            .await
            .map_err(ClientError::Stream)?;
        self.write.flush().await.map_err(ClientError::Stream)
    }

    /// Waits for the next message. A damaged frame is an error of its own; the next call goes on
    /// behind it.
    ///
    /// # Errors
    /// See [`ClientError`].
    ///
    /// # Cancellation
    /// Nothing is lost where the stream's `read` loses nothing.
    pub async fn next(&mut self) -> Result<ToClient<'_>, ClientError<R::Error>> {
        // Twice, because a frame that is returned borrows the inbox for good.
        loop {
            if self.inbox.has_frame() {
                break;
            }
            match self.read.read(self.inbox.room()).await {
                Ok(0) => return Err(ClientError::Closed),
                Ok(count) => self.inbox.filled(count),
                Err(error) => return Err(ClientError::Stream(error)),
            }
        }
        match self.inbox.next_frame() {
            Some(Ok(frame)) => frame::decode(frame).map_err(ClientError::Frame),
            Some(Err(error)) => Err(ClientError::Frame(error)),
            None => Err(ClientError::Frame(FrameError::NotAFrame)),
        }
    }
}
