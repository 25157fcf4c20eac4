//! What who is no administrator may do with resources, keys and users.

use devices::Devices;
use plugin_kit::kernel_core::Error;
use serde_json::{Value, json};

use crate::home::Home;

/// A house with devices of several owners, and Ann's key.
fn house() -> (Home, String) {
    let mut home = Home::new();
    home.rt.add::<Devices>(());
    home.rt.start().unwrap();
    for device in [
        json!({"id": "mine", "owner_id": "ann"}),
        json!({"id": "shared", "owner_id": "bob", "shared_with": ["cid", "ann"]}),
        json!({"id": "his", "owner_id": "bob", "shared_with": []}),
        json!({"id": "common"}),
    ] {
        home.ok("devices.create", device);
    }
    home.user(
        "ann",
        &["devices.*", "users.*", "auth.*", "access.*", "state.read"],
    );
    home.user("bob", &["devices.*"]);
    let (key_id, _) = home.key("ann", &["devices.*", "users.*", "auth.*", "access.*"]);
    (home, key_id)
}

/// What a client does who is let in: it asks, and calls where it may.
fn call(home: &mut Home, key: &str, service: &str, args: Value) -> Result<Value, String> {
    home.allow("ann", key, service, args.clone())?;
    home.call(service, args).map_err(|error| error.to_string())
}

#[test]
fn devices_are_used_by_their_owners_and_those_they_are_shared_with() {
    let (mut home, key) = house();
    for id in ["mine", "shared", "common"] {
        for args in [
            json!({"id": id, "state": {"on": true}}),
            json!(id),
            json!({"args": [id, {"on": true}], "kwargs": {}}),
            json!({"args": [], "kwargs": {"id": id}}),
        ] {
            assert_eq!(home.allow("ann", &key, "devices.set_state", args), Ok(()), "{id}");
        }
    }
    for id in ["his", "none"] {
        for args in [json!({"id": id}), json!(id), json!({"args": [id], "kwargs": {}})] {
            let message = home.allow("ann", &key, "devices.turn_on", args).unwrap_err();
            assert_eq!(message, format!("devices.turn_on: there is no {id:?} of yours"));
        }
    }
}

#[test]
fn no_form_of_the_arguments_leads_around_the_rule() {
    let (mut home, key) = house();
    for args in [
        json!({"args": ["mine"], "kwargs": {"id": "his"}}),
        json!({"args": [["his"]], "kwargs": {}}),
        json!({"id": ["his"]}),
        json!({"id": null}),
        json!({"ids": ["his"]}),
        json!({}),
        Value::Null,
        json!(5),
        json!({"args": [], "kwargs": {"device_id": "his"}}),
        json!({"args": ["mine"], "kwargs": {"device_id": "his"}}),
        json!({"args": [], "kwargs": {"id": "mine", "device_id": "his"}}),
        json!({"id": "mine", "device_id": "his"}),
        json!({"id": "mine", "args": ["his"], "kwargs": {}}),
    ] {
        let done = call(&mut home, &key, "devices.turn_on", args.clone());
        done.expect_err(&args.to_string());
    }
    let twice = json!({"args": ["mine"], "kwargs": {"id": "mine"}});
    let message = home.allow("ann", &key, "devices.turn_on", twice).unwrap_err();
    assert_eq!(message, "devices.turn_on: id has to be one text");
    assert_eq!(home.ok("devices.get", json!("his"))["state"]["pending"], false);
    for service in [
        "devices.list_external",
        "devices.create_mapping",
        "devices.list_mappings",
        "devices.auto_map_external",
    ] {
        let args = json!({"external_id": "x", "internal_id": "his"});
        let message = home.allow("ann", &key, service, args).unwrap_err();
        assert!(
            message.starts_with(&format!("{service}: only an administrator")),
            "{message}"
        );
    }
}

#[test]
fn lists_are_of_ones_own_and_what_is_made_is_as_well() {
    let (mut home, key) = house();
    assert_eq!(
        home.allow("ann", &key, "devices.list", json!({"user": "ann"})),
        Ok(())
    );
    let by_keyword = json!({"args": [], "kwargs": {"user": "ann", "limit": 5}});
    assert_eq!(home.allow("ann", &key, "devices.list", by_keyword), Ok(()));
    for args in [
        json!({}),
        Value::Null,
        json!({"user": "bob"}),
        json!({"user": null}),
        json!("ann"),
    ] {
        let message = home.allow("ann", &key, "devices.list", args).unwrap_err();
        assert_eq!(message, "devices.list: the argument user has to be \"ann\"");
    }
    let lamp = json!({"id": "new", "owner_id": "ann", "shared_with": ["bob"]});
    assert_eq!(
        call(&mut home, &key, "devices.create", lamp).unwrap()["owner_id"],
        "ann"
    );
    for args in [
        json!({"id": "newer"}),
        json!("newer"),
        json!({"id": "newer", "owner_id": "bob"}),
    ] {
        let message = home.allow("ann", &key, "devices.create", args).unwrap_err();
        assert_eq!(message, "devices.create: the argument owner_id has to be \"ann\"");
    }
    let listed = call(&mut home, &key, "devices.list", json!({"user": "ann"})).unwrap();
    let ids: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|device| device["id"].clone())
        .collect();
    assert_eq!(ids, ["common", "mine", "new", "shared"]);
}

#[test]
fn what_is_there_is_not_made_again_by_somebody_else() {
    let (mut home, key) = house();
    // A device that is there gets what is said.
    for (id, rule) in [
        ("his", "of yours"),
        ("shared", "only the owner"),
        ("common", "only the owner"),
    ] {
        for args in [
            json!({"id": id, "owner_id": "ann"}),
            json!({"args": [id], "kwargs": {"owner_id": "ann"}}),
            json!({"args": [id, "Lamp", "light", "ann"], "kwargs": {"owner_id": "ann"}}),
        ] {
            let message = home.allow("ann", &key, "devices.create", args).unwrap_err();
            assert!(message.contains(rule), "{message}");
        }
    }
    assert_eq!(home.ok("devices.get", json!("his"))["owner_id"], "bob");
    let renamed = json!({"id": "mine", "name": "Lamp"});
    assert_eq!(
        call(&mut home, &key, "devices.create", renamed).unwrap()["name"],
        "Lamp"
    );
}

#[test]
fn only_the_owner_says_whose_it_is() {
    let (mut home, key) = house();
    assert_eq!(
        home.allow(
            "ann",
            &key,
            "devices.update",
            json!({"id": "mine", "shared_with": ["bob"]})
        ),
        Ok(())
    );
    for id in ["shared", "common"] {
        for field in ["owner_id", "shared_with"] {
            for args in [
                json!({"id": id, field: "ann"}),
                json!({"args": [id, {field: ["ann"]}], "kwargs": {}}),
            ] {
                let message = home.allow("ann", &key, "devices.update", args).unwrap_err();
                assert!(message.contains("only the owner"), "{message}");
            }
        }
    }
}

#[test]
fn administrators_may_and_who_is_no_more_may_not() {
    let (mut home, key) = house();
    let made = home.ok("auth.init", json!({}));
    let admin = made["key_id"].as_str().unwrap().to_owned();
    for (service, args) in [
        ("devices.delete", json!({"id": "his"})),
        ("users.delete", json!({"id": "bob"})),
        ("auth.audit", json!({})),
        ("access.check", json!({"key": "k", "peer": "p"})),
    ] {
        assert_eq!(home.allow("admin", &admin, service, args.clone()), Ok(()));
        home.allow("ann", &key, service, args).unwrap_err();
    }
    // The key is of somebody else, or none, or revoked.
    home.allow("ann", &admin, "devices.get", json!("mine"))
        .unwrap_err();
    home.allow("admin", &key, "devices.get", json!("mine"))
        .unwrap_err();
    home.allow("ann", "none", "devices.get", json!("mine"))
        .unwrap_err();
    home.ok("auth.revoke_key", json!({"key_id": key}));
    home.allow("ann", &key, "devices.get", json!("mine")).unwrap_err();
}

#[test]
fn nobody_gets_more_than_he_has_by_auth() {
    let (mut home, key) = house();
    let (his, _) = home.key("bob", &["devices.get"]);
    let (narrow, _) = home.key("ann", &["auth.*", "devices.read"]);
    let new = |user: &str, scopes: Value| json!({"user": user, "name": "k", "scopes": scopes});
    for (service, args) in [
        ("auth.create_key", new("ann", json!(["devices.get", "users.*"]))),
        ("auth.list_keys", json!({"user": "ann"})),
        ("auth.list_keys", json!("ann")),
        ("auth.rotate_key", json!({"key_id": narrow})),
        ("auth.revoke_key", json!({"key_id": narrow})),
        ("auth.login", json!({"user": "bob", "password": "p"})),
        ("auth.logout", json!({"token": "t"})),
    ] {
        assert_eq!(home.allow("ann", &key, service, args), Ok(()), "{service}");
    }
    for (service, args) in [
        ("auth.create_key", new("bob", json!(["devices.get"]))),
        ("auth.create_key", new("ann", json!(["state.read"]))),
        ("auth.create_key", new("ann", json!(["admin.*"]))),
        (
            "auth.create_key",
            json!({"args": ["bob", "k", ["devices.get"]], "kwargs": {}}),
        ),
        ("auth.list_keys", json!({})),
        ("auth.list_keys", json!({"user": "bob"})),
        ("auth.rotate_key", json!({"key_id": his})),
        ("auth.revoke_key", json!(his)),
        ("auth.revoke_key", json!({"key_id": "none"})),
        // It may less than the user, of whom the password is.
        (
            "auth.set_password",
            json!({"user": "ann", "password": "correct horse battery"}),
        ),
        (
            "auth.set_password",
            json!({"user": "bob", "password": "correct horse battery"}),
        ),
        ("auth.init", json!({})),
        ("auth.audit", json!({})),
        ("auth.no_such", json!({})),
    ] {
        home.allow("ann", &key, service, args.clone())
            .expect_err(&format!("{service} {args}"));
    }
    // A narrow key does not get at a wider one of the same user.
    home.allow("ann", &narrow, "auth.rotate_key", json!({"key_id": key}))
        .unwrap_err();
    home.allow(
        "ann",
        &narrow,
        "auth.create_key",
        new("ann", json!(["devices.get"])),
    )
    .unwrap_err();
    let (all, _) = home.key(
        "ann",
        &["devices.*", "users.*", "auth.*", "access.*", "state.read"],
    );
    let password = json!({"user": "ann", "password": "correct horse battery"});
    assert_eq!(home.allow("ann", &all, "auth.set_password", password), Ok(()));
}

#[test]
fn a_user_changes_his_own_name_and_nothing_else() {
    let (mut home, key) = house();
    for (service, args) in [
        ("users.get", json!("bob")),
        ("users.list", json!({})),
        ("users.list_roles", json!({})),
        ("users.scopes", json!("ann")),
        ("users.update", json!({"id": "ann", "name": "Anna"})),
        (
            "users.update",
            json!({"args": [], "kwargs": {"id": "ann", "name": "Anna"}}),
        ),
    ] {
        assert_eq!(home.allow("ann", &key, service, args), Ok(()), "{service}");
    }
    for (service, args) in [
        ("users.update", json!({"id": "bob", "name": "Anna"})),
        ("users.update", json!({"id": "ann", "roles": ["admin"]})),
        ("users.update", json!({"id": "ann", "disabled": false})),
        ("users.update", json!({"args": ["bob"], "kwargs": {"id": "ann"}})),
        ("users.create", json!({"name": "Eve", "roles": ["admin"]})),
        ("users.set_role", json!({"role": "r-ann", "scopes": ["admin.*"]})),
        ("users.delete_role", json!("r-bob")),
        ("users.delete", json!("bob")),
    ] {
        home.allow("ann", &key, service, args.clone())
            .expect_err(&format!("{service} {args}"));
    }
}

#[test]
fn what_no_rule_is_for_is_left_to_the_scopes_and_rules_may_be_set() {
    let mut home = Home::with(json!({"resources": {
        "lists.*": {"user": "/for"},
        "lists.*.share": {"id": "/list", "lookup": "lists.find"},
        "lists.all": {"user": "/whose"},
    }}));
    home.rt.fake("lists.find", |args| {
        Ok(json!({"owner_id": if args["id"] == "l1" { "ann" } else { "bob" }}))
    });
    home.rt.start().unwrap();
    home.user("ann", &["devices.*", "lists.*"]);
    let (key, _) = home.key("ann", &["devices.*", "lists.*"]);
    for (service, args, allowed) in [
        ("devices.get", json!({"id": "his"}), true),
        ("lists.add", json!({"for": "ann"}), true),
        ("lists.add", json!({"for": "bob"}), false),
        ("lists.all", json!({"whose": "ann"}), true),
        ("lists.all", json!({"for": "ann"}), false),
        ("lists.x.share", json!({"list": "l1"}), true),
        ("lists.x.share", json!({"list": "l2"}), false),
    ] {
        assert_eq!(
            home.allow("ann", &key, service, args.clone()).is_ok(),
            allowed,
            "{service} {args}"
        );
    }
    assert!(home.audit().contains(&"call_refused ann 1".to_owned()));
}

#[test]
fn without_an_answer_nothing_is_allowed_and_the_wait_is_not_repeated() {
    let settings = json!({"resources": {"rooms.*": {"id": "/id", "lookup": "rooms.get"}, "gone.*": {"id": "/id", "lookup": "gone.get"}}});
    let mut slow = Home::with(settings);
    slow.rt
        .fake("rooms.get", |_| Err(Error::new("timeout", "as if it had hung")));
    slow.rt.start().unwrap();
    slow.user("ann", &["rooms.*", "gone.*"]);
    let (id, _) = slow.key("ann", &["rooms.*", "gone.*"]);
    let asked =
        |service: &str| json!({"subject": "ann", "key_id": id, "service": service, "args": {"id": "x"}});
    let first = slow.call("access.allow", asked("rooms.get")).unwrap_err();
    assert_eq!(first.code(), "unavailable");
    let again = slow.call("access.allow", asked("rooms.get")).unwrap_err();
    assert!(again.message().contains("tried again"), "{again}");
    assert_eq!(slow.code("access.allow", asked("gone.get")), "unavailable");
}

#[test]
fn rules_that_are_not_whole_are_named() {
    for (settings, named) in [
        (
            json!({"resources": {"a.*": {"user": "/u", "new": "/n"}}}),
            "resources.a.*",
        ),
        (
            json!({"resources": {"a.*": {"id": "/a/b", "lookup": "a.b"}}}),
            "resources.a.*",
        ),
        (json!({"resources": {"a.*": {}}}), "resources.a.*"),
        (json!({"resources": {"a.*": {"id": "/id"}}}), "resources.a.*"),
        (
            json!({"resources": {"a.*": {"id": "id", "lookup": "a.get"}}}),
            "resources.a.*",
        ),
        (
            json!({"resources": {"a.*": {"id": "/id", "lookup": "a.*"}}}),
            "resources.a.*",
        ),
        (
            json!({"resources": {"a.*": {"user": "/u", "id": "/id", "lookup": "a.b"}}}),
            "resources.a.*",
        ),
        (json!({"resources": {"a..b": {"user": "/u"}}}), "\"a..b\""),
        (json!({"attempts_per_peer": 0}), "attempts_per_peer 0"),
        (json!({"audit_entries": 2_000_000}), "audit_entries 2000000"),
        (json!({"attempts": 5}), "unknown field `attempts`"),
    ] {
        let mut rt = plugin_kit::test::TestRuntime::new();
        rt.add::<auth::Auth>(settings);
        let error = rt.start().unwrap_err();
        assert_eq!(error.code(), "invalid_settings", "{error}");
        assert!(error.message().contains(named), "{error}");
    }
}
