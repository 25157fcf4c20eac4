//! What joins many runtimes: twenty at one server, which is the short form of the program `scale`, and the ways of NATS
//! that the page on scale names.

use std::time::Duration;

use async_nats::{Client, ConnectOptions};
use futures_util::StreamExt as _;
use tests::nats::{NatsServer, free_port};
use tests::scale::Scale;

#[test]
fn twenty_runtimes_share_a_server_and_lose_nothing() {
    let scale = Scale {
        binary: tests::binary("host-std", "dev").unwrap(),
        runtimes: 20,
        together: 4,
        plugins: vec!["example".to_owned()],
        storage: true,
        time: Duration::from_secs(2),
    };
    let found = scale.run().unwrap();
    println!("{found:?}");
    assert!(found.published > 100, "so few are no load: {}", found.published);
    assert_eq!(found.arrived, found.published);
    // A leak of threads or memory would be far above.
    assert!(found.private < 64.0 * 1024.0, "{} KiB each", found.private);
}

fn reactor() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

async fn login(server: &NatsServer, user: &str) -> Client {
    let options = ConnectOptions::with_user_and_password(user.to_owned(), "secret".to_owned());
    options.connect(server.url()).await.unwrap()
}

/// Publishes until it is heard: a subscription takes its time from server to server.
async fn is_heard(from: &Client, to: &Client, subject: &'static str, as_subject: &'static str) {
    let mut heard = to.subscribe(as_subject).await.unwrap();
    to.flush().await.unwrap();
    let publish = async {
        loop {
            from.publish(subject, "1".into()).await.unwrap();
            from.flush().await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        message = heard.next() => assert_eq!(message.unwrap().subject.as_str(), as_subject),
        () = publish => {}
        () = tokio::time::sleep(Duration::from_secs(60)) => panic!("{subject} is never heard as {as_subject}"),
    }
}

#[test]
fn a_centre_sees_what_a_home_exports_and_homes_do_not_see_each_other() {
    let page = include_str!("../../docs/scale.md");
    let (_, block) = page.split_once("```text\naccounts {").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let block = block.replace("$HOME_17", "secret").replace("$CENTRE", "secret");
    let more = "home-18: { users: [ { user: home-18, password: secret } ] }";
    let server = NatsServer::alone(&format!("accounts {{\n{more}\n{block}")).unwrap();
    reactor().block_on(async {
        let home = login(&server, "home-17").await;
        let other = login(&server, "home-18").await;
        let centre = login(&server, "centre").await;
        let mut strange = other.subscribe(">").await.unwrap();
        other.flush().await.unwrap();
        let shared = "core.home.event.kitchen.alarm.smoke";
        is_heard(&home, &centre, shared, "h17.core.home.event.kitchen.alarm.smoke").await;
        let mut kept = centre.subscribe("h17.>").await.unwrap();
        centre.flush().await.unwrap();
        // Until it is heard: a server takes an account's new subscription over to others a little later.
        let publish = async {
            loop {
                for (subject, payload) in [("core.home.event.kitchen.sensor.door", "1"), (shared, "2")] {
                    home.publish(subject, payload.into()).await.unwrap();
                }
                home.flush().await.unwrap();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        // What was said before it would have come before it.
        let first = tokio::time::timeout(Duration::from_secs(60), async {
            loop {
                let message = kept.next().await.unwrap();
                assert!(message.subject.ends_with("alarm.smoke"), "{}", message.subject);
                if message.payload == "2" {
                    return;
                }
            }
        });
        tokio::select! {
            () = publish => {}
            done = first => done.unwrap(),
        }
        let heard = tokio::time::timeout(Duration::from_millis(300), strange.next()).await;
        assert!(heard.is_err(), "{heard:?}");
    });
}

#[test]
fn a_leaf_node_passes_on_what_is_asked_for_and_has_its_own_storage() {
    let port = free_port().unwrap();
    let hub = NatsServer::alone(&format!("leafnodes {{ listen: \"127.0.0.1:{port}\" }}")).unwrap();
    let remote = format!("leafnodes {{ remotes: [ {{ url: \"nats-leaf://127.0.0.1:{port}\" }} ] }}");
    let leaf = NatsServer::alone(&format!("{remote}\nserver_name: leaf-1")).unwrap();
    reactor().block_on(async {
        let there = async_nats::connect(hub.url()).await.unwrap();
        let here = async_nats::connect(leaf.url()).await.unwrap();
        let subject = "core.home.event.attic.alarm.smoke";
        is_heard(&here, &there, subject, subject).await;
        is_heard(&there, &here, subject, subject).await;
    });
}

#[test]
fn two_regions_are_joined_by_gateways() {
    let (east, west) = (free_port().unwrap(), free_port().unwrap());
    let gateway = |name: &str, port: u16, other: &str, other_port: u16| {
        format!(
            "gateway {{ name: {name}, listen: \"127.0.0.1:{port}\", \
             gateways: [ {{ name: {other}, url: \"nats://127.0.0.1:{other_port}\" }} ] }}\n\
             server_name: {name}-1\njetstream: disabled"
        )
    };
    let first = NatsServer::alone(&gateway("east", east, "west", west)).unwrap();
    let second = NatsServer::alone(&gateway("west", west, "east", east)).unwrap();
    reactor().block_on(async {
        let here = async_nats::connect(first.url()).await.unwrap();
        let there = async_nats::connect(second.url()).await.unwrap();
        let subject = "core.home.event.attic.alarm.smoke";
        is_heard(&here, &there, subject, subject).await;
        is_heard(&there, &here, subject, subject).await;
    });
}
