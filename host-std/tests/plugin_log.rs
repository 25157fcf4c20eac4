//! What plugins log reaches the runtime's log, with their names.

use std::process::{Command, Stdio};

use host_std::{Config, Host, run_host};
use kernel_core::*;
use rustix::process::{Signal, getpid, kill_process};

/// Logs, and ends the program.
#[derive(Default)]
struct Chatty;

impl Plugin for Chatty {
    const METADATA: PluginMetadata = PluginMetadata::new("chatty", "1.0.0");

    async fn on_start(&mut self, _: &Context) -> Result<(), Error> {
        log::info!("by log, {} times", 1);
        log::debug!("not asked for");
        log::debug!(target: "wanted", "asked for");
        tracing::warn!(lamp = 5, "by tracing");
        tracing::info!(plugin = "another", "of another");
        Ok(kill_process(getpid(), Signal::TERM).map_err(|_| Fault::Unavailable)?)
    }
}

/// Not a test by itself: the program that the test below starts, this file once more.
#[test]
#[ignore = "is started by another test"]
fn program() {
    let status = run_host(Host::builder().plugin::<Chatty>(), Config::from_env().unwrap());
    std::process::exit((status != std::process::ExitCode::SUCCESS).into());
}

/// The lines of the log, in this format.
fn log(format: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "program", "--ignored", "--nocapture"])
        .env("RUNTIME_DB_PATH", dir.path().join("runtime.db"))
        .env("RUNTIME_LOG", "info,wanted=debug")
        .env("RUNTIME_LOG_FORMAT", format)
        .env_remove("RUNTIME_CONFIG")
        .env_remove("RUNTIME_SOCKET")
        .env("NO_COLOR", "1")
        .stdout(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The line with this text.
fn line<'l>(lines: &'l [String], text: &str) -> &'l str {
    let found = lines.iter().find(|line| line.contains(text));
    found.unwrap_or_else(|| panic!("no {text:?} in {lines:#?}"))
}

#[test]
fn a_line_of_a_plugin_says_whose_it_is() {
    let lines = log("text");
    assert!(
        line(&lines, "by log").ends_with(r#" INFO plugin_log: by log, 1 times plugin="chatty""#),
        "{lines:#?}"
    );
    assert!(
        line(&lines, "by tracing").ends_with(r#"by tracing lamp=5 plugin="chatty""#),
        "{lines:#?}"
    );
    assert!(
        line(&lines, "of another").ends_with(r#"of another plugin="another""#),
        "{lines:#?}"
    );
    assert!(
        line(&lines, "asked for").contains("DEBUG wanted: asked for"),
        "{lines:#?}"
    );
    assert!(
        !lines.iter().any(|line| line.contains("not asked for")),
        "{lines:#?}"
    );
    assert!(!line(&lines, "shutting down").contains("plugin="), "{lines:#?}");
}

#[test]
fn so_does_an_object() {
    let lines = log("json");
    for (text, plugin) in [
        ("by log, 1 times", "chatty"),
        ("by tracing", "chatty"),
        ("of another", "another"),
    ] {
        let object: serde_json::Value = serde_json::from_str(line(&lines, text)).unwrap();
        assert_eq!(object["message"], text);
        assert_eq!(object["plugin"], plugin);
    }
}
