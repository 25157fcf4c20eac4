//! How bytes get to a target: a variant of [`Target`] and its arms here; nothing else knows what they go
//! over.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use embedded_io_adapters::tokio_1::FromTokio;
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, isatty, tcgetattr, tcsetattr};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::unix::pipe;
use tokio::net::{TcpStream, UnixStream};

use crate::target::Target;

pub(super) type Reader = FromTokio<Box<dyn AsyncRead + Unpin>>;
pub(super) type Writer = FromTokio<Box<dyn AsyncWrite + Unpin>>;

/// Between attempts to connect.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// How long a connection may take to be made: a host that is away answers nothing at all, and the next
/// attempt should not be far.
const CONNECT: Duration = Duration::from_millis(900);

impl Target {
    pub(super) async fn dial(&self) -> io::Result<(Reader, Writer)> {
        match tokio::time::timeout(CONNECT, self.connect()).await {
            Ok(result) => result,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "nobody answers there")),
        }
    }

    async fn connect(&self) -> io::Result<(Reader, Writer)> {
        match self {
            Target::Unix(path) => over_socket(path).await,
            Target::Serial { device, .. } if is_socket(device) => over_socket(device).await,
            Target::Tcp { address } | Target::SerialServer { address } => {
                let stream = TcpStream::connect(address).await?;
                // Requests are small and wait for their answers.
                stream.set_nodelay(true)?;
                let (read, write) = stream.into_split();
                Ok((FromTokio::new(Box::new(read)), FromTokio::new(Box::new(write))))
            }
            Target::Serial { device, baud } => {
                let line = open_line(device, *baud)?;
                // A terminal line is polled like a pipe; it is none, so that is not checked.
                let read = pipe::Receiver::from_file_unchecked(line.try_clone()?)?;
                let write = pipe::Sender::from_file_unchecked(line)?;
                Ok((FromTokio::new(Box::new(read)), FromTokio::new(Box::new(write))))
            }
        }
    }

    /// Why nobody could be reached, and what to do.
    pub(super) fn explain(&self, cause: &io::Error) -> String {
        match (self, cause.kind()) {
            (Target::Serial { device, .. }, io::ErrorKind::NotFound) => {
                format!("there is no device {}: plug the board in", device.display())
            }
            (Target::Serial { device, .. }, io::ErrorKind::ResourceBusy) => format!(
                "another program has the line {}, which takes one at a time: end it",
                device.display()
            ),
            (Target::Unix(path), io::ErrorKind::NotFound) => format!(
                "there is no socket {}: start the runtime with `core-runtime run`, or say where its socket is",
                path.display()
            ),
            // The system refuses what is no socket as it refuses one that nobody listens at.
            (Target::Unix(path), io::ErrorKind::ConnectionRefused) if path.exists() && !is_socket(path) => {
                format!("{} is no socket: say where the runtime's is", path.display())
            }
            (_, io::ErrorKind::ConnectionRefused) => {
                format!("nobody listens at {self}: start the runtime with `core-runtime run`")
            }
            (Target::Serial { device, .. }, io::ErrorKind::PermissionDenied) => format!(
                "permission denied for {}: join the group that owns it, often `dialout`",
                device.display()
            ),
            (_, io::ErrorKind::PermissionDenied) => {
                format!("permission denied for {self}: be the user that runs the runtime")
            }
            _ => format!("no way to {self}: {cause}"),
        }
    }
}

async fn over_socket(path: &Path) -> io::Result<(Reader, Writer)> {
    let (read, write) = UnixStream::connect(path).await?.into_split();
    Ok((FromTokio::new(Box::new(read)), FromTokio::new(Box::new(write))))
}

fn is_socket(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.file_type().is_socket())
}

/// Opens a serial line: every byte as it is, at this speed.
fn open_line(device: &Path, baud: u32) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let line = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags.bits() as i32)
        .open(device)?;
    if !isatty(&line) {
        return Err(io::Error::other("it is not a serial line"));
    }
    // Two clients would take each other's answers.
    if let Err(Errno::WOULDBLOCK) = flock(&line, FlockOperation::NonBlockingLockExclusive) {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    let mut settings = tcgetattr(&line)?;
    settings.make_raw();
    settings.set_speed(baud)?;
    tcsetattr(&line, OptionalActions::Flush, &settings)?;
    Ok(line)
}
