//! Why a storage request failed.

use core::fmt;

use crate::calls::Fault;
use crate::error::Error;
use crate::kernel::Unavailable;
use crate::registry::CallError;

/// Why a storage request failed. Unless it says otherwise, nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StorageError {
    /// A namespace is 1 to 64 bytes, a key 1 to 255, without control characters.
    Name,
    /// The namespace belongs to another plugin.
    Denied,
    /// What is stored cannot be read back: the details name the place.
    Corrupt(Error),
    /// There is no room left; what was stored before is safe.
    Full(Error),
    /// The storage failed: the details say how.
    Failed(Error),
    /// The request does not fit into a call's buffer.
    TooLarge {
        /// Its bytes, with namespace and key.
        len: usize,
        /// The buffer's bytes.
        max: usize,
    },
    /// The value does not fit into the caller's buffer.
    Buffer {
        /// Its bytes.
        len: usize,
        /// The buffer's bytes.
        max: usize,
    },
    /// The capacity `calls` is used up.
    Busy {
        /// Its size.
        capacity: usize,
    },
    /// No answer came before the deadline. A write may still be carried out, unless no storage was served.
    Timeout,
    /// No storage is served, or it stopped. A write that was under way may have been carried out.
    Unavailable,
    /// The caller's life is over: it was unloaded, failed, or was replaced.
    Unloaded,
}

/// The codes that travel in a reply, so that a storage's own error keeps its kind on the way.
const CORRUPT: &str = "storage_corrupt";
const FULL: &str = "storage_full";
const FAILED: &str = "storage_failed";

impl StorageError {
    /// What is stored under this key is damaged.
    pub fn corrupt(message: &str) -> Self {
        StorageError::Corrupt(Error::new(CORRUPT, message))
    }

    /// There is no room left.
    pub fn full(message: &str) -> Self {
        StorageError::Full(Error::new(FULL, message))
    }

    /// The storage failed.
    pub fn failed(message: &str) -> Self {
        StorageError::Failed(Error::new(FAILED, message))
    }

    /// The stable code, for programs and for the link.
    pub const fn code(&self) -> &'static str {
        match self {
            StorageError::Name => "invalid_key",
            StorageError::Denied => "denied",
            StorageError::Corrupt(_) => CORRUPT,
            StorageError::Full(_) => FULL,
            StorageError::Failed(_) => FAILED,
            StorageError::TooLarge { .. } => "too_large",
            StorageError::Buffer { .. } => "reply_too_large",
            StorageError::Busy { .. } => "full",
            StorageError::Timeout => "timeout",
            StorageError::Unavailable => "unavailable",
            StorageError::Unloaded => "unloaded",
        }
    }

    /// The error as the storage said it.
    pub(crate) fn details(&self) -> Option<&Error> {
        match self {
            StorageError::Corrupt(error) | StorageError::Full(error) | StorageError::Failed(error) => {
                Some(error)
            }
            _ => None,
        }
    }

    /// Another error as it travels in the reply.
    pub(crate) fn to_error(&self) -> Error {
        match self {
            StorageError::Buffer { .. } => Error::new(TOO_LARGE, ""),
            other => Error::new(FAILED, other.code()),
        }
    }
}

const TOO_LARGE: &str = "reply_too_large";

impl From<Fault> for StorageError {
    fn from(fault: Fault) -> Self {
        CallError::from(fault).into()
    }
}

impl From<CallError> for StorageError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Full { capacity } => StorageError::Busy { capacity },
            CallError::TooLarge { len, max } => StorageError::TooLarge { len, max },
            CallError::ReplyTooLarge { len, max } => StorageError::Buffer { len, max },
            CallError::Timeout => StorageError::Timeout,
            CallError::Unloaded => StorageError::Unloaded,
            CallError::Failed(error) => match error.code() {
                CORRUPT => StorageError::Corrupt(error),
                FULL => StorageError::Full(error),
                TOO_LARGE => StorageError::failed(
                    "the stored value is larger than a call's buffer: raise `call_bytes`",
                ),
                _ => StorageError::Failed(error),
            },
            _ => StorageError::Unavailable,
        }
    }
}

impl Unavailable for StorageError {
    fn unavailable() -> Self {
        StorageError::Unavailable
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageError::Name => {
                f.write_str("a namespace has 1 to 64 bytes and a key 1 to 255, without control characters")
            }
            StorageError::Denied => {
                f.write_str("the namespace belongs to another plugin: ask its service, or be granted `reads`")
            }
            StorageError::Corrupt(error) | StorageError::Full(error) | StorageError::Failed(error) => {
                f.write_str(error.message())
            }
            StorageError::TooLarge { len, max } => {
                write!(
                    f,
                    "a request of {len} bytes does not fit into {max}: store less, or raise `call_bytes`"
                )
            }
            StorageError::Buffer { len, max } => {
                write!(
                    f,
                    "a value of {len} bytes does not fit into the caller's buffer of {max}"
                )
            }
            StorageError::Busy { capacity } => {
                write!(
                    f,
                    "all {capacity} calls are in flight: try again, or raise the capacity `calls`"
                )
            }
            StorageError::Timeout => f.write_str(
                "the storage did not answer before the deadline; a write may still be carried out",
            ),
            StorageError::Unavailable => f.write_str("no storage is being served"),
            StorageError::Unloaded => f.write_str("the caller is no longer loaded"),
        }
    }
}

impl core::error::Error for StorageError {}
