//! Each route with a key that lacks the scope, and with the key of that scope alone.

use serde_json::json;

use crate::home::{Home, bearer};

/// The route, its body, the scope that it needs, and what comes of it with the scope.
const ROUTES: &[(&str, &str, &str, &str, u16)] = &[
    ("POST", "/api/call/example.hello", "\"Ann\"", "example.hello", 200),
    ("GET", "/api/services", "", "runtime.inspect", 200),
    ("POST", "/api/events/test.a", "1", "events.publish:test.a", 200),
    ("GET", "/api/state", "", "state.read", 200),
    ("GET", "/api/state?prefix=test.a", "", "state.read:test.a>", 200),
    ("GET", "/api/state/test.a", "", "state.read:test.a", 404),
    ("PUT", "/api/state/test.a", "1", "state.write:test.a", 200),
    ("DELETE", "/api/state/test.a", "", "state.write:test.a", 204),
    ("GET", "/api/storage", "", "storage.read", 200),
    ("GET", "/api/storage/notes", "", "storage.read:notes", 200),
    ("GET", "/api/storage/notes/a", "", "storage.read:notes", 404),
    ("PUT", "/api/storage/notes/a", "1", "storage.write:notes", 204),
    ("DELETE", "/api/storage/notes/a", "", "storage.write:notes", 204),
    ("DELETE", "/api/storage/notes", "", "storage.write:notes", 200),
    ("GET", "/api/plugins", "", "runtime.inspect", 200),
    (
        "POST",
        "/api/plugins/example/stop",
        "",
        "runtime.control:example",
        200,
    ),
    (
        "POST",
        "/api/plugins/example/start",
        "",
        "runtime.control:example",
        200,
    ),
    ("GET", "/openapi.json", "", "plugins.read", 200),
    ("GET", "/metrics", "", "runtime.inspect", 200),
];

#[test]
fn a_key_gets_what_its_scopes_allow_and_is_told_what_it_lacks() {
    let home = Home::start();
    let other = home.key("other", &json!(["history.read"]));
    for (at, (method, path, body, scope, status)) in ROUTES.iter().enumerate() {
        let refused = home.ask(&other, method, path, body);
        assert_eq!(refused.status, 403, "{method} {path}: {refused:?}");
        let problem = refused.json();
        assert_eq!(problem["code"], "denied");
        let message = problem["message"].as_str().unwrap();
        let missing = format!("lacks the scope `{scope}`");
        assert!(message.contains(&missing), "{method} {path}: {message}");
        if scope.ends_with(".a>") {
            continue;
        }
        let key = home.key(&format!("user-{at}"), &json!([scope]));
        let allowed = home.ask(&key, method, path, body);
        assert_eq!(
            allowed.status, *status,
            "{method} {path} with {scope}: {allowed:?}"
        );
        let answer = home.ask("", method, path, body);
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (401, &json!("no_key")),
            "{method} {path}"
        );
        assert!(answer.headers["www-authenticate"].starts_with("Bearer"));
    }
    for wrong in ["crk_wrong", "x", &home.admin[1..]] {
        let answer = home.ask(wrong, "GET", "/api/plugins", "");
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (401, &json!("denied")),
            "{answer:?}"
        );
        assert!(answer.headers["www-authenticate"].starts_with("Bearer"));
    }
    // Where there are too many wrong ones, none more is tried.
    for attempt in 0.. {
        let answer = home.ask(&format!("crk_wrong{attempt}"), "GET", "/api/plugins", "");
        if answer.status == 429 {
            assert!(answer.headers["retry-after"].parse::<u32>().is_ok() && attempt > 3);
            break;
        }
        assert!(answer.status == 401 && attempt < 20, "{answer:?}");
    }
}

#[test]
fn streams_are_refused_in_their_head() {
    let home = Home::start();
    let other = home.key("other", &json!(["history.read"]));
    for path in ["/api/events?filter=test.%3E", "/api/ws"] {
        let mut connection = home.connect();
        let upgrade = [
            "connection: upgrade",
            "upgrade: websocket",
            "sec-websocket-version: 13",
            "sec-websocket-key: eA==",
        ];
        let mut headers = vec![bearer(if path.contains("ws") { "crk_wrong" } else { &other })];
        headers.extend(
            path.contains("ws")
                .then(|| upgrade.map(str::to_owned))
                .into_iter()
                .flatten(),
        );
        connection.request("GET", path, &headers, b"").unwrap();
        let answer = connection.answer().unwrap();
        let status = if path.contains("ws") { 401 } else { 403 };
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
}

#[test]
fn a_key_that_is_taken_back_is_good_no_more() {
    let home = Home::start();
    let key = home.key("anna", &json!(["example.hello", "events.watch"]));
    let call = || home.ask(&key, "POST", "/api/call/example.hello", "\"Ann\"");
    let mut events = home.watch(&key, "test.>", None);
    assert_eq!(call().status, 200);
    let key_id = key.split('_').nth(1).unwrap();
    home.owner(&format!("auth revoke_key '{}'", json!({ "key_id": key_id })));
    crate::home::until("it is refused", || [401, 403].contains(&call().status));
    // The stream ends, and says why.
    let end = events.next_event().unwrap();
    assert_eq!((end.event.as_str(), &end.data["code"]), ("end", &json!("denied")));
    assert!(events.next_event().is_err());
    crate::home::until("the session ends", || call().status == 401);
}
