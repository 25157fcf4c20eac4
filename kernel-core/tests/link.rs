//! The link, both sides, over a byte stream in memory.
#![cfg(feature = "link")]

#[path = "support/pipe.rs"]
mod pipe;
mod support;
#[macro_use]
#[path = "support/session.rs"]
mod session;

use embedded_io_async::Write as _;
use kernel_core::storage::Page;
use std::time::Duration;

use kernel_core::bus::{Overflow, Tap, Tapped};
use kernel_core::{Capacities, Cause, PluginMetadata, PluginState};
use pipe::pipe;
use session::*;

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
fn a_watch_sends_what_there_is_credit_for_and_counts_what_it_missed() {
    let (runtime, mut tasks) = start(&Capacities::DEFAULT);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, IDENTITY, 1024);
    let published = 200u64;
    tasks.run(kernel, async {
        open(&mut client).await;
        let first = ask!(client, Request::Watch { filter: "tick.>", since: None, credit: 3 }, Reply::Count(seq) => seq);
        for n in 0..published {
            let text = n.to_string();
            let payload = kernel_core::Json::parse(&text).unwrap();
            runtime.bus().try_publish(if n % 2 == 0 { "tick.even" } else { "tick.odd" }, payload).unwrap();
        }
        let (mut next, mut received, mut lost) = (first, 0, 0);
        let mut credit = 3;
        while next < first + published {
            match client.next().await.unwrap() {
                ToClient::Event(event) => {
                    assert_eq!(event.seq, next, "the order is total");
                    assert_eq!(event.payload.0, (next - first).to_string().as_bytes());
                    assert_eq!(event.source, "operator");
                    next += 1;
                    received += 1;
                    credit -= 1;
                    if credit == 0 {
                        credit = 5;
                        client.send(&ToRuntime::Credit(5)).await.unwrap();
                    }
                }
                ToClient::Lost {
                    from,
                    count,
                    at: LostAt::Bus,
                } => {
                    assert_eq!(from, next);
                    next += count;
                    lost += count;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(received + lost, published);
        assert!(lost > 0 && received > 3, "the log is small: {lost} lost, {received} received");
        ask!(client, Request::Unwatch, Reply::Done);
        assert_eq!(runtime.metrics().taps, 0);
        ask!(client, Request::Watch { filter: "a.>.b", since: None, credit: 1 }, Reply::Failed(Failure { code: "invalid_filter", .. }));
        // From the past: the last two are still there.
        let since = Some(first + published - 2);
        ask!(client, Request::Watch { filter: "tick.odd", since, credit: 1 }, Reply::Count(_));
        match client.next().await.unwrap() {
            ToClient::Event(event) => assert_eq!((event.seq, event.topic), (first + published - 1, "tick.odd")),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn garbage_gets_an_answer_and_harms_nobody() {
    let (runtime, mut tasks) = start(&Capacities::DEFAULT);
    let kernel = runtime.kernel();
    let (server_read, mut client_write) = pipe(64);
    let (client_read, server_write) = pipe(1 << 20);
    tasks.spawn(async move {
        let mut memory = vec![0; 5 * 256];
        serve(kernel, &IDENTITY, server_read, server_write, &mut memory).await;
    });
    let before = runtime.metrics();
    let sent = tasks.run(kernel, async {
        let mut random = 0x2545_f491_4f6c_dd1du64;
        let mut sent = 0;
        for _ in 0..3_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let len = (random % 400) as usize;
            let bytes: Vec<u8> = (0..len).map(|i| (random >> (i % 57)) as u8).collect();
            client_write.write_all(&bytes).await.unwrap();
            sent += len;
        }
        sent
    });
    let memory = Box::leak(vec![0; 3 * 2048].into_boxed_slice());
    let mut client = Client::new(client_read, client_write, memory).unwrap();
    tasks.run(kernel, async {
        client.hello("test", 5, "").await.unwrap();
        let mut refused = 0;
        loop {
            match client.next().await.unwrap() {
                ToClient::Refused(_) => refused += 1,
                ToClient::Hello { nonce: 5, .. } => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(refused > 1_000, "{refused} refusals for {sent} bytes");
        ask!(client, Request::Ping, Reply::Done);
    });
    let after = runtime.metrics();
    assert_eq!(
        (before.published, before.services, before.calls.used),
        (after.published, after.services, after.calls.used)
    );
}

#[test]
fn a_client_without_the_token_or_a_hello_gets_nothing() {
    let (runtime, mut tasks) = start(&Capacities::DEFAULT);
    let kernel = runtime.kernel();
    let identity = Identity {
        token: Some("correct horse"),
        ..IDENTITY
    };
    let (mut client, _) = connect(&mut tasks, kernel, identity, 1024);
    tasks.run(kernel, async {
        client.request(1, Request::Ping).await.unwrap();
        assert!(matches!(
            client.next().await.unwrap(),
            ToClient::Refused(Failure {
                code: "no_session",
                ..
            })
        ));
        for token in ["", "correct horsf", "correct horse "] {
            client.hello("x", 1, token).await.unwrap();
            assert!(matches!(
                client.next().await.unwrap(),
                ToClient::Refused(Failure { code: "denied", .. })
            ));
            client.request(1, Request::Ping).await.unwrap();
            assert!(matches!(
                client.next().await.unwrap(),
                ToClient::Refused(Failure {
                    code: "no_session",
                    ..
                })
            ));
        }
        client
            .send(&ToRuntime::Hello {
                version: 99,
                nonce: 1,
                name: "",
                token: "correct horse",
            })
            .await
            .unwrap();
        assert!(matches!(
            client.next().await.unwrap(),
            ToClient::Refused(Failure { code: "version", .. })
        ));
        client.hello("x", 2, "correct horse").await.unwrap();
        assert!(matches!(
            client.next().await.unwrap(),
            ToClient::Hello { nonce: 2, .. }
        ));
    });
}

#[test]
fn dropping_the_client_cancels_its_calls() {
    let (runtime, mut tasks) = start(&Capacities::DEFAULT);
    let kernel = runtime.kernel();
    let (mut client, ended) = connect(&mut tasks, kernel, IDENTITY, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        for id in 0..5 {
            let call = Request::Call {
                service: "echo.never",
                args: Raw(b"1"),
                timeout_ms: 0,
                parent: None,
            };
            client.request(id, call).await.unwrap();
        }
        client.send(&ToRuntime::Cancel { id: 0 }).await.unwrap();
        ask!(client, Request::Ping, Reply::Done);
        assert_eq!(runtime.metrics().calls.used, 4, "one was cancelled");
    });
    drop(client);
    tasks.settle();
    assert!(ended.get());
    assert_eq!(runtime.metrics().calls.used, 0);
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

#[test]
fn a_record_larger_than_a_message_is_lost_on_the_link() {
    let (runtime, mut tasks) = start(&Capacities::DEFAULT);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, IDENTITY, 256);
    tasks.run(kernel, async {
        open(&mut client).await;
        let first =
            ask!(client, Request::Watch { filter: ">", since: None, credit: 9 }, Reply::Count(seq) => seq);
        let publish = |bytes: usize| {
            let text = format!("\"{}\"", "x".repeat(bytes));
            runtime
                .bus()
                .try_publish("big", kernel_core::Json::parse(&text).unwrap())
                .unwrap();
        };
        // Larger than the session's buffer, larger than a message, and one that fits.
        publish(280);
        publish(246);
        publish(9);
        for seq in [first, first + 1] {
            match client.next().await.unwrap() {
                ToClient::Lost {
                    from,
                    count: 1,
                    at: LostAt::Link,
                } => assert_eq!(from, seq),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(client.next().await.unwrap(), ToClient::Event(event) if event.seq == first + 2));
    });
}

#[test]
fn whatever_credit_and_room_there_is_each_record_of_a_watch_comes_once_or_is_told_as_lost() {
    for seed in 0..60u64 {
        let mut random = seed;
        let mut below = move |most: u64| {
            random = random
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (random >> 33) % most
        };
        let (runtime, mut tasks) = start(&Capacities {
            log_bytes: [1024, 16 * 1024][seed as usize % 2],
            ..Capacities::DEFAULT
        });
        let kernel = runtime.kernel();
        let part = 250 + below(700) as usize;
        let (mut client, _) = connect(&mut tasks, kernel, IDENTITY, part);
        tasks.run(kernel, async {
            open(&mut client).await;
            let mut credit = 1 + below(6) as u32;
            let first = ask!(client, Request::Watch { filter: "tick.>", since: None, credit }, Reply::Count(seq) => seq);
            // Of each record that was published, whether it is for the watch.
            let (mut ours, mut next) = (Vec::new(), first);
            while next < first + 300 {
                for _ in 0..below(9) {
                    let len = [8, 60, part as u64 + 40][below(12).min(2) as usize];
                    let text = format!("\"{}{}\"", ours.len(), "x".repeat(below(len) as usize));
                    let is_ours = below(4) > 0;
                    let topic = if is_ours { "tick.on" } else { "tock" };
                    let payload = kernel_core::Json::parse(&text).unwrap();
                    runtime.bus().try_publish(topic, payload).unwrap();
                    ours.push(is_ours);
                }
                let left = |next: u64| ours.iter().skip((next - first) as usize);
                if !left(next).any(|ours| *ours) {
                    continue;
                }
                let passed = |next: u64, to: u64| left(next).take((to - next) as usize).all(|ours| !ours);
                match client.next().await.unwrap() {
                    ToClient::Event(event) => {
                        assert!(event.seq >= next && passed(next, event.seq), "{seed}: {event:?} at {next}");
                        let number = format!("\"{}", event.seq - first);
                        assert!(event.payload.0.starts_with(number.as_bytes()));
                        assert_eq!((event.topic, event.source), ("tick.on", "operator"));
                        next = event.seq + 1;
                        credit -= 1;
                    }
                    ToClient::Lost { from, count, .. } => {
                        assert!(from >= next && passed(next, from), "{seed}: {from} {count} at {next}");
                        next = from + count;
                    }
                    other => panic!("{other:?}"),
                }
                if credit == 0 {
                    credit = 1 + below(9) as u32;
                    client.send(&ToRuntime::Credit(credit)).await.unwrap();
                }
            }
        });
    }
}
