//! A runtime that listens for HTTP, and keys for it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::http::{Answer, Connection, Events};
use tests::runtime::Runtime;

/// A runtime and its port.
pub(crate) struct Home {
    pub(crate) runtime: Runtime,
    pub(crate) address: SocketAddr,
    pub(crate) admin: String,
}

impl Home {
    /// With these settings besides where it listens.
    pub(crate) fn with(settings: &str) -> Home {
        let mut runtime = Runtime::new().unwrap();
        let address = address();
        let config = runtime.folder().join("runtime.toml");
        let text = format!("[plugins.http.settings]\nlisten = \"{address}\"\n{settings}\n");
        std::fs::write(&config, text).unwrap();
        runtime.set_variable("RUNTIME_CONFIG", config);
        runtime.start_again().unwrap();
        let mut home = Home {
            runtime,
            address,
            admin: String::new(),
        };
        home.until_well();
        home.admin = home.owner("auth init")["key"].as_str().unwrap().to_owned();
        home
    }

    pub(crate) fn start() -> Home {
        Home::with("")
    }

    pub(crate) fn until_well(&self) {
        until("it is well", || {
            let Ok(mut connection) = Connection::open(self.address) else {
                return false;
            };
            let asked = connection.request("GET", "/healthz", &[], b"");
            asked.is_ok() && connection.answer().is_ok_and(|answer| answer.status == 200)
        });
    }

    /// As the owner of the socket.
    pub(crate) fn owner(&self, words: &str) -> Value {
        serde_json::from_str(&self.runtime.run(words).unwrap()).unwrap()
    }

    /// A key for a user of its own with these scopes.
    pub(crate) fn key(&self, user: &str, scopes: &Value) -> String {
        let role = json!({"role": format!("role-of-{user}"), "scopes": scopes});
        self.owner(&format!("users set_role '{role}'"));
        let new = json!({"id": user, "name": user, "roles": [format!("role-of-{user}")]});
        self.owner(&format!("users create '{new}'"));
        let made = json!({"user": user, "name": "test", "scopes": scopes});
        let made = self.owner(&format!("auth create_key '{made}'"));
        made["key"].as_str().unwrap().to_owned()
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address).unwrap()
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, key: &str, method: &str, path: &str, body: &str) -> Answer {
        self.ask_with(key, method, path, &[], body)
    }

    pub(crate) fn ask_with(
        &self,
        key: &str,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &str,
    ) -> Answer {
        let mut connection = self.connect();
        let mut all: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
        if !key.is_empty() {
            all.push(bearer(key));
        }
        connection.request(method, path, &all, body.as_bytes()).unwrap();
        connection
            .answer()
            .unwrap_or_else(|cause| panic!("{method} {path}: {cause}"))
    }

    /// The events that match, from behind this id.
    pub(crate) fn watch(&self, key: &str, filter: &str, last: Option<&str>) -> Events {
        let mut connection = self.connect();
        let mut headers = vec![bearer(key)];
        headers.extend(last.map(|last| format!("last-event-id: {last}")));
        let path = format!("/api/events?filter={}", filter.replace('>', "%3E"));
        connection.request("GET", &path, &headers, b"").unwrap();
        let head = connection.head().unwrap();
        assert_eq!(
            head.status,
            200,
            "{head:?} {:?}",
            String::from_utf8_lossy(&connection.rest())
        );
        assert_eq!(head.headers["content-type"], "text/event-stream");
        connection.events()
    }
}

/// An address of its own on the loopback, where no connection of the others has a port.
fn address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let process = (std::process::id() % 200 + 10) as u8;
    ([127, process, NEXT.fetch_add(1, Ordering::Relaxed), 1], 8090).into()
}

pub(crate) fn bearer(key: &str) -> String {
    format!("authorization: Bearer {key}")
}

pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
