//! The same plugin in the kernel's process and on the other side of a link.
#![cfg(feature = "host")]

#[path = "support/pipe.rs"]
mod pipe;
#[path = "../../tests/support/mod.rs"]
mod support;
#[macro_use]
#[path = "support/session.rs"]
mod session;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use kernel_core::{
    Capacities, CoreRuntime, Event as BusEvent, Exit, Instant, Json, Kernel, Overflow, Plugin,
    PluginMetadata, PluginState, Replied, Reply as CallReply, Request as Call, Service as NewService, drive,
    json_literal,
};
use pipe::pipe;
use session::*;
use support::{Pending, Tasks};

/// In the shape of plugins/example, using every operation of the waist.
#[derive(Default)]
struct Example {
    received: u32,
}

impl Plugin for Example {
    const METADATA: PluginMetadata = PluginMetadata {
        description: "Greets, listens and stores",
        ..PluginMetadata::new("example", "1.0.0")
    };

    async fn on_load(&mut self, cx: &kernel_core::Context) -> Result<(), kernel_core::Error> {
        cx.register(
            &NewService::new("example.hello")
                .describe("Greets whoever it is told")
                .version("2"),
        )
        .await?;
        cx.register(&NewService::new("example.fail")).await?;
        assert!(cx.subscribe("example.test").await?);
        assert!(!cx.subscribe("example.test").await?);
        assert!(cx.subscribe("example.other").await? && cx.unsubscribe("example.other").await?);
        let mut buf = [0; 64];
        assert_eq!(cx.settings(&mut buf).await?.as_bytes(), b"{}");
        assert_eq!(cx.name_of(cx.id(), &mut buf).await?, "example");
        Ok(())
    }

    async fn on_start(&mut self, cx: &kernel_core::Context) -> Result<(), kernel_core::Error> {
        let storage = cx.storage("example");
        storage
            .set("status", json_literal!(r#"{"state":"started"}"#))
            .await?;
        let mut buf = [0; 256];
        assert_eq!(
            storage.get("status", &mut buf).await?.map(Json::as_str),
            Some(r#"{"state":"started"}"#)
        );
        assert_eq!(storage.get("none", &mut buf).await?, None);
        storage
            .batch_set(&[("a", json_literal!("1")), ("b", json_literal!("[2]"))])
            .await?;
        assert_eq!(
            storage.list_keys("", 9, &mut buf).await?.collect::<Vec<_>>(),
            ["a", "b", "status"]
        );
        assert!(storage.delete("a").await? && !storage.delete("a").await?);
        let denied = cx.storage("echo").set("x", json_literal!("1")).await.unwrap_err();
        assert_eq!(denied.code(), "denied");

        let state = cx.state();
        let version = state.set("example.count", json_literal!("0")).await?;
        assert_eq!(
            state.get_versioned("example.count", &mut buf).await?.unwrap().1,
            version
        );
        assert!(
            state
                .compare_and_set("example.count", json_literal!("1"), version + 9)
                .await
                .is_err()
        );
        state
            .compare_and_set("example.count", json_literal!("1"), version)
            .await?;
        state
            .update(&[
                ("example.x".into(), json_literal!("10")),
                ("example.y".into(), json_literal!("20")),
            ])
            .await?;
        let (mut cursor, mut keys) = (0, Vec::new());
        while let Some(entry) = state.keys("example.", &mut cursor, &mut buf).await? {
            keys.push(format!("{}={}", entry.key, entry.value.unwrap().as_str()));
            assert_eq!(entry.owner, cx.id());
        }
        keys.sort();
        assert_eq!(keys, ["example.count=1", "example.x=10", "example.y=20"]);
        assert!(state.delete("example.x").await? && !state.exists("example.x").await?);
        assert!(cx.services().has_service("echo.back").await?);
        let reply = cx.call("echo.back", json_literal!("[1,2,3]"), &mut buf).await?;
        assert_eq!(reply.as_bytes(), b"[1,2,3]");
        let failed = cx
            .call("echo.fail", json_literal!("1"), &mut buf)
            .await
            .unwrap_err();
        assert_eq!(failed.to_string(), "no_luck: it was not to be");
        cx.sleep(Duration::from_millis(5)).await?;
        cx.set_interval(Duration::from_millis(100)).await?;
        Ok(())
    }

    async fn on_event(
        &mut self,
        cx: &kernel_core::Context,
        event: BusEvent<'_>,
    ) -> Result<(), kernel_core::Error> {
        self.received += 1;
        if event.payload().as_bytes() == b"\"bad\"" {
            return Err(kernel_core::Error::new("bad", "not a good one"));
        }
        cx.publish("answer", event.payload()).await?;
        Ok(())
    }

    async fn on_tick(&mut self, cx: &kernel_core::Context) -> Result<(), kernel_core::Error> {
        cx.set_interval(Duration::ZERO).await?;
        cx.publish("ticked", json_literal!("true")).await?;
        Ok(())
    }

    async fn on_call(
        &mut self,
        cx: &kernel_core::Context,
        call: Call<'_>,
        reply: CallReply<'_>,
    ) -> Result<Replied, kernel_core::Error> {
        if call.service() == "example.fail" {
            let mut buf = [0; 64];
            let own = cx
                .call_within("example.hello", call.args(), Duration::from_secs(1), &mut buf)
                .await;
            assert_eq!(
                own.map(|_| ()),
                Err(kernel_core::CallError::Fault(kernel_core::Fault::Cycle))
            );
            return Err(kernel_core::Error::new("no", "never"));
        }
        if call.args().as_str() == "0" {
            return Err(kernel_core::Error::invalid_argument("a name"));
        }
        reply.text(format_args!(
            "Hello, {}: {}",
            call.args().as_str().trim_matches('"'),
            self.received
        ))
    }

    async fn on_stop(&mut self, cx: &kernel_core::Context) -> Result<(), kernel_core::Error> {
        cx.storage("example")
            .set("status", json_literal!(r#"{"state":"stopped"}"#))
            .await?;
        Ok(())
    }
}

/// What a run of the plugin came to, seen from the runtime.
fn observe(runtime: &CoreRuntime, tasks: &mut Tasks) -> Vec<String> {
    let kernel = runtime.kernel();
    let mut seen = Vec::new();
    let mut tap = kernel_core::Tap::open(kernel, None).unwrap();
    let plugins = runtime.plugins();
    tasks.settle();
    seen.push(format!("{:?}", tasks.run(kernel, plugins.start("example"))));
    for payload in ["1", "\"bad\"", "[3]"] {
        let count = runtime.bus().try_publish("example.test", support::json(payload));
        seen.push(format!("{count:?}"));
    }
    tasks.settle();
    tasks.pass(kernel, Duration::from_millis(150));
    let mut buf = [0; 256];
    for (service, args) in [
        ("example.hello", "\"Ann\""),
        ("example.fail", "\"Ann\""),
        ("example.hello", "0"),
    ] {
        let call = runtime.services().call(service, support::json(args), &mut buf);
        let reply = tasks.run(kernel, call);
        seen.push(format!("{reply:?}"));
    }
    seen.push(format!("{:?}", tasks.run(kernel, plugins.stop("example"))));
    seen.push(format!("{:?}", tasks.run(kernel, plugins.start("example"))));
    seen.push(format!("{:?}", tasks.run(kernel, plugins.reload("example"))));
    seen.push(format!("{:?}", tasks.run(kernel, plugins.unload("example"))));
    let (mut cursor, mut rows) = (0, [0; 1024]);
    while let Some(row) = runtime.next_plugin(&mut cursor, &mut rows) {
        if row.name == "example" {
            let counters = row.counters;
            seen.push(format!(
                "{} {} {} {:?}",
                row.error_code, row.error, row.description, row.state
            ));
            seen.push(format!(
                "{} events, {} published, {} errors",
                counters.events, counters.published, counters.errors
            ));
        }
    }
    seen.push(format!("{:?}", runtime.metrics().state_entries.used));
    while let Some(tapped) = support::poll_once(tap.next(&mut buf)) {
        if let kernel_core::Tapped::Record(record) = tapped
            && ["answer", "ticked"].contains(&record.topic)
        {
            let payload = String::from_utf8_lossy(record.payload);
            let caused = matches!(record.cause, kernel_core::Cause::Event(_));
            seen.push(format!(
                "{} {payload} by {}, caused: {caused}",
                record.topic, record.source_name
            ));
        }
    }
    seen
}

fn clock() -> Instant {
    support::clock()
}

const BIG: Capacities = Capacities {
    log_bytes: 16 * 1024,
    calls: 16,
    ..ROOM
};

/// Attaches a plugin on the other side of a link, life after life.
fn attach(tasks: &mut Tasks, kernel: Kernel, framing: Framing, keep_alive_ms: u32) -> Rc<RefCell<Vec<Exit>>> {
    let remote: &'static Remote<4, 512> = Box::leak(Box::new(Remote::new(clock)));
    let (server_read, client_write) = pipe(64);
    let (client_read, server_write) = pipe(64);
    let config = Config {
        framing,
        keep_alive_ms,
        ..CONFIG
    };
    tasks.spawn(async move {
        serve(kernel, &config, server_read, server_write, &mut vec![0; 5 * 1024]).await;
    });
    tasks.spawn(async move {
        let what = RemotePlugin::new(&Example::METADATA);
        let sleep = |span| async move {
            // On the operator's behalf: this side's timer.
            CoreRuntime::new(kernel).context().sleep(span).await.unwrap();
        };
        let end = remote
            .run(&what, framing, client_read, client_write, sleep, &mut [0; 1200])
            .await;
        panic!("the link ended: {end:?}");
    });
    let exits = Rc::new(RefCell::new(Vec::new()));
    let noted = exits.clone();
    tasks.spawn(async move {
        let mut buf = [0; 1024];
        loop {
            let exit = drive(&mut Example::default(), remote.context(), &mut buf).await;
            noted.borrow_mut().push(exit);
        }
    });
    exits
}

#[test]
fn the_same_plugin_does_the_same_on_the_other_side_of_a_link() {
    let (runtime, mut tasks) = start(&BIG);
    let installed = runtime.plugins().install(&Example::METADATA).unwrap();
    tasks.spawn(async move {
        let mut buf = [0; 1024];
        loop {
            drive(&mut Example::default(), installed.context(), &mut buf).await;
        }
    });
    let here = observe(&runtime, &mut tasks);
    assert!(
        here.iter().any(|line| line.contains("Hello, Ann: 3")),
        "{here:#?}"
    );
    assert!(
        here.iter()
            .any(|line| line == "answer [3] by example, caused: true"),
        "{here:#?}"
    );

    // The event that was bad, and the call that always fails: not the one of a wrong name.
    assert!(here.iter().any(|line| line.ends_with(" 2 errors")), "{here:#?}");

    for framing in [Framing::Stream, Framing::Serial] {
        let (runtime, mut tasks) = start(&BIG);
        let exits = attach(&mut tasks, runtime.kernel(), framing, 0);
        let there = observe(&runtime, &mut tasks);
        assert_eq!(here, there);
        assert_eq!(*exits.borrow(), [Exit::Unloaded, Exit::Unloaded]);
        assert_eq!(runtime.metrics().calls.used, 0);
    }
}

#[test]
fn a_link_with_nothing_to_say_is_kept_alive_and_its_end_takes_the_plugin_out() {
    let (runtime, mut tasks) = start(&BIG);
    let kernel = runtime.kernel();
    attach(&mut tasks, kernel, Framing::Stream, 2_000);
    tasks.run(kernel, runtime.plugins().start("echo")).unwrap();
    tasks.pass(kernel, Duration::from_secs(30));
    assert_eq!(runtime.plugins().state("example"), Some(PluginState::Started));
    let _ = (
        Overflow::Block,
        Pending::begin(runtime.context(), "example.hello", json_literal!("1"), None).unwrap(),
    );
    drop(tasks);
    assert_eq!(runtime.plugins().state("example"), None);
}

#[test]
fn what_goes_wrong_on_the_way_is_said() {
    let (runtime, mut tasks) = start(&BIG);
    let kernel = runtime.kernel();
    let attempt = |tasks: &mut Tasks, token: &'static str, name: &'static str, config: Config<'static>| {
        let remote: &'static Remote<2, 128> = Box::leak(Box::new(Remote::new(clock)));
        let (server_read, client_write) = pipe(64);
        let (client_read, server_write) = pipe(64);
        tasks.spawn(async move {
            serve(kernel, &config, server_read, server_write, &mut vec![0; 5 * 256]).await;
        });
        let plugin = RemotePlugin {
            token,
            name,
            ..RemotePlugin::new(&Example::METADATA)
        };
        let sleep = |span| async move { CoreRuntime::new(kernel).context().sleep(span).await.unwrap() };
        let mut memory = [0; 512];
        let context = remote.context();
        let end = tasks.run(
            kernel,
            remote.run(
                &plugin,
                config.framing,
                client_read,
                client_write,
                sleep,
                &mut memory,
            ),
        );
        // The life that was to begin is over.
        let mut buf = [0; 64];
        let ended = tasks.run(
            kernel,
            kernel_core::Mailbox::new(context).next(&mut buf).into_ended(),
        );
        assert!(ended);
        end
    };
    let config = Config {
        token: Some("secret"),
        ..CONFIG
    };
    assert_eq!(
        attempt(&mut tasks, "wrong", "far", config),
        RemoteError::Refused(Refusal::Token)
    );
    let taken = attempt(&mut tasks, "secret", "echo", config);
    assert!(
        matches!(taken, RemoteError::Denied(kernel_core::Fault::Taken { .. })),
        "{taken:?}"
    );
    let name = attempt(&mut tasks, "secret", "Not A Name", config);
    assert!(
        matches!(name, RemoteError::Denied(kernel_core::Fault::Name { .. })),
        "{name:?}"
    );
}

/// Whether the mailbox says that the life is over.
trait IntoEnded {
    fn into_ended(self) -> impl Future<Output = bool>;
}

impl<'b, F: Future<Output = kernel_core::Message<'b>>> IntoEnded for F {
    async fn into_ended(self) -> bool {
        matches!(self.await, kernel_core::Message::Ended)
    }
}
