//! Servers that do what they should not.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::install;
use crate::host::{info, until};
use crate::support::House;

/// A server that answers each request with what `answer` makes of its path; how many it has had.
fn serve(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> (u16, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (answer, count) = (Arc::new(answer), Arc::new(AtomicU32::new(0)));
    let counted = count.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer, counted) = (stream.unwrap(), answer.clone(), counted.clone());
            thread::spawn(move || {
                let mut buf = [0; 4096];
                let read = stream.read(&mut buf).unwrap_or(0);
                let request = String::from_utf8_lossy(&buf[..read]).into_owned();
                counted.fetch_add(1, Ordering::SeqCst);
                answer(request.split(' ').nth(1).unwrap_or(""), &mut stream);
            });
        }
    });
    (port, count)
}

fn say(stream: &mut TcpStream, status: &str, head: &str, body: &str) {
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{head}\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(text.as_bytes());
}

/// Metadata with the one service `NAME.do`.
fn one_service(name: &str) -> String {
    json!({"name": name, "version": "1.0.0", "services": [{"name": format!("{name}.do"), "endpoint": "/do"}]})
        .to_string()
}

/// An answer to a call that is none, by its number.
fn misbehave(number: usize, elsewhere: u16, stream: &mut TcpStream) {
    match number {
        0 => say(
            stream,
            "200 OK",
            "Content-Type: text/html\r\n",
            "<html>Welcome</html>",
        ),
        1 => say(stream, "200 OK", "", "{\"a\":1} trailing"),
        2 => say(stream, "200 OK", "", &format!("\"{}\"", "x".repeat(70_000))),
        3 => say(
            stream,
            "302 Found",
            &format!("Location: http://127.0.0.1:{elsewhere}/\r\n"),
            "",
        ),
        4 => drop(stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")),
        5 => drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1,")),
        6 => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
            while stream.write_all(b" ").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        }
        7 => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            while stream
                .write_all(b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
                .is_ok()
            {}
        }
        8 => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            while stream.write_all(b"1000\r\n").is_ok() && stream.write_all(&[b' '; 0x1000]).is_ok() {
                if stream.write_all(b"\r\n").is_err() {
                    return;
                }
            }
        }
        9 => say(stream, "200 OK", "", "\u{1}\0"),
        10 => drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\"\xff\xfe\"")),
        _ => say(stream, "200 OK", "", "1"),
    }
}

#[test]
fn answers_that_are_none_are_errors_with_what_is_wrong() {
    let house = House::new();
    let (elsewhere, visits) = serve(|_, stream| say(stream, "200 OK", "", "1"));
    let number = Arc::new(AtomicU32::new(0));
    let present = number.clone();
    let (port, _) = serve(move |path, stream| match path {
        "/plugin/metadata" => say(stream, "200 OK", "", &one_service("liar")),
        "/do" => misbehave(present.load(Ordering::SeqCst) as usize, elsewhere, stream),
        _ => say(stream, "200 OK", "", ""),
    });
    assert_eq!(
        install(&house, "liar", port, "timeout_seconds = 0.5\n")["state"],
        "STARTED"
    );
    for (now, (code, said)) in [
        ("not_json", "answered text/html that is not JSON: "),
        ("not_json", "trailing"),
        ("too_large", "answered more than 65536 bytes"),
        ("http_error", "answered 302 Found: redirects are not followed"),
        ("unreachable", "HTTP"),
        ("unreachable", "end of file"),
        ("timeout", "no whole answer within 0.5 s"),
        ("unreachable", "head"),
        ("too_large", "answered more than 65536 bytes"),
        ("not_json", "not JSON"),
        ("not_json", "not JSON"),
    ]
    .into_iter()
    .enumerate()
    {
        number.store(now as u32, Ordering::SeqCst);
        let (found, message) = house.call("liar.do", json!(null)).unwrap_err();
        assert!(
            found == code && message.contains(said),
            "{now}: {found}: {message}"
        );
    }
    number.store(99, Ordering::SeqCst);
    // Its server was there each time somebody looked.
    assert_eq!(house.call("liar.do", json!(null)), Ok(json!(1)));
    assert_eq!(info(&house.host, "liar").counters.failures, 0);
    assert_eq!(visits.load(Ordering::SeqCst), 0, "a redirect was followed");
}

#[test]
fn what_a_server_says_of_itself_is_not_believed() {
    let house = House::new();
    let service = |name: &str, rest: Value| {
        let mut service = json!({"name": name, "endpoint": "/do"});
        service
            .as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        json!({"name": "liar", "version": "1.0.0", "services": [service]}).to_string()
    };
    for (metadata, code, said) in [
        ("<html>".to_owned(), "not_json", "/plugin/metadata"),
        ("[]".to_owned(), "protocol_error", "metadata"),
        (one_service("other"), "wrong_plugin", "other"),
        (
            one_service("liar").replace("1.0.0", "2.0.0"),
            "wrong_version",
            "version 2.0.0, its manifest 1.0.0",
        ),
        (
            service("example.hello", json!({})),
            "denied",
            "register example.hello is not granted",
        ),
        (
            service("liar.do", json!({"method": "DELETE"})),
            "protocol_error",
            "POST or GET",
        ),
        (
            service("liar.do", json!({"endpoint": "http://10.0.0.1/"})),
            "protocol_error",
            "a path such as /hello",
        ),
        (
            service("liar.do", json!({"schema": {"type": "nmber"}})),
            "protocol_error",
            "schema of liar.do",
        ),
        (service("liar..do", json!({})), "invalid_name", "liar..do"),
    ] {
        let (port, count) = serve(move |path, stream| match path {
            "/plugin/metadata" => say(stream, "200 OK", "", &metadata),
            _ => say(stream, "200 OK", "", ""),
        });
        let row = install(&house, "liar", port, "");
        assert_eq!(
            (&row["state"], &row["error"]["code"]),
            (&json!("FAILED"), &json!(code)),
            "{row}"
        );
        let message = row["error"]["message"].as_str().unwrap();
        assert!(message.contains(said), "{code}: {message}");
        house.call("plugins.remove", json!({"name": "liar"})).unwrap();
        assert!(count.load(Ordering::SeqCst) > 0);
    }
    // Granted, it is taken all the same: by whoever has it.
    let metadata = service("example.hello", json!({}));
    let (port, _) = serve(move |_, stream| say(stream, "200 OK", "", &metadata));
    let row = install(
        &house,
        "liar",
        port,
        "[permissions]\nregister = [\"example.hello\"]\n",
    );
    assert_eq!(row["error"]["code"], "taken", "{row}");
    assert!(
        row["error"]["message"]
            .as_str()
            .unwrap()
            .contains("example.hello"),
        "{row}"
    );
    assert_eq!(house.call("example.hello", json!("a")), Ok(json!("Привет, a!")));
}

#[test]
fn a_hook_that_is_refused_fails_it_and_it_is_left_as_it_was_found() {
    let house = House::new();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let paths = seen.clone();
    let (port, _) = serve(move |path, stream| {
        paths.lock().unwrap().push(path.to_owned());
        match path {
            "/plugin/metadata" => say(stream, "200 OK", "", &one_service("liar")),
            "/plugin/start" => say(stream, "500 Oops", "", "no power"),
            _ => say(stream, "200 OK", "", "{}"),
        }
    });
    let row = install(&house, "liar", port, "");
    assert_eq!(
        (&row["state"], &row["error"]["code"]),
        (&json!("FAILED"), &json!("http_error")),
        "{row}"
    );
    let message = row["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("answered 500") && message.contains("no power"),
        "{message}"
    );
    until("it is told to unload", || {
        let seen = seen.lock().unwrap();
        seen.iter().any(|path| path == "/plugin/unload").then_some(())
    });
    let first: Vec<String> = seen.lock().unwrap().iter().take(5).cloned().collect();
    assert_eq!(
        first,
        [
            "/plugin/metadata",
            "/plugin/load",
            "/plugin/start",
            "/plugin/stop",
            "/plugin/unload"
        ]
    );
    let (code, _) = house.call("liar.do", json!(null)).unwrap_err();
    assert_eq!(code, "not_found");
}
