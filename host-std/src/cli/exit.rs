//! How a command ends: what it says on stderr, and its exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use kernel_link as link;
use link_dial::{ConnectError, Endpoint};

use crate::escape::escape;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The runtime answered with an error.
    Runtime {
        /// The stable code.
        code: String,
        /// The message for people.
        message: String,
        /// What to do about it.
        hint: Option<&'static str>,
    },
    /// The answer is no: there is no such key, the runtime is not well.
    No(String),
    /// The command makes no sense; nothing was sent.
    Usage(String),
    /// No runtime is there, or it does not answer.
    Unreachable {
        /// What happened, and where.
        what: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// The output could not be written.
    Output(io::Error),
    /// Whoever read the output has read enough.
    ClosedPipe,
}

impl Failure {
    /// The error that the runtime answered with.
    pub(crate) fn runtime(failure: link::Failure<'_>) -> Self {
        let code = failure.code();
        let hint = match code {
            "timeout" => Some("it may be busy: `core-runtime calls` shows what is in flight"),
            "shutting_down" => Some("the runtime is ending: start it again"),
            _ => None,
        };
        Failure::Runtime {
            code: code.to_owned(),
            message: failure.to_string(),
            hint,
        }
    }

    /// There is no session, or none any more.
    pub(crate) fn no_session(endpoint: &Endpoint, cause: impl Into<ConnectError>) -> Self {
        let cause = cause.into();
        let (what, hint) = endpoint.explain(&cause);
        match cause {
            ConnectError::Refused { code, .. } => Failure::Runtime {
                code,
                message: what,
                hint: Some(hint),
            },
            _ => Failure::Unreachable { what, hint },
        }
    }

    /// The answer is of a kind that this version does not know.
    pub(crate) fn unexpected() -> Self {
        Failure::Runtime {
            code: "protocol".to_owned(),
            message: "the runtime's answer is none that this version understands".to_owned(),
            hint: Some("use the core-runtime of the runtime's own version"),
        }
    }

    /// Adds what to do about the runtime's error `code`.
    pub(crate) fn advise(self, code: &str, advice: &'static str) -> Self {
        match self {
            Failure::Runtime {
                code: found, message, ..
            } if found == code => Failure::Runtime {
                code: found,
                message,
                hint: Some(advice),
            },
            other => other,
        }
    }

    /// Says on stderr what there is to say, and gives the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        let (text, hint, status) = match self {
            Failure::Runtime { code, message, hint } => (format!("error[{code}]: {message}"), *hint, 1),
            Failure::No(message) => (message.clone(), None, 1),
            Failure::Usage(message) => (format!("error: {message}"), None, 2),
            Failure::Unreachable { what, hint } => (format!("error: {what}"), Some(*hint), 3),
            Failure::Output(cause) => (format!("error: cannot write the output: {cause}"), None, 1),
            Failure::ClosedPipe => return ExitCode::SUCCESS,
        };
        // A closed stderr leaves only the status to tell.
        let mut stderr = io::stderr().lock();
        for line in text.lines() {
            let _ = writeln!(stderr, "{}", escape(line));
        }
        if let Some(hint) = hint {
            let _ = writeln!(stderr, "hint: {hint}");
        }
        ExitCode::from(status)
    }
}

impl From<io::Error> for Failure {
    fn from(cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::Output(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_goes_to_its_code_alone() {
        let failure = || {
            Failure::runtime(link::Failure::Error {
                code: "not_found",
                message: "no such service",
            })
        };
        let advised = failure().advise("not_found", "look");
        assert!(matches!(
            advised,
            Failure::Runtime {
                hint: Some("look"),
                ..
            }
        ));
        let other = failure().advise("full", "look");
        assert!(matches!(other, Failure::Runtime { hint: None, .. }));
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let closed = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(matches!(closed, Failure::ClosedPipe));
        let full = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(full, Failure::Output(_)));
    }
}
