//! A plugin of the program that is there several times.

mod support;

use host_std::config::PluginConfig;
use host_std::{Config, Host, block_on};
use kernel_core::{Json, PluginState};
use plugin_kit::prelude::*;
use serde::Deserialize;
use support::config;

#[derive(Default)]
struct Echo {
    word: String,
}

#[plugin(name = "echo", schema, instances)]
impl Echo {
    #[load]
    fn load(&mut self, settings: Words) -> Result<(), Error> {
        self.word = settings.word;
        Ok(())
    }

    /// Says its word.
    #[service(".say")]
    fn say(&mut self, times: u32) -> Result<String, Error> {
        Ok(self.word.repeat(times as usize))
    }
}

#[derive(Deserialize)]
struct Words {
    #[serde(default)]
    word: String,
}

fn with(config: &mut Config, name: &str, is: Option<&str>, settings: &str) {
    let plugin = PluginConfig {
        is: is.map(str::to_owned),
        settings: settings.to_owned(),
        ..PluginConfig::default()
    };
    config.plugins.insert(name.to_owned(), plugin);
}

fn refusal(config: Config) -> String {
    let refused = Host::builder().described_plugin::<Echo>().start(config);
    refused.err().expect("it is refused").to_string()
}

#[test]
fn each_has_its_name_its_settings_and_its_services() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    with(&mut config, "echo", None, r#"{"word":"one"}"#);
    with(&mut config, "second", Some("echo"), r#"{"word":"two"}"#);
    let host = Host::builder().described_plugin::<Echo>().start(config).unwrap();
    let call = |service: &str, args: &'static str| {
        let mut buf = [0; 256];
        let args = Json::parse(args).unwrap();
        let reply = block_on(
            host.runtime()
                .services()
                .call_for(None, service, args, None, &mut buf),
        );
        reply
            .map(|reply| reply.as_str().to_owned())
            .map_err(|error| error.code().to_owned())
    };
    assert_eq!(call("echo.say", "2").unwrap(), r#""oneone""#);
    assert_eq!(call("second.say", "1").unwrap(), r#""two""#);
    assert_eq!(
        host.runtime().plugins().state("second"),
        Some(PluginState::Started)
    );
    // Its schema is there too.
    assert_eq!(call("second.say", r#""x""#).unwrap_err(), "invalid_argument");
}

#[test]
fn a_mistake_names_the_key_and_what_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    for (name, is, expected) in [
        (
            "second",
            "ecko",
            "plugins.second.is is \"ecko\"; plugins that can be there several times are echo",
        ),
        (
            "echo",
            "echo",
            "plugins.echo.is is \"echo\"; there is a plugin \"echo\" already",
        ),
        ("Second", "echo", "\"Second\" is no plugin's name"),
    ] {
        let mut config = config(dir.path());
        with(&mut config, name, Some(is), "{}");
        let refused = refusal(config);
        assert!(refused.contains(expected), "{refused}");
    }
}
