//! The link's socket.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::Finding;
use super::files::user;

/// What is at the socket's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Socket {
    /// Nobody who answers.
    Absent,
    /// Somebody who takes connections.
    Answers,
}

/// Looks at the socket; `held` says whether some runtime has the database open.
pub(super) fn look(path: &Path, held: bool, findings: &mut Vec<Finding>) -> Socket {
    let shown = path.display();
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            findings.push(match held {
                false => Finding::ok("socket", format!("{shown} is not there: no runtime runs")),
                true => Finding::problem(
                    "socket",
                    format!("{shown} is not there, and a runtime has the database open"),
                    "is it still starting, or was it started with another RUNTIME_SOCKET? Use that one",
                ),
            });
            return Socket::Absent;
        }
        Err(cause) => {
            findings.push(Finding::problem(
                "socket",
                format!("{shown} cannot be looked at: {cause}"),
                "be the user that runs the runtime, or correct RUNTIME_SOCKET",
            ));
            return Socket::Absent;
        }
    };
    if !found.file_type().is_socket() {
        findings.push(Finding::problem(
            "socket",
            format!("{shown} is there and is no socket"),
            "move it away, or set RUNTIME_SOCKET to another path",
        ));
        return Socket::Absent;
    }
    match UnixStream::connect(path) {
        Ok(_) => {
            let mode = found.mode() & 0o777;
            findings.push(match mode & 0o077 {
                0 => Finding::ok("socket", format!("{shown} is {}'s alone, and answers", user(found.uid()))),
                _ => Finding::problem(
                    "socket",
                    format!("others on this machine may use {shown}, which may do everything: its mode is {mode:04o}"),
                    format!("chmod 0600 {shown}"),
                ),
            });
            Socket::Answers
        }
        Err(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => {
            findings.push(Finding::warning(
                "socket",
                format!("nobody listens at {shown}: the runtime that made it was killed"),
                "start the runtime: it replaces the socket",
            ));
            Socket::Absent
        }
        Err(cause) => {
            findings.push(Finding::problem(
                "socket",
                format!(
                    "{shown} belongs to {}, and cannot be used: {cause}",
                    user(found.uid())
                ),
                "be that user: nobody else may use it",
            ));
            Socket::Absent
        }
    }
}
