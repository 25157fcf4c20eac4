//! The way to a target, and in words why there is none.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

use link_dial::{Line, Target};

/// Between attempts to connect.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// How long a connection may take to be made: a host that is away answers nothing at all, and the next
/// attempt should not be far.
const CONNECT: Duration = Duration::from_millis(900);

/// Connects.
pub(super) async fn dial(target: &Target) -> io::Result<Line> {
    match tokio::time::timeout(CONNECT, target.dial()).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "nobody answers there")),
    }
}

/// Why nobody could be reached, and what to do.
pub(super) fn explain(target: &Target, cause: &io::Error) -> String {
    match (target, cause.kind()) {
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
            format!("nobody listens at {target}: start the runtime with `core-runtime run`")
        }
        (Target::Serial { device, .. }, io::ErrorKind::PermissionDenied) => format!(
            "permission denied for {}: join the group that owns it, often `dialout`",
            device.display()
        ),
        (_, io::ErrorKind::PermissionDenied) => {
            format!("permission denied for {target}: be the user that runs the runtime")
        }
        _ => format!("no way to {target}: {cause}"),
    }
}

fn is_socket(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.file_type().is_socket())
}
