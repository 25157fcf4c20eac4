//! Who may do what from elsewhere: keys, passwords, sessions, what they allow, and an audit log.
//!
//! Whoever lets clients in, such as the host, asks `access.check` whose key a client has and what it may do,
//! decides by the scopes what passes, and asks `access.allow` about the services that it was told to. Who the users are
//! and which roles they have is known by the plugin `users`, which is asked each time: what a user may no longer do, none
//! of its keys may.
//!
//! ```
//! use plugin_kit::test::TestRuntime;
//! use serde_json::json;
//!
//! let mut rt = TestRuntime::new();
//! rt.add::<users::Users>(());
//! rt.add::<auth::Auth>(());
//! rt.start()?;
//! // The first administrator. There is no password and no key before.
//! let admin = rt.call("auth.init", &json!({"name": "Ann"}))?;
//! let pass = rt.call("access.check", &json!({"key": admin["key"], "peer": "192.0.2.7:50123"}))?;
//! assert_eq!(pass["scopes"], json!(["admin.*"]));
//! // A user that uses its own devices, and a key with which its own lights are seen.
//! rt.call("users.set_role", &json!({"role": "resident", "scopes": ["devices.*"]}))?;
//! rt.call("users.create", &json!({"id": "bob", "name": "Bob", "roles": ["resident"]}))?;
//! let made = rt.call("auth.create_key", &json!({"user": "bob", "name": "panel", "scopes": ["devices.read"]}))?;
//! let pass = rt.call("access.check", &json!({"key": made["key"], "peer": "192.0.2.8:50123"}))?;
//! assert_eq!(pass["subject"], "bob");
//! rt.call("auth.revoke_key", &json!({"key_id": made["key_id"]}))?;
//! let error = rt.call("access.check", &json!({"key": made["key"], "peer": "192.0.2.8:50123"})).unwrap_err();
//! assert_eq!(error.code(), "denied");
//! # Ok::<(), plugin_kit::kernel_core::Error>(())
//! ```
//!
//! # Services
//!
//! | service | arguments | reply |
//! |---|---|---|
//! | `access.check` | `{key, peer}` | `{subject, key_id, scopes, ask, expires_in_ms}` |
//! | `access.allow` | `{subject, key_id, service, args?}` | `true` |
//! | `auth.init` | `{name?}` | `{user, key_id, key}`: the first administrator, `admin`; once |
//! | `auth.create_key` | `{user, name, scopes, expires_in_s?}` | `{key_id, key}` |
//! | `auth.list_keys` | `{user?, after?, limit?}` | `{keys, next}`, 100 at most |
//! | `auth.rotate_key` | `{key_id}` | `{key_id, key}`: another key in place of it |
//! | `auth.revoke_key` | `{key_id}` | `null` |
//! | `auth.set_password` | `{user, password}` | `null`; sessions of the user end |
//! | `auth.login` | `{user, password, peer?}` | `{token, subject, expires_in_ms}`: a session |
//! | `auth.logout` | `{token}` | `null` |
//! | `auth.audit` | `{after?, limit?}` | `{entries, next}`, from old to new, 100 at most |
//!
//! Arguments come by name, or as `{"args": [..], "kwargs": {..}}` (see [`plugin_kit::Args`]). A call that is cancelled may
//! have been carried out. `auth.*` is for the operator and clients of the host's link, but for `login` and `logout`: to a
//! plugin it answers `denied`.
//!
//! # Keys
//!
//! `crk_ID_SECRET`: a public identity, and a secret of 256 random bits, of which the SHA-256 is stored. A key is shown
//! once, when it is made. It is good until it expires, by the time of day, or is revoked or rotated, or its user is
//! disabled or deleted; a new user of the same id does not get the old one's keys. It allows what it says *and* its user
//! may do now. A user has 50 good keys at most.
//!
//! The token of a session, `crs_ID_SECRET`, is a key with all scopes of its user. It ends on the runtime's clock, and with
//! the runtime; a user has 16 at most, of which one more ends the oldest.
//!
//! `access.check` costs a SHA-256 and a call of `users`; nothing is stored, but once an hour that the key is used. So it may
//! be asked again every few seconds, to end what a key that was revoked has begun. Whatever is wrong with a key, unknown,
//! expired, revoked, cut, of a disabled user: the answer is `denied`, with the same text and after the same work, and the
//! comparison takes the same time whatever differs. `unavailable` says that `users` does not answer, and nothing of the key.
//!
//! # Attempts
//!
//! Ten wrong keys a minute from one peer (an IPv4 address, or 64 bits of an IPv6 address), and it gets `busy` for whatever
//! it shows, until some seconds went by. After 300 a minute of all peers together, wrong keys get `busy` as well; good ones
//! from other peers pass as ever. Wrong passwords are counted apart, by peer and by user, and after 300 of all nobody logs
//! in for some seconds: there is no other way to tell who is who. 1,024 peers and users are kept in mind.
//!
//! # Passwords
//!
//! 10 to 256 characters; not the user's name, one character again and again, or one of the commonest: else `weak_password`.
//! Stored as argon2id (19 MiB, 2 passes). That takes tens of milliseconds, on a thread of its own: two at work at once and
//! eight that wait, one more gets `busy`. Meanwhile everything else is answered. The event `auth.hashed` says that a
//! thread is done, and nothing more. On a command line a password comes by the standard input, not as an argument.
//!
//! # Scopes
//!
//! | scope | allows |
//! |---|---|
//! | `PLUGIN.SERVICE`, such as `devices.set_state` | to call this service |
//! | `PLUGIN.read` | to call those services of the plugin that only read |
//! | `PLUGIN.*`, `PLUGIN.>` | to call all its services: of two tokens, of two or more |
//! | `events.publish`, `events.watch` | topics |
//! | `state.read`, `state.write` | keys of the state |
//! | `storage.read`, `storage.write` | namespaces |
//! | `runtime.control`, `runtime.attach` | to start and stop plugins; to be one |
//! | one of these eight with `:FILTER` | those that match, as in `events.watch:device.>` or `storage.read:history` |
//! | `runtime.inspect` | to look at everything |
//! | `admin.*` | everything |
//!
//! Others are refused when a key is made; in a role they allow nothing. What a service does is known by whoever enforces the
//! scopes: here `devices.read` covers itself, and is covered by `devices.*`. As good as `admin.*` are `storage.write` of the
//! namespaces `auth` and `users`, `runtime.attach` as these, and `plugins.install`; `storage.read:auth` shows the hashes of
//! passwords, `state.write` sets the clock by which keys expire, and a plugin that does what it is told, such as rules,
//! does it with rights of its own. (But `auth` and `users` are changed by no plugin.)
//!
//! # Rules besides scopes
//!
//! For who has `admin.*` there are none, and `ask` is empty. `access.allow` refuses to others, as `denied` with the rule,
//! however the arguments are passed:
//!
//! - `access.*`, which is for whoever lets clients in;
//! - of `auth.*` what is about another user, and what would lead to more than the key allows: a key with more scopes, a
//!   wider key in place of another one, a password from a key that may less than its user, and from a key with an end
//!   what has none; `init` and `audit`;
//! - of `users.*` all changes but that of one's own name;
//! - what the setting `resources` says. Unless it is set:
//!
//! ```json
//! {
//!   "devices.*": {"id": "/id", "lookup": "devices.get"},
//!   "devices.create": {"id": "/id", "lookup": "devices.get", "new": "/owner_id"},
//!   "devices.list": {"user": "/user"}
//! }
//! ```
//!
//! A rule with `lookup` finds the resource that the argument `id` names (or the first one by place) by that service, called
//! with `{"id": ..}`, whose reply may have `owner_id` and `shared_with`, and whose error is `not_found` where there is none. Its
//! owner uses it, and those it is shared with, and everybody one without an owner; `owner_id` and `shared_with` are set by
//! its owner alone. Where there is none, the argument `new` has to be the user. Without either it is for administrators. A
//! rule with `user` wants this argument to be the user. A filter without wildcards goes before one with them, a longer one
//! before a shorter one. A look-up has a second; one that took longer is `unavailable` for ten.
//!
//! # The audit log
//!
//! Entries `{seq, time, what, subject, key_id, peer, detail, count}` in the namespace `auth_audit`, 10,000 of them; the oldest
//! go. `init`, `key_created`, `key_rotated`, `key_revoked`, `password_set`, `login` and `logout` are stored before they are
//! answered. Refusals (`key_refused`, `peer_blocked`, `login_refused`, `login_blocked`, `call_refused`, and `scope_refused`
//! for the host's event `access.refused {subject, key_id, peer, scope, request}`, which is believed of nobody else) are counted:
//! those that are alike are one entry a minute, and no more than 32 kinds are kept apart. So an attack writes fewer than 80
//! rows a minute. What was refused in the last seconds before a crash is lost.
//!
//! # Errors
//!
//! | code | |
//! |---|---|
//! | `denied` | the key, the token, or user and password are not good; or a rule, which the message names |
//! | `busy` | too many attempts, or too many passwords at once: try again |
//! | `unavailable` | another plugin does not answer: nothing is allowed |
//! | `invalid_argument` | what is wrong, with the value and what is allowed; never a secret |
//! | `already`, `no_admin` | of `auth.init` |
//! | `no_such_user`, `disabled`, `no_such_key`, `weak_password`, `full`, `no_clock` | as their messages say |
//!
//! and those of the storage. Nothing has changed then.
//!
//! # Storage
//!
//! Namespace `auth`: `key:ID`, `password:USER`, `init`; no secret. All is in memory as well. A row that is damaged is an error
//! in the log: that key, or password, does not work, and others do. A row with more scopes than its user has allows no more.
//! Keys and passwords of the Python original are not taken over: its keys are stored as they are.
//!
//! # Settings
//!
//! | key | unless set | |
//! |---|---|---|
//! | `attempts_per_peer` | 10 | wrong ones a minute, 1 to 10,000 |
//! | `attempts_of_all` | 300 | the same of all together, 1 to 100,000 |
//! | `session_minutes` | 720 | 1 to 43,200 |
//! | `audit_entries` | 10,000 | 1 to 1,000,000 |
//! | `max_keys` | 1,000 | 1 to 100,000; those that ended make room |
//! | `resources` | see above | rules by filters of services |

mod allow;
mod attempts;
mod audit;
mod check;
mod clock;
mod hashing;
mod keys;
mod limits;
mod login;
mod manage;
mod model;
mod passwords;
mod people;
mod rows;
mod scope;
mod secret;
mod sessions;
mod settings;
mod slow;
mod state;
mod text;

use kernel_core::{Context, Error, Event, PluginId, Replied, Reply, Request};
use plugin_kit::Args;
use plugin_kit::prelude::*;
use serde::Deserialize;

pub use model::{
    Allow, AuditPage, AuditPaging, Begun, Check, Entry, FirstAdmin, Init, KeyId, KeyInfo, KeyPage, KeyPaging,
    Login, Logout, MadeKey, NewKey, Pass, SetPassword,
};
pub use secret::Secret;

pub use state::Auth;

use audit::Note;
use clock::Clock;
use settings::Settings;

#[plugin(
    name = "auth",
    description = "Keys, passwords and sessions, what they allow, and the audit log",
    needs = ["users"],
    writes = ["auth_audit"],
    schema
)]
impl Auth {
    #[load]
    async fn load(&mut self, cx: &Context, settings: Settings) -> Result<(), Error> {
        *self = Auth::loaded(cx, settings).await?;
        Ok(())
    }

    #[stop]
    async fn stop(&mut self, cx: &Context) -> Result<(), Error> {
        self.audit.flush_all(cx).await;
        self.keys.flush(cx).await
    }

    #[every(seconds = 5)]
    async fn store(&mut self, cx: &Context) -> Result<(), Error> {
        self.finish(cx).await?;
        self.audit.flush(cx, cx.now()).await;
        self.keys.flush(cx).await
    }

    #[on(".hashed")]
    async fn hashed(&mut self, cx: &Context) -> Result<(), Error> {
        self.finish(cx).await
    }

    #[on("users.deleted")]
    async fn deleted(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Deleted {
            id: String,
        }
        if cx.name_of(event.source, &mut [0; 32]).await? != "users" {
            return Ok(());
        }
        let mut room = plugin_kit::scratch::<0>(event.payload());
        let deleted: Deleted = event.payload().decode(room.as_mut())?;
        self.forget(cx, &deleted.id).await
    }

    #[on("access.refused")]
    async fn refused(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        // Any plugin may publish it.
        if event.source != PluginId::OPERATOR {
            return Ok(());
        }
        let mut room = plugin_kit::scratch::<0>(event.payload());
        let refused: model::Refused = event.payload().decode(room.as_mut())?;
        let detail = format!("{}: {}", refused.scope, refused.request);
        let note = Note {
            what: "scope_refused",
            subject: &refused.subject,
            key_id: &refused.key_id,
            peer: &text::peer(&refused.peer),
            detail: &detail,
        };
        self.audit.refused(Clock::of(cx).await?, note);
        Ok(())
    }

    /// Whose key this is, and what it may do now.
    #[service("access.check", examples = [r#"{"key": "crk_0123456789abcdef_00", "peer": "192.0.2.7:50123"}"#])]
    async fn check(&mut self, cx: &Context, check: Args<Check>) -> Result<Pass, Error> {
        self.pass(cx, check.0).await
    }

    /// Whether the rules for its user let a key call a service with these arguments: true, or the error that says why not.
    #[service(
        "access.allow",
        examples = [r#"{"subject": "ann", "key_id": "0123456789abcdef", "service": "devices.get", "args": {"id": "lamp"}}"#]
    )]
    async fn allow(&mut self, cx: &Context, allow: Args<Allow>) -> Result<bool, Error> {
        self.allows(cx, allow.0).await
    }

    /// Makes the first administrator and its key, once.
    #[service(".init", examples = [r#"{"name": "Ann"}"#])]
    async fn init(&mut self, cx: &Context, call: Request<'_>, init: Args<Init>) -> Result<FirstAdmin, Error> {
        not_for_plugins(&call)?;
        self.make_first(cx, init.0).await
    }

    /// Makes a key, which is shown once.
    #[service(
        ".create_key",
        examples = [r#"{"user": "ann", "name": "phone", "scopes": ["devices.read"], "expires_in_s": 86400}"#]
    )]
    async fn create_key(
        &mut self,
        cx: &Context,
        call: Request<'_>,
        new: Args<NewKey>,
    ) -> Result<MadeKey, Error> {
        not_for_plugins(&call)?;
        self.make_key(cx, new.0).await
    }

    /// Keys, a page of them, without their secrets.
    #[service(".list_keys", reads, examples = ["{}", r#"{"user": "ann"}"#])]
    fn list_keys(&mut self, call: Request<'_>, paging: Args<KeyPaging>) -> Result<KeyPage, Error> {
        not_for_plugins(&call)?;
        limits::check_name("after", &paging.after)?;
        limits::check_name("user", paging.user.as_deref().unwrap_or(""))?;
        limits::check_page(paging.limit)?;
        Ok(self
            .keys
            .page(paging.user.as_deref(), &paging.after, paging.limit))
    }

    /// Replaces a key by a new one, which is shown once; the old one is not good any more.
    #[service(".rotate_key", examples = [r#"{"key_id": "0123456789abcdef"}"#])]
    async fn rotate_key(
        &mut self,
        cx: &Context,
        call: Request<'_>,
        key: Args<KeyId>,
    ) -> Result<MadeKey, Error> {
        not_for_plugins(&call)?;
        self.replace_key(cx, &key.key_id).await
    }

    /// From here on this key is not good any more.
    #[service(".revoke_key", examples = [r#"{"key_id": "0123456789abcdef"}"#])]
    async fn revoke_key(&mut self, cx: &Context, call: Request<'_>, key: Args<KeyId>) -> Result<(), Error> {
        not_for_plugins(&call)?;
        self.end_key(cx, &key.key_id).await
    }

    /// Sets a user's password and ends its sessions.
    #[service(".set_password", examples = [r#"{"user": "ann", "password": "correct horse battery"}"#])]
    async fn set_a_password(
        &mut self,
        cx: &Context,
        call: Request<'_>,
        reply: Reply<'_>,
        args: Args<SetPassword>,
    ) -> Result<Replied, Error> {
        not_for_plugins(&call)?;
        self.begin_password(cx, call, reply, args.0).await
    }

    /// Begins a session with a password; the token is shown once.
    #[service(".login", examples = [r#"{"user": "ann", "password": "correct horse battery", "peer": "192.0.2.7:50123"}"#])]
    async fn login(
        &mut self,
        cx: &Context,
        call: Request<'_>,
        reply: Reply<'_>,
        args: Args<Login>,
    ) -> Result<Replied, Error> {
        self.begin_login(cx, call, reply, args.0).await
    }

    /// Ends a session.
    #[service(".logout", examples = [r#"{"token": "crs_0123456789abcdef_00"}"#])]
    async fn logout(&mut self, cx: &Context, args: Args<Logout>) -> Result<(), Error> {
        self.end_session(cx, args.0).await
    }

    /// The audit log, a page of it, from old to new.
    #[service(".audit", reads, examples = ["{}", r#"{"after": 120, "limit": 20}"#])]
    async fn audit(
        &mut self,
        cx: &Context,
        call: Request<'_>,
        paging: Args<AuditPaging>,
    ) -> Result<AuditPage, Error> {
        not_for_plugins(&call)?;
        limits::check_page(paging.limit)?;
        self.audit.page(cx, paging.after, paging.limit).await
    }
}

/// Keys are made by the operator, and by clients of its link that may.
fn not_for_plugins(call: &Request<'_>) -> Result<(), Error> {
    match call.caller.is_plugin() {
        true => Err(Error::format(
            "denied",
            format_args!("{} is not for plugins", call.service()),
        )),
        false => Ok(()),
    }
}
