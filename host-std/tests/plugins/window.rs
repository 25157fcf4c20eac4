//! A plugin in a process that handles several messages at a time, and later one.

use std::thread;
use std::time::Duration;

use host_std::{Host, block_on};
use kernel_core::PluginState;
use plugin_kit::prelude::*;
use serde_json::json;

use crate::host::{info, until};
use crate::support::{House, call};

/// A house with `window`, which handles this many messages at a time.
fn house(window: u32) -> House {
    let house = House::with(Host::builder().plugin::<Relay>());
    let folder = house.dir.path().join("window");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("main.py"), include_str!("window.py")).unwrap();
    let manifest = "[plugin]\nname = \"window\"\nversion = \"1.0.0\"\n[run]\nkind = \"process\"\n\
                    command = [\"python3\", \"main.py\"]\n[permissions]\ncall = [\"relay.*\"]\n[settings]\ntype = \"object\"\n";
    std::fs::write(folder.join("plugin.toml"), manifest).unwrap();
    let install = json!({ "path": folder, "settings": { "window": window } });
    let row = house.call("plugins.install", install).unwrap();
    assert_eq!(row["state"], "STARTED", "{row}");
    house
}

fn publish(house: &House, count: u32) {
    let bus = house.host.runtime().bus();
    for number in 0..count {
        let payload = number.to_string();
        block_on(bus.publish("window.event", Json::parse(&payload).unwrap())).unwrap();
    }
}

#[test]
fn errors_of_events_are_counted_and_kept_whatever_the_window() {
    for window in [1, 4] {
        let house = house(window);
        publish(&house, 3);
        let counted = until("they are counted", || {
            let found = info(&house.host, "window");
            (found.counters.errors == 3).then_some(found)
        });
        assert_eq!(
            (counted.state, counted.code.as_str()),
            (PluginState::Started, "bad_event")
        );
        assert!(
            counted.error.contains("as it was asked: "),
            "{window}: {}",
            counted.error
        );
        assert_eq!(counted.counters.events, 3);
    }
}

#[test]
fn errors_of_calls_are_counted_unless_they_are_the_callers() {
    for window in [1, 4] {
        let house = house(window);
        for code in ["invalid_argument", "no_power", "no_power"] {
            let (found, _) = house.call("window.bad", json!(code)).unwrap_err();
            assert_eq!(found, code);
        }
        let found = info(&house.host, "window");
        assert_eq!(
            (found.counters.errors, found.code.as_str()),
            (2, "no_power"),
            "{window}"
        );
        assert_eq!(found.counters.failures, 0);
    }
}

#[test]
fn a_hook_is_sent_alone() {
    let house = house(4);
    publish(&house, 3);
    thread::sleep(Duration::from_millis(100));
    let stopped = house.call("plugins.stop", json!({"name": "window"})).unwrap();
    assert_eq!(stopped["state"], "STOPPED");
    let found = info(&house.host, "window");
    assert_eq!(
        (found.counters.errors, found.counters.failures),
        (3, 0),
        "{found:?}"
    );
}

/// Waits for `window` while it answers a call, and answers another one at once.
#[derive(Default)]
struct Relay;

#[plugin(name = "relay", version = "1.0.0")]
impl Relay {
    #[service(".outer")]
    async fn outer(&mut self, cx: &Context, reply: Reply<'_>) -> Result<Replied, Error> {
        let mut buf = [0; 64];
        reply.raw(cx.call("window.late", json_literal!("null"), &mut buf).await?)
    }

    #[service(".inner")]
    fn inner(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn with_a_window_of_one_again_it_is_known_to_wait_again() {
    let house = house(4);
    let runtime = house.host.runtime();
    for (window, errors) in [(4, 0), (1, 1), (2, 1)] {
        let set = json!({"name": "window", "set": {"window": window}});
        house.call("plugins.settings", set).unwrap();
        block_on(runtime.state().delete("window.handled")).unwrap();
        let event = || block_on(runtime.bus().publish("window.event", json_literal!("\"call\""))).unwrap();
        let handled = || info(&house.host, "window").counters.handled;
        let before = handled();
        let taken = |what: &str| until(what, || (handled() > before).then_some(()));
        // The event's call waits for `relay`, which waits for `window`: that is busy with the event, or does both.
        if window == 1 {
            event();
            thread::sleep(Duration::from_millis(100));
        }
        let outer = thread::spawn(move || call(runtime, "relay.outer", &json!(null)));
        if window > 1 {
            taken("the call is taken");
            event();
        }
        assert_eq!(outer.join().unwrap(), Ok(json!("late")), "window {window}");
        until("the event is handled", || {
            let found = block_on(runtime.state().exists("window.handled")).unwrap();
            found.then_some(())
        });
        let found = info(&house.host, "window");
        assert_eq!(found.counters.errors, errors, "window {window}: {found:?}");
        assert!(errors == 0 || found.code == "cycle", "{found:?}");
    }
}
