//! The storage actor: takes requests out of the mailbox, groups writes, answers after the commit.

use core::future::poll_fn;
use core::task::Poll;

use super::request::Names;
use super::{Op, Ops, Request, Storage, StorageError};
use crate::calls::{Outcome, What};
use crate::id::{CallId, PluginId};
use crate::json::Json;
use crate::kernel::{Core, Kernel, keep_waker};

/// Runs the storage until the runtime closes it ([`CoreRuntime::shutdown`](crate::CoreRuntime)
/// does, after all plugins have stopped), every request that came before then answered.
///
/// `buf` holds one request and its reply: give it twice the capacity `call_bytes`.
///
/// # Cancellation
/// Requests are no longer answered; run it again to go on. A group that was not committed is not
/// acknowledged: its requests end by their deadlines.
pub async fn serve<S: Storage>(kernel: Kernel, storage: &mut S, buf: &mut [u8]) {
    kernel.with(|core| core.open_storage());
    let half = buf.len() / 2;
    let Some((input, output)) = buf.split_at_mut_checked(half) else {
        return;
    };
    while let Some(request) = next(kernel, input).await {
        if request.is_read() {
            let answer = match read(storage, &request, output).await {
                Ok(Some(len)) => match output.get(..len) {
                    Some(bytes) => Ok(Some(bytes)),
                    None => Err(StorageError::failed(
                        "the storage answered with more than there is room for",
                    )),
                },
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            };
            answer_with(kernel, request.id, answer);
            continue;
        }
        group(kernel, storage, request.id, input).await;
    }
    kernel.with(|core| core.close_storage());
}

/// What a write answers with once it is durable. Counted from 1, so that zero is none.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Done {
    Yes = 1,
    Absent,
    Count(u32),
}

/// Carries out the request `first` and the writes that wait behind it, commits, then answers them.
///
/// When the commit fails, each of them is carried out again by itself, so that one write that
/// cannot be stored does not take the others with it.
///
/// What each is to be answered with waits in its call, so that a group takes no memory here.
async fn group<S: Storage>(kernel: Kernel, storage: &mut S, first: CallId, input: &mut [u8]) {
    if let Err(error) = storage.begin().await {
        return answer_with(kernel, first, Err(error));
    }
    let mut count = 0usize;
    let mut failed = None;
    let mut id = Some(first);
    while let Some(call) = id {
        // The first request is in the buffer already; reading it again costs one copy a group.
        if let Some(request) = kernel.with(|core| copy_request(core, call, input)) {
            count = count.wrapping_add(1);
            match write(storage, &request).await {
                Ok(how) => kernel.with(|core| core.stage(call, how)),
                Err(error) => {
                    failed = Some((call, error));
                    break;
                }
            }
        }
        if count >= S::GROUP {
            break;
        }
        id = kernel.with(|core| {
            let next = core.peek_call(None).filter(|next| core.is_write(*next))?;
            core.take_call(next);
            Some(next)
        });
    }
    let committed = storage.commit().await;
    while let Some((call, how)) = kernel.with(|core| core.unstage()) {
        match &committed {
            Ok(()) => acknowledge(kernel, call, how),
            // It was alone already.
            Err(error) if count == 1 => answer_with(kernel, call, Err(error.clone())),
            Err(_) => alone(kernel, storage, call, input).await,
        }
    }
    match (failed, committed) {
        (Some((call, _)), Err(_)) if count > 1 => alone(kernel, storage, call, input).await,
        (Some((call, error)), _) => answer_with(kernel, call, Err(error)),
        (None, _) => {}
    }
}

/// Carries out one write in a group of its own.
async fn alone<S: Storage>(kernel: Kernel, storage: &mut S, call: CallId, input: &mut [u8]) {
    let Some(request) = kernel.with(|core| copy_request(core, call, input)) else {
        return;
    };
    if let Err(error) = storage.begin().await {
        return answer_with(kernel, call, Err(error));
    }
    let written = write(storage, &request).await;
    match (storage.commit().await, written) {
        (Ok(()), Ok(how)) => acknowledge(kernel, call, how),
        (_, Err(error)) | (Err(error), _) => answer_with(kernel, call, Err(error)),
    }
}

fn acknowledge(kernel: Kernel, call: CallId, how: Done) {
    match how {
        Done::Yes => answer_with(kernel, call, Ok(Some(&[]))),
        Done::Absent => answer_with(kernel, call, Ok(None)),
        Done::Count(count) => answer_with(kernel, call, Ok(Some(&count.to_le_bytes()))),
    }
}

async fn read<S: Storage>(
    storage: &mut S,
    request: &Request<'_>,
    output: &mut [u8],
) -> Result<Option<usize>, StorageError> {
    if request.op == Op::Get {
        return storage.get(request.namespace, request.key, output).await;
    }
    let (limit, room) = match request.value.split_first_chunk::<2>() {
        Some((limit, &[r0, r1, r2, r3])) => {
            (u16::from_le_bytes(*limit), u32::from_le_bytes([r0, r1, r2, r3]))
        }
        _ => (0, 0),
    };
    let room = output.len().min(room as usize);
    let mut page = Names::new(output.get_mut(..room).unwrap_or(&mut []), limit as usize);
    if request.op == Op::Namespaces {
        storage.namespaces(request.key, &mut page).await?;
    } else {
        storage
            .list_keys(request.namespace, request.key, &mut page)
            .await?;
    }
    Ok(Some(page.as_bytes().len()))
}

async fn write<S: Storage>(storage: &mut S, request: &Request<'_>) -> Result<Done, StorageError> {
    let Request {
        namespace,
        key,
        value,
        ..
    } = *request;
    match request.op {
        Op::Set => storage
            .set(namespace, key, Json::trusted(value))
            .await
            .map(|()| Done::Yes),
        Op::Delete => storage
            .delete(namespace, key)
            .await
            .map(|was| if was { Done::Yes } else { Done::Absent }),
        Op::ClearNamespace => storage.clear_namespace(namespace).await.map(Done::Count),
        Op::Batch => storage.batch(namespace, Ops(value)).await.map(|()| Done::Yes),
        Op::Get | Op::ListKeys | Op::Namespaces => Ok(Done::Yes),
    }
}

fn answer_with(kernel: Kernel, id: CallId, answer: Result<Option<&[u8]>, StorageError>) {
    kernel.with(|core| {
        match answer {
            Ok(Some(bytes)) => core.reply(id, None, Ok(bytes)),
            Ok(None) => {
                core.reply_absent(id);
                true
            }
            Err(error) => {
                core.storage_errors = core.storage_errors.wrapping_add(1);
                core.reply(id, None, Err(&error.into_error()))
            }
        };
    });
}

/// The next request, taken off the queue and copied into `buf`; `None` when the storage closes.
async fn next(kernel: Kernel, buf: &mut [u8]) -> Option<Request<'_>> {
    let taken = poll_fn(|cx| {
        kernel.with(|core| {
            while let Some(id) = core.peek_call(None) {
                core.take_call(id);
                // One that has no room in the buffer was answered; the next may have.
                if let Some(request) = copy_request(core, id, buf) {
                    let (namespace, key) = (request.namespace.len(), request.key.len());
                    return Poll::Ready(Some((id, request.op, namespace, key, request.value.len())));
                }
            }
            if core.storage_closing {
                return Poll::Ready(None);
            }
            keep_waker(&mut core.calls.storage_waker, cx.waker());
            Poll::Pending
        })
    })
    .await;
    let (id, op, namespace, key, value) = taken?;
    let (namespace, rest) = buf.split_at_checked(namespace)?;
    let (key, rest) = rest.split_at_checked(key)?;
    Some(Request {
        id,
        op,
        namespace: core::str::from_utf8(namespace).ok()?,
        key: core::str::from_utf8(key).ok()?,
        value: rest.get(..value)?,
    })
}

/// Copies a request out of its call, which was taken; `None` when its caller dropped it, or when
/// the buffer is too small.
fn copy_request<'b>(core: &mut Core, id: CallId, buf: &'b mut [u8]) -> Option<Request<'b>> {
    let What::Storage { op, namespace, key } = core.calls.get(id)?.what else {
        return None;
    };
    let content = core.calls.content(id);
    let (len, max) = (content.len(), buf.len());
    let Some(to) = buf.get_mut(..len) else {
        let error = StorageError::TooLarge { len, max };
        core.reply(id, None, Err(&error.into_error()));
        return None;
    };
    to.copy_from_slice(content);
    let (namespace, rest) = to.split_at_checked(namespace as usize)?;
    let (key, value) = rest.split_at_checked(key as usize)?;
    Some(Request {
        id,
        op,
        namespace: core::str::from_utf8(namespace).ok()?,
        key: core::str::from_utf8(key).ok()?,
        value,
    })
}

impl Core {
    /// Refuses what `who` may not do in this namespace.
    pub(crate) fn may_store(&self, who: PluginId, namespace: &str, op: Op) -> Result<(), StorageError> {
        if !self.is_live(who) {
            return Err(StorageError::Unloaded);
        }
        if !self.storage_open || self.storage_closing {
            return Err(StorageError::Unavailable);
        }
        let allowed = match self.plugins.get(who) {
            None => true,
            Some(_) if op == Op::Namespaces => false,
            Some(plugin) => {
                self.plugin_name(who.index()) == namespace
                    || (matches!(op, Op::Get | Op::ListKeys) && plugin.metadata().reads.contains(&namespace))
            }
        };
        if allowed {
            Ok(())
        } else {
            Err(StorageError::Denied)
        }
    }

    /// Asks the storage to close once it has answered what waits.
    pub(crate) fn request_storage_close(&mut self) {
        self.storage_closing = true;
        let waker = self.calls.storage_waker.take();
        self.wake(waker);
    }

    /// A write was carried out; it is answered after the commit.
    fn stage(&mut self, id: CallId, how: Done) {
        if let Some(slot) = self.calls.get_mut(id) {
            slot.stage(how);
        }
    }

    /// A write that waits for its answer.
    fn unstage(&mut self) -> Option<(CallId, Done)> {
        (0..self.calls.extent()).find_map(|index| {
            let id = self.calls.at(index)?.0;
            Some((id, self.calls.get_mut(id)?.unstage()?))
        })
    }

    fn is_write(&self, id: CallId) -> bool {
        matches!(
            self.calls.get(id).map(|slot| slot.what),
            Some(What::Storage {
                op: Op::Set | Op::Delete | Op::ClearNamespace | Op::Batch,
                ..
            })
        )
    }

    fn open_storage(&mut self) {
        self.storage_open = true;
        self.storage_closing = false;
        self.wake_waiting(crate::timer::On::Lifecycle);
    }

    fn close_storage(&mut self) {
        self.storage_open = false;
        self.finish_calls(Outcome::Unavailable, &|slot| {
            matches!(slot.what, What::Storage { .. })
        });
        self.wake_waiting(crate::timer::On::Lifecycle);
    }
}
