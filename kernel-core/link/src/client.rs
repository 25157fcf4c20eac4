//! The client's side of the link: messages in, messages out. What a client does with them (an
//! inspector, a command line, a remote plugin) is its own.

use core::fmt;

use embedded_io_async::{Read, Write};

use crate::frame::{self, FrameError, Framing};
use crate::inbox::Inbox;
use crate::{Request, ToClient, ToRuntime, VERSIONS};

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

/// The client's side of one session, on two halves of a byte stream; [`Client::split`] it to wait for messages in one
/// place and send from another.
///
/// ```no_run
/// use kernel_link::{Client, Framing, Raw, Reply, Request, ToClient};
/// # async fn example(read: impl embedded_io_async::Read<Error = std::io::Error>,
/// #     write: impl embedded_io_async::Write<Error = std::io::Error>)
/// #     -> Result<(), Box<dyn std::error::Error>> {
/// let mut memory = vec![0; 2 * 4096];
/// let mut client = Client::new(Framing::Stream, read, write, &mut memory)?;
/// client.hello("example", 7, "").await?;
/// let call = Request::Call { service: "example.hello", timeout_ms: 0, parent: None, args: Raw(b"\"Ann\"") };
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
    receiver: Receiver<'b, R>,
    sender: Sender<'b, W>,
}

/// What comes from the runtime.
pub struct Receiver<'b, R> {
    read: R,
    inbox: Inbox<'b>,
}

/// What goes to the runtime.
pub struct Sender<'b, W> {
    framing: Framing,
    write: W,
    frame: &'b mut [u8],
}

impl<'b, R: Read, W: Write<Error = R::Error>> Client<'b, R, W> {
    /// A client on this stream. `memory` is divided into two buffers; the longest message either
    /// way is a little shorter than one of them.
    ///
    /// # Errors
    /// [`ClientError::NoMemory`] for less than 2 x 64 bytes.
    pub fn new(
        framing: Framing,
        read: R,
        write: W,
        memory: &'b mut [u8],
    ) -> Result<Self, ClientError<R::Error>> {
        let part = memory.len() / 2;
        if part < 64 {
            return Err(ClientError::NoMemory);
        }
        let (inbox, frame) = memory.split_at_mut(part);
        Ok(Client {
            receiver: Receiver {
                read,
                inbox: Inbox::new(framing, inbox),
            },
            sender: Sender {
                framing,
                write,
                frame,
            },
        })
    }

    /// Both halves, each to be used without the other.
    pub fn split(self) -> (Receiver<'b, R>, Sender<'b, W>) {
        (self.receiver, self.sender)
    }

    /// See [`Sender::hello`]; what the runtime says to it comes by [`Client::next`].
    ///
    /// # Errors
    /// See [`ClientError`].
    ///
    /// # Cancellation
    /// See [`Sender::hello`].
    pub async fn hello(&mut self, name: &str, nonce: u32, token: &str) -> Result<(), ClientError<R::Error>> {
        self.sender.hello(name, nonce, token).await
    }

    /// Asks for something; the answer comes by [`Client::next`] with the same `id`.
    ///
    /// # Errors
    /// See [`Sender::send`].
    ///
    /// # Cancellation
    /// See [`Sender::hello`].
    pub async fn request(&mut self, id: u32, what: Request<'_>) -> Result<(), ClientError<R::Error>> {
        self.send(&ToRuntime::Request { id, what }).await
    }

    /// See [`Sender::send`].
    ///
    /// # Errors
    /// See [`Sender::send`].
    ///
    /// # Cancellation
    /// See [`Sender::hello`].
    pub async fn send(&mut self, message: &ToRuntime<'_>) -> Result<(), ClientError<R::Error>> {
        self.sender.send(message).await
    }

    /// See [`Receiver::next`].
    ///
    /// # Errors
    /// See [`ClientError`].
    ///
    /// # Cancellation
    /// See [`Receiver::next`].
    pub async fn next(&mut self) -> Result<ToClient<'_>, ClientError<R::Error>> {
        self.receiver.next().await
    }
}

impl<W: Write> Sender<'_, W> {
    /// Opens the session: wait for the [`ToClient::Hello`] with this `nonce`; what comes before is not for this session.
    ///
    /// # Errors
    /// See [`ClientError`].
    ///
    /// # Cancellation
    /// A part of the message may be on the line: on a serial line open the session again, a stream is of no use then.
    pub async fn hello(&mut self, name: &str, nonce: u32, token: &str) -> Result<(), ClientError<W::Error>> {
        #[cfg(feature = "serial")]
        if self.framing == Framing::Serial {
            // Ends whatever was on the line before.
            self.write
                .write_all(&[frame::END])
                .await
                .map_err(ClientError::Stream)?;
        }
        self.send(&ToRuntime::Hello {
            versions: VERSIONS,
            nonce,
            name,
            token,
        })
        .await
    }

    /// Sends a message. A [`ToRuntime::KeepAlive`] is due when nothing was sent for half of the `keep_alive_ms` that the
    /// runtime's Hello named.
    ///
    /// # Errors
    /// [`ClientError::Frame`] when it is larger than the buffer; nothing is sent then.
    ///
    /// # Cancellation
    /// See [`Sender::hello`].
    pub async fn send(&mut self, message: &ToRuntime<'_>) -> Result<(), ClientError<W::Error>> {
        let len = frame::encode(self.framing, message, self.frame).map_err(ClientError::Frame)?;
        let frame = self.frame.get(..len).unwrap_or(&[]);
        self.write.write_all(frame).await.map_err(ClientError::Stream)?;
        self.write.flush().await.map_err(ClientError::Stream)
    }

    /// The stream, for whoever writes frames by itself.
    pub fn into_stream(self) -> W {
        self.write
    }
}

impl<'b, R: Read> Receiver<'b, R> {
    /// The half alone, for whoever sends by itself. No message can be longer than the memory.
    pub fn new(framing: Framing, read: R, memory: &'b mut [u8]) -> Self {
        Receiver {
            read,
            inbox: Inbox::new(framing, memory),
        }
    }

    /// Waits for the next message. A damaged frame is an error of its own; the next call goes on
    /// behind it, but not behind [`FrameError::Lost`].
    ///
    /// # Errors
    /// See [`ClientError`].
    ///
    /// # Cancellation
    /// Nothing is lost where the stream's `read` loses nothing.
    pub async fn next(&mut self) -> Result<ToClient<'_>, ClientError<R::Error>> {
        let found = loop {
            if let Some(found) = self.inbox.next() {
                break found;
            }
            match self.read.read(self.inbox.room()).await {
                Ok(0) => return Err(ClientError::Closed),
                Ok(count) => self.inbox.filled(count),
                Err(error) => return Err(ClientError::Stream(error)),
            }
        };
        let range = found.map_err(ClientError::Frame)?;
        frame::decode(self.inbox.frame(range)).map_err(ClientError::Frame)
    }
}
