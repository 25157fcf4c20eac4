//! Calls, publishing and watching over a WebSocket.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

use crate::home::{Home, bearer};

/// A client; events and answers come in the order in which they were sent.
struct Client(WebSocket<TcpStream>);

fn open(home: &Home, key: Option<&str>) -> Client {
    let mut connection = home.connect();
    let mut headers: Vec<String> = [
        "connection: Upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    .map(str::to_owned)
    .into();
    headers.extend(key.map(bearer));
    connection.request("GET", "/api/ws", &headers, b"").unwrap();
    let head = connection.head().unwrap();
    assert_eq!(
        (head.status, head.headers["sec-websocket-accept"].as_str()),
        (101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    Client(WebSocket::from_raw_socket(
        connection.socket().try_clone().unwrap(),
        Role::Client,
        None,
    ))
}

impl Client {
    fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).unwrap();
    }

    fn hear(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.0.read().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    fn ask(&mut self, message: &Value) -> Value {
        self.say(message);
        self.hear()
    }
}

#[test]
fn calls_overlap_events_come_and_both_are_cancelled() {
    let home = Home::start();
    let mut client = open(&home, Some(&home.admin));
    let hello = client.ask(&json!({"id": 1, "call": "example.hello", "args": "Ann"}));
    assert_eq!(hello, json!({"id": 1, "result": "Привет, Ann!"}));
    let begun = client.ask(&json!({"id": "w", "watch": "test.>"}));
    let from = begun["result"]["from"].as_str().unwrap().to_owned();
    for number in 0..3 {
        client.say(&json!({"id": number, "publish": "test.a", "payload": number}));
    }
    let (mut answers, mut events) = (BTreeMap::new(), Vec::new());
    for _ in 0..6 {
        let message = client.hear();
        match message.get("event") {
            Some(event) => events.push((event["payload"].as_u64().unwrap(), message["at"].clone())),
            None => drop(answers.insert(message["id"].as_u64().unwrap(), message["result"].clone())),
        }
    }
    let answered: Vec<u64> = answers.into_keys().collect();
    assert_eq!(answered, [0, 1, 2]);
    let mut payloads: Vec<u64> = events.iter().map(|(payload, _)| *payload).collect();
    payloads.sort_unstable();
    assert_eq!(payloads, [0, 1, 2]);
    assert_eq!(
        client.ask(&json!({"id": 9, "cancel": "w"})),
        json!({"id": 9, "result": null})
    );
    client.say(&json!({"id": 10, "publish": "test.a"}));
    assert_eq!(client.hear()["id"], 10, "nothing is watched any more");
    // What was missed is there for who knows where it was.
    let mut again = open(&home, Some(&home.admin));
    again.ask(&json!({"id": 1, "watch": "test.a", "since": from}));
    let seen: Vec<Value> = (0..4).map(|_| again.hear()["event"]["payload"].clone()).collect();
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[3], Value::Null);
}

#[test]
fn a_browser_shows_its_key_first_and_nonsense_is_answered() {
    let home = Home::start();
    let mut client = open(&home, None);
    assert_eq!(
        client.ask(&json!({"id": 0, "key": home.admin})),
        json!({"id": 0, "result": null})
    );
    for (message, code) in [
        (
            json!({"id": 1, "call": "example.hello", "args": 5}),
            "invalid_argument",
        ),
        (json!({"id": 1, "call": "nobody.home"}), "not_found"),
        (json!({"id": 1}), "invalid_argument"),
        (
            json!({"id": 1, "call": "a.b", "publish": "a.b"}),
            "invalid_argument",
        ),
        (json!({"call": "a.b"}), "invalid_argument"),
        (json!({"id": {}, "call": "a.b"}), "invalid_argument"),
        (json!({"id": 1, "explode": true}), "invalid_argument"),
        (json!({"id": 1, "watch": "a..b"}), "invalid_name"),
        (json!([]), "invalid_argument"),
    ] {
        let answer = client.ask(&message);
        assert_eq!(answer["error"]["code"], code, "{message}: {answer}");
    }
    let hello = client.ask(&json!({"id": 1, "call": "example.hello", "args": "Ann"}));
    assert_eq!(hello["result"], "Привет, Ann!");

    for first in [
        json!({"key": "crk_wrong"}),
        json!({"id": 1, "call": "example.hello"}),
        json!(5),
    ] {
        let mut client = open(&home, None);
        assert!(client.ask(&first)["error"]["code"].is_string(), "{first}");
        assert!(client.0.read().is_err() || client.0.read().is_err());
    }
    // One too long ends the connection, and no other.
    let mut long = open(&home, Some(&home.admin));
    let _ = long.0.send(Message::text("x".repeat(1 << 20)));
    let socket = long.0.get_ref().try_clone().unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut rest = Vec::new();
    let _ = BufReader::new(socket).read_to_end(&mut rest);
    assert_eq!(
        client.ask(&json!({"id": 2, "call": "example.hello", "args": "Bob"}))["result"],
        "Привет, Bob!"
    );
}
