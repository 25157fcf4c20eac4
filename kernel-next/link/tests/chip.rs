//! A chip's side of the link: what it answers, and what it says of the rest. Runs without the feature `host`:
//! `cargo test -p kernel-link --no-default-features --features stream,serial,lists,watch,manage`.
#![cfg(not(feature = "host"))]

#[path = "support/pipe.rs"]
mod pipe;
#[path = "../../tests/support/mod.rs"]
mod support;
#[macro_use]
#[path = "support/session.rs"]
mod session;

use embedded_io_async::Write as _;
use kernel_next::PluginState;
use session::*;

#[test]
fn a_chip_answers_what_it_has() {
    for framing in [Framing::Stream, Framing::Serial] {
        let (runtime, mut tasks) = start(&ROOM);
        let kernel = runtime.kernel();
        let (mut client, ended) = connect(
            &mut tasks,
            kernel,
            Config {
                framing,
                keep_alive_ms: 1_000,
                ..CONFIG
            },
            256,
        );
        tasks.run(kernel, async {
            open(&mut client).await;
            ask!(client, Request::Ping, Reply::Done);
            let call = |service, args: &'static [u8]| {
                Request::Call { service, timeout_ms: 50, parent: None, args: Raw(args) }
            };
            ask!(client, call("echo.back", b"[1,2]"), Reply::Json(Raw(b"[1,2]")));
            ask!(client, call("echo.fail", b"1"), Reply::Failed(Failure::Error { code: "no_luck", .. }));
            refused!(client, call("echo.back", b"[1,"), "not_json");
            refused!(client, call("echo.nobody", b"1"), "not_found");
            let publish = Request::Publish { topic: "echo.x", timeout_ms: 0, payload: Raw(b"7") };
            ask!(client, publish, Reply::Count(1));
            let set = Request::StateSet { key: "lamp", ttl_ms: Some(60_000), expected: Some(0), value: Raw(b"true") };
            let version = ask!(client, set, Reply::Count(version) => version);
            refused!(client, set, "conflict");
            ask!(client, Request::StateGet { key: "lamp" }, Reply::State(state) => {
                assert_eq!((state.version, state.owner, state.value), (version, "operator", Some(Raw(b"true"))));
            });
            ask!(client, Request::StateDelete { key: "lamp", expected: Some(version) }, Reply::Done);
            ask!(client, Request::StateGet { key: "lamp" }, Reply::Absent);
            ask!(client, Request::Health, Reply::Health(health) => assert_eq!(health.plugins, 2));
        });
        assert_eq!(ended.get(), None);
    }
}

#[cfg(all(feature = "lists", feature = "watch", feature = "manage"))]
#[test]
fn a_chip_lists_watches_and_leads_plugins() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 256);
    tasks.run(kernel, async {
        open(&mut client).await;
        let mut rows = Vec::new();
        for what in [
            Request::Plugins,
            Request::Services,
            Request::Subscriptions,
            Request::Calls,
            Request::States { prefix: "" },
        ] {
            client.request(1, what).await.unwrap();
            loop {
                match client.next().await.unwrap() {
                    ToClient::Reply {
                        id: 1,
                        what: Reply::End,
                    } => break,
                    ToClient::Reply { id: 1, what } => rows.push(format!("{what:?}")),
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(rows.len(), 2 + 4 + 1, "{rows:#?}");
        ask!(
            client,
            Request::Watch {
                filter: "tick",
                since: None,
                credit: 1
            },
            Reply::Count(_)
        );
        for n in ["1", "2"] {
            runtime.bus().try_publish("tick", support::json(n)).unwrap();
        }
        for n in [&b"1"[..], b"2"] {
            match client.next().await.unwrap() {
                ToClient::Event(event) => assert_eq!(event.payload.0, n),
                other => panic!("{other:?}"),
            }
            client.send(&ToRuntime::Credit(1)).await.unwrap();
        }
        ask!(client, Request::Unwatch, Reply::Done);
        let manage = |action| Request::Manage {
            action,
            plugin: "echo",
        };
        ask!(
            client,
            manage(Action::Stop),
            Reply::PluginState(PluginState::Stopped)
        );
        ask!(
            client,
            manage(Action::Reload),
            Reply::PluginState(PluginState::Loaded)
        );
        ask!(
            client,
            manage(Action::Start),
            Reply::PluginState(PluginState::Started)
        );
    });
}

#[test]
fn what_a_chip_does_not_know_is_answered() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (server_read, mut client_write) = pipe::pipe(64);
    let (client_read, server_write) = pipe::pipe(1 << 12);
    tasks.spawn(async move {
        serve(kernel, &CONFIG, server_read, server_write, &mut [0; 3 * 128]).await;
    });
    tasks.run(kernel, async {
        let mut memory = vec![0; 512];
        let mut hello = vec![0; 64];
        let message = ToRuntime::Hello {
            versions: VERSIONS,
            nonce: 1,
            name: "",
            token: "",
        };
        let len = postcard::to_slice(&message, &mut hello).unwrap().len();
        client_write.write_all(&(len as u32).to_le_bytes()).await.unwrap();
        client_write.write_all(&hello[..len]).await.unwrap();
        // Metrics, by its number: only a host has them.
        client_write.write_all(&[3, 0, 0, 0, 1, 44, 15]).await.unwrap();
        let mut client = Client::new(Framing::Stream, client_read, client_write, &mut memory).unwrap();
        assert!(matches!(
            client.next().await.unwrap(),
            ToClient::Hello { nonce: 1, .. }
        ));
        match client.next().await.unwrap() {
            ToClient::Reply {
                id: 44,
                what: Reply::Failed(Failure::Link(Refusal::Unknown)),
            } => {}
            other => panic!("{other:?}"),
        }
    });
}
