//! Why the bus refused something.

use core::fmt;

use crate::id::PluginId;
use crate::kernel::Unavailable;
use crate::subject::SubjectError;

/// Why an event was not published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PublishError {
    /// The topic is not well formed.
    Topic(SubjectError),
    /// The topic begins with `runtime.` or `state.changed.`, which only the kernel publishes.
    Reserved,
    /// Topic and payload do not fit into the log at all.
    TooLarge {
        /// The payload's bytes.
        len: usize,
        /// The most that fit beside this topic.
        max: usize,
    },
    /// A subscriber that makes publishers wait has to read first (`try_publish` only).
    Full {
        /// That subscriber.
        subscriber: PluginId,
    },
    /// The subscriber did not read before the deadline.
    Timeout {
        /// That subscriber.
        subscriber: PluginId,
    },
    /// Too many tasks wait already: the capacity `waits`.
    Waits {
        /// Its size.
        capacity: usize,
    },
    /// The publisher's life is over: it was unloaded, failed, or was replaced.
    Unloaded,
    /// The kernel's lock could not be taken.
    Unavailable,
}

impl PublishError {
    /// The stable code, for programs and for the link.
    pub const fn code(&self) -> &'static str {
        match self {
            PublishError::Topic(_) => "invalid_topic",
            PublishError::Reserved => "reserved_topic",
            PublishError::TooLarge { .. } => "too_large",
            PublishError::Full { .. } | PublishError::Waits { .. } => "full",
            PublishError::Timeout { .. } => "timeout",
            PublishError::Unloaded => "unloaded",
            PublishError::Unavailable => "unavailable",
        }
    }
}

impl Unavailable for PublishError {
    fn unavailable() -> Self {
        PublishError::Unavailable
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PublishError::Topic(error) => write!(f, "topic: {error}"),
            PublishError::Reserved => f.write_str(
                "topics below runtime. and state.changed. are the kernel's: publish under another name, and set the state for a state.changed event",
            ),
            PublishError::TooLarge { len, max } => write!(
                f,
                "a payload of {len} bytes does not fit into the log, {max} would: send less, or raise `log_bytes`"
            ),
            PublishError::Full { subscriber } => write!(
                f,
                "plugin {} has unread events and makes publishers wait: try again, or publish with a deadline",
                subscriber.index()
            ),
            PublishError::Timeout { subscriber } => {
                write!(
                    f,
                    "plugin {} did not read its events before the deadline",
                    subscriber.index()
                )
            }
            PublishError::Waits { capacity } => {
                write!(f, "{capacity} tasks wait already: raise the capacity `waits`")
            }
            PublishError::Unloaded => f.write_str("the publisher is no longer loaded"),
            PublishError::Unavailable => f.write_str("the kernel's lock could not be taken"),
        }
    }
}

impl core::error::Error for PublishError {}

/// Why a subscription was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The filter is not well formed.
    Filter(SubjectError),
    /// A filter made at run time is longer than `name_bytes`.
    TooLong {
        /// The longest that can be copied.
        max: usize,
    },
    /// The capacity `filters` is used up.
    Full {
        /// Its size.
        capacity: usize,
    },
    /// The capacity `names` is used up.
    NamesFull {
        /// Its size.
        capacity: usize,
    },
    /// The subscriber is not a plugin that is loaded.
    Unloaded,
    /// The kernel's lock could not be taken.
    Unavailable,
}

impl SubscribeError {
    /// The stable code, for programs and for the link.
    pub const fn code(&self) -> &'static str {
        match self {
            SubscribeError::Filter(_) | SubscribeError::TooLong { .. } => "invalid_filter",
            SubscribeError::Full { .. } | SubscribeError::NamesFull { .. } => "full",
            SubscribeError::Unloaded => "unloaded",
            SubscribeError::Unavailable => "unavailable",
        }
    }
}

impl Unavailable for SubscribeError {
    fn unavailable() -> Self {
        SubscribeError::Unavailable
    }
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubscribeError::Filter(error) => write!(f, "filter: {error}"),
            SubscribeError::TooLong { max } => {
                write!(
                    f,
                    "a filter made at run time has at most {max} bytes: raise `name_bytes`"
                )
            }
            SubscribeError::Full { capacity } => {
                write!(
                    f,
                    "all {capacity} subscriptions are taken: raise the capacity `filters`"
                )
            }
            SubscribeError::NamesFull { capacity } => {
                write!(f, "all {capacity} names are taken: raise the capacity `names`")
            }
            SubscribeError::Unloaded => f.write_str("only a loaded plugin can subscribe"),
            SubscribeError::Unavailable => f.write_str("the kernel's lock could not be taken"),
        }
    }
}

impl core::error::Error for SubscribeError {}
