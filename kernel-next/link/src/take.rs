//! A chip's reader of messages: the same bytes as postcard's, taken field by field, for a third of the flash that a
//! derived one costs. What is missing is read as nothing, and noticed once, at the end.

#[cfg(any(test, feature = "manage"))]
use crate::Action;
use crate::{FrameError, Raw, Request, ToRuntime, Versions};

/// The fields of a message that are still to be read.
struct Take<'a> {
    rest: &'a [u8],
    bad: bool,
}

impl<'a> Take<'a> {
    #[inline(never)]
    fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((byte, rest)) => {
                self.rest = rest;
                *byte
            }
            None => {
                self.bad = true;
                0
            }
        }
    }

    /// A number of up to so many bits, seven to a byte.
    #[inline(never)]
    fn long(&mut self, bits: u32) -> u64 {
        let (mut number, mut at) = (0u64, 0u32);
        loop {
            let byte = self.byte();
            let low = (byte & 0x7f) as u64;
            // The last byte has no more bits than are left.
            if at >= bits || low.wrapping_shr(bits.wrapping_sub(at)) != 0 && bits.wrapping_sub(at) < 7 {
                self.bad = true;
                return 0;
            }
            number |= low.wrapping_shl(at);
            if byte < 0x80 {
                return number;
            }
            at = at.wrapping_add(7);
        }
    }

    #[inline(never)]
    fn word(&mut self) -> u32 {
        self.long(32) as u32
    }

    fn short(&mut self) -> u16 {
        self.long(16) as u16
    }

    #[inline(never)]
    fn bytes(&mut self) -> &'a [u8] {
        let len = self.word() as usize;
        match self.rest.split_at_checked(len) {
            Some((bytes, rest)) => {
                self.rest = rest;
                bytes
            }
            None => {
                self.bad = true;
                &[]
            }
        }
    }

    #[inline(never)]
    fn text(&mut self) -> &'a str {
        core::str::from_utf8(self.bytes()).unwrap_or_else(|_| {
            self.bad = true;
            ""
        })
    }

    #[inline(never)]
    fn is_some(&mut self) -> bool {
        let some = self.byte();
        self.bad |= some > 1;
        some == 1
    }

    #[inline(never)]
    fn option(&mut self) -> Option<u64> {
        if self.is_some() { Some(self.long(64)) } else { None }
    }

    #[cfg(any(test, feature = "manage"))]
    fn action(&mut self) -> Action {
        match self.byte() {
            0 => Action::Load,
            1 => Action::Start,
            2 => Action::Stop,
            3 => Action::Unload,
            4 => Action::Reload,
            _ => {
                self.bad = true;
                Action::Load
            }
        }
    }

    fn request(&mut self) -> Request<'a> {
        match self.byte() {
            0 => Request::Ping,
            1 => Request::Call {
                service: self.text(),
                timeout_ms: self.word(),
                parent: if self.is_some() { Some(self.word()) } else { None },
                args: Raw(self.bytes()),
            },
            2 => Request::Publish {
                topic: self.text(),
                timeout_ms: self.word(),
                payload: Raw(self.bytes()),
            },
            #[cfg(any(test, feature = "watch"))]
            3 => Request::Watch {
                filter: self.text(),
                since: self.option(),
                credit: self.word(),
            },
            #[cfg(any(test, feature = "watch"))]
            4 => Request::Unwatch,
            #[cfg(any(test, feature = "lists"))]
            5 => Request::Plugins,
            #[cfg(any(test, feature = "lists"))]
            6 => Request::Services,
            #[cfg(any(test, feature = "lists"))]
            7 => Request::Subscriptions,
            #[cfg(any(test, feature = "lists"))]
            8 => Request::Calls,
            #[cfg(any(test, feature = "lists"))]
            9 => Request::States { prefix: self.text() },
            10 => Request::Health,
            #[cfg(any(test, feature = "manage"))]
            11 => Request::Manage {
                action: self.action(),
                plugin: self.text(),
            },
            12 => Request::StateGet { key: self.text() },
            13 => Request::StateSet {
                key: self.text(),
                ttl_ms: self.option(),
                expected: self.option(),
                value: Raw(self.bytes()),
            },
            14 => Request::StateDelete {
                key: self.text(),
                expected: self.option(),
            },
            _ => {
                self.bad = true;
                Request::Ping
            }
        }
    }
}

/// Reads a message of those that a chip knows.
#[inline(never)]
pub(crate) fn decode(frame: &[u8]) -> Result<ToRuntime<'_>, FrameError> {
    let mut take = Take {
        rest: frame,
        bad: false,
    };
    let message = match take.byte() {
        0 => ToRuntime::Hello {
            versions: Versions {
                oldest: take.short(),
                newest: take.short(),
            },
            nonce: take.word(),
            name: take.text(),
            token: take.text(),
        },
        1 => ToRuntime::Request {
            id: take.word(),
            what: take.request(),
        },
        2 => ToRuntime::Credit(take.word()),
        3 => ToRuntime::Cancel { id: take.word() },
        4 => ToRuntime::KeepAlive,
        _ => {
            take.bad = true;
            ToRuntime::KeepAlive
        }
    };
    if take.bad {
        Err(FrameError::Unknown)
    } else {
        Ok(message)
    }
}

/// The number of the request in a message that could not be read, when there is that much of it.
#[cfg(not(feature = "host"))]
#[inline(never)]
pub(crate) fn request_id(frame: &[u8]) -> Option<u32> {
    let mut take = Take {
        rest: frame,
        bad: false,
    };
    let request = take.byte() == 1;
    let id = take.word();
    (request && !take.bad).then_some(id)
}
