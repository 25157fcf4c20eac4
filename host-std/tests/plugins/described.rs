//! Services of plugins of the program, with schemas.

use std::sync::atomic::{AtomicU32, Ordering};

use host_std::plugins::PluginType;
use host_std::{Host, block_on};
use kernel_core::Json;
use kernel_link::{Raw, Reply as LinkReply, Request as LinkRequest};
use plugin_kit::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::host::{asked, config, info};
use crate::support::House;

/// Calls that reached the plugin.
static SEEN: AtomicU32 = AtomicU32::new(0);

#[derive(Deserialize, JsonSchema)]
struct Target {
    /// Degrees Celsius.
    target: f32,
    #[serde(default)]
    #[schemars(length(max = 2))]
    rooms: Vec<String>,
}

#[derive(Default)]
struct Heating;

#[plugin(name = "heating", version = "1.0.0", schema)]
impl Heating {
    /// Sets the temperature to keep.
    #[service(".set", examples = [r#"{"target": 21.5}"#])]
    fn set(&mut self, args: Target) -> Result<f32, Error> {
        SEEN.fetch_add(1, Ordering::SeqCst);
        Ok(args.target + args.rooms.len() as f32)
    }
}

/// Passes on what it is called with.
#[derive(Default)]
struct Relay;

#[plugin(name = "relay", version = "1.0.0", local)]
impl Relay {
    #[service(".set")]
    async fn set(&mut self, cx: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        let mut buf = [0; 256];
        reply.raw(cx.call("heating.set", call.args(), &mut buf).await?)
    }
}

fn host() -> House {
    let builder = Host::builder().described_plugin::<Heating>();
    House::with(builder.local_plugin::<Relay>())
}

/// Arguments that do not fit, and what is said of each.
fn unfit() -> [(Value, &'static str); 4] {
    [
        (json!({"target": "warm"}), "/target: expected number, got string"),
        (
            json!({"target": 1, "rooms": ["a", 2]}),
            "/rooms/1: expected string, got number",
        ),
        (json!({"target": 1, "rooms": ["a", "b", "c"]}), "/rooms: "),
        (json!({}), "target"),
    ]
}

#[test]
fn wrong_arguments_are_refused_on_every_road_before_the_plugin_sees_them() {
    let house = host();
    let folder = house.dir.path().join("caller");
    std::fs::create_dir_all(&folder).unwrap();
    let manifest = "[plugin]\nname = \"caller\"\nversion = \"1.0.0\"\n[run]\nkind = \"process\"\n\
                    command = [\"python3\", \"main.py\"]\n[permissions]\ncall = [\"heating.*\"]\n";
    std::fs::write(folder.join("plugin.toml"), manifest).unwrap();
    let main = "from typing import Any\nfrom core_runtime import Plugin, run, service\n\n\
                class Caller(Plugin):\n    @service('.set')\n    async def set(self, args: Any) -> Any:\n        \
                return await self.call('heating.set', args)\n\nrun(Caller)\n";
    std::fs::write(folder.join("main.py"), main).unwrap();
    let row = house.call("plugins.install", json!({ "path": folder })).unwrap();
    assert_eq!(row["state"], "STARTED", "{row}");

    for (args, said) in unfit() {
        let before = SEEN.load(Ordering::SeqCst);
        let (code, message) = house.call("heating.set", args.clone()).unwrap_err();
        assert!(
            code == "invalid_argument" && message.contains(said),
            "{args}: {message}"
        );
        let (_, by_a_plugin) = house.call("relay.set", args.clone()).unwrap_err();
        assert!(by_a_plugin.contains(said), "{args}: {by_a_plugin}");
        let (_, by_a_process) = house.call("caller.set", args.clone()).unwrap_err();
        assert!(by_a_process.contains(said), "{args}: {by_a_process}");
        assert_eq!(SEEN.load(Ordering::SeqCst), before, "{args}: the plugin saw it");
    }
    let fits = json!({"target": 20.5, "rooms": ["a"]});
    for service in ["heating.set", "relay.set"] {
        assert_eq!(house.call(service, fits.clone()), Ok(json!(21.5)), "{service}");
    }
    assert_eq!(house.call("caller.set", fits), Ok(json!(21.5)));
    // It was the callers' mistake, each time.
    let heating = info(&house.host, "heating").counters;
    assert_eq!((heating.calls, heating.errors), (15, 0), "{heating:?}");
}

#[test]
fn over_the_link_too_and_many_in_a_row() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let host = Host::builder()
        .plugin_type(PluginType::described::<Heating>())
        .start(config.clone())
        .unwrap();
    let ask = LinkRequest::Call {
        service: "heating.set",
        args: Raw(b"{\"target\":[]}"),
        timeout_ms: 10_000,
        parent: None,
    };
    let said = asked(&config, ask, |reply| match reply {
        LinkReply::Failed(failure) => failure.to_string(),
        other => panic!("{other:?}"),
    });
    assert!(said.contains("/target: expected number, got array"), "{said}");
    // More at a time than are refused in one turn: each is answered, and the good one among them too.
    let services = host.runtime().services();
    let threads: Vec<_> = (0..64)
        .map(|number| {
            std::thread::spawn(move || {
                let args = if number == 40 { "{\"target\":1}" } else { "7" };
                let mut buf = [0; 64];
                let reply = block_on(services.call("heating.set", Json::parse(args).unwrap(), &mut buf));
                (number, reply.map(|_| ()).map_err(|error| error.code().to_owned()))
            })
        })
        .collect();
    for thread in threads {
        let (number, outcome) = thread.join().unwrap();
        match number {
            40 => assert_eq!(outcome, Ok(())),
            _ => assert_eq!(outcome, Err("invalid_argument".to_owned())),
        }
    }
}

#[test]
fn what_it_says_of_them_is_shown_while_it_is_loaded() {
    let house = host();
    let shown = house
        .call("plugins.services", json!({"name": "heating.set"}))
        .unwrap();
    let [service] = &shown.as_array().unwrap()[..] else {
        panic!("{shown}");
    };
    assert_eq!(service["plugin"], "heating");
    assert_eq!(service["description"], "Sets the temperature to keep.");
    assert_eq!(
        service["schema"]["properties"]["target"]["description"],
        "Degrees Celsius."
    );
    assert_eq!(service["returns"]["type"], "number");
    assert_eq!(service["examples"], json!([{"target": 21.5}]));
    let of_relay = house
        .call("plugins.services", json!({"plugin": "relay"}))
        .unwrap();
    assert_eq!(of_relay[0]["name"], "relay.set");
    assert_eq!(of_relay[0].get("schema"), None);
    let after = house.call("plugins.services", json!({"after": "relay"})).unwrap();
    assert_eq!(after[0]["name"], "relay.set", "{after}");
    for _ in 0..2 {
        house.call("plugins.unload", json!({"name": "heating"})).unwrap();
        let gone = house
            .call("plugins.services", json!({"name": "heating.set"}))
            .unwrap();
        assert_eq!(gone, json!([]));
        house.call("plugins.start", json!({"name": "heating"})).unwrap();
        let (code, _) = house.call("heating.set", json!({"target": null})).unwrap_err();
        assert_eq!(code, "invalid_argument");
    }
}

#[test]
fn of_the_runtimes_own_it_is_known_which_only_read() {
    let house = host();
    for (name, reads) in [
        ("plugins.list", Some(&json!(true))),
        ("plugins.unrestricted", Some(&json!(true))),
        ("plugins.settings", None),
        ("plugins.remove", None),
    ] {
        let shown = house.call("plugins.services", json!({ "name": name })).unwrap();
        assert_eq!(shown[0]["plugin"], "plugins");
        assert_eq!(shown[0].get("reads"), reads, "{name}");
    }
    let (code, message) = house
        .call("plugins.unrestricted", json!({"kind": "unikernel"}))
        .unwrap_err();
    assert!(
        code == "invalid_argument" && message.contains("`http`"),
        "{message}"
    );
}
