//! What the plugin `users` knows.

use std::time::Duration;

use kernel_core::{Context, Error};
use plugin_kit::prelude::*;
use serde::{Deserialize, Serialize};

use crate::scope;

/// How long `users` has to answer: it has all in memory.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a user may do.
#[derive(Debug, Deserialize)]
pub(crate) struct Rights {
    pub(crate) scopes: Vec<String>,
    /// Another user of the same id was created at another time.
    pub(crate) created_at: Option<u64>,
}

#[derive(Serialize)]
struct Id<'a> {
    id: Option<&'a str>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// What the user may do now. Without a user the same question is asked in vain, so that it takes as long.
///
/// # Errors
/// That of `users` for one who is not there or is disabled; `unavailable` when there is no answer.
pub(crate) async fn rights(cx: &Context, user: Option<&str>) -> Result<Rights, Error> {
    let mut rights: Rights = ask(cx, "users.scopes", &Id { id: user }).await?;
    rights.scopes = scope::known(rights.scopes);
    Ok(rights)
}

/// The user's name.
pub(crate) async fn name(cx: &Context, user: &str) -> Result<String, Error> {
    let named: Named = ask(cx, "users.get", &Id { id: Some(user) }).await?;
    Ok(named.name)
}

/// Creates the first administrator; one of this id may be there already.
pub(crate) async fn create_admin(cx: &Context, id: &str, name: &str) -> Result<(), Error> {
    let user = serde_json::json!({"id": id, "name": name, "roles": ["admin"]});
    match ask::<Named>(cx, "users.create", &user).await {
        Err(error) if error.code() == "exists" => Ok(()),
        created => created.map(drop),
    }
}

async fn ask<T: serde::de::DeserializeOwned>(
    cx: &Context,
    service: &str,
    args: &(impl Serialize + Sync),
) -> Result<T, Error> {
    cx.call_value(service, args, PATIENCE)
        .await
        .map_err(|error: Error| match error.code() {
            "no_such_user" | "disabled" | "invalid_argument" | "exists" | "no_such_role" => error,
            _ => Error::format("unavailable", format_args!("{service} does not answer: {error}")),
        })
}

/// Whether this says something of the user, and not of the plugin `users`.
pub(crate) fn is_of_the_user(error: &Error) -> bool {
    error.code() != "unavailable"
}
