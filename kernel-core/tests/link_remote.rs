//! Plugins on the other side of a link.
#![cfg(feature = "link")]

#[path = "support/pipe.rs"]
mod pipe;
mod support;
#[macro_use]
#[path = "support/session.rs"]
mod session;

use std::time::Duration;

use kernel_core::{Capacities, PluginState, json_literal};
use session::*;

#[test]
fn a_remote_plugin_is_a_plugin_until_it_disconnects() {
    let (runtime, mut tasks) = start(&Capacities::DEFAULT);
    let kernel = runtime.kernel();
    let (mut client, ended) = connect(&mut tasks, kernel, IDENTITY, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        client
            .request(
                1,
                Request::Attach {
                    name: "far",
                    version: "0.1",
                    description: "far away",
                },
            )
            .await
            .unwrap();
        assert!(matches!(
            client.next().await.unwrap(),
            ToClient::Reply {
                id: 1,
                what: Reply::Done
            }
        ));
        assert!(matches!(client.next().await.unwrap(), ToClient::Step(Step::Load)));
        ask!(
            client,
            Request::Register {
                service: "far.double",
                description: "",
                version: "1",
                deprecated: false
            },
            Reply::Done
        );
        ask!(
            client,
            Request::Register {
                service: "echo.back",
                description: "",
                version: "1",
                deprecated: false
            },
            Reply::Failed(Failure {
                code: "duplicate",
                ..
            })
        );
        ask!(client, Request::Subscribe { filter: "far.>" }, Reply::Done);
        ask!(
            client,
            Request::StorageSet {
                namespace: "echo",
                key: "k",
                value: Raw(b"1")
            },
            Reply::Failed(Failure { code: "denied", .. })
        );
        ask!(
            client,
            Request::StateSet {
                key: "far.state",
                value: Raw(b"1"),
                ttl_ms: None,
                expected: None
            },
            Reply::Count(_)
        );
        client.send(&ToRuntime::StepDone { error: None }).await.unwrap();
        assert!(matches!(
            client.next().await.unwrap(),
            ToClient::Step(Step::Start)
        ));
        client.send(&ToRuntime::StepDone { error: None }).await.unwrap();
        ask!(
            client,
            Request::StorageSet {
                namespace: "far",
                key: "k",
                value: Raw(b"1")
            },
            Reply::Done
        );
    });
    assert_eq!(runtime.plugins().state("far"), Some(PluginState::Started));

    // It is called, and gets an event, in the order in which they came.
    assert_eq!(runtime.bus().try_publish("far.event", json_literal!("7")), Ok(1));
    let pending = runtime
        .services()
        .begin("far.double", json_literal!("21"), None)
        .unwrap();
    let late = runtime
        .services()
        .begin("far.double", json_literal!("1"), Some(Duration::from_secs(3)))
        .unwrap();
    tasks.run(kernel, async {
        match client.next().await.unwrap() {
            ToClient::Deliver { event, lost: 0 } => {
                assert_eq!((event.topic, event.payload.0), ("far.event", &b"7"[..]))
            }
            other => panic!("{other:?}"),
        }
        let call = match client.next().await.unwrap() {
            ToClient::Called {
                call,
                service: "far.double",
                args: Raw(b"21"),
            } => call,
            other => panic!("{other:?}"),
        };
        client.answer(call, Ok(Raw(b"42"))).await.unwrap();
        let call = match client.next().await.unwrap() {
            ToClient::Called {
                call,
                args: Raw(b"1"),
                ..
            } => call,
            other => panic!("{other:?}"),
        };
        // A call back to the echo plugin while answering: it belongs to the call.
        let back = Request::Call {
            service: "echo.back",
            args: Raw(b"5"),
            timeout_ms: 0,
            parent: Some(call),
        };
        ask!(client, back, Reply::Json(Raw(b"5")));
    });
    let mut buf = [0; 16];
    assert_eq!(tasks.run(kernel, pending.reply(&mut buf)).unwrap().as_str(), "42");

    // It goes away in the middle of the second call.
    drop(client);
    tasks.settle();
    assert!(ended.get(), "the session ended");
    let gone = tasks.run(kernel, late.reply(&mut buf)).unwrap_err();
    assert_eq!(gone.code(), "gone");
    assert_eq!(runtime.plugins().state("far"), None);
    assert!(!runtime.services().has_service("far.double"));
    assert!(!runtime.state().exists("far.state"));
    let metrics = runtime.metrics();
    assert_eq!(
        (
            metrics.filters.used,
            metrics.names.used,
            metrics.calls.used,
            metrics.plugins.used
        ),
        (1, 0, 0, 1)
    );
}

#[test]
fn a_remote_plugin_is_stopped_started_and_fails_like_any_other() {
    let (runtime, mut tasks) = start(&Capacities::DEFAULT);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, IDENTITY, 1024);
    tasks.spawn(async move {
        open(&mut client).await;
        client
            .request(
                1,
                Request::Attach {
                    name: "far",
                    version: "0.1",
                    description: "",
                },
            )
            .await
            .unwrap();
        let mut starts = 0;
        loop {
            let (failed, ended) = match client.next().await {
                Ok(ToClient::Step(Step::Start)) => {
                    starts += 1;
                    (starts == 2, false)
                }
                Ok(ToClient::Step(Step::Ended)) => (false, true),
                Ok(ToClient::Step(_)) => (false, false),
                Ok(_) => continue,
                Err(_) => return,
            };
            if !ended {
                let error = failed.then_some(Failure {
                    code: "cold",
                    message: "the second start",
                });
                client.send(&ToRuntime::StepDone { error }).await.unwrap();
            }
        }
    });
    tasks.settle();
    let plugins = runtime.plugins();
    assert_eq!(plugins.state("far"), Some(PluginState::Started));
    assert_eq!(tasks.run(kernel, plugins.stop("far")), Ok(PluginState::Stopped));
    let failed = tasks.run(kernel, plugins.start("far")).unwrap_err();
    assert_eq!(failed.code(), "cold");
    assert_eq!(plugins.state("far"), Some(PluginState::Failed));
    assert_eq!(tasks.run(kernel, plugins.start("far")), Ok(PluginState::Started));
    assert_eq!(tasks.run(kernel, plugins.reload("far")), Ok(PluginState::Started));
    assert_eq!(
        tasks.run(kernel, plugins.unload("far")),
        Ok(PluginState::Unloaded)
    );
}
