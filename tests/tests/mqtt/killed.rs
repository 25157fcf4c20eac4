//! A broker that is killed and started again, under load: what was acknowledged is lost nowhere, and nothing else is lost
//! uncounted.
//!
//! mosquitto hands a message to a subscriber that is there before it acknowledges it, and for one whose session it knows it
//! waits for it. It knows the sessions of both sides from its disk, where they were saved before the first kill, while
//! nothing was under way. So that what it holds for one that is not yet back is not lost with it, which no client could
//! help, it is killed only when a message that was sent after both were back has gone all the way.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use host_std::{Config, Host, HostBuilder, block_on};
use kernel_core::{CoreRuntime, Json, Overflow, PluginState};
use mqtt::Mqtt;
use mqtt_client::{Client, Happened, Message, Options, Qos};
use plugin_kit::prelude::*;
use serde_json::{Value, json};
use tests::mqtt::Broker;

use crate::support::until;

const KILLS: u32 = 20;
/// Numbers of markers begin here; those before are of the load.
const MARKS: u64 = 1 << 40;

/// What the bus was given, by number.
static ON_BUS: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());

/// Hears what comes from the broker, all of it: publishers wait for it. And an honest neighbour, which answers.
#[derive(Default)]
struct Sink;

#[plugin(name = "sink", overflow = Overflow::Block)]
impl Sink {
    #[on("in.*")]
    fn heard(&mut self, event: Event<'_>) -> Result<(), Error> {
        ON_BUS.lock().unwrap().insert(number(event.payload().as_bytes()));
        Ok(())
    }
}

#[derive(Default)]
struct Honest;

#[plugin(name = "honest")]
impl Honest {
    #[service(".ask")]
    fn ask(&mut self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn number(payload: &[u8]) -> u64 {
    std::str::from_utf8(payload).unwrap().parse().unwrap()
}

/// A host with a bridge to this broker, and these plugins.
pub(crate) fn host(
    folder: &std::path::Path,
    broker: &Broker,
    plugins: impl FnOnce(HostBuilder) -> HostBuilder,
) -> Host {
    let file = folder.join("runtime.toml");
    let settings = format!(
        r#"[plugins.mqtt.settings]
broker = "{}"
client_id = "bridge"
clean_start = false
queue = 100000
reconnect_max_s = 1
rules = [
    {{ from_broker = "in/+", to_topic = "in.*" }},
    {{ from_topic = "out.*", to_broker = "out/+" }},
]
"#,
        broker.address()
    );
    std::fs::write(&file, settings).unwrap();
    let database = folder.join("runtime.db");
    let config = Config::from_vars(|name| match name {
        "RUNTIME_DB_PATH" => Some(database.clone().into_os_string()),
        "RUNTIME_CONFIG" => Some(file.clone().into_os_string()),
        _ => None,
    });
    plugins(Host::builder()).start(config.unwrap()).unwrap()
}

pub(crate) fn call(runtime: CoreRuntime, service: &str, args: &Value) -> Result<Value, String> {
    let (text, mut buf) = (args.to_string(), vec![0; 64 * 1024]);
    let services = runtime.services();
    let call = services.call_within(
        service,
        Json::parse(&text).unwrap(),
        Duration::from_secs(60),
        &mut buf,
    );
    let reply = block_on(call).map_err(|error| error.to_string())?;
    Ok(serde_json::from_slice(reply.as_bytes()).unwrap())
}

/// A client of the broker that is none of the runtime's, with a session that it keeps.
fn peer(broker: &Broker, received: Arc<Mutex<Received>>) -> Client {
    let mut options = Options::new(broker.address());
    // mosquitto writes no other sessions to its disk.
    options.client_id = Some("peer".to_owned());
    options.clean_start = false;
    options.queue = 100_000;
    options.reconnect_max_s = 1;
    let client = mqtt_client::serve(options, async move |mut incoming| {
        while let Some(happened) = incoming.next().await {
            if let Happened::Message(message) = happened {
                received.lock().unwrap().add(number(&message.payload));
            }
        }
    })
    .unwrap();
    client.subscribe("out/+", Qos::AtLeastOnce).unwrap();
    client
}

#[derive(Default)]
struct Received {
    numbers: BTreeSet<u64>,
    again: u64,
}

impl Received {
    fn add(&mut self, number: u64) {
        let is_new = self.numbers.insert(number);
        // Markers are sent until they arrive.
        self.again += u64::from(!is_new && number < MARKS);
    }
}

/// How long calls of the neighbour take for so long, in order.
fn ask(runtime: CoreRuntime, enough: &AtomicBool) -> Vec<Duration> {
    let mut took = Vec::new();
    while !enough.load(Ordering::Relaxed) {
        let begun = Instant::now();
        call(runtime, "honest.ask", &Value::Null).unwrap();
        took.push(begun.elapsed());
        thread::sleep(Duration::from_millis(2));
    }
    took.sort();
    took
}

fn of(took: &[Duration], part: usize, whole: usize) -> Duration {
    took[(took.len() - 1) * part / whole]
}

#[test]
fn a_broker_killed_twenty_times_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Broker::new(
        "allow_anonymous true\npersistence true\npersistence_location FOLDER/\nautosave_interval 0\n",
    )
    .unwrap();
    broker.start_again().unwrap();
    let host = host(folder.path(), &broker, |builder| {
        builder
            .described_plugin::<Mqtt>()
            .plugin::<Sink>()
            .plugin::<Honest>()
    });
    let runtime = host.runtime();
    assert_eq!(runtime.plugins().state("mqtt"), Some(PluginState::Started));
    let received = Arc::<Mutex<Received>>::default();
    let peer = peer(&broker, Arc::clone(&received));

    // A marker goes all the way in both directions once both are subscribed; then their sessions are saved.
    let markers = AtomicU64::new(MARKS);
    let marker = || {
        let mark = markers.fetch_add(1, Ordering::Relaxed);
        until("a marker goes both ways", || {
            let payload = mark.to_string();
            block_on(runtime.bus().publish("out.mark", Json::parse(&payload).unwrap())).unwrap();
            peer.publish(Message::new("in/mark", payload).with_qos(Qos::AtLeastOnce))
                .unwrap();
            thread::sleep(Duration::from_millis(50));
            let there =
                ON_BUS.lock().unwrap().contains(&mark) && received.lock().unwrap().numbers.contains(&mark);
            there.then_some(())
        });
    };
    marker();
    until("nothing is under way", || {
        (peer.counters().in_flight == 0).then_some(())
    });
    thread::sleep(Duration::from_millis(300));
    broker.save().unwrap();

    // How quick the neighbour is while nothing happens.
    let enough = AtomicBool::new(false);
    let quiet = thread::scope(|scope| {
        let asked = scope.spawn(|| ask(runtime, &enough));
        thread::sleep(Duration::from_secs(1));
        enough.store(true, Ordering::Relaxed);
        asked.join().unwrap()
    });

    let enough = AtomicBool::new(false);
    let (called, acknowledged) = (Mutex::new(BTreeSet::new()), Arc::new(Mutex::new(BTreeSet::new())));
    let (published, calls) = (AtomicU64::new(0), AtomicU64::new(0));
    let busy = thread::scope(|scope| {
        // Events, all of which are to arrive, and messages of the peer.
        scope.spawn(|| {
            while !enough.load(Ordering::Relaxed) {
                let number = 2 * published.fetch_add(1, Ordering::Relaxed);
                let payload = number.to_string();
                block_on(runtime.bus().publish("out.load", Json::parse(&payload).unwrap())).unwrap();
                let acknowledged = Arc::clone(&acknowledged);
                let message = Message::new("in/load", payload).with_qos(Qos::AtLeastOnce);
                let then = move |result: Result<(), _>| {
                    if result.is_ok() {
                        acknowledged.lock().unwrap().insert(number);
                    }
                };
                peer.publish_then(message, then).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        });
        // Calls, of which those that are answered are to arrive.
        scope.spawn(|| {
            while !enough.load(Ordering::Relaxed) {
                let number = 2 * calls.fetch_add(1, Ordering::Relaxed) + 1;
                let message = json!({"topic": "out/called", "payload": number, "qos": 1});
                if call(runtime, "mqtt.publish", &message).is_ok() {
                    called.lock().unwrap().insert(number);
                }
            }
        });
        let asked = scope.spawn(|| ask(runtime, &enough));
        for _ in 0..KILLS {
            marker();
            thread::sleep(Duration::from_millis(100));
            broker.kill();
            thread::sleep(Duration::from_millis(100));
            broker.start_again().unwrap();
        }
        marker();
        enough.store(true, Ordering::Relaxed);
        asked.join().unwrap()
    });
    marker();

    let status = call(runtime, "mqtt.status", &Value::Null).unwrap();
    let (connection, bridged) = (&status["connection"], &status["bridged"]);
    let of_peer = peer.counters();
    let (received, on_bus) = (received.lock().unwrap(), ON_BUS.lock().unwrap());
    let (called, acknowledged) = (called.lock().unwrap(), acknowledged.lock().unwrap());
    let published = published.load(Ordering::Relaxed);
    println!(
        "{KILLS} kills, {published} events, {} calls answered",
        called.len()
    );
    println!(
        "received again {}, on the bus {} of {} acknowledged",
        received.again,
        on_bus.len(),
        acknowledged.len()
    );
    println!("bridge {status}\npeer {of_peer:?}");
    for (name, took) in [("quiet", &quiet), ("busy", &busy)] {
        println!(
            "{name}: {} calls, p50 {:?}, p99 {:?}",
            took.len(),
            of(took, 50, 100),
            of(took, 99, 100)
        );
    }

    let lost: Vec<_> = called.difference(&received.numbers).collect();
    assert!(lost.is_empty(), "acknowledged to the caller and lost: {lost:?}");
    let lost: Vec<_> = acknowledged.difference(&on_bus).collect();
    assert!(
        lost.is_empty(),
        "acknowledged by the broker and not on the bus: {lost:?}"
    );
    // All that was published arrived, but for what was counted.
    let missing = (0..published)
        .filter(|number| !received.numbers.contains(&(2 * number)))
        .count() as u64;
    let counted = connection["dropped"].as_u64().unwrap() + bridged["lost_events"].as_u64().unwrap();
    assert_eq!(missing, counted, "of what was published");
    // What arrived twice was sent again, and counted so.
    let again = connection["resent"].as_u64().unwrap() + of_peer.duplicates;
    assert!(received.again <= again, "{} of {again}", received.again);
    assert!(
        connection["connections"].as_u64().unwrap() > u64::from(KILLS),
        "{connection}"
    );
    // The neighbour's half is not slower than the machine makes it.
    let (before, during) = (of(&quiet, 50, 100), of(&busy, 50, 100));
    assert!(
        during < before * 4 + Duration::from_millis(2),
        "{during:?}, before {before:?}"
    );
}
