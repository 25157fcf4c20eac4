//! What is asked and answered.

use plugin_kit::Arguments;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits;
use crate::secret::Secret;

/// Which arguments may be passed by their place.
macro_rules! by_place {
    ($($arguments:ident [$($name:literal),*],)*) => {
        $(impl Arguments for $arguments {
            const NAMES: &'static [&'static str] = &[$($name),*];
        })*
    };
}

by_place! {
    Check ["key", "peer"],
    Allow ["subject", "key_id", "service", "args"],
    Refused [],
    Init ["name"],
    NewKey ["user", "name", "scopes", "expires_in_s"],
    KeyId ["key_id"],
    KeyPaging ["user"],
    SetPassword ["user", "password"],
    Login ["user", "password", "peer"],
    Logout ["token"],
    AuditPaging [],
}

/// Arguments of `access.check`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The key, or the token of a session.
    #[schemars(length(max = 255))]
    pub key: Secret,
    /// Where it comes from, such as `192.0.2.7:50123`.
    #[schemars(length(max = 255))]
    pub peer: String,
}

/// What a key is good for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pass {
    /// The user.
    pub subject: String,
    /// The key, or the session.
    pub key_id: String,
    /// What it may do now.
    pub scopes: Vec<String>,
    /// Filters of services of which `access.allow` is to be asked before each call.
    pub ask: Vec<String>,
    /// For how long it is good, in milliseconds; `null` for one without an end.
    pub expires_in_ms: Option<u64>,
}

/// Arguments of `access.allow`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// The user, of `access.check`.
    #[schemars(length(max = 255))]
    pub subject: String,
    /// The key, of `access.check`.
    #[schemars(length(max = 255))]
    pub key_id: String,
    /// The service that is to be called.
    #[schemars(length(max = 255))]
    pub service: String,
    /// With these arguments.
    #[serde(default)]
    pub args: Value,
}

/// The payload of `access.refused`.
#[derive(Debug, Deserialize)]
pub(crate) struct Refused {
    #[serde(default)]
    pub(crate) subject: String,
    #[serde(default)]
    pub(crate) key_id: String,
    #[serde(default)]
    pub(crate) peer: String,
    #[serde(default)]
    pub(crate) scope: String,
    #[serde(default)]
    pub(crate) request: String,
}

/// Arguments of `auth.init`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Init {
    /// The administrator's name for people; `Administrator` unless said.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub name: Option<String>,
}

/// The first administrator. Its key is shown once.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FirstAdmin {
    /// The user.
    pub user: String,
    /// What its key is known by.
    pub key_id: String,
    /// The key itself.
    pub key: Secret,
}

/// Arguments of `auth.create_key`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Whose key it is.
    #[schemars(extend("x-existing" = true))]
    pub user: String,
    /// For people: 1 to 64 characters.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// What it allows, within what the user may do: 1 to 32 scopes.
    #[schemars(length(min = 1, max = 32))]
    pub scopes: Vec<String>,
    /// Seconds until it ends, a minute to ten years; unless said it has no end.
    #[serde(default)]
    #[schemars(range(min = 60, max = 315_360_000))]
    pub expires_in_s: Option<u64>,
}

/// A key that was made. It is shown once.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MadeKey {
    /// What it is known by.
    pub key_id: String,
    /// The key itself.
    pub key: Secret,
}

/// Arguments that name a key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyId {
    /// What the key is known by.
    #[schemars(extend("x-existing" = true))]
    pub key_id: String,
}

/// Arguments of `auth.list_keys`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyPaging {
    /// Whose keys; those of all unless said.
    #[serde(default)]
    #[schemars(length(max = 255))]
    pub user: Option<String>,
    /// The last key of the page before.
    #[serde(default)]
    #[schemars(length(max = 255))]
    pub after: String,
    /// How many at most, 1 to 100; 100 unless said.
    #[serde(default = "most_on_a_page")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: usize,
}

/// A key, without its secret. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KeyInfo {
    /// What it is known by.
    pub key_id: String,
    /// Whose it is.
    pub user: String,
    /// For people.
    pub name: String,
    /// What it allows, within what the user may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Option<u64>,
    /// When it ends.
    pub expires_at: Option<u64>,
    /// When it was used, to the hour.
    pub last_used: Option<u64>,
    /// True for one that is not good any more.
    pub revoked: bool,
    /// When it was revoked.
    pub revoked_at: Option<u64>,
}

/// A page of keys, in the order of their ids.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KeyPage {
    /// The keys.
    pub keys: Vec<KeyInfo>,
    /// What to pass as `after` for the next page; `null` on the last one.
    pub next: Option<String>,
}

/// Arguments of `auth.set_password`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPassword {
    /// Whose.
    #[schemars(extend("x-existing" = true))]
    pub user: String,
    /// 10 to 256 characters.
    #[schemars(length(min = 10, max = 256))]
    pub password: Secret,
}

/// Arguments of `auth.login`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Who.
    #[schemars(extend("x-existing" = true))]
    pub user: String,
    /// Its password.
    #[schemars(length(max = 256))]
    pub password: Secret,
    /// Where it comes from.
    #[serde(default)]
    #[schemars(length(max = 255))]
    pub peer: String,
}

/// A session that was begun. Its token is shown once.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Begun {
    /// The token, which `access.check` takes as a key.
    pub token: Secret,
    /// The user.
    pub subject: String,
    /// For how long, in milliseconds.
    pub expires_in_ms: u64,
}

/// Arguments of `auth.logout`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logout {
    /// The session's token.
    #[schemars(length(max = 255))]
    pub token: Secret,
}

/// Arguments of `auth.audit`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditPaging {
    /// The `seq` of the last entry of the page before.
    #[serde(default)]
    pub after: Option<u64>,
    /// How many at most, 1 to 100; 100 unless said.
    #[serde(default = "most_on_a_page")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: usize,
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Its place in the log.
    pub seq: u64,
    /// When, in milliseconds since the Unix epoch: of several the first one.
    pub time: Option<u64>,
    /// What happened.
    pub what: String,
    /// Who did it, or tried.
    pub subject: String,
    /// With which key.
    pub key_id: String,
    /// From where.
    pub peer: String,
    /// More of it.
    pub detail: String,
    /// How many times within a minute.
    pub count: u32,
}

/// A page of the audit log, from old to new.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<Entry>,
    /// What to pass as `after` for the next page; `null` on the last one.
    pub next: Option<u64>,
}

fn most_on_a_page() -> usize {
    limits::PAGE
}
