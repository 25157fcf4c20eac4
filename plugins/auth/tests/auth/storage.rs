//! What is written, and what happens when nothing can be.

use std::time::Duration;

use serde_json::{Value, json};

use crate::home::{Home, PEER};

#[test]
fn what_cannot_be_stored_has_not_happened_and_keys_are_checked_meanwhile() {
    let mut home = Home::new();
    home.user("ann", &["devices.*"]);
    home.ok(
        "auth.set_password",
        json!({"user": "ann", "password": "correct horse battery"}),
    );
    let (key_id, key) = home.key("ann", &["devices.read"]);
    home.check(&key, PEER).unwrap();
    home.rt.advance(Duration::from_secs(5)).unwrap();
    let (before, users) = (home.rt.rows("auth"), home.rt.rows("users"));
    home.rt.set_storage_full(true);
    for (service, args) in [
        ("auth.init", json!({})),
        (
            "auth.create_key",
            json!({"user": "ann", "name": "k", "scopes": ["devices.read"]}),
        ),
        ("auth.rotate_key", json!({"key_id": key_id})),
        ("auth.revoke_key", json!({"key_id": key_id})),
        (
            "auth.set_password",
            json!({"user": "ann", "password": "another horse battery"}),
        ),
    ] {
        let code = home.code(service, args);
        // Of `auth.init` it is the other plugin that cannot store.
        assert!(
            ["storage_full", "unavailable"].contains(&code.as_str()),
            "{service}: {code}"
        );
        home.check(&key, PEER).unwrap();
    }
    assert_eq!((home.rt.rows("auth"), home.rt.rows("users")), (before, users));
    // What was refused meanwhile is in the log once there is room again.
    home.check("crk_nonsense", PEER).unwrap_err();
    home.rt.advance(Duration::from_secs(30)).unwrap();
    assert!(
        home.rt
            .logs()
            .iter()
            .any(|(_, text)| text.contains("1 entries of the audit log wait"))
    );
    home.rt.set_storage_full(false);
    home.rt.advance(Duration::from_secs(5)).unwrap();
    let refused = home
        .rt
        .rows("auth_audit")
        .values()
        .filter(|row| row["what"] == "key_refused")
        .count();
    assert_eq!(refused, 1);
    home.ok(
        "auth.login",
        json!({"user": "ann", "password": "correct horse battery"}),
    );
    home.ok("auth.revoke_key", json!({"key_id": key_id}));
    assert_eq!(home.check(&key, PEER).unwrap_err().code(), "denied");
}

#[test]
fn checks_write_nothing_and_an_attack_next_to_nothing() {
    let mut home = Home::with(json!({"attempts_of_all": 100000}));
    home.user("ann", &["devices.*"]);
    let (key_id, key) = home.key("ann", &["devices.*"]);
    let before = home.rt.storage_writes().rows;
    for number in 0..2_000 {
        home.check(&key, PEER).unwrap();
        let peer = format!("198.51.{}.{}:1", number / 250, number % 250);
        home.check("crk_nonsense", &peer).unwrap_err();
        home.allow("ann", &key_id, "auth.audit", Value::Null).unwrap_err();
        home.rt.advance(Duration::from_millis(25)).unwrap();
    }
    home.rt.advance(Duration::from_secs(60)).unwrap();
    let rows = home.rt.storage_writes().rows - before;
    println!("{rows} rows for 2,000 good keys, 2,000 wrong ones and 2,000 refused calls within a minute");
    assert!(rows < 80, "{rows}");
}
