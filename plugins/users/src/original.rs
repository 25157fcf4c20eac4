//! Users of the Python original, taken over once.

use kernel_core::{Context, Error};
use plugin_kit::prelude::*;
use serde::Deserialize;

use crate::model::User;
use crate::{check, rows};

/// Where the original stores its users.
pub(crate) const ORIGINAL: &str = "auth_users";
/// The key of the row that says how many were taken over. No user has this id.
pub(crate) const TAKEN_OVER: &str = "@taken_over";

/// A row of the original. Its passwords are hashed by another method and are not taken over.
#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    is_admin: bool,
    /// Seconds.
    #[serde(default)]
    created_at: Option<f64>,
}

impl Row {
    fn user(self, id: String) -> User {
        let (all, mut scopes) = (self.scopes.iter().any(|scope| scope == "*"), Vec::new());
        for scope in self.scopes {
            match check::is_scope(&scope) {
                true => scopes.push(scope),
                false if scope == "*" => {}
                false => log::warn!("user {id} of the original: the scope {scope:?} is left out"),
            }
        }
        User {
            name: self.username.unwrap_or_else(|| id.clone()),
            roles: (self.is_admin || all)
                .then(|| "admin".to_owned())
                .into_iter()
                .collect(),
            scopes,
            disabled: false,
            created_at: self.created_at.map(|seconds| (seconds * 1_000.0) as u64),
            updated_at: None,
            id,
        }
    }
}

/// The users of the original, the first time that there are any; those whose id is taken are left out.
pub(crate) async fn take_over(cx: &Context, is_taken: impl Fn(&str) -> bool) -> Result<Vec<User>, Error> {
    let storage = cx.storage(rows::USERS);
    if storage.get_value::<u32>(TAKEN_OVER).await?.is_some() {
        return Ok(Vec::new());
    }
    let found: Vec<(String, Row)> = rows::all(cx, ORIGINAL).await?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let mut users = Vec::new();
    for (id, row) in found {
        if is_taken(&id) || id.starts_with('@') {
            log::warn!("user {id:?} of the original is left out: the id is taken");
            continue;
        }
        let user = row.user(id);
        storage.set_value(&user.id, &user).await?;
        users.push(user);
    }
    storage.set_value(TAKEN_OVER, &(users.len() as u32)).await?;
    log::info!(
        "{} users of the original are taken over, without their passwords",
        users.len()
    );
    Ok(users)
}
