//! Clients that send nonsense, too much, or nothing.

use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::http::{Answer, Connection};

use crate::home::{Home, bearer};

/// Sends these bytes and hangs up; all that came.
fn raw(home: &Home, bytes: &[u8]) -> String {
    let mut connection = home.connect();
    // One that was answered before it was heard out may be closed already.
    let _ = connection.send(bytes);
    let _ = connection.socket().shutdown(Shutdown::Write);
    String::from_utf8_lossy(&connection.rest()).into_owned()
}

fn statuses(answer: &str) -> Vec<&str> {
    answer
        .lines()
        .filter_map(|line| line.strip_prefix("HTTP/1.1 "))
        .map(|line| &line[..3])
        .collect()
}

fn hello(home: &Home) -> Answer {
    home.ask(&home.admin, "POST", "/api/call/example.hello", "\"Ann\"")
}

#[test]
fn malformed_requests_are_refused_and_hurt_nobody() {
    let home = Home::start();
    let key = bearer(&home.admin);
    let post = format!("POST /api/call/example.hello HTTP/1.1\r\nhost: a\r\n{key}\r\n");
    let smuggled = "POST /api/call/example.hello HTTP/1.1\r\nhost: a\r\n\r\n";
    for (what, request) in [
        (
            "two lengths that differ",
            format!("{post}content-length: 5\r\ncontent-length: 6\r\n\r\n\"Ann\""),
        ),
        (
            "a length that is none",
            format!("{post}content-length: +5\r\n\r\n\"Ann\""),
        ),
        ("a negative length", format!("{post}content-length: -1\r\n\r\n")),
        (
            "a length in hexadecimal",
            format!("{post}content-length: 0x5\r\n\r\n\"Ann\""),
        ),
        (
            "an endless length",
            format!("{post}content-length: 99999999999999999999\r\n\r\n"),
        ),
        (
            "chunks of HTTP/1.0",
            post.replace("1.1", "1.0") + "transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        ("another coding", format!("{post}transfer-encoding: gzip\r\n\r\n")),
        (
            "a chunk of no length",
            format!("{post}transfer-encoding: chunked\r\n\r\nx\r\n\r\n{smuggled}"),
        ),
        (
            "a space before the colon",
            format!("{post}content-length : 5\r\n\r\n\"Ann\""),
        ),
        ("a folded header", format!("{post}x-a: 1\r\n 2\r\n\r\n")),
        ("a null byte", format!("{post}x-a: 1\0\r\n\r\n")),
        ("no version", "GET /healthz\r\n\r\n".to_owned()),
        (
            "another protocol",
            "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03".to_owned(),
        ),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        (
            "a header too long",
            format!("{post}x-a: {}\r\n\r\n", "a".repeat(100_000)),
        ),
        (
            "too many headers",
            format!("{post}{}\r\n", "x-a: 1\r\n".repeat(1000)),
        ),
        (
            "a path too long",
            format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000)),
        ),
        ("binary", (0..200).map(|byte: u8| char::from(byte)).collect()),
    ] {
        let answer = raw(&home, request.as_bytes());
        let seen = statuses(&answer);
        assert!(
            seen.iter()
                .all(|status| status.starts_with('4') || *status == "505"),
            "{what}: {answer}"
        );
        assert!(seen.len() <= 1, "{what} was taken for two requests: {answer}");
        assert!(!answer.contains("Привет"), "{what}: {answer}");
    }
    // Both lengths: the chunks count, and the connection ends, so that nothing hides behind them.
    let both = format!(
        "{post}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n5\r\n\"Ann\"\r\n0\r\n\r\n{post}\r\n"
    );
    let answer = raw(&home, both.as_bytes());
    assert_eq!(statuses(&answer), ["200"], "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");

    // Bodies.
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let long = format!("\"{}\"", "a".repeat(66_000));
    for (body, status, code) in [
        (deep.as_bytes(), 400, "not_json"),
        (b"\"\xff\xfe\"", 400, "not_json"),
        (b"\"\\ud800\"", 400, "not_json"),
        (b"{\"a\":1,}", 400, "not_json"),
        (b"nonsense", 400, "not_json"),
        (long.as_bytes(), 413, "too_large"),
    ] {
        for (method, path) in [
            ("POST", "/api/call/example.hello"),
            ("POST", "/api/events/test.a"),
            ("PUT", "/api/state/test.a"),
            ("PUT", "/api/storage/notes/a"),
        ] {
            let mut connection = home.connect();
            connection
                .request(method, path, std::slice::from_ref(&key), body)
                .unwrap();
            let answer = connection.answer().unwrap();
            let found = (answer.status, answer.json()["code"].clone());
            assert_eq!(
                found,
                (status, json!(code)),
                "{method} {path} {:?}",
                &body[..body.len().min(20)]
            );
        }
    }
    // Paths and parameters.
    for path in [
        "/api/state/%ff",
        "/api/state/a%00b",
        "/api/state/..%2f..%2fetc",
        "/api/storage/%2e%2e/%2e%2e",
        "/api/state?limit=1&limit=2",
        "/api/state?limit=0",
        "/api/state?after=x",
        "/api/storage/notes?limit=100000",
        "/api/events?filter=a..b",
        "/api/events?since=-1",
        "/api/events?filter=a&key=crk_x",
        "//",
        "/api/../healthz",
    ] {
        let answer = home.ask(&home.admin, "GET", path, "");
        assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
    }
    for name in [
        "authorization: Basic eDp5",
        "authorization: Bearer",
        "authorization: Bearer a b",
        "authorization: Bearer é",
    ] {
        let answer = home.ask_with("", "GET", "/api/plugins", &[name], "");
        assert_eq!(answer.status, 401, "{name}: {answer:?}");
    }
    let twice = home.ask_with(&home.admin, "GET", "/api/plugins", &[&key], "");
    assert_eq!(twice.status, 401);
    assert_eq!(hello(&home).status, 200);
}

#[test]
fn floods_are_held_back_by_key_and_by_address() {
    let home = Home::with("key_per_second = 20\naddress_per_second = 40\n");
    let poor = home.key("poor", &json!(["example.hello"]));
    // As many at once as may be in a second, give or take what time brings.
    let flood = |key: &str| {
        let mut connection = home.connect();
        let begun = Instant::now();
        let mut passed = 0_u32;
        for _ in 0..200 {
            connection
                .request("POST", "/api/call/example.hello", &[bearer(key)], b"\"Ann\"")
                .unwrap();
            let answer = connection.answer().unwrap();
            match answer.status {
                200 => passed += 1,
                429 => assert_eq!(answer.headers["retry-after"], "1"),
                status => panic!("{status}"),
            }
        }
        (passed, begun.elapsed().as_secs_f64())
    };
    let (passed, seconds) = flood(&poor);
    assert!(
        f64::from(passed) <= 20.0 * (1.0 + seconds) + 1.0,
        "{passed} in {seconds} s"
    );
    assert!(passed >= 5, "{passed} in {seconds} s");
    thread::sleep(Duration::from_secs(2));
    assert_eq!(hello(&home).status, 200);
}

#[test]
fn a_client_that_goes_away_cancels_its_call() {
    let home = Home::start();
    // It waits for a plugin that does not answer as long as nobody feeds it.
    let plugin = home.runtime.folder().join("sleeper");
    std::fs::create_dir(&plugin).unwrap();
    std::fs::write(plugin.join("plugin.toml"), SLEEPER_MANIFEST).unwrap();
    std::fs::write(plugin.join("main.py"), SLEEPER).unwrap();
    home.runtime.run("plugin install ./sleeper --yes").unwrap();
    let in_flight = || {
        let calls = home.owner("calls --json");
        calls
            .as_array()
            .unwrap()
            .iter()
            .filter(|call| call["service"] == "sleeper.sleep")
            .count()
    };
    let mut connection = home.connect();
    let path = "/api/call/sleeper.sleep?timeout_ms=50000";
    connection
        .request("POST", path, &[bearer(&home.admin)], b"null")
        .unwrap();
    crate::home::until("it is called", || in_flight() == 1);
    drop(connection);
    crate::home::until("the call is cancelled", || in_flight() == 0);
    let late = home.ask(
        &home.admin,
        "POST",
        "/api/call/sleeper.sleep?timeout_ms=100",
        "null",
    );
    assert_eq!((late.status, &late.json()["code"]), (504, &json!("timeout")));
}

const SLEEPER_MANIFEST: &str = r#"[plugin]
name = "sleeper"
version = "1.0.0"
description = "Never answers"
api = 1

[run]
kind = "process"
command = ["python3", "main.py"]
"#;

/// A plugin by the protocol alone, which never answers its service.
const SLEEPER: &str = r#"import json, sys
def say(message): print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    if method == "initialize":
        say({"id": message["id"], "result": {"protocol": 1, "window": 8}})
    elif method == "load":
        say({"id": "r", "method": "register", "params": {"service": "sleeper.sleep"}})
        say({"id": message["id"], "result": None})
    elif method in ("start", "stop", "unload", "event", "tick"):
        say({"id": message["id"], "result": None})
"#;

/// Many clients that are slow in every way there is, and an honest one beside them.
#[test]
fn a_thousand_slow_clients_cost_only_themselves() {
    const SLOW: usize = 1_000;
    rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit {
            current: Some(4096),
            ..rustix::process::getrlimit(rustix::process::Resource::Nofile)
        },
    )
    .unwrap();
    let home = Home::with(
        "connections = 2000\nconnections_per_address = 2000\naddress_per_second = 100000\nkey_per_second = 100000\n\
         header_timeout_s = 60\nbody_timeout_s = 60\nwrite_timeout_s = 60\n",
    );
    let honest = |count: u32| {
        let mut connection = home.connect();
        let mut worst = Duration::ZERO;
        let begun = Instant::now();
        for _ in 0..count {
            let sent = Instant::now();
            connection
                .request(
                    "POST",
                    "/api/call/example.hello",
                    &[bearer(&home.admin)],
                    b"\"Ann\"",
                )
                .unwrap();
            assert_eq!(connection.answer().unwrap().status, 200);
            worst = worst.max(sent.elapsed());
        }
        (begun.elapsed() / count, worst)
    };
    let rss = || {
        let pid = home.runtime.pid().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse::<i64>().unwrap()
    };
    let (alone, _) = honest(100);
    let (before, mut crowd): (_, Vec<Connection>) = (rss(), Vec::new());
    for number in 0..SLOW {
        let mut connection = home.connect();
        match number % 2 {
            // Heads that never end.
            0 => connection
                .send("POST /api/call/example.hello HTTP/1.1\r\nx-a: ")
                .unwrap(),
            // Bodies that never come.
            _ => {
                let key = bearer(&home.admin);
                let text = format!("POST /api/events/test.a HTTP/1.1\r\n{key}\r\ncontent-length: 9\r\n\r\n1");
                connection.send(text).unwrap();
            }
        }
        crowd.push(connection);
    }
    let (beside, worst) = honest(100);
    println!(
        "a call: {alone:.1?} alone, {beside:.1?} beside {SLOW} slow requests, {worst:.1?} at worst; {} KiB",
        rss() - before
    );
    assert!(
        beside < alone * 20 + Duration::from_millis(20),
        "{beside:?} beside, {alone:?} alone"
    );
    drop(crowd);

    // Readers that never read, while much is published.
    let before = rss();
    let mut silent: Vec<_> = (0..SLOW)
        .map(|_| home.watch(&home.admin, "test.>", None))
        .collect();
    println!("{SLOW} clients that watch: {} KiB", rss() - before);
    let mut reader = home.watch(&home.admin, "test.>", None);
    let payload = format!("\"{}\"", "x".repeat(4_000));
    let publisher = {
        let (address, key, payload) = (home.address, home.admin.clone(), payload.clone());
        thread::spawn(move || {
            let mut connection = Connection::open(address).unwrap();
            for _ in 0..1_500 {
                connection
                    .request("POST", "/api/events/test.a", &[bearer(&key)], payload.as_bytes())
                    .unwrap();
                assert_eq!(connection.answer().unwrap().status, 200);
            }
        })
    };
    let (beside, worst) = honest(50);
    // One who reads gets each, or is told exactly which not; by all of them the numbers have no hole.
    let mut seen = 0;
    let mut lost = 0;
    while seen + lost < 1_500 {
        let event = reader.next_event().unwrap();
        match event.event.as_str() {
            "message" => seen += 1,
            "lost" => lost += event.data["lost"].as_u64().unwrap(),
            other => panic!("{other}"),
        }
    }
    publisher.join().unwrap();
    println!(
        "a call: {beside:.1?} beside {SLOW} that read nothing, {worst:.1?} at worst; the honest reader got {seen}, lost {lost}; \
         {} KiB",
        rss() - before
    );
    assert!(rss() - before < 300 * 1024, "{} KiB", rss() - before);
    // One of those who read nothing reads now: what it did not get, it is told.
    let late = silent.pop().unwrap();
    let (mut late, mut numbers, mut missing) = (late, Vec::new(), 0);
    while numbers.len() as u64 + missing < 1_500 {
        let event = late.next_event().unwrap();
        match event.event.as_str() {
            "message" => numbers.push(event.data["seq"].as_u64().unwrap()),
            "lost" => {
                assert_eq!(event.data["from"].as_u64().unwrap(), numbers.last().unwrap() + 1);
                missing += event.data["lost"].as_u64().unwrap();
            }
            other => panic!("{other}"),
        }
    }
    println!(
        "one that read late got {}, and was told of {missing} lost",
        numbers.len()
    );
    assert!(missing > 0 && numbers.windows(2).all(|pair| pair[0] < pair[1]));
    drop(silent);
    assert_eq!(hello(&home).status, 200);
}

#[test]
fn slow_clients_are_hung_up_on() {
    let home = Home::with("header_timeout_s = 1\nbody_timeout_s = 1\nconnections_per_address = 8\n");
    let begun = Instant::now();
    let mut head = home.connect();
    head.send("GET /healthz HTTP/1.1\r\nx-a: ").unwrap();
    let mut body = home.connect();
    let key = bearer(&home.admin);
    body.send(format!(
        "POST /api/events/test.a HTTP/1.1\r\nhost: a\r\n{key}\r\ncontent-length: 9\r\n\r\n1"
    ))
    .unwrap();
    let answer = body.answer().unwrap();
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (408, &json!("body_timeout"))
    );
    assert!(!String::from_utf8_lossy(&head.rest()).contains(" 200 "));
    let mut idle = home.connect();
    assert_eq!(idle.rest(), b"");
    assert!(begun.elapsed() < Duration::from_secs(40));
    // No more than so many of one address.
    let crowd: Vec<_> = (0..8).map(|_| home.connect()).collect();
    let full = (0..20)
        .map(|_| home.connect().answer())
        .find_map(Result::ok)
        .unwrap();
    assert_eq!(
        (full.status, full.json()["code"].clone()),
        (503, json!("too_many_clients"))
    );
    drop(crowd);
    crate::home::until("there is room", || {
        Connection::open(home.address).is_ok_and(|mut one| {
            one.request("GET", "/healthz", &[], b"").is_ok()
                && one.answer().is_ok_and(|answer| answer.status == 200)
        })
    });
}
