//! Messages a second through the bridge, beside the same client without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use host_std::block_on;
use kernel_core::{Json, Overflow};
use mqtt::Mqtt;
use mqtt_client::{Client, Happened, Message, Options, Qos};
use plugin_kit::prelude::*;
use tests::mqtt::Broker;

use crate::killed::{call, host};
use crate::support::until;

const MESSAGES: u64 = 20_000;
/// The bridge against the client alone, at the least; measured optimized.
const LEAST: f64 = 0.6;

static HEARD: AtomicU64 = AtomicU64::new(0);

/// Hears what the bridge publishes.
#[derive(Default)]
struct Counter;

#[plugin(name = "counter", overflow = Overflow::Block)]
impl Counter {
    #[on("in.*")]
    fn heard(&mut self) -> Result<(), Error> {
        HEARD.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn client(broker: &Broker, heard: Arc<AtomicU64>) -> Client {
    let mut options = Options::new(broker.address());
    options.queue = 100_000;
    let client = mqtt_client::serve(options, async move |mut incoming| {
        while let Some(happened) = incoming.next().await {
            if let Happened::Message(_) = happened {
                heard.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let client = client.unwrap();
    until("it is connected", || client.counters().connected.then_some(()));
    client
}

fn rate(begun: Instant) -> f64 {
    MESSAGES as f64 / begun.elapsed().as_secs_f64()
}

/// Waits without much of a pause.
fn until_counted(count: impl Fn() -> u64) {
    let begun = Instant::now();
    while count() < MESSAGES {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "{} of {MESSAGES}",
            count()
        );
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn send(client: &Client, topic: &str, qos: Qos) {
    for number in 0..MESSAGES {
        let message = Message::new(topic, number.to_string()).with_qos(qos);
        client.publish(message).unwrap();
    }
}

#[test]
fn the_bridge_passes_on_as_many_as_the_client_alone_and_a_little_less() {
    let broker = Broker::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), &broker, |builder| {
        builder.described_plugin::<Mqtt>().plugin::<Counter>()
    });
    let runtime = host.runtime();
    let heard = Arc::new(AtomicU64::new(0));
    let (sender, receiver) = (
        client(&broker, Arc::default()),
        client(&broker, Arc::clone(&heard)),
    );
    receiver.subscribe("alone/+", Qos::AtLeastOnce).unwrap();
    let status = || call(runtime, "mqtt.status", &serde_json::Value::Null).unwrap();
    until("the bridge has subscribed", || {
        sender
            .publish(Message::new("in/x", "0").with_qos(Qos::AtLeastOnce))
            .unwrap();
        (HEARD.load(Ordering::Relaxed) > 0).then_some(())
    });
    let acknowledged = |of: &dyn Fn() -> u64| {
        let before = of();
        move |now: u64| now - before
    };
    let mut best = [0f64; 2];
    let rounds = if cfg!(debug_assertions) { 1 } else { 3 };
    for _ in 0..rounds {
        // To the broker, until it acknowledged all.
        let of = || sender.counters().acknowledged;
        let since = acknowledged(&of);
        let begun = Instant::now();
        send(&sender, "nobody/hears", Qos::AtLeastOnce);
        until_counted(|| since(of()));
        let alone = rate(begun);
        let of = || status()["connection"]["acknowledged"].as_u64().unwrap();
        let since = acknowledged(&of);
        let begun = Instant::now();
        for number in 0..MESSAGES {
            let payload = number.to_string();
            block_on(runtime.bus().publish("out.load", Json::parse(&payload).unwrap())).unwrap();
        }
        until_counted(|| since(of()));
        let bridged = rate(begun);
        println!(
            "to the broker, QoS 1: alone {alone:.0}/s, bridged {bridged:.0}/s, {:.2}",
            bridged / alone
        );
        best[0] = best[0].max(bridged / alone);

        // From the broker, until all are received.
        let before = heard.load(Ordering::Relaxed);
        let begun = Instant::now();
        send(&sender, "alone/x", Qos::AtLeastOnce);
        until_counted(|| heard.load(Ordering::Relaxed) - before);
        let alone = rate(begun);
        let before = HEARD.load(Ordering::Relaxed);
        let begun = Instant::now();
        send(&sender, "in/x", Qos::AtLeastOnce);
        until_counted(|| HEARD.load(Ordering::Relaxed) - before);
        let bridged = rate(begun);
        println!(
            "from the broker, QoS 1: alone {alone:.0}/s, bridged {bridged:.0}/s, {:.2}",
            bridged / alone
        );
        best[1] = best[1].max(bridged / alone);
    }
    assert_eq!(status()["bridged"]["lost_events"], 0);
    if !cfg!(debug_assertions) {
        assert!(best[0] >= LEAST && best[1] >= LEAST, "{best:?}");
    }
}
