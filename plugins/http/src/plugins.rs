//! The plugins: listed, started, stopped, reloaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use kernel_link::{Action, Request};
use link_gateway::{Answer, Session};
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::calls::unexpected;
use crate::params::{Name, Params};
use crate::problem::Problem;
use crate::reply;
use crate::shared::Shared;

/// `GET /api/plugins`
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    uri: Uri,
) -> Result<Response, Problem> {
    Params::of(uri.query(), &[])?;
    let session = caller.session(&shared).await?;
    Ok(reply::json(&json!({ "plugins": all(&session).await? })))
}

/// All plugins, their dependencies by name.
pub(crate) async fn all(session: &Session) -> Result<Vec<Value>, Problem> {
    let mut plugins = session.list(Request::Plugins).await?;
    let names: BTreeMap<u64, Value> = plugins
        .iter()
        .filter_map(|plugin| Some((plugin["index"].as_u64()?, plugin["name"].clone())))
        .collect();
    for plugin in &mut plugins {
        let Some(plugin) = plugin.as_object_mut() else {
            continue;
        };
        plugin.remove("index");
        let providers = plugin
            .get("dependencies")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let providers: Value = providers
            .filter_map(|index| names.get(&index.as_u64()?).cloned())
            .collect();
        plugin.insert("dependencies".to_owned(), providers);
    }
    Ok(plugins)
}

/// `POST /api/plugins/NAME/ACTION`
pub(crate) async fn lead(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Name((plugin, action)): Name<(String, String)>,
    uri: Uri,
) -> Result<Response, Problem> {
    Params::of(uri.query(), &[])?;
    let action = match action.as_str() {
        "load" => Action::Load,
        "start" => Action::Start,
        "stop" => Action::Stop,
        "unload" => Action::Unload,
        "reload" => Action::Reload,
        other => {
            let message = format!("{other:?} is no action; there are: load, start, stop, unload, reload");
            return Err(Problem::not_found(message));
        }
    };
    let session = caller.session(&shared).await?;
    match session
        .ask(Request::Manage {
            plugin: &plugin,
            action,
        })
        .await?
    {
        Answer::Plugin(state) => Ok(reply::json(&json!({ "plugin": plugin, "state": state.as_str() }))),
        _ => Err(unexpected().into()),
    }
}
