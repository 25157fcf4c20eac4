//! What each command does, for people and for programs.

use rustix::process::Signal;
use serde_json::json;

use crate::support::*;

#[test]
fn call_prints_the_reply() {
    let runtime = Runtime::start();
    let hello = "\"Привет, Ann!\"\n";
    assert_eq!(runtime.cli(&["call", "example.hello", "\"Ann\""]).ok(), hello);
    assert_eq!(
        runtime.cli(&["--json", "call", "example.hello", "\"Ann\""]).ok(),
        hello
    );
    assert_eq!(
        runtime
            .with_stdin(&["call", "example.hello", "-"], " \"Ann\"\n")
            .ok(),
        hello
    );
    let in_time = ["call", "--timeout", "20", "example.hello", "\"Ann\""];
    assert_eq!(runtime.cli(&in_time).ok(), hello);

    // Without arguments they are null, which this service does not take.
    let refused = runtime.cli(&["call", "example.hello"]).fails(1);
    assert!(refused.starts_with("error[invalid_argument]: "), "{refused}");
    let missing = runtime.cli(&["call", "example.goodbye"]).fails(1);
    assert!(missing.starts_with("error[not_found]: "), "{missing}");
    assert!(missing.contains("hint: `core-runtime services`"), "{missing}");
}

#[test]
fn publish_counts_the_receivers() {
    let runtime = Runtime::start();
    assert_eq!(runtime.cli(&["publish", "example.test"]).ok(), "1\n");
    assert_eq!(runtime.cli(&["publish", "nobody.listens", "-5"]).ok(), "0\n");
    assert_eq!(
        runtime.json(&["publish", "example.test", "{\"a\": 1}"]),
        json!({"receivers": 1})
    );
    let payload = runtime.with_stdin(&["publish", "example.test", "-", "--json"], "[1,\n2]");
    assert_eq!(payload.json(), json!({"receivers": 1}));
}

#[test]
fn state_is_set_read_listed_and_deleted() {
    let runtime = Runtime::start();
    let set = runtime
        .cli(&["state", "set", "lamp.on", "{ \"level\": 8.0 }"])
        .ok();
    let version: u64 = set.strip_prefix("version ").unwrap().trim().parse().unwrap();
    assert_eq!(
        runtime.cli(&["state", "get", "lamp.on"]).ok(),
        "{\"level\":8.0}\n"
    );

    let stale = version.to_string();
    let newer = runtime.json(&["state", "set", "lamp.on", "-1", "--if-version", &stale]);
    assert_eq!(newer["key"], "lamp.on");
    assert!(newer["version"].as_u64().unwrap() > version, "{newer}");
    let conflict = runtime
        .cli(&["state", "set", "lamp.on", "2", "--if-version", &stale])
        .fails(1);
    assert!(conflict.starts_with("error[conflict]: "), "{conflict}");
    let exists = runtime
        .cli(&["state", "set", "lamp.on", "2", "--if-version", "0"])
        .fails(1);
    assert!(exists.starts_with("error[conflict]: "), "{exists}");
    assert_eq!(runtime.cli(&["state", "get", "lamp.on"]).ok(), "-1\n");

    runtime
        .cli(&["state", "set", "lamp.off", "null", "--ttl", "1000"])
        .ok();
    let listed = runtime.json(&["state", "list", "lamp."]);
    let [off, on] = listed.as_array().unwrap().as_slice() else {
        panic!("{listed}");
    };
    assert_eq!((&off["key"], &on["key"]), (&json!("lamp.off"), &json!("lamp.on")));
    assert_eq!((&off["value"], &off["too_long"]), (&json!(null), &json!(false)));
    assert!(
        (1..=1_000_000).contains(&off["ttl_ms"].as_u64().unwrap()),
        "{off}"
    );
    assert_eq!((&on["ttl_ms"], &on["owner"]), (&json!(null), &json!("operator")));
    let table = runtime.cli(&["state"]).ok();
    assert!(table.starts_with("KEY"), "{table}");
    assert!(table.contains("runtime.status"), "{table}");
    assert_eq!(table, runtime.cli(&["state", "list", ""]).ok());

    assert_eq!(runtime.cli(&["state", "delete", "lamp.on"]).ok(), "deleted\n");
    for gone in [["state", "delete", "lamp.on"], ["state", "get", "lamp.on"]] {
        assert_eq!(runtime.cli(&gone).fails(1), "no such key in the state: lamp.on\n");
    }
    assert_eq!(
        runtime.json(&["state", "delete", "lamp.off"]),
        json!({"changed": 1})
    );
    let reserved = runtime.cli(&["state", "set", "runtime.mine", "1"]).fails(1);
    assert!(reserved.starts_with("error[reserved]: "), "{reserved}");
}

#[test]
fn a_state_value_is_gone_after_its_time() {
    let runtime = Runtime::start();
    runtime
        .cli(&["state", "set", "soon.gone", "1", "--ttl", "0.05"])
        .ok();
    until("the value is gone", || {
        runtime.cli(&["state", "get", "soon.gone"]).status == 1
    });
}

#[test]
fn storage_is_set_read_listed_and_deleted() {
    let runtime = Runtime::start();
    let cli = |args: &[&str]| runtime.cli(args);
    assert_eq!(
        cli(&["storage", "set", "home", "a key", "[1, 2]"]).ok(),
        "stored\n"
    );
    assert_eq!(
        runtime.json(&["storage", "set", "home", "b", "{}"]),
        json!({"changed": 1})
    );
    let sent = runtime.with_stdin(&["storage", "set", "home", "c", "-"], "12345678901234567890.10");
    assert_eq!(sent.ok(), "stored\n");
    assert_eq!(cli(&["storage", "get", "home", "a key"]).ok(), "[1,2]\n");
    assert_eq!(
        cli(&["storage", "get", "home", "c"]).ok(),
        "12345678901234567890.10\n"
    );

    assert_eq!(cli(&["storage", "list", "home"]).ok(), "a key\nb\nc\n");
    assert_eq!(
        cli(&["storage", "list", "home", "--after", "a key", "--limit", "1"]).ok(),
        "b\n"
    );
    assert_eq!(
        runtime.json(&["storage", "list", "home"]),
        json!({"names": ["a key", "b", "c"], "more": false})
    );
    assert_eq!(
        runtime.json(&["storage", "list", "home", "--limit", "2"]),
        json!({"names": ["a key", "b"], "more": true})
    );
    assert_eq!(cli(&["storage", "namespaces"]).ok(), "example\nhome\n");
    assert_eq!(
        runtime.json(&["storage", "namespaces"]),
        json!({"names": ["example", "home"], "more": false})
    );

    assert_eq!(cli(&["storage", "delete", "home", "b"]).ok(), "deleted\n");
    for gone in ["delete", "get"] {
        let told = cli(&["storage", gone, "home", "b"]).fails(1);
        assert_eq!(told, "no such key in the namespace home: b\n");
    }
    let unsure = cli(&["storage", "clear", "home"]).fails(2);
    assert!(unsure.contains("--yes"), "{unsure}");
    assert_eq!(cli(&["storage", "clear", "home", "--yes"]).ok(), "deleted 2\n");
    assert_eq!(
        runtime.json(&["storage", "clear", "home", "--yes"]),
        json!({"changed": 0})
    );
    assert_eq!(cli(&["storage", "list", "home"]).ok(), "");
}

#[test]
fn plugins_are_led_through_their_states() {
    let runtime = Runtime::start();
    let lead = |action| runtime.cli(&["plugin", action, "example"]).ok();
    assert_eq!(lead("stop"), "example: STOPPED\n");
    let refused = runtime.cli(&["call", "example.hello", "\"Ann\""]).fails(1);
    assert!(refused.starts_with("error[unavailable]: "), "{refused}");
    assert_eq!(lead("unload"), "example: UNLOADED\n");
    assert_eq!(lead("load"), "example: LOADED\n");
    assert_eq!(
        runtime.json(&["plugin", "start", "example"]),
        json!({"plugin": "example", "state": "STARTED"})
    );
    assert_eq!(lead("reload"), "example: STARTED\n");
    assert_eq!(
        runtime.cli(&["call", "example.hello", "\"Ann\""]).ok(),
        "\"Привет, Ann!\"\n"
    );
    let missing = runtime.cli(&["plugin", "start", "missing"]).fails(1);
    assert!(missing.starts_with("error[not_found]: "), "{missing}");
    assert!(missing.contains("hint: `core-runtime plugins`"), "{missing}");
}

#[test]
fn foreign_text_does_not_drive_the_terminal() {
    let runtime = Runtime::start();
    // A C1 control and a change of direction, which names may have.
    let key = "k\u{9b}31m\u{202e}";
    runtime
        .cli(&["storage", "set", "home", key, "\"\u{9b}\u{7f}\""])
        .ok();
    assert_eq!(
        runtime.cli(&["storage", "list", "home"]).ok(),
        "k\\u{9b}31m\\u{202e}\n"
    );
    let listed = runtime.json(&["storage", "list", "home"]);
    assert_eq!(listed["names"], json!([key]));
    assert_eq!(
        runtime.cli(&["storage", "get", "home", key]).ok(),
        "\"\\u009b\\u007f\"\n"
    );
    runtime.cli(&["state", "set", "k", "\"\u{9b}\""]).ok();
    let table = runtime.cli(&["state", "list", "k"]).ok();
    assert!(!table.contains('\u{9b}'), "{table:?}");
    let missing = runtime.cli(&["storage", "get", "home", "\u{9b}2J"]).fails(1);
    assert!(!missing.contains('\u{9b}'), "{missing:?}");
}

#[test]
fn a_row_that_another_program_spoiled_is_named() {
    let (_, dir) = Runtime::start().stop(Signal::TERM);
    let database = rusqlite::Connection::open(dir.path().join("runtime.db")).unwrap();
    let insert = "INSERT INTO storage (namespace, key, value) VALUES ('home', 'a key', '{nonsense')";
    database.execute(insert, []).unwrap();
    drop(database);
    let runtime = Runtime::start_with(dir, &[]);
    let told = runtime.cli(&["storage", "get", "home", "a key"]).fails(1);
    assert!(told.starts_with("error["), "{told}");
    assert!(told.contains("home") && told.contains("a key"), "{told}");
}

#[test]
fn a_plugin_that_is_switched_off_is_listed_and_started_by_command() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("runtime.toml");
    std::fs::write(&config, "[plugins.example]\nenabled = false\n").unwrap();
    let config = config.to_str().unwrap().to_owned();
    let runtime = Runtime::start_with(dir, &[("RUNTIME_CONFIG", &config)]);
    assert_eq!(named(&runtime.json(&["plugins"]), "example")["state"], "UNLOADED");
    let log = std::fs::read_to_string(runtime.path("log")).unwrap();
    assert!(log.contains("plugin example is switched off"), "{log}");
    runtime.cli(&["call", "example.hello", "\"Ann\""]).fails(1);
    runtime.cli(&["plugin", "start", "example"]).ok();
    assert_eq!(named(&runtime.json(&["plugins"]), "example")["state"], "STARTED");
    runtime.cli(&["call", "example.hello", "\"Ann\""]).ok();
}

#[test]
fn a_service_is_a_command() {
    let runtime = Runtime::start();
    assert_eq!(
        runtime.cli(&["example", "hello", "\"Ann\""]).ok(),
        "\"Привет, Ann!\"\n"
    );
    let told = runtime.cli(&["example", "hello", "5"]).fails(1);
    assert!(told.starts_with("error[invalid_argument]: "), "{told}");
    for mistyped in [
        &["exmple", "hello"][..],
        &["plugns", "list"],
        &["plugns"],
        &["a..b", "c"],
    ] {
        let told = runtime.cli(mistyped).fails(2);
        assert!(
            told.contains("unrecognized") && told.contains(mistyped[0]),
            "{told}"
        );
    }
}

#[test]
fn the_configuration_says_which_plugins_of_the_program_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("runtime.toml");
    std::fs::write(&config, "[runtime]\nplugins = [\"example\", \"presence\"]\n").unwrap();
    let config = config.to_str().unwrap().to_owned();
    let runtime = Runtime::start_with(dir, &[("RUNTIME_CONFIG", &config)]);
    let plugins = runtime.json(&["plugins"]);
    let names: Vec<_> = plugins
        .as_array()
        .unwrap()
        .iter()
        .map(|plugin| &plugin["name"])
        .collect();
    assert_eq!(names, ["storage", "presence", "example", "plugins"]);
    std::fs::write(&config, "[runtime]\nplugins = [\"exmple\"]\n").unwrap();
    let told = run(program().env("RUNTIME_CONFIG", &config), b"").fails(2);
    assert!(told.contains("exmple") && told.contains("known are"), "{told}");
}
