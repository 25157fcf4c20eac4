//! Credentials that are no good, in numbers.

use std::future::Future;
use std::time::Duration;

use serde_json::{Value, json};

use crate::home::{Home, PEER, text};

/// A generator of numbers, so that a failure comes again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Keys and tokens that were good and are not, by why they are not.
fn spoiled(home: &mut Home) -> Vec<(&'static str, String)> {
    let mut spoiled = Vec::new();
    for _ in 0..3 {
        let (id, key) = home.key("ann", &["devices.read"]);
        home.ok("auth.revoke_key", json!({"key_id": id}));
        spoiled.push(("revoked", key));
        let (id, key) = home.key("ann", &["devices.read"]);
        home.ok("auth.rotate_key", json!({"key_id": id}));
        spoiled.push(("replayed after its rotation", key));
        spoiled.push(("of a disabled user", home.key("bob", &["devices.read"]).1));
        spoiled.push(("of a deleted user", home.key("cid", &["devices.read"]).1));
        let short = json!({"user": "ann", "name": "k", "scopes": ["devices.read"], "expires_in_s": 60});
        spoiled.push(("expired", text(&home.ok("auth.create_key", short)["key"])));
        let login = json!({"user": "ann", "password": "correct horse battery"});
        let token = text(&home.ok("auth.login", login)["token"]);
        home.ok("auth.logout", json!({"token": token}));
        spoiled.push(("replayed after its logout", token));
    }
    home.ok("users.update", json!({"id": "bob", "disabled": true}));
    home.ok("users.delete", json!({"id": "cid"}));
    home.rt.advance(Duration::from_secs(61)).unwrap();
    spoiled
}

#[test]
fn of_a_thousand_bad_credentials_none_gets_in_and_the_honest_do_not_notice() {
    let mut home = Home::new();
    for user in ["ann", "bob", "cid"] {
        home.user(user, &["devices.read"]);
    }
    home.ok(
        "auth.set_password",
        json!({"user": "ann", "password": "correct horse battery"}),
    );
    let (key_id, honest) = home.key("ann", &["devices.read"]);
    let spoiled = spoiled(&mut home);
    let (mut random, mut answers) = (Random(0x5eed), std::collections::BTreeMap::new());
    for number in 0..1_000 {
        let (why, bad) = match number % 4 {
            0 => spoiled[random.below(spoiled.len())].clone(),
            1 => ("truncated", honest[..random.below(honest.len())].to_owned()),
            2 => {
                let (mut wrong, at) = (honest.clone().into_bytes(), 21 + random.below(64));
                wrong[at] = if wrong[at] == b'a' { b'b' } else { b'a' };
                ("with a wrong digit", String::from_utf8(wrong).unwrap())
            }
            _ => {
                let half = |random: &mut Random| format!("{:016x}", random.next());
                let secret: String = (0..4).map(|_| half(&mut random)).collect();
                ("made up", format!("crk_{key_id}_{secret}"))
            }
        };
        let peer = format!("198.51.100.{}:{}", random.below(200), random.below(60_000));
        match home.check(&bad, &peer) {
            Ok(pass) => panic!("{why}: {bad} got in: {pass}"),
            Err(error) => {
                *answers
                    .entry((error.code().to_owned(), error.message().to_owned()))
                    .or_insert(0) += 1
            }
        }
        assert_eq!(
            home.check(&honest, PEER).unwrap()["key_id"],
            json!(key_id),
            "after {number}"
        );
        home.rt.advance(Duration::from_millis(20)).unwrap();
    }
    // All are answered alike, the many after some as busy.
    let answers: Vec<_> = answers.into_iter().collect();
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!(answers[0].0.0, "busy");
    assert_eq!(
        answers[1].0,
        ("denied".to_owned(), "the key is not good".to_owned())
    );
    assert!(answers[1].1 >= 300, "{answers:?}");
    home.rt.advance(Duration::from_secs(90)).unwrap();
    let logged: u64 = home
        .rt
        .rows("auth_audit")
        .values()
        .map(|row| match row["what"].as_str() {
            Some("key_refused" | "peer_blocked") => row["count"].as_u64().unwrap(),
            _ => 0,
        })
        .sum();
    assert_eq!(logged, 1_000);
    let whys: std::collections::BTreeSet<String> = home
        .rt
        .rows("auth_audit")
        .values()
        .map(|row| text(&row["detail"]))
        .collect();
    for why in ["another secret", "revoked", "expired", "unknown"] {
        assert!(whys.contains(why), "{whys:?}");
    }
    let traces = home.traces();
    assert!(spoiled.iter().all(|(_, key)| !traces.contains(&key[21..])) && !traces.contains(&honest[21..]));
}

#[test]
fn a_peer_with_too_many_wrong_attempts_waits_whatever_it_shows() {
    let mut home = Home::new();
    home.user("ann", &["devices.read"]);
    let (_, key) = home.key("ann", &["devices.read"]);
    for port in 0..10 {
        let error = home
            .check("crk_nonsense", &format!("[2001:db8:0:1::{port}]:{port}"))
            .unwrap_err();
        assert_eq!(error.code(), "denied");
    }
    // Neither another port nor another address of the same site, nor a key that is good.
    assert_eq!(
        home.check("crk_nonsense", "[2001:db8:0:1:9::9]:9")
            .unwrap_err()
            .code(),
        "busy"
    );
    assert_eq!(
        home.check(&key, "[2001:db8:0:1::1]:4711").unwrap_err().code(),
        "busy"
    );
    home.check(&key, "[2001:db8:0:2::1]:4711").unwrap();
    home.check(&key, PEER).unwrap();
    home.rt.advance(Duration::from_secs(7)).unwrap();
    home.check(&key, "[2001:db8:0:1::1]:4711").unwrap();
    // Good ones cost nothing.
    for _ in 0..100 {
        home.check(&key, "[2001:db8:0:1::1]:4711").unwrap();
    }
}

#[test]
fn without_users_nothing_is_allowed() {
    let mut home = Home::new();
    home.user("ann", &["devices.read"]);
    let (key_id, key) = home.key("ann", &["devices.read"]);
    let plugins = home.rt.runtime().plugins();
    let mut stopping = Box::pin(plugins.stop("users"));
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(stopping.as_mut().poll(&mut task).is_pending());
    // Lets the plugins do what there is to do.
    home.rt.publish("nothing", &()).unwrap();
    assert!(stopping.as_mut().poll(&mut task).is_ready());
    assert_eq!(home.check(&key, PEER).unwrap_err().code(), "unavailable");
    assert_eq!(
        home.check("crk_nonsense", PEER).unwrap_err().code(),
        "unavailable"
    );
    let allow = json!({"subject": "ann", "key_id": key_id, "service": "devices.get", "args": Value::Null});
    assert_eq!(home.code("access.allow", allow), "unavailable");
    home.rt.start().unwrap();
    home.check(&key, PEER).unwrap();
}
