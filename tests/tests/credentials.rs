//! A thousand clients at the TCP port of the real program, over TLS, whose keys are no good; and honest ones beside them.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use kernel_link::{Client, Framing, Reply, Request, ToClient, ToRuntime};
use link_dial::{Known, over_tls};
use serde_json::{Value, json};
use tests::runtime::Runtime;
use tokio::net::TcpSocket;
use tokio::task::LocalSet;
use tokio::time::timeout;

/// How many there are beside those whose keys have to expire first.
const ATTEMPTS: usize = 995;
/// How many of them are under way at a time.
const AT_A_TIME: usize = 8;
/// How long one client may take: far longer than any does.
const PATIENCE: Duration = Duration::from_secs(60);

struct House {
    runtime: Runtime,
    address: SocketAddr,
    known: PathBuf,
}

impl House {
    fn start() -> House {
        let mut runtime = Runtime::new().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let config = runtime.folder().join("runtime.toml");
        std::fs::write(&config, format!("[runtime]\ntcp = \"{address}\"\n")).unwrap();
        runtime.set_variable("RUNTIME_CONFIG", config);
        runtime.start_again().unwrap();
        let known = runtime.folder().join("known");
        House {
            runtime,
            address,
            known,
        }
    }

    fn owner(&self, service: &str, args: &Value) -> Value {
        let said = self.runtime.run(&format!("call {service} '{args}'")).unwrap();
        serde_json::from_str(&said).unwrap()
    }

    fn user(&self, name: &str) {
        self.owner("users.create", &json!({"id": name, "name": name}));
        self.owner(
            "users.set_role",
            &json!({"role": "looks", "scopes": ["runtime.inspect"]}),
        );
        self.owner("users.update", &json!({"id": name, "roles": ["looks"]}));
    }

    /// A new key of this user, and its number.
    fn key(&self, user: &str, more: &Value) -> (String, String) {
        let mut args = json!({"user": user, "name": "test", "scopes": ["runtime.inspect"]});
        args.as_object_mut()
            .unwrap()
            .extend(more.as_object().cloned().unwrap());
        let made = self.owner("auth.create_key", &args);
        let key = made["key"].as_str().unwrap().to_owned();
        (key.split('_').nth(1).unwrap().to_owned(), key)
    }

    /// How many credentials the audit log says were refused.
    fn refused(&self) -> u64 {
        let (mut count, mut after) = (0, Value::Null);
        loop {
            let page = self.owner("auth.audit", &json!({"after": after}));
            for entry in page["entries"].as_array().unwrap() {
                if let Some("key_refused" | "peer_blocked") = entry["what"].as_str() {
                    count += entry["count"].as_u64().unwrap();
                }
            }
            after = page["next"].clone();
            if after.is_null() {
                return count;
            }
        }
    }

    /// Comes in from the host 127.0.0.`host` with this key, and asks how the runtime is; the code of what it is refused.
    async fn come_in(&self, host: u8, key: &str) -> Result<(), String> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into()).unwrap();
        let stream = socket.connect(self.address).await.unwrap();
        let known = Known::at(&self.known);
        let line = over_tls(stream, &self.address.to_string(), &known).await.unwrap();
        let mut memory = vec![0; 64 * 1024];
        let mut client = Client::new(Framing::Stream, line.read, line.write, &mut memory).unwrap();
        // One that is closed before it has heard all has an answer to read.
        let _ = client.hello("test", 1, key).await;
        match client.next().await {
            Ok(ToClient::Hello { nonce: 1, .. }) => {}
            Ok(ToClient::Refused(why)) => return Err(why.code().to_owned()),
            other => panic!("no session: {other:?}"),
        }
        let health = ToRuntime::Request {
            id: 1,
            what: Request::Health,
        };
        client.send(&health).await.unwrap();
        match client.next().await {
            Ok(ToClient::Reply {
                id: 1,
                what: Reply::Health(_),
            }) => Ok(()),
            other => panic!("no answer: {other:?}"),
        }
    }
}

/// Keys that were good, by why they are not any more.
fn spoiled(house: &House) -> Vec<(&'static str, String)> {
    let mut spoiled = Vec::new();
    for user in ["bob", "cid"] {
        house.user(user);
    }
    let none = json!({});
    for _ in 0..3 {
        let (id, key) = house.key("ann", &none);
        house.owner("auth.revoke_key", &json!({"key_id": id}));
        spoiled.push(("revoked", key));
        let (id, key) = house.key("ann", &none);
        house.owner("auth.rotate_key", &json!({"key_id": id}));
        spoiled.push(("replayed after its rotation", key));
        spoiled.push(("of a disabled user", house.key("bob", &none).1));
        spoiled.push(("of a deleted user", house.key("cid", &none).1));
    }
    house.owner("users.update", &json!({"id": "bob", "disabled": true}));
    house.owner("users.delete", &json!({"id": "cid"}));
    spoiled
}

/// The attempt of this number: why its key is no good, and the key.
fn attempt(number: usize, honest: &str, spoiled: &[(&'static str, String)]) -> (&'static str, String) {
    let at = number / 4;
    match number % 4 {
        0 => spoiled[at % spoiled.len()].clone(),
        1 => ("truncated", honest[..1 + at % (honest.len() - 1)].to_owned()),
        2 => {
            let (mut wrong, last) = (honest.to_owned().into_bytes(), honest.len() - 1 - at % 60);
            wrong[last] = if wrong[last] == b'a' { b'b' } else { b'a' };
            ("with a wrong digit", String::from_utf8(wrong).unwrap())
        }
        _ => {
            let id = honest.split('_').nth(1).unwrap();
            ("made up", format!("crk_{id}_{number:064x}"))
        }
    }
}

#[test]
fn of_a_thousand_over_tls_none_gets_in_and_the_honest_do_not_notice() {
    let house = Rc::new(House::start());
    house.user("ann");
    let (_, honest) = house.key("ann", &json!({}));
    let short = json!({"expires_in_s": 60});
    let short: Vec<_> = (0..5).map(|_| house.key("ann", &short).1).collect();
    let expired_at = Instant::now() + Duration::from_secs(61);
    let spoiled = spoiled(&house);
    let reactor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let tasks = LocalSet::new();
    let left = Rc::new(Cell::new(AT_A_TIME));
    let answers = tasks.block_on(&reactor, async {
        let crowds: Vec<_> = (0..AT_A_TIME)
            .map(|first| {
                let (house, left, honest, spoiled) =
                    (house.clone(), left.clone(), honest.clone(), spoiled.clone());
                tokio::task::spawn_local(async move {
                    let mut answers = BTreeMap::new();
                    for number in (first..ATTEMPTS).step_by(AT_A_TIME) {
                        let (why, key) = attempt(number, &honest, &spoiled);
                        // From many hosts, so that not all are told to wait.
                        let host = 2 + (number % 200) as u8;
                        match timeout(PATIENCE, house.come_in(host, &key)).await.unwrap() {
                            Ok(()) => panic!("a key {why} got in: {key}"),
                            Err(code) => *answers.entry(code).or_insert(0) += 1,
                        }
                    }
                    left.set(left.get() - 1);
                    answers
                })
            })
            .collect();
        let mut visits = 0;
        while left.get() > 0 {
            let begun = Instant::now();
            timeout(PATIENCE, house.come_in(1, &honest))
                .await
                .unwrap()
                .unwrap();
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "an honest client waited"
            );
            visits += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(visits > 10, "{visits} honest visits");
        let mut all: BTreeMap<String, usize> = BTreeMap::new();
        tokio::time::sleep_until(expired_at.into()).await;
        for (host, key) in (202..).zip(&short) {
            let code = house.come_in(host, key).await.expect_err("an expired key got in");
            *all.entry(code).or_default() += 1;
        }
        for crowd in crowds {
            for (code, count) in crowd.await.unwrap() {
                *all.entry(code).or_default() += count;
            }
        }
        all
    });
    println!("{answers:?}");
    assert_eq!(answers.values().sum::<usize>(), 1_000, "{answers:?}");
    // All are answered alike, those of a host with too many attempts by that.
    assert!(
        answers.keys().all(|code| code == "denied" || code == "busy"),
        "{answers:?}"
    );
    assert!(answers["denied"] >= 100, "{answers:?}");
    // Each is in the audit log, which is written in the background.
    let begun = Instant::now();
    loop {
        let logged = house.refused();
        if logged == 1_000 {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(100),
            "{logged} are in the audit log"
        );
        std::thread::sleep(Duration::from_secs(1));
    }
}
