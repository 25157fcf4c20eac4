//! Plugins of the program that are there once more, under other names.

use kernel_core::subject::check_plugin_name;

use crate::config::{Config, ConfigError};
use crate::plugins::PluginType;

/// Those that the configuration names, of these plugins, beside those that are installed at run time.
///
/// # Errors
/// [`ConfigError::Instance`].
pub(super) fn of(
    plugins: &[PluginType],
    config: &Config,
    installed: &[String],
) -> Result<Vec<PluginType>, ConfigError> {
    let named = config
        .plugins
        .iter()
        .filter_map(|(name, plugin)| Some((name, plugin.is.as_ref()?)));
    let made = named.map(|(name, is)| {
        one(plugins, name, is, installed).map_err(|why| ConfigError::Instance {
            path: config.file.clone().unwrap_or_default(),
            name: name.clone(),
            is: is.clone(),
            why,
        })
    });
    made.collect()
}

fn one(plugins: &[PluginType], name: &str, is: &str, installed: &[String]) -> Result<PluginType, String> {
    if plugins.iter().any(|plugin| plugin.name() == name) || installed.iter().any(|known| known == name) {
        return Err(format!(
            "there is a plugin {name:?} already: choose another name for this one"
        ));
    }
    if check_plugin_name(name).is_err() {
        return Err(format!(
            "{name:?} is no plugin's name: 1 to 32 of a-z, 0-9, _ and -, a letter first"
        ));
    }
    let able = plugins.iter().filter(|plugin| plugin.instances);
    if let Some(plugin) = able.clone().find(|plugin| plugin.name() == is) {
        return Ok(plugin.under(name));
    }
    let names: Vec<_> = able.map(PluginType::name).collect();
    match names.is_empty() {
        true => Err("no plugin of this program can be there several times".to_owned()),
        false => Err(format!(
            "plugins that can be there several times are {}",
            names.join(", ")
        )),
    }
}
