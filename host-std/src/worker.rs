//! A thread that can be asked to end, and waited for with a deadline.
//!
//! The standard join has no deadline; here the thread holds the sending half of a channel, which the
//! system drops when the thread ends, however it ends.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::host_error::HostError;

/// What a worker waits for to end: resolves once it is asked to, or nobody can ask any more.
pub(crate) struct Stop(oneshot::Receiver<()>);

impl Stop {
    pub(crate) async fn asked(self) {
        let _ = self.0.await;
    }

    /// True once the worker was asked to end, or nobody can ask any more.
    pub(crate) fn is_asked(&mut self) -> bool {
        !matches!(self.0.try_recv(), Err(oneshot::error::TryRecvError::Empty))
    }
}

/// A running thread.
pub(crate) struct Worker {
    name: String,
    stop: Option<oneshot::Sender<()>>,
    ended: Receiver<()>,
    handle: JoinHandle<()>,
}

/// How waiting for a worker came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    Panicked,
    StillRunning,
}

impl Worker {
    pub(crate) fn spawn(name: &str, body: impl FnOnce(Stop) + Send + 'static) -> Result<Worker, HostError> {
        let (stop, asked) = oneshot::channel();
        let (alive, ended) = channel::<()>();
        let handle = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let _alive = alive;
                body(Stop(asked));
            })
            .map_err(|cause| HostError::Thread {
                name: name.to_owned(),
                cause,
            })?;
        Ok(Worker {
            name: name.to_owned(),
            stop: Some(stop),
            ended,
            handle,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// False once the thread has ended.
    pub(crate) fn is_running(&self) -> bool {
        !self.handle.is_finished()
    }

    /// Asks the thread to end.
    pub(crate) fn ask(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        self.handle.thread().unpark();
    }

    /// Waits for the thread to end. One that does not is left behind: the end of the process ends it.
    pub(crate) fn join_until(mut self, deadline: Instant) -> Ended {
        self.ask();
        let left = deadline.saturating_duration_since(Instant::now());
        match self.ended.recv_timeout(left) {
            Err(RecvTimeoutError::Timeout) => Ended::StillRunning,
            Ok(()) | Err(RecvTimeoutError::Disconnected) => match self.handle.join() {
                Ok(()) => Ended::Well,
                Err(_) => Ended::Panicked,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn a_worker_ends_when_it_is_asked() {
        let worker = Worker::spawn("obedient", |stop| crate::park::block_on(stop.asked())).unwrap();
        assert_eq!(worker.join_until(soon()), Ended::Well);
    }

    #[test]
    fn one_that_panics_is_told_from_one_that_hangs() {
        let panics = Worker::spawn("panics", |_| std::panic::resume_unwind(Box::new(()))).unwrap();
        assert_eq!(panics.join_until(soon()), Ended::Panicked);
        let (release, wait) = channel::<()>();
        let hangs = Worker::spawn("hangs", move |_| {
            let _ = wait.recv();
        })
        .unwrap();
        assert_eq!(hangs.join_until(Instant::now()), Ended::StillRunning);
        drop(release);
    }
}
