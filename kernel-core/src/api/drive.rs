//! The loop that runs a plugin: one message, one hook, at a time. What each plugin has of its own here is the future
//! of its hooks; all that goes on around it is there once for all plugins.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context as TaskContext, Poll};

use super::context::Context;
use super::mailbox::{Mailbox, Message, Reply, message};
use super::plugin::LocalPlugin;
use crate::error::Error;
use crate::kernel::{Before, Op, Step, Ticket};

/// How a plugin's life ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// It was unloaded.
    Unloaded,
    /// A hook failed or hung; the error is kept in the plugin's slot.
    Failed,
}

/// Polls of hooks after which the task gives way once to the others of its executor, so that one
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
    let mut turn = Turn::new(cx);
    let mut step = Step::Ended;
    loop {
        if let Some(exit) = turn.next(&mut step, buf).await {
            return exit;
        }
        let mut hook = pin!(async {
            let (text, scratch) = buf.split_at_mut_checked(reply_at(&step)).unwrap_or_default();
            let result = match message(&step, text) {
                Message::Load => plugin.on_load(&cx).await,
                Message::Start => plugin.on_start(&cx).await,
                Message::Event(event) => plugin.on_event(&cx, event).await,
                Message::Call(request) => {
                    let reply = Reply { scratch };
                    return plugin
                        .on_call(&cx, request, reply)
                        .await
                        .map(|replied| replied.len);
                }
                Message::Tick => plugin.on_tick(&cx).await,
                Message::Stop => plugin.on_stop(&cx).await,
                Message::Unload => plugin.on_unload(&cx).await,
                Message::Ended => Ok(()),
            };
            result.map(|()| None)
        });
        if !poll_fn(|task| turn.poll(hook.as_mut(), task)).await {
            return Exit::Failed;
        }
    }
}

/// What a hook came to: the bytes of a reply, which lies in the buffer behind the call.
type Outcome = Result<Option<usize>, Error>;

/// What goes on between the hooks, and around them.
struct Turn {
    mailbox: Mailbox,
    /// What became of the message before.
    outcome: Outcome,
    /// Polls of hooks.
    polls: u32,
}

impl Turn {
    fn new(cx: Context) -> Self {
        Turn {
            mailbox: Mailbox::new(cx),
            outcome: Ok(None),
            polls: 0,
        }
    }

    /// Says what became of the message before, and waits for the next one; or how the life ended.
    async fn next(&mut self, step: &mut Step, buf: &mut [u8]) -> Option<Exit> {
        let exit = match (&*step, &self.outcome) {
            (Step::Unload, Ok(_)) => Exit::Unloaded,
            _ => Exit::Failed,
        };
        let call = match *step {
            Step::Call { id, .. } => Some(id),
            _ => None,
        };
        let before = match (&self.outcome, call) {
            (Ok(Some(len)), Some(call)) => Before::Replied {
                call,
                start: reply_at(step),
                len: *len,
            },
            // Without a length a call is answered later.
            (Ok(_), _) => Before::Done,
            (Err(error), call) => Before::Failed { call, error },
        };
        let taken = self.mailbox.step(before, step, buf).await;
        (taken.is_err() || matches!(step, Step::Ended)).then_some(exit)
    }

    /// Polls a hook; false when the plugin's life ended, by a deadline, before the hook did.
    fn poll(
        &mut self,
        hook: Pin<&mut dyn Future<Output = Outcome>>,
        task: &mut TaskContext<'_>,
    ) -> Poll<bool> {
        self.polls = self.polls.wrapping_add(1);
        if self.polls.is_multiple_of(STREAK) {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Poll::Ready(outcome) = hook.poll(task) {
            self.outcome = outcome;
            return Poll::Ready(true);
        }
        let Context { waist, who } = self.mailbox.context();
        let alive = waist.run(
            who,
            &mut Op::Alive,
            &mut Ticket::NONE.clone(),
            Some(task.waker()),
            &mut [],
        );
        match alive {
            Poll::Ready(Err(_)) => Poll::Ready(false),
            _ => Poll::Pending,
        }
    }
}

/// Where the reply begins in the buffer: behind the message.
fn reply_at(step: &Step) -> usize {
    let (second, _, len) = step.texts();
    second.saturating_add(len)
}
