//! Where a runtime is, and how bytes get there.
//!
//! A transport is a variant of [`Endpoint`] and its arms here; nothing else knows what the bytes go over.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use embedded_io_adapters::tokio_1::FromTokio;
use kernel_link::{ClientError, Framing};
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, isatty, tcgetattr, tcsetattr};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::unix::pipe;
use tokio::net::{TcpStream, UnixStream};

use super::exit::Failure;

/// The speed of a serial line that names none.
const BAUD: u32 = 115_200;

pub(crate) type Reader = FromTokio<Box<dyn AsyncRead + Unpin>>;
pub(crate) type Writer = FromTokio<Box<dyn AsyncWrite + Unpin>>;

/// Where a runtime is.
#[derive(Debug, Clone)]
pub(crate) enum Endpoint {
    /// At a Unix socket.
    Unix(PathBuf),
    /// At a TCP port, with the token that lets clients in there.
    Tcp {
        /// Host and port.
        address: String,
        /// The token.
        token: String,
    },
    /// On a serial line that somebody else has, at a TCP port: a serial server, or an emulator.
    SerialServer {
        /// Host and port.
        address: String,
    },
    /// On a serial line.
    Serial {
        /// The device, or an emulator's Unix socket in its place.
        device: PathBuf,
        /// Its speed in bits per second.
        baud: u32,
    },
}

impl Endpoint {
    /// The serial line `DEVICE`, `DEVICE:BAUD` or `tcp:HOST:PORT`.
    pub(crate) fn serial(text: &str) -> Result<Self, String> {
        if let Some(address) = text.strip_prefix("tcp:") {
            let address = address.to_owned();
            return Ok(Endpoint::SerialServer { address });
        }
        let (device, baud) = match text.rsplit_once(':') {
            Some((device, baud)) => match baud.parse() {
                Ok(baud) if baud > 0 => (device, baud),
                _ => {
                    return Err(format!(
                        "`{baud}` is no speed: a serial line is DEVICE or DEVICE:BAUD"
                    ));
                }
            },
            None => (text, BAUD),
        };
        if device.is_empty() {
            return Err("the device is missing: a serial line is DEVICE or DEVICE:BAUD".to_owned());
        }
        Ok(Endpoint::Serial {
            device: device.into(),
            baud,
        })
    }

    /// What the runtime is shown so that it lets the client in.
    pub(crate) fn token(&self) -> &str {
        match self {
            Endpoint::Tcp { token, .. } => token,
            _ => "",
        }
    }

    /// How messages are told apart there.
    pub(crate) fn framing(&self) -> Framing {
        match self {
            Endpoint::Unix(_) | Endpoint::Tcp { .. } => Framing::Stream,
            Endpoint::Serial { .. } | Endpoint::SerialServer { .. } => Framing::Serial,
        }
    }

    pub(crate) async fn dial(&self) -> io::Result<(Reader, Writer)> {
        match self {
            Endpoint::Unix(path) => over_socket(path).await,
            Endpoint::Serial { device, .. } if is_socket(device) => over_socket(device).await,
            Endpoint::Tcp { address, .. } | Endpoint::SerialServer { address } => {
                let stream = TcpStream::connect(address).await?;
                // Requests are small and wait for their answers.
                stream.set_nodelay(true)?;
                let (read, write) = stream.into_split();
                Ok((FromTokio::new(Box::new(read)), FromTokio::new(Box::new(write))))
            }
            Endpoint::Serial { device, baud } => {
                let line = open_line(device, *baud)?;
                // A terminal line is polled like a pipe; it is none, so that is not checked.
                let read = pipe::Receiver::from_file_unchecked(line.try_clone()?)?;
                let write = pipe::Sender::from_file_unchecked(line)?;
                Ok((FromTokio::new(Box::new(read)), FromTokio::new(Box::new(write))))
            }
        }
    }

    /// The place, for people.
    pub(crate) fn place(&self) -> String {
        match self {
            Endpoint::Unix(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                path.display().to_string()
            }
            Endpoint::Tcp { address, .. } | Endpoint::SerialServer { address } => address.clone(),
            Endpoint::Serial { device, baud } => format!("{} at {baud} baud", device.display()),
        }
    }

    /// Why nobody could be reached, and what to do.
    pub(crate) fn explain(&self, cause: &io::Error) -> Failure {
        let place = self.place();
        let (what, hint) = match (self, cause.kind()) {
            (Endpoint::Serial { .. }, io::ErrorKind::NotFound) => (
                format!("no runtime at {place}: there is no such device"),
                "plug the board in, or say with --serial where it is",
            ),
            (Endpoint::Serial { .. }, io::ErrorKind::ResourceBusy) => (
                format!("no way to the runtime at {place}: another program has the line"),
                "end it: a serial line takes one client at a time",
            ),
            (Endpoint::Serial { .. }, io::ErrorKind::PermissionDenied) => (
                format!("no way to the runtime at {place}: permission denied"),
                "join the group that owns the device, often `dialout`",
            ),
            (_, io::ErrorKind::NotFound) => (
                format!("no runtime at {place}: there is no such socket"),
                "start one with `core-runtime run`, or say where it is with --socket or RUNTIME_SOCKET",
            ),
            (_, io::ErrorKind::ConnectionRefused) => (
                format!("no runtime at {place}: nobody listens there"),
                "the runtime that used it has ended: start one with `core-runtime run`",
            ),
            (_, io::ErrorKind::PermissionDenied) => (
                format!("no way to the runtime at {place}: permission denied"),
                "be the user that runs it: nobody else may use its socket",
            ),
            _ => (
                format!("no way to the runtime at {place}: {cause}"),
                "say where it is with --socket, --tcp or --serial",
            ),
        };
        Failure::Unreachable { what, hint }
    }

    /// The runtime does not let this client in.
    pub(crate) fn denied(&self) -> Failure {
        let what = match self.token() {
            "" => "lets in clients that show its token, and none was given",
            _ => "has another token than the one that was given",
        };
        Failure::Runtime {
            code: "denied".to_owned(),
            message: format!("the runtime at {} {what}", self.place()),
            hint: Some("give the `tcp_token` of its configuration with --token or RUNTIME_TCP_TOKEN"),
        }
    }

    pub(crate) fn silent(&self, span: Duration) -> Failure {
        Failure::Unreachable {
            what: format!(
                "the runtime at {} did not answer within {} s",
                self.place(),
                span.as_secs_f64()
            ),
            hint: match self.framing() {
                Framing::Serial => {
                    "the board may be stopped, or another client has its line: it takes one at a time"
                }
                _ => "it may be stopped or overloaded; what was asked may still be carried out",
            },
        }
    }

    pub(crate) fn lost(&self, cause: &ClientError<io::Error>) -> Failure {
        Failure::Unreachable {
            what: format!("lost the runtime at {}: {cause}", self.place()),
            hint: "it may have been stopped: see its log",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_line_is_a_device_and_perhaps_a_speed() {
        let parts = |text: &str| match Endpoint::serial(text) {
            Ok(Endpoint::Serial { device, baud }) => (device.display().to_string(), baud),
            other => panic!("{other:?}"),
        };
        assert_eq!(parts("/dev/ttyACM0"), ("/dev/ttyACM0".to_owned(), 115_200));
        assert_eq!(parts("/dev/ttyACM0:9600"), ("/dev/ttyACM0".to_owned(), 9_600));
        for wrong in [
            "",
            ":9600",
            "/dev/ttyACM0:",
            "/dev/ttyACM0:fast",
            "/dev/ttyACM0:0",
        ] {
            assert!(Endpoint::serial(wrong).is_err(), "{wrong:?}");
        }
    }
}
