//! Another runtime as a node, by the real program: over TLS, with a key, within the scopes of that key.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::runtime::Runtime;

/// Each wait ends by then.
const PATIENCE: Duration = Duration::from_secs(60);

fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A runtime at a TCP port, and what it takes to be let in there.
struct Garage {
    runtime: Runtime,
    address: String,
}

impl Garage {
    fn start() -> Garage {
        let mut runtime = Runtime::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let config = runtime.folder().join("runtime.toml");
        std::fs::write(&config, format!("[runtime]\ntcp = \"{address}\"\n")).unwrap();
        runtime.set_variable("RUNTIME_CONFIG", config);
        runtime.start_again().unwrap();
        until("auth is started", || runtime.run("auth init").ok());
        Garage { runtime, address }
    }

    /// A key with these scopes, in a file of the house.
    fn key(&self, house: &Runtime, scopes: &[&str]) -> PathBuf {
        let wanted = json!({"user": "admin", "name": "house", "scopes": scopes});
        let made = self.runtime.run(&format!("auth create_key '{wanted}'")).unwrap();
        let made: Value = serde_json::from_str(&made).unwrap();
        let file = house.folder().join("garage.key");
        std::fs::write(&file, made["key"].as_str().unwrap()).unwrap();
        house.shell("chmod 600 garage.key").unwrap();
        file
    }
}

#[test]
fn a_runtime_is_a_node_over_tls_within_the_scopes_of_its_key() {
    let garage = Garage::start();
    let mut house = Runtime::new().unwrap();
    // It has neither devices nor rules of its own.
    house.leave_out_all_but_the_example().unwrap();
    let state = house.folder().join("state");
    house.set_variable("XDG_STATE_HOME", state);
    house.start_again().unwrap();
    let key = garage.key(
        &house,
        &[
            "runtime.inspect",
            "devices.create",
            "devices.get",
            "events.watch",
            "state.read",
        ],
    );
    let add = |more: &str| {
        house.run(&format!(
            "node add garage tcp:{} --node-key {} --events 'internal.>' --services 'devices.*' --silence 2 {more} --yes",
            garage.address,
            key.display()
        ))
    };
    add("--share 'note.>'").unwrap();
    let call = |words: &str| house.run(&format!("call {words}"));
    let device = json!({"id": "door", "name": "Door", "type": "cover", "owner_id": "admin"});
    call(&format!("devices.create '{device}'")).unwrap();
    let found: Value = serde_json::from_str(&call("devices.get '\"door\"'").unwrap()).unwrap();
    assert_eq!(found["name"], "Door");
    // What the key does not allow is refused there, and what this side does not want is not here.
    let refused = call("devices.delete '\"door\"'").unwrap_err();
    assert!(
        refused.contains("denied") && refused.contains("devices.delete"),
        "{refused}"
    );
    assert!(call("presence.list").unwrap_err().contains("not_found"));
    let log = house.run("plugin logs garage").unwrap();
    assert!(
        log.contains("was not known: its certificate has the fingerprint sha256:"),
        "{log}"
    );
    // Nothing may be said there, which the log says; the rest goes on.
    assert!(
        log.contains("denied") && log.contains("runtime.attach:host"),
        "{log}"
    );
    assert!(!log.contains("crk_"), "{log}");
    let events = || house.run("metrics --json").ok();
    assert!(events().is_some());
    house.run("node remove garage").unwrap();

    // The same address with another certificate is somebody else.
    let known = house.folder().join("state/core-runtime/known_runtimes");
    let line = std::fs::read_to_string(&known).unwrap();
    assert!(line.starts_with(&garage.address), "{line}");
    std::fs::write(&known, format!("{} sha256:{}\n", garage.address, "a7".repeat(32))).unwrap();
    let refused = add("").unwrap_err();
    assert!(refused.contains("its certificate has changed"), "{refused}");
    house.run("node remove garage").unwrap();
    std::fs::remove_file(&known).unwrap();
    // A key that is none, and one that others may read.
    std::fs::write(&key, "crk_wrong").unwrap();
    let refused = add("").unwrap_err();
    assert!(
        refused.contains("denied") && !refused.contains("crk_wrong"),
        "{refused}"
    );
    house.run("node remove garage").unwrap();
    house.shell("chmod 644 garage.key").unwrap();
    assert!(add("").unwrap_err().contains("mode 644"));
    assert!(
        house
            .run("node remove example")
            .unwrap_err()
            .contains("is no node")
    );
}
