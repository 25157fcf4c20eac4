//! What the link sends next: requests first, then answers, then the word that a message is handled.

use kernel_core::Fault;
use serde::Serialize;

use super::RemotePlugin;
use super::inner::{Inner, Phase};
use crate::frame::{self, Framing};
use crate::{Failure, Request, ToRuntime, VERSIONS};

/// The number of the request that attaches.
pub(super) const ATTACH: u32 = u32::MAX;
/// The number of the session, on a line of its own.
pub(super) const NONCE: u32 = 0x5e55_10e5;

/// Messages that need no buffer.
pub(super) struct Flags {
    pub(super) hello: bool,
    pub(super) attach: bool,
    pub(super) keep_alive: bool,
    pub(super) step_done: bool,
    /// A call that had no room, and how much there is.
    pub(super) too_large: Option<(u32, u32)>,
}

impl Flags {
    pub(super) const NONE: Flags = Flags {
        hello: false,
        attach: false,
        keep_alive: false,
        step_done: false,
        too_large: None,
    };
}

/// Encodes a message; `pieces`, one behind the other, are its last field, which is empty in it.
pub(super) fn encode<'p>(
    message: &impl Serialize,
    pieces: impl Iterator<Item = &'p [u8]> + Clone,
    to: &mut [u8],
) -> Option<usize> {
    let len = postcard::to_slice(message, &mut *to).ok()?.len();
    let total = pieces
        .clone()
        .fold(0usize, |sum, piece| sum.saturating_add(piece.len()));
    if total == 0 {
        return Some(len);
    }
    // The length takes the place of the empty field's.
    let mut at = len.checked_sub(1)?;
    at = at.wrapping_add(postcard::to_slice(&(total as u32), to.get_mut(at..)?).ok()?.len());
    for piece in pieces {
        let end = at.saturating_add(piece.len());
        to.get_mut(at..end)?.copy_from_slice(piece);
        at = end;
    }
    Some(at)
}

impl<const N: usize, const B: usize> Inner<N, B> {
    /// The next frame to be sent; its length.
    pub(super) fn outgoing(
        &mut self,
        plugin: &RemotePlugin<'_>,
        framing: Framing,
        to: &mut [u8],
    ) -> Option<usize> {
        if core::mem::take(&mut self.flags.hello) {
            let RemotePlugin { name, token, .. } = *plugin;
            let hello = ToRuntime::Hello {
                versions: VERSIONS,
                nonce: NONCE,
                name,
                token,
            };
            return frame::encode(framing, &hello, to).ok();
        }
        if core::mem::take(&mut self.flags.attach) {
            let RemotePlugin {
                name,
                version,
                description,
                dependencies,
                blocks,
                restarts,
                ..
            } = *plugin;
            let what = Request::Attach {
                name,
                version,
                description,
                dependencies,
                blocks,
                restarts,
            };
            return frame::encode(framing, &ToRuntime::Request { id: ATTACH, what }, to).ok();
        }
        // The rest is for a session that is attached.
        self.there?;
        for (place, slot) in self.slots.iter_mut().enumerate() {
            match slot.phase {
                Phase::Queued => {
                    slot.phase = Phase::Sent;
                    match frame::wrap(framing, slot.bytes(), to) {
                        Ok(len) => return Some(len),
                        Err(_) => slot.phase = Phase::TooLarge,
                    }
                    if let Some(waker) = slot.waker.take() {
                        waker.wake();
                    }
                }
                Phase::Cancelled => {
                    let id = slot.id;
                    slot.renew(place);
                    return frame::encode(framing, &ToRuntime::Cancel { id }, to).ok();
                }
                _ => {}
            }
        }
        if self.control_len > 0 {
            let len = core::mem::take(&mut self.control_len);
            if let Some(waker) = self.control_waker.take() {
                waker.wake();
            }
            return frame::wrap(framing, self.control.get(..len).unwrap_or(&[]), to).ok();
        }
        if let Some((call, max)) = self.flags.too_large.take() {
            let result = Err(Failure::of(Fault::TooLarge { max }));
            return frame::encode(framing, &ToRuntime::Answer { call, result }, to).ok();
        }
        if core::mem::take(&mut self.flags.step_done) {
            return frame::encode(framing, &ToRuntime::StepDone { error: None }, to).ok();
        }
        if core::mem::take(&mut self.flags.keep_alive) {
            return frame::encode(framing, &ToRuntime::KeepAlive, to).ok();
        }
        None
    }
}
