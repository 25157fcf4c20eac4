//! Reading the log itself: for inspectors, `watch` and the host's own log.
//!
//! A tap is no receiver: it is not counted, makes nobody wait, and sees the recent past. What it
//! was too slow for is a gap between sequence numbers, told exactly.

use core::task::{Context, Poll, Waker};

use crate::copy::copy;
use crate::fixed::Empty;
use crate::id::{Cause, PluginId};
use crate::kernel::{Core, Kernel, keep_waker};
use crate::log::{PluginSet, Position};
use crate::text::CopyOut;

/// How many records are read under one lock at most, and after how many bytes no other one is begun.
#[cfg(feature = "link")]
const SEVERAL: usize = if cfg!(target_pointer_width = "64") { 4 } else { 1 };
#[cfg(feature = "link")]
const SHORT: usize = 512;

/// What was read under one lock.
#[cfg(feature = "link")]
pub(crate) type Several<'b> = heapless::Vec<(Position, Tapped<'b>), SEVERAL>;

/// A reader of the log: opaque memory of a kernel.
#[derive(Debug)]
pub struct TapSlot {
    taken: bool,
    waker: Option<Waker>,
}

impl Empty for TapSlot {
    const EMPTY: Self = TapSlot {
        taken: false,
        waker: None,
    };
}

impl TapSlot {
    pub(crate) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    pub(crate) fn taken(&self) -> bool {
        self.taken
    }
}

/// A record of the log, copied out.
#[derive(Clone, Copy, Debug)]
pub struct Record<'b> {
    /// Its place in the total order; the first event of a runtime is 1.
    pub seq: u64,
    /// When it was published, in microseconds on the platform's clock.
    pub time: u64,
    /// Who published it.
    pub source: PluginId,
    /// The name of who published it; empty when that plugin is no longer installed.
    pub source_name: &'b str,
    /// What led to it.
    pub cause: Cause,
    /// Who gets it.
    pub receivers: PluginSet,
    /// The topic, UTF-8.
    pub topic: &'b [u8],
    /// The payload, JSON.
    pub payload: &'b [u8],
}

/// What a tap found.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Tapped<'b> {
    /// The next record.
    Record(Record<'b>),
    /// This many records, from this sequence number on, were gone before the tap came to them.
    Lost {
        /// The first one missing.
        from: u64,
        /// How many are missing.
        count: u64,
    },
    /// The next record does not fit into the caller's buffer and was skipped.
    TooLarge {
        /// Its sequence number.
        seq: u64,
        /// The bytes of its topic and payload.
        len: usize,
    },
}

/// A cursor over the log; the place it takes in `taps` is given back when dropped.
pub struct Tap {
    kernel: Kernel,
    slot: usize,
    at: Position,
}

impl Tap {
    /// A tap that begins with record `since`, or with the next one to be published; `None` when
    /// the capacity `taps` is used up.
    pub fn open(kernel: Kernel, since: Option<u64>) -> Option<Tap> {
        kernel
            .with(|core| {
                let at = match since {
                    // There is no record 0 to miss.
                    Some(seq) if seq < core.bus.log.next_seq() => Position {
                        seq: seq.max(1),
                        ..Position::default()
                    },
                    _ => core.bus.log.end(),
                };
                let (slot, tap) = core.bus.taps.iter_mut().enumerate().find(|(_, tap)| !tap.taken)?;
                tap.taken = true;
                Some(Tap { kernel, slot, at })
            })
            .map(|mut tap| {
                if since.is_some() {
                    tap.seek();
                }
                tap
            })
    }

    /// The sequence number of the record the tap reads next.
    pub fn position(&self) -> u64 {
        self.at.seq
    }

    /// The next record, copied into `buf` with the name of its source, or what is missing in its place.
    ///
    /// # Cancellation
    /// Nothing is consumed unless it returns `Ready`.
    pub fn poll_next<'b>(&mut self, cx: &mut Context<'_>, buf: &'b mut [u8]) -> Poll<Tapped<'b>> {
        let slot = self.slot;
        let mut at = self.at;
        let found = self.kernel.with_once(|core| {
            let found = read(core, &mut at, &mut CopyOut::new(buf));
            if found.is_none() {
                wait(core, slot, cx);
            }
            found
        });
        self.at = at;
        found.map_or(Poll::Pending, Poll::Ready)
    }

    /// The next records, or what is missing in their place, each with where the tap is behind it: see
    /// [`Tap::go_on_at`]. Several of them while they are short, so that the lock is taken once for all;
    /// none, and the task is woken for the next one.
    #[cfg(feature = "link")]
    pub(crate) fn poll_several<'b>(&self, cx: &mut Context<'_>, buf: &'b mut [u8]) -> Several<'b> {
        let (slot, mut at) = (self.slot, self.at);
        let (room, mut out) = (buf.len(), CopyOut::new(buf));
        self.kernel
            .with(|core| {
                let mut several = Several::new();
                while !several.is_full() && room.saturating_sub(out.left()) <= SHORT {
                    let Some(tapped) = read(core, &mut at, &mut out) else {
                        break;
                    };
                    // What others left no room for has the whole buffer next time.
                    let whole = out.left() > 0 && !matches!(tapped, Tapped::TooLarge { .. });
                    if !whole && !several.is_empty() {
                        break;
                    }
                    let _full = several.push((at, tapped));
                }
                if several.is_empty() {
                    wait(core, slot, cx);
                }
                Some(several)
            })
            .unwrap_or_default()
    }

    /// Takes records of [`Tap::poll_several`] as read, up to the one that this came with.
    #[cfg(feature = "link")]
    pub(crate) fn go_on_at(&mut self, at: Position) {
        self.at = at;
    }

    /// The next record if there is one now.
    pub fn try_next<'b>(&mut self, buf: &'b mut [u8]) -> Option<Tapped<'b>> {
        let mut at = self.at;
        let found = self
            .kernel
            .with_once(|core| read(core, &mut at, &mut CopyOut::new(buf)));
        self.at = at;
        found
    }

    /// Passes over records that others than `source` published, up to one of its own, the end, or a gap,
    /// which the next read tells of.
    pub fn skip_others(&mut self, source: PluginId) {
        const STRIDE: usize = 128;
        let mut at = self.at;
        let mut stride = || {
            self.kernel.with(|core| {
                let log = &core.bus.log;
                for _ in 0..STRIDE {
                    let found = log.find(at).and_then(|here| log.read(here))?;
                    if found.header().source == source {
                        return None;
                    }
                    at = found.after();
                }
                Some(())
            })
        };
        while stride().is_some() {}
        self.at = at;
    }

    /// Finds the place of record `at.seq`, a bounded number of steps under each lock.
    fn seek(&mut self) {
        const STRIDE: usize = 256;
        let wanted = self.at.seq;
        let mut at: Option<Position> = None;
        loop {
            let done = self.kernel.with(|core| {
                let log = &core.bus.log;
                let mut here = at.filter(|here| log.holds(*here)).unwrap_or(log.oldest());
                for _ in 0..STRIDE {
                    let Some(found) = log.find(here).filter(|found| found.seq < wanted) else {
                        at = Some(here);
                        return Some(());
                    };
                    here = log.after(found);
                }
                at = Some(here);
                None
            });
            if done.is_some() || at.is_none() {
                break;
            }
        }
        if let Some(here) = at {
            // Keep the wanted number where older records are gone, so that the gap is told.
            self.at = if here.seq > wanted {
                Position { seq: wanted, ..here }
            } else {
                here
            };
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let slot = self.slot;
        self.kernel.with(|core| {
            if let Some(tap) = core.bus.taps.get_mut(slot) {
                *tap = TapSlot::EMPTY;
            }
        });
    }
}

/// Has the task woken when the next record comes.
fn wait(core: &mut Core, slot: usize, cx: &Context<'_>) {
    if let Some(tap) = core.bus.taps.get_mut(slot) {
        keep_waker(&mut tap.waker, cx.waker());
        core.bus.tap_waits = true;
    }
}

fn read<'b>(core: &Core, at: &mut Position, out: &mut CopyOut<'b>) -> Option<Tapped<'b>> {
    let log = &core.bus.log;
    let oldest = log.oldest();
    if at.seq < oldest.seq {
        let from = core::mem::replace(at, oldest).seq;
        return Some(Tapped::Lost {
            from,
            count: oldest.seq.wrapping_sub(from),
        });
    }
    let here = log.find(*at)?;
    let found = log.read(here)?;
    let header = found.header();
    *at = found.after();
    let len = header.topic.wrapping_add(header.payload);
    let Some((topic, payload)) = out
        .bytes(len)
        .and_then(|bytes| bytes.split_at_mut_checked(header.topic))
    else {
        return Some(Tapped::TooLarge { seq: here.seq, len });
    };
    copy(topic, found.texts.topic());
    copy(payload, found.texts.payload());
    Some(Tapped::Record(Record {
        seq: here.seq,
        time: header.time,
        source: header.source,
        source_name: out.text(core.name_of(header.source)),
        cause: header.cause,
        receivers: found.receivers(),
        topic,
        payload,
    }))
}
