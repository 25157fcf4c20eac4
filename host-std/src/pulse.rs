//! Whether a thread still does its work: it is asked, and answers between other things.

use std::convert::Infallible;

use tokio::sync::{mpsc, oneshot};

/// Asks one thread.
#[derive(Debug, Clone)]
pub(crate) struct Pulse(mpsc::Sender<oneshot::Sender<()>>);

/// The thread's side.
#[derive(Debug)]
pub(crate) struct Asked(mpsc::Receiver<oneshot::Sender<()>>);

impl Pulse {
    pub(crate) fn new() -> (Pulse, Asked) {
        let (ask, asked) = mpsc::channel(1);
        (Pulse(ask), Asked(asked))
    }

    /// Returns once the thread has answered; never where it does not, or has ended.
    pub(crate) async fn beat(&self) {
        let (answer, answered) = oneshot::channel();
        if self.0.send(answer).await.is_err() || answered.await.is_err() {
            std::future::pending().await
        }
    }
}

impl Asked {
    /// Answers, for as long as it is polled.
    pub(crate) async fn answer(&mut self) -> Infallible {
        while let Some(answer) = self.0.recv().await {
            let _ = answer.send(());
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_thread_that_works_answers_and_one_that_does_not_does_not() {
        let reactor = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        reactor.block_on(async {
            let (pulse, mut asked) = Pulse::new();
            let beats = async {
                pulse.beat().await;
                pulse.beat().await;
            };
            tokio::select! {
                never = asked.answer() => match never {},
                () = beats => {}
            }
            let soon = Duration::from_millis(20);
            assert!(
                tokio::time::timeout(soon, pulse.beat()).await.is_err(),
                "it is busy"
            );
            drop(asked);
            assert!(
                tokio::time::timeout(soon, pulse.beat()).await.is_err(),
                "it has ended"
            );
        });
    }
}
