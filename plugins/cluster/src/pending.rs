//! Calls under way between runtimes.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::AbortHandle;
use kernel_core::{CallId, Error, Json, Mailbox};

use crate::lock::lock;

/// A call of this runtime's that another one answers.
#[derive(Clone)]
pub(crate) struct Waiting {
    pub(crate) to: String,
    pub(crate) mailbox: Mailbox,
    pub(crate) call: CallId,
}

impl Waiting {
    /// Answers it. A caller that is gone does not matter.
    pub(crate) fn answer(&self, answer: Result<Json<'_>, &Error>) {
        let _ = self.mailbox.reply(self.call, answer).now();
    }
}

/// Those that this runtime waits for.
#[derive(Default)]
pub(crate) struct Pending {
    calls: Mutex<HashMap<u64, Waiting>>,
    next: AtomicU64,
    pub(crate) made: AtomicU64,
}

impl Pending {
    pub(crate) fn add(&self, waiting: Waiting) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.made.fetch_add(1, Ordering::Relaxed);
        lock(&self.calls).insert(id, waiting);
        id
    }

    pub(crate) fn take(&self, id: u64) -> Option<Waiting> {
        lock(&self.calls).remove(&id)
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.calls).len()
    }

    /// Takes those out that `which` picks.
    pub(crate) fn take_where(&self, mut which: impl FnMut(&Waiting) -> bool) -> Vec<(u64, Waiting)> {
        lock(&self.calls)
            .extract_if(|_, waiting| which(waiting))
            .collect()
    }
}

/// Those that this runtime answers, by who asked.
#[derive(Default)]
pub(crate) struct Serving {
    calls: Mutex<HashMap<(String, u64), AbortHandle>>,
    /// For whom each call was made here, the latest first.
    chains: Mutex<HashMap<CallId, Vec<String>>>,
    pub(crate) served: AtomicU64,
    /// Room for replies.
    buffers: Mutex<Vec<Vec<u8>>>,
}

/// Buffers that are kept for later.
const KEPT: usize = 32;

impl Serving {
    pub(crate) fn begin(&self, from: &str, id: u64, task: AbortHandle) {
        self.served.fetch_add(1, Ordering::Relaxed);
        lock(&self.calls).insert((from.to_owned(), id), task);
    }

    pub(crate) fn end(&self, from: &str, id: u64) {
        lock(&self.calls).remove(&(from.to_owned(), id));
    }

    /// Cancels a call.
    pub(crate) fn cancel(&self, from: &str, id: u64) {
        if let Some(task) = lock(&self.calls).remove(&(from.to_owned(), id)) {
            task.abort();
        }
    }

    /// Cancels all that a runtime asked for.
    pub(crate) fn cancel_all(&self, from: &str) {
        let gone = lock(&self.calls)
            .extract_if(|(asker, _), _| asker == from)
            .collect::<Vec<_>>();
        for (_, task) in gone {
            task.abort();
        }
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.calls).len()
    }

    /// Begins a call by `begin`, for this chain: nobody looks for the chain of a call that has begun before it is there.
    pub(crate) fn begin_for<R>(
        &self,
        chain: &[String],
        begin: impl FnOnce() -> (Option<CallId>, R),
    ) -> (Option<CallId>, R) {
        let mut chains = lock(&self.chains);
        let (id, outcome) = begin();
        if let Some(id) = id {
            chains.insert(id, chain.to_vec());
        }
        (id, outcome)
    }

    /// Room for a reply.
    pub(crate) fn buffer(&self, size: usize) -> Vec<u8> {
        lock(&self.buffers).pop().unwrap_or_else(|| vec![0; size])
    }

    /// Gives room back.
    pub(crate) fn give_back(&self, buffer: Vec<u8>) {
        let mut buffers = lock(&self.buffers);
        if buffers.len() < KEPT {
            buffers.push(buffer);
        }
    }

    pub(crate) fn forget(&self, call: CallId) {
        lock(&self.chains).remove(&call);
    }

    pub(crate) fn chain(&self, call: CallId) -> Option<Vec<String>> {
        lock(&self.chains).get(&call).cloned()
    }
}
