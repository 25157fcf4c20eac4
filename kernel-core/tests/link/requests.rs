//! Each request and its answer.

use std::time::Duration;

use kernel_core::bus::{Overflow, Tap, Tapped};
use kernel_core::storage::Page;
use kernel_core::{Capacities, Cause, PluginMetadata, PluginState};

use crate::session::*;
use crate::support;

#[test]
fn every_request_has_its_answer() {
    let (runtime, mut tasks) = start(&Capacities::DEFAULT);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, IDENTITY, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        ask!(client, Request::Ping, Reply::Done);
        let call = |service, args: &'static [u8]| Request::Call { service, args: Raw(args), timeout_ms: 500, parent: None };
        ask!(client, call("echo.back", b"[1,2]"), Reply::Json(Raw(b"[1,2]")));
        ask!(client, call("echo.fail", b"1"), Reply::Failed(Failure { code: "no_luck", message: "it was not to be" }));
        ask!(client, call("echo.nobody", b"1"), Reply::Failed(Failure { code: "not_found", .. }));
        ask!(client, call("echo.back", b"[1,"), Reply::Failed(Failure { code: "not_json", .. }));
        ask!(client, call("echo.never", b"1"), Reply::Failed(Failure { code: "timeout", .. }));

        let publish = |topic, payload: &'static [u8]| Request::Publish { topic, payload: Raw(payload), cause: Cause::None };
        ask!(client, publish("other.topic", b"1"), Reply::Count(0));
        for topic in ["runtime.plugin.echo", "state.changed.lamp"] {
            ask!(client, publish(topic, b"1"), Reply::Failed(Failure { code: "reserved_topic", message }) => {
                assert!(message.contains("publish under another name"), "{message}");
            });
        }
        ask!(client, publish("echo..x", b"1"), Reply::Failed(Failure { code: "invalid_topic", .. }));

        let set = |key, expected| Request::StateSet { key, value: Raw(b"{\"on\":true}"), ttl_ms: Some(60_000), expected };
        let version = ask!(client, set("lamp", Some(0)), Reply::Count(version) => version);
        ask!(client, set("lamp", Some(0)), Reply::Failed(Failure { code: "conflict", .. }));
        ask!(client, Request::StateGet { key: "lamp" }, Reply::State(State { key: "lamp", owner: "operator", version: now, ttl_ms: Some(_), value: Some(Raw(b"{\"on\":true}")) }) if now == version);
        ask!(client, Request::StateDelete { key: "lamp", expected: None }, Reply::Done);
        ask!(client, Request::StateGet { key: "lamp" }, Reply::Absent);
        ask!(client, set("runtime.x", None), Reply::Failed(Failure { code: "reserved", .. }));

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

        ask!(client, Request::Health, Reply::Health(health) => assert_eq!(health.plugins, 1));
        ask!(client, Request::Metrics, Reply::Metrics(metrics) => assert_eq!(metrics.services.used, 3));
        let manage = |action| Request::Manage { action, plugin: "echo" };
        ask!(client, manage(Action::Stop), Reply::Failed(Failure { code: "stop_timeout" | "hook_timeout" | "timeout", .. }) => {});
        ask!(client, manage(Action::Start), Reply::PluginState(PluginState::Started));
        ask!(client, manage(Action::Stop), Reply::PluginState(PluginState::Stopped));
        ask!(client, call("echo.back", b"1"), Reply::Failed(Failure { code: "unavailable", .. }));
        ask!(client, manage(Action::Unload), Reply::PluginState(PluginState::Unloaded));
    });
}

#[test]
fn lists_come_item_by_item_and_end() {
    let (runtime, mut tasks) = start(&Capacities::DEFAULT);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, IDENTITY, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        let mut names = Vec::new();
        for (id, what) in [
            (1, Request::Plugins),
            (2, Request::Services),
            (3, Request::Subscriptions),
            (4, Request::States { prefix: "runtime." }),
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
                "echo.back of echo",
                "echo.fail of echo",
                "echo.never of echo",
                "echo echo.*",
                "runtime.status \"running\""
            ]
        );
    });
}

#[test]
fn a_publish_that_waits_is_no_refused_one_and_keeps_its_cause() {
    let (runtime, mut tasks) = start(&Capacities {
        log_bytes: 512,
        ..Capacities::DEFAULT
    });
    let kernel = runtime.kernel();
    let mut slow = support::ByHand::started(
        &runtime,
        PluginMetadata {
            overflow: Overflow::Block,
            ..PluginMetadata::new("slow", "1.0.0")
        },
    );
    slow.cx().subscribe("slow.in").unwrap();
    while runtime.bus().try_publish("slow.in", support::json("1")).is_ok() {}
    let refused = runtime.metrics().refused;
    tasks.spawn(async move {
        kernel.sleep(Duration::from_millis(10)).await.unwrap();
        loop {
            slow.mailbox.next(&mut [0; 64]).await;
        }
    });
    let (mut client, _) = connect(&mut tasks, kernel, IDENTITY, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        let publish = Request::Publish {
            topic: "slow.in",
            payload: Raw(b"2"),
            cause: Cause::Event(1),
        };
        ask!(client, publish, Reply::Count(1));
    });
    let metrics = runtime.metrics();
    assert_eq!(metrics.refused, refused, "it was published");
    let mut tap = Tap::open(kernel, Some(metrics.next_seq - 1)).unwrap();
    match tap.try_next(&mut [0; 64]) {
        Some(Tapped::Record(record)) => {
            assert_eq!((record.payload, record.cause), (&b"2"[..], Cause::Event(1)))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_name_longer_than_any_plugins_is_nobodys() {
    const NAME: &str = "a-name-of-thirty-two-bytes-plugi";
    let (runtime, mut tasks) = start(&Capacities::DEFAULT);
    let meta = PluginMetadata::new(NAME, "1.0.0");
    runtime.plugins().install(support::metadata(meta)).unwrap();
    let (mut client, _) = connect(&mut tasks, runtime.kernel(), IDENTITY, 1024);
    tasks.run(runtime.kernel(), async {
        open(&mut client).await;
        let plugin = concat!("a-name-of-thirty-two-bytes-plugi", "n");
        let manage = Request::Manage {
            action: Action::Stop,
            plugin,
        };
        ask!(
            client,
            manage,
            Reply::Failed(Failure {
                code: "not_found",
                ..
            })
        );
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
fn a_service_tells_how_long_its_calls_took() {
    let capacities = Capacities {
        latency_buckets: 4,
        ..Capacities::DEFAULT
    };
    let (runtime, mut tasks) = start(&capacities);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, IDENTITY, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        let call = |service, timeout_ms| Request::Call {
            service,
            args: Raw(b"1"),
            timeout_ms,
            parent: None,
        };
        for _ in 0..3 {
            ask!(client, call("echo.back", 500), Reply::Json(_));
        }
        ask!(
            client,
            call("echo.never", 1),
            Reply::Failed(Failure { code: "timeout", .. })
        );
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
                    let latency: Vec<u32> = service.latency().collect();
                    let expected = match service.name {
                        "echo.back" => [3, 0, 0, 0],
                        "echo.fail" => [0; 4],
                        _ => [0, 0, 0, 1],
                    };
                    assert_eq!(latency, expected, "{}", service.name);
                }
                other => panic!("{other:?}"),
            }
        }
    });
}
