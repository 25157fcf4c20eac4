//! Why the state engine refused something.

use core::fmt;

use crate::kernel::Unavailable;
use crate::subject::SubjectError;

/// Why a state operation was refused; it changed nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StateError {
    /// The key is not well formed: it is formed like a topic.
    Key(SubjectError),
    /// The key is too long.
    TooLong {
        /// The longest key allowed, in bytes.
        max: usize,
    },
    /// The key begins with `runtime.`, which is the kernel's own.
    Reserved,
    /// The value is too large.
    TooLarge {
        /// Its bytes.
        len: usize,
        /// The most allowed.
        max: usize,
    },
    /// The capacity `state_entries` is used up.
    Full {
        /// Its size.
        capacity: usize,
    },
    /// The capacity `state_bytes` is used up.
    BytesFull {
        /// Its size.
        capacity: usize,
    },
    /// The capacity `names` is used up.
    NamesFull {
        /// Its size.
        capacity: usize,
    },
    /// The value is not of the version that was expected.
    Conflict {
        /// The version it has; 0 when there is no such key.
        version: u64,
    },
    /// The caller's buffer is too small for the value.
    Buffer {
        /// The value's bytes.
        len: usize,
        /// The buffer's bytes.
        max: usize,
    },
    /// The writer's life is over: it was unloaded, failed, or was replaced.
    Unloaded,
    /// The kernel's lock could not be taken.
    Unavailable,
}

impl StateError {
    /// The stable code, for programs and for the link.
    pub const fn code(&self) -> &'static str {
        match self {
            StateError::Key(_) | StateError::TooLong { .. } => "invalid_key",
            StateError::Reserved => "reserved",
            StateError::TooLarge { .. } => "too_large",
            StateError::Full { .. } | StateError::BytesFull { .. } | StateError::NamesFull { .. } => "full",
            StateError::Conflict { .. } => "conflict",
            StateError::Buffer { .. } => "reply_too_large",
            StateError::Unloaded => "unloaded",
            StateError::Unavailable => "unavailable",
        }
    }
}

impl Unavailable for StateError {
    fn unavailable() -> Self {
        StateError::Unavailable
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateError::Key(error) => write!(f, "state key: {error}"),
            StateError::TooLong { max } => write!(f, "a state key has at most {max} bytes here"),
            StateError::Reserved => {
                f.write_str("keys that begin with `runtime.` are the kernel's own: choose another key")
            }
            StateError::TooLarge { len, max } => {
                write!(
                    f,
                    "a value of {len} bytes is too large, {max} are allowed: keep large values in the storage"
                )
            }
            StateError::Full { capacity } => {
                write!(
                    f,
                    "all {capacity} state entries are taken: raise the capacity `state_entries`"
                )
            }
            StateError::BytesFull { capacity } => {
                write!(
                    f,
                    "the {capacity} bytes of state values are taken: raise the capacity `state_bytes`"
                )
            }
            StateError::NamesFull { capacity } => {
                write!(f, "all {capacity} names are taken: raise the capacity `names`")
            }
            StateError::Conflict { version: 0 } => {
                f.write_str("there is no such key any more: read it again")
            }
            StateError::Conflict { version } => {
                write!(f, "the value has version {version} by now: read it again")
            }
            StateError::Buffer { len, max } => {
                write!(
                    f,
                    "a value of {len} bytes does not fit into the caller's buffer of {max}"
                )
            }
            StateError::Unloaded => f.write_str("the writer is no longer loaded"),
            StateError::Unavailable => f.write_str("the kernel's lock could not be taken"),
        }
    }
}

impl core::error::Error for StateError {}
