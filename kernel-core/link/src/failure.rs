//! Errors as they travel: numbers, which whoever shows them puts into words.

use core::fmt;

use kernel_core::Fault;
use serde::{Deserialize, Serialize};

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Failure<'a> {
    /// The kernel refused it: the parts of a [`Fault`], see [`Failure::fault`].
    Fault(u8, u32, u32),
    /// A plugin's own error.
    Error {
        /// The stable code.
        code: &'a str,
        /// The message, for people.
        message: &'a str,
    },
    /// The link refused it.
    Link(Refusal),
}

/// Why the link itself refused something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Refusal {
    /// The first message is Hello.
    NoSession,
    /// The two sides have no version in common: the oldest and the newest that this runtime speaks.
    Version(u16, u16),
    /// The token is not the runtime's.
    Token,
    /// The bytes are not a frame, or the message makes no sense.
    Malformed,
    /// The frame was damaged on the way.
    Damaged,
    /// The message, or the answer, has more bytes than this: the most that the link takes.
    TooLarge(u32),
    /// The message or request is of no kind that this side knows or was built with.
    Unknown,
    /// So many operations of this session are in flight, which is the most; wait for one to be done.
    InFlight(u32),
    /// The request is one of a session's plugin, and this session has none.
    NotAttached,
    /// This session has a plugin already.
    Attached,
    /// The runtime serves as many clients as it can: so many.
    Clients(u32),
    /// The peer was silent for longer than the keep-alive period, in milliseconds.
    Silent(u32),
    /// The runtime is shutting down.
    ShuttingDown,
    /// One host has as many sessions as it may: so many.
    #[cfg(feature = "full")]
    OneHost(u32),
}

impl<'a> Failure<'a> {
    /// The failure of a kernel's fault.
    pub fn of(fault: Fault) -> Failure<'static> {
        let (number, a, b) = fault.to_parts();
        Failure::Fault(number, a, b)
    }

    /// The kernel's fault, if it is one.
    pub fn fault(&self) -> Option<Fault> {
        match *self {
            Failure::Fault(number, a, b) => Some(Fault::from_parts((number, a, b))),
            _ => None,
        }
    }

    /// The stable code, for programs.
    pub fn code(&self) -> &'a str {
        match *self {
            Failure::Fault(number, a, b) => Fault::from_parts((number, a, b)).code(),
            Failure::Error { code, .. } => code,
            Failure::Link(refusal) => refusal.code(),
        }
    }
}

impl Refusal {
    /// The stable code, for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Refusal::NoSession => "no_session",
            Refusal::Version(..) => "version",
            Refusal::Token => "denied",
            Refusal::Malformed | Refusal::Damaged => "bad_frame",
            Refusal::TooLarge(_) => "too_large",
            Refusal::Unknown => "unknown",
            Refusal::InFlight(_) => "in_flight",
            Refusal::NotAttached => "not_attached",
            Refusal::Attached => "attached",
            Refusal::Clients(_) => "too_many_clients",
            #[cfg(feature = "full")]
            Refusal::OneHost(_) => "too_many_clients",
            Refusal::Silent(_) => "silent",
            Refusal::ShuttingDown => "shutting_down",
        }
    }
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Failure::Fault(number, a, b) => fmt::Display::fmt(&Fault::from_parts((number, a, b)), f),
            Failure::Error { code, message: "" } => f.write_str(code),
            Failure::Error { message, .. } => f.write_str(message),
            Failure::Link(refusal) => refusal.fmt(f),
        }
    }
}

impl core::error::Error for Failure<'_> {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Refusal::NoSession => f.write_str("the first message is Hello"),
            Refusal::Version(oldest, newest) if oldest == newest => {
                write!(f, "this runtime speaks version {newest} of the link")
            }
            Refusal::Version(oldest, newest) => {
                write!(
                    f,
                    "this runtime speaks the versions {oldest} to {newest} of the link"
                )
            }
            Refusal::Token => {
                f.write_str("a client must show the runtime's token: it showed none, or another one")
            }
            Refusal::Malformed => f.write_str("the bytes are not a message of the link"),
            Refusal::Damaged => f.write_str("the frame was damaged on the way"),
            Refusal::TooLarge(max) => write!(f, "the link takes messages of at most {max} bytes"),
            Refusal::Unknown => f.write_str("the other side does not know this request"),
            Refusal::InFlight(most) => {
                write!(
                    f,
                    "{most} operations of this session are in flight: wait for one to be done"
                )
            }
            Refusal::NotAttached => f.write_str("this session has no plugin: attach first"),
            Refusal::Attached => f.write_str("this session has a plugin already"),
            Refusal::Clients(most) => write!(f, "the runtime serves {most} clients, as many as it can"),
            Refusal::Silent(period) => {
                write!(f, "nothing was heard for the keep-alive period of {period} ms")
            }
            Refusal::ShuttingDown => f.write_str("the runtime is shutting down"),
            #[cfg(feature = "full")]
            Refusal::OneHost(most) => write!(f, "this host has {most} sessions, as many as one may"),
        }
    }
}

/// As much of this as is text: it may have been cut within a character.
pub(crate) fn text_of(bytes: &[u8]) -> &str {
    match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or(&[]);
            core::str::from_utf8(valid).unwrap_or("")
        }
    }
}
