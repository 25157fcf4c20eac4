//! Calls live here: a fixed pool of slots, each with the buffer that carries the arguments in and
//! the reply out. Storage requests are calls too, with the storage as the callee.
//!
//! ```text
//!            begin            the callee takes it         reply
//!   Free ───────────▶ Queued ─────────────────▶ Running ────────▶ Done ──┐
//!    ▲                   │                         │                     │ the caller takes the reply
//!    │                   └── timeout, gone ────────┴────────▶ Done ──────┤
//!    └───────────────────── the caller drops the call ◀──────────────────┘
//! ```
//!
//! A slot's identity changes whenever it becomes free, so that a late reply finds nobody.

mod begin;
mod cycle;
mod end;
mod fault;

pub(crate) use begin::{NewCall, Parent};
pub(crate) use fault::Fault;

use core::task::Waker;

use crate::copy::copy;
use crate::fixed::Empty;
use crate::id::{CallId, PluginId};
use crate::storage::{Done, Op};
use crate::table::{Link, Usage, linkable};

/// Where a call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub(crate) enum Phase {
    #[default]
    Free,
    Queued,
    Running,
    Done,
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Outcome {
    /// The buffer holds the reply.
    Reply,
    /// The buffer holds an error: its code, as long as the slot says, then the message.
    Error,
    /// As a reply: what was asked for is not there.
    Absent,
    Timeout,
    Gone,
    Unavailable,
}

/// What a call asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum What {
    /// The slot is free.
    Nothing,
    /// The service in this slot of the registry.
    Service(u16),
    /// The storage; the buffer begins with a namespace and a key of these lengths.
    Storage { op: Op, namespace: u8, key: u16 },
}

/// The callee of storage requests, which no plugin can be.
const STORAGE: PluginId = PluginId::KERNEL;

/// A call's slot: opaque memory of a kernel.
#[derive(Debug)]
pub struct CallSlot {
    pub(crate) phase: Phase,
    outcome: Outcome,
    /// Bytes of the error's code.
    code: u8,
    /// It ended, and its time is still to be counted.
    uncounted: bool,
    pub(crate) what: What,
    /// Its identity now; zero until it is first used.
    id: CallId,
    pub(crate) caller: PluginId,
    callee: PluginId,
    parent: CallId,
    len: u32,
    deadline: u64,
    pub(crate) started: u64,
    /// Queued: the event log's next sequence number when the call came in, which is its place among
    /// the callee's events. Running: what a write that is carried out is to be answered with.
    place: u64,
    waker: Option<Waker>,
    link: Link,
}

impl Empty for CallSlot {
    const EMPTY: Self = CallSlot {
        phase: Phase::Free,
        outcome: Outcome::Reply,
        code: 0,
        uncounted: false,
        what: What::Nothing,
        id: CallId::NONE,
        caller: PluginId { index: 0, life: 0 },
        callee: PluginId { index: 0, life: 0 },
        parent: CallId::NONE,
        len: 0,
        deadline: 0,
        started: 0,
        place: 0,
        waker: None,
        link: Link::NONE,
    };
}

impl CallSlot {
    /// The plugin that answers; `None` for the storage.
    #[cfg(feature = "link")]
    pub(crate) fn callee(&self) -> Option<PluginId> {
        Some(self.callee).filter(|callee| *callee != STORAGE)
    }

    /// The call it was made for.
    #[cfg(feature = "link")]
    pub(crate) fn parent(&self) -> Option<CallId> {
        Some(self.parent).filter(|parent| *parent != CallId::NONE)
    }

    /// The place among the callee's events of a call that is queued.
    pub(crate) fn arrival(&self) -> u64 {
        self.place
    }

    /// The request was carried out; it is answered after the commit.
    pub(crate) fn stage(&mut self, how: Done) {
        self.place = match how {
            Done::Yes => 1,
            Done::Absent => 2,
            Done::Count(count) => 3u64.wrapping_add(count as u64),
        };
    }

    /// How the request is to be answered, when it was carried out.
    pub(crate) fn unstage(&mut self) -> Option<Done> {
        if self.phase != Phase::Running {
            return None;
        }
        match core::mem::take(&mut self.place) {
            0 => None,
            1 => Some(Done::Yes),
            2 => Some(Done::Absent),
            count => Some(Done::Count(count.wrapping_sub(3) as u32)),
        }
    }
}

pub(crate) struct Calls {
    slots: &'static mut [CallSlot],
    bytes: &'static mut [u8],
    size: usize,
    /// The bits of an identity that are the slot's number.
    mask: u32,
    free: Link,
    fresh: usize,
    usage: Usage,
    pub(crate) timeout: u64,
    storage: (Link, Link),
    pub(crate) storage_waker: Option<Waker>,
    /// Some write may be carried out and not answered.
    pub(crate) staged: bool,
    pub(crate) timed_out: usize,
}

impl Calls {
    pub(crate) fn new(slots: &'static mut [CallSlot], bytes: &'static mut [u8], size: usize) -> Self {
        let slots = linkable(slots);
        let usage = Usage {
            capacity: slots.len(),
            ..Usage::default()
        };
        Calls {
            mask: (slots.len() as u32).next_power_of_two().wrapping_sub(1),
            slots,
            bytes,
            size,
            free: Link::NONE,
            fresh: 0,
            usage,
            timeout: 30_000_000,
            storage: (Link::NONE, Link::NONE),
            storage_waker: None,
            staged: false,
            timed_out: 0,
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    fn index(&self, id: CallId) -> usize {
        (id.to_bits() & self.mask) as usize
    }

    /// The slot of this very call.
    pub(crate) fn get(&self, id: CallId) -> Option<&CallSlot> {
        self.slots
            .get(self.index(id))
            .filter(|s| s.id == id && s.phase != Phase::Free)
    }

    pub(crate) fn get_mut(&mut self, id: CallId) -> Option<&mut CallSlot> {
        let index = self.index(id);
        self.slots
            .get_mut(index)
            .filter(|s| s.id == id && s.phase != Phase::Free)
    }

    /// The `index`-th slot, when a call is in it.
    pub(crate) fn at(&self, index: usize) -> Option<(CallId, &CallSlot)> {
        let slot = self.slots.get(index).filter(|slot| slot.phase != Phase::Free)?;
        Some((slot.id, slot))
    }

    pub(crate) fn extent(&self) -> usize {
        self.fresh
    }

    /// What the slot's buffer holds.
    pub(crate) fn content(&self, id: CallId) -> &[u8] {
        self.get(id).map_or(&[], |slot| self.bytes_of(slot))
    }

    fn bytes_of(&self, slot: &CallSlot) -> &[u8] {
        self.content_at(self.index(slot.id), slot.len)
    }

    /// The first bytes of a slot's buffer.
    fn content_at(&self, index: usize, len: u32) -> &[u8] {
        let start = index.wrapping_mul(self.size);
        let end = start.wrapping_add(len as usize);
        self.bytes.get(start..end).unwrap_or(&[])
    }

    fn enqueue(&mut self, queue: &mut (Link, Link), index: usize) {
        let here = Link::to(index);
        match queue.1.index().and_then(|last| self.slots.get_mut(last)) {
            Some(last) => last.link = here,
            None => queue.0 = here,
        }
        queue.1 = here;
    }

    fn unqueue(&mut self, queue: &mut (Link, Link), index: usize) {
        let here = Link::to(index);
        let after = self.slots.get(index).map_or(Link::NONE, |slot| slot.link);
        let mut before = Link::NONE;
        if queue.0 == here {
            queue.0 = after;
        } else {
            before = queue.0;
            loop {
                let Some(slot) = before.index().and_then(|i| self.slots.get_mut(i)) else {
                    return;
                };
                if slot.link == here {
                    slot.link = after;
                    break;
                }
                before = slot.link;
            }
        }
        if after == Link::NONE {
            queue.1 = before;
        }
    }
}

/// Room for `len` bytes in the buffer of a slot, which has `size`.
fn room(bytes: &mut [u8], index: usize, size: usize, len: usize) -> Option<&mut [u8]> {
    if len > size {
        return None;
    }
    let start = index.wrapping_mul(size);
    bytes.get_mut(start..start.wrapping_add(len))
}

/// Puts the pieces into a slot's buffer; `Ok` is their length.
fn fill(bytes: &mut [u8], index: usize, size: usize, pieces: &[&[u8]]) -> Result<u32, Fault> {
    let len = pieces
        .iter()
        .fold(0usize, |n, piece| n.saturating_add(piece.len()));
    let Some(mut rest) = room(bytes, index, size, len) else {
        return Err(Fault::TooLarge {
            len: len as u32,
            max: size as u32,
        });
    };
    for piece in pieces {
        let Some((to, after)) = rest.split_at_mut_checked(piece.len()) else {
            break;
        };
        copy(to, piece);
        rest = after;
    }
    Ok(len as u32)
}
