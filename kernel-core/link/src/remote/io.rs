//! The link of a [`Remote`]: reads, writes and keeps the session alive, beside the plugin.

use core::cell::Cell;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;

use embedded_io_async::{Read, Write};
use kernel_core::{Fault, PluginId};

use super::inner::{Inner, Phase, keep};
use super::outgoing::{ATTACH, NONCE};
use super::{Remote, RemoteError, RemotePlugin};
use crate::frame::{self, FrameError, Framing};
use crate::inbox::Inbox;
use crate::{Failure, Reply, ToClient};

/// Ticks in a keep-alive period.
const TICKS: u32 = 4;
/// How long opening the session may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What keeps the session alive.
struct Pulse {
    /// A quarter of the period.
    tick: Cell<Duration>,
    silent: Cell<u32>,
    spoke: Cell<bool>,
    enabled: Cell<bool>,
}

impl<const N: usize, const B: usize> Remote<N, B> {
    /// Attaches the plugin and carries its messages until the link ends, and says how it ended. To be polled beside
    /// [`drive`](kernel_core::drive); run it again, on another stream, to attach again.
    ///
    /// `sleep` is the platform's timer. `memory` is divided into two buffers, each some 20 bytes larger than `B`.
    ///
    /// # Cancellation
    /// As if the link had ended: the plugin's life is over. A part of a message may be on the line.
    pub async fn run<R, W, S>(
        &self,
        plugin: &RemotePlugin<'_>,
        framing: Framing,
        mut read: R,
        mut write: W,
        mut sleep: impl FnMut(Duration) -> S,
        memory: &mut [u8],
    ) -> RemoteError<R::Error>
    where
        R: Read,
        W: Write<Error = R::Error>,
        S: Future<Output = ()>,
    {
        let part = memory.len() / 2;
        if part < 64 {
            return RemoteError::NoMemory;
        }
        let (inbox, out) = memory.split_at_mut(part);
        // Whatever ends this, also being dropped, ends the life.
        let _link = Link(self);
        self.with(|inner| {
            inner.max_message = framing.max_message(out.len());
            inner.flags.hello = true;
        });
        let pulse = Pulse {
            tick: Cell::new(HANDSHAKE / TICKS),
            silent: Cell::new(0),
            spoke: Cell::new(false),
            enabled: Cell::new(true),
        };

        let mut reading = pin!(async {
            let mut inbox = Inbox::new(framing, inbox);
            loop {
                while let Some(found) = inbox.next() {
                    match found {
                        Ok(range) => {
                            if let Err(error) = self.receive(inbox.frame(range), &pulse) {
                                return error;
                            }
                        }
                        Err(FrameError::Lost) => return RemoteError::Malformed,
                        // Damaged, or too large: whoever waits for it is told by its deadline.
                        Err(_) => {}
                    }
                }
                match read.read(inbox.room()).await {
                    Ok(0) => return RemoteError::Closed,
                    Ok(count) => inbox.filled(count),
                    Err(error) => return RemoteError::Stream(error),
                }
            }
        });
        let mut writing = pin!(async {
            #[cfg(feature = "serial")]
            if framing == Framing::Serial
                && let Err(error) = write.write_all(&[frame::END]).await
            {
                return RemoteError::Stream(error);
            }
            loop {
                let len = poll_fn(|cx| {
                    let found = self.with(|inner| {
                        keep(&mut inner.link, Some(cx.waker()));
                        inner.outgoing(plugin, framing, out)
                    });
                    found.flatten().map_or(Poll::Pending, Poll::Ready)
                })
                .await;
                pulse.spoke.set(true);
                if let Err(error) = write.write_all(out.get(..len).unwrap_or(&[])).await {
                    return RemoteError::Stream(error);
                }
                if let Err(error) = write.flush().await {
                    return RemoteError::Stream(error);
                }
            }
        });
        let mut ticking = pin!(async {
            loop {
                let tick = pulse.tick.get();
                let mut sleeping = pin!(sleep(tick));
                poll_fn(|cx| match pulse.tick.get() == tick {
                    true => sleeping.as_mut().poll(cx),
                    // The runtime has named its period.
                    false => Poll::Ready(()),
                })
                .await;
                if !pulse.enabled.get() || pulse.tick.get() != tick {
                    continue;
                }
                pulse.silent.set(pulse.silent.get().saturating_add(1));
                if pulse.silent.get() > TICKS {
                    return RemoteError::Silent;
                }
                if !pulse.spoke.replace(false) {
                    self.with(|inner| {
                        inner.flags.keep_alive = true;
                        inner.send();
                    });
                }
            }
        });
        poll_fn(|cx| {
            let parts: [core::pin::Pin<&mut dyn Future<Output = RemoteError<R::Error>>>; 3] =
                [reading.as_mut(), writing.as_mut(), ticking.as_mut()];
            for part in parts {
                if let Poll::Ready(end) = part.poll(cx) {
                    return Poll::Ready(end);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// A message came.
    fn receive<E>(&self, frame: &[u8], pulse: &Pulse) -> Result<(), RemoteError<E>> {
        const REPLY: u8 = 2;
        pulse.silent.set(0);
        if let Ok(((REPLY, id), what)) = postcard::take_from_bytes::<(u8, u32)>(frame)
            && id != ATTACH
        {
            self.with(|inner| inner.reply(id, what));
            return Ok(());
        }
        let Ok(message) = frame::decode::<ToClient<'_>>(frame) else {
            return Ok(());
        };
        match message {
            ToClient::Hello {
                nonce: NONCE,
                max_message,
                keep_alive_ms,
                ..
            } => {
                pulse.enabled.set(keep_alive_ms > 0);
                if keep_alive_ms > 0 {
                    pulse
                        .tick
                        .set(Duration::from_millis((keep_alive_ms / TICKS).max(1) as u64));
                }
                self.with(|inner| {
                    inner.max_message = inner.max_message.min(max_message as usize);
                    inner.flags.attach = true;
                    inner.send();
                });
            }
            ToClient::Refused(failure) if self.with(|inner| inner.there.is_none()) == Some(true) => {
                return match failure {
                    // On a serial line, what was there before is answered too.
                    Failure::Link(
                        crate::Refusal::NoSession | crate::Refusal::Malformed | crate::Refusal::Damaged,
                    ) => Ok(()),
                    Failure::Link(refusal) => Err(RemoteError::Refused(refusal)),
                    other => Err(RemoteError::Denied(other.fault().unwrap_or(Fault::Unavailable))),
                };
            }
            ToClient::Reply { id: ATTACH, what } => match what {
                Reply::Attached { id } => {
                    self.with(|inner| {
                        inner.there = Some(PluginId::from_bits(id));
                        inner.send();
                    });
                }
                Reply::Failed(Failure::Link(refusal)) => return Err(RemoteError::Refused(refusal)),
                Reply::Failed(failure) => {
                    return Err(RemoteError::Denied(failure.fault().unwrap_or(Fault::Unavailable)));
                }
                _ => return Err(RemoteError::Malformed),
            },
            other => {
                self.with(|inner| inner.deliver(other));
            }
        }
        Ok(())
    }
}

impl<const N: usize, const B: usize> Inner<N, B> {
    /// The reply to a request came.
    fn reply(&mut self, id: u32, what: &[u8]) {
        let Some(slot) = self.slots.get_mut(id as usize & 0xff) else {
            return;
        };
        // A late one is of an earlier use.
        if slot.id != id || slot.phase != Phase::Sent {
            return;
        }
        slot.len = what.len();
        slot.phase = match slot.buf.get_mut(..what.len()) {
            Some(to) => {
                to.copy_from_slice(what);
                Phase::Done
            }
            None => Phase::TooLarge,
        };
        if let Some(waker) = slot.waker.take() {
            waker.wake();
        }
    }
}

/// Ends the life of the plugin when the link ends.
struct Link<'r, const N: usize, const B: usize>(&'r Remote<N, B>);

impl<const N: usize, const B: usize> Drop for Link<'_, N, B> {
    fn drop(&mut self) {
        self.0.with(|inner| inner.reset());
    }
}
