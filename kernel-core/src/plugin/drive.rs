//! The loop that runs a plugin: one message, one hook, at a time.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Poll, Waker};

use super::{Context, Mailbox, Message, Plugin};
use crate::json::Json;
use crate::kernel::Kernel;

/// A plugin that is installed: the platform's handle to its slot.
#[derive(Clone, Copy)]
pub struct Installed {
    pub(crate) kernel: Kernel,
    pub(crate) index: usize,
}

impl Installed {
    /// The mailbox of the plugin's present life, for a plugin with a loop of its own.
    pub fn mailbox(&self) -> Mailbox {
        Mailbox::open(self.kernel, self.index, false)
    }

    /// Says that the plugin's task died, by a panic for instance: the plugin is FAILED, all it
    /// registered is taken back, and its restart policy applies. Drive a new value of it then.
    pub fn crashed(&self, code: &str, message: &str) {
        self.kernel.with(|core| {
            if let Some(id) = core.plugins.at(self.index).map(|slot| slot.id(self.index)) {
                core.fail(id, code, message);
            }
        });
    }

    /// Gives the plugin its settings, a JSON object; it sees them from its next life on.
    pub fn set_settings(&self, settings: Json<'static>) {
        self.kernel.with(|core| {
            if let Some(slot) = core.plugins.at_mut(self.index) {
                slot.settings = Some(settings);
            }
        });
    }

    /// Says where the plugin runs, for whoever looks in over the link: `own thread`, or whatever tells
    /// people of this platform what it may hold up.
    #[cfg(feature = "link")]
    pub fn set_placement(&self, placement: &'static str) {
        self.kernel.with(|core| {
            if let Some(slot) = core.plugins.at_mut(self.index) {
                slot.placement = Some(placement);
            }
        });
    }
}

/// How a plugin's life ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// It was unloaded.
    Unloaded,
    /// A hook failed or hung; the error is kept in the plugin's slot.
    Failed,
}

/// Runs one life of a plugin: waits until it is to be loaded, runs its hooks, and returns once it
/// is unloaded or has failed. Then drop the value and drive a new one: it waits until the restart
/// policy, or somebody, brings the plugin back.
///
/// `buf` holds one message and its reply: give it twice the largest event or call.
///
/// # Cancellation
/// Between two messages nothing is lost: drive the same value again. Within a hook, the hook is cut
/// off at its last `await`; tell the kernel by [`Installed::crashed`].
pub async fn drive<P: Plugin>(plugin: &mut P, installed: Installed, buf: &mut [u8]) -> Exit {
    let mut mailbox = Mailbox::open(installed.kernel, installed.index, true);
    let cx = mailbox.context();
    let mut last = Exit::Failed;
    loop {
        let message = mailbox.next(buf).await;
        if let Message::Ended = message {
            return last;
        }
        let unloads = matches!(message, Message::Unload);
        let result = {
            let mut hook = pin!(async {
                match message {
                    Message::Load => plugin.on_load(&cx).await,
                    Message::Start => plugin.on_start(&cx).await,
                    Message::Event(event) => plugin.on_event(&cx, event).await,
                    Message::Call(call, reply) => {
                        let id = call.id;
                        let result = plugin.on_call(&cx, call, reply).await;
                        if let Err(error) = &result {
                            mailbox.reply(id, Err(error));
                        }
                        result.map(|_| ())
                    }
                    Message::Tick => plugin.on_tick(&cx).await,
                    Message::Stop => plugin.on_stop(&cx).await,
                    Message::Unload => plugin.on_unload(&cx).await,
                    Message::Ended => Ok(()),
                }
            });
            poll_fn(|task| match hook.as_mut().poll(task) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending if has_ended(&cx, task.waker()) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            })
            .await
        };
        match result {
            Some(Ok(())) if unloads => last = Exit::Unloaded,
            Some(Ok(())) => {}
            Some(Err(error)) => mailbox.fail(&error),
            None => return Exit::Failed,
        }
    }
}

/// True when the plugin's life ended, by a deadline, before the hook did.
#[inline(never)]
fn has_ended(cx: &Context, waker: &Waker) -> bool {
    let alive = cx
        .kernel
        .with(|core| core.plugins.get_mut(cx.id).map(|slot| slot.keep_waker(waker)));
    alive.is_none()
}
