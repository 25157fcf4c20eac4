//! What each route does.

use serde_json::{Value, json};

use crate::home::{Home, until};

#[test]
fn calls_are_made_as_over_the_link() {
    let home = Home::start();
    let admin = &home.admin;
    let hello = home.ask(admin, "POST", "/api/call/example.hello", "\"Мир\"");
    assert_eq!((hello.status, hello.json()), (200, json!("Привет, Мир!")));
    assert_eq!(hello.headers["content-type"], "application/json");

    // As the original's callers pass arguments.
    home.ask(
        admin,
        "POST",
        "/api/call/devices.create",
        r#"{"args": ["lamp", "Lamp"], "kwargs": {"device_type": "light"}}"#,
    );
    let lamp = home.ask(admin, "POST", "/api/call/devices.get", r#"{"id": "lamp"}"#);
    assert_eq!(lamp.json()["name"], "Lamp", "{lamp:?}");

    for (path, body, status, code) in [
        ("/api/call/example.hello", "5", 400, "invalid_argument"),
        ("/api/call/example.hello", "", 400, "invalid_argument"),
        ("/api/call/example.hello", "{", 400, "not_json"),
        ("/api/call/nobody.home", "1", 404, "not_found"),
        ("/api/call/a..b", "1", 404, "not_found"),
        (
            "/api/call/example.hello?timeout_ms=0",
            "1",
            400,
            "invalid_argument",
        ),
        ("/api/call/example.hello?timeout=5", "1", 400, "invalid_argument"),
        ("/api/nothing", "1", 404, "not_found"),
        ("/api/plugins", "1", 405, "method_not_allowed"),
    ] {
        let answer = home.ask(admin, "POST", path, body);
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (status, &json!(code)),
            "{path} {body}: {answer:?}"
        );
        assert!(
            answer.json()["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty())
        );
    }
}

#[test]
fn events_are_published_and_watched_and_the_stream_is_resumed() {
    let home = Home::start();
    let admin = &home.admin;
    let mut events = home.watch(admin, "test.>", None);
    for number in 0..5 {
        let answer = home.ask(admin, "POST", "/api/events/test.number", &number.to_string());
        assert_eq!((answer.status, answer.json()), (200, json!({"receivers": 0})));
    }
    let seen: Vec<_> = (0..5).map(|_| events.next_event().unwrap()).collect();
    let payloads: Vec<&Value> = seen.iter().map(|event| &event.data["payload"]).collect();
    assert_eq!(payloads, [0, 1, 2, 3, 4]);
    assert_eq!(seen[0].data["topic"], "test.number");
    assert_eq!(seen[0].data["source"], "operator");
    drop(events);

    // From the second on, by the log of the runtime.
    let mut events = home.watch(admin, "test.>", Some(&seen[1].id));
    let again: Vec<_> = (0..3).map(|_| events.next_event().unwrap()).collect();
    assert_eq!(again, seen[2..]);
    home.ask(admin, "POST", "/api/events/test.number", "5");
    assert_eq!(events.next_event().unwrap().data["payload"], 5);
    // By another client's watch.
    let mut others = home.watch(admin, "test.>", Some(&seen[4].id));
    assert_eq!(others.next_event().unwrap().data["payload"], 5);
    // A whole line, however it was written.
    home.ask(admin, "POST", "/api/events/test.number", "{\r\n\"a\":\n1}");
    assert_eq!(others.next_event().unwrap().data["payload"], json!({"a": 1}));

    // After a restart numbers begin anew, which is said.
    let mut home = home;
    let last = events.id.clone();
    home.runtime.terminate().unwrap();
    home.runtime.start_again().unwrap();
    home.until_well();
    home.ask(&home.admin, "POST", "/api/events/test.number", "6");
    let mut events = home.watch(&home.admin, "test.>", Some(&last));
    assert_eq!(events.next_event().unwrap().event, "restarted");
    assert_eq!(events.next_event().unwrap().data["payload"], 6);
}

#[test]
fn state_is_written_by_version_and_storage_by_key() {
    let home = Home::start();
    let admin = &home.admin;
    let ask = |method, path: &str, body| home.ask(admin, method, path, body);
    let put = |headers: &[&str], body| home.ask_with(admin, "PUT", "/api/state/test.a", headers, body);
    assert_eq!(ask("GET", "/api/state/test.a", "").status, 404);
    let first = put(&["if-none-match: *"], "{\"x\": 1}");
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(put(&["if-none-match: *"], "2").status, 412);
    let read = ask("GET", "/api/state/test.a", "");
    assert_eq!(
        (read.json(), &read.headers["etag"]),
        (json!({"x": 1}), &first.headers["etag"])
    );
    let tag = format!("if-match: {}", read.headers["etag"]);
    assert_eq!(put(&[&tag], "2").status, 200);
    let stale = put(&[&tag], "3");
    assert_eq!((stale.status, &stale.json()["code"]), (412, &json!("conflict")));
    assert_eq!(put(&["if-match: 7"], "3").status, 400);
    assert_eq!(put(&["if-match: \"1\"", "if-none-match: *"], "3").status, 400);
    let ttl = home.ask(admin, "PUT", "/api/state/test.b?ttl_ms=60000", "true");
    assert_eq!(ttl.status, 200);
    assert!(
        ask("GET", "/api/state/test.b", "").headers["x-ttl-ms"]
            .parse::<u64>()
            .unwrap()
            <= 60_000
    );
    // Page by page.
    for number in 0..5 {
        ask("PUT", &format!("/api/state/pages.{number}"), "0");
    }
    let (mut keys, mut after) = (Vec::new(), json!(0));
    while let Some(cursor) = after.as_u64() {
        let page = ask(
            "GET",
            &format!("/api/state?prefix=pages.&limit=2&after={cursor}"),
            "",
        )
        .json();
        let entries = page["entries"].as_array().unwrap();
        assert!(entries.len() <= 2);
        keys.extend(
            entries
                .iter()
                .map(|entry| entry["key"].as_str().unwrap().to_owned()),
        );
        after = page["next"].clone();
    }
    keys.sort();
    assert_eq!(keys, ["pages.0", "pages.1", "pages.2", "pages.3", "pages.4"]);
    assert_eq!(ask("DELETE", "/api/state/test.a", "").status, 204);
    assert_eq!(ask("DELETE", "/api/state/test.a", "").status, 404);
    assert_eq!(ask("PUT", "/api/state/runtime.status", "1").status, 400);

    assert_eq!(ask("PUT", "/api/storage/notes/a%2Fb%20c", "\"text\"").status, 204);
    assert_eq!(ask("GET", "/api/storage/notes/a%2Fb%20c", "").json(), "text");
    assert_eq!(ask("PUT", "/api/storage/notes/second", "[2]").status, 204);
    assert_eq!(
        ask("GET", "/api/storage/notes?limit=1", "").json(),
        json!({"keys": ["a/b c"], "next": "a/b c"})
    );
    assert_eq!(
        ask("GET", "/api/storage/notes?limit=1&after=a%2Fb+c", "").json(),
        json!({"keys": ["second"], "next": null})
    );
    assert!(
        ask("GET", "/api/storage", "").json()["namespaces"]
            .as_array()
            .unwrap()
            .contains(&json!("notes"))
    );
    assert_eq!(ask("DELETE", "/api/storage/notes/second", "").status, 204);
    assert_eq!(ask("GET", "/api/storage/notes/second", "").status, 404);
    assert_eq!(
        ask("DELETE", "/api/storage/notes", "").json(),
        json!({"deleted": 1})
    );
}

#[test]
fn plugins_are_listed_and_led_and_the_gateway_itself_comes_back() {
    let home = Home::start();
    let admin = &home.admin;
    let state = || {
        let all = home.ask(admin, "GET", "/api/plugins", "").json();
        let all = all["plugins"].as_array().unwrap().clone();
        let example = all.iter().find(|plugin| plugin["name"] == "example").unwrap();
        example["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(), "STARTED");
    let stopped = home.ask(admin, "POST", "/api/plugins/example/stop", "");
    assert_eq!(stopped.json(), json!({"plugin": "example", "state": "STOPPED"}));
    assert_eq!(state(), "STOPPED");
    let unavailable = home.ask(admin, "POST", "/api/call/example.hello", "\"x\"");
    assert!([404, 503].contains(&unavailable.status), "{unavailable:?}");
    assert_eq!(
        home.ask(admin, "POST", "/api/plugins/example/start", "").status,
        200
    );
    assert_eq!(
        home.ask(admin, "POST", "/api/plugins/nobody/start", "").status,
        404
    );
    assert_eq!(
        home.ask(admin, "POST", "/api/plugins/example/explode", "").status,
        404
    );
    let services = home.ask(admin, "GET", "/api/services", "").json();
    assert!(
        services["services"]
            .as_array()
            .unwrap()
            .iter()
            .any(|service| service["name"] == "example.hello")
    );

    // The port is free again, and served again.
    home.owner("plugin stop http --json");
    assert!(tests::http::Connection::open(home.address).is_err());
    home.owner("plugin start http --json");
    until("it listens again", || {
        tests::http::Connection::open(home.address).is_ok()
    });
    assert_eq!(state(), "STARTED");
}
