//! One runtime alone runs a singleton; another one does when it dies or is held up; and none that was is let write.

use std::collections::BTreeMap;
use std::thread;
use std::time::Instant;

use async_nats::HeaderMap;
use async_nats::header::NATS_EXPECTED_LAST_SEQUENCE;
use futures_util::StreamExt as _;
use rustix::process::Signal;
use serde_json::Value;
use tests::deep::rounds;
use tests::nats::NatsServer;

use crate::support::{Member, until};

const SETTINGS: &str = "heartbeat_ms = 500\nlease_ms = 2000\nreplicas = 3\n";
const SINGLETON: &str = "[plugins.worker]\nsingleton = true\n[plugins.worker.settings]\nwrites = true\n";

/// A write that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Write {
    revision: u64,
    token: u64,
    key: String,
    value: u64,
}

fn writes(members: &[Member]) -> Vec<Write> {
    let mut all = Vec::new();
    for member in members {
        for line in member.notes("worker").lines() {
            let words: Vec<&str> = line.split(' ').collect();
            if let ["wrote", revision, token, key, value] = words[..] {
                all.push(Write {
                    revision: revision.parse().unwrap(),
                    token: token.parse().unwrap(),
                    key: key.to_owned(),
                    value: value.parse().unwrap(),
                });
            }
        }
    }
    all.sort();
    all
}

/// The member that holds the lease and its token.
fn holder(members: &[Member], besides: Option<usize>) -> Option<(usize, u64)> {
    for (index, member) in members.iter().enumerate() {
        if Some(index) == besides || member.runtime.pid().is_none() {
            continue;
        }
        let lease = member.status()["singletons"]["worker"].clone();
        if lease["held"] == true {
            return Some((index, lease["token"].as_u64().unwrap()));
        }
    }
    None
}

#[test]
fn a_singleton_has_one_holder_whoever_dies_and_nothing_acknowledged_is_lost() {
    let mut servers = NatsServer::three().unwrap();
    let urls: Vec<String> = servers.iter().map(NatsServer::url).collect();
    let begun = Instant::now();
    let mut members: Vec<Member> = thread::scope(|scope| {
        let starting = ["kitchen", "hall", "attic"].map(|name| {
            let urls = &urls;
            scope.spawn(move || {
                let mut member = Member::start(name, urls, SETTINGS, "");
                member.install("worker");
                member.runtime.terminate().unwrap();
                member.configure(urls, SETTINGS, SINGLETON);
                member.runtime.start_again().unwrap();
                member
            })
        });
        starting
            .into_iter()
            .map(|starting| starting.join().unwrap())
            .collect()
    });
    println!("cluster: three runtimes are there after {:?}", begun.elapsed());
    let mut took = Vec::new();
    let mut last = 0;
    for round in 0..rounds(4, 60) {
        let (index, token) = until("somebody has the lease", || holder(&members, None));
        assert!(token > last, "token {token} after {last}");
        until("it writes", || {
            let writes = writes(&members);
            (writes.iter().filter(|write| write.token == token).count() > 50).then_some(())
        });
        last = token;
        // Of four rounds the second and the fourth stop the holder, as a network that is cut does, in place of
        // killing it; each second one has a server die as well.
        let stops = round % 2 == 1;
        let server = (round % 4 == 2 || round % 4 == 3).then_some(round as usize % 3);
        let begun = Instant::now();
        members[index].signal(if stops { Signal::STOP } else { Signal::KILL });
        if let Some(server) = server {
            servers[server].kill();
        }
        let (next, token) = until("another one has the lease", || holder(&members[..], Some(index)));
        assert_ne!(next, index);
        let first = until("it writes", || {
            writes(&members).into_iter().find(|write| write.token == token)
        });
        took.push(begun.elapsed());
        if stops {
            members[index].signal(Signal::CONT);
            until("the one that was stopped knows", || {
                (members[index].status()["singletons"]["worker"]["held"] == false).then_some(())
            });
        } else {
            members[index].runtime.start_again().unwrap();
        }
        if let Some(server) = server {
            servers[server].start().unwrap();
        }
        // What the old holder had in hand would say the last message that it knew of.
        refused(&urls, first.revision - 1);
    }
    until("somebody has the lease", || holder(&members, None));
    let all = writes(&members);
    // As the servers have them: never one of a holder after one of a later holder.
    let backwards: Vec<_> = all.windows(2).filter(|two| two[0].token > two[1].token).collect();
    assert!(backwards.is_empty(), "{backwards:?}");
    let stored = stored(&urls);
    let lost: Vec<_> = all
        .iter()
        .filter(|write| stored.get(&write.key) != Some(&write.value))
        .collect();
    took.sort();
    println!(
        "cluster: {} takeovers with a lease of 2 s, from the signal to the first write: {took:?}; {} writes acknowledged, {} lost, \
         {} by an old holder",
        took.len(),
        all.len(),
        lost.len(),
        backwards.len()
    );
    assert!(lost.is_empty(), "{lost:?}");
    // Ended well it gives the lease back.
    let (index, _) = until("somebody has the lease", || holder(&members, None));
    let begun = Instant::now();
    assert_eq!(members[index].runtime.terminate().unwrap(), Some(0));
    until("another one has the lease", || holder(&members, Some(index)));
    println!(
        "cluster: a lease that was given back is another one's after {:?}",
        begun.elapsed()
    );
}

/// A write that names an older message than the last one is refused by the servers.
fn refused(urls: &[String], older: u64) {
    let outcome = with_nats(urls, async |client| {
        let jetstream = async_nats::jetstream::new(client);
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, older.to_string());
        let sent = jetstream.publish_with_headers("$KV.core-home-worker.data.old", headers, "1".into());
        sent.await
            .unwrap()
            .await
            .map(|acknowledged| acknowledged.sequence)
    });
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("wrong last sequence"), "{error}");
}

/// What is in the store.
fn stored(urls: &[String]) -> BTreeMap<String, u64> {
    with_nats(urls, async |client| {
        let jetstream = async_nats::jetstream::new(client);
        let store = jetstream.get_key_value("core-home-worker").await.unwrap();
        let mut found = BTreeMap::new();
        let mut all = store.watch_all_from_revision(1).await.unwrap();
        while let Some(entry) = all.next().await {
            let entry = entry.unwrap();
            let value: Value = serde_json::from_slice(&entry.value).unwrap();
            if let Some(key) = entry.key.strip_prefix("data.") {
                found.insert(key.to_owned(), value.as_u64().unwrap());
            }
            if entry.delta == 0 {
                break;
            }
        }
        found
    })
}

fn with_nats<R>(urls: &[String], todo: impl AsyncFn(async_nats::Client) -> R) -> R {
    let reactor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    reactor.block_on(async {
        let client = async_nats::ConnectOptions::new().connect(urls).await.unwrap();
        todo(client).await
    })
}
