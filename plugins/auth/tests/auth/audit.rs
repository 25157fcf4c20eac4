//! The audit log.

use std::time::Duration;

use plugin_kit::prelude::*;
use serde_json::{Value, json};

use crate::home::{Home, PEER};

#[test]
fn what_is_done_is_stored_before_it_is_answered() {
    let mut home = Home::new();
    home.user("ann", &["devices.read"]);
    home.ok("auth.init", json!({}));
    let (key_id, _) = home.key("ann", &["devices.read"]);
    let row = home.rt.stored("auth_audit", "0000000000000002").unwrap();
    let expected = json!({
        "seq": 2, "time": 1_767_225_600_000u64, "what": "key_created", "subject": "ann", "key_id": key_id, "peer": "",
        "detail": "test: devices.read", "count": 1,
    });
    assert_eq!(row, expected);
    home.ok("auth.revoke_key", json!({"key_id": key_id}));
    assert_eq!(
        home.audit(),
        ["init admin 1", "key_created ann 1", "key_revoked ann 1"]
    );
    home.restart();
    home.key("ann", &["devices.read"]);
    assert_eq!(home.audit()[3..], ["key_created ann 1"]);
    assert!(home.rt.stored("auth_audit", "0000000000000004").is_some());
}

#[test]
fn refusals_of_one_kind_are_one_entry_a_minute() {
    let mut home = Home::with(json!({"attempts_per_peer": 1000, "attempts_of_all": 10000}));
    for _ in 0..100 {
        home.check("crk_nonsense", PEER).unwrap_err();
    }
    home.rt.advance(Duration::from_secs(5)).unwrap();
    let count = |home: &Home| home.rt.stored("auth_audit", "0000000000000001").unwrap()["count"].clone();
    assert_eq!(count(&home), 100);
    for _ in 0..100 {
        home.check("crk_nonsense", PEER).unwrap_err();
    }
    home.rt.advance(Duration::from_secs(50)).unwrap();
    // That there are more of them is written once.
    assert_eq!(count(&home), 100);
    home.rt.advance(Duration::from_secs(10)).unwrap();
    assert_eq!(count(&home), 200);
    home.check("crk_nonsense", "198.51.100.1:1").unwrap_err();
    home.check("crk_nonsense", PEER).unwrap_err();
    assert_eq!(
        home.audit(),
        ["key_refused  200", "key_refused  1", "key_refused  1"]
    );
    assert_eq!(home.rt.rows("auth_audit").len(), 3);
}

#[test]
fn an_attack_from_everywhere_takes_no_more_room() {
    let mut home = Home::with(json!({"attempts_of_all": 100000}));
    for number in 0..5_000 {
        home.check(
            "crk_nonsense",
            &format!("198.51.{}.{}:1", number / 250, number % 250),
        )
        .unwrap_err();
    }
    home.rt.advance(Duration::from_secs(70)).unwrap();
    let rows = home.rt.rows("auth_audit");
    assert_eq!(rows.len(), 33);
    let counted: u64 = rows.values().map(|row| row["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, 5_000);
    assert!(rows.values().any(|row| row["peer"] == "others"));
}

#[test]
fn the_oldest_entries_go() {
    let mut home = Home::with(json!({"audit_entries": 40}));
    home.user("ann", &["devices.read"]);
    for _ in 0..40 {
        let (key_id, _) = home.key("ann", &["devices.read"]);
        home.ok("auth.revoke_key", json!({"key_id": key_id}));
    }
    let rows = home.rt.rows("auth_audit");
    let seqs: Vec<_> = rows.values().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (41..=80).collect::<Vec<_>>());
    // It goes on so after a restart, and is read page by page.
    home.restart();
    home.key("ann", &["devices.read"]);
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = home.ok("auth.audit", json!({"after": after, "limit": 7}));
        seen.extend(
            page["entries"]
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| entry["seq"].as_u64().unwrap()),
        );
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(seen, (42..=81).collect::<Vec<_>>());
}

#[test]
fn an_entry_that_is_damaged_is_left_out() {
    let mut home = Home::new();
    home.user("ann", &["devices.read"]);
    for _ in 0..3 {
        home.key("ann", &["devices.read"]);
    }
    home.rt
        .store("auth_audit", "0000000000000002", &json!({"seq": "two"}));
    assert_eq!(home.audit().len(), 2);
}

#[derive(Default)]
struct Liar;

/// Says what the host alone says.
#[plugin(name = "liar")]
impl Liar {
    #[service(".lie")]
    async fn lie(&mut self, cx: &Context) -> Result<(), Error> {
        let lie =
            json!({"subject": "ann", "key_id": "k", "peer": "p", "scope": "devices.get", "request": "r"});
        cx.publish_value("access.refused", &lie).await?;
        cx.publish_value("users.deleted", &json!({"id": "ann"})).await?;
        let made: Result<Value, Error> = cx
            .call_value("auth.list_keys", &json!({}), Duration::from_secs(1))
            .await;
        match made {
            Err(error) if error.code() == "denied" => Ok(()),
            other => Err(Error::format("broken", format_args!("{other:?}"))),
        }
    }
}

#[test]
fn the_host_says_what_lacked_a_scope_and_nobody_else_is_believed() {
    let mut home = Home::new();
    home.user("ann", &["devices.read"]);
    let (key_id, key) = home.key("ann", &["devices.read"]);
    let refused = json!({
        "subject": "ann", "key_id": key_id, "peer": PEER, "scope": "devices.set_state", "request": "call devices.set_state",
    });
    home.publish("access.refused", &refused);
    home.publish("access.refused", &refused);
    home.rt.add::<Liar>(());
    home.rt.start().unwrap();
    home.ok("liar.lie", Value::Null);
    home.check(&key, PEER).unwrap();
    let entries = home.ok("auth.audit", json!({}));
    let entries = entries["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1]["what"], "scope_refused");
    assert_eq!(entries[1]["detail"], "devices.set_state: call devices.set_state");
    assert_eq!(
        (entries[1]["peer"].as_str(), entries[1]["count"].as_u64()),
        (Some("192.0.2.7"), Some(2))
    );
    assert_eq!(
        home.rt
            .published()
            .iter()
            .filter(|event| event.source == "auth")
            .count(),
        0
    );
}
