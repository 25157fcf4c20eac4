//! What a session knows, shared by the three loops that serve it in one task.

use core::cell::{Cell, RefCell};
use core::task::{Context, Poll};

use serde::Serialize;

use super::outbox::Outbox;
use super::protocol::{Action, Failure, Reply, ToClient};
use super::remote::Remote;
use super::server::Identity;
use super::watch::Watch;
use crate::id::PluginId;
use crate::kernel::Kernel;
use crate::plugin::PluginName;
use crate::registry::{CallError, PendingCall};
use crate::runtime::CoreRuntime;
use crate::storage::StorageError;

/// How many calls and storage requests of one session may be under way; the next one is read when
/// one of them is done.
pub(crate) const FLIGHTS: usize = 8;

/// A call or storage request under way.
pub(crate) struct Flight {
    pub(crate) id: u32,
    pub(crate) kind: Kind,
    pub(crate) pending: PendingCall,
}

/// What the answer to a flight looks like.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Call,
    Value,
    Done,
    Count,
    Names,
}

/// A lifecycle command under way.
pub(crate) struct Job {
    pub(crate) id: u32,
    pub(crate) action: Action,
    pub(crate) plugin: PluginName,
}

pub(crate) struct Session<'b> {
    pub(crate) kernel: Kernel,
    pub(crate) identity: &'b Identity<'b>,
    pub(crate) max_message: usize,
    pub(crate) out: RefCell<Outbox<'b>>,
    /// Where values are copied to on their way out.
    pub(crate) work: RefCell<&'b mut [u8]>,
    pub(crate) open: Cell<bool>,
    pub(crate) flights: RefCell<[Option<Flight>; FLIGHTS]>,
    pub(crate) watch: RefCell<Option<Watch>>,
    pub(crate) job: RefCell<Option<Job>>,
    pub(crate) remote: RefCell<Option<Remote>>,
    /// Something changed that a loop polled earlier may wait for.
    dirty: Cell<bool>,
}

impl<'b> Session<'b> {
    pub(crate) fn new(
        kernel: Kernel,
        identity: &'b Identity<'b>,
        max_message: usize,
        out: Outbox<'b>,
        work: &'b mut [u8],
    ) -> Self {
        Session {
            kernel,
            identity,
            max_message,
            out: RefCell::new(out),
            work: RefCell::new(work),
            open: Cell::new(false),
            flights: RefCell::new([const { None }; FLIGHTS]),
            watch: RefCell::new(None),
            job: RefCell::new(None),
            remote: RefCell::new(None),
            dirty: Cell::new(false),
        }
    }

    /// Ends all that the client began: it has gone, or begins anew.
    pub(crate) fn reset(&self) {
        for flight in self.flights.borrow_mut().iter_mut() {
            *flight = None;
        }
        *self.watch.borrow_mut() = None;
        *self.job.borrow_mut() = None;
        *self.remote.borrow_mut() = None;
        self.open.set(false);
        self.touch();
    }

    pub(crate) fn runtime(&self) -> CoreRuntime {
        CoreRuntime::new(self.kernel)
    }

    /// On whose behalf the session acts.
    pub(crate) fn who(&self) -> PluginId {
        self.remote
            .borrow()
            .as_ref()
            .map_or(PluginId::OPERATOR, Remote::id)
    }

    /// Says that the other loops should look again.
    pub(crate) fn touch(&self) {
        self.dirty.set(true);
    }

    pub(crate) fn take_dirty(&self) -> bool {
        self.dirty.replace(false)
    }

    pub(crate) fn ready(&self) -> bool {
        self.out.borrow().ready()
    }

    /// Waits until a message can be sent.
    pub(crate) async fn until_ready(&self) {
        core::future::poll_fn(|_: &mut Context<'_>| {
            if self.ready() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Sends a message; to be used when it is `ready`, else it is lost.
    pub(crate) fn send<T: Serialize>(&self, message: &T) -> bool {
        let sent = self.out.borrow_mut().send(message).is_ok();
        self.touch();
        sent
    }

    /// Answers a request; an answer that is too large becomes an error.
    pub(crate) fn reply(&self, id: u32, what: Reply<'_>) {
        if !self.send(&ToClient::Reply { id, what }) {
            let what = Reply::Failed(Failure {
                code: "reply_too_large",
                message: "the answer is larger than a message of this link",
            });
            // Larger than this no message is small: a link of less is of no use.
            self.send(&ToClient::Reply { id, what });
        }
    }

    /// Answers with an error, its text in words where the kernel has the machinery for it.
    pub(crate) fn fail(&self, id: u32, code: &str, text: &dyn core::fmt::Display) {
        let mut message = heapless::String::<{ crate::error::MAX_MESSAGE }>::new();
        describe(text, &mut message);
        self.reply(
            id,
            Reply::Failed(Failure {
                code,
                message: &message,
            }),
        );
    }

    /// Looks after what is under way; true when an answer was sent.
    pub(crate) fn poll_flights(&self, cx: &mut Context<'_>) -> bool {
        let mut work = self.work.borrow_mut();
        let mut flights = self.flights.borrow_mut();
        for flight in flights.iter_mut() {
            let Some(Flight { id, kind, pending }) = flight else {
                continue;
            };
            let (id, kind) = (*id, *kind);
            let Poll::Ready(outcome) = pending.poll_answer(cx, &mut work) else {
                continue;
            };
            *flight = None;
            match outcome {
                Ok(found) => {
                    let bytes = found.and_then(|len| work.get(..len));
                    self.reply(id, answer(kind, bytes));
                }
                Err(error) => self.fail_call(id, kind, error),
            }
            return true;
        }
        false
    }

    fn fail_call(&self, id: u32, kind: Kind, error: CallError) {
        match kind {
            Kind::Call => {
                if let CallError::Failed(error) = &error {
                    let failure = Failure {
                        code: error.code(),
                        message: error.message(),
                    };
                    return self.reply(id, Reply::Failed(failure));
                }
                self.fail(id, error.code(), &error);
            }
            _ => {
                let error = StorageError::from(error);
                self.fail(id, error.code(), &error);
            }
        }
    }
}

fn answer(kind: Kind, bytes: Option<&[u8]>) -> Reply<'_> {
    use super::raw::Raw;
    match (kind, bytes) {
        (Kind::Call | Kind::Value, Some(bytes)) => Reply::Json(Raw(bytes)),
        (Kind::Names, Some(bytes)) => Reply::Names(Raw(bytes)),
        (Kind::Count, Some(bytes)) => Reply::Count(
            bytes
                .first_chunk()
                .map_or(0, |count| u32::from_le_bytes(*count) as u64),
        ),
        (Kind::Done, Some(_)) => Reply::Done,
        (_, None) => Reply::Absent,
    }
}

/// Writes what went wrong in words, cut where they do not fit.
#[cfg(feature = "messages")]
fn describe(text: &dyn core::fmt::Display, to: &mut heapless::String<{ crate::error::MAX_MESSAGE }>) {
    let error = crate::error::Error::format("", format_args!("{text}"));
    crate::error::push_cut(to, error.message());
}

#[cfg(not(feature = "messages"))]
fn describe(_: &dyn core::fmt::Display, _: &mut heapless::String<{ crate::error::MAX_MESSAGE }>) {}
