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
use kernel_core::PluginState;
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

#[cfg(feature = "lists")]
#[test]
fn the_rows_of_a_chips_lists_say_what_there_is() {
    const NEVER: Request<'static> = Request::Call {
        service: "echo.never",
        timeout_ms: 9_000,
        parent: None,
        args: Raw(b"1"),
    };
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 256);
    tasks.run(kernel, async {
        open(&mut client).await;
        let call = Request::Call {
            service: "echo.fail",
            timeout_ms: 50,
            parent: None,
            args: Raw(b"1"),
        };
        ask!(
            client,
            call,
            Reply::Failed(Failure::Error {
                code: "no_luck",
                message: "it was not to be"
            })
        );
        let set = |key, ttl_ms| Request::StateSet {
            key,
            ttl_ms,
            expected: None,
            value: Raw(b"[1]"),
        };
        for (key, ttl) in [("lamp.a", None), ("other", None), ("lamp.b", Some(60_000))] {
            ask!(client, set(key, ttl), Reply::Count(_));
        }
        client.request(5, NEVER).await.unwrap();
        ask!(client, Request::Ping, Reply::Done);
        let mut seen = Vec::new();
        let lists = [
            Request::Plugins,
            Request::Services,
            Request::Subscriptions,
            Request::Calls,
        ];
        for what in lists.into_iter().chain([Request::States { prefix: "lamp." }]) {
            client.request(1, what).await.unwrap();
            loop {
                match client.next().await.unwrap() {
                    ToClient::Reply { id: 1, what } => match what {
                        Reply::Plugin(row) if row.name == "echo" => {
                            assert_eq!(
                                (row.index, row.version, row.author, row.placement),
                                (0, "1.2.3", "", "")
                            );
                            assert_eq!((row.state, row.hook), (PluginState::Started, "on_call"));
                            assert_eq!(
                                row.error,
                                Failure::Error {
                                    code: "no_luck",
                                    message: "it was not to be"
                                }
                            );
                            let counters = row.counters;
                            assert_eq!((counters.calls, counters.errors, counters.failures), (2, 1, 0));
                            assert_eq!(
                                (counters.events, counters.handled, row.dependencies.is_empty()),
                                (0, 1, true)
                            );
                        }
                        Reply::Plugin(row) => assert_eq!((row.index, row.name), (1, "storage")),
                        Reply::Service(row) => {
                            let failed = row.name == "echo.fail";
                            assert_eq!(
                                (row.counters.calls, row.counters.errors),
                                (failed as u32, failed as u32)
                            );
                            seen.push(format!("{} of {}", row.name, row.owner));
                        }
                        Reply::Subscription { plugin, filter } => {
                            seen.push(format!("{plugin} hears {filter}"))
                        }
                        Reply::Call(row) => {
                            assert!(row.running && row.parent.is_none() && row.age_ms < 50);
                            seen.push(format!("{} calls {} of {}", row.caller, row.service, row.callee));
                        }
                        Reply::State(row) => {
                            assert_eq!((row.value, row.owner), (Some(Raw(b"[1]")), "operator"));
                            let ttl = row.ttl_ms.map(|ms| (59_000..=60_000).contains(&ms));
                            seen.push(format!("{} {ttl:?}", row.key));
                        }
                        Reply::End => break,
                        other => panic!("{other:?}"),
                    },
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(
            seen,
            [
                "echo.back of echo",
                "echo.fail of echo",
                "echo.never of echo",
                "storage of storage",
                "echo hears echo.*",
                "operator calls echo.never of echo",
                "lamp.a None",
                "lamp.b Some(true)",
            ]
        );
    });
}

#[cfg(all(feature = "watch", feature = "lists"))]
#[test]
fn a_chip_hears_cancel_and_credit_while_its_answers_wait_for_room() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 128);
    let never = Request::Call {
        service: "echo.never",
        timeout_ms: 0,
        parent: None,
        args: Raw(b"1"),
    };
    tasks.run(kernel, async {
        open(&mut client).await;
        let watch = Request::Watch {
            filter: "tick",
            since: None,
            credit: u32::MAX,
        };
        ask!(client, watch, Reply::Count(_));
        for id in 0..FLIGHTS as u32 {
            client.request(id, never).await.unwrap();
        }
        ask!(client, never, Reply::Failed(Failure::Link(Refusal::InFlight(most))) => {
            assert_eq!(most as usize, FLIGHTS);
        });
    });
    tasks.settle();
    assert_eq!(runtime.metrics().calls.used as usize, FLIGHTS);
    // More than the line and the session hold, and the client does not read.
    for _ in 0..12 {
        let text = format!("\"{}\"", "x".repeat(40));
        runtime.bus().try_publish("tick", support::json(&text)).unwrap();
    }
    tasks.settle();
    tasks.run(kernel, async {
        client.send(&ToRuntime::Cancel { id: 1 }).await.unwrap();
    });
    tasks.settle();
    assert_eq!(runtime.metrics().calls.used as usize, FLIGHTS - 1);
    // A new session begins with nothing in flight.
    tasks.run(kernel, async {
        client.hello("test", 10, "").await.unwrap();
        loop {
            match client.next().await.unwrap() {
                ToClient::Hello { nonce: 10, .. } => break,
                ToClient::Event(_) | ToClient::Lost { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        ask!(client, Request::Plugins, Reply::Plugin(_));
    });
    assert_eq!(
        (runtime.metrics().calls.used, runtime.metrics().taps.used),
        (0, 0)
    );
}

#[test]
fn a_message_that_is_no_message_is_answered_and_a_silent_client_is_ended() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let config = Config {
        framing: Framing::Serial,
        keep_alive_ms: 4_000,
        ..CONFIG
    };
    let (mut client, ended) = connect(&mut tasks, kernel, config, 128);
    tasks.run(kernel, async {
        client.request(1, Request::Ping).await.unwrap();
        match client.next().await.unwrap() {
            ToClient::Refused(Failure::Link(Refusal::NoSession)) => {}
            other => panic!("{other:?}"),
        }
        open(&mut client).await;
        let long = "x".repeat(250);
        client.request(2, Request::StateGet { key: &long }).await.unwrap();
        match client.next().await.unwrap() {
            ToClient::Refused(Failure::Link(Refusal::TooLarge(_))) => {}
            other => panic!("{other:?}"),
        }
        // What has no room in an answer is an error.
        let value = format!("\"{}\"", "y".repeat(203));
        let json = support::json(&value);
        runtime.state().set("long", json).await.unwrap();
        ask!(
            client,
            Request::StateGet { key: "long" },
            Reply::Failed(Failure::Link(Refusal::TooLarge(_)))
        );
        ask!(client, Request::Health, Reply::Health(_));
        assert!(matches!(client.next().await.unwrap(), ToClient::KeepAlive));
    });
    tasks.pass(kernel, std::time::Duration::from_millis(5_100));
    assert_eq!(ended.get(), Some(End::Silent));
    assert_eq!(runtime.metrics().waits.used, 0);
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
