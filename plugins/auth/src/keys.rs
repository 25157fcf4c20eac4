//! Keys: made, found, rotated, revoked.

use std::collections::BTreeMap;

use kernel_core::{Context, Error};
use plugin_kit::prelude::*;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::limits;
use crate::model::{KeyInfo, KeyPage, MadeKey};
use crate::rows::{self, NAMESPACE, Write};
use crate::scope;
use crate::secret::{Hash, Kind, Shown, hex, make, unhex};

/// What the keys of rows begin with.
const PREFIX: &str = "key:";
/// The most keys of a user that are good.
const MOST_OF_A_USER: usize = 50;
/// That a key is used is noted once in so many milliseconds.
const USED: u64 = 3_600_000;

/// What is stored of a key: not the key.
#[derive(Clone, Serialize, Deserialize)]
struct Row {
    user: String,
    user_since: Option<u64>,
    name: String,
    scopes: Vec<String>,
    hash: String,
    created_at: Option<u64>,
    expires_at: Option<u64>,
    last_used: Option<u64>,
    revoked_at: Option<u64>,
    #[serde(default)]
    revoked: bool,
}

/// A key, as somebody grants it.
pub(crate) struct Grant {
    pub(crate) user: String,
    /// When the user was created.
    pub(crate) user_since: Option<u64>,
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_at: Option<u64>,
}

/// Who has shown a secret that is known.
pub(crate) struct Holder {
    pub(crate) user: String,
    pub(crate) user_since: Option<u64>,
    pub(crate) key_id: String,
    /// What of the user's scopes; all of them for a session.
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) expires_in_ms: Option<u64>,
}

/// Why a secret is not good. For the audit log: whoever showed it does not learn it.
#[derive(Default)]
pub(crate) struct Wrong {
    pub(crate) user: String,
    pub(crate) key_id: String,
    pub(crate) why: &'static str,
}

struct Key {
    row: Row,
    hash: Hash,
    /// The row is to be stored again, when there is time.
    is_changed: bool,
}

impl Key {
    fn is_good(&self, clock: Clock) -> Result<(), &'static str> {
        match (self.row.revoked, self.row.expires_at, clock.unix) {
            (true, _, _) => Err("revoked"),
            (false, Some(end), Some(now)) if now < end => Ok(()),
            (false, None, _) => Ok(()),
            (false, Some(_), Some(_)) => Err("expired"),
            (false, Some(_), None) => Err("no clock to say whether it has expired"),
        }
    }

    fn holder(&self, key_id: &str, clock: Clock) -> Holder {
        Holder {
            user: self.row.user.clone(),
            user_since: self.row.user_since,
            key_id: key_id.to_owned(),
            scopes: Some(self.row.scopes.clone()),
            expires_in_ms: self
                .row
                .expires_at
                .zip(clock.unix)
                .map(|(end, now)| end.saturating_sub(now)),
        }
    }
}

/// All keys, by what they are known by.
#[derive(Default)]
pub(crate) struct Keys {
    all: BTreeMap<String, Key>,
    most: usize,
}

impl Keys {
    pub(crate) async fn load(cx: &Context, most: usize) -> Result<Keys, Error> {
        let mut all = BTreeMap::new();
        for (id, mut row) in rows::all::<Row>(cx, PREFIX).await? {
            let mut hash = Hash::default();
            if !unhex(&row.hash, &mut hash) {
                log::error!(
                    "\"{PREFIX}{id}\" in {NAMESPACE} does not work: hash: 64 hexadecimal digits are wanted"
                );
                continue;
            }
            row.scopes = scope::known(row.scopes);
            let is_changed = false;
            all.insert(
                id,
                Key {
                    row,
                    hash,
                    is_changed,
                },
            );
        }
        Ok(Keys { all, most })
    }

    /// Who shows this, where it is a key that is good.
    pub(crate) fn find(&self, shown: &Shown<'_>, clock: Clock) -> Result<Holder, Wrong> {
        let claimed = match shown.claim {
            Some((Kind::Key, id)) => self.all.get_key_value(id),
            _ => None,
        };
        let is_it = shown.is(claimed.map(|(_, key)| &key.hash));
        let Some((id, key)) = claimed else {
            return Err(Wrong {
                why: "unknown",
                ..Wrong::default()
            });
        };
        let why = match (is_it, key.is_good(clock)) {
            (true, Ok(())) => return Ok(key.holder(id, clock)),
            (true, Err(why)) => why,
            (false, _) => "another secret",
        };
        Err(Wrong {
            user: key.row.user.clone(),
            key_id: id.clone(),
            why,
        })
    }

    /// The key of this name, if it is good.
    pub(crate) fn get(&self, id: &str, clock: Clock) -> Option<Holder> {
        let key = self.all.get(id)?;
        key.is_good(clock).is_ok().then(|| key.holder(id, clock))
    }

    /// Notes that it is used.
    pub(crate) fn used(&mut self, id: &str, clock: Clock) {
        let (Some(key), Some(now)) = (self.all.get_mut(id), clock.unix) else {
            return;
        };
        if key
            .row
            .last_used
            .is_none_or(|last| now.saturating_sub(last) >= USED)
        {
            key.row.last_used = Some(now);
            key.is_changed = true;
        }
    }

    /// Stores what was noted.
    pub(crate) async fn flush(&mut self, cx: &Context) -> Result<(), Error> {
        let mut writes = Vec::new();
        let changed = self.all.iter().filter(|(_, key)| key.is_changed);
        for (id, key) in changed {
            writes.push(Write::new(format!("{PREFIX}{id}"), &key.row)?);
        }
        rows::write(cx, NAMESPACE, &writes).await?;
        self.all.values_mut().for_each(|key| key.is_changed = false);
        Ok(())
    }

    pub(crate) async fn create(
        &mut self,
        cx: &Context,
        grant: Grant,
        clock: Clock,
    ) -> Result<MadeKey, Error> {
        let of_user = self
            .all
            .values()
            .filter(|key| key.row.user == grant.user && key.is_good(clock).is_ok());
        if of_user.count() >= MOST_OF_A_USER {
            let full = format_args!("{} has {MOST_OF_A_USER} keys: revoke one", grant.user);
            return Err(Error::format("full", full));
        }
        self.make_room(cx, clock).await?;
        self.add(cx, grant, clock, None).await
    }

    /// Stores a new key, and with it that `old` is no longer good.
    async fn add(
        &mut self,
        cx: &Context,
        grant: Grant,
        clock: Clock,
        old: Option<&str>,
    ) -> Result<MadeKey, Error> {
        let made = make(Kind::Key)?;
        let row = Row {
            user: grant.user,
            user_since: grant.user_since,
            name: grant.name,
            scopes: grant.scopes,
            hash: hex(&made.hash),
            created_at: clock.unix,
            expires_at: grant.expires_at,
            last_used: None,
            revoked_at: None,
            revoked: false,
        };
        let mut writes = vec![Write::new(format!("{PREFIX}{}", made.id), &row)?];
        let revoked = old.and_then(|id| Some((id, self.revoked(id, clock)?)));
        if let Some((id, old)) = &revoked {
            writes.push(Write::new(format!("{PREFIX}{id}"), old)?);
        }
        rows::write(cx, NAMESPACE, &writes).await?;
        if let Some((id, old)) = revoked {
            self.replace(id, old);
        }
        let key = Key {
            row,
            hash: made.hash,
            is_changed: false,
        };
        self.all.insert(made.id.clone(), key);
        Ok(MadeKey {
            key_id: made.id,
            key: made.text,
        })
    }

    fn revoked(&self, id: &str, clock: Clock) -> Option<Row> {
        let row = self.all.get(id)?.row.clone();
        Some(Row {
            revoked: true,
            revoked_at: clock.unix,
            ..row
        })
    }

    fn replace(&mut self, id: &str, row: Row) {
        if let Some(key) = self.all.get_mut(id) {
            key.row = row;
        }
    }

    /// Where all places are taken, one that is no longer good goes.
    async fn make_room(&mut self, cx: &Context, clock: Clock) -> Result<(), Error> {
        if self.all.len() < self.most {
            return Ok(());
        }
        let Some(id) = self
            .all
            .iter()
            .find(|(_, key)| key.is_good(clock).is_err())
            .map(|(id, _)| id.clone())
        else {
            let full = format_args!(
                "all {} keys are there: revoke one, or raise the setting max_keys",
                self.most
            );
            return Err(Error::format("full", full));
        };
        self.delete(cx, &id).await
    }

    async fn delete(&mut self, cx: &Context, id: &str) -> Result<(), Error> {
        cx.storage(NAMESPACE).delete(&format!("{PREFIX}{id}")).await?;
        self.all.remove(id);
        Ok(())
    }

    /// Replaces a key by a new one of the same scopes, that is good for as long as the old one was in all.
    pub(crate) async fn rotate(&mut self, cx: &Context, id: &str, clock: Clock) -> Result<MadeKey, Error> {
        self.holder(id, clock)?;
        self.make_room(cx, clock).await?;
        let row = &self.all.get(id).ok_or_else(|| unknown(id))?.row;
        let lasts = row
            .expires_at
            .zip(row.created_at)
            .map(|(end, begin)| end.saturating_sub(begin));
        let grant = Grant {
            user: row.user.clone(),
            user_since: row.user_since,
            name: row.name.clone(),
            scopes: row.scopes.clone(),
            expires_at: lasts
                .zip(clock.unix)
                .map(|(lasts, now)| now + lasts)
                .or(row.expires_at),
        };
        self.add(cx, grant, clock, Some(id)).await
    }

    /// From here on it is not good.
    pub(crate) async fn revoke(&mut self, cx: &Context, id: &str, clock: Clock) -> Result<(), Error> {
        self.holder(id, clock)?;
        let row = self.revoked(id, clock).ok_or_else(|| unknown(id))?;
        rows::write(cx, NAMESPACE, &[Write::new(format!("{PREFIX}{id}"), &row)?]).await?;
        self.replace(id, row);
        Ok(())
    }

    /// The key of this name, which is good.
    ///
    /// # Errors
    /// `no_such_key`.
    pub(crate) fn holder(&self, id: &str, clock: Clock) -> Result<Holder, Error> {
        self.get(id, clock).ok_or_else(|| unknown(id))
    }

    /// Deletes all keys of a user that is no more.
    pub(crate) async fn forget(&mut self, cx: &Context, user: &str) -> Result<(), Error> {
        let of_user = self.all.iter().filter(|(_, key)| key.row.user == user);
        let ids: Vec<String> = of_user.map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.delete(cx, &id).await?;
        }
        Ok(())
    }

    pub(crate) fn page(&self, user: Option<&str>, after: &str, limit: usize) -> KeyPage {
        let rest = self.all.iter().skip_while(|(id, _)| id.as_str() <= after);
        let mut rest = rest.filter(|(_, key)| user.is_none_or(|user| key.row.user == user));
        let (mut keys, mut bytes) = (Vec::new(), 0);
        for (id, key) in rest.by_ref() {
            let row = &key.row;
            if keys.len() == limit || bytes > limits::PAGE_BYTES {
                let next = keys.last().map(|key: &KeyInfo| key.key_id.clone());
                return KeyPage { keys, next };
            }
            bytes += 300 + 4 * row.name.len() + row.scopes.iter().map(|scope| scope.len() + 3).sum::<usize>();
            keys.push(KeyInfo {
                key_id: id.clone(),
                user: row.user.clone(),
                name: row.name.clone(),
                scopes: row.scopes.clone(),
                created_at: row.created_at,
                expires_at: row.expires_at,
                last_used: row.last_used,
                revoked: row.revoked,
                revoked_at: row.revoked_at,
            });
        }
        KeyPage { keys, next: None }
    }
}

fn unknown(id: &str) -> Error {
    let text = crate::text::brief(id);
    Error::format(
        "no_such_key",
        format_args!("there is no key {text} that is good: see auth.list_keys"),
    )
}
