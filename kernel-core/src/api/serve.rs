//! The storage's own plugin: it takes requests out of its mailbox, in groups, and answers them.

use heapless::Vec;

use super::mailbox::{Mailbox, Message, Request};
use super::manager::{Installed, PluginManager};
use crate::call::{Answer, Service};
use crate::error::Error;
use crate::fault::Fault;
use crate::id::{CallId, PluginId};
use crate::kernel::Kernel;
use crate::life::PluginMetadata;
use crate::storage::{Batch, HEAD, Head, STORAGE, Storage, StorageOp, StorageRequest, Stored};
use crate::subject::Name;

/// What the storage's plugin says of itself.
pub static STORAGE_METADATA: PluginMetadata = PluginMetadata {
    description: "Answers storage requests",
    ..PluginMetadata::new(STORAGE, env!("CARGO_PKG_VERSION"))
};

/// Runs the storage in one life of the plugin [`STORAGE_METADATA`], which was installed.
///
/// `buf` is divided among the `GROUP` requests of one group (at most `N`); each part holds a request, and what it
/// reads: give each twice the capacity `call_bytes`.
///
/// # Cancellation
/// Requests are no longer answered; a write that was not acknowledged may have been made.
pub async fn serve<S: Storage, const N: usize>(installed: Installed, storage: &mut S, buf: &mut [u8]) {
    let (kernel, mailbox) = (installed.kernel(), installed.mailbox());
    let size = buf.len() / N.max(1);
    let mut ended = false;
    while !ended {
        let mut ids = Vec::<CallId, N>::new();
        let mut group = Vec::<StorageRequest<'_>, N>::new();
        let mut rest = &mut *buf;
        for _ in 0..S::GROUP.min(N) {
            // A request, and what it reads.
            let (input, after) = rest.split_at_mut_checked(size / 2).unwrap_or_default();
            let (output, after) = after.split_at_mut_checked(size / 2).unwrap_or_default();
            rest = after;
            // The first is waited for, the others are there or not.
            let message = match group.is_empty() {
                true => Some(mailbox.next(input).await),
                false => mailbox.try_next(input),
            };
            match message {
                Some(Message::Call(call)) => match accept(kernel, &call, output) {
                    // As many as there are parts have room.
                    Ok(request) => drop((ids.push(call.id), group.push(request).is_ok())),
                    Err(fault) => drop(mailbox.answer(call.id, Answer::Fault(fault)).await),
                },
                Some(Message::Load) => {
                    let service = Service::new(Name::Fixed(STORAGE));
                    if let Err(fault) = mailbox.context().register(&service).await {
                        let _ = mailbox.fail(&fault.into()).await;
                    }
                    break;
                }
                Some(Message::Ended) => {
                    ended = true;
                    break;
                }
                _ => break,
            }
        }
        if !group.is_empty() {
            storage.apply(&mut group).await;
        }
        for (id, request) in ids.iter().zip(&group) {
            answer(&mailbox, *id, request).await;
        }
    }
}

/// The request of a call, when its caller may make it.
fn accept<'b>(kernel: Kernel, call: &Request<'b>, out: &'b mut [u8]) -> Result<StorageRequest<'b>, Fault> {
    let malformed = Fault::NotJson { at: 0 };
    let (head, rest) = call.bytes().split_first_chunk::<HEAD>().ok_or(malformed)?;
    let head = Head::from_bytes(*head).ok_or(malformed)?;
    let (namespace, rest) = rest.split_at_checked(head.namespace as usize).ok_or(malformed)?;
    let (key, value) = rest.split_at_checked(head.key as usize).ok_or(malformed)?;
    let namespace = core::str::from_utf8(namespace).map_err(|_| malformed)?;
    let key = core::str::from_utf8(key).map_err(|_| malformed)?;
    // Whoever calls by the waist may have made up these bytes: they pass the same checks as the API's.
    Head::new(head.op, namespace, key, head.limit)?;
    let is_json = match head.op {
        StorageOp::Set => crate::json::check(value).is_ok(),
        StorageOp::Batch => Batch::new(value).is_whole(),
        _ => true,
    };
    if !is_json {
        return Err(malformed);
    }
    may_store(kernel, call.caller, namespace, head.op)?;
    // A page has as many names as its reader has room for.
    let room = match head.op {
        StorageOp::ListKeys | StorageOp::Namespaces => out.len().min(head.room as usize),
        _ => out.len(),
    };
    let (out, _) = out.split_at_mut_checked(room).unwrap_or_default();
    Ok(StorageRequest {
        op: head.op,
        namespace,
        key,
        value,
        limit: head.limit,
        out,
        result: Err(Fault::Storage.into()),
    })
}

/// Refuses what `who` may not do in this namespace.
fn may_store(kernel: Kernel, who: PluginId, namespace: &str, op: StorageOp) -> Result<(), Fault> {
    if !who.is_plugin() {
        return Ok(());
    }
    let allowed = kernel.with(|core| {
        let metadata = core.lives.get(who).map(|slot| slot.metadata());
        let own = core.name_of(who) == namespace
            || metadata.is_some_and(|metadata| metadata.writes.contains(&namespace));
        let reads = || metadata.is_some_and(|metadata| metadata.reads.contains(&namespace));
        op != StorageOp::Namespaces && (own || (!op.is_write() && reads()))
    });
    match allowed {
        Some(true) => Ok(()),
        _ => Err(Fault::Denied),
    }
}

/// Answers a request, what was read only when it is JSON.
async fn answer(mailbox: &Mailbox, id: CallId, request: &StorageRequest<'_>) {
    let made;
    let count;
    let answer = match &request.result {
        Ok(Stored::Done) => Answer::Bytes(&[]),
        Ok(Stored::Absent) => Answer::Absent,
        Ok(Stored::Count(number)) => {
            count = number.to_le_bytes();
            Answer::Bytes(&count)
        }
        Ok(Stored::Bytes(len)) => {
            let read = request.out.get(..*len).unwrap_or(&[]);
            match request.op {
                StorageOp::Get if crate::json::check(read).is_err() => {
                    made = corrupt(request.namespace, request.key);
                    failed(&made)
                }
                _ => Answer::Bytes(read),
            }
        }
        Err(error) => failed(error),
    };
    let _ = mailbox.answer(id, answer).await;
}

/// An error of the storage's: where its text cannot be kept, as a fault.
fn failed(error: &Error) -> Answer<'_> {
    if cfg!(feature = "messages") {
        return Answer::Error(error);
    }
    Answer::Fault(match error.code() {
        "corrupt" => Fault::Corrupt,
        _ => Fault::Storage,
    })
}

/// The error of a value that is damaged: it names namespace and key.
#[cfg(feature = "messages")]
pub fn corrupt(namespace: &str, key: &str) -> Error {
    Error::format(
        Fault::Corrupt.code(),
        format_args!("{key} in {namespace}: {}", Fault::Corrupt),
    )
}

/// The error of a value that is damaged.
#[cfg(not(feature = "messages"))]
pub fn corrupt(_: &str, _: &str) -> Error {
    Fault::Corrupt.into()
}

impl PluginManager {
    /// Installs the storage's plugin; then run [`serve`] in each of its lives.
    ///
    /// # Errors
    /// Those of [`PluginManager::install`].
    pub fn install_storage(&self) -> Result<Installed, Fault> {
        self.install(&STORAGE_METADATA)
    }
}
