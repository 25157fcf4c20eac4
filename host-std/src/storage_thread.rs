//! The thread that owns the database and answers storage requests, but for reads that a
//! [`guest`] does.
//!
//! It needs nothing but a waker, so it parks rather than polls a reactor. A panic in it is an error of
//! ours; it is logged, the group it interrupted is forgotten (nothing of it was acknowledged, its
//! requests end by their deadlines) and the storage serves on.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::task::Poll;
use std::time::Instant;

use kernel_core::Kernel;
use kernel_core::storage::serve;
use tracing::error;

use crate::guest::{self, Turns};
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
            let mut open = Some(open);
            let storage = SqliteStorage::new(database);
            Turns::new(serve_until_closed(kernel, storage, call_bytes, closing)).run(|| drop(open.take()));
        })?;
        // Nothing is sent: the sender is dropped after the first turn, or with the thread.
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

async fn serve_until_closed(
    kernel: Kernel,
    mut storage: SqliteStorage,
    call_bytes: usize,
    closing: Sender<Result<(), StorageError>>,
) {
    let mut buf = vec![0; call_bytes.saturating_mul(2)];
    while let Err(payload) = caught(serve(kernel, &mut storage, &mut buf)).await {
        error!(
            "the storage panicked and serves on; requests under way end by their deadlines: {}",
            panics::text(payload.as_ref())
        );
        if let Err(error) = storage.abandon_group() {
            error!("the storage could not undo the group that was interrupted: {error}");
        }
    }
    guest::works().await;
    let result = storage.close();
    if let Err(error) = &result {
        error!("closing the database: {error}");
    }
    let _ = closing.send(result);
}

/// What the future gives, or what it panicked with.
async fn caught<T>(future: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(turn) => turn.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        },
    )
    .await
}
