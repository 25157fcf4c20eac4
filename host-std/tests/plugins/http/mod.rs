//! Servers as plugins, by the original's contract over HTTP.

mod hostile;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use kernel_core::PluginState;
use serde_json::{Value, json};

use crate::host::{info, until, until_state};
use crate::program::{Runtime, program, run};
use crate::support::{House, call};

/// The lamp of server.py.
struct Lamp {
    child: Child,
    port: u16,
}

impl Lamp {
    /// Starts it; at a port that is free where it is 0.
    fn start(port: u16) -> Lamp {
        let mut child = Command::new("python3")
            .args([
                concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plugins/http/server.py"),
                &port.to_string(),
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line.trim().parse().unwrap();
        Lamp { child, port }
    }
}

impl Drop for Lamp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes the package of a server; its folder. `more` are lines behind its URL.
fn package(house: &House, name: &str, port: u16, more: &str) -> std::path::PathBuf {
    let folder = house.dir.path().join(format!("package-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    let manifest = format!(
        "[plugin]\nname = \"{name}\"\nversion = \"1.0.0\"\n\n[run]\nkind = \"http\"\n\
         url = \"http://127.0.0.1:{port}\"\n{more}"
    );
    std::fs::write(folder.join("plugin.toml"), manifest).unwrap();
    folder
}

fn install(house: &House, name: &str, port: u16, more: &str) -> Value {
    let folder = package(house, name, port, more);
    house.call("plugins.install", json!({ "path": folder })).unwrap()
}

#[test]
fn a_server_of_the_original_is_a_plugin_as_any_other() {
    let house = House::new();
    let lamp = Lamp::start(0);
    let row = install(&house, "lamp", lamp.port, "");
    assert_eq!(
        (&row["state"], &row["placement"]),
        (&json!("STARTED"), &json!("http")),
        "{row}"
    );
    assert_eq!(row["not_enforced"], json!(["all that its server does by itself"]));

    for (args, sent) in [
        (json!(null), json!({"args": [], "kwargs": {}})),
        (json!("я"), json!({"args": ["я"], "kwargs": {}})),
        (json!({"a": 1}), json!({"args": [{"a": 1}], "kwargs": {}})),
        (
            json!({"args": [1], "kwargs": {"b": 2}}),
            json!({"args": [1], "kwargs": {"b": 2}}),
        ),
    ] {
        assert_eq!(house.call("lamp.echo", args), Ok(sent));
    }
    assert_eq!(house.call("lamp.set", json!({"level": 3})), Ok(json!(4)));
    assert_eq!(
        house.call("lamp.set", json!({"args": [], "kwargs": {"level": 4}})),
        Ok(json!(5))
    );
    assert_eq!(house.call("lamp.nothing", json!(null)), Ok(json!(null)));
    let (code, message) = house.call("lamp.set", json!({"level": "x"})).unwrap_err();
    assert!(
        code == "invalid_argument" && message.contains("/level: expected integer, got string"),
        "{message}"
    );
    let (code, _) = house.call("lamp.seen", json!(1)).unwrap_err();
    assert_eq!(code, "invalid_argument");
    let shown = house
        .call("plugins.services", json!({"name": "lamp.set"}))
        .unwrap();
    assert_eq!(shown[0]["description"], "Sets the lamp");
    assert_eq!(shown[0]["examples"], json!([{"level": 3}]));

    // Two calls that wait for one another.
    let runtime = house.host.runtime();
    let calls = [(); 2].map(|()| thread::spawn(move || call(runtime, "lamp.slow", &json!(null))));
    for call in calls {
        assert_eq!(call.join().unwrap(), Ok(json!("together")));
    }

    for verb in ["stop", "start", "unload", "start"] {
        house
            .call(&format!("plugins.{verb}"), json!({"name": "lamp"}))
            .unwrap();
    }
    let seen = house.call("lamp.seen", json!(null)).unwrap();
    let hooks: Vec<&str> = seen
        .as_array()
        .unwrap()
        .iter()
        .map(|hook| hook.as_str().unwrap())
        .collect();
    let wanted = [
        "load", "start", "stop", "start", "stop", "unload", "load", "start",
    ];
    assert_eq!(hooks, wanted.map(|hook| format!("/plugin/{hook}")));
    house.call("plugins.remove", json!({"name": "lamp"})).unwrap();
    assert_eq!(house.state("lamp"), None);
    assert_eq!(
        house.call("plugins.services", json!({"plugin": "lamp"})),
        Ok(json!([]))
    );
}

#[test]
fn a_status_that_is_no_success_is_an_error() {
    let house = House::new();
    let lamp = Lamp::start(0);
    assert_eq!(install(&house, "lamp", lamp.port, "")["state"], "STARTED");
    let (code, message) = house.call("lamp.broken", json!(null)).unwrap_err();
    assert_eq!(code, "http_error");
    assert!(
        message.contains("/lamp/broken: answered 500 Internal Server Error: ")
            && message.contains("the bulb is broken"),
        "{message}"
    );
    let (code, message) = house.call("lamp.refuse", json!(null)).unwrap_err();
    assert!(
        code == "invalid_argument" && message.contains("too bright"),
        "{message}"
    );
    assert_eq!(house.call("lamp.set", json!({"level": 1})), Ok(json!(2)));
    assert_eq!(house.state("lamp"), Some(PluginState::Started));
}

#[test]
fn one_that_is_not_there_fails_and_is_tried_again() {
    let house = House::new();
    // Nobody else gets this port meanwhile.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    let row = install(&house, "lamp", port, "check_seconds = 0.3\n");
    assert_eq!(
        (&row["state"], &row["error"]["code"]),
        (&json!("FAILED"), &json!("unreachable")),
        "{row}"
    );
    let message = row["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("/plugin/metadata") && message.contains("refused"),
        "{message}"
    );
    let lamp = Lamp::start(port);
    until_state(&house.host, "lamp", PluginState::Started);
    assert_eq!(house.call("lamp.set", json!({"level": 1})), Ok(json!(2)));

    // Dead, and called.
    drop(lamp);
    let (code, message) = house.call("lamp.set", json!({"level": 1})).unwrap_err();
    assert_eq!(code, "unreachable", "{message}");
    // For longer than the supervisor tries.
    let failures = || info(&house.host, "lamp").counters.failures;
    until("it is given up", || {
        let before = failures();
        thread::sleep(Duration::from_secs(5));
        (failures() == before).then_some(())
    });
    until_state(&house.host, "lamp", PluginState::Failed);
    let _lamp = Lamp::start(port);
    until_state(&house.host, "lamp", PluginState::Started);
    assert_eq!(house.call("lamp.set", json!({"level": 2})), Ok(json!(3)));
}

#[test]
fn one_that_dies_is_noticed_without_a_call() {
    let house = House::new();
    let lamp = Lamp::start(0);
    let row = install(&house, "lamp", lamp.port, "check_seconds = 0.2\n");
    assert_eq!(row["state"], "STARTED", "{row}");
    thread::sleep(Duration::from_millis(600));
    assert_eq!(info(&house.host, "lamp").counters.failures, 0);
    drop(lamp);
    let (code, _) = house.failure("lamp");
    assert_eq!(code, "unreachable");
}

#[test]
fn a_manifest_that_asks_for_what_a_server_cannot_use_is_refused() {
    let house = House::new();
    for (url, more, said) in [
        ("https://a:1", "", "https is not spoken"),
        ("http://a:1/x", "", "run.url is \"http://a:1/x\""),
        (
            "http://a:1",
            "command = [\"x\"]\n",
            "only where kind is \"process\"",
        ),
        (
            "http://a:1",
            "timeout_seconds = 0.0\n",
            "run.timeout_seconds is 0; allowed is a number of seconds",
        ),
        (
            "http://a:1",
            "[permissions]\npublish = [\"a.>\"]\n",
            "permissions.publish",
        ),
        (
            "http://a:1",
            "[settings]\ntype = \"object\"\n",
            "no way to tell a server its settings",
        ),
    ] {
        let folder = package(&house, "lamp", 1, more);
        let file = folder.join("plugin.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("http://127.0.0.1:1", url)).unwrap();
        let refused = run(program().args(["plugin", "install"]).arg(&folder), b"").fails(2);
        assert!(refused.contains(said), "{url} {more}: {refused}");
        assert!(refused.contains("plugin.toml, line "), "{refused}");
    }
    assert_eq!(house.state("lamp"), None);
    // Whom the runtime is to call on is said before anything is.
    let folder = package(&house, "lamp", 1, "");
    let runtime = Runtime::start();
    let asked = run(runtime.command().args(["plugin", "install"]).arg(&folder), b"").fails(2);
    for said in [
        "It asks for:\n  requests by the runtime to http://127.0.0.1:1\n",
        "\nNot restricted on this system: all that its server does by itself\n",
    ] {
        assert!(asked.contains(said), "{asked}");
    }
}
