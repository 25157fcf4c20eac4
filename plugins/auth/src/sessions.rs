//! Sessions: in memory, so that they end with the runtime, and on its clock, which nobody sets back.

use std::collections::HashMap;
use std::time::Duration;

use kernel_core::{Error, Instant};

use crate::keys::{Holder, Wrong};
use crate::model::Begun;
use crate::secret::{Hash, Kind, Shown, make};

/// The most sessions of a user; one more ends the oldest.
const MOST_OF_A_USER: usize = 16;
/// The most sessions of all.
const MOST: usize = 1_024;

struct Session {
    user: String,
    user_since: Option<u64>,
    hash: Hash,
    end: Instant,
}

impl Session {
    fn holder(&self, id: &str, now: Instant) -> Holder {
        Holder {
            user: self.user.clone(),
            user_since: self.user_since,
            key_id: id.to_owned(),
            scopes: None,
            expires_in_ms: Some(self.end.since(now).as_millis() as u64),
        }
    }
}

/// All sessions, by what they are known by.
#[derive(Default)]
pub(crate) struct Sessions(HashMap<String, Session>);

impl Sessions {
    pub(crate) fn begin(
        &mut self,
        user: &str,
        user_since: Option<u64>,
        now: Instant,
        lasts: Duration,
    ) -> Result<(String, Begun), Error> {
        self.0.retain(|_, session| now.is_before(session.end));
        let of_user = self.0.iter().filter(|(_, session)| session.user == user);
        if of_user.clone().count() >= MOST_OF_A_USER {
            let oldest = of_user.min_by_key(|(_, session)| session.end.as_micros());
            let oldest = oldest.map(|(id, _)| id.clone());
            oldest.map(|id| self.0.remove(&id));
        }
        if self.0.len() >= MOST {
            return Err(Error::format(
                "full",
                format_args!("all {MOST} sessions are there"),
            ));
        }
        let made = make(Kind::Session)?;
        let session = Session {
            user: user.to_owned(),
            user_since,
            hash: made.hash,
            end: now.after(lasts),
        };
        self.0.insert(made.id.clone(), session);
        let begun = Begun {
            token: made.text,
            subject: user.to_owned(),
            expires_in_ms: lasts.as_millis() as u64,
        };
        Ok((made.id, begun))
    }

    /// Who shows this, where it is the token of a session.
    pub(crate) fn find(&self, shown: &Shown<'_>, now: Instant) -> Result<Holder, Wrong> {
        let claimed = match shown.claim {
            Some((Kind::Session, id)) => self.0.get_key_value(id),
            _ => None,
        };
        let is_it = shown.is(claimed.map(|(_, session)| &session.hash));
        match claimed {
            Some((id, session)) if is_it && now.is_before(session.end) => Ok(session.holder(id, now)),
            Some((id, session)) => Err(Wrong {
                user: session.user.clone(),
                key_id: id.clone(),
                why: if is_it { "expired" } else { "another secret" },
            }),
            None => Err(Wrong {
                why: "unknown session",
                ..Wrong::default()
            }),
        }
    }

    /// The session of this name.
    pub(crate) fn get(&self, id: &str, now: Instant) -> Option<Holder> {
        let session = self.0.get(id)?;
        now.is_before(session.end).then(|| session.holder(id, now))
    }

    pub(crate) fn end(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Ends those of a user whose password is another one, or that is no more.
    pub(crate) fn forget(&mut self, user: &str) {
        self.0.retain(|_, session| session.user != user);
    }
}
