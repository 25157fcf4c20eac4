//! Why the registry refused something, or a call failed.

use core::fmt;

use heapless::String;

use crate::error::Error;
use crate::kernel::Unavailable;
use crate::subject::{MAX_NAME, SubjectError};

/// Why a service was not registered.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is not well formed.
    Name(SubjectError),
    /// The name is taken.
    Duplicate {
        /// The plugin that has it.
        owner: String<MAX_NAME>,
    },
    /// A text made at run time is longer than `name_bytes`.
    TooLong {
        /// The longest that can be copied.
        max: usize,
    },
    /// The capacity `services` is used up.
    Full {
        /// Its size.
        capacity: usize,
    },
    /// The capacity `names` is used up.
    NamesFull {
        /// Its size.
        capacity: usize,
    },
    /// Only a loaded plugin can have services.
    Unloaded,
    /// The kernel's lock could not be taken.
    Unavailable,
}

impl RegisterError {
    /// The stable code, for programs and for the link.
    pub const fn code(&self) -> &'static str {
        match self {
            RegisterError::Name(_) | RegisterError::TooLong { .. } => "invalid_name",
            RegisterError::Duplicate { .. } => "duplicate",
            RegisterError::Full { .. } | RegisterError::NamesFull { .. } => "full",
            RegisterError::Unloaded => "unloaded",
            RegisterError::Unavailable => "unavailable",
        }
    }
}

impl Unavailable for RegisterError {
    fn unavailable() -> Self {
        RegisterError::Unavailable
    }
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisterError::Name(error) => write!(f, "service name: {error}"),
            RegisterError::Duplicate { owner } => {
                write!(
                    f,
                    "plugin {owner} has a service of this name: choose another name"
                )
            }
            RegisterError::TooLong { max } => {
                write!(
                    f,
                    "a text made at run time has at most {max} bytes: raise `name_bytes`"
                )
            }
            RegisterError::Full { capacity } => {
                write!(
                    f,
                    "all {capacity} services are taken: raise the capacity `services`"
                )
            }
            RegisterError::NamesFull { capacity } => {
                write!(f, "all {capacity} names are taken: raise the capacity `names`")
            }
            RegisterError::Unloaded => f.write_str("only a loaded plugin can register services"),
            RegisterError::Unavailable => f.write_str("the kernel's lock could not be taken"),
        }
    }
}

impl core::error::Error for RegisterError {}

/// Why a call has no reply.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CallError {
    /// No service has this name.
    NotFound,
    /// The service's plugin is not started.
    Unavailable,
    /// The service or its plugin went away during the call.
    Gone,
    /// No reply came before the deadline.
    Timeout,
    /// The callee waits, directly or through others, for the caller.
    Cycle,
    /// The capacity `calls` is used up.
    Full {
        /// Its size.
        capacity: usize,
    },
    /// The arguments do not fit into a call's buffer.
    TooLarge {
        /// Their bytes.
        len: usize,
        /// The buffer's bytes.
        max: usize,
    },
    /// The reply does not fit into the caller's buffer.
    ReplyTooLarge {
        /// Its bytes.
        len: usize,
        /// The buffer's bytes.
        max: usize,
    },
    /// The service answered with an error.
    Failed(Error),
    /// The caller's life is over: it was unloaded, failed, or was replaced.
    Unloaded,
}

impl CallError {
    /// The stable code, for programs and for the link.
    pub fn code(&self) -> &str {
        match self {
            CallError::NotFound => "not_found",
            CallError::Unavailable => "unavailable",
            CallError::Gone => "gone",
            CallError::Timeout => "timeout",
            CallError::Cycle => "cycle",
            CallError::Full { .. } => "full",
            CallError::TooLarge { .. } => "too_large",
            CallError::ReplyTooLarge { .. } => "reply_too_large",
            CallError::Failed(error) => error.code(),
            CallError::Unloaded => "unloaded",
        }
    }
}

impl Unavailable for CallError {
    fn unavailable() -> Self {
        CallError::Unavailable
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::NotFound => f.write_str("no such service: see list_services"),
            CallError::Unavailable => f.write_str("the service's plugin is not started: start it first"),
            CallError::Gone => {
                f.write_str("the service went away during the call: call again when it is back")
            }
            CallError::Timeout => f.write_str("no reply came before the deadline"),
            CallError::Cycle => {
                f.write_str("the callee waits for the caller: a call here would never be answered")
            }
            CallError::Full { capacity } => {
                write!(
                    f,
                    "all {capacity} calls are in flight: try again, or raise the capacity `calls`"
                )
            }
            CallError::TooLarge { len, max } => {
                write!(
                    f,
                    "{len} bytes do not fit into a call of {max}: send less, or raise `call_bytes`"
                )
            }
            CallError::ReplyTooLarge { len, max } => {
                write!(
                    f,
                    "a reply of {len} bytes does not fit into the caller's buffer of {max}"
                )
            }
            CallError::Failed(error) => error.fmt(f),
            CallError::Unloaded => f.write_str("the caller is no longer loaded"),
        }
    }
}

impl core::error::Error for CallError {}
