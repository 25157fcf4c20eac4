//! Each request and its answer.

use kernel_core::storage::Page;
use kernel_core::{Capacities, Overflow, PluginMetadata, PluginState};

use crate::session::*;
use crate::support;

#[test]
fn every_request_has_its_answer() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        ask!(client, Request::Ping, Reply::Done);
        let call = |service, args: &'static [u8]| Request::Call { service, timeout_ms: 500, parent: None, args: Raw(args) };
        ask!(client, call("echo.back", b"[1,2]"), Reply::Json(Raw(b"[1,2]")));
        ask!(client, call("echo.fail", b"1"), Reply::Failed(Failure::Error { code: "no_luck", message: "it was not to be" }));
        refused!(client, call("echo.nobody", b"1"), "not_found");
        refused!(client, call("echo.back", b"[1,"), "not_json");
        refused!(client, call("echo.never", b"1"), "timeout");

        let publish = |topic, payload: &'static [u8]| Request::Publish { topic, timeout_ms: 1000, payload: Raw(payload) };
        ask!(client, publish("other.topic", b"1"), Reply::Count(0));
        for topic in ["runtime.plugin.echo", "state.changed.lamp"] {
            ask!(client, publish(topic, b"1"), Reply::Failed(why) => {
                assert_eq!(why.code(), "reserved");
                assert!(why.to_string().contains("choose another"), "{why}");
            });
        }
        refused!(client, publish("echo..x", b"1"), "invalid_name");

        let set = |key, expected| Request::StateSet { key, value: Raw(b"{\"on\":true}"), ttl_ms: Some(60_000), expected };
        let version = ask!(client, set("lamp", Some(0)), Reply::Count(version) => version);
        refused!(client, set("lamp", Some(0)), "conflict");
        ask!(client, Request::StateGet { key: "lamp" }, Reply::State(State { key: "lamp", owner: "operator", version: now, ttl_ms: Some(_), value: Some(Raw(b"{\"on\":true}")) }) if now == version);
        ask!(client, Request::StateDelete { key: "lamp", expected: None }, Reply::Done);
        ask!(client, Request::StateGet { key: "lamp" }, Reply::Absent);
        refused!(client, set("runtime.x", None), "reserved");

        let (namespace, key) = ("home", "rooms");
        ask!(client, Request::StorageGet { namespace, key }, Reply::Absent);
        ask!(client, Request::StorageSet { namespace, key, value: Raw(b"[\"hall\"]") }, Reply::Done);
        ask!(client, Request::StorageGet { namespace, key }, Reply::Json(Raw(b"[\"hall\"]")));
        ask!(client, Request::StorageKeys { namespace, after: "", limit: 10 }, Reply::Names(Raw(page)) => {
            assert_eq!(Page::new(page).collect::<Vec<_>>(), ["rooms"]);
        });
        ask!(client, Request::StorageNamespaces { after: "", limit: 10 }, Reply::Names(Raw(page)) => {
            assert_eq!(Page::new(page).collect::<Vec<_>>(), ["home"]);
        });
        ask!(client, Request::StorageDelete { namespace, key: "none" }, Reply::Absent);
        ask!(client, Request::StorageClear { namespace }, Reply::Count(1));
        let mut ops = vec![1, 1, 1, 0, 0, 0, b'a', b'1', 1, 1, 2, 0, 0, 0, b'b', b'2', b'3'];
        ask!(client, Request::StorageBatch { namespace, ops: Raw(&ops) }, Reply::Done);
        ask!(client, Request::StorageGet { namespace, key: "b" }, Reply::Json(Raw(b"23")));
        ops[16] = b'x';
        refused!(client, Request::StorageBatch { namespace, ops: Raw(&ops) }, "not_json");
        refused!(client, Request::StorageSet { namespace, key, value: Raw(b"nul") }, "not_json");
        let entries = Raw(b"\x01\x00\x01\x00\x00\x00a1\x01\x00\x01\x00\x00\x00b2");
        ask!(client, Request::StateUpdate { entries }, Reply::Done);
        ask!(client, Request::StateGet { key: "b" }, Reply::State(State { value: Some(Raw(b"2")), ttl_ms: None, .. }));
        ask!(client, Request::StateClear, Reply::Count(2));
        for what in [Request::Subscribe { filter: "a" }, Request::Settings, Request::Interval { ms: 5 }] {
            refused!(client, what, "not_attached");
        }

        ask!(client, Request::Health, Reply::Health(health) => assert_eq!((health.plugins, health.started, health.storage), (2, 2, true)));
        ask!(client, Request::Metrics, Reply::Metrics(metrics) => assert_eq!(metrics.services.used, 4));
        let manage = |action| Request::Manage { action, plugin: "echo" };
        refused!(client, manage(Action::Stop), "stop_timeout");
        ask!(client, manage(Action::Start), Reply::PluginState(PluginState::Started));
        ask!(client, manage(Action::Stop), Reply::PluginState(PluginState::Stopped));
        refused!(client, call("echo.back", b"1"), "unavailable");
        ask!(client, manage(Action::Unload), Reply::PluginState(PluginState::Unloaded));
    });
}

#[test]
fn lists_come_item_by_item_and_end() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        for (key, value) in [("lamp.hall", "1"), ("other", "0"), ("lamp.kitchen", "2")] {
            runtime.state().set(key, support::json(value)).await.unwrap();
        }
        let mut names = Vec::new();
        for (id, what) in [
            (1, Request::Plugins),
            (2, Request::Services),
            (3, Request::Subscriptions),
            (4, Request::States { prefix: "lamp." }),
            (5, Request::Calls),
        ] {
            client.request(id, what).await.unwrap();
            loop {
                match client.next().await.unwrap() {
                    ToClient::Reply { id: got, what } if got == id => match what {
                        Reply::End => break,
                        Reply::Plugin(plugin) => {
                            names.push(format!("{} {} {:?}", plugin.name, plugin.version, plugin.state))
                        }
                        Reply::Service(service) => {
                            names.push(format!("{} of {}", service.name, service.owner))
                        }
                        Reply::Subscription { plugin, filter } => names.push(format!("{plugin} {filter}")),
                        Reply::State(state) => names.push(format!(
                            "{} {}",
                            state.key,
                            String::from_utf8_lossy(state.value.unwrap().0)
                        )),
                        other => panic!("{other:?}"),
                    },
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(
            names,
            [
                "echo 1.2.3 Started",
                "storage 0.1.0 Started",
                "echo.back of echo",
                "echo.fail of echo",
                "echo.never of echo",
                "storage of storage",
                "echo echo.*",
                "lamp.hall 1",
                "lamp.kitchen 2"
            ]
        );
    });
}

#[test]
fn a_publish_that_waits_is_no_refused_one_and_keeps_nothing_else_waiting() {
    let (runtime, mut tasks) = start(&Capacities {
        log_bytes: 512,
        ..ROOM
    });
    let kernel = runtime.kernel();
    let mut slow = support::ByHand::started(
        &runtime,
        PluginMetadata {
            overflow: Overflow::Block,
            ..PluginMetadata::new("slow", "1.0.0")
        },
    );
    slow.cx().subscribe("slow.in").now().unwrap();
    while runtime.bus().try_publish("slow.in", support::json("1")).is_ok() {}
    let refused = runtime.metrics().refused;
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 1024);
    let publish = Request::Publish {
        topic: "slow.in",
        timeout_ms: 5_000,
        payload: Raw(b"2"),
    };
    tasks.run(kernel, async {
        open(&mut client).await;
        refused!(
            client,
            Request::Publish {
                topic: "slow.in",
                timeout_ms: 0,
                payload: Raw(b"2")
            },
            "busy"
        );
        client.request(5, publish).await.unwrap();
        ask!(client, Request::Ping, Reply::Done);
        refused!(client, publish, "in_flight");
        let call = Request::Call {
            service: "echo.back",
            timeout_ms: 500,
            parent: None,
            args: Raw(b"1"),
        };
        ask!(client, call, Reply::Json(_));
    });
    assert!(matches!(slow.next(), Some(support::Seen::Event { .. })));
    while slow.next().is_some() {}
    tasks.run(kernel, async {
        match client.next().await.unwrap() {
            ToClient::Reply {
                id: 5,
                what: Reply::Count(1),
            } => {}
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(
        runtime.metrics().refused,
        refused + 1,
        "only the one that did not wait"
    );

    // One that is cancelled is never published, and one that waits too long is told who is slow.
    while runtime.bus().try_publish("slow.in", support::json("1")).is_ok() {}
    tasks.run(kernel, async {
        client.request(6, publish).await.unwrap();
        client.send(&ToRuntime::Cancel { id: 6 }).await.unwrap();
        let short = Request::Publish {
            topic: "slow.in",
            timeout_ms: 20,
            payload: Raw(b"3"),
        };
        refused!(client, short, "timeout");
    });
    assert_eq!(runtime.metrics().waits.used, 0);
}

#[test]
fn a_name_longer_than_any_plugins_is_nobodys() {
    const NAME: &str = "a-name-of-thirty-two-bytes-plugi";
    let (runtime, mut tasks) = start(&ROOM);
    let meta = PluginMetadata::new(NAME, "1.0.0");
    runtime.plugins().install(support::metadata(meta)).unwrap();
    let (mut client, _) = connect(&mut tasks, runtime.kernel(), CONFIG, 1024);
    tasks.run(runtime.kernel(), async {
        open(&mut client).await;
        let plugin = concat!("a-name-of-thirty-two-bytes-plugi", "n");
        let manage = Request::Manage {
            action: Action::Stop,
            plugin,
        };
        refused!(client, manage, "not_found");
        ask!(
            client,
            Request::Manage {
                action: Action::Stop,
                plugin: NAME
            },
            Reply::PluginState(PluginState::Unloaded)
        );
    });
}

#[test]
fn a_service_says_how_long_its_calls_took() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        for _ in 0..3 {
            let call = Request::Call {
                service: "echo.back",
                timeout_ms: 500,
                parent: None,
                args: Raw(b"1"),
            };
            ask!(client, call, Reply::Json(_));
        }
        client.request(9, Request::Services).await.unwrap();
        loop {
            match client.next().await.unwrap() {
                ToClient::Reply {
                    id: 9,
                    what: Reply::End,
                } => break,
                ToClient::Reply {
                    id: 9,
                    what: Reply::Service(service),
                } => {
                    let calls = if service.name == "echo.back" { 3 } else { 0 };
                    assert_eq!(service.latency.iter().sum::<u32>(), calls, "{}", service.name);
                    assert_eq!(service.counters.calls, calls);
                }
                other => panic!("{other:?}"),
            }
        }
    });
}
