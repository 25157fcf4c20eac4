//! The way to a target.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use embedded_io_adapters::tokio_1::FromTokio;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::unix::pipe;
use tokio::net::{TcpStream, UnixStream};

use crate::known::Known;
use crate::{Target, line, tls};

/// What comes from a target.
pub type Reader = FromTokio<Box<dyn AsyncRead + Unpin + Send>>;
/// What goes to a target.
pub type Writer = FromTokio<Box<dyn AsyncWrite + Unpin + Send>>;

/// A line to a target that is open.
pub struct Line {
    /// What comes.
    pub read: Reader,
    /// What goes.
    pub write: Writer,
    /// What whoever looks should know of it: that this runtime was seen for the first time.
    pub note: Option<String>,
}

impl Line {
    fn new(
        read: impl AsyncRead + Unpin + Send + 'static,
        write: impl AsyncWrite + Unpin + Send + 'static,
    ) -> Line {
        Line {
            read: FromTokio::new(Box::new(read)),
            write: FromTokio::new(Box::new(write)),
            note: None,
        }
    }
}

impl Target {
    /// Connects; over TCP with TLS, and with the certificate that was seen there first ([`Known`]).
    ///
    /// # Errors
    /// The system's; for a certificate that has changed one that says what to do.
    ///
    /// # Cancellation
    /// The line is closed.
    pub async fn dial(&self) -> io::Result<Line> {
        match self {
            Target::Unix(path) => over_socket(path).await,
            Target::Serial { device, .. } if is_socket(device) => over_socket(device).await,
            Target::Tcp {
                address,
                plain: false,
            } => over_tls(connect(address).await?, address, &Known::of_user()?).await,
            Target::Tcp { address, .. } | Target::SerialServer { address } => {
                let (read, write) = connect(address).await?.into_split();
                Ok(Line::new(read, write))
            }
            Target::Serial { device, baud } => {
                let line = line::open(device, *baud)?;
                // A terminal line is polled like a pipe; it is none, so that is not checked.
                let read = pipe::Receiver::from_file_unchecked(line.try_clone()?)?;
                let write = pipe::Sender::from_file_unchecked(line)?;
                Ok(Line::new(read, write))
            }
        }
    }
}

async fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // Requests are small and wait for their answers.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// TLS on a stream that is open already, to the runtime at this address, whose certificate is looked up in `known`, and
/// kept there when it was seen for the first time.
///
/// # Errors
/// The system's; for a certificate that has changed one that says what to do.
///
/// # Cancellation
/// The stream is closed.
pub async fn over_tls(stream: TcpStream, address: &str, known: &Known) -> io::Result<Line> {
    let pinned = known.fingerprint(address)?;
    let (stream, seen) = tls::connect(stream, address, pinned.as_deref(), known.file()).await?;
    let note = match pinned {
        Some(_) => None,
        None => {
            known.add(address, &seen)?;
            Some(format!(
                "{address} was not known: its certificate has the fingerprint {seen}, which is kept in {}",
                known.file().display()
            ))
        }
    };
    let (read, write) = tokio::io::split(stream);
    Ok(Line {
        note,
        ..Line::new(read, write)
    })
}

async fn over_socket(path: &Path) -> io::Result<Line> {
    let (read, write) = UnixStream::connect(path).await?.into_split();
    Ok(Line::new(read, write))
}

pub(crate) fn is_socket(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.file_type().is_socket())
}
