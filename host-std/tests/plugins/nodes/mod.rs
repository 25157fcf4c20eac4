//! Nodes: another host at the other end of a link, as a plugin of this one.

mod gone;
mod relay;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use host_std::{Host, HostBuilder, block_on};
use kernel_core::{Json, PluginState};
use serde_json::{Value, json};

use crate::host::{config, info, until, until_state};
use crate::support::{House, call};
use relay::{ATTIC, CELLAR, REACHED, ROOF, Relay, STUCK};

/// A host with the cellar, in a folder that outlives it.
fn node(dir: &Path) -> Host {
    node_of(
        dir,
        Host::builder().plugin::<Relay<CELLAR>>().plugin::<Relay<STUCK>>(),
    )
}

fn node_of(dir: &Path, builder: HostBuilder) -> Host {
    let mut config = config(dir);
    config.socket = socket(dir);
    let host = builder.built_in().start(config).unwrap();
    until_state(&host, "cellar", PluginState::Started);
    host
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("node.sock")
}

/// The host that the nodes are attached to.
fn house() -> House {
    let builder = Host::builder().built_in();
    House::with(builder.plugin::<Relay<ATTIC>>().plugin::<Relay<ROOF>>())
}

/// Installs a node; its row. `more` are lines of `[run]`, `[permissions]` and what follows.
fn install(house: &House, name: &str, target: &str, more: &str) -> Value {
    let folder = house.dir.path().join(format!("package-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    let manifest = format!(
        "[plugin]\nname = {name:?}\nversion = \"1\"\n\n[run]\nkind = \"link\"\ntarget = {target:?}\n{more}"
    );
    std::fs::write(folder.join("plugin.toml"), manifest).unwrap();
    house.call("plugins.install", json!({ "path": folder })).unwrap()
}

const ALL: &str = "check_seconds = 1.0\n[permissions]\npublish = [\">\"]\nregister = [\">\"]\nsubscribe = [\"note.>\"]\n\
                   call = [\"attic.*\", \"roof.*\"]\n";

fn publish(host: &Host, topic: &str, payload: &Value) {
    let payload = payload.to_string();
    host.runtime()
        .bus()
        .try_publish(topic, Json::parse(&payload).unwrap())
        .unwrap();
}

fn state(host: &Host, key: &str) -> Option<Value> {
    let mut buf = [0; 1024];
    let value = host.runtime().state().get(key, &mut buf).now().unwrap();
    value.map(|json| serde_json::from_str(json.as_str()).unwrap())
}

fn set(host: &Host, key: &'static str, value: &Value) {
    let value = value.to_string();
    host.runtime()
        .state()
        .set(key, Json::parse(&value).unwrap())
        .now()
        .unwrap();
}

fn until_state_is(host: &Host, key: &str, value: Option<&Value>) {
    until(&format!("{key} is {value:?}"), || {
        (state(host, key).as_ref() == value).then_some(())
    });
}

#[test]
fn the_services_of_a_node_are_called_as_any_other() {
    let (house, dir) = (house(), tempfile::tempdir().unwrap());
    let node = node(dir.path());
    let target = socket(dir.path()).display().to_string();
    let row = install(&house, "node", &target, ALL);
    assert_eq!(
        (&row["state"], &row["placement"]),
        (&json!("STARTED"), &json!(target)),
        "{row}"
    );
    assert_eq!(row["node"], json!(target));
    assert_eq!(row["not_enforced"], json!(["all that its node does by itself"]));

    assert_eq!(house.call("cellar.echo", json!({"a": 1})), Ok(json!({"a": 1})));
    let (code, message) = house.call("cellar.fail", json!(null)).unwrap_err();
    assert!(
        code == "no_luck" && message.contains("it was not to be"),
        "{message}"
    );
    // Both have the example and the logger: here they are those of here.
    assert_eq!(
        house.call("example.hello", json!("Ann")),
        Ok(json!("Привет, Ann!"))
    );
    let example = house
        .call("plugins.services", json!({"name": "example.hello"}))
        .unwrap();
    assert_eq!(example[0]["plugin"], "example");
    let log = house
        .call("plugins.logs", json!({"name": "node"}))
        .unwrap()
        .to_string();
    assert!(
        log.contains("another plugin has these services of the node") && log.contains("example.hello"),
        "{log}"
    );

    // More calls than the node takes at a time are answered all the same.
    let runtime = house.host.runtime();
    let calls: Vec<_> = (0..40)
        .map(|n| thread::spawn(move || call(runtime, "cellar.echo", &json!(n))))
        .collect();
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.join().unwrap(), Ok(json!(n)));
    }
    // The node calls what it was given, and nothing else.
    let passed = |service: &str| house.call("cellar.pass", json!({"service": service, "args": 5}));
    assert_eq!(passed("attic.echo"), Ok(json!(5)));
    assert_eq!(passed("example.hello").unwrap_err().0, "invalid_argument");
    assert_eq!(passed("presence.enter").unwrap_err().0, "not_found");

    house.call("plugins.remove", json!({"name": "node"})).unwrap();
    assert_eq!(house.call("cellar.echo", json!(1)).unwrap_err().0, "not_found");
    let left = |host: &Host| host.runtime().plugins().state("host");
    until("nothing is left there", || left(&node).is_none().then_some(()));
}

#[test]
fn events_go_both_ways_in_order_and_once() {
    let (house, dir) = (house(), tempfile::tempdir().unwrap());
    let node = node(dir.path());
    install(&house, "node", &socket(dir.path()).display().to_string(), ALL);
    for n in 0..500 {
        publish(&node, "note.there", &json!(n));
        publish(&house.host, "note.here", &json!(n));
    }
    let all = |service: &str, topic: &str| {
        let (house, topic) = (&house, topic.to_owned());
        let service = service.to_owned();
        move || {
            let heard = house.call(&service, json!(null)).ok()?;
            let of = |event: &&Value| event[0] == topic.as_str();
            let of: Vec<Value> = heard.as_array()?.iter().filter(of).cloned().collect();
            (of.len() >= 500).then_some(of)
        }
    };
    for (service, topic, source) in [
        ("attic.heard", "note.there", "node"),
        ("attic.heard", "note.here", "operator"),
        ("cellar.heard", "note.here", "host"),
        ("cellar.heard", "note.there", "operator"),
    ] {
        let heard = until("all is heard", all(service, topic));
        let expected: Vec<Value> = (0..500).map(|n| json!([topic, n, source])).collect();
        assert_eq!(heard, expected, "{service} {topic}");
    }
    // Nothing comes back as an echo.
    thread::sleep(Duration::from_millis(200));
    let heard = house.call("attic.heard", json!(null)).unwrap();
    assert_eq!(heard.as_array().unwrap().len(), 1000);
}

#[test]
fn the_state_of_a_node_is_read_and_written_under_its_name() {
    let (house, dir) = (house(), tempfile::tempdir().unwrap());
    let node = node(dir.path());
    set(&node, "level", &json!(5));
    set(&house.host, "node.old", &json!(true));
    install(&house, "node", &socket(dir.path()).display().to_string(), ALL);
    assert_eq!(state(&house.host, "node.level"), Some(json!(5)));
    assert_eq!(state(&house.host, "node.old"), None, "the node has no such entry");

    set(&node, "level", &json!({"x": [1, 2]}));
    until_state_is(&house.host, "node.level", Some(&json!({"x": [1, 2]})));
    set(&house.host, "node.level", &json!(7));
    until_state_is(&node, "level", Some(&json!(7)));
    set(&house.host, "node.new", &json!(1));
    until_state_is(&node, "new", Some(&json!(1)));
    node.runtime().state().delete("new").now().unwrap();
    until_state_is(&house.host, "node.new", None);
    house.host.runtime().state().delete("node.level").now().unwrap();
    until_state_is(&node, "level", None);
}

#[test]
fn a_call_keeps_its_deadline_and_is_cancelled_with_its_caller() {
    let (house, dir) = (house(), tempfile::tempdir().unwrap());
    let node = node(dir.path());
    install(&house, "node", &socket(dir.path()).display().to_string(), ALL);
    let services = house.host.runtime().services();
    let in_flight = |host: &Host| host.runtime().metrics().calls.used;
    let (begun, mut buf) = (Instant::now(), [0; 256]);
    let late =
        block_on(services.call_within("cellar.never", Json::NULL, Duration::from_millis(300), &mut buf));
    assert_eq!(late.unwrap_err().code(), "timeout");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    until("the call is gone there", || (in_flight(&node) == 0).then_some(()));

    // A caller that goes away takes its call back, long before its deadline.
    let before = REACHED.lock().unwrap().len();
    let calling = async {
        let mut buf = [0; 256];
        let call = services.call_within("stuck.never", Json::NULL, Duration::from_secs(600), &mut buf);
        let reached = async {
            while REACHED.lock().unwrap().len() == before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = call => panic!("it is not answered"),
            () = reached => {}
        }
    };
    crate::host::reactor().block_on(calling);
    until("the call is taken back there", || {
        (in_flight(&node) == 0).then_some(())
    });

    // And the other way: somebody there calls the attic here, and goes away.
    let there = node.runtime().services();
    let before = REACHED.lock().unwrap().len();
    let calling = async {
        let mut buf = [0; 256];
        let call = there.call_within("attic.never", Json::NULL, Duration::from_secs(600), &mut buf);
        let reached = async {
            while REACHED.lock().unwrap().len() == before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = call => panic!("it is not answered"),
            () = reached => {}
        }
    };
    crate::host::reactor().block_on(calling);
    until("the call is taken back here", || {
        (in_flight(&house.host) == 0).then_some(())
    });
}

#[test]
fn a_call_that_would_wait_for_itself_over_the_line_is_refused_at_once() {
    let (house, dir) = (house(), tempfile::tempdir().unwrap());
    let node = node(dir.path());
    install(&house, "node", &socket(dir.path()).display().to_string(), ALL);
    let begun = Instant::now();
    // attic here, cellar there, attic here.
    let round = json!({"service": "cellar.pass", "args": {"service": "attic.echo", "args": 1}});
    let (code, message) = house.call("attic.pass", round).unwrap_err();
    assert_eq!(code, "cycle", "{message}");
    // cellar there, attic here, cellar there.
    let round = json!({"service": "attic.pass", "args": {"service": "cellar.echo", "args": 1}});
    let error = call(node.runtime(), "cellar.pass", &round).unwrap_err();
    assert_eq!(error.0, "cycle", "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    // One that comes back to somebody else is none.
    let on = json!({"service": "cellar.pass", "args": {"service": "roof.echo", "args": 1}});
    assert_eq!(house.call("attic.pass", on), Ok(json!(1)));
}

#[test]
fn two_nodes_with_the_same_services_are_both_there() {
    let house = house();
    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let nodes = [0, 1].map(|n: usize| node(dirs[n].path()));
    for (n, name) in ["one", "two"].into_iter().enumerate() {
        set(&nodes[n], "number", &json!(n));
        install(&house, name, &socket(dirs[n].path()).display().to_string(), ALL);
    }
    let owner = |service: &str| {
        let rows = house.call("plugins.services", json!({"name": service})).unwrap();
        rows[0]["plugin"].clone()
    };
    assert_eq!(owner("cellar.echo"), "one");
    assert_eq!(info(&house.host, "two").state, PluginState::Started);
    assert_eq!(info(&house.host, "two").code, "taken");
    assert_eq!(
        (state(&house.host, "one.number"), state(&house.host, "two.number")),
        (Some(json!(0)), Some(json!(1)))
    );
}
