//! Passwords and sessions.

use std::time::Duration;

use kernel_core::{Context, Error, Mailbox, Replied, Reply, Request};
use serde::Serialize;

use crate::audit::Note;
use crate::clock::Clock;
use crate::hashing::{Done, Hashed, Job, Outcome, Task};
use crate::model::{Begun, Login, Logout, SetPassword};
use crate::secret::Shown;
use crate::state::Auth;
use crate::{limits, passwords, people, rows, text};

impl Auth {
    pub(crate) async fn begin_password(
        &mut self,
        cx: &Context,
        call: Request<'_>,
        reply: Reply<'_>,
        args: SetPassword,
    ) -> Result<Replied, Error> {
        let rights = people::rights(cx, Some(&args.user)).await?;
        let name = people::name(cx, &args.user).await?;
        passwords::check(&args.password, &args.user, &name)?;
        let job = Job {
            call: call.id,
            user: args.user,
            password: args.password,
            task: Task::Hash {
                user_since: rights.created_at,
            },
        };
        self.hashing.begin(cx, job)?;
        Ok(reply.later())
    }

    pub(crate) async fn begin_login(
        &mut self,
        cx: &Context,
        call: Request<'_>,
        reply: Reply<'_>,
        login: Login,
    ) -> Result<Replied, Error> {
        limits::check_name("user", &login.user)?;
        limits::check_name("peer", &login.peer)?;
        let clock = Clock::of(cx).await?;
        let (peer, who) = (text::peer(&login.peer), counted(&login.user));
        let is_blocked = |who: &str| self.logins.is_blocked(who, clock.now);
        if is_blocked(&who) || (!peer.is_empty() && is_blocked(&peer)) || self.logins.are_too_many(clock.now)
        {
            let note = Note {
                what: "login_blocked",
                subject: &login.user,
                peer: &peer,
                ..Note::default()
            };
            self.audit.refused(clock, note);
            return Err(limits::busy());
        }
        let stored = self.passwords.get(&login.user);
        let job = Job {
            call: call.id,
            user: login.user,
            password: login.password,
            task: Task::Compare {
                with: stored.map_or_else(Hashed::of_nothing, |(hashed, _)| hashed),
                peer: peer.clone(),
            },
        };
        self.hashing.begin(cx, job)?;
        // Counted before it is known, so that many at once are not more than many one after another.
        self.logins.add(&names(&who, &peer), clock.now);
        Ok(reply.later())
    }

    /// Answers the calls whose passwords are hashed by now.
    pub(crate) async fn finish(&mut self, cx: &Context) -> Result<(), Error> {
        let (done, failed) = self.hashing.take(cx);
        for (call, error) in failed {
            let _ = Mailbox::new(*cx).reply(call, Err(&error)).await;
        }
        for Done { call, user, result } in done {
            match result {
                Outcome::Hashed { user_since, hashed } => {
                    let set = self.set_password(cx, &user, hashed, user_since).await;
                    answer(cx, call, set).await;
                }
                Outcome::Compared { peer, is_it } => {
                    let begun = self.begin_session(cx, &user, &peer, is_it).await;
                    answer(cx, call, begun).await;
                }
            }
        }
        Ok(())
    }

    async fn set_password(
        &mut self,
        cx: &Context,
        user: &str,
        hashed: Result<Hashed, Error>,
        user_since: Option<u64>,
    ) -> Result<(), Error> {
        let clock = Clock::of(cx).await?;
        self.passwords
            .set(cx, user, hashed?, user_since, clock.unix)
            .await?;
        self.sessions.forget(user);
        let note = Note {
            what: "password_set",
            subject: user,
            ..Note::default()
        };
        self.audit.done(cx, clock, note).await;
        Ok(())
    }

    async fn begin_session(
        &mut self,
        cx: &Context,
        user: &str,
        peer: &str,
        is_it: Result<bool, Error>,
    ) -> Result<Begun, Error> {
        let clock = Clock::of(cx).await?;
        // Also where the password is wrong, so that it takes as long.
        let rights = people::rights(cx, Some(user)).await;
        let user_since = match (is_it?, self.passwords.get(user), rights) {
            (_, _, Err(error)) if !people::is_of_the_user(&error) => return Err(error),
            (true, Some((_, since)), Ok(rights)) if since == rights.created_at => since,
            _ => {
                let note = Note {
                    what: "login_refused",
                    subject: user,
                    peer,
                    ..Note::default()
                };
                self.audit.refused(clock, note);
                return Err(Error::new("denied", "the user or the password is wrong"));
            }
        };
        let lasts = Duration::from_secs(u64::from(self.settings.session_minutes) * 60);
        let (key_id, begun) = self.sessions.begin(user, user_since, clock.now, lasts)?;
        self.logins.take_back(&names(&counted(user), peer));
        let note = Note {
            what: "login",
            subject: user,
            key_id: &key_id,
            peer,
            ..Note::default()
        };
        self.audit.done(cx, clock, note).await;
        Ok(begun)
    }

    pub(crate) async fn end_session(&mut self, cx: &Context, logout: Logout) -> Result<(), Error> {
        let clock = Clock::of(cx).await?;
        let shown = Shown::of(logout.token.expose());
        let Ok(holder) = self.sessions.find(&shown, clock.now) else {
            return Err(Error::new("denied", "the token is not good"));
        };
        self.sessions.end(&holder.key_id);
        let note = Note {
            what: "logout",
            subject: &holder.user,
            key_id: &holder.key_id,
            ..Note::default()
        };
        self.audit.done(cx, clock, note).await;
        Ok(())
    }
}

/// What attempts at a user's password are counted by: no peer has this name.
fn counted(user: &str) -> String {
    format!("user {}", text::cut(user, text::NAME))
}

/// Whom an attempt is counted for.
fn names<'a>(who: &'a str, peer: &'a str) -> Vec<&'a str> {
    [who, peer].into_iter().filter(|name| !name.is_empty()).collect()
}

async fn answer<T: Serialize>(cx: &Context, call: kernel_core::CallId, result: Result<T, Error>) {
    let text = result.and_then(|reply| {
        serde_json::to_string(&reply)
            .map(zeroize::Zeroizing::new)
            .map_err(|error| Error::format("encode", format_args!("{error}")))
    });
    let json = text
        .as_ref()
        .map_err(Error::clone)
        .and_then(|text| rows::json(text));
    // Whoever called may be gone.
    let _ = Mailbox::new(*cx)
        .reply(call, json.as_ref().map(|json| *json))
        .await;
}
