//! Why something was not done.

use std::fmt;

use kernel_link as link;
use serde::Serialize;

/// Why a request failed: the runtime's own code and words, or those of the plugin that was called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The stable code, for programs.
    pub code: String,
    /// The message, for people.
    pub message: String,
    /// The key was not let in, or is good no more: nothing was asked of the runtime.
    #[serde(skip)]
    pub locked_out: bool,
}

impl Failure {
    /// A failure with this code and message.
    pub fn new(code: &str, message: impl Into<String>) -> Failure {
        Failure {
            code: code.to_owned(),
            message: message.into(),
            locked_out: false,
        }
    }

    /// The session was not opened, or was ended, for this reason.
    pub(crate) fn refused(why: link::Failure<'_>) -> Failure {
        let failure = Failure::from(why);
        let locked_out = failure.code == "denied";
        let message = match why {
            link::Failure::Link(link::Refusal::Token) => "no key is known that is this one".to_owned(),
            _ => failure.message,
        };
        Failure {
            message,
            locked_out,
            ..failure
        }
    }

    /// What was answered makes no sense for what was asked.
    pub(crate) fn unexpected() -> Failure {
        Failure::new(
            "unexpected",
            "the runtime answered something else than was asked for",
        )
    }
}

impl From<link::Failure<'_>> for Failure {
    fn from(why: link::Failure<'_>) -> Failure {
        Failure::new(why.code(), why.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Failure {}
