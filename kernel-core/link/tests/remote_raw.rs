//! Plugins on the other side of a link, message by message.
#![cfg(feature = "host")]

#[path = "support/pipe.rs"]
mod pipe;
#[path = "../../tests/support/mod.rs"]
mod support;
#[macro_use]
#[path = "support/session.rs"]
mod session;

use std::time::Duration;

use kernel_core::{PluginState, json_literal};
use session::*;
use support::Pending;

const ATTACH: Request<'static> = Request::Attach {
    name: "far",
    version: "0.1",
    description: "far away",
    dependencies: "echo",
    blocks: false,
    restarts: false,
};

async fn step(client: &mut TestClient) -> Step {
    match client.next().await.unwrap() {
        ToClient::Step { step, .. } => step,
        other => panic!("{other:?}"),
    }
}

async fn done(client: &mut TestClient) {
    client.send(&ToRuntime::StepDone { error: None }).await.unwrap();
}

fn register(service: &'static str) -> Request<'static> {
    Request::Register {
        service,
        description: "",
        version: "1",
        deprecated: false,
    }
}

#[test]
fn a_remote_plugin_is_a_plugin_until_it_disconnects() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let before = runtime.metrics();
    let (mut client, ended) = connect(&mut tasks, kernel, CONFIG, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        ask!(client, ATTACH, Reply::Attached { .. });
        assert_eq!(step(&mut client).await, Step::Load);
        refused!(client, ATTACH, "attached");
        ask!(client, register("far.double"), Reply::Done);
        refused!(client, register("echo.back"), "taken");
        ask!(client, Request::Subscribe { filter: "far.>" }, Reply::Done);
        ask!(client, Request::Subscribe { filter: "far.>" }, Reply::Absent);
        refused!(
            client,
            Request::StorageSet {
                namespace: "echo",
                key: "k",
                value: Raw(b"1")
            },
            "denied"
        );
        let set = Request::StateSet {
            key: "far.state",
            value: Raw(b"1"),
            ttl_ms: None,
            expected: None,
        };
        ask!(client, set, Reply::Count(_));
        done(&mut client).await;
        assert_eq!(step(&mut client).await, Step::Start);
        done(&mut client).await;
        ask!(
            client,
            Request::StorageSet {
                namespace: "far",
                key: "k",
                value: Raw(b"1")
            },
            Reply::Done
        );
        client.request(1, Request::Plugins).await.unwrap();
        loop {
            match client.next().await.unwrap() {
                ToClient::Reply {
                    what: Reply::Plugin(row),
                    ..
                } if row.name == "far" => {
                    assert_eq!((row.placement, row.dependencies.len()), ("remote", 1));
                }
                ToClient::Reply { what: Reply::End, .. } => break,
                _ => {}
            }
        }
    });
    assert_eq!(runtime.plugins().state("far"), Some(PluginState::Started));

    // It is called, and gets an event, in the order in which they came, each when the one before is handled.
    assert_eq!(runtime.bus().try_publish("far.event", json_literal!("7")), Ok(1));
    let cx = runtime.context();
    let mut pending = Pending::begin(cx, "far.double", json_literal!("21"), None).unwrap();
    let mut late =
        Pending::begin(cx, "far.double", json_literal!("1"), Some(Duration::from_secs(3))).unwrap();
    tasks.run(kernel, async {
        match client.next().await.unwrap() {
            ToClient::Deliver { event, lost: 0, .. } => {
                assert_eq!(
                    (event.topic, event.payload.0, event.source),
                    ("far.event", &b"7"[..], "operator")
                );
            }
            other => panic!("{other:?}"),
        }
        done(&mut client).await;
        let call = match client.next().await.unwrap() {
            ToClient::Called {
                call,
                service: "far.double",
                args: Raw(b"21"),
                ..
            } => call,
            other => panic!("{other:?}"),
        };
        // What is no JSON is no answer.
        client
            .send(&ToRuntime::Answer {
                call,
                result: Ok(Raw(b"42")),
            })
            .await
            .unwrap();
        done(&mut client).await;
        match client.next().await.unwrap() {
            ToClient::Called { args: Raw(b"1"), .. } => {}
            other => panic!("{other:?}"),
        }
        // A call back to the echo plugin while answering: it belongs to the call.
        let back = Request::Call {
            service: "echo.back",
            timeout_ms: 0,
            parent: None,
            args: Raw(b"5"),
        };
        ask!(client, back, Reply::Json(Raw(b"5")));
        let round = Request::Call {
            service: "far.double",
            timeout_ms: 0,
            parent: None,
            args: Raw(b"5"),
        };
        refused!(client, round, "cycle");
    });
    assert_eq!(pending.outcome(), Some(Ok("42".to_owned())));

    // It goes away in the middle of the second call.
    drop(client);
    tasks.settle();
    assert!(ended.get().is_some(), "the session ended");
    assert_eq!(
        late.outcome(),
        Some(Err(support::Failure::Fault(kernel_core::Fault::Gone)))
    );
    assert_eq!(runtime.plugins().state("far"), None);
    assert!(!runtime.services().has_service("far.double").now().unwrap());
    drop((pending, late));
    let after = runtime.metrics();
    let used = |m: &kernel_core::Metrics| {
        [
            m.filters.used,
            m.names.used,
            m.calls.used,
            m.plugins.used,
            m.state_entries.used,
            m.services.used,
        ]
    };
    assert_eq!(used(&after), used(&before));
}

#[test]
fn a_remote_plugin_is_stopped_started_and_fails_like_any_other() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 1024);
    tasks.spawn(async move {
        open(&mut client).await;
        client.request(1, ATTACH).await.unwrap();
        let mut starts = 0;
        loop {
            let failed = match client.next().await {
                Ok(ToClient::Step {
                    step: Step::Start, ..
                }) => {
                    starts += 1;
                    starts == 2
                }
                Ok(ToClient::Step { .. }) => false,
                Ok(_) => continue,
                Err(_) => return,
            };
            let error = failed.then_some(Failure::Error {
                code: "cold",
                message: "the second start",
            });
            client.send(&ToRuntime::StepDone { error }).await.unwrap();
        }
    });
    tasks.settle();
    let plugins = runtime.plugins();
    assert_eq!(plugins.state("far"), Some(PluginState::Started));
    assert_eq!(tasks.run(kernel, plugins.stop("far")), Ok(PluginState::Stopped));
    let failed = tasks.run(kernel, plugins.start("far")).unwrap_err();
    assert_eq!((failed.code(), failed.message()), ("cold", "the second start"));
    assert_eq!(plugins.state("far"), Some(PluginState::Failed));
    assert_eq!(tasks.run(kernel, plugins.start("far")), Ok(PluginState::Started));
    assert_eq!(tasks.run(kernel, plugins.reload("far")), Ok(PluginState::Started));
    assert_eq!(
        tasks.run(kernel, plugins.unload("far")),
        Ok(PluginState::Unloaded)
    );
}

#[test]
fn a_hook_that_hangs_on_the_other_side_is_seen_and_said() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        ask!(client, ATTACH, Reply::Attached { .. });
        assert_eq!(step(&mut client).await, Step::Load);
        client.request(1, Request::Sleep { ms: 60_000 }).await.unwrap();
        let never = Request::Call {
            service: "echo.never",
            timeout_ms: 0,
            parent: None,
            args: Raw(b"1"),
        };
        client.request(2, never).await.unwrap();
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(match client.next().await.unwrap() {
                ToClient::Step { step, .. } => format!("{step:?}"),
                ToClient::Reply {
                    id,
                    what: Reply::Failed(why),
                } => format!("{id} {}", why.code()),
                other => panic!("{other:?}"),
            });
        }
        seen.sort();
        assert_eq!(seen, ["1 unloaded", "2 unloaded", "Ended"]);
        refused!(client, register("far.late"), "unloaded");
    });
    assert_eq!(runtime.plugins().state("far"), Some(PluginState::Failed));
    let metrics = runtime.metrics();
    assert_eq!(
        (metrics.waits.used, metrics.calls.used),
        (0, 0),
        "what was in flight was given back"
    );
}
