//! Keys, scopes and TLS at the TCP port, through the command line, with a plugin that knows keys.
mod support;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use host_std::config::{CertificateFiles, TcpConfig};
use host_std::{Config, Host};
use kernel_core::*;
use support::*;

const KEY: &str = "a key that the plugin knows";

static REVOKED: AtomicBool = AtomicBool::new(false);

/// Knows one key, and lets its holder call `example.hello` with `"Ann"` alone.
#[derive(Default)]
struct Keys;

impl Plugin for Keys {
    const METADATA: PluginMetadata = PluginMetadata::new("keys", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(&Service::new(name!("access.check"))).await?;
        cx.register(&Service::new(name!("access.allow"))).await?;
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        let args = call.args().as_str();
        if call.service() == "access.allow" {
            return match args.contains(r#""args":"Ann""#) {
                true => reply.json(&true),
                false => Err(Error::new("denied", "nobody but Ann is greeted")),
            };
        }
        if !args.contains(&format!("\"key\":\"{KEY}\"")) || REVOKED.load(Ordering::Relaxed) {
            return Err(Error::new("denied", "no such key"));
        }
        reply.raw(json_literal!(
            r#"{"subject":"ann","key_id":"k1","ask":["example.*"],
                "scopes":["example.hello","runtime.inspect","events.watch:lamp.>","state.read"]}"#
        ))
    }
}

struct House {
    host: Option<Host>,
    dir: tempfile::TempDir,
    address: String,
}

impl House {
    fn start() -> House {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path());
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        config.tcp = Some(TcpConfig {
            address,
            token: None,
            tls: Some(files(dir.path())),
        });
        let host = Host::builder().built_in().plugin::<Keys>().start(config).unwrap();
        House {
            host: Some(host),
            dir,
            address: address.to_string(),
        }
    }

    fn client(&self, key: &str, args: &[&str]) -> Command {
        let mut client = Command::new(env!("CARGO_BIN_EXE_core-runtime"));
        client
            .env("XDG_STATE_HOME", self.dir.path().join("state"))
            .env("RUNTIME_TCP_TOKEN", key)
            .args(["--tcp", &self.address])
            .args(args);
        client
    }

    fn run(&self, key: &str, args: &[&str]) -> Output {
        self.client(key, args).output().unwrap()
    }

    fn known(&self) -> std::path::PathBuf {
        self.dir.path().join("state/core-runtime/known_runtimes")
    }
}

fn files(dir: &Path) -> CertificateFiles {
    CertificateFiles {
        certificate: dir.join("tls/certificate.pem"),
        key: dir.join("tls/key.pem"),
    }
}

fn words(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_key_does_what_its_scopes_allow_and_nothing_after_it_was_taken_back() {
    let mut house = House::start();

    // The first contact says what it keeps, the second nothing.
    let (out, err) = words(&house.run(KEY, &["call", "example.hello", "\"Ann\""]));
    assert_eq!(out, "\"Привет, Ann!\"\n", "{err}");
    assert!(err.contains("sha256:") && err.contains("known_runtimes"), "{err}");
    let (out, err) = words(&house.run(KEY, &["call", "example.hello", "\"Ann\""]));
    assert_eq!((out.as_str(), err.as_str()), ("\"Привет, Ann!\"\n", ""));

    for (args, says) in [
        (&["call", "example.hello", "\"Bob\""][..], "nobody but Ann"),
        (&["call", "example.goodbye"], "lacks the scope `example.goodbye`"),
        (&["call", "storage", "{}"], "lacks the scope `admin.*`"),
        (
            &["publish", "lamp.on"],
            "lacks the scope `events.publish:lamp.on`",
        ),
        (&["publish", "access.refused"], "lacks the scope `admin.*`"),
        (
            &["watch", ">", "--count", "1"],
            "lacks the scope `events.watch:>`",
        ),
        (
            &["state", "set", "lamp", "1"],
            "lacks the scope `state.write:lamp`",
        ),
        (
            &["storage", "get", "example", "status"],
            "lacks the scope `storage.read:example`",
        ),
        (
            &["storage", "set", "example", "status", "1"],
            "lacks the scope `storage.write:example`",
        ),
        (&["storage", "namespaces"], "lacks the scope `storage.read`"),
        (
            &["plugin", "stop", "example"],
            "lacks the scope `runtime.control:example`",
        ),
    ] {
        let output = house.run(KEY, args);
        let (out, err) = words(&output);
        assert!(
            err.starts_with("error[denied]: ") && err.contains(says),
            "{args:?}: {out}{err}"
        );
        assert_eq!(output.status.code(), Some(1), "{args:?}");
    }
    for args in [
        &["plugins"][..],
        &["services", "--json"],
        &["state", "list"],
        &["health"],
    ] {
        let output = house.run(KEY, args);
        assert!(output.status.success(), "{args:?}: {:?}", words(&output));
    }

    // Whoever shows nothing, or something else, gets no further than the door.
    for key in ["", "another key", &KEY[1..], &KEY.repeat(100)] {
        let output = house.run(key, &["health"]);
        assert_eq!(output.status.code(), Some(1), "{key}");
        assert!(
            words(&output).1.starts_with("error[denied]: "),
            "{:?}",
            words(&output)
        );
    }

    // A watch that runs ends when its key is taken back.
    let mut watch = house.client(KEY, &["watch", "lamp.>"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(watch.try_wait().unwrap().is_none());
    REVOKED.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    while watch.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the watch goes on");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(house.run(KEY, &["health"]).status.code(), Some(1));

    // Another certificate at the same address is not spoken to.
    let host = house.host.take().unwrap();
    drop(host);
    std::fs::remove_dir_all(house.dir.path().join("tls")).unwrap();
    let mut config: Config = support::config(house.dir.path());
    config.tcp = Some(TcpConfig {
        address: house.address.parse().unwrap(),
        token: None,
        tls: Some(files(house.dir.path())),
    });
    let again = Host::builder().built_in().plugin::<Keys>().start(config).unwrap();
    let output = house.run(KEY, &["health"]);
    let (_, err) = words(&output);
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(
        err.contains("certificate has changed") && err.contains("known_runtimes"),
        "{err}"
    );
    std::fs::remove_file(house.known()).unwrap();
    REVOKED.store(false, Ordering::Relaxed);
    assert!(house.run(KEY, &["health"]).status.success());
    drop(again);
}

#[test]
fn a_port_with_tls_is_no_port_without_and_the_other_way_round() {
    let house = House::start();
    let plain = format!("plain:{}", house.address);
    let mut client = Command::new(env!("CARGO_BIN_EXE_core-runtime"));
    let output = client
        .env("RUNTIME_TCP_TOKEN", KEY)
        .args(["--tcp", &plain, "health"])
        .output()
        .unwrap();
    assert_ne!(output.status.code(), Some(0), "{:?}", words(&output));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = nobody.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let mut client = Command::new(env!("CARGO_BIN_EXE_core-runtime"));
    client.env("XDG_STATE_HOME", house.dir.path());
    let output = client
        .env("RUNTIME_TCP_TOKEN", KEY)
        .args(["--tcp", &address, "health"])
        .output()
        .unwrap();
    answering.join().unwrap();
    let (_, err) = words(&output);
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(err.contains("no TLS there"), "{err}");
}
