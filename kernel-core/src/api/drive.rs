//! The loop that runs a plugin: one message, one hook, at a time.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Poll, Waker};

use super::context::Context;
use super::mailbox::{Mailbox, Message, Replied, Reply, message};
use super::plugin::LocalPlugin;
use crate::call::Answer;
use crate::id::CallId;
use crate::kernel::{Op, Step, Ticket};

/// How a plugin's life ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// It was unloaded.
    Unloaded,
    /// A hook failed or hung; the error is kept in the plugin's slot.
    Failed,
}

/// Messages in a row after which the task gives way once to the others of its executor, so that one
/// plugin with events without end does not keep them from theirs.
const STREAK: u32 = 32;

/// Runs one life of a plugin: waits until it is to be loaded, runs its hooks, and returns once it
/// is unloaded or has failed. Then drop the value and drive a new one, with the context of the next life: it waits
/// until somebody brings the plugin back.
///
/// `buf` holds one message and its reply: give it twice the largest event or call.
///
/// # Cancellation
/// Between two messages nothing is lost: drive the same value again. Within a hook, the hook is cut
/// off at its last `await`; tell the kernel by [`Installed::crashed`](crate::Installed::crashed).
pub async fn drive<P: LocalPlugin>(plugin: &mut P, cx: Context, buf: &mut [u8]) -> Exit {
    let mailbox = Mailbox::new(cx);
    let (mut unloaded, mut streak) = (false, 0u32);
    loop {
        let mut step = Step::Ended;
        if mailbox.step(&mut step, buf).await.is_err() || matches!(step, Step::Ended) {
            return if unloaded { Exit::Unloaded } else { Exit::Failed };
        }
        let mut hook = pin!(handle(plugin, &mailbox, &step, buf));
        let done = poll_fn(|task| match hook.as_mut().poll(task) {
            Poll::Ready(well) => Poll::Ready(Some(well)),
            Poll::Pending if has_ended(&cx, task.waker()) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        let Some(well) = done.await else {
            return Exit::Failed;
        };
        unloaded = well && matches!(step, Step::Unload);
        streak = streak.wrapping_add(1);
        if streak.is_multiple_of(STREAK) {
            give_way().await;
        }
    }
}

/// Runs the hook for a message and passes on what came of it; false for an error.
async fn handle<P: LocalPlugin>(plugin: &mut P, mailbox: &Mailbox, step: &Step, buf: &mut [u8]) -> bool {
    let cx = &mailbox.context();
    let (text, scratch) = buf.split_at_mut_checked(reply_at(step)).unwrap_or_default();
    let result = match message(step, text) {
        Message::Load => plugin.on_load(cx).await,
        Message::Start => plugin.on_start(cx).await,
        Message::Event(event) => plugin.on_event(cx, event).await,
        Message::Call(call) => {
            let id = call.id;
            let reply = Reply {
                scratch: &mut *scratch,
            };
            match plugin.on_call(cx, call, reply).await {
                Ok(replied) => {
                    answer(mailbox, id, replied, scratch).await;
                    Ok(())
                }
                Err(error) => {
                    // Whoever called may be gone.
                    let _ = mailbox.answer(id, Answer::Error(&error)).await;
                    Err(error)
                }
            }
        }
        Message::Tick => plugin.on_tick(cx).await,
        Message::Stop => plugin.on_stop(cx).await,
        Message::Unload => plugin.on_unload(cx).await,
        Message::Ended => Ok(()),
    };
    if let Err(error) = &result {
        // The life may be over, which the next message says.
        let _ = mailbox.fail(error).await;
    }
    result.is_ok()
}

/// Answers a call with what is in the buffer, unless it is answered later. Whoever called may be gone.
async fn answer(mailbox: &Mailbox, call: CallId, replied: Replied, scratch: &[u8]) {
    if let Some(len) = replied.len {
        let reply = scratch.get(..len).unwrap_or(&[]);
        let _ = mailbox.answer(call, Answer::Bytes(reply)).await;
    }
}

/// Where the reply begins in the buffer: behind the message.
fn reply_at(step: &Step) -> usize {
    let (second, _, len) = step.texts();
    second.saturating_add(len)
}

/// True when the plugin's life ended, by a deadline, before the hook did.
#[inline(never)]
fn has_ended(cx: &Context, waker: &Waker) -> bool {
    let alive = cx.waist.run(
        cx.who,
        &mut Op::Alive,
        &mut Ticket::NONE.clone(),
        Some(waker),
        &mut [],
    );
    matches!(alive, Poll::Ready(Err(_)))
}

/// Lets the other tasks of the executor run once.
async fn give_way() {
    let mut gave = false;
    poll_fn(|task| {
        if core::mem::replace(&mut gave, true) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
