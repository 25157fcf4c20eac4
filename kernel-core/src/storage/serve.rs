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
/// It may begin after [`CoreRuntime::start`](crate::CoreRuntime::start): until all plugins are started, what
/// they ask of the storage waits for it, at most a second.
///
/// # Cancellation
/// Requests are no longer answered; run it again to go on. A write that was not committed is not
/// acknowledged, but carried out again then.
pub async fn serve<S: Storage>(kernel: Kernel, storage: &mut S, buf: &mut [u8]) {
    kernel.with(|core| core.open_storage());
    let half = buf.len() / 2;
    let Some((input, output)) = buf.split_at_mut_checked(half) else {
        return;
    };
    loop {
        let (call, most) = match next(kernel).await {
            Next::Closed => break,
            Next::Again(call) => (call, 1),
            Next::Write(call) => (call, S::GROUP),
            Next::Read(call) => {
                if let Some(request) = kernel.with_once(|core| copy_request(core, call, input)) {
                    let found = read(storage, &request, output).await;
                    let impossible;
                    let answer = match &found {
                        Ok(None) => Ok(None),
                        Ok(Some(len)) if *len <= output.len() => Ok(output.get(..*len)),
                        Ok(Some(_)) => {
                            impossible =
                                StorageError::failed("the storage answered with more than there is room for");
                            Err(&impossible)
                        }
                        Err(error) => Err(error),
                    };
                    answer_with(kernel, call, answer);
                }
                continue;
            }
        };
        group(kernel, storage, call, most, input).await;
    }
    kernel.with(|core| core.close_storage());
}

/// What the storage is to do.
enum Next {
    Read(CallId),
    Write(CallId),
    /// A write of a group that was not committed: by itself, so that one write that cannot be stored does
    /// not take the others with it.
    Again(CallId),
    Closed,
}

/// What a write answers with once it is durable. Counted from 1, so that zero is none.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Done {
    Yes = 1,
    Absent,
    Count(u32),
}

/// Carries out the request `first` and the writes that wait behind it, at most `most`, commits, then
/// answers them. When the commit of several fails, each of them waits to be carried out again.
///
/// What each is to be answered with waits in its call, so that a group takes no memory here.
async fn group<S: Storage>(kernel: Kernel, storage: &mut S, first: CallId, most: usize, input: &mut [u8]) {
    if let Err(error) = storage.begin().await {
        return answer_with(kernel, first, Err(&error));
    }
    let mut count = 0usize;
    let mut failed = None;
    let mut id = Some(first);
    while let Some(call) = id {
        if let Some(request) = kernel.with_once(|core| copy_request(core, call, input)) {
            count = count.wrapping_add(1);
            match write(storage, &request).await {
                Ok(how) => kernel.with(|core| core.stage(call, how)),
                Err(error) => {
                    failed = Some((call, error));
                    break;
                }
            }
        }
        if count >= most {
            break;
        }
        id = kernel.with(|core| {
            let next = core.peek_call(None).filter(|next| core.is_write(*next))?;
            core.take_call(next);
            Some(next)
        });
    }
    let committed = storage.commit().await;
    if let Some((call, error)) = failed {
        if committed.is_ok() || count <= 1 {
            answer_with(kernel, call, Err(&error));
        } else {
            kernel.with(|core| core.stage(call, Done::Yes));
        }
    }
    if committed.is_err() && count > 1 {
        return;
    }
    // One alone leaves those that wait to be carried out again.
    let only = (most == 1).then_some(first);
    while let Some((call, how)) = kernel.with(|core| core.unstage(only)) {
        let count;
        let answer = match (&committed, how) {
            (Err(error), _) => Err(error),
            (Ok(()), Done::Yes) => Ok(Some(&[][..])),
            (Ok(()), Done::Absent) => Ok(None),
            (Ok(()), Done::Count(number)) => {
                count = number.to_le_bytes();
                Ok(Some(&count[..]))
            }
        };
        answer_with(kernel, call, answer);
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

fn answer_with(kernel: Kernel, id: CallId, answer: Result<Option<&[u8]>, &StorageError>) {
    kernel.with(|core| match answer {
        Ok(Some(bytes)) => {
            core.reply(id, None, Ok(bytes));
        }
        Ok(None) => {
            core.reply_absent(id);
        }
        Err(error) => core.refuse_request(id, error),
    });
}

/// What is next, taken off the queue.
async fn next(kernel: Kernel) -> Next {
    poll_fn(|cx| {
        kernel.with(|core| {
            if let Some((call, _)) = core.unstage(None) {
                return Poll::Ready(Next::Again(call));
            }
            if let Some(call) = core.peek_call(None) {
                let is_write = core.is_write(call);
                core.take_call(call);
                return Poll::Ready(if is_write {
                    Next::Write(call)
                } else {
                    Next::Read(call)
                });
            }
            if core.storage_closing {
                return Poll::Ready(Next::Closed);
            }
            keep_waker(&mut core.calls.storage_waker, cx.waker());
            Poll::Pending
        })
    })
    .await
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
        core.refuse_request(id, &StorageError::TooLarge { len, max });
        return None;
    };
    to.copy_from_slice(content);
    let (namespace, rest) = to.split_at_checked(namespace as usize)?;
    let (key, value) = rest.split_at_checked(key as usize)?;
    Some(Request {
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
        if self.storage_closing || !(self.storage_open || self.starting) {
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
            self.calls.staged = true;
        }
    }

    /// A write that waits for its answer: a certain one, or any.
    fn unstage(&mut self, only: Option<CallId>) -> Option<(CallId, Done)> {
        // Each request asks, and hardly ever is there one: not for as many slots as ever were in use.
        if !self.calls.staged {
            return None;
        }
        let found = (0..self.calls.extent()).find_map(|index| {
            let id = self.calls.at(index)?.0;
            if only.is_some_and(|only| only != id) {
                return None;
            }
            Some((id, self.calls.get_mut(id)?.unstage()?))
        });
        self.calls.staged = found.is_some() || only.is_some();
        found
    }

    /// Answers a request with an error.
    fn refuse_request(&mut self, id: CallId, error: &StorageError) {
        self.storage_errors = self.storage_errors.wrapping_add(1);
        let made;
        let error = match error.details() {
            Some(details) => details,
            None => {
                made = error.to_error();
                &made
            }
        };
        self.reply(id, None, Err(error));
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
