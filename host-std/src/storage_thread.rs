//! The thread that owns the database, and on which the plugin `storage` runs.
//!
//! It needs nothing but a waker, so it parks rather than polls a reactor. A panic in it is an error of ours: the
//! plugin is FAILED, nothing of the group was acknowledged, and its next life serves on.

use std::pin::pin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Instant;

use kernel_core::{CoreRuntime, Error, Installed, serve};
use tracing::error;

use crate::host_error::HostError;
use crate::panics;
use crate::park::block_on;
use crate::sqlite::{Database, StorageError};
use crate::sqlite_storage::SqliteStorage;
use crate::worker::{Stop, Worker};

/// The most requests in one group.
const GROUP: usize = <SqliteStorage as kernel_core::storage::Storage>::GROUP;

pub(crate) struct StorageThread {
    worker: Worker,
    closed: Receiver<Result<(), StorageError>>,
}

impl StorageThread {
    /// Serves the database as the plugin that was `installed`, once it is started.
    pub(crate) fn spawn(
        installed: Installed,
        database: Database,
        call_bytes: usize,
    ) -> Result<Self, HostError> {
        let (closing, closed) = channel();
        let worker = Worker::spawn("storage", move |stop| {
            serve_until_asked(
                installed,
                SqliteStorage::new(database).reporting_to(CoreRuntime::new(installed.kernel())),
                call_bytes,
                stop,
                &closing,
            );
        })?;
        Ok(StorageThread { worker, closed })
    }

    /// Asks it to close the database, and waits until that is done; `None` when it was not in time.
    pub(crate) fn close_by(mut self, deadline: Instant) -> Option<Result<(), StorageError>> {
        self.worker.ask();
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

fn serve_until_asked(
    installed: Installed,
    mut storage: SqliteStorage,
    call_bytes: usize,
    stop: Stop,
    closing: &Sender<Result<(), StorageError>>,
) {
    // A request and what it reads, for each of a group. Zero pages, which cost nothing until they are used.
    let mut buf = vec![0; call_bytes.saturating_mul(2 * GROUP)];
    let mut stop = pin!(stop.asked());
    let goes_on = |life: Result<(), String>, storage: &mut SqliteStorage| {
        if let Err(text) = life {
            installed.crashed(&Error::new("panic", &text));
            if let Err(error) = storage.abandon_group() {
                error!("the storage could not undo the group that was interrupted: {error}");
            }
        }
    };
    block_on(async {
        loop {
            let life = {
                let life = pin!(serve::<_, GROUP>(installed, &mut storage, &mut buf));
                tokio::select! {
                    biased;
                    life = panics::catch("storage", life) => life,
                    () = &mut stop => return,
                }
            };
            goes_on(life, &mut storage);
        }
    });
    let result = storage.close();
    if let Err(error) = &result {
        error!("closing the database: {error}");
    }
    let _ = closing.send(result);
}
