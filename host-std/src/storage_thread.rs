//! The thread that owns the storage engine, and on which the plugin `storage` runs.
//!
//! It needs nothing but a waker, so it parks rather than polls a reactor. A panic in it is an error of ours: the
//! plugin is FAILED, nothing of the group was acknowledged, and its next life serves on.

use std::pin::pin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Instant;

use kernel_core::storage::Storage;
use kernel_core::{Error, Installed, serve};
use tracing::error;

use crate::engine::{Closed, Engine, Opened};
use crate::host_error::HostError;
use crate::panics;
use crate::park::block_on;
use crate::worker::{Stop, Worker};

/// The most requests in one group.
const GROUP: usize = <Opened as Storage>::GROUP;

pub(crate) struct StorageThread {
    worker: Worker,
    closed: Receiver<Closed>,
}

impl StorageThread {
    /// Serves the engine as the plugin that was `installed`, once it is started.
    pub(crate) fn spawn(
        installed: Installed,
        engine: Box<dyn Engine>,
        call_bytes: usize,
    ) -> Result<Self, HostError> {
        let (closing, closed) = channel();
        let worker = Worker::spawn("storage", move |stop| {
            serve_until_asked(installed, Opened(engine), call_bytes, stop, &closing);
        })?;
        Ok(StorageThread { worker, closed })
    }

    /// Asks it to close the storage, and waits until that is done; `None` when it was not in time.
    pub(crate) fn close_by(mut self, deadline: Instant) -> Option<Closed> {
        self.worker.ask();
        let left = deadline.saturating_duration_since(Instant::now());
        match self.closed.recv_timeout(left) {
            Ok(result) => {
                self.worker.join_until(deadline);
                Some(result)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(
                "the storage thread ended before it closed the storage".to_owned(),
            )),
        }
    }
}

fn serve_until_asked(
    installed: Installed,
    mut storage: Opened,
    call_bytes: usize,
    stop: Stop,
    closing: &Sender<Closed>,
) {
    // A request and what it reads, for each of a group. Zero pages, which cost nothing until they are used.
    let mut buf = vec![0; call_bytes.saturating_mul(2 * GROUP)];
    let mut stop = pin!(stop.asked());
    let goes_on = |life: Result<(), String>, storage: &mut Opened| {
        if let Err(text) = life {
            installed.crashed(&Error::new("panic", &text));
            if let Err(error) = storage.0.abandon_group() {
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
    let result = storage.0.close();
    if let Err(error) = &result {
        error!("closing the storage: {error}");
    }
    let _ = closing.send(result);
}
