//! What others read is read by others' programs: `tests/run.sh gateways` installs them.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::home::Home;

/// Runs a script of `tests/gateways` with this input; what it prints.
fn script(name: &str, arguments: &[&str], input: &[u8]) -> String {
    let python = std::env::var("GATEWAYS_PYTHON").expect("tests/run.sh gateways sets GATEWAYS_PYTHON");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateways").join(name);
    let mut child = Command::new("timeout")
        .args(["150", &python])
        .arg(file)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{name}: see above");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "needs Python packages: tests/run.sh gateways"]
fn the_openapi_document_is_one_and_has_every_service() {
    let home = Home::start();
    let answer = home.ask(&home.admin, "GET", "/openapi.json", "");
    let count: usize = script("check_openapi.py", &[], &answer.body)
        .trim()
        .parse()
        .unwrap();
    let document = answer.json();
    let services = home.owner("services --json");
    let services = services.as_array().unwrap();
    for service in services {
        let path = format!("/api/call/{}", service["name"].as_str().unwrap());
        assert!(document["paths"][&path]["post"].is_object(), "{path}");
    }
    println!(
        "{} services, {count} operations, {} bytes",
        services.len(),
        answer.body.len()
    );
    assert_eq!(count, services.len() + 18);
}

#[test]
#[ignore = "needs Python packages: tests/run.sh gateways"]
fn metrics_are_openmetrics_and_count() {
    let home = Home::start();
    let samples = || {
        let answer = home.ask(&home.admin, "GET", "/metrics", "");
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!(answer.headers["content-type"], kind);
        answer
    };
    let value = |text: &str, sample: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(sample));
        line.unwrap_or_else(|| panic!("{sample}: {text}"))
            .trim()
            .parse()
            .unwrap()
    };
    for _ in 0..3 {
        home.ask(&home.admin, "POST", "/api/call/example.hello", "\"Ann\"");
        home.ask(&home.admin, "POST", "/api/call/example.hello", "5");
        home.ask(&home.admin, "POST", "/api/events/test.a", "1");
    }
    let answer = samples();
    let families: Value = serde_json::from_str(&script("check_metrics.py", &[], &answer.body)).unwrap();
    for (family, kind, unit) in [
        ("runtime_events", "counter", ""),
        ("runtime_capacity_size", "gauge", ""),
        ("runtime_plugin_busy_seconds", "counter", "seconds"),
        ("runtime_service_call_seconds", "histogram", "seconds"),
        ("runtime_plugin_started", "gauge", ""),
    ] {
        let found = &families[family];
        assert_eq!(
            (&found["type"], &found["unit"]),
            (&json!(kind), &json!(unit)),
            "{family}"
        );
    }
    let text = answer.text();
    let calls = r#"runtime_service_call_seconds_count{plugin="example",service="example.hello"}"#;
    assert_eq!(value(&text, calls), 6.0);
    let errors = r#"runtime_service_errors_total{plugin="example",service="example.hello"}"#;
    // Arguments that do not fit are the caller's mistake, not the plugin's.
    assert_eq!(value(&text, errors), 0.0);
    assert!(value(&text, "runtime_events_total ") >= 3.0);
    println!("{} families", families.as_object().unwrap().len());
}

/// What the client library of others found, by the rights of this key.
fn look(found: &Value, may_all: bool) {
    assert_eq!(found["server"], "core-runtime");
    let tools = found["tools"].as_object().unwrap();
    assert!(tools.len() > 50, "{} tools", tools.len());
    let (get, set) = (&tools["devices__get"], &tools["devices__set_state"]);
    assert_eq!(get["annotations"]["readOnlyHint"], true);
    assert_eq!(set["annotations"]["destructiveHint"], true);
    assert_eq!(set["inputSchema"]["type"], "object", "{set}");
    assert_eq!(
        found["hello"],
        json!({"error": false, "text": "\"Привет, Ann!\""})
    );
    assert_eq!(found["wrong"]["error"], true);
    assert!(
        found["wrong"]["text"]
            .as_str()
            .unwrap()
            .starts_with("invalid_argument: ")
    );
    assert_eq!(found["created"]["error"], false, "{}", found["created"]);
    assert_eq!(found["denied"]["error"], !may_all, "{}", found["denied"]);
    if !may_all {
        let text = found["denied"]["text"].as_str().unwrap();
        assert!(text.contains("lacks the scope `users.read`"), "{text}");
    }
    assert!(
        found["unknown"]
            .as_str()
            .unwrap()
            .contains("no tool nobody__home")
    );
    assert_eq!(
        found["templates"],
        json!(["runtime://state/{key}", "runtime://events/{filter}"])
    );
    assert!(
        found["resources"]
            .as_array()
            .unwrap()
            .contains(&json!("runtime://state/test%2Ea"))
    );
    assert_eq!(found["state"]["value"], json!({"x": 1}));
    let events = found["events"].as_array().unwrap();
    assert_eq!(events.last().unwrap()["payload"], 7);
}

#[test]
#[ignore = "needs Python packages: tests/run.sh gateways"]
fn a_client_of_mcp_finds_what_its_key_allows() {
    let home = Home::start();
    let scopes = [
        "plugins.read",
        "example.*",
        "devices.*",
        "state.read",
        "events.watch",
    ];
    let key = home.key("model", &json!(scopes));
    let prepare = || {
        home.ask(&home.admin, "PUT", "/api/state/test.a", "{\"x\": 1}");
        home.ask(&home.admin, "POST", "/api/events/test.b", "7");
    };
    prepare();
    let url = format!("http://{}/mcp", home.address);
    let over_http = script("mcp_client.py", &["http", &url, &key], b"");
    look(&serde_json::from_str(&over_http).unwrap(), false);
    home.owner("devices delete '\"lamp\"' --json");

    let (program, socket) = (home.runtime.binary().display().to_string(), home.runtime.socket());
    let socket = socket.display().to_string();
    let as_owner = script(
        "mcp_client.py",
        &["stdio", &program, "mcp", "--socket", &socket],
        b"",
    );
    look(&serde_json::from_str(&as_owner).unwrap(), true);
    home.owner("devices delete '\"lamp\"' --json");

    // Who shows a key at the owner's socket has the key's rights.
    let file = home.runtime.folder().join("key");
    std::fs::write(&file, &key).unwrap();
    let shared = home.runtime.run("mcp --key-file key").unwrap_err();
    assert!(shared.contains("chmod 600"), "{shared}");
    let file = file.display().to_string();
    home.runtime.shell("chmod 600 key").unwrap();
    let arguments = ["stdio", &program, "mcp", "--socket", &socket, "--key-file", &file];
    look(
        &serde_json::from_str(&script("mcp_client.py", &arguments, b"")).unwrap(),
        false,
    );
}
