//! Passwords and sessions.

use std::future::Future;
use std::time::Duration;

use serde_json::{Value, json};

use crate::home::{Home, PEER, text};

const PASSWORD: &str = "correct horse battery";

fn with_password() -> Home {
    with_password_and(json!({}))
}

fn with_password_and(settings: Value) -> Home {
    let mut home = Home::with(settings);
    home.user("ann", &["devices.*"]);
    assert_eq!(
        home.ok("auth.set_password", json!({"user": "ann", "password": PASSWORD})),
        Value::Null
    );
    home
}

fn login(home: &mut Home, password: &str) -> String {
    text(
        &home.ok(
            "auth.login",
            json!({"user": "ann", "password": password, "peer": PEER}),
        )["token"],
    )
}

#[test]
fn a_password_begins_a_session_with_all_that_its_user_may() {
    let mut home = with_password();
    let begun = home.ok(
        "auth.login",
        json!({"user": "ann", "password": PASSWORD, "peer": PEER}),
    );
    assert_eq!(
        (begun["subject"].as_str(), begun["expires_in_ms"].as_u64()),
        (Some("ann"), Some(43_200_000))
    );
    let token = text(&begun["token"]);
    let pass = home.check(&token, PEER).unwrap();
    assert_eq!(
        (&pass["subject"], &pass["scopes"]),
        (&json!("ann"), &json!(["devices.*"]))
    );
    assert_eq!(home.ok("auth.logout", json!({"token": token})), Value::Null);
    assert_eq!(home.check(&token, PEER).unwrap_err().code(), "denied");
    assert_eq!(home.code("auth.logout", json!({"token": token})), "denied");
    assert!(!home.traces().contains(&token[21..]));
    assert!(!home.traces().contains(PASSWORD));
}

#[test]
fn a_session_ends_by_time_by_another_password_and_with_the_runtime() {
    let mut home = with_password();
    let token = login(&mut home, PASSWORD);
    home.rt.advance(Duration::from_secs(43_199)).unwrap();
    assert_eq!(home.check(&token, PEER).unwrap()["expires_in_ms"], 1_000);
    // The time of day does not make it longer.
    home.rt.set_time(Duration::from_secs(1_767_225_600));
    home.rt.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(home.check(&token, PEER).unwrap_err().code(), "denied");

    let token = login(&mut home, PASSWORD);
    home.ok(
        "auth.set_password",
        json!({"user": "ann", "password": "another horse battery"}),
    );
    assert_eq!(home.check(&token, PEER).unwrap_err().code(), "denied");
    assert_eq!(
        home.code("auth.login", json!({"user": "ann", "password": PASSWORD})),
        "denied"
    );

    let token = login(&mut home, "another horse battery");
    home.restart();
    assert_eq!(home.check(&token, PEER).unwrap_err().code(), "denied");
    login(&mut home, "another horse battery");
}

#[test]
fn whatever_is_wrong_the_answer_is_the_same() {
    let mut home = with_password();
    home.user("bob", &["devices.*"]);
    home.user("cid", &["devices.*"]);
    home.ok("auth.set_password", json!({"user": "cid", "password": PASSWORD}));
    home.ok("users.update", json!({"id": "cid", "disabled": true}));
    let mut answers = Vec::new();
    for (user, password) in [
        ("ann", "wrong horse battery"),
        ("bob", PASSWORD),
        ("cid", PASSWORD),
        ("dan", PASSWORD),
        ("", ""),
    ] {
        answers.push(
            home.call("auth.login", json!({"user": user, "password": password}))
                .unwrap_err(),
        );
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!(
        (answers[0].code(), answers[0].message()),
        ("denied", "the user or the password is wrong")
    );
}

#[test]
fn a_weak_password_is_refused_and_the_old_one_stays() {
    let mut home = with_password();
    for weak in ["short", "1234567890", "The user ann", "the user ann!!"] {
        let error = home
            .call("auth.set_password", json!({"user": "ann", "password": weak}))
            .unwrap_err();
        assert_eq!(error.code(), "weak_password");
        assert!(!error.message().contains(weak));
    }
    let error = home
        .call(
            "auth.set_password",
            json!({"user": "ann", "password": 1234567890123u64}),
        )
        .unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        ("invalid_argument", "password: text is wanted")
    );
    assert_eq!(
        home.code("auth.set_password", json!({"user": "eve", "password": PASSWORD})),
        "no_such_user"
    );
    login(&mut home, PASSWORD);
}

#[test]
fn attempts_at_a_password_are_limited_wherever_they_come_from() {
    let mut home = with_password();
    for attempt in 0..10 {
        let args = json!({"user": "ann", "password": format!("wrong {attempt}"), "peer": format!("198.51.100.{attempt}:1")});
        assert_eq!(home.code("auth.login", args), "denied");
    }
    let right = json!({"user": "ann", "password": PASSWORD, "peer": PEER});
    assert_eq!(home.code("auth.login", right.clone()), "busy");
    // Keys and sessions of others are checked meanwhile, and so is the password once some time went by.
    home.rt.advance(Duration::from_secs(7)).unwrap();
    for _ in 0..20 {
        let token = text(&home.ok("auth.login", right.clone())["token"]);
        home.check(&token, PEER).unwrap();
    }
}

#[test]
fn of_many_at_once_some_are_refused_as_busy_and_the_others_answered() {
    let mut home = with_password_and(json!({"attempts_per_peer": 1000}));
    let services = home.rt.runtime().services();
    let args = format!(r#"{{"user": "ann", "password": "{PASSWORD}"}}"#);
    let args = plugin_kit::kernel_core::Json::parse(&args).unwrap();
    let mut bufs = vec![[0; 512]; 24];
    let mut calls: Vec<_> = bufs
        .iter_mut()
        .map(|buf| Box::pin(services.call("auth.login", args, buf)))
        .collect();
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    let mut answers = Vec::new();
    for _ in 0..3 {
        calls.retain_mut(|call| match call.as_mut().poll(&mut task) {
            std::task::Poll::Ready(answer) => {
                answers.push(answer.map_or_else(|error| error.code().to_owned(), |_| String::new()));
                false
            }
            std::task::Poll::Pending => true,
        });
        // Lets the plugins and their threads do what there is to do.
        let _ = home.rt.publish("nothing", &());
    }
    assert_eq!(calls.len(), 0);
    let good = answers.iter().filter(|code| code.is_empty()).count();
    let busy = answers.iter().filter(|code| *code == "busy").count();
    // Two at work and eight that wait; some may be done before the last ones ask.
    assert!(good >= 10 && busy >= 1 && good + busy == 24, "{answers:?}");
}

#[test]
fn a_row_that_is_damaged_costs_its_own_password_alone() {
    let mut home = with_password();
    home.user("bob", &["devices.*"]);
    home.ok("auth.set_password", json!({"user": "bob", "password": PASSWORD}));
    let mut row = home.rt.stored("auth", "password:bob").unwrap();
    row["hashed"]["memory_kib"] = json!(4_000_000_000u32);
    home.rt.stop().unwrap();
    home.rt.store("auth", "password:bob", &row);
    home.rt.start().unwrap();
    assert_eq!(
        home.code("auth.login", json!({"user": "bob", "password": PASSWORD})),
        "denied"
    );
    login(&mut home, PASSWORD);
    assert!(
        home.rt
            .logs()
            .iter()
            .any(|(_, text)| text.contains("\"password:bob\""))
    );
}
