//! Lists and figures, the texts about the program itself, and readers that close early.

use std::io::Read;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::*;

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn lists_have_headings_and_stable_shapes() {
    let runtime = Runtime::start();
    runtime.cli(&["publish", "example.test"]).ok();
    runtime.cli(&["call", "example.hello", "\"Ann\""]).ok();

    let plugins = runtime.json(&["plugins"]);
    let plugin = named(&plugins, "example");
    assert_eq!(
        keys(plugin),
        [
            "author",
            "counters",
            "dependencies",
            "description",
            "error",
            "hook",
            "name",
            "placement",
            "state",
            "version"
        ]
    );
    assert_eq!(
        keys(&plugin["counters"]),
        [
            "busy_micros",
            "calls_in",
            "dropped",
            "errors",
            "events",
            "failures",
            "handled",
            "lag",
            "lag_high_water",
            "published",
            "slow",
            "worst_micros"
        ]
    );
    assert_eq!(
        (&plugin["state"], &plugin["error"]),
        (&json!("STARTED"), &json!(null))
    );

    let services = runtime.json(&["services"]);
    let service = named(&services, "example.hello");
    assert_eq!(
        keys(service),
        [
            "busy_micros",
            "calls",
            "deprecated",
            "description",
            "errors",
            "latency",
            "name",
            "plugin",
            "version",
            "worst_micros"
        ]
    );
    assert_eq!(service["calls"], json!(1));
    let subscriptions = runtime.json(&["subscriptions"]);
    let subscription = json!({"plugin": "example", "filter": "example.test"});
    assert!(
        subscriptions.as_array().unwrap().contains(&subscription),
        "{subscriptions}"
    );
    assert_eq!(runtime.json(&["calls"]), json!([]));

    for (command, heading, row) in [
        ("plugins", "NAME", "example 1.0.0 STARTED"),
        ("services", "NAME", "example.hello example"),
        ("subscriptions", "PLUGIN FILTER", "example example.test"),
        ("calls", "CALL", ""),
        ("state", "KEY", "runtime.status"),
        ("metrics", "CAPACITY", "state_entries"),
    ] {
        let table = runtime.cli(&[command]).ok();
        let words = table.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.starts_with(heading) && words.contains(row), "{table}");
    }
}

#[test]
fn health_and_metrics_are_told() {
    let runtime = Runtime::start();
    let all = runtime.json(&["plugins"]).as_array().unwrap().len();
    assert_eq!(
        runtime.json(&["health"]),
        json!({"ok": true, "running": true, "storage": true, "storage_fault": null, "plugins": all, "started": all,
            "failed": []})
    );
    let told = runtime.cli(&["health", "--check"]).ok();
    assert_eq!(
        told,
        format!("ok       yes\nrunning  yes\nstorage  yes\nplugins  {all} of {all} started\n")
    );

    let before = runtime.json(&["metrics"]);
    runtime.cli(&["publish", "example.test"]).ok();
    let after = runtime.json(&["metrics"]);
    assert_eq!(
        keys(&after),
        [
            "calls",
            "cycles",
            "dropped",
            "filters",
            "log_bytes",
            "names",
            "next_seq",
            "plugins",
            "refused",
            "services",
            "shares",
            "state_bytes",
            "state_entries",
            "taps",
            "timed_out",
            "waits"
        ]
    );
    assert_eq!(keys(&after["plugins"]), ["capacity", "high_water", "used"]);
    let next = |metrics: &Value| metrics["next_seq"].as_u64().unwrap();
    assert_eq!(next(&after), next(&before) + 1);
}

/// A runtime that has this many keys of 200 bytes in the namespace `many`: several pages.
fn with_many_keys(count: usize) -> (Runtime, Vec<String>) {
    let (_, dir) = Runtime::start().stop(Signal::TERM);
    let names: Vec<String> = (0..count).map(|n| format!("{n:0200}")).collect();
    let mut database = rusqlite::Connection::open(dir.path().join("runtime.db")).unwrap();
    let transaction = database.transaction().unwrap();
    for name in &names {
        transaction
            .execute(
                "INSERT INTO storage (namespace, key, value) VALUES ('many', ?1, '1')",
                [name],
            )
            .unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    (Runtime::start_with(dir, &[]), names)
}

#[test]
fn a_list_of_many_pages_is_whole_and_may_be_read_in_part() {
    let (runtime, names) = with_many_keys(2500);
    let listed = runtime.cli(&["storage", "list", "many"]).ok();
    assert!(
        listed.lines().eq(names.iter()),
        "{} lines",
        listed.lines().count()
    );
    assert_eq!(
        runtime.json(&["storage", "list", "many"]),
        json!({"names": names, "more": false})
    );
    let limited = runtime.json(&["storage", "list", "many", "--limit", "1700"]);
    assert_eq!(limited, json!({"names": names[..1700], "more": true}));

    for args in [
        &["storage", "list", "many"][..],
        &["--json", "storage", "list", "many"],
        &["watch", "--since", "1"],
        &["plugins"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
    ] {
        close_early(runtime.command().args(args));
    }
}

/// The reader of a command's output is gone before the first byte.
fn close_early(command: &mut Command) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut told = child.stderr.take().unwrap();
    assert_eq!(wait(&mut child).code(), Some(0), "{command:?}");
    let mut text = String::new();
    told.read_to_string(&mut text).unwrap();
    assert_eq!(text, "", "{command:?}");
}

#[test]
fn the_program_explains_itself() {
    for command in [
        "",
        "run",
        "call",
        "publish",
        "watch",
        "plugins",
        "services",
        "subscriptions",
        "calls",
        "health",
        "metrics",
        "mcp",
        "plugin",
        "plugin load",
        "plugin start",
        "plugin stop",
        "plugin reload",
        "plugin unload",
        "state",
        "state get",
        "state set",
        "state delete",
        "state list",
        "storage",
        "storage get",
        "storage set",
        "storage delete",
        "storage list",
        "storage namespaces",
        "storage clear",
        "storage backup",
        "storage check",
        "storage restore",
        "storage export",
        "storage import",
        "completions",
        "man",
    ] {
        let words: Vec<&str> = command.split_whitespace().collect();
        for help in ["--help", "-h"] {
            let text = run(program().args(&words).arg(help), b"").ok();
            assert!(text.contains("Usage: core-runtime"), "{command}: {text}");
        }
        let page = run(program().arg("man").args(&words), b"").ok();
        assert!(
            page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"),
            "{command}: {page}"
        );
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(program().args(["completions", shell]), b"").ok();
        assert!(script.contains("namespaces"), "{shell}");
    }
    let version = run(program().arg("--version"), b"").ok();
    assert_eq!(version, concat!("core-runtime ", env!("CARGO_PKG_VERSION"), "\n"));
}
