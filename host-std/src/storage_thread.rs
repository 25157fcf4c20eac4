//! The thread that owns the database and answers storage requests.
//!
//! It needs nothing but a waker, so it parks rather than polls a reactor. A panic in it is an error of
//! ours; it is logged, the group it interrupted is forgotten (nothing of it was acknowledged, its
//! requests end by their deadlines) and the thread serves on.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use kernel_core::Kernel;
use kernel_core::storage::serve;
use tracing::error;

use crate::host_error::HostError;
use crate::panics;
use crate::sqlite::{Database, StorageError};
use crate::sqlite_storage::SqliteStorage;
use crate::worker::Worker;

pub(crate) struct StorageThread {
    worker: Worker,
    closed: Receiver<Result<(), StorageError>>,
}

impl StorageThread {
    /// Returns once requests are taken.
    pub(crate) fn spawn(kernel: Kernel, database: Database, call_bytes: usize) -> Result<Self, HostError> {
        let (open, opened) = channel::<()>();
        let (closing, closed) = channel();
        let worker = Worker::spawn("storage", move |_| {
            let mut storage = SqliteStorage::new(database);
            let mut buf = vec![0; call_bytes.saturating_mul(2)];
            let mut open = Some(open);
            while let Err(payload) = catch_unwind(AssertUnwindSafe(|| {
                crate::park::block_on(served(kernel, &mut storage, &mut buf, || drop(open.take())));
            })) {
                error!(
                    "the storage thread panicked and serves on; requests under way end by their deadlines: {}",
                    panics::text(payload.as_ref())
                );
                if let Err(error) = storage.abandon_group() {
                    error!("the storage could not undo the group that was interrupted: {error}");
                }
            }
            let result = storage.close();
            if let Err(error) = &result {
                error!("closing the database: {error}");
            }
            let _ = closing.send(result);
        })?;
        // Nothing is sent: the sender is dropped at the first turn, or with the thread.
        let _ = opened.recv();
        Ok(StorageThread { worker, closed })
    }

    /// Waits until the database is closed: the kernel must have been asked to close its storage.
    /// `None` when it was not in time.
    pub(crate) fn closed_by(self, deadline: Instant) -> Option<Result<(), StorageError>> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.closed.recv_timeout(left) {
            Ok(result) => {
                self.worker.join_until(deadline);
                Some(result)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(StorageError::Internal {
                message: "the storage thread ended before it closed the database".to_owned(),
            })),
        }
    }
}

/// [`serve`], telling by `open` when it has taken up its work.
async fn served(kernel: Kernel, storage: &mut SqliteStorage, buf: &mut [u8], mut open: impl FnMut()) {
    let mut serving = pin!(serve(kernel, storage, buf));
    std::future::poll_fn(|cx| {
        let turn = serving.as_mut().poll(cx);
        open();
        turn
    })
    .await;
}
