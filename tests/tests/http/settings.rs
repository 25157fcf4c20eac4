//! What the settings may be, and what each mistake is answered.

use std::time::Duration;

use serde_json::json;
use tests::runtime::Runtime;

use crate::home::{Home, until};

#[test]
fn a_mistake_is_named_with_its_value_and_what_is_allowed() {
    let mut runtime = Runtime::new().unwrap();
    let config = runtime.folder().join("runtime.toml");
    runtime.set_variable("RUNTIME_CONFIG", &config);
    std::fs::write(&config, "").unwrap();
    runtime.start_again().unwrap();
    let error = || {
        let plugins: serde_json::Value =
            serde_json::from_str(&runtime.run("plugins --json").unwrap()).unwrap();
        let http = plugins
            .as_array()
            .unwrap()
            .iter()
            .find(|plugin| plugin["name"] == "http")
            .unwrap()
            .clone();
        (
            http["state"].as_str().unwrap().to_owned(),
            http["error"]["message"].as_str().unwrap_or("").to_owned(),
        )
    };
    until("it is started", || error().0 == "STARTED");
    // Nothing listens without a word of where.
    let pid = runtime.pid().unwrap();
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"))
        .unwrap()
        .filter(|task| {
            let name =
                std::fs::read_to_string(task.as_ref().unwrap().path().join("comm")).unwrap_or_default();
            name.trim() == "http"
        });
    assert_eq!(threads.count(), 0);
    for (settings, said) in [
        (
            "listen = \"here\"",
            "listen is \"here\"; allowed is an IP address and a port",
        ),
        (
            "listen = \"0.0.0.0:8080\"",
            "listen is 0.0.0.0:8080, which others can reach",
        ),
        (
            "listen = \"127.0.0.1:0\"\nport = 5",
            "port is no setting; there are: listen",
        ),
        (
            "listen = \"127.0.0.1:0\"\nkey = \"k.pem\"",
            "key is there without certificate",
        ),
        (
            "listen = \"127.0.0.1:0\"\nbody_bytes = 5",
            "body_bytes is 5; allowed is a whole number from 1024 to 1048576",
        ),
        (
            "listen = \"127.0.0.1:0\"\norigins = [\"*\"]",
            "origins is \"*\"; allowed is a list, each of it a scheme and a host",
        ),
        (
            "listen = \"127.0.0.1:0\"\ncertificate = \"c.pem\"\nkey = \"k.pem\"",
            "the certificate cannot be used: c.pem",
        ),
        (
            "listen = \"203.0.113.7:80\"\ncertificate = \"c.pem\"\nkey = \"k.pem\"",
            "the certificate cannot be used: c.pem",
        ),
    ] {
        std::fs::write(&config, format!("[plugins.http.settings]\n{settings}\n")).unwrap();
        let _ = runtime.run("plugin reload http");
        let (state, message) = error();
        assert!(message.contains(said), "{settings}: {state} {message}");
    }
}

#[test]
fn pages_of_configured_origins_may_ask_and_no_others() {
    let home = Home::with("origins = [\"https://panel.example\"]");
    let ask = |origin: &str, method: &str| {
        let origin = format!("origin: {origin}");
        let asked = "access-control-request-method: PUT";
        home.ask_with("", method, "/api/state/a", &[&origin, asked], "")
    };
    let allowed = ask("https://panel.example", "OPTIONS");
    assert_eq!(allowed.status, 204);
    assert_eq!(
        allowed.headers["access-control-allow-origin"],
        "https://panel.example"
    );
    assert!(allowed.headers["access-control-allow-headers"].contains("authorization"));
    for origin in [
        "https://panel.example.evil",
        "http://panel.example",
        "null",
        "https://other.example",
    ] {
        let refused = ask(origin, "OPTIONS");
        assert_eq!(refused.status, 405, "{origin}");
        assert!(
            !refused.headers.contains_key("access-control-allow-origin"),
            "{origin}"
        );
        assert!(
            !ask(origin, "GET")
                .headers
                .contains_key("access-control-allow-origin"),
            "{origin}"
        );
    }
}

/// With a certificate the same is served over TLS, and nothing without it.
#[test]
fn a_certificate_makes_it_https() {
    let home = Home::start();
    // The link's own, which the runtime makes for a TCP port.
    let config = home.runtime.folder().join("runtime.toml");
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(home.runtime.folder().join("c.pem"), certificate.cert.pem()).unwrap();
    std::fs::write(
        home.runtime.folder().join("k.pem"),
        certificate.signing_key.serialize_pem(),
    )
    .unwrap();
    let text = format!(
        "[plugins.http.settings]\nlisten = \"{}\"\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n",
        home.address
    );
    std::fs::write(&config, text).unwrap();
    home.runtime.run("plugin reload http").unwrap();
    let mut plain = home.connect();
    plain.request("GET", "/healthz", &[], b"").unwrap();
    plain
        .socket()
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    assert!(!String::from_utf8_lossy(&plain.rest()).contains("HTTP/1.1 200"));
    let (ip, port) = (home.address.ip(), home.address.port());
    let line = format!(
        "timeout 30 curl -sS --cacert c.pem --connect-to localhost:443:{ip}:{port} https://localhost/healthz"
    );
    let output = home.runtime.shell(&line).unwrap();
    let said: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(said, json!({"ok": true}));
}
