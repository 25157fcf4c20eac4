//! The first administrator, and keys from their making to their end.

use std::time::Duration;

use serde_json::{Value, json};

use crate::home::{Home, PEER, text};

#[test]
fn the_first_administrator_is_made_once() {
    let mut home = Home::new();
    let made = home.ok("auth.init", json!({"name": "Ann"}));
    let (key, key_id) = (text(&made["key"]), text(&made["key_id"]));
    assert_eq!((made["user"].as_str(), key.len()), (Some("admin"), 85));
    assert!(key.starts_with(&format!("crk_{key_id}_")));
    let pass = json!({"subject": "admin", "key_id": key_id, "scopes": ["admin.*"], "ask": [], "expires_in_ms": null});
    assert_eq!(home.check(&key, PEER), Ok(pass.clone()));
    assert_eq!(home.ok("users.get", json!("admin"))["name"], "Ann");
    for args in [json!({}), json!({"name": "Bob"}), json!(null)] {
        assert_eq!(home.code("auth.init", args), "already");
    }
    home.restart();
    assert_eq!(home.code("auth.init", json!({})), "already");
    assert_eq!(home.check(&key, PEER), Ok(pass));
    assert_eq!(home.rt.rows("users").len(), 1);
}

#[test]
fn a_user_of_that_name_is_no_administrator_by_that() {
    let mut home = Home::new();
    home.ok(
        "users.create",
        json!({"id": "admin", "name": "Not so", "roles": ["reader"]}),
    );
    assert_eq!(home.code("auth.init", json!({})), "no_admin");
    assert_eq!(home.rt.rows("auth").len(), 0);
    home.ok("users.update", json!({"id": "admin", "roles": ["admin"]}));
    home.ok("auth.init", json!({}));
}

#[test]
fn a_key_allows_what_it_and_its_user_may() {
    let mut home = Home::new();
    home.user("ann", &["devices.*", "events.watch:device.>"]);
    let (key_id, key) = home.key("ann", &["devices.read", "events.watch:device.hall.*"]);
    let pass = home.check(&key, PEER).unwrap();
    assert_eq!(pass["subject"], "ann");
    assert_eq!(pass["key_id"], json!(key_id));
    assert_eq!(
        pass["scopes"],
        json!(["devices.read", "events.watch:device.hall.*"])
    );
    assert_eq!(
        pass["ask"],
        json!([
            "access.>",
            "auth.>",
            "users.>",
            "devices.*",
            "devices.create",
            "devices.list"
        ])
    );
    // What the user no longer may, the key may not either; and again.
    home.ok(
        "users.set_role",
        json!({"role": "r-ann", "scopes": ["devices.get", "devices.read"]}),
    );
    assert_eq!(home.check(&key, PEER).unwrap()["scopes"], json!(["devices.read"]));
    home.ok("users.update", json!({"id": "ann", "roles": []}));
    assert_eq!(home.check(&key, PEER).unwrap()["scopes"], json!([]));
    // Scopes that nobody knows allow nothing.
    home.ok(
        "users.set_role",
        json!({"role": "r-ann", "scopes": ["events.*", "devices.read"]}),
    );
    home.ok("users.update", json!({"id": "ann", "roles": ["r-ann"]}));
    assert_eq!(home.check(&key, PEER).unwrap()["scopes"], json!(["devices.read"]));
}

#[test]
fn a_key_is_made_within_what_its_user_may_and_with_scopes_that_are_known() {
    let mut home = Home::new();
    home.user("ann", &["devices.read"]);
    for (user, scopes, code, named) in [
        (
            "ann",
            json!(["devices.set_state"]),
            "invalid_argument",
            "devices.set_state",
        ),
        ("ann", json!(["devices.*"]), "invalid_argument", "devices.*"),
        (
            "ann",
            json!(["devices.read", "device read"]),
            "invalid_argument",
            "device read",
        ),
        ("ann", json!([]), "invalid_argument", "1 to 32"),
        ("bob", json!(["devices.read"]), "no_such_user", "bob"),
    ] {
        let error = home
            .call(
                "auth.create_key",
                json!({"user": user, "name": "k", "scopes": scopes}),
            )
            .unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().contains(named), "{error}");
    }
    assert_eq!(home.rt.rows("auth").len(), 0);
}

#[test]
fn a_key_ends_by_time_by_rotation_by_revocation_and_with_its_user() {
    let mut home = Home::new();
    home.user("ann", &["devices.read"]);
    let made = home.ok(
        "auth.create_key",
        json!({"user": "ann", "name": "short", "scopes": ["devices.read"], "expires_in_s": 60}),
    );
    let short = text(&made["key"]);
    assert_eq!(home.check(&short, PEER).unwrap()["expires_in_ms"], 60_000);
    home.rt.advance(Duration::from_millis(59_990)).unwrap();
    assert_eq!(home.check(&short, PEER).unwrap()["expires_in_ms"], 10);
    // It is rotated while it is good, and the new one is good for a minute again.
    let rotated = home.ok("auth.rotate_key", json!({"key_id": made["key_id"]}));
    let new = text(&rotated["key"]);
    assert_eq!(home.check(&short, PEER).unwrap_err().code(), "denied");
    assert_eq!(home.check(&new, PEER).unwrap()["expires_in_ms"], 60_000);
    assert_eq!(
        home.code("auth.rotate_key", json!({"key_id": made["key_id"]})),
        "no_such_key"
    );
    home.rt.advance(Duration::from_secs(60)).unwrap();
    assert_eq!(home.check(&new, PEER).unwrap_err().code(), "denied");
    assert_eq!(
        home.code("auth.rotate_key", json!({"key_id": rotated["key_id"]})),
        "no_such_key"
    );

    let (key_id, key) = home.key("ann", &["devices.read"]);
    home.check(&key, PEER).unwrap();
    home.ok("auth.revoke_key", json!({"key_id": key_id}));
    assert_eq!(home.check(&key, PEER).unwrap_err().code(), "denied");
    assert_eq!(home.code("auth.revoke_key", json!(key_id)), "no_such_key");
    let listed = home.ok("auth.list_keys", json!({"user": "ann"}));
    let listed = listed["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["key_id"] == key_id.as_str());
    assert_eq!(listed.unwrap()["revoked"], true);
    assert_eq!(listed.unwrap()["revoked_at"], 1_767_225_600_000u64 + 119_990);

    let (_, key) = home.key("ann", &["devices.read"]);
    home.ok("users.update", json!({"id": "ann", "disabled": true}));
    assert_eq!(home.check(&key, PEER).unwrap_err().code(), "denied");
    home.ok("users.update", json!({"id": "ann", "disabled": false}));
    home.check(&key, PEER).unwrap();
    home.ok("users.delete", json!({"id": "ann"}));
    assert_eq!(home.check(&key, PEER).unwrap_err().code(), "denied");
    assert_eq!(
        home.rt.rows("auth").len(),
        0,
        "the keys of who is no more are deleted"
    );
}

#[test]
fn a_new_user_of_an_old_id_does_not_get_the_old_keys() {
    let mut home = Home::new();
    home.user("ann", &["devices.read"]);
    let (_, key) = home.key("ann", &["devices.read"]);
    let password = json!({"user": "ann", "password": "correct horse battery"});
    home.ok("auth.set_password", password.clone());
    home.ok("auth.login", password.clone());
    let row = home.rt.rows("auth");
    home.ok("users.delete", json!({"id": "ann"}));
    home.rt.advance(Duration::from_secs(1)).unwrap();
    home.user("ann", &["devices.read"]);
    // As if the event had been lost.
    home.rt.stop().unwrap();
    for (key, value) in row {
        home.rt.store("auth", &key, &value);
    }
    home.rt.start().unwrap();
    assert_eq!(
        home.ok("auth.list_keys", json!({}))["keys"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(home.check(&key, PEER).unwrap_err().code(), "denied");
    assert_eq!(home.code("auth.login", password), "denied");
}

#[test]
fn keys_are_listed_without_their_secrets_and_last_after_a_restart() {
    let mut home = Home::new();
    home.user("ann", &["devices.read"]);
    home.user("bob", &["devices.read"]);
    let (key_id, key) = home.key("ann", &["devices.read"]);
    for _ in 0..3 {
        home.key("bob", &["devices.read"]);
    }
    home.check(&key, PEER).unwrap();
    home.restart();
    let listed = home.ok("auth.list_keys", json!({"user": "ann"}));
    let at = 1_767_225_600_000u64;
    let expected = json!({
        "key_id": key_id, "user": "ann", "name": "test", "scopes": ["devices.read"], "created_at": at,
        "expires_at": null, "last_used": at, "revoked": false, "revoked_at": null,
    });
    assert_eq!(listed, json!({"keys": [expected], "next": null}));
    home.check(&key, PEER).unwrap();
    let (mut seen, mut after) = (0, String::new());
    loop {
        let page = home.ok("auth.list_keys", json!({"after": after, "limit": 3}));
        seen += page["keys"].as_array().unwrap().len();
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, 4);
    let secret = &key[21..];
    assert!(!home.traces().contains(secret), "{}", home.traces());
}

#[test]
fn that_a_key_is_used_is_stored_once_an_hour() {
    let mut home = Home::new();
    home.user("ann", &["devices.read"]);
    let (key_id, key) = home.key("ann", &["devices.read"]);
    let last_used =
        |home: &Home| home.rt.stored("auth", &format!("key:{key_id}")).unwrap()["last_used"].clone();
    home.check(&key, PEER).unwrap();
    home.rt.advance(Duration::from_secs(10)).unwrap();
    let first = last_used(&home);
    assert_eq!(first, 1_767_225_600_000u64);
    for _ in 0..50 {
        home.check(&key, PEER).unwrap();
        home.rt.advance(Duration::from_secs(60)).unwrap();
    }
    assert_eq!(last_used(&home), first);
    home.rt.advance(Duration::from_secs(600)).unwrap();
    home.check(&key, PEER).unwrap();
    home.rt.advance(Duration::from_secs(10)).unwrap();
    assert_eq!(
        last_used(&home),
        1_767_225_600_000u64 + (10 + 3_000 + 600) * 1_000
    );
}

#[test]
fn a_row_that_is_damaged_costs_its_own_key_alone() {
    let mut home = Home::new();
    home.user("ann", &["devices.read"]);
    let keys: Vec<_> = (0..5).map(|_| home.key("ann", &["devices.read"])).collect();
    let row = |home: &Home, at: usize| home.rt.stored("auth", &format!("key:{}", keys[at].0)).unwrap();
    let (mut short, mut other, whole) = (row(&home, 0), row(&home, 1), row(&home, 2));
    short["hash"] = json!("abcd");
    other["scopes"] = json!("all");
    home.rt.stop().unwrap();
    home.rt.store("auth", &format!("key:{}", keys[0].0), &short);
    home.rt.store("auth", &format!("key:{}", keys[1].0), &other);
    home.rt.store("auth", &format!("key:{}", keys[2].0), &Value::Null);
    home.rt.store("auth", "key:", &whole);
    home.rt.start().unwrap();
    for (at, (_, key)) in keys.iter().enumerate() {
        let code = home.check(key, PEER).map_err(|error| error.code().to_owned());
        match at {
            0..=2 => assert_eq!(code, Err("denied".to_owned())),
            _ => assert!(code.is_ok()),
        }
    }
    let errors = home
        .rt
        .logs()
        .iter()
        .filter(|(level, _)| *level == plugin_kit::log::Level::Error);
    let errors: Vec<_> = errors.map(|(_, text)| text.as_str()).collect();
    for (key_id, _) in &keys[..3] {
        assert!(
            errors.iter().any(|error| error.contains(key_id.as_str())),
            "{errors:?}"
        );
    }
    // Nobody has more rights by a row that says more than its user may.
    let mut more = row(&home, 3);
    more["scopes"] = json!(["admin.*", "devices.read"]);
    home.rt.stop().unwrap();
    home.rt.store("auth", &format!("key:{}", keys[3].0), &more);
    home.rt.start().unwrap();
    assert_eq!(
        home.check(&keys[3].1, PEER).unwrap()["scopes"],
        json!(["devices.read"])
    );
}

#[test]
fn there_are_no_more_keys_than_were_allowed_and_those_that_ended_make_room() {
    let mut home = Home::with(json!({"max_keys": 3}));
    home.user("ann", &["devices.read"]);
    let keys: Vec<_> = (0..3).map(|_| home.key("ann", &["devices.read"])).collect();
    let one_more = json!({"user": "ann", "name": "k", "scopes": ["devices.read"]});
    assert_eq!(home.code("auth.create_key", one_more.clone()), "full");
    assert_eq!(home.code("auth.rotate_key", json!({"key_id": keys[0].0})), "full");
    home.check(&keys[0].1, PEER).unwrap();
    home.ok("auth.revoke_key", json!({"key_id": keys[1].0}));
    home.ok("auth.create_key", one_more);
    assert_eq!(home.rt.rows("auth").len(), 3);
}

#[test]
fn what_a_key_with_an_end_leads_to_ends_with_it() {
    let mut home = Home::new();
    home.user("ann", &["auth.*"]);
    let made = home.ok(
        "auth.create_key",
        json!({"user": "ann", "name": "short", "scopes": ["auth.*"], "expires_in_s": 600}),
    );
    let (short, (long, _)) = (text(&made["key_id"]), home.key("ann", &["auth.*"]));
    let new =
        |seconds: Value| json!({"user": "ann", "name": "k", "scopes": ["auth.*"], "expires_in_s": seconds});
    assert_eq!(
        home.allow("ann", &short, "auth.create_key", new(json!(600))),
        Ok(())
    );
    for (service, args) in [
        ("auth.create_key", new(json!(601))),
        ("auth.create_key", new(Value::Null)),
        ("auth.rotate_key", json!({"key_id": short})),
        ("auth.rotate_key", json!({"key_id": long})),
        (
            "auth.set_password",
            json!({"user": "ann", "password": "correct horse battery"}),
        ),
    ] {
        let message = home.allow("ann", &short, service, args.clone()).unwrap_err();
        assert_eq!(message, format!("{service}: your key ends in 600 s"));
        assert_eq!(home.allow("ann", &long, service, args), Ok(()));
    }
    // A session ends as well, but was begun with what has no end.
    home.ok(
        "auth.set_password",
        json!({"user": "ann", "password": "correct horse battery"}),
    );
    let begun = home.ok(
        "auth.login",
        json!({"user": "ann", "password": "correct horse battery"}),
    );
    let session = text(&home.check(&text(&begun["token"]), PEER).unwrap()["key_id"]);
    assert_eq!(
        home.allow("ann", &session, "auth.create_key", new(Value::Null)),
        Ok(())
    );
}
