//! What a [`Remote`](super::Remote) knows: the operations in flight, the message for the plugin, and what is to be
//! sent besides.
//!
//! ```text
//!        run                     the link writes it         its reply comes          run
//! Free ───────▶ Queued (request) ─────────────────▶ Sent ──────────────────▶ Done ───────▶ Free
//!                  │ leave                            │ leave    ▲ reply, dropped by its number
//!                  └────▶ Free                        └────▶ Cancelled ── the link writes Cancel ──▶ Free
//! ```

use core::task::Waker;

use kernel_core::PluginId;

use super::mail::Mail;
use super::outgoing::Flags;

/// Nobody: the plugin of no life.
pub(super) const NOBODY: PluginId = PluginId::from_bits(127 | 0xffff << 8);

/// Where an operation is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Free,
    Queued,
    Sent,
    Done,
    /// Its reply came and has more bytes than there are: so many.
    TooLarge,
    Cancelled,
}

/// An operation: the request on its way out, or its reply.
pub(super) struct Slot<const B: usize> {
    pub(super) phase: Phase,
    /// Its number on the link; it changes with every use.
    pub(super) id: u32,
    pub(super) waker: Option<Waker>,
    pub(super) len: usize,
    pub(super) buf: [u8; B],
}

impl<const B: usize> Slot<B> {
    const FREE: Slot<B> = Slot {
        phase: Phase::Free,
        id: 0,
        waker: None,
        len: 0,
        buf: [0; B],
    };

    /// Takes it for another use, in this place.
    pub(super) fn renew(&mut self, place: usize) {
        self.phase = Phase::Free;
        self.waker = None;
        let uses = (self.id & !0xff).wrapping_add(0x100) & 0x7fff_ffff;
        self.id = uses | (place as u32 & 0xff);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.buf.get(..self.len).unwrap_or(&[])
    }
}

pub(super) struct Inner<const N: usize, const B: usize> {
    pub(super) slots: [Slot<B>; N],
    pub(super) mail: Mail<B>,
    pub(super) flags: Flags,
    /// An answer, or the end of a hook with its error, on its way out.
    pub(super) control: [u8; B],
    pub(super) control_len: usize,
    /// Who waits for room there.
    pub(super) control_waker: Option<Waker>,
    /// The task of the link.
    pub(super) link: Option<Waker>,
    /// The life on this side, and who the plugin is on the other one while it is attached.
    life: u16,
    pub(super) there: Option<PluginId>,
    /// The longest message that the runtime takes.
    pub(super) max_message: usize,
}

impl<const N: usize, const B: usize> Inner<N, B> {
    pub(super) const fn new() -> Self {
        Inner {
            slots: [const { Slot::FREE }; N],
            mail: Mail::new(),
            flags: Flags::NONE,
            control: [0; B],
            control_len: 0,
            control_waker: None,
            link: None,
            life: 0,
            there: None,
            max_message: 0,
        }
    }

    /// Who the plugin is on this side, in its present life.
    pub(super) fn who(&self) -> PluginId {
        PluginId::from_bits(127 | (self.life as u32).wrapping_shl(8))
    }

    /// An identity from the other side as it is on this one.
    pub(super) fn here(&self, bits: u32) -> PluginId {
        let id = PluginId::from_bits(bits);
        if self.there == Some(id) { self.who() } else { id }
    }

    /// Something is to be sent.
    pub(super) fn send(&mut self) {
        if let Some(link) = &self.link {
            link.wake_by_ref();
        }
    }

    /// This life is over: everything asked for on its behalf is refused, and whoever waits looks.
    pub(super) fn end_life(&mut self) {
        self.life = self.life.wrapping_add(1) & 0x7fff;
        self.wake_all();
    }

    /// The link is down: nothing of it is left.
    pub(super) fn reset(&mut self) {
        self.end_life();
        self.there = None;
        self.flags = Flags::NONE;
        self.control_len = 0;
        self.link = None;
        self.mail.reset();
        for (place, slot) in self.slots.iter_mut().enumerate() {
            slot.renew(place);
        }
    }

    fn wake_all(&mut self) {
        let slots = self.slots.iter_mut().filter_map(|slot| slot.waker.take());
        slots.for_each(Waker::wake);
        for waker in [self.control_waker.take(), self.mail.waker.take()]
            .into_iter()
            .flatten()
        {
            waker.wake();
        }
    }
}

/// Keeps the waker of whoever asked last.
pub(super) fn keep(place: &mut Option<Waker>, waker: Option<&Waker>) {
    if let Some(waker) = waker
        && !place.as_ref().is_some_and(|kept| kept.will_wake(waker))
    {
        *place = Some(waker.clone());
    }
}
