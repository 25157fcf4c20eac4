//! Sessions by key: a bounded number, idle ones closed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::door::Door;
use crate::failure::Failure;
use crate::session::Session;

/// Sessions of one key and address at the same time, each with as many requests in flight as the link allows.
const OF_ONE: usize = 4;
/// A session is closed that nobody used for so long.
const IDLE: Duration = Duration::from_secs(60);
/// How long is waited for another client's session to be free.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked for one meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// A client: the key that it shows, and the address from which it comes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Who {
    /// The key.
    pub key: String,
    /// The address, for whoever counts wrong keys, and for people.
    pub peer: String,
}

/// The sessions of a gateway.
pub struct Pool {
    door: Door,
    name: &'static str,
    most: usize,
    sessions: Mutex<HashMap<Who, Kept>>,
    freed: Notify,
}

#[derive(Default)]
struct Kept {
    open: Vec<(Session, Instant)>,
    /// Being opened.
    opening: usize,
}

impl Pool {
    /// Sessions through this door, `most` of them at the same time. `name` is who the gateway is, for people.
    pub fn new(door: Door, name: &'static str, most: usize) -> Arc<Pool> {
        Arc::new(Pool {
            door,
            name,
            most,
            sessions: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// A session of this client, opened when there is none with room.
    ///
    /// # Errors
    /// [`Failure::locked_out`] for a key that is not good; `too_many_clients` when all sessions are in use by others.
    ///
    /// # Cancellation
    /// Nothing happened.
    pub async fn session(&self, who: &Who) -> Result<Session, Failure> {
        let wait = async {
            loop {
                let freed = self.freed.notified();
                match self.find(who) {
                    Found::Session(session) => return Ok(session),
                    Found::Place(place) => return self.open_in(place).await,
                    // One that is used no more is free without a word.
                    Found::Nothing => drop(timeout(LOOK, freed).await),
                }
            }
        };
        match timeout(PATIENCE, wait).await {
            Ok(outcome) => outcome,
            Err(_) => Err(full(self.most)),
        }
    }

    /// A session of this client that is kept by nobody else.
    ///
    /// # Errors
    /// The runtime's.
    ///
    /// # Cancellation
    /// Nothing happened.
    pub async fn own(&self, who: &Who) -> Result<Session, Failure> {
        let (read, write) = tokio::io::split(self.door.enter(&who.peer).await?);
        Session::open(read, write, self.name, &who.key).await
    }

    /// Closes the sessions that nobody used for a while. To be called now and then.
    pub fn tidy(&self) {
        self.lock().retain(|_, kept| {
            kept.open.retain(|(session, used)| {
                session.over().is_none() && !(session.is_alone() && used.elapsed() > IDLE)
            });
            !kept.open.is_empty() || kept.opening > 0
        });
        self.freed.notify_waiters();
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        total(&self.lock())
    }

    /// True without any session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Who, Kept>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, who: &Who) -> Found<'_> {
        let mut all = self.lock();
        let mut crowded = None;
        let mut has_place = true;
        if let Some(kept) = all.get_mut(who) {
            kept.open.retain(|(session, _)| session.over().is_none());
            for (session, used) in &mut kept.open {
                if session.room() > 0 {
                    *used = Instant::now();
                    return Found::Session(session.clone());
                }
                crowded = Some(session.clone());
            }
            has_place = kept.open.len() + kept.opening < OF_ONE;
        }
        if has_place && (total(&all) < self.most || close_oldest(&mut all)) {
            all.entry(who.clone()).or_default().opening += 1;
            return Found::Place(Place {
                pool: self,
                who: who.clone(),
            });
        }
        // It has room again when one of its requests is done.
        crowded.map_or(Found::Nothing, Found::Session)
    }

    async fn open_in(&self, place: Place<'_>) -> Result<Session, Failure> {
        let session = self.own(&place.who).await?;
        let mut all = self.lock();
        let kept = all.entry(place.who.clone()).or_default();
        kept.open.push((session.clone(), Instant::now()));
        Ok(session)
    }
}

enum Found<'p> {
    Session(Session),
    Place(Place<'p>),
    Nothing,
}

/// A place for a session that is being opened.
struct Place<'p> {
    pool: &'p Pool,
    who: Who,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut all = self.pool.lock();
        if let Some(kept) = all.get_mut(&self.who) {
            kept.opening = kept.opening.saturating_sub(1);
            if kept.open.is_empty() && kept.opening == 0 {
                all.remove(&self.who);
            }
        }
        drop(all);
        self.pool.freed.notify_waiters();
    }
}

fn total(all: &HashMap<Who, Kept>) -> usize {
    all.values().map(|kept| kept.open.len() + kept.opening).sum()
}

/// Closes the session that nobody used for the longest; false when all are in use.
fn close_oldest(all: &mut HashMap<Who, Kept>) -> bool {
    let idle = all.iter().flat_map(|(who, kept)| {
        let alone = kept.open.iter().filter(|(session, _)| session.is_alone());
        alone.map(move |(_, used)| (*used, who))
    });
    let Some((oldest, who)) = idle.min_by_key(|(used, _)| *used) else {
        return false;
    };
    let who = who.clone();
    if let Some(kept) = all.get_mut(&who) {
        kept.open
            .retain(|(session, used)| !(session.is_alone() && *used == oldest));
    }
    true
}

pub(crate) fn full(most: usize) -> Failure {
    Failure::new(
        "too_many_clients",
        format!("all {most} sessions of this gateway are in use: try again"),
    )
}
