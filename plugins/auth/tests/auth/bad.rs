//! Bad input to every service.

use auth::Auth;
use plugin_kit::schema::Described;
use plugin_kit::test::bad_inputs;
use serde_json::json;

use crate::home::{Home, PEER};

#[test]
fn bad_input_is_refused_and_nothing_changes() {
    let mut home = Home::new();
    home.user("ann", &["devices.read"]);
    home.ok(
        "auth.set_password",
        json!({"user": "ann", "password": "correct horse battery"}),
    );
    let (_, key) = home.key("ann", &["devices.read"]);
    let (before, mut tried) = (home.rt.rows("auth"), 0);
    for service in Auth::services() {
        for bad in bad_inputs(&service) {
            let error = match home.call(service.name, bad.args.clone()) {
                Err(error) => error,
                Ok(reply) => panic!("{} took {}: {}: {reply}", service.name, bad.what, bad.args),
            };
            let known = [
                "invalid_argument",
                "no_such_user",
                "no_such_key",
                "denied",
                "busy",
                "weak_password",
            ];
            assert!(
                known.contains(&error.code()),
                "{}: {}: {error}",
                service.name,
                bad.what
            );
            assert!(!error.message().is_empty());
            tried += 1;
        }
    }
    println!("{tried} bad inputs were tried");
    assert!(tried > 500, "{tried}");
    assert_eq!(home.rt.rows("auth"), before);
    home.check(&key, PEER).unwrap();
}
