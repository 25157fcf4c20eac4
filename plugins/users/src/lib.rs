//! Users: who lives in the home, and the roles that say what they may do.
//!
//! | service | arguments | reply |
//! |---|---|---|
//! | `users.create` | `{id?, name, roles?}` | the user |
//! | `users.get` | `{id}` | the user |
//! | `users.list` | `{after?, limit?}` | `{users, next}`, in the order of the ids; at most 100 |
//! | `users.update` | `{id, name?, roles?, disabled?}` | the user |
//! | `users.delete` | `{id}` | `null` |
//! | `users.scopes` | `{id}` | `{scopes, created_at}`: all that its roles allow, each scope once |
//! | `users.set_role` | `{role, scopes}` | the role |
//! | `users.list_roles` | `{after?, limit?}` | `{roles, next}` |
//! | `users.delete_role` | `{role}` | `null` |
//!
//! Arguments come by name, or as `{"args": [..], "kwargs": {..}}`, as plugins in Python pass them; `users.get` and others
//! that take an id take it alone as well: `"ann"`. (See [`plugin_kit::Args`].) A user is
//! `{id, name, roles, scopes, disabled, created_at, updated_at}`, the times in milliseconds since the Unix epoch.
//!
//! ```
//! use plugin_kit::test::TestRuntime;
//! use serde_json::json;
//!
//! let mut rt = TestRuntime::new();
//! rt.add::<users::Users>(());
//! rt.start()?;
//! rt.call("users.set_role", &json!({"role": "kids", "scopes": ["devices.read", "devices.turn_on"]}))?;
//! let ann = rt.call("users.create", &json!({"id": "ann", "name": "Ann", "roles": ["kids", "reader"]}))?;
//! assert_eq!(ann["disabled"], false);
//! assert_eq!(rt.published()[0].payload, json!({"id": "ann"}));
//! let rights = rt.call("users.scopes", "ann")?;
//! assert_eq!(rights["scopes"][0], "devices.read");
//! let error = rt.call("users.create", &json!({"name": "Bob", "roles": ["boss"]})).unwrap_err();
//! assert_eq!(error.code(), "no_such_role");
//! # Ok::<(), plugin_kit::kernel_core::Error>(())
//! ```
//!
//! # Events
//!
//! `users.created`, `users.updated` and `users.deleted` with `{id}`, after the change is stored. Anybody may publish
//! these topics: check that the source is this plugin where it matters.
//!
//! # Roles and scopes
//!
//! A scope is text such as `devices.read`, `devices.*` or `events.watch:device.>`. This plugin knows their form and
//! nothing of what they mean: whoever allows or refuses something does. Without settings there are the roles `admin`
//! (`admin.*`) and `reader` (`runtime.inspect`, `events.watch`, `state.read`); not `storage.read`, which shows hashes of
//! passwords as well. `users.set_role` changes one of these too, and `users.delete_role` then brings the configured one back.
//!
//! # Errors
//!
//! | code | |
//! |---|---|
//! | `invalid_argument` | what is wrong, with the value and what is allowed |
//! | `no_such_user`, `no_such_role` | named in the message |
//! | `exists` | the id is taken |
//! | `in_use` | some user has the role |
//! | `built_in` | the role comes from the settings |
//! | `disabled` | of `users.scopes`: the user may do nothing |
//! | `denied` | a plugin changes users or roles that `managers` does not name |
//! | `full` | `max_users` are there, or 1,000 roles |
//!
//! and those of the storage. Nothing has changed then. A call that is cancelled may have been carried out.
//!
//! # Storage
//!
//! Namespaces `users`, by id, and `users_roles`, by name: `{scopes}`. All is in memory as well, so that a look-up waits
//! for nothing. A row that is damaged is an error in the log; the others are there. Users of the Python original
//! (namespace `auth_users`) are taken over the first time that there are any: `is_admin` becomes the role `admin`,
//! scopes stay the user's own; passwords are not taken over.
//!
//! # Settings
//!
//! | key | unless set | |
//! |---|---|---|
//! | `roles` | `admin`, `reader` | roles that are always there: `{"NAME": ["SCOPE"]}`, in place of the two |
//! | `max_users` | 1,000 | 1 to 100,000 |
//! | `managers` | `["auth"]` | plugins that may change users and roles. Others look: they may act for somebody who may not |

mod check;
mod model;
mod original;
mod roles;
mod rows;

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use kernel_core::{Context, Error, Request};
use plugin_kit::Args;
use plugin_kit::prelude::*;

pub use model::{Change, NewUser, Paging, Rights, Role, RoleName, RolePage, User, UserId, UserPage};
use model::{Changed, Settings};
use roles::Roles;
use rows::USERS;

/// Bytes of a page of users, beyond which it ends.
const PAGE_BYTES: usize = 32 * 1024;

/// See the crate's documentation.
#[derive(Debug, Default)]
pub struct Users {
    users: BTreeMap<String, User>,
    roles: Roles,
    max_users: usize,
    managers: Vec<String>,
}

#[plugin(
    name = "users",
    description = "Users, and the roles that say what they may do",
    reads = ["auth_users"],
    writes = ["users_roles"],
    schema
)]
impl Users {
    #[load]
    async fn load(&mut self, cx: &Context, settings: Settings) -> Result<(), Error> {
        check::settings(&settings)?;
        self.max_users = settings.max_users;
        self.managers = settings.managers;
        self.roles = Roles::load(cx, settings.roles).await?;
        for (key, user) in rows::all::<User>(cx, USERS).await? {
            match user.id == key {
                true => drop(self.users.insert(key, user)),
                false => log::error!("{key:?} in {USERS} is left out: it is the row of {:?}", user.id),
            }
        }
        let taken_over = original::take_over(cx, |id| self.users.contains_key(id)).await?;
        self.users
            .extend(taken_over.into_iter().map(|user| (user.id.clone(), user)));
        Ok(())
    }

    /// Creates a user and answers with it.
    #[service(".create", examples = [r#"{"id": "ann", "name": "Ann", "roles": ["reader"]}"#])]
    async fn create(&mut self, cx: &Context, call: Request<'_>, new: Args<NewUser>) -> Result<User, Error> {
        self.may_change(cx, &call).await?;
        let Args(new) = new;
        check::name(&new.name)?;
        self.check_roles(&new.roles)?;
        let id = match new.id {
            Some(id) => id,
            None => random_id()?,
        };
        check::id(&id)?;
        if self.users.contains_key(&id) {
            return Err(Error::format(
                "exists",
                format_args!("there is a user {id} already"),
            ));
        }
        if self.users.len() >= self.max_users {
            let full = format_args!(
                "all {} users are there: raise the setting max_users",
                self.max_users
            );
            return Err(Error::format("full", full));
        }
        let now = now(cx).await?;
        let user = User {
            id,
            name: new.name,
            roles: new.roles,
            scopes: Vec::new(),
            disabled: false,
            created_at: now,
            updated_at: now,
        };
        self.store(cx, user, "users.created").await
    }

    /// The user.
    #[service(".get", reads, examples = [r#"{"id": "ann"}"#])]
    fn get(&self, user: Args<UserId>) -> Result<User, Error> {
        self.user(&user.id).cloned()
    }

    /// Users, a page of them.
    #[service(".list", reads, examples = ["{}", r#"{"after": "ann", "limit": 20}"#])]
    fn list(&self, paging: Args<Paging>) -> Result<UserPage, Error> {
        check::paging(&paging)?;
        let (mut users, mut bytes) = (Vec::new(), 0);
        for (_, user) in self
            .users
            .range::<str, _>((Excluded(paging.after.as_str()), Unbounded))
        {
            if users.len() == paging.limit || bytes > PAGE_BYTES {
                let next = users.last().map(|user: &User| user.id.clone());
                return Ok(UserPage { users, next });
            }
            bytes += size(user);
            users.push(user.clone());
        }
        Ok(UserPage { users, next: None })
    }

    /// Changes a user and answers with it; what is not said stays as it is.
    #[service(".update", examples = [r#"{"id": "ann", "disabled": true}"#])]
    async fn update(&mut self, cx: &Context, call: Request<'_>, change: Args<Change>) -> Result<User, Error> {
        self.may_change(cx, &call).await?;
        let Args(change) = change;
        let mut user = self.user(&change.id)?.clone();
        if let Some(name) = change.name {
            check::name(&name)?;
            user.name = name;
        }
        if let Some(roles) = change.roles {
            self.check_roles(&roles)?;
            user.roles = roles;
        }
        user.disabled = change.disabled.unwrap_or(user.disabled);
        user.updated_at = now(cx).await?;
        self.store(cx, user, "users.updated").await
    }

    /// Deletes a user.
    #[service(".delete", examples = [r#"{"id": "ann"}"#])]
    async fn delete(&mut self, cx: &Context, call: Request<'_>, user: Args<UserId>) -> Result<(), Error> {
        self.may_change(cx, &call).await?;
        self.user(&user.id)?;
        cx.storage(USERS).delete(&user.id).await?;
        self.users.remove(&user.id);
        announce(cx, "users.deleted", &user.id).await;
        Ok(())
    }

    /// All that the roles of a user allow.
    #[service(".scopes", reads, examples = [r#"{"id": "ann"}"#])]
    fn scopes(&self, user: Args<UserId>) -> Result<Rights, Error> {
        let user = self.user(&user.id)?;
        if user.disabled {
            return Err(Error::format(
                "disabled",
                format_args!("the user {} is disabled", user.id),
            ));
        }
        Ok(Rights {
            scopes: self.roles.union(user),
            created_at: user.created_at,
        })
    }

    /// Makes a role, or changes what it allows.
    #[service(".set_role", examples = [r#"{"role": "kids", "scopes": ["devices.read", "devices.turn_on"]}"#])]
    async fn set_role(&mut self, cx: &Context, call: Request<'_>, role: Args<Role>) -> Result<Role, Error> {
        self.may_change(cx, &call).await?;
        self.roles.set(cx, role.0).await
    }

    /// Roles, a page of them.
    #[service(".list_roles", reads, examples = ["{}"])]
    fn list_roles(&self, paging: Args<Paging>) -> Result<RolePage, Error> {
        check::paging(&paging)?;
        Ok(self.roles.page(&paging.after, paging.limit, PAGE_BYTES))
    }

    /// Deletes a role that no user has; a changed one of the settings is as it was there.
    #[service(".delete_role", examples = [r#"{"role": "kids"}"#])]
    async fn delete_role(
        &mut self,
        cx: &Context,
        call: Request<'_>,
        role: Args<RoleName>,
    ) -> Result<(), Error> {
        self.may_change(cx, &call).await?;
        let user = self.users.values().find(|user| user.roles.contains(&role.role));
        self.roles
            .delete(cx, &role.role, user.map(|user| user.id.as_str()))
            .await
    }
}

impl Users {
    fn user(&self, id: &str) -> Result<&User, Error> {
        self.users.get(id).ok_or_else(|| {
            Error::format(
                "no_such_user",
                format_args!("there is no user {}", check::brief(id)),
            )
        })
    }

    /// Whether it is the operator who calls, or a plugin that the settings name. Others act for somebody who may not.
    async fn may_change(&self, cx: &Context, call: &Request<'_>) -> Result<(), Error> {
        if !call.caller.is_plugin() {
            return Ok(());
        }
        let mut buf = [0; 32];
        let caller = cx.name_of(call.caller, &mut buf).await?;
        match self.managers.iter().any(|manager| manager == caller) {
            true => Ok(()),
            false => Err(Error::format(
                "denied",
                format_args!(
                    "{} is not for the plugin {caller}: see the setting managers",
                    call.service()
                ),
            )),
        }
    }

    fn check_roles(&self, roles: &[String]) -> Result<(), Error> {
        check::roles(roles)?;
        roles.iter().try_for_each(|role| self.roles.check(role))
    }

    /// Once it is stored, it is so in memory as well, and others get to know of it.
    async fn store(&mut self, cx: &Context, user: User, topic: &str) -> Result<User, Error> {
        cx.storage(USERS).set_value(&user.id, &user).await?;
        self.users.insert(user.id.clone(), user.clone());
        announce(cx, topic, &user.id).await;
        Ok(user)
    }
}

/// Publishes a change. It has happened, whether that can be published or not.
async fn announce(cx: &Context, topic: &str, id: &str) {
    if let Err(error) = cx.publish_value(topic, &Changed { id }).await {
        log::warn!("{topic} of {id} could not be published: {error}");
    }
}

async fn now(cx: &Context) -> Result<Option<u64>, Error> {
    let time = plugin_kit::unix_time(cx).await?;
    Ok(time.map(|time| time.as_millis() as u64))
}

fn random_id() -> Result<String, Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::format("random", format_args!("the system has no random bytes: {error}")))?;
    Ok(format!("u{:016x}", u64::from_le_bytes(bytes)))
}

/// About how many bytes of JSON it is.
fn size(user: &User) -> usize {
    let texts = user.roles.iter().chain(&user.scopes);
    200 + user.id.len() + 2 * user.name.len() + texts.map(|text| text.len() + 3).sum::<usize>()
}
