//! Events between runtimes: from whom, in which order, and what was missed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::thread;
use std::time::{Duration, Instant};

use kernel_link::{Raw, Request};
use serde_json::json;
use tests::nats::NatsServer;
use tests::session::Session;

use crate::support::{Member, until};

const BOTH: &str = "share = [\"sensor.>\"]\nreceive = [\"sensor.>\", \"sensor.a.*\"]\nheartbeat_ms = 500\n";

fn publish(member: &Member, topics: &[&str], numbers: std::ops::Range<u64>) -> Duration {
    let mut session = Session::at(&member.runtime.socket());
    let mut open = session.open().unwrap();
    let mut slowest = Duration::ZERO;
    for number in numbers {
        let topic = topics[number as usize % topics.len()];
        let payload = number.to_string();
        let what = Request::Publish {
            topic,
            timeout_ms: 0,
            payload: Raw(payload.as_bytes()),
        };
        let begun = Instant::now();
        open.ask(what, |_| ()).unwrap();
        slowest = slowest.max(begun.elapsed());
    }
    slowest
}

#[test]
fn events_come_in_order_from_their_source_once_and_are_not_sent_again() {
    let server = NatsServer::alone("").unwrap();
    let servers = [server.url()];
    let kitchen = Member::start("kitchen", &servers, BOTH, "");
    let hall = Member::start("hall", &servers, BOTH, "");
    until("they know each other", || {
        (kitchen.members() == ["hall"] && hall.members() == ["kitchen"]).then_some(())
    });
    let watch = hall.watch("sensor.>");
    // It has begun when it shows an event of this runtime.
    until("the watch has begun", || {
        hall.publish("sensor.here", "0");
        (!watch.events().is_empty()).then_some(())
    });
    publish(&kitchen, &["sensor.a.t", "sensor.b.t", "sensor.c"], 0..3_000);
    let of_kitchen = until("all have come", || {
        let events: Vec<_> = watch
            .events()
            .into_iter()
            .filter(|event| event["source"] != "operator")
            .collect();
        (events.len() >= 3_000).then_some(events)
    });
    let numbers: Vec<u64> = of_kitchen
        .iter()
        .map(|event| event["payload"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (0..3_000).collect::<Vec<u64>>());
    assert!(
        of_kitchen
            .iter()
            .all(|event| event["source"] == "kitchen/operator"),
        "{:?}",
        of_kitchen[0]
    );
    let (of_hall, of_kitchen) = (hall.status(), kitchen.status());
    assert_eq!(
        (&of_hall["events"]["received"], &of_hall["events"]["missed"]),
        (&json!(3_000), &json!(0))
    );
    // What hall received went nowhere: it has numbered those alone that were published there.
    assert_eq!(of_hall["events"]["numbered"], of_kitchen["events"]["received"]);
    let plugins = hall.runtime.run("plugins").unwrap();
    assert!(plugins.contains("kitchen/operator"), "{plugins}");
    // What is the kernel's is not shared, and the settings say so.
    let mut wrong = Member::start("attic", &servers, "share = [\"runtime.>\"]\n", "");
    let error = wrong.runtime.run("plugins --json").unwrap();
    assert!(
        error.contains("invalid_settings") && error.contains("share"),
        "{error}"
    );
    wrong.runtime.kill();
}

#[test]
fn while_the_server_is_away_nobody_waits_and_what_is_dropped_is_counted_exactly() {
    let mut server = NatsServer::alone("").unwrap();
    let servers = [server.url()];
    let few = "share = [\"sensor.>\"]\nreceive = [\"sensor.>\"]\nheartbeat_ms = 500\nqueue = 100\n";
    let kitchen = Member::start("kitchen", &servers, few, "");
    let hall = Member::start("hall", &servers, few, "");
    until("they know each other", || {
        (kitchen.members() == ["hall"] && hall.members() == ["kitchen"]).then_some(())
    });
    publish(&kitchen, &["sensor.a", "sensor.b"], 0..10);
    until("the first have come", || {
        (hall.status()["events"]["received"] == 10).then_some(())
    });
    server.kill();
    until("the connection is lost", || {
        (kitchen.status()["connected"] == false).then_some(())
    });
    let slowest = publish(&kitchen, &["sensor.a", "sensor.b"], 10..5_010);
    assert!(
        slowest < Duration::from_secs(1),
        "a publisher waited for {slowest:?}"
    );
    // So long that each takes the other for gone.
    until("they have lost each other", || {
        (kitchen.members().is_empty() && hall.members().is_empty()).then_some(())
    });
    server.start().unwrap();
    let dropped = until("it is connected again", || {
        let status = kitchen.status();
        (status["connected"] == true && status["events"]["queued"] == 0)
            .then(|| status["events"]["dropped"].as_u64().unwrap())
    });
    assert!(dropped > 1_000, "{dropped}");
    let (received, missed) = until("all are received or missed", || {
        let events = hall.status()["events"].clone();
        let (received, missed) = (
            events["received"].as_u64().unwrap(),
            events["missed"].as_u64().unwrap(),
        );
        (received + missed >= 5_010).then_some((received, missed))
    });
    // It stays so.
    thread::sleep(Duration::from_secs(1));
    let events = hall.status()["events"].clone();
    assert_eq!(
        (&events["received"], &events["missed"]),
        (&json!(received), &json!(missed))
    );
    println!(
        "cluster: 5,010 events, the server away for 5,000: {dropped} dropped, {received} received, {missed} missed"
    );
    assert_eq!(received + missed, 5_010);
    assert!(missed >= dropped, "{missed} missed, {dropped} dropped");
}

#[test]
fn a_second_runtime_of_a_name_is_refused() {
    let server = NatsServer::alone("").unwrap();
    let servers = [server.url()];
    let first = Member::start("kitchen", &servers, "heartbeat_ms = 500\n", "");
    until("it has joined", || {
        (first.status()["joined"] == true).then_some(())
    });
    let second = Member::start("kitchen", &servers, "heartbeat_ms = 500\n", "");
    let plugins = until("the second one is refused", || {
        let plugins = second.runtime.run("plugins --json").unwrap();
        plugins.contains("name_taken").then_some(plugins)
    });
    assert!(
        plugins.contains("another runtime of this cluster is named kitchen"),
        "{plugins}"
    );
    assert_eq!(first.status()["joined"], true);
}

#[test]
fn a_server_is_known_by_its_certificate_and_a_runtime_by_its_password() {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    };
    let certificate = file("cert.pem", &certified.cert.pem());
    let key = file("key.pem", &certified.signing_key.serialize_pem());
    let (right, wrong) = (file("right", "anna:hunter2\n"), file("wrong", "anna:hunter3\n"));
    let server = NatsServer::alone(&format!(
        "tls {{ cert_file: \"{certificate}\", key_file: \"{key}\" }}\nauthorization {{ user: anna, password: hunter2 }}"
    ))
    .unwrap();
    let servers = [format!("tls://127.0.0.1:{}", server.port)];
    let settings = |user: &str| format!("ca = {certificate:?}\nuser_file = {user:?}\nheartbeat_ms = 500\n");
    let kitchen = Member::start("kitchen", &servers, &settings(&right), "");
    until("it is let in", || {
        (kitchen.status()["joined"] == true).then_some(())
    });
    let hall = Member::start("hall", &servers, &settings(&wrong), "");
    let attic = Member::start(
        "attic",
        &servers,
        &format!("tls = true\nuser_file = {right:?}\n"),
        "",
    );
    thread::sleep(Duration::from_secs(3));
    for refused in [&hall, &attic] {
        let status = refused.status();
        assert_eq!(
            (&status["connected"], &status["joined"]),
            (&json!(false), &json!(false)),
            "{status}"
        );
        assert!(!status.to_string().contains("hunter"));
    }
    assert!(kitchen.members().is_empty());
}
