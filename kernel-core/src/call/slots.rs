//! The memory of calls.

use core::task::Waker;

use crate::bus::Seq;
use crate::fault::Fault;
use crate::id::{CallId, PluginId};
use crate::mem::Empty;
use crate::time::{Deadline, Instant};

/// Where a call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Nowhere: the slot is free.
    Free,
    /// In the callee's queue.
    Queued,
    /// The callee handles it.
    Running,
    /// It ended, and the caller has not looked yet.
    Done,
}

/// How a call was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// The buffer holds the reply.
    Bytes,
    /// The buffer holds an error: its code, of so many bytes, then the message.
    Error {
        code: u8,
        /// The caller asked for what cannot be.
        by_caller: bool,
    },
    /// There is no reply, and this is why.
    Fault(Fault),
}

/// A call's slot: opaque memory of a kernel.
#[derive(Debug)]
#[repr(C)]
pub struct CallSlot {
    pub(crate) phase: Phase,
    /// Events behind it.
    pub(crate) hops: u8,
    /// The service's place.
    pub(crate) service: u16,
    pub(crate) outcome: Outcome,
    pub(crate) id: CallId,
    pub(crate) caller: PluginId,
    pub(crate) callee: PluginId,
    /// The call that it was made for.
    pub(crate) parent: CallId,
    /// Bytes of the arguments, or of the reply.
    pub(crate) len: u32,
    pub(crate) due: Deadline,
    /// When it began.
    pub(crate) since: Instant,
    /// The number of the next event when it came in: its place among the callee's events.
    pub(crate) arrival: Seq,
    pub(crate) waker: Option<Waker>,
    /// Which of all calls it is: those of one callee are taken in this order, though with `large` no caller has two
    /// turns in a row while another one waits.
    pub(super) turn: u32,
}

impl Empty for CallSlot {
    const EMPTY: Self = CallSlot {
        phase: Phase::Free,
        hops: 0,
        service: 0,
        outcome: Outcome::Fault(Fault::Unavailable),
        id: CallId::NONE,
        caller: PluginId::new(0, 0),
        callee: PluginId::new(0, 0),
        parent: CallId::NONE,
        len: 0,
        due: Deadline::NONE,
        since: Instant::from_millis(0),
        arrival: 0,
        waker: None,
        turn: 0,
    };
}

/// What is kept of calls for each plugin: opaque memory of a kernel.
#[derive(Debug)]
pub struct CalleeSlot {
    /// Calls in its queue.
    pub(super) queued: u16,
    /// Calls in flight that it made.
    pub(super) open: u16,
    /// It handles one message at a time.
    pub(super) serial: bool,
    /// Whose call it took last.
    #[cfg(feature = "large")]
    pub(super) last: PluginId,
}

impl Empty for CalleeSlot {
    const EMPTY: Self = CalleeSlot {
        queued: 0,
        open: 0,
        serial: false,
        #[cfg(feature = "large")]
        last: PluginId::KERNEL,
    };
}

/// A call about to begin.
pub(crate) struct NewCall<'a> {
    pub(crate) caller: PluginId,
    pub(crate) callee: PluginId,
    pub(crate) service: u16,
    pub(crate) args: (&'a [u8], &'a [&'a [u8]]),
    pub(crate) parent: CallId,
    pub(crate) due: Deadline,
    pub(crate) now: Instant,
    pub(crate) hops: u8,
    pub(crate) arrival: Seq,
}

/// A call that its callee took; the service's name and the arguments are in its buffer.
pub(crate) struct Taken {
    pub(crate) id: CallId,
    pub(crate) caller: PluginId,
    #[cfg(feature = "large")]
    pub(crate) service: u16,
    pub(crate) hops: u8,
    pub(crate) name: usize,
    pub(crate) len: usize,
}
