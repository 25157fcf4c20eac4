//! One watch, for all clients with the same key and filter.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::AbortHandle;

use crate::failure::Failure;
use crate::ring::{Ring, Seen};
use crate::session::Watch;

/// What is seen of a watch, for as many readers as there are.
pub(crate) struct Feed {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

struct State {
    ring: Ring,
    over: Option<Failure>,
    reading: Option<AbortHandle>,
}

impl Feed {
    /// Takes what the watch sees, until it ends or nobody has the feed any more.
    pub(crate) fn of(watch: Watch, place: OwnedSemaphorePermit) -> Arc<Feed> {
        let feed = Arc::new(Feed {
            state: Mutex::new(State {
                ring: Ring::new(watch.from()),
                over: None,
                reading: None,
            }),
            changed: watch::Sender::new(()),
        });
        let reading = tokio::spawn(read(watch, place, Arc::downgrade(&feed)));
        feed.lock().reading = Some(reading.abort_handle());
        feed
    }

    /// Learns when there is more.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// True once it sees nothing more.
    pub(crate) fn is_over(&self) -> bool {
        self.lock().over.is_some()
    }

    /// From where on it has all that matched, and up to where.
    pub(crate) fn extent(&self) -> (u64, u64) {
        let state = self.lock();
        (state.ring.begins(), state.ring.end())
    }

    /// What is at `position` or comes first behind it, where that is there already.
    ///
    /// # Errors
    /// Why it will not come.
    pub(crate) fn at(&self, position: u64) -> Result<Option<Seen>, Failure> {
        let state = self.lock();
        match (state.ring.at(position), &state.over) {
            (Some(seen), _) => Ok(Some(seen)),
            (None, Some(why)) => Err(why.clone()),
            (None, None) => Ok(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Some(reading) = &self.lock().reading {
            reading.abort();
        }
    }
}

async fn read(mut watch: Watch, _place: OwnedSemaphorePermit, feed: Weak<Feed>) {
    loop {
        let next = watch.next().await;
        let Some(feed) = feed.upgrade() else { return };
        let mut state = feed.lock();
        let is_over = next.is_err();
        match next {
            Ok(seen) => {
                state.ring.push(seen);
                // What is there already at once, so that its readers are woken once.
                while let Some(seen) = watch.next_now() {
                    state.ring.push(seen);
                }
            }
            Err(why) => state.over = Some(why),
        }
        drop(state);
        feed.changed.send_replace(());
        if is_over {
            return;
        }
    }
}
