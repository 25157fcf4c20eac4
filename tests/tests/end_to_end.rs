//! Who may do what, through the real program: its first administrator, keys and scopes over TLS, a device that is
//! commanded and reports, a rule that fires, and what is refused.

use std::net::TcpListener;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::runtime::Runtime;

struct House {
    runtime: Runtime,
    address: String,
}

impl House {
    fn start() -> House {
        let mut runtime = Runtime::new().unwrap();
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let config = runtime.folder().join("runtime.toml");
        std::fs::write(&config, format!("[runtime]\ntcp = \"{address}\"\n")).unwrap();
        runtime.set_variable("RUNTIME_CONFIG", config);
        runtime.start_again().unwrap();
        let house = House { runtime, address };
        house.until("auth is started", || {
            let plugins: Value = house.owner("plugins --json");
            plugins
                .as_array()
                .unwrap()
                .iter()
                .all(|plugin| plugin["state"] == "STARTED")
        });
        house
    }

    /// As the owner of the socket.
    fn owner(&self, words: &str) -> Value {
        serde_json::from_str(&self.runtime.run(words).unwrap()).unwrap()
    }

    /// As whoever has this key, over TLS.
    fn output(&self, key: &str, words: &str) -> Output {
        let known = self.runtime.folder().join("state");
        let line = format!(
            "XDG_STATE_HOME={} RUNTIME_TCP_TOKEN='{key}' \"$CORE_RUNTIME\" --tcp {} {words}",
            known.display(),
            self.address
        );
        self.runtime.shell(&line).unwrap()
    }

    fn with(&self, key: &str, words: &str) -> Value {
        let output = self.output(key, words);
        assert!(output.status.success(), "{words}: {}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    fn refused(&self, key: &str, words: &str) -> String {
        let output = self.output(key, words);
        assert_eq!(output.status.code(), Some(1), "{words}: {}", said(&output));
        said(&output)
    }

    fn until(&self, what: &str, mut yes: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !yes() {
            assert!(begun.elapsed() < Duration::from_secs(60), "never: {what}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// A key of a new user with these scopes.
    fn key(&self, user: &str, scopes: Value) -> String {
        let new = json!({"id": user, "name": user});
        self.owner(&format!("users create '{new}'"));
        let role = json!({"role": format!("role-of-{user}"), "scopes": scopes});
        self.owner(&format!("users set_role '{role}'"));
        self.owner(&format!(
            "users update '{}'",
            json!({"id": user, "roles": [format!("role-of-{user}")]})
        ));
        let made = json!({"user": user, "name": "test", "scopes": scopes});
        let made = self.owner(&format!("auth create_key '{made}'"));
        made["key"].as_str().unwrap().to_owned()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_key_commands_a_lamp_a_rule_fires_and_who_may_not_is_in_the_audit_log() {
    let house = House::start();
    let admin = house.owner("auth init");
    let admin = admin["key"].as_str().unwrap();
    assert!(said(&house.runtime.shell("\"$CORE_RUNTIME\" auth init").unwrap()).contains("already"));
    assert_eq!(house.with(admin, "health")["ok"], Value::Null);

    let anna = house.key(
        "anna",
        json!([
            "devices.*",
            "automation.*",
            "events.publish:external.>",
            "events.watch",
            "state.read",
            "runtime.inspect"
        ]),
    );
    house.with(
        &anna,
        r#"devices create '{"id":"lamp","name":"Lamp","type":"light","owner_id":"anna"}'"#,
    );
    house.with(
        admin,
        r#"devices create_mapping '{"external_id":"x-1","internal_id":"lamp"}'"#,
    );
    let rule = json!({
        "id": "night-light", "name": "Night light",
        "triggers": [{"event": "device.state_changed", "when": {"event": "/payload/new/on", "eq": true}}],
        "actions": [{"publish": "house.lit", "payload": {"by": "rule"}}],
    });
    let rule = rule.to_string();
    let made = house.output(&anna, &format!("automation create '{rule}'"));
    assert!(made.status.success(), "{}", said(&made));

    // The command reaches whoever has the device, and the report comes back.
    let queued = house.with(&anna, r#"devices set_state '{"id":"lamp","state":{"on":true}}'"#);
    assert_eq!(queued["state"]["pending"], true);
    house.with(
        &anna,
        r#"publish external.device_state_reported '{"external_id":"x-1","state":{"on":true}}'"#,
    );
    house.until("the lamp has reported", || {
        let lamp = house.with(&anna, r#"devices get '{"id":"lamp"}'"#);
        lamp["state"]["reported"]["on"] == true && lamp["state"]["pending"] == false
    });
    house.until("the rule has fired", || {
        let trace = house
            .with(&anna, r#"automation trace '{"id":"night-light"}'"#)
            .to_string();
        trace.contains("\"outcome\":\"done\"")
    });

    // Who may only look may look, and no more; and hers is hers.
    let bob = house.key(
        "bob",
        json!(["devices.read", "runtime.inspect", "events.watch:device.>"]),
    );
    house.with(&bob, "plugins");
    let refused = house.refused(&bob, r#"devices set_state '{"id":"lamp","state":{"on":false}}'"#);
    assert!(
        refused.contains("lacks the scope `devices.set_state`"),
        "{refused}"
    );
    let refused = house.refused(&bob, r#"devices get '{"id":"lamp"}'"#);
    assert!(refused.contains("devices"), "{refused}");
    assert!(
        house
            .refused(&bob, "watch '>' --count 1")
            .contains("events.watch:>")
    );
    assert!(house.refused(&bob, "auth audit").contains("`auth.read`"));
    house.until("the refusals are in the audit log", || {
        let audit = house.owner("auth audit '{\"limit\":100}'").to_string();
        audit.contains("scope_refused") && audit.contains("devices.set_state") && audit.contains("bob")
    });
    assert_eq!(
        house.owner(r#"devices get '{"id":"lamp"}'"#)["state"]["desired"]["on"],
        true
    );

    // The inspector shows what its key allows.
    let inspector = tests::binary("inspector-tui", "dev").unwrap();
    let inspect = |key: &str| {
        let line = format!(
            "XDG_STATE_HOME=state RUNTIME_TCP_TOKEN='{key}' timeout 60 '{}' tcp:{} --json",
            inspector.display(),
            house.address
        );
        house.runtime.shell(&line).unwrap()
    };
    let shown = inspect(&bob);
    let document: Value =
        serde_json::from_slice(&shown.stdout).unwrap_or_else(|_| panic!("{}", said(&shown)));
    assert!(
        document["plugins"]
            .as_array()
            .is_some_and(|plugins| plugins.len() > 5)
    );
    let blind = house.key("carl", json!(["events.watch"]));
    let refused = inspect(&blind);
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert!(said(&refused).contains("`runtime.inspect`"), "{}", said(&refused));

    // A key that was taken back lets nobody in; its secret is nowhere.
    let keys = house.owner("auth list_keys").to_string();
    let secret = bob.rsplit('_').next().unwrap();
    assert!(!keys.contains(secret), "{keys}");
    let key_id = bob.split('_').nth(1).unwrap();
    house.owner(&format!("auth revoke_key '{}'", json!({"key_id": key_id})));
    assert!(house.refused(&bob, "plugins").starts_with("error[denied]"));
    let database = std::fs::read(house.runtime.folder().join("data/runtime.db")).unwrap();
    for key in [&anna, &bob] {
        let secret = key.rsplit('_').next().unwrap();
        assert!(
            !database
                .windows(secret.len())
                .any(|bytes| bytes == secret.as_bytes())
        );
    }
}
