//! What can be done with a chip over its serial line.

use kernel_core::PluginState;
use kernel_link::{Action, Raw, Reply, Request, ToClient, ToRuntime};
use tests::mcu::is_skipped;

use crate::line::{Node, PLUGINS, Session, block_on};

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn a_chip_is_operated_over_its_serial_line() {
    if is_skipped("node") {
        return;
    }
    block_on(async {
        let mut node = Node::start();
        let mut session = node.session(1).await;
        session.until_started(&PLUGINS).await;
        calls(&mut session).await;
        watches(&mut session).await;
        leads_a_plugin(&mut session).await;
        keeps_state(&mut session).await;
        tells_what_it_does_not_do(&mut session).await;
        is_well(&mut session).await;
        node.assert_alive();
    });
}

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn a_line_changes_hands() {
    if is_skipped("node") {
        return;
    }
    block_on(async {
        let mut node = Node::start();
        for nonce in 0..20 {
            let mut session = node.session(nonce).await;
            // It goes away with a watch running, and events under way.
            watch(&mut session, ">", 1000).await;
        }
        node.session(99).await.ping().await;
        node.assert_alive();
    });
}

async fn calls(session: &mut Session) {
    let call = Request::Call {
        service: "example.hello",
        args: Raw("\"Мир\"".as_bytes()),
        timeout_ms: 0,
        parent: None,
    };
    let reply = session
        .ask(call, |reply| match reply {
            Reply::Json(json) => Some(String::from_utf8(json.0.to_vec()).unwrap()),
            _ => None,
        })
        .await;
    assert_eq!(reply, "\"Привет, Мир!\"");
    let publish = Request::Publish {
        topic: "example.test",
        timeout_ms: 0,
        payload: Raw(b"1"),
    };
    assert_eq!(session.ask(publish, count).await, 1);
}

async fn watch(session: &mut Session, filter: &str, credit: u32) {
    let watch = Request::Watch {
        filter,
        since: None,
        credit,
    };
    session.ask(watch, count).await;
}

/// Five temperatures, in order; then no more, since no more were allowed.
async fn watches(session: &mut Session) {
    watch(session, "sensor.>", 5).await;
    let mut last = 0;
    for _ in 0..5 {
        let seq = session
            .until(|message| match message {
                ToClient::Event(event) => {
                    assert_eq!((event.topic, event.source), ("sensor.hall.temperature", "sensor"));
                    Some(event.seq)
                }
                _ => None,
            })
            .await;
        assert!(seq > last);
        last = seq;
    }
    session.ask(Request::Unwatch, done).await;
    session.send(ToRuntime::Credit(1)).await;
    session.ping().await;
}

async fn manage(session: &mut Session, action: Action, plugin: &str) -> PluginState {
    session
        .ask(Request::Manage { action, plugin }, |reply| match reply {
            Reply::PluginState(state) => Some(*state),
            _ => None,
        })
        .await
}

async fn leads_a_plugin(session: &mut Session) {
    let stopped = manage(session, Action::Stop, "thermostat").await;
    assert_eq!(stopped, PluginState::Stopped);
    assert!(session.plugins().await.contains(&"thermostat Stopped".to_owned()));
    let started = manage(session, Action::Start, "thermostat").await;
    assert_eq!(started, PluginState::Started);
    let reloaded = manage(session, Action::Reload, "thermostat").await;
    assert_eq!(reloaded, PluginState::Started);
}

async fn keeps_state(session: &mut Session) {
    let set = Request::StateSet {
        key: "test.key",
        value: Raw(b"[1,2]"),
        ttl_ms: Some(60_000),
        expected: Some(0),
    };
    let version = session.ask(set, count).await;
    let get = Request::StateGet { key: "test.key" };
    let found = session
        .ask(get, |reply| match reply {
            Reply::State(state) => Some((state.version, state.value.map(|value| value.0.to_vec()))),
            _ => None,
        })
        .await;
    assert_eq!(found, (version, Some(b"[1,2]".to_vec())));
    let mut keys = Vec::new();
    session
        .ask(Request::States { prefix: "test." }, |reply| match reply {
            Reply::State(state) => {
                keys.push(state.key.to_owned());
                None
            }
            _ => Some(()),
        })
        .await;
    assert_eq!(keys, ["test.key"]);
    let delete = Request::StateDelete {
        key: "test.key",
        expected: None,
    };
    session.ask(delete, done).await;
}

/// What only a host does is answered all the same.
async fn tells_what_it_does_not_do(session: &mut Session) {
    let (namespace, key) = ("example", "status");
    for request in [Request::StorageGet { namespace, key }, Request::Metrics] {
        let refused = session.try_ask(request, done).await.unwrap_err();
        assert!(refused.starts_with("unknown"), "{refused}");
    }
}

async fn is_well(session: &mut Session) {
    let health = session
        .ask(Request::Health, |reply| match reply {
            Reply::Health(health) => Some(*health),
            _ => None,
        })
        .await;
    assert_eq!((health.plugins, health.started), (5, 5), "{health:?}");
    assert!(health.failed.is_empty() && health.storage, "{health:?}");
}

fn count(reply: &Reply<'_>) -> Option<u64> {
    match reply {
        Reply::Count(count) => Some(*count),
        _ => None,
    }
}

fn done(reply: &Reply<'_>) -> Option<()> {
    matches!(reply, Reply::Done).then_some(())
}
