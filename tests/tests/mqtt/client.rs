//! The client alone, with a real broker.

use std::time::Duration;

use mqtt_client::{Client, Happened, Incoming, Message, Options, PublishError, Qos, Version, connect};
use tests::mqtt::Broker;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

async fn next(incoming: &mut Incoming) -> Happened {
    let next = tokio::time::timeout(Duration::from_secs(30), incoming.next()).await;
    next.expect("something happens").expect("it is open")
}

async fn message(incoming: &mut Incoming) -> Message {
    loop {
        if let Happened::Message(message) = next(incoming).await {
            return message;
        }
    }
}

fn clients(broker: &Broker) -> impl Iterator<Item = (Version, Client, Incoming)> {
    [Version::V5, Version::V3].into_iter().map(|version| {
        let mut options = Options::new(broker.address());
        options.version = version;
        options.will = Some(Message::new("left", "").with_qos(Qos::AtLeastOnce));
        let (client, incoming) = connect(options).unwrap();
        (version, client, incoming)
    })
}

#[test]
fn what_is_unsubscribed_from_does_not_come_and_who_leaves_says_so() {
    let broker = Broker::start().unwrap();
    for (version, client, mut incoming) in clients(&broker) {
        runtime().block_on(async {
            client.subscribe("a/+", Qos::ExactlyOnce).unwrap();
            client.subscribe("b", Qos::AtMostOnce).unwrap();
            let send = |topic: &str| {
                client
                    .publish(Message::new(topic, "x").with_qos(Qos::ExactlyOnce))
                    .unwrap()
            };
            send("a/1");
            let first = message(&mut incoming).await;
            assert_eq!((first.topic.as_str(), first.qos), ("a/1", Qos::ExactlyOnce));
            client.unsubscribe("a/+");
            client.unsubscribe("never/known");
            send("a/2");
            send("b");
            let second = message(&mut incoming).await;
            assert_eq!((second.topic.as_str(), second.qos), ("b", Qos::AtMostOnce));
            // With 5 the broker does not send back what it is asked not to.
            client.subscribe_to_others("d", Qos::AtLeastOnce).unwrap();
            client.subscribe("c", Qos::AtMostOnce).unwrap();
            send("d");
            send("c");
            let third = message(&mut incoming).await.topic;
            assert_eq!(third, if version == Version::V5 { "c" } else { "d" });

            let listener = broker
                .begin("mosquitto_sub", &["-t", "left", "-C", "1", "-W", "30", "-v"])
                .unwrap();
            // A subscription has no sign of its own.
            tokio::time::sleep(Duration::from_millis(500)).await;
            client.close(Duration::from_secs(10)).await;
            let heard = listener.wait_with_output().unwrap();
            assert_eq!(String::from_utf8_lossy(&heard.stdout), "left (null)\n");
            let late = client.publish_acknowledged(Message::new("a/3", "")).await;
            assert_eq!(late, Err(PublishError::Closed));
            while incoming.next().await.is_some() {}
        });
        let counters = client.counters();
        assert_eq!(
            (counters.connected, counters.in_flight, counters.dropped),
            (false, 0, 0),
            "{counters:?}"
        );
    }
}

#[test]
fn what_the_broker_refuses_is_told_to_who_asked_and_counted() {
    let mut broker = Broker::new("allow_anonymous true\nacl_file FOLDER/acl\n").unwrap();
    std::fs::write(broker.folder().join("acl"), "topic read open\n").unwrap();
    broker.start_again().unwrap();
    let (_, client, mut incoming) = clients(&broker).next().unwrap();
    runtime().block_on(async {
        let refused = client
            .publish_acknowledged(Message::new("closed", "x").with_qos(Qos::AtLeastOnce))
            .await;
        assert!(
            matches!(&refused, Err(PublishError::Refused(why)) if why.contains("NotAuthorized")),
            "{refused:?}"
        );
        let bad = client.publish(Message::new("a/#", ""));
        assert!(
            matches!(&bad, Err(PublishError::Topic(topic)) if topic == "a/#"),
            "{bad:?}"
        );
        // Nothing listens here.
        client.subscribe("$share/x", Qos::AtMostOnce).unwrap();
        client.subscribe("open", Qos::AtMostOnce).unwrap();
        let told = loop {
            match next(&mut incoming).await {
                Happened::Connected { .. } => {}
                other => break other,
            }
        };
        let text = format!("{told:?}");
        assert!(
            text.contains("$share/x") || matches!(told, Happened::Disconnected(_)),
            "{text}"
        );
    });
    assert_eq!(client.counters().refused, 1);
}

#[test]
fn a_session_goes_on_and_what_was_not_taken_comes_again() {
    let broker = Broker::start().unwrap();
    for version in [Version::V5, Version::V3] {
        let options = || {
            let mut options = Options::new(broker.address());
            options.version = version;
            options.client_id = Some(format!("the same of {version:?}"));
            options.clean_start = false;
            options
        };
        let (client, mut incoming) = connect(options()).unwrap();
        client.subscribe("kept", Qos::AtLeastOnce).unwrap();
        runtime().block_on(async {
            for text in ["one", "two"] {
                client
                    .publish_acknowledged(Message::new("kept", text).with_qos(Qos::AtLeastOnce))
                    .await
                    .unwrap();
            }
            // It is acknowledged when the next one is asked for, which does not happen.
            assert_eq!(message(&mut incoming).await.payload, b"one");
            client.close(Duration::from_secs(10)).await;
        });
        let (again, mut rest) = connect(options()).unwrap();
        runtime().block_on(async {
            assert_eq!(message(&mut rest).await.payload, b"one");
            assert_eq!(message(&mut rest).await.payload, b"two");
        });
        assert_eq!(again.counters().duplicates, 2);
        runtime().block_on(again.close(Duration::from_secs(10)));
    }
}
