//! What can go wrong, as it is told to callers.

use std::fmt;

use kernel_core::{Error, Fault};

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No server answered in time, or none that can; the text says what was met last.
    Away(String),
    /// Another storage was opened on the bucket; the text says by whom.
    Fenced(String),
    /// The namespace is that of a singleton, and this runtime does not have its lease.
    NoLease(String),
    /// The server has no room.
    Full(String),
    /// The server takes no message of this size.
    TooLarge(String),
    /// What is in the bucket is not what was written.
    Corrupt(String),
}

impl Trouble {
    /// True when it is one of this write alone, and the next one may go well.
    pub(crate) const fn is_of_one(&self) -> bool {
        matches!(self, Trouble::Full(_) | Trouble::TooLarge(_))
    }

    /// True when trying again may help.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(self, Trouble::Away(_))
    }

    /// The error of a request.
    pub(crate) fn error(&self) -> Error {
        let code = match self {
            Trouble::Away(_) => Fault::Storage.code(),
            Trouble::Fenced(_) => "storage_fenced",
            Trouble::NoLease(_) => "no_lease",
            Trouble::Full(_) => "storage_full",
            Trouble::TooLarge(_) => Fault::TooLarge { max: 0 }.code(),
            Trouble::Corrupt(_) => Fault::Corrupt.code(),
        };
        Error::format(code, format_args!("{self}"))
    }

    /// The error of a write of which it is not known whether it was stored.
    pub(crate) fn error_in_doubt(&self) -> Error {
        match self {
            Trouble::Away(text) => Error::format(
                Fault::Storage.code(),
                format_args!("not acknowledged, and may be stored: NATS does not answer: {text}"),
            ),
            other => other.error(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Away(text) => write!(f, "NATS does not answer: {text}"),
            Trouble::Fenced(holder) => {
                write!(
                    f,
                    "the bucket was taken over by {holder}; this runtime writes no more in it"
                )
            }
            Trouble::NoLease(namespace) => write!(
                f,
                "{namespace} is the namespace of a singleton whose lease this runtime does not have"
            ),
            Trouble::Full(text) => write!(f, "the NATS server has no room: {text}; free some space"),
            Trouble::TooLarge(text) => {
                write!(f, "too large for the NATS server: {text}; raise its max_payload")
            }
            Trouble::Corrupt(text) => f.write_str(text),
        }
    }
}
