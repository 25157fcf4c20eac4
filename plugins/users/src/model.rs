//! What is stored, asked and answered.

use plugin_kit::Arguments;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// The key of the user everywhere.
    pub id: String,
    /// For people.
    pub name: String,
    /// The names of its roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Scopes besides those of the roles, which only users of the Python original have.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// True for one that may do nothing.
    #[serde(default)]
    pub disabled: bool,
    /// Milliseconds since the Unix epoch; `null` when no clock was set.
    #[serde(default)]
    pub created_at: Option<u64>,
    /// The same, of the last change.
    #[serde(default)]
    pub updated_at: Option<u64>,
}

/// What is stored of a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredRole {
    pub(crate) scopes: Vec<String>,
}

/// The payload of the events.
#[derive(Serialize)]
pub(crate) struct Changed<'a> {
    pub(crate) id: &'a str,
}

/// Settings of the plugin.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Roles that are there without anybody making them, with their scopes.
    pub(crate) roles: std::collections::BTreeMap<String, Vec<String>>,
    /// The most users.
    pub(crate) max_users: usize,
    /// Plugins that may change users and roles, besides the operator.
    pub(crate) managers: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let role = |name: &str, scopes: &[&str]| {
            (
                name.to_owned(),
                scopes.iter().map(|&scope| scope.to_owned()).collect(),
            )
        };
        Settings {
            roles: [
                role("admin", &["admin.*"]),
                role("reader", &["runtime.inspect", "events.watch", "state.read"]),
            ]
            .into(),
            max_users: 1_000,
            managers: vec!["auth".to_owned()],
        }
    }
}

/// Arguments of `users.create`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// 1 to 64 of a-z, 0-9, `_` and `-`, a letter or digit first; made up when it is not said.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[a-z0-9][a-z0-9_-]*$"))]
    pub id: Option<String>,
    /// 1 to 64 characters.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Roles that exist, 16 at most.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub roles: Vec<String>,
}

impl Arguments for NewUser {
    const NAMES: &'static [&'static str] = &["name", "roles"];
}

/// Arguments that name a user.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserId {
    /// The user.
    #[schemars(extend("x-existing" = true))]
    pub id: String,
}

impl Arguments for UserId {
    const NAMES: &'static [&'static str] = &["id"];
}

/// Arguments of the lists.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// The last one of the page before.
    #[serde(default)]
    #[schemars(length(max = 255))]
    pub after: String,
    /// How many at most, 1 to 100; 100 unless said.
    #[serde(default = "most_on_a_page")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: usize,
}

impl Arguments for Paging {}

/// The most users or roles on a page.
pub(crate) const PAGE: usize = 100;

fn most_on_a_page() -> usize {
    PAGE
}

/// A page of users, in the order of their ids.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UserPage {
    /// The users.
    pub users: Vec<User>,
    /// What to pass as `after` for the next page; `null` on the last one.
    pub next: Option<String>,
}

/// Arguments of `users.update`: what is not said stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The user.
    #[schemars(extend("x-existing" = true))]
    pub id: String,
    /// 1 to 64 characters.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub name: Option<String>,
    /// All roles that it is to have, which exist, 16 at most.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub roles: Option<Vec<String>>,
    /// Whether it may do nothing.
    #[serde(default)]
    pub disabled: Option<bool>,
}

impl Arguments for Change {
    const NAMES: &'static [&'static str] = &["id"];
}

/// Arguments of `users.set_role`, and a role in the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its name: 1 to 32 of a-z, 0-9, `_` and `-`, a letter first.
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[a-z][a-z0-9_-]*$"))]
    pub role: String,
    /// What it allows, 64 scopes at most.
    #[schemars(length(max = 64))]
    pub scopes: Vec<String>,
}

impl Arguments for Role {
    const NAMES: &'static [&'static str] = &["role", "scopes"];
}

/// Arguments of `users.delete_role`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleName {
    /// Its name.
    #[schemars(extend("x-existing" = true))]
    pub role: String,
}

impl Arguments for RoleName {
    const NAMES: &'static [&'static str] = &["role"];
}

/// A page of roles, in the order of their names.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RolePage {
    /// The roles.
    pub roles: Vec<Role>,
    /// What to pass as `after` for the next page; `null` on the last one.
    pub next: Option<String>,
}

/// What a user may do: the answer of `users.scopes`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Rights {
    /// The scopes of all its roles, each once.
    pub scopes: Vec<String>,
    /// When the user was made: another one of the same id is not the same user.
    pub created_at: Option<u64>,
}
