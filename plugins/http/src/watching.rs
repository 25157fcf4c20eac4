//! Where a client is among the events, also across a restart of the runtime, where they are numbered anew.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use link_gateway::{Failure, Feeds, Seen, Subscription, Who};

use crate::params::whole;
use crate::problem::Problem;

/// What numbers of this process are told from those of others by.
fn present_run() -> u32 {
    static RUN: OnceLock<u32> = OnceLock::new();
    *RUN.get_or_init(|| RandomState::new().hash_one(std::process::id()) as u32)
}

/// A sequence number and the run of the runtime that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// `None` for the present one.
    run: Option<u32>,
    seq: u64,
}

impl Place {
    /// The place of the event with this sequence number.
    pub(crate) fn of(seq: u64) -> Place {
        Place {
            run: Some(present_run()),
            seq,
        }
    }

    /// From the event with this id or number on.
    pub(crate) fn from(text: &str) -> Result<Place, Problem> {
        let (run, seq) = match text.split_once('.') {
            Some((run, seq)) => {
                let run = (run.len() == 8)
                    .then(|| u32::from_str_radix(run, 16).ok())
                    .flatten();
                (Some(run.ok_or_else(|| wrong(text))?), seq)
            }
            None => (None, text),
        };
        let seq = whole("since", seq, 0, u64::MAX - 1).map_err(|_| wrong(text))?;
        Ok(Place { run, seq })
    }

    /// From behind the event with this id on.
    pub(crate) fn after(text: &str) -> Result<Place, Problem> {
        let place = Place::from(text)?;
        Ok(Place {
            seq: place.seq + 1,
            ..place
        })
    }
}

fn wrong(text: &str) -> Problem {
    let shown: String = text.chars().take(40).collect();
    Problem::invalid(format!("{shown:?} is no event's id or sequence number"))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}.{}", self.run.unwrap_or_else(present_run), self.seq)
    }
}

/// What a client that watches gets to know next.
pub(crate) enum News {
    /// The runtime was restarted since: what was published before its end is lost, and numbers begin anew.
    Restarted,
    Seen(Seen),
}

/// A client that watches.
pub(crate) struct Watching {
    subscription: Subscription,
    is_restarted: bool,
}

/// Watches from `place` on; from now on without one.
pub(crate) async fn watch(
    feeds: &Feeds,
    who: &Who,
    filter: &str,
    place: Option<Place>,
) -> Result<Watching, Problem> {
    let is_restarted = place.is_some_and(|place| place.run.is_some_and(|run| run != present_run()));
    let since = match place {
        Some(_) if is_restarted => Some(1),
        place => place.map(|place| place.seq),
    };
    let subscription = feeds.subscribe(who, filter, since).await?;
    Ok(Watching {
        subscription,
        is_restarted,
    })
}

impl Watching {
    /// What comes next.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub(crate) async fn next(&mut self) -> Result<News, Failure> {
        if std::mem::take(&mut self.is_restarted) {
            return Ok(News::Restarted);
        }
        self.subscription.next().await.map(News::Seen)
    }

    /// Where the client is: of what was got last.
    pub(crate) fn place(&self) -> Place {
        Place::of(self.subscription.position().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_and_others_are_refused() {
        let place = Place::of(41);
        assert_eq!(Place::from(&place.to_string()).unwrap(), place);
        assert_eq!(Place::after(&place.to_string()).unwrap().seq, 42);
        assert_eq!(Place::from("7").unwrap(), Place { run: None, seq: 7 });
        let most = u64::MAX.to_string();
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "x.1",
            "12345678.-1",
            "+1",
            "1.2.3",
            "123456789.1",
            "é2345678.1",
            &most,
        ] {
            assert!(Place::from(text).is_err(), "{text}");
        }
    }
}
