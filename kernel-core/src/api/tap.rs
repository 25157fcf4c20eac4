//! Reading the log itself: for inspectors, `watch` and a host's own log.

use core::future::poll_fn;
use core::task::{Context as TaskContext, Poll, Waker};

use heapless::Vec;

use crate::bus::{At, Found, Seq, wide};
use crate::fault::{Capacity, Fault};
use crate::id::{Cause, PluginId, PluginSet};
use crate::kernel::{Core, Kernel};
use crate::time::Instant;

/// A record of the log, copied out.
#[derive(Clone, Copy, Debug)]
pub struct TapRecord<'b> {
    /// Its place in the total order; the first event of a runtime is 1.
    pub seq: u64,
    /// When it was published.
    pub time: Instant,
    /// Who published it.
    pub source: PluginId,
    /// The name of who published it; empty when that plugin is no longer installed.
    pub source_name: &'b str,
    /// What led to it.
    pub cause: Cause,
    /// How many events are behind it.
    pub hops: u8,
    /// Who gets it.
    pub receivers: PluginSet,
    /// The topic.
    pub topic: &'b str,
    /// The payload, JSON.
    pub payload: &'b [u8],
}

/// What a tap found.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Tapped<'b> {
    /// The next record.
    Record(TapRecord<'b>),
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
        /// The bytes of its topic, its payload and its source's name.
        len: usize,
    },
}

/// A cursor over the log. It is no receiver: it is not counted, makes nobody wait, and sees the recent past; what
/// it was too slow for is reported exactly. The place it takes in `taps` is given back when dropped.
pub struct Tap {
    kernel: Kernel,
    slot: usize,
    at: At,
}

/// How many records [`Tap::poll_many`] copies out under one lock.
const MANY: usize = 16;

/// A record's numbers.
type Numbers = (crate::bus::Head, PluginSet, usize, usize);

impl Tap {
    /// A tap that begins with record `since`, or with the next one to be published.
    ///
    /// # Errors
    /// [`Fault::Full`] when all `taps` are taken.
    pub fn open(kernel: Kernel, since: Option<u64>) -> Result<Tap, Fault> {
        let opened = kernel.with(|core| {
            let full = core.bus.taps_usage().full(Capacity::Taps);
            core.bus.open_tap(since.map(|seq| seq.max(1) as Seq)).ok_or(full)
        });
        let (slot, at) = opened.unwrap_or(Err(Fault::Unavailable))?;
        Ok(Tap { kernel, slot, at })
    }

    /// Wants from now on only what this plugin, or the kernel, publishes; the others are passed over. What is lost is
    /// counted whoever published it.
    #[cfg(feature = "large")]
    pub fn only(mut self, source: PluginId) -> Self {
        self.at.only = Some(source);
        self
    }

    /// The number of the next record it looks for.
    pub fn position(&self) -> u64 {
        wide(self.at.seq)
    }

    /// Waits for the next record and copies it into `buf`.
    ///
    /// # Cancellation
    /// Nothing is passed over.
    pub async fn next<'b>(&mut self, buf: &'b mut [u8]) -> Tapped<'b> {
        let found = poll_fn(|task| self.look(Some(task.waker()), buf)).await;
        tapped(found, buf)
    }

    /// The next record if it is there.
    pub fn try_next<'b>(&mut self, buf: &'b mut [u8]) -> Option<Tapped<'b>> {
        match self.look(None, buf) {
            Poll::Ready(found) => Some(tapped(found, buf)),
            Poll::Pending => None,
        }
    }

    /// The next record if it is there; keeps the task's waker if it is not.
    pub fn poll_next<'b>(&mut self, task: &mut TaskContext<'_>, buf: &'b mut [u8]) -> Poll<Tapped<'b>> {
        match self.look(Some(task.waker()), buf) {
            Poll::Ready(found) => Poll::Ready(tapped(found, buf)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Copies what there is into `buf`, many records under one lock, and hands them to `each` outside of it, until that
    /// answers false: what it was given then comes again. Keeps the task's waker when there is nothing.
    pub fn poll_many(
        &mut self,
        task: &mut TaskContext<'_>,
        buf: &mut [u8],
        mut each: impl FnMut(Tapped<'_>) -> bool,
    ) -> Poll<()> {
        let (slot, at, waker) = (self.slot, &mut self.at, task.waker());
        let (mut many, mut used, mut more) = (Vec::<_, MANY>::new(), 0usize, true);
        while many.is_empty() && more {
            more = false;
            self.kernel.with(|core| {
                for _ in 0..MANY {
                    let (before, room) = (*at, buf.get_mut(used..).unwrap_or_default());
                    let raw = match look(core, slot, at, Some(waker), room) {
                        None => {
                            more = true;
                            break;
                        }
                        Some(Raw::Nothing) => break,
                        // It has room in a buffer that is empty, or nowhere.
                        Some(Raw::TooLarge(..)) if used > 0 => {
                            *at = before;
                            break;
                        }
                        Some(raw) => raw,
                    };
                    let _ = many.push((before, used, raw));
                    if let Raw::Record((_, _, text, name)) = raw {
                        used = used.saturating_add(text).saturating_add(name);
                    }
                }
            });
        }
        if many.is_empty() {
            return Poll::Pending;
        }
        for (before, start, raw) in many {
            if !each(tapped(raw, buf.get(start..).unwrap_or(&[]))) {
                self.at = before;
                break;
            }
        }
        Poll::Ready(())
    }

    fn look(&mut self, waker: Option<&Waker>, buf: &mut [u8]) -> Poll<Raw> {
        loop {
            let (slot, at) = (self.slot, &mut self.at);
            match self.kernel.with(|core| look(core, slot, at, waker, buf)) {
                Some(Some(Raw::Nothing)) | None => return Poll::Pending,
                Some(Some(raw)) => return Poll::Ready(raw),
                Some(None) => {}
            }
        }
    }
}

/// What is next for the tap, its texts copied into `buf`; `None` when there may be more behind what was passed over.
fn look(core: &mut Core, slot: usize, at: &mut At, waker: Option<&Waker>, buf: &mut [u8]) -> Option<Raw> {
    let before = at.seq;
    let (head, set, text) = match core.bus.next_for_tap(slot, at, waker) {
        Found::Record(record) => {
            let text = record.text.len();
            if let Some(to) = buf.get_mut(..text) {
                to.copy_from_slice(record.text);
            }
            (record.head, record.receivers, text)
        }
        Found::Lost(count) => return Some(Raw::Lost(wide(before), wide(count))),
        Found::Again => return None,
        Found::Nothing => return Some(Raw::Nothing),
    };
    let name = core.name_of(head.source);
    let len = text.saturating_add(name.len());
    match buf.get_mut(text..len) {
        Some(to) => {
            to.copy_from_slice(name.as_bytes());
            Some(Raw::Record((head, set, text, name.len())))
        }
        None => Some(Raw::TooLarge(wide(head.seq), len)),
    }
}

/// What was found, its texts in the buffer.
#[derive(Clone, Copy)]
enum Raw {
    Record(Numbers),
    Lost(u64, u64),
    TooLarge(u64, usize),
    Nothing,
}

fn tapped(raw: Raw, buf: &[u8]) -> Tapped<'_> {
    match raw {
        Raw::Record((head, receivers, text, name)) => {
            let (topic, payload) = (head.topic as usize, head.payload as usize);
            let start = crate::bus::padded(topic);
            let part = |from: usize, len: usize| buf.get(from..from.saturating_add(len)).unwrap_or(&[]);
            Tapped::Record(TapRecord {
                seq: wide(head.seq),
                time: head.time,
                source: head.source,
                source_name: core::str::from_utf8(part(text, name)).unwrap_or(""),
                cause: head.cause,
                hops: head.hops,
                receivers,
                topic: core::str::from_utf8(part(0, topic)).unwrap_or(""),
                payload: part(start, payload),
            })
        }
        Raw::Lost(from, count) => Tapped::Lost { from, count },
        Raw::TooLarge(seq, len) => Tapped::TooLarge { seq, len },
        Raw::Nothing => Tapped::Lost { from: 0, count: 0 },
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.kernel.with(|core| core.bus.close_tap(self.slot));
    }
}
