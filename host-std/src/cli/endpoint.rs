//! Where a runtime is, what it is shown, and what its errors mean.

use std::io;
use std::time::Duration;

use kernel_link::{ClientError, Framing};
use link_dial::{Line, Target};

use super::exit::Failure;

/// What to do about a key that is not good.
pub(crate) const KEY_WANTED: &str =
    "give a key, or the `tcp_token` of its configuration, with --key-file or in RUNTIME_TCP_TOKEN";

/// Where a runtime is, and how to get in there.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) target: Target,
    /// What the runtime is shown so that it lets the client in.
    pub(crate) token: String,
}

impl Endpoint {
    /// One that asks for nothing.
    pub(crate) fn open(target: Target) -> Self {
        Endpoint {
            target,
            token: String::new(),
        }
    }

    /// How messages are told apart there.
    pub(crate) fn framing(&self) -> Framing {
        self.target.framing()
    }

    pub(crate) async fn dial(&self) -> io::Result<Line> {
        self.target.dial().await
    }

    /// The place, for people.
    pub(crate) fn place(&self) -> String {
        match &self.target {
            Target::Unix(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                path.display().to_string()
            }
            Target::Tcp { address, .. } | Target::SerialServer { address } => address.clone(),
            Target::Serial { device, baud } => format!("{} at {baud} baud", device.display()),
        }
    }

    /// Why nobody could be reached, and what to do.
    pub(crate) fn explain(&self, cause: &io::Error) -> Failure {
        let place = self.place();
        let (what, hint) = match (&self.target, cause.kind()) {
            (Target::Serial { .. }, io::ErrorKind::NotFound) => (
                format!("no runtime at {place}: there is no such device"),
                "plug the board in, or say with --serial where it is",
            ),
            (Target::Serial { .. }, io::ErrorKind::ResourceBusy) => (
                format!("no way to the runtime at {place}: another program has the line"),
                "end it: a serial line takes one client at a time",
            ),
            (Target::Serial { .. }, io::ErrorKind::PermissionDenied) => (
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
        let what = match self.token.as_str() {
            "" => "lets in clients that show a key, and none was given",
            _ => "does not know the key that was given",
        };
        Failure::Runtime {
            code: "denied".to_owned(),
            message: format!("the runtime at {} {what}", self.place()),
            hint: Some(KEY_WANTED),
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
