//! The events that clients watch.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::failure::Failure;
use crate::feed::Feed;
use crate::pool::{Pool, Who, full};
use crate::ring::Seen;
use crate::session::Watch;

/// Watches at the same time, and of one key.
const WATCHES: usize = 24;
const OF_ONE: usize = 8;
/// Clients that are being led from the past to the present, each with a session of its own.
const CATCHING_UP: usize = 8;
/// How long is waited for a place among these.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing comes before it is asked how far one is.
const PAUSE: Duration = Duration::from_millis(20);

/// What the clients of a gateway watch. Clients with the same key and filter share one watch.
pub struct Feeds {
    pool: Arc<Pool>,
    open: Mutex<HashMap<(String, String), Weak<Feed>>>,
    watches: Arc<Semaphore>,
    catching_up: Arc<Semaphore>,
}

impl Feeds {
    /// Those of a gateway with these sessions. Its watches have up to 32 more.
    pub fn new(pool: Arc<Pool>) -> Arc<Feeds> {
        Arc::new(Feeds {
            pool,
            open: Mutex::default(),
            watches: Arc::new(Semaphore::new(WATCHES)),
            catching_up: Arc::new(Semaphore::new(CATCHING_UP)),
        })
    }

    /// The events that match, from the sequence number `since` on, as far back as the runtime's log reaches; from now
    /// on without it.
    ///
    /// # Errors
    /// The runtime's reason why the key may not; `too_many_clients` when there is no place for one more watch.
    ///
    /// # Cancellation
    /// Nothing happened.
    pub async fn subscribe(
        &self,
        who: &Who,
        filter: &str,
        since: Option<u64>,
    ) -> Result<Subscription, Failure> {
        self.pool.session(who).await?.may_watch(filter).await?;
        let feed = self.feed(who, filter).await?;
        let changes = feed.changes();
        let (begins, end) = feed.extent();
        let past = match since {
            Some(since) if since < begins => Some(self.past(who, filter, since).await?),
            _ => None,
        };
        Ok(Subscription {
            position: since.unwrap_or(end),
            feed,
            changes,
            past,
        })
    }

    async fn feed(&self, who: &Who, filter: &str) -> Result<Arc<Feed>, Failure> {
        // Held while one is opened: a crowd of clients opens one.
        let mut open = self.open.lock().await;
        open.retain(|_, feed| feed.upgrade().is_some_and(|feed| !feed.is_over()));
        let name = (who.key.clone(), filter.to_owned());
        if let Some(feed) = open.get(&name).and_then(Weak::upgrade) {
            return Ok(feed);
        }
        if open.keys().filter(|(key, _)| *key == who.key).count() >= OF_ONE {
            return Err(Failure::new(
                "too_many_clients",
                format!("{OF_ONE} filters are watched with this key, as many as may be: close some"),
            ));
        }
        let Ok(place) = self.watches.clone().try_acquire_owned() else {
            return Err(full(WATCHES));
        };
        let watch = self.pool.own(who).await?.watch(filter, None).await?;
        let feed = Feed::of(watch, place);
        open.insert(name, Arc::downgrade(&feed));
        Ok(feed)
    }

    async fn past(&self, who: &Who, filter: &str, since: u64) -> Result<Past, Failure> {
        let place = timeout(PATIENCE, self.catching_up.clone().acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return Err(full(CATCHING_UP));
        };
        let watch = self.pool.own(who).await?.watch(filter, Some(since)).await?;
        Ok(Past { watch, _place: place })
    }
}

/// What a client is still to get from before its feed begins.
struct Past {
    watch: Watch,
    _place: OwnedSemaphorePermit,
}

/// A client's place among the events.
pub struct Subscription {
    feed: Arc<Feed>,
    changes: watch::Receiver<()>,
    /// The sequence number of the first event that it has not got.
    position: u64,
    past: Option<Past>,
}

impl Subscription {
    /// What comes next.
    ///
    /// # Errors
    /// Why nothing comes any more: the key was taken back, or the runtime is shutting down.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub async fn next(&mut self) -> Result<Seen, Failure> {
        if let Some(seen) = self.next_of_past().await? {
            self.position = seen.end();
            return Ok(seen);
        }
        loop {
            self.changes.mark_unchanged();
            if let Some(seen) = self.feed.at(self.position)? {
                self.position = seen.end();
                return Ok(seen);
            }
            if self.changes.changed().await.is_err() {
                return Err(Failure::unexpected());
            }
        }
    }

    /// The sequence number of the first event that was not got.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// What is next from before the feed; `None` once the feed has all that is missing.
    async fn next_of_past(&mut self) -> Result<Option<Seen>, Failure> {
        while let Some(past) = &mut self.past {
            if self.position >= self.feed.extent().0 {
                self.past = None;
                break;
            }
            tokio::select! {
                biased;
                seen = past.watch.next() => return seen.map(Some),
                () = sleep(PAUSE) => {}
            }
            let reached = past.watch.position().await?;
            if let Some(seen) = past.watch.next_now() {
                return Ok(Some(seen));
            }
            self.position = self.position.max(reached);
        }
        Ok(None)
    }
}
