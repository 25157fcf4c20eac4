//! `access.check`: whose key is this, and what may it do now?

use kernel_core::{Context, Error};

use crate::audit::Note;
use crate::clock::Clock;
use crate::keys::{Holder, Wrong};
use crate::model::{Check, Pass};
use crate::people::{self, Rights};
use crate::secret::{Kind, Shown};
use crate::state::Auth;
use crate::{limits, scope, text};

/// What a key may do, now that its user is known.
pub(crate) struct Caller {
    pub(crate) holder: Holder,
    pub(crate) scopes: Vec<String>,
    /// All that the user may do.
    pub(crate) of_user: Vec<String>,
}

impl Caller {
    pub(crate) fn is_admin(&self) -> bool {
        scope::is_within(scope::ADMIN, &self.scopes)
    }
}

/// Whether the user is the one whose key it is, and what both may do.
fn caller(holder: Holder, rights: Rights) -> Result<Caller, Wrong> {
    if holder.user_since != rights.created_at {
        return Err(Wrong {
            user: holder.user,
            key_id: holder.key_id,
            why: "of a user of this id who is no more",
        });
    }
    let scopes = match &holder.scopes {
        Some(scopes) => scope::both(scopes, &rights.scopes),
        None => rights.scopes.clone(),
    };
    Ok(Caller {
        holder,
        scopes,
        of_user: rights.scopes,
    })
}

impl Auth {
    pub(crate) async fn pass(&mut self, cx: &Context, check: Check) -> Result<Pass, Error> {
        limits::check_name("peer", &check.peer)?;
        let (clock, peer) = (Clock::of(cx).await?, text::peer(&check.peer));
        if self.attempts.is_blocked(&peer, clock.now) {
            let note = Note {
                what: "peer_blocked",
                peer: &peer,
                ..Note::default()
            };
            self.audit.refused(clock, note);
            return Err(limits::busy());
        }
        let shown = Shown::of(check.key.expose());
        let found = match shown.claim {
            Some((Kind::Session, _)) => self.sessions.find(&shown, clock.now),
            _ => self.keys.find(&shown, clock),
        };
        // Also where there is nothing to ask, so that it takes as long.
        let rights = people::rights(cx, found.as_ref().ok().map(|holder| holder.user.as_str())).await;
        let outcome = match (found, rights) {
            (_, Err(error)) if !people::is_of_the_user(&error) => return Err(error),
            (Err(wrong), _) => Err(wrong),
            (Ok(holder), Ok(rights)) => caller(holder, rights),
            (Ok(holder), Err(_)) => Err(Wrong {
                user: holder.user,
                key_id: holder.key_id,
                why: "of a user who is disabled or no more",
            }),
        };
        match outcome {
            Ok(caller) => Ok(self.passed(caller, clock)),
            Err(wrong) => Err(self.refuse(wrong, &peer, clock)),
        }
    }

    fn passed(&mut self, caller: Caller, clock: Clock) -> Pass {
        self.keys.used(&caller.holder.key_id, clock);
        let ask = match caller.is_admin() {
            true => Vec::new(),
            false => self.asked_of(),
        };
        Pass {
            subject: caller.holder.user,
            key_id: caller.holder.key_id,
            scopes: caller.scopes,
            ask,
            expires_in_ms: caller.holder.expires_in_ms,
        }
    }

    fn refuse(&mut self, wrong: Wrong, peer: &str, clock: Clock) -> Error {
        let are_too_many = self.attempts.are_too_many(clock.now);
        self.attempts.add(&[peer], clock.now);
        let note = Note {
            what: "key_refused",
            subject: &wrong.user,
            key_id: &wrong.key_id,
            peer,
            detail: wrong.why,
        };
        self.audit.refused(clock, note);
        match are_too_many {
            true => limits::busy(),
            false => Error::new("denied", "the key is not good"),
        }
    }

    /// What a key, or a session, that was good when it was checked may do now.
    pub(crate) async fn caller(&self, cx: &Context, subject: &str, key_id: &str) -> Result<Caller, Error> {
        let clock = Clock::of(cx).await?;
        let holder = self
            .keys
            .get(key_id, clock)
            .or_else(|| self.sessions.get(key_id, clock.now));
        let no_more = || Error::new("denied", "the key is not good any more");
        let holder = holder
            .filter(|holder| holder.user == subject)
            .ok_or_else(no_more)?;
        match people::rights(cx, Some(subject)).await {
            Ok(rights) => caller(holder, rights).map_err(|_| no_more()),
            Err(error) if people::is_of_the_user(&error) => Err(no_more()),
            Err(error) => Err(error),
        }
    }
}
