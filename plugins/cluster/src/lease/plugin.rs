//! The singleton's plugin: led as a command would, stopped, and told its token.

use std::time::Duration;

use kernel_core::{Error, Installed, Json, Name, PluginState};
use plugin_kit::prelude::log;
use serde_json::json;

use crate::node::Node;

/// The least time that a plugin has to stop: the supervisor has to see that it is not to be started again.
pub(super) const AT_ONCE: Duration = Duration::from_millis(50);

/// Stops the plugin, whose life the kernel ends where it takes longer than this.
pub(super) fn stop(installed: Installed, limit: Duration) {
    installed.set_goal(PluginState::Unloaded, limit.max(AT_ONCE));
}

/// Sees to it that nobody starts it again: it may have failed, or not have been up yet.
pub(super) async fn unload(node: &Node, singleton: &str) {
    let _ = command(node, "plugins.unload", singleton, node.settings.lease / 4).await;
}

pub(super) fn installed(node: &Node, singleton: &str) -> Option<Installed> {
    let plugins = node.runtime.plugins();
    plugins.index(singleton).map(|index| plugins.installed(index))
}

pub(super) fn state(node: &Node, singleton: &str) -> Option<PluginState> {
    node.runtime.plugins().state(singleton)
}

/// Leads the plugin as a command would, with all checks.
pub(super) async fn command(
    node: &Node,
    service: &str,
    singleton: &str,
    limit: Duration,
) -> Result<(), Error> {
    let args = json!({ "name": singleton }).to_string();
    let args = Json::parse(&args).map_err(|_| Error::new("not_json", ""))?;
    let mut buf = vec![0; 4096];
    // It is the operator's will, by the configuration.
    let cx = node.runtime.context();
    cx.call_within(service, args, limit, &mut buf).await?;
    Ok(())
}

/// Tells the plugin its token, by the state.
pub(super) async fn publish_token(node: &Node, singleton: &str, token: Option<u64>) {
    let key = format!("cluster.lease.{singleton}");
    let done = match token {
        Some(token) => {
            let text = json!({"token": token, "holder": node.settings.name}).to_string();
            match Json::parse(&text) {
                Ok(value) => node.cx.state().set(Name::Copied(&key), value).await.map(|_| ()),
                Err(_) => Ok(()),
            }
        }
        None => node.cx.state().delete(&key).await.map(|_| ()),
    };
    if let Err(fault) = done {
        log::warn!("the state key {key} was not changed: {fault}");
    }
}
