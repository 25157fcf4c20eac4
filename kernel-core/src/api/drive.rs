//! The loop that runs a plugin: one message, one hook, at a time.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Poll, Waker};

use super::context::Context;
use super::mailbox::{Mailbox, Message, Replied, Reply, message};
use super::plugin::LocalPlugin;
use crate::error::Error;
use crate::id::CallId;
use crate::kernel::{Before, Op, Step, Ticket};

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
    // Errors are large, and few: they do not move with every outcome.
    let (mut outcome, mut error) = (Outcome::Done, None);
    let (mut step, mut streak) = (Step::Ended, 0u32);
    loop {
        let unloads = matches!((&step, &error), (Step::Unload, None));
        let taken = mailbox.step(before(outcome, &error), &mut step, buf).await;
        if taken.is_err() || matches!(step, Step::Ended) {
            return if unloads { Exit::Unloaded } else { Exit::Failed };
        }
        streak = streak.wrapping_add(1);
        let mut gives_way = streak.is_multiple_of(STREAK);
        error = None;
        let mut hook = pin!(handle(plugin, &cx, &step, buf, &mut error));
        let done = poll_fn(|task| {
            if core::mem::take(&mut gives_way) {
                task.waker().wake_by_ref();
                return Poll::Pending;
            }
            match hook.as_mut().poll(task) {
                Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                Poll::Pending if has_ended(&cx, task.waker()) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        match done.await {
            Some(came) => outcome = came,
            None => return Exit::Failed,
        }
    }
}

/// What became of a message.
#[derive(Clone, Copy)]
enum Outcome {
    Done,
    /// The reply to a call: where it begins in the buffer, and its bytes.
    Replied(CallId, usize, usize),
    /// Of a call, when it was one; why is kept apart.
    Failed(Option<CallId>),
}

fn before(outcome: Outcome, error: &Option<Error>) -> Before<'_> {
    match (outcome, error) {
        (Outcome::Replied(call, start, len), _) => Before::Replied { call, start, len },
        (Outcome::Failed(call), Some(error)) => Before::Failed { call, error },
        _ => Before::Done,
    }
}

/// Runs the hook for a message.
async fn handle<P: LocalPlugin>(
    plugin: &mut P,
    cx: &Context,
    step: &Step,
    buf: &mut [u8],
    error: &mut Option<Error>,
) -> Outcome {
    let start = reply_at(step);
    let (text, scratch) = buf.split_at_mut_checked(start).unwrap_or_default();
    let mut call = None;
    let result = match message(step, text) {
        Message::Load => plugin.on_load(cx).await,
        Message::Start => plugin.on_start(cx).await,
        Message::Event(event) => plugin.on_event(cx, event).await,
        Message::Call(request) => {
            let id = request.id;
            match plugin.on_call(cx, request, Reply { scratch }).await {
                Ok(Replied { len: Some(len) }) => return Outcome::Replied(id, start, len),
                // It is answered later.
                Ok(Replied { len: None }) => Ok(()),
                Err(error) => {
                    call = Some(id);
                    Err(error)
                }
            }
        }
        Message::Tick => plugin.on_tick(cx).await,
        Message::Stop => plugin.on_stop(cx).await,
        Message::Unload => plugin.on_unload(cx).await,
        Message::Ended => Ok(()),
    };
    match result {
        Ok(()) => Outcome::Done,
        Err(failed) => {
            *error = Some(failed);
            Outcome::Failed(call)
        }
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
