//! Why a call has no reply, as the kernel itself passes it on: a few words.

use crate::kernel::Unavailable;
use crate::registry::CallError;

/// A [`CallError`] without the callee's own error, which stays in the call's buffer until somebody
/// asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    NotFound,
    Unavailable,
    Gone,
    Timeout,
    Cycle,
    Unloaded,
    Full {
        capacity: u32,
    },
    TooLarge {
        len: u32,
        max: u32,
    },
    ReplyTooLarge {
        len: u32,
        max: u32,
    },
    /// The call waits to be asked for its error.
    Failed,
}

impl Unavailable for Fault {
    fn unavailable() -> Self {
        Fault::Unavailable
    }
}

impl From<Fault> for CallError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotFound => CallError::NotFound,
            Fault::Unavailable => CallError::Unavailable,
            // Whoever knows the call has asked it for its error; there is nobody else.
            Fault::Gone | Fault::Failed => CallError::Gone,
            Fault::Timeout => CallError::Timeout,
            Fault::Cycle => CallError::Cycle,
            Fault::Unloaded => CallError::Unloaded,
            Fault::Full { capacity } => CallError::Full {
                capacity: capacity as usize,
            },
            Fault::TooLarge { len, max } => CallError::TooLarge {
                len: len as usize,
                max: max as usize,
            },
            Fault::ReplyTooLarge { len, max } => CallError::ReplyTooLarge {
                len: len as usize,
                max: max as usize,
            },
        }
    }
}
