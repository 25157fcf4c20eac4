//! Plugins as WebAssembly modules, in a real host.

mod hostile;

use std::time::{Duration, Instant};

use host_std::sqlite::{Database, Options};
use host_std::{Host, block_on};
use kernel_core::json_literal;
use serde_json::{Value, json};
use tests::wasm::{House, module};

/// A house with the example installed as a module.
fn house() -> House {
    let house = House::start(Host::builder()).unwrap();
    let package = house
        .package("example", "1.0.0", &module("example-wasm").unwrap(), "")
        .unwrap();
    let row = house.install(&package).unwrap();
    assert_eq!(row["state"], "STARTED", "{row}");
    house
}

/// The house with the probe besides, whose manifest has these further lines.
fn with_probe(more: &str) -> House {
    let house = house();
    let package = house
        .package("probe", "1.2.3", &module("wasm-probe").unwrap(), more)
        .unwrap();
    let row = house.install(&package).unwrap();
    assert_eq!(row["state"], "STARTED", "{row}");
    house
}

fn ask(house: &House, what: &str, name: &str) -> Result<Value, String> {
    house.call("probe.do", &json!({ "what": what, "name": name }))
}

/// Asks until the answer is this.
fn until(mut answer: impl FnMut() -> Value, wanted: &Value) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let found = answer();
        if found == *wanted {
            return;
        }
        assert!(Instant::now() < end, "{found} is not {wanted}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_example_runs_unchanged() {
    let house = house();
    let row = house.row("example").unwrap();
    assert_eq!(row["placement"], "wasm");
    assert_eq!(row["not_enforced"], json!([]));
    assert_eq!(
        house.call("example.hello", &json!("Ада")).unwrap(),
        json!("Привет, Ада!")
    );
    let wrong = house.call("example.hello", &json!(7)).unwrap_err();
    assert!(
        wrong.starts_with("invalid_argument: ") && wrong.contains("takes a name"),
        "{wrong}"
    );
    let receivers = block_on(house.runtime().bus().publish("example.test", json_literal!("1")));
    assert_eq!(receivers, Ok(1));
    let mut buf = [0; 128];
    let stored = block_on(
        house
            .runtime()
            .storage()
            .namespace("example")
            .get("status", &mut buf),
    );
    assert_eq!(stored.unwrap(), Some(example::STARTED));
    let (report, folder) = house.shutdown();
    assert!(report.late.is_empty() && report.threads.is_empty(), "{report:?}");
    let mut database = Database::open(&folder.path().join("runtime.db"), Options::default()).unwrap();
    let mut value = Vec::new();
    database.get("example", "status", &mut value).unwrap();
    assert_eq!(value, example::STOPPED.as_bytes());
}

#[test]
fn it_starts_stops_and_is_upgraded_as_any_other() {
    let house = house();
    for _ in 0..3 {
        house
            .call("plugins.reload", &json!({ "name": "example" }))
            .unwrap();
        assert_eq!(
            house.call("example.hello", &json!("a")).unwrap(),
            json!("Привет, a!")
        );
    }
    house
        .call("plugins.unload", &json!({ "name": "example" }))
        .unwrap();
    let gone = house.call("example.hello", &json!("a")).unwrap_err();
    assert!(gone.starts_with("not_found"), "{gone}");
    house
        .call("plugins.start", &json!({ "name": "example" }))
        .unwrap();
    // Another version than it says: refused before anything of the present one is touched.
    let package = house
        .package("example", "1.0.1", &module("example-wasm").unwrap(), "")
        .unwrap();
    let refused = house
        .call("plugins.upgrade", &json!({ "path": package }))
        .unwrap_err();
    assert!(
        refused.contains("the module says that it is example 1.0.0, its manifest example 1.0.1"),
        "{refused}"
    );
    assert_eq!(
        house.call("example.hello", &json!("b")).unwrap(),
        json!("Привет, b!")
    );
    house
        .call("plugins.remove", &json!({ "name": "example" }))
        .unwrap();
    assert_eq!(house.row("example").unwrap(), Value::Null);
}

#[test]
fn every_operation_passes() {
    let house = with_probe(
        "[settings]\ntype = \"object\"\nproperties.target = { type = \"number\", default = 21 }\n",
    );
    assert_eq!(ask(&house, "state", "probe.x"), Ok(json!(2)));
    assert_eq!(ask(&house, "store", "probe"), Ok(json!(3)));
    assert_eq!(ask(&house, "settings", ""), Ok(json!({ "target": 21 })));
    house
        .call(
            "plugins.settings",
            &json!({ "name": "probe", "set": { "target": 22.5 } }),
        )
        .unwrap();
    assert_eq!(ask(&house, "settings", ""), Ok(json!({ "target": 22.5 })));
    assert_eq!(ask(&house, "who", ""), Ok(json!("probe")));
    assert_eq!(ask(&house, "caller", ""), Ok(json!("operator")));
    assert_eq!(ask(&house, "publish", "probe.event.good"), Ok(json!(1)));
    until(|| ask(&house, "events", "").unwrap(), &json!(1));
    assert_eq!(ask(&house, "register", "probe.more"), Ok(json!(true)));
    assert_eq!(ask(&house, "subscribe", "probe.event.>"), Ok(json!(false)));
    let large = ask(&house, "large", "").unwrap();
    assert!(large.as_str().unwrap().len() > 58_000);
    // Its own service, which it is answering a call of.
    let cycle = ask(&house, "call", "probe.do").unwrap_err();
    assert!(cycle.starts_with("cycle"), "{cycle}");
    ask(&house, "tick", "").unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while ask(&house, "tick", "").unwrap().as_u64() < Some(1) {
        assert!(Instant::now() < end, "no tick came");
        std::thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn what_it_says_of_its_services_is_shown_and_wrong_arguments_do_not_reach_it() {
    let house = with_probe("");
    let shown = house
        .call("plugins.services", &json!({ "name": "probe.do" }))
        .unwrap();
    assert_eq!(shown[0]["description"], "Does whatever a test asks for");
    assert_eq!(shown[0]["examples"], json!([{ "what": "who" }]));
    assert_eq!(shown[0]["version"], "7");
    assert_eq!(shown[0]["schema"]["required"], json!(["what"]));
    let row = || house.row("probe").unwrap();
    for (args, said) in [
        (json!({ "what": 7 }), "/what: expected string, got number"),
        (json!({ "name": "x" }), "'what'"),
        (json!(null), "expected object, got null"),
    ] {
        let error = house.call("probe.do", &args).unwrap_err();
        assert!(
            error.starts_with("invalid_argument: ") && error.contains(said),
            "{args}: {error}"
        );
    }
    assert_eq!(ask(&house, "who", ""), Ok(json!("probe")));
    assert_eq!(row()["state"], "STARTED");
    // A module need not say anything.
    let shown = house
        .call("plugins.services", &json!({ "name": "example.hello" }))
        .unwrap();
    assert_eq!(shown[0].get("schema"), None, "{shown}");
    house.call("plugins.remove", &json!({ "name": "probe" })).unwrap();
    let gone = house
        .call("plugins.services", &json!({ "plugin": "probe" }))
        .unwrap();
    assert_eq!(gone, json!([]));
}

#[test]
fn what_waits_side_by_side_takes_as_long_as_the_longest() {
    let house = with_probe("");
    let both = ask(&house, "both", "").unwrap();
    assert_eq!(both[0], 3);
    let took = both[1].as_u64().unwrap();
    assert!((60..140).contains(&took), "{took} ms");
}

#[test]
fn what_was_not_granted_is_refused_and_told() {
    let house = with_probe("");
    block_on(house.runtime().state().set("other.key", json_literal!("1"))).unwrap();
    for (what, name) in [
        ("publish", "other.event"),
        ("subscribe", ">"),
        ("register", "other.service"),
        ("call", "example.hello"),
        ("state", "other"),
        ("store", "example"),
    ] {
        let refused = ask(&house, what, name).unwrap_err();
        assert!(refused.starts_with("denied"), "{what} {name}: {refused}");
    }
    assert_eq!(
        ask(&house, "see", ""),
        Ok(json!(0)),
        "values of others are not listed"
    );
    assert_eq!(house.row("probe").unwrap()["refused"], 6);
    let log = house
        .call("plugins.logs", &json!({ "name": "probe" }))
        .unwrap()
        .to_string();
    assert!(
        log.contains("core-runtime plugin permissions probe grant publish other.event"),
        "{log}"
    );
    let grant = json!([
        ["call", "example.*"],
        ["state", "other.>"],
        ["storage", "example"],
        ["publish", "other.>"]
    ]);
    house
        .call("plugins.permissions", &json!({ "name": "probe", "grant": grant }))
        .unwrap();
    assert_eq!(ask(&house, "call", "example.hello"), Ok(json!("Привет, Ада!")));
    assert_eq!(ask(&house, "see", "other"), Ok(json!(1)));
    assert_eq!(ask(&house, "state", "other"), Ok(json!(2)));
    assert_eq!(ask(&house, "publish", "other.event"), Ok(json!(0)));
    // Three keys, and the example's own.
    assert_eq!(ask(&house, "store", "example"), Ok(json!(4)));
}

#[test]
fn an_event_that_it_cannot_handle_is_counted_and_it_goes_on() {
    let house = with_probe("");
    ask(&house, "publish", "probe.event.bad").unwrap();
    until(|| ask(&house, "events", "").unwrap(), &json!(1));
    assert_eq!(house.row("probe").unwrap()["state"], "STARTED");
}

#[test]
fn a_reply_that_is_no_json_is_its_error() {
    let house = with_probe("");
    let error = ask(&house, "nonsense", "").unwrap_err();
    assert!(error.starts_with("not_json: "), "{error}");
    assert_eq!(ask(&house, "who", ""), Ok(json!("probe")));
}

#[test]
fn a_panic_fails_it_with_its_text_and_it_comes_back() {
    let house = with_probe("");
    let error = ask(&house, "panic", "somebody").unwrap_err();
    assert!(error.starts_with("gone"), "{error}");
    let row = house.row("probe").unwrap();
    assert_eq!(row["error"]["code"], "panic", "{row}");
    assert!(
        row["error"]["message"]
            .as_str()
            .unwrap()
            .contains("as somebody wanted"),
        "{row}"
    );
    until(|| house.row("probe").unwrap()["state"].clone(), &json!("STARTED"));
    assert_eq!(ask(&house, "who", ""), Ok(json!("probe")));
}
