//! The waist over the imports, and the loop of a module.

use core::cell::RefCell;
use core::future::Future;
use core::mem;
use core::pin::pin;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context as TaskContext, Poll, RawWaker, RawWakerVTable, Waker};

use heapless::Vec;
use kernel_core::{
    Answer, Before, CallId, Context, EntryInfo, Fault, Instant, LocalPlugin, Op, PluginId, Ticket, Waist,
    drive,
};

use crate::packed::{
    Asked, Blob, MAX_OP, MAX_OUTCOME, Outcome, PackedBefore, PackedOp, PackedOutcome, PackedReply, WAITS,
    micros, span,
};
use crate::{imports, lines};

/// What a plugin's buffer holds: a message and its reply.
const BUFFER: usize = 2 * MAX_OP;

/// What only the one thread of a module uses.
struct Local<T>(RefCell<T>);

#[allow(unsafe_code, reason = "a static wants it")]
// SAFETY: a module has one thread.
unsafe impl<T> Sync for Local<T> {}

struct Inner {
    /// The operation on its way out.
    op: [u8; MAX_OP],
    /// Who waits, by the number of the operation; 0 for the next message.
    waiting: Vec<(u32, Waker), { WAITS + 1 }>,
}

static INNER: Local<Inner> = Local(RefCell::new(Inner {
    op: [0; MAX_OP],
    waiting: Vec::new(),
}));

/// The waist over the imports.
struct Imports;

impl Waist for Imports {
    fn run(
        &self,
        _: PluginId,
        op: &mut Op<'_>,
        ticket: &mut Ticket,
        waker: Option<&Waker>,
        buf: &mut [u8],
    ) -> Poll<Result<u32, Fault>> {
        let Ok(mut inner) = INNER.0.try_borrow_mut() else {
            return Poll::Ready(Err(Fault::Unavailable));
        };
        let too_large = Fault::TooLarge { max: MAX_OP as u32 };
        let asked = Asked {
            ticket: ticket.as_other().unwrap_or(0),
            waits: waker.is_some(),
            op: packed(op).ok_or(too_large)?,
        };
        let len = postcard::to_slice(&asked, &mut inner.op)
            .map_err(|_| too_large)?
            .len();
        drop(asked);
        let mut outcome = [0; MAX_OUTCOME];
        let outcome_len = call(inner.op.get(..len).unwrap_or(&[]), buf, &mut outcome);
        let outcome = outcome.get(..outcome_len).unwrap_or(&[]);
        let outcome: Outcome = postcard::from_bytes(outcome).map_err(|_| Fault::Unavailable)?;
        if let Op::Next { before, .. } = op {
            // It is said once.
            *before = Before::Done;
        }
        if let PackedOutcome::Pending = outcome.what {
            *ticket = match outcome.ticket {
                0 => Ticket::NONE,
                number => Ticket::other(number),
            };
            inner.keep(outcome.ticket, waker);
            return Poll::Pending;
        }
        if let Op::Alive = op {
            inner.keep(0, waker);
        }
        ticket.set_version(outcome.version);
        Poll::Ready(unpacked(outcome.what, op))
    }

    fn leave(&self, _: PluginId, ticket: Ticket) {
        if let Some(number) = ticket.as_other() {
            imports::leave(number);
        }
    }

    fn now(&self) -> Instant {
        Instant::from_micros(imports::now())
    }
}

impl Inner {
    fn keep(&mut self, number: u32, waker: Option<&Waker>) {
        let Some(waker) = waker else { return };
        match self.waiting.iter_mut().find(|(other, _)| *other == number) {
            Some((_, kept)) => kept.clone_from(waker),
            // There are as many places as numbers.
            None => drop(self.waiting.push((number, waker.clone()))),
        }
    }
}

#[allow(unsafe_code, reason = "an import")]
fn call(op: &[u8], buf: &mut [u8], outcome: &mut [u8; MAX_OUTCOME]) -> usize {
    // SAFETY: all three are this module's, and the runtime writes only to the latter two, within their lengths.
    unsafe {
        imports::run(
            op.as_ptr(),
            op.len(),
            buf.as_mut_ptr(),
            buf.len(),
            outcome.as_mut_ptr(),
        )
    }
}

/// The operation as it travels; `None` when it has more pieces than there is room for.
fn packed<'a>(op: &'a Op<'_>) -> Option<PackedOp<'a>> {
    Some(match op {
        Op::Next { before, .. } => PackedOp::Next(match before {
            Before::Done => PackedBefore::Done,
            Before::Replied { call, start, len } => PackedBefore::Replied {
                call: call.to_bits(),
                start: *start as u32,
                len: *len as u32,
            },
            Before::Failed { call, error } => PackedBefore::Failed {
                call: call.map(CallId::to_bits),
                error: (*error).into(),
            },
        }),
        Op::Fail(error) => PackedOp::Fail((*error).into()),
        Op::Alive => PackedOp::Alive,
        Op::Publish {
            topic,
            payload,
            limit,
        } => PackedOp::Publish {
            topic,
            payload: Blob(payload.as_bytes()),
            limit: micros(*limit),
        },
        Op::Subscribe(filter) => PackedOp::Subscribe(filter.as_str()),
        Op::Unsubscribe(filter) => PackedOp::Unsubscribe(filter),
        Op::Register(service) => PackedOp::Register(service.texts(), service.is_deprecated()),
        Op::Unregister(service) => PackedOp::Unregister(service),
        Op::HasService(service) => PackedOp::HasService(service),
        Op::Call {
            service,
            args,
            limit,
            parent,
        } => {
            let mut pieces = Vec::new();
            for piece in [args.0].into_iter().chain(args.1.iter().copied()) {
                pieces.push(Blob(piece)).ok()?;
            }
            PackedOp::Call {
                service,
                args: pieces,
                limit: limit.map(micros),
                parent: parent.map(CallId::to_bits),
            }
        }
        Op::Reply(call, answer) => {
            let reply = match answer {
                Answer::Bytes(bytes) => PackedReply::Json(Blob(bytes)),
                Answer::Error(error) => PackedReply::Error((*error).into()),
                _ => PackedReply::Json(Blob(b"null")),
            };
            PackedOp::Reply(call.to_bits(), reply)
        }
        Op::Get(key) => PackedOp::Get(key),
        Op::Set {
            key,
            value,
            ttl,
            expected,
        } => PackedOp::Set {
            key: key.as_str(),
            value: Blob(value.as_bytes()),
            ttl: ttl.map(micros),
            expected: *expected,
        },
        Op::Update(writes) => {
            let mut pairs = Vec::new();
            for (key, value) in *writes {
                pairs.push((key.as_str(), Blob(value.as_bytes()))).ok()?;
            }
            PackedOp::Update(pairs)
        }
        Op::Delete(key, expected) => PackedOp::Delete(key, *expected),
        Op::Clear => PackedOp::Clear,
        Op::Entry(prefix, info) => PackedOp::Entry {
            prefix,
            cursor: info.cursor,
        },
        Op::Interval(interval) => PackedOp::Interval(micros(*interval)),
        Op::Sleep(time) => PackedOp::Sleep(micros(*time)),
        Op::NameOf(id) => PackedOp::NameOf(id.to_bits()),
        Op::Settings => PackedOp::Settings,
        _ => return None,
    })
}

/// What came of the operation, with the numbers that it asked for.
fn unpacked(what: PackedOutcome, op: &mut Op<'_>) -> Result<u32, Fault> {
    match (what, op) {
        (PackedOutcome::Done(count), _) => Ok(count),
        (PackedOutcome::Fault(number, a, b), _) => Err(Fault::from_parts((number, a, b))),
        (PackedOutcome::Step(packed), Op::Next { step, .. }) => {
            **step = packed.into();
            Ok(0)
        }
        (
            PackedOutcome::Entry {
                cursor,
                key,
                value,
                version,
                ttl,
                owner,
            },
            Op::Entry(_, info),
        ) => {
            **info = EntryInfo {
                cursor,
                key: key as usize,
                value: value.map(|len| len as usize),
                version,
                ttl: span(ttl),
                owner: PluginId::from_bits(owner),
            };
            Ok(1)
        }
        _ => Err(Fault::Unavailable),
    }
}

/// Runs one life of the plugin.
#[doc(hidden)]
pub fn run<P: LocalPlugin + Default>() {
    lines::begin();
    let mut plugin = P::default();
    let cx = Context::new(&Imports, PluginId::from_bits(imports::who()));
    let mut buf = [0; BUFFER];
    block_on(drive(&mut plugin, cx, &mut buf));
}

static WOKEN: AtomicBool = AtomicBool::new(false);

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = waker();
    let mut task = TaskContext::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        WOKEN.store(false, Ordering::Relaxed);
        if let Poll::Ready(outcome) = future.as_mut().poll(&mut task) {
            return outcome;
        }
        if !WOKEN.load(Ordering::Relaxed) {
            imports::wait();
            // Which of them, the runtime does not say.
            let waiting = mem::take(&mut INNER.0.borrow_mut().waiting);
            waiting.into_iter().for_each(|(_, waker)| waker.wake());
        }
    }
}

/// A waker that only notes that it was used.
#[allow(
    unsafe_code,
    reason = "without an allocator there is no other way to make one"
)]
fn waker() -> Waker {
    static TABLE: RawWakerVTable = RawWakerVTable::new(|_| RAW, note, note, |_| {});
    const RAW: RawWaker = RawWaker::new(ptr::null(), &TABLE);
    fn note(_: *const ()) {
        WOKEN.store(true, Ordering::Relaxed);
    }
    // SAFETY: there is no data, so that nothing is to be kept or given back.
    unsafe { Waker::from_raw(RAW) }
}
