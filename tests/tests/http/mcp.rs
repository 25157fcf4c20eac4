//! The Model Context Protocol by bare messages.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::home::Home;

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
    }})
}

fn call(tool: &str, arguments: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
}

#[test]
fn over_http_each_request_has_the_rights_of_its_key() {
    let home = Home::start();
    let post = |key: &str, message: &Value| {
        let headers = [
            "accept: application/json, text/event-stream",
            "content-type: application/json",
        ];
        home.ask_with(key, "POST", "/mcp", &headers, &message.to_string())
    };
    assert_eq!(post("", &initialize()).status, 401);
    assert_eq!(post("crk_wrong", &initialize()).status, 401);
    let opened = post(&home.admin, &initialize());
    assert_eq!(
        (opened.status, &opened.json()["result"]["serverInfo"]["name"]),
        (200, &json!("core-runtime"))
    );
    let hello = call("example__hello", &json!({"value": "Ann"}));
    assert_eq!(post(&home.admin, &hello).json()["result"]["isError"], false);
    let poor = home.key("poor", &json!(["history.read"]));
    let denied = post(&poor, &hello).json();
    assert_eq!(denied["result"]["isError"], true, "{denied}");
    assert!(
        denied["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("lacks the scope")
    );
    let none = post(&poor, &json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"})).json();
    assert_eq!(none["result"]["tools"], json!([]));
    for bad in ["", "{", "[]", "null", "{\"jsonrpc\":\"2.0\"}"] {
        let headers = [
            "accept: application/json, text/event-stream",
            "content-type: application/json",
        ];
        let answer = home.ask_with(&home.admin, "POST", "/mcp", &headers, bad);
        assert!((400..500).contains(&answer.status), "{bad}: {answer:?}");
    }
    assert_eq!(post(&home.admin, &hello).status, 200);
}

#[test]
fn over_stdio_the_output_is_the_protocol_alone_and_the_end_is_the_end() {
    let home = Home::start();
    let run = |lines: &[String], key: &str| {
        let mut child = Command::new("timeout")
            .arg("60")
            .arg(home.runtime.binary())
            .args(["mcp", "--socket"])
            .arg(home.runtime.socket())
            .env("RUNTIME_TCP_TOKEN", key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut answers = Vec::new();
        for line in lines {
            // One that was not let in has gone.
            let _ = writeln!(input, "{line}");
            if line.contains("\"id\"") {
                let mut answer = String::new();
                output.read_line(&mut answer).unwrap();
                answers.push(serde_json::from_str::<Value>(&answer).unwrap_or(Value::Null));
            }
        }
        drop(input);
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut output, &mut rest).unwrap();
        assert_eq!(rest, "");
        let output = child.wait_with_output().unwrap();
        (
            answers,
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    let hello = call("example__hello", &json!({"value": "Ann"})).to_string();
    let (answers, status, said) = run(
        &[initialize().to_string(), initialized.clone(), hello.clone()],
        "",
    );
    assert_eq!(answers[0]["result"]["serverInfo"]["name"], "core-runtime");
    assert_eq!(answers[1]["result"]["content"][0]["text"], "\"Привет, Ann!\"");
    assert_eq!((status, said.as_str()), (Some(0), ""));

    let poor = home.key("poor", &json!(["plugins.read"]));
    let (answers, status, _) = run(&[initialize().to_string(), initialized, hello.clone()], &poor);
    assert_eq!(
        (answers[1]["result"]["isError"].clone(), status),
        (json!(true), Some(0))
    );
    let (_, status, said) = run(&[], "crk_wrong");
    assert!(said.starts_with("error[denied]"), "{said}");
    assert_eq!(status, Some(1));
}
