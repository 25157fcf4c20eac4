//! The first administrator, and keys.

use kernel_core::{Context, Error};
use plugin_kit::prelude::*;
use serde::{Deserialize, Serialize};

use crate::audit::Note;
use crate::clock::Clock;
use crate::keys::Grant;
use crate::model::{FirstAdmin, Init, MadeKey, NewKey};
use crate::rows::NAMESPACE;
use crate::state::Auth;
use crate::{people, scope, text};

/// The row that says that there was a first administrator.
const INIT: &str = "init";
/// The first administrator.
const ADMIN: &str = "admin";
/// Lengths of a key's name, numbers of its scopes, and seconds that it may be good for.
const NAME: std::ops::RangeInclusive<usize> = 1..=64;
const SCOPES: std::ops::RangeInclusive<usize> = 1..=32;
const LASTS: std::ops::RangeInclusive<u64> = 60..=315_360_000;

#[derive(Serialize, Deserialize)]
struct Initialized {
    user: String,
    at: Option<u64>,
}

impl Auth {
    pub(crate) async fn make_first(&mut self, cx: &Context, init: Init) -> Result<FirstAdmin, Error> {
        let clock = Clock::of(cx).await?;
        let storage = cx.storage(NAMESPACE);
        if let Some(done) = storage.get_value::<Initialized>(INIT).await? {
            let text = format_args!(
                "{} was made the first administrator already: see auth.create_key",
                done.user
            );
            return Err(Error::format("already", text));
        }
        people::create_admin(cx, ADMIN, init.name.as_deref().unwrap_or("Administrator")).await?;
        let rights = people::rights(cx, Some(ADMIN)).await?;
        if !scope::is_within(scope::ADMIN, &rights.scopes) {
            let text = "there is a user admin who may not do everything: give it a role with admin.*, by users.update";
            return Err(Error::new("no_admin", text));
        }
        let done = Initialized {
            user: ADMIN.to_owned(),
            at: clock.unix,
        };
        let grant = Grant {
            user: ADMIN.to_owned(),
            user_since: rights.created_at,
            name: "the first key".to_owned(),
            scopes: vec![scope::ADMIN.to_owned()],
            expires_at: None,
        };
        // The key first: where the second does not succeed, it can be done again.
        let made = self.keys.create(cx, grant, clock).await?;
        storage.set_value(INIT, &done).await?;
        let note = Note {
            what: "init",
            subject: ADMIN,
            key_id: &made.key_id,
            ..Note::default()
        };
        self.audit.done(cx, clock, note).await;
        Ok(FirstAdmin {
            user: ADMIN.to_owned(),
            key_id: made.key_id,
            key: made.key,
        })
    }

    pub(crate) async fn make_key(&mut self, cx: &Context, new: NewKey) -> Result<MadeKey, Error> {
        check(&new)?;
        let clock = Clock::of(cx).await?;
        let rights = people::rights(cx, Some(&new.user)).await?;
        if let Some(more) = new
            .scopes
            .iter()
            .find(|wanted| !scope::is_within(wanted, &rights.scopes))
        {
            let text = format_args!(
                "the user {} has no scope {}: see users.set_role",
                new.user,
                text::brief(more)
            );
            return Err(Error::format("invalid_argument", text));
        }
        let expires_at = match (new.expires_in_s, clock.unix) {
            (None, _) => None,
            (Some(seconds), Some(now)) => Some(now + seconds * 1_000),
            (Some(_), None) => {
                let text = "nobody has set the clock: only a key without an end can be made";
                return Err(Error::new("no_clock", text));
            }
        };
        let detail = format!("{}: {}", new.name, new.scopes.join(" "));
        let grant = Grant {
            user: new.user.clone(),
            user_since: rights.created_at,
            name: new.name,
            scopes: new.scopes,
            expires_at,
        };
        let made = self.keys.create(cx, grant, clock).await?;
        self.note_key(cx, clock, "key_created", &new.user, &made.key_id, &detail)
            .await;
        Ok(made)
    }

    pub(crate) async fn replace_key(&mut self, cx: &Context, key_id: &str) -> Result<MadeKey, Error> {
        let clock = Clock::of(cx).await?;
        let user = self.keys.holder(key_id, clock)?.user;
        let made = self.keys.rotate(cx, key_id, clock).await?;
        let detail = format!("in place of {key_id}");
        self.note_key(cx, clock, "key_rotated", &user, &made.key_id, &detail)
            .await;
        Ok(made)
    }

    pub(crate) async fn end_key(&mut self, cx: &Context, key_id: &str) -> Result<(), Error> {
        let clock = Clock::of(cx).await?;
        let user = self.keys.holder(key_id, clock)?.user;
        self.keys.revoke(cx, key_id, clock).await?;
        self.note_key(cx, clock, "key_revoked", &user, key_id, "").await;
        Ok(())
    }

    async fn note_key(
        &mut self,
        cx: &Context,
        clock: Clock,
        what: &str,
        user: &str,
        key_id: &str,
        detail: &str,
    ) {
        let note = Note {
            what,
            subject: user,
            key_id,
            detail,
            ..Note::default()
        };
        self.audit.done(cx, clock, note).await;
    }

    /// A user is no more: nor are its keys.
    pub(crate) async fn forget(&mut self, cx: &Context, user: &str) -> Result<(), Error> {
        self.sessions.forget(user);
        self.keys.forget(cx, user).await?;
        self.passwords.forget(cx, user).await
    }
}

fn check(new: &NewKey) -> Result<(), Error> {
    let wrong = |what: std::fmt::Arguments<'_>| Err(Error::format("invalid_argument", what));
    if !NAME.contains(&new.name.chars().count()) || new.name.chars().any(char::is_control) {
        let name = text::brief(&new.name);
        return wrong(format_args!(
            "name {name}: 1 to 64 characters are wanted, none of them a control character"
        ));
    }
    if !SCOPES.contains(&new.scopes.len()) {
        return wrong(format_args!(
            "scopes: 1 to 32 are wanted, not {}",
            new.scopes.len()
        ));
    }
    if let Some(seconds) = new.expires_in_s.filter(|seconds| !LASTS.contains(seconds)) {
        return wrong(format_args!(
            "expires_in_s {seconds}: 60 to 315360000 is wanted, ten years"
        ));
    }
    new.scopes.iter().try_for_each(|scope| scope::check(scope))
}
