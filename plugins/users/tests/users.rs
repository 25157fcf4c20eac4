//! The services, their errors, and what lasts.

use plugin_kit::prelude::*;
use plugin_kit::schema::Described;
use plugin_kit::test::{TestRuntime, bad_inputs};
use plugin_kit::{Args, Arguments};
use serde_json::{Value, json};
use users::Users;

fn started() -> TestRuntime {
    let mut rt = TestRuntime::new();
    rt.add::<Users>(());
    rt.start().unwrap();
    rt
}

fn code(result: Result<Value, Error>) -> String {
    result.unwrap_err().code().to_owned()
}

fn events(rt: &TestRuntime) -> Vec<(&str, &str)> {
    rt.published()
        .iter()
        .map(|event| (event.topic.as_str(), event.payload["id"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_user_is_made_changed_and_deleted() -> Result<(), Error> {
    let mut rt = started();
    let ann = rt.call(
        "users.create",
        &json!({"id": "ann", "name": "Анна", "roles": ["reader"]}),
    )?;
    let expected = json!({
        "id": "ann", "name": "Анна", "roles": ["reader"], "scopes": [], "disabled": false,
        "created_at": 1_767_225_600_000u64, "updated_at": 1_767_225_600_000u64,
    });
    assert_eq!(ann, expected);
    assert_eq!(rt.stored("users", "ann").unwrap(), expected);
    rt.advance(std::time::Duration::from_secs(5))?;
    let changed = rt.call(
        "users.update",
        &json!({"id": "ann", "disabled": true, "roles": ["admin", "reader"]}),
    )?;
    assert_eq!(changed["name"], "Анна");
    assert_eq!(changed["updated_at"], 1_767_225_605_000u64);
    assert_eq!(rt.call("users.get", "ann")?, changed);
    assert_eq!(code(rt.call("users.scopes", "ann")), "disabled");
    assert_eq!(rt.call("users.delete", &json!({"id": "ann"}))?, Value::Null);
    assert_eq!(rt.stored("users", "ann"), None);
    assert_eq!(code(rt.call("users.get", "ann")), "no_such_user");
    assert_eq!(code(rt.call("users.delete", "ann")), "no_such_user");
    let what = [
        ("users.created", "ann"),
        ("users.updated", "ann"),
        ("users.deleted", "ann"),
    ];
    assert_eq!(events(&rt), what);
    Ok(())
}

#[test]
fn an_id_is_made_up_and_none_is_there_twice() -> Result<(), Error> {
    let mut rt = started();
    let made = rt.call("users.create", "Bob")?["id"].as_str().unwrap().to_owned();
    assert_eq!(made.len(), 17);
    assert_eq!(
        code(rt.call("users.create", &json!({"id": made, "name": "Other"}))),
        "exists"
    );
    let by_place = json!({"args": ["Cid", ["admin"]], "kwargs": {"id": "cid"}});
    assert_eq!(rt.call("users.create", &by_place)?["roles"], json!(["admin"]));
    Ok(())
}

#[test]
fn scopes_are_those_of_all_roles_each_once() -> Result<(), Error> {
    let mut rt = started();
    let kids = json!({"role": "kids", "scopes": ["devices.read", "state.read", "devices.turn_on"]});
    assert_eq!(rt.call("users.set_role", &kids)?, kids);
    rt.call(
        "users.create",
        &json!({"id": "ann", "name": "Ann", "roles": ["kids", "reader"]}),
    )?;
    let scopes = [
        "devices.read",
        "devices.turn_on",
        "events.watch",
        "runtime.inspect",
        "state.read",
    ];
    assert_eq!(rt.call("users.scopes", "ann")?["scopes"], json!(scopes));
    assert_eq!(
        rt.call("users.scopes", "ann")?["created_at"],
        1_767_225_600_000u64
    );

    assert_eq!(code(rt.call("users.delete_role", "kids")), "in_use");
    assert_eq!(code(rt.call("users.delete_role", "reader")), "built_in");
    assert_eq!(code(rt.call("users.delete_role", "boss")), "no_such_role");
    // One of the settings is changed, and is as it was once the change is deleted.
    rt.call("users.set_role", &json!({"role": "reader", "scopes": []}))?;
    assert_eq!(
        rt.call("users.scopes", "ann")?["scopes"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    rt.call("users.delete_role", "reader")?;
    assert_eq!(
        rt.call("users.scopes", "ann")?["scopes"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    Ok(())
}

#[test]
fn roles_may_be_set() -> Result<(), Error> {
    let mut rt = TestRuntime::new();
    rt.add::<Users>(json!({"roles": {"owner": ["admin.*"]}, "max_users": 2}));
    rt.start()?;
    let roles = rt.call("users.list_roles", &json!({}))?;
    assert_eq!(
        roles,
        json!({"roles": [{"role": "owner", "scopes": ["admin.*"]}], "next": null})
    );
    for name in ["A", "B"] {
        rt.call("users.create", name)?;
    }
    assert_eq!(code(rt.call("users.create", "C")), "full");
    Ok(())
}

#[test]
fn settings_that_are_wrong_are_named() {
    for (settings, named) in [
        (json!({"roles": {"owner": ["admin"]}}), "\"admin\""),
        (json!({"roles": {"Owner": []}}), "\"Owner\""),
        (json!({"max_users": 0}), "max_users 0"),
        (json!({"max": 5}), "unknown field `max`"),
    ] {
        let mut rt = TestRuntime::new();
        rt.add::<Users>(settings);
        let error = rt.start().unwrap_err();
        assert_eq!(error.code(), "invalid_settings", "{error}");
        assert!(error.message().contains(named), "{error}");
    }
}

#[test]
fn lists_come_in_pages_with_everything_once() -> Result<(), Error> {
    let mut rt = started();
    for number in 0..250 {
        rt.call(
            "users.create",
            &json!({"id": format!("u{number:03}"), "name": "N"}),
        )?;
        rt.call(
            "users.set_role",
            &json!({"role": format!("r{number:03}"), "scopes": ["a.b"]}),
        )?;
    }
    for (service, key, id, all) in [
        ("users.list", "users", "id", 250),
        ("users.list_roles", "roles", "role", 252),
    ] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = rt.call(service, &json!({"after": after, "limit": 40}))?;
            seen.extend(page[key].as_array().unwrap().iter().map(|one| one[id].clone()));
            match page["next"].as_str() {
                Some(next) => after = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen.len(), all);
        assert!(seen.is_sorted_by(|a, b| a.as_str() < b.as_str()));
    }
    Ok(())
}

#[test]
fn a_page_of_large_rows_ends_early_and_fits_into_a_reply() -> Result<(), Error> {
    let mut rt = started();
    let scopes: Vec<String> = (0..64)
        .map(|number| format!("some.{}{number}", "x".repeat(110)))
        .collect();
    for number in 0..20 {
        rt.call(
            "users.set_role",
            &json!({"role": format!("r{number:02}"), "scopes": scopes}),
        )?;
    }
    let page = rt.call("users.list_roles", &json!({}))?;
    let count = page["roles"].as_array().unwrap().len();
    assert!((3..10).contains(&count), "{count}");
    assert!(page["next"].is_string());
    Ok(())
}

#[test]
fn what_was_made_is_there_after_a_restart_and_damage_is_left_out() -> Result<(), Error> {
    let mut rt = started();
    rt.call(
        "users.create",
        &json!({"id": "ann", "name": "Ann", "roles": ["reader"]}),
    )?;
    rt.call(
        "users.set_role",
        &json!({"role": "kids", "scopes": ["devices.read"]}),
    )?;
    rt.stop()?;
    rt.store("users", "bad", &json!({"id": "bad", "name": 5}));
    rt.store(
        "users",
        "mad",
        &json!({"id": "ann", "name": "Mad", "roles": ["admin"]}),
    );
    rt.store("users_roles", "worse", &json!([1]));
    rt.start()?;
    assert_eq!(rt.call("users.get", "ann")?["roles"], json!(["reader"]));
    assert_eq!(
        rt.call("users.list", &json!({}))?["users"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let roles = rt.call("users.list_roles", &json!({}))?;
    assert_eq!(
        roles["roles"][2],
        json!({"role": "reader", "scopes": ["runtime.inspect", "events.watch", "state.read"
        ]})
    );
    assert_eq!(roles["roles"][1]["role"], "kids");
    let errors = rt
        .logs()
        .iter()
        .filter(|(level, _)| *level == plugin_kit::log::Level::Error);
    let errors: Vec<_> = errors.map(|(_, text)| text.as_str()).collect();
    assert_eq!(errors.len(), 3, "{errors:?}");
    for named in ["\"bad\" in users", "\"mad\" in users", "\"worse\" in users_roles"] {
        assert!(
            errors.iter().any(|error| error.starts_with(named)),
            "{named}: {errors:?}"
        );
    }
    Ok(())
}

#[test]
fn users_of_the_python_original_are_taken_over_once() -> Result<(), Error> {
    let mut rt = TestRuntime::new();
    rt.store(
        "auth_users",
        "u-Home",
        &json!({
            "user_id": "u-Home", "username": "home", "scopes": ["devices.read", "devices.*", "*bad"],
            "is_admin": false, "created_at": 1_700_000_000.25, "password_hash": "$2b$12$abc", "password_set_at": 1.0,
        }),
    );
    let boss =
        json!({"user_id": "boss", "username": "Boss", "scopes": ["*"], "is_admin": true, "created_at": 1.5});
    rt.store("auth_users", "boss", &boss);
    rt.add::<Users>(());
    rt.start()?;
    let home = json!({
        "id": "u-Home", "name": "home", "roles": [], "scopes": ["devices.read", "devices.*"], "disabled": false,
        "created_at": 1_700_000_000_250u64, "updated_at": null,
    });
    assert_eq!(rt.call("users.get", "u-Home")?, home);
    assert_eq!(rt.stored("users", "u-Home").unwrap(), home);
    assert_eq!(rt.call("users.scopes", "boss")?["scopes"], json!(["admin.*"]));
    assert_eq!(
        rt.call("users.scopes", "u-Home")?["scopes"],
        json!(["devices.*", "devices.read"])
    );
    // One that is deleted does not come back.
    rt.call("users.delete", "boss")?;
    rt.stop()?;
    rt.start()?;
    assert_eq!(code(rt.call("users.get", "boss")), "no_such_user");
    assert_eq!(rt.call("users.get", "u-Home")?, home);
    Ok(())
}

/// A plugin that calls what somebody else says, as automations do.
macro_rules! deputy {
    ($plugin:ident, $name:literal) => {
        #[derive(Default)]
        struct $plugin;

        #[plugin(name = $name)]
        impl $plugin {
            #[service(".call")]
            async fn call(&mut self, cx: &Context, args: Args<Deed>) -> Result<(), Error> {
                let reply: Result<serde::de::IgnoredAny, Error> =
                    cx.call_value(&args.service, &args.args, None).await;
                reply.map(drop)
            }
        }
    };
}

deputy!(Deputy, "deputy");
deputy!(Manager, "manager");

#[derive(serde::Deserialize)]
struct Deed {
    service: String,
    args: Value,
}

impl Arguments for Deed {}

#[test]
fn plugins_look_and_only_those_that_may_change_anything() -> Result<(), Error> {
    let mut rt = TestRuntime::new();
    rt.add::<Users>(json!({"managers": ["manager"]}));
    rt.add::<Deputy>(());
    rt.add::<Manager>(());
    rt.start()?;
    rt.call("users.create", &json!({"id": "ann", "name": "Ann"}))?;
    rt.call("deputy.call", &json!({"service": "users.get", "args": "ann"}))?;
    let before = (rt.rows("users"), rt.rows("users_roles"));
    for (service, args) in [
        ("users.create", json!("Eve")),
        ("users.update", json!({"id": "ann", "roles": ["admin"]})),
        ("users.delete", json!("ann")),
        ("users.set_role", json!({"role": "reader", "scopes": ["admin.*"]})),
        ("users.delete_role", json!("reader")),
    ] {
        let deed = json!({"service": service, "args": args});
        let error = rt.call("deputy.call", &deed).unwrap_err();
        assert_eq!(error.code(), "denied");
        assert!(
            error
                .message()
                .starts_with(&format!("{service} is not for the plugin deputy")),
            "{error}"
        );
    }
    assert_eq!((rt.rows("users"), rt.rows("users_roles")), before);
    rt.call(
        "manager.call",
        &json!({"service": "users.update", "args": {"id": "ann", "roles": ["admin"]}}),
    )?;
    assert_eq!(rt.call("users.get", "ann")?["roles"], json!(["admin"]));
    Ok(())
}

#[test]
fn what_cannot_be_stored_has_not_happened() -> Result<(), Error> {
    let mut rt = started();
    rt.call(
        "users.set_role",
        &json!({"role": "kids", "scopes": ["devices.read"]}),
    )?;
    let ann = rt.call(
        "users.create",
        &json!({"id": "ann", "name": "Ann", "roles": ["kids"]}),
    )?;
    let spare = rt.call("users.set_role", &json!({"role": "spare", "scopes": []}))?;
    rt.take_published();
    rt.set_storage_full(true);
    for (service, args) in [
        ("users.create", json!("Bob")),
        ("users.update", json!({"id": "ann", "roles": ["admin"]})),
        ("users.delete", json!("ann")),
        ("users.set_role", json!({"role": "kids", "scopes": ["admin.*"]})),
        ("users.delete_role", json!("spare")),
    ] {
        assert_eq!(code(rt.call(service, &args)), "storage_full", "{service}");
    }
    assert_eq!(rt.published(), []);
    assert_eq!(rt.call("users.list", &json!({}))?["users"], json!([ann]));
    assert_eq!(rt.call("users.scopes", "ann")?["scopes"], json!(["devices.read"]));
    assert_eq!(rt.call("users.list_roles", &json!({}))?["roles"][3], spare);
    Ok(())
}

#[test]
fn bad_input_is_refused_and_nothing_changes() -> Result<(), Error> {
    let mut rt = started();
    rt.call(
        "users.set_role",
        &json!({"role": "kids", "scopes": ["devices.read"]}),
    )?;
    rt.call(
        "users.create",
        &json!({"id": "ann", "name": "Ann", "roles": ["kids"]}),
    )?;
    let (before, roles) = (rt.rows("users"), rt.rows("users_roles"));
    rt.take_published();
    let mut tried = 0;
    for service in Users::services() {
        for bad in bad_inputs(&service) {
            let error = match rt.call(service.name, &bad.args) {
                Err(error) => error,
                Ok(reply) => panic!("{} took {}: {}: {reply}", service.name, bad.what, bad.args),
            };
            let known = ["invalid_argument", "no_such_user", "no_such_role"].contains(&error.code());
            assert!(
                known && !error.message().is_empty(),
                "{}: {}: {error}",
                service.name,
                bad.what
            );
            tried += 1;
        }
    }
    println!("{tried} bad inputs were tried");
    assert!(tried > 400, "{tried}");
    assert_eq!((rt.rows("users"), rt.rows("users_roles")), (before, roles));
    assert_eq!(rt.published(), []);
    Ok(())
}
