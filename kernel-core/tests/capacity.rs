//! Full is an answer: each capacity has its error, and nothing panics, not even with nothing.
mod support;

use std::future::Future;
use std::time::Duration;

use kernel_core::storage::BatchOp;
use kernel_core::*;
use support::memory::MemoryStorage;
use support::{
    AtOnce, ByHand, ROOMY, Seen, Tasks, actor, at_once, json, last_error, metadata, poll_once, runtime,
    serve_memory, start_all,
};

const SECOND: Duration = Duration::from_secs(1);

/// Does `step` until it is refused: how often it was done, and why no more.
fn fill<T>(mut step: impl FnMut(usize) -> Result<T, Fault>) -> (u32, Fault) {
    for n in 0..10_000 {
        if let Err(fault) = step(n) {
            return (n as u32, fault);
        }
    }
    panic!("never full");
}

fn full(capacity: Capacity, size: u32) -> Fault {
    Fault::Full { capacity, size }
}

fn text(n: usize) -> &'static str {
    Box::leak(format!("t{n}").into_boxed_str())
}

/// A runtime of this size without shares, and a plugin in it.
fn one_plugin(capacities: Capacities) -> (CoreRuntime, Context) {
    let runtime = runtime(&capacities);
    #[cfg(feature = "large")]
    runtime.set_share(256);
    let plugin = ByHand::started(&runtime, PluginMetadata::new("p", "1.0.0"));
    let cx = plugin.cx();
    (runtime, cx)
}

#[test]
fn each_table_that_is_full_says_so_with_its_size() {
    let runtime_ = runtime(&Capacities { plugins: 3, ..ROOMY });
    let manager = runtime_.plugins();
    let filled = fill(|n| manager.install(metadata(PluginMetadata::new(text(n), "1"))));
    assert_eq!(filled, (3, full(Capacity::Plugins, 3)));

    let (_, cx) = one_plugin(Capacities { filters: 3, ..ROOMY });
    let filled = fill(|n| cx.subscribe(Name::Fixed(text(n))).at_once());
    assert_eq!(filled, (3, full(Capacity::Filters, 3)));
    assert_eq!(cx.subscribe(text(0)).at_once(), Ok(false), "one it has already");
    assert!(cx.unsubscribe(text(1)).unwrap());
    assert_eq!(cx.subscribe(text(9)).at_once(), Ok(true));

    let (_, cx) = one_plugin(Capacities { services: 3, ..ROOMY });
    let filled = fill(|n| cx.register(&Service::new(Name::Fixed(text(n)))).at_once());
    assert_eq!(filled, (3, full(Capacity::Services, 3)));
    let taken = cx.register(&Service::new(text(0))).at_once();
    assert_eq!(taken, Err(Fault::Taken { owner: cx.id() }));

    let (runtime, _) = one_plugin(Capacities {
        state_entries: 3,
        ..ROOMY
    });
    let set = |runtime: &CoreRuntime, n| at_once(runtime.state().set(Name::Fixed(text(n)), json("1")));
    let filled = fill(|n| set(&runtime, n));
    assert_eq!(filled, (3, full(Capacity::StateEntries, 3)));

    let (runtime, _) = one_plugin(Capacities {
        state_bytes: 48,
        ..ROOMY
    });
    let filled = fill(|n| set(&runtime, n));
    assert_eq!(filled, (3, full(Capacity::StateBytes, 48)));
    let large = format!("\"{}\"", "x".repeat(60));
    let refused = at_once(runtime.state().set("l", json(&large)));
    assert_eq!(refused, Err(full(Capacity::StateBytes, 48)));

    let (runtime, _) = one_plugin(Capacities { taps: 2, ..ROOMY });
    let open = || Tap::open(runtime.kernel(), None);
    let taps = (open().unwrap(), open().unwrap());
    assert_eq!(open().err(), Some(full(Capacity::Taps, 2)));
    assert_eq!(runtime.metrics().taps.used, 2);
    drop(taps.0);
    assert!(open().is_ok());
}

#[test]
fn names_made_at_run_time_are_limited_in_number_and_length() {
    let (runtime, cx) = one_plugin(Capacities {
        names: 3,
        name_bytes: 6,
        ..ROOMY
    });
    let filled = fill(|n| cx.subscribe(&*format!("t{n}")).at_once());
    let none_left = full(Capacity::Names, 3);
    assert_eq!(filled, (3, none_left));
    assert_eq!(cx.register(&Service::new("s")).at_once(), Err(none_left));
    assert_eq!(at_once(runtime.state().set("k", json("1"))), Err(none_left));
    assert_eq!(
        cx.subscribe(Name::Fixed("fixed.names.take.none")).at_once(),
        Ok(true)
    );
    assert!(cx.unsubscribe("t0").unwrap() && cx.unsubscribe("t1").unwrap());
    let too_long = Fault::TooLarge { max: 6 };
    assert_eq!(cx.subscribe("seven.7").at_once(), Err(too_long));
    assert_eq!(at_once(runtime.state().set("seven.7", json("1"))), Err(too_long));
    assert_eq!(runtime.metrics().names.used, 1);
    assert_eq!(runtime.metrics().state_entries.used, 0);
}

#[test]
fn the_most_plugins_there_can_be_hear_the_same_event() {
    let runtime = runtime(&Capacities {
        plugins: 200,
        filters: 200,
        ..ROOMY
    });
    assert_eq!(runtime.metrics().plugins.capacity as usize, MAX_PLUGINS);
    let mut plugins: Vec<_> = (0..MAX_PLUGINS)
        .map(|n| ByHand::started(&runtime, PluginMetadata::new(text(n), "1")))
        .collect();
    for plugin in &plugins {
        plugin.cx().subscribe(Name::Fixed("all")).unwrap();
    }
    assert_eq!(
        plugins[7].cx().try_publish("all", json("1")),
        Ok(MAX_PLUGINS as u32)
    );
    assert!(
        plugins
            .iter_mut()
            .all(|plugin| matches!(plugin.next(), Some(Seen::Event { .. })))
    );
    let one_more = metadata(PluginMetadata::new("more", "1"));
    assert!(runtime.plugins().install(one_more).is_err());
}

/// Without hashes a full table of this size takes minutes to fill.
#[cfg(feature = "large")]
#[test]
fn large_tables_hold_what_they_say() {
    let runtime = runtime(&Capacities {
        state_entries: 70_000,
        names: 70_000,
        name_bytes: 8,
        calls: 70_000,
        call_bytes: 8,
        state_bytes: 70_000 * 16,
        log_bytes: 4096,
        ..ROOMY
    });
    let metrics = runtime.metrics();
    let entries = metrics.state_entries.capacity;
    let most = entries
        .min(metrics.names.capacity)
        .min(metrics.state_bytes.capacity / 16) as usize;
    assert!(most > 60_000, "{metrics:?}");
    let state = runtime.state();
    let key = |n: usize| format!("{n:x}");
    let mut stored = 0;
    let refused = loop {
        match at_once(state.set(&*key(stored), json(&stored.to_string()))) {
            Ok(_) => stored += 1,
            Err(fault) => break fault,
        }
    };
    assert!(matches!(refused, Fault::Full { .. }), "{refused:?}");
    assert_eq!(stored, most);
    let mut buf = [0; 16];
    for n in [0, 1, most / 2, most - 2, most - 1] {
        let value = at_once(state.get(&key(n), &mut buf)).unwrap().unwrap();
        assert_eq!(value.as_str(), n.to_string());
    }
}

kernel_core::kernel! {
    /// The smallest profile, in a `static`.
    static TINY = Capacities::TINY;
}

#[test]
fn the_smallest_profile_carries_a_plugins_whole_life_in_a_static() {
    let kernel = TINY.init(support::clock).unwrap();
    assert!(TINY.init(support::clock).is_none());
    let runtime = CoreRuntime::new(kernel);
    let mut tasks = Tasks::default();
    serve_memory(&runtime, &mut tasks, MemoryStorage::default());
    actor(
        &runtime,
        &mut tasks,
        PluginMetadata::new("p", "1"),
        |cx, seen| async move {
            match seen {
                Seen::Load => {
                    cx.subscribe("e.>").await?;
                    cx.register(&Service::new("p.x")).await?;
                }
                Seen::Event { payload, .. } => {
                    cx.state().set("p.last", json(&payload)).await?;
                    cx.storage("p").set("last", json(&payload)).await?;
                }
                Seen::Call { args, .. } => return Ok(args),
                _ => {}
            }
            Ok("null".into())
        },
    );
    start_all(&runtime, &mut tasks);
    for n in 0..100 {
        let value = n.to_string();
        let event = runtime.bus().publish("e.x", json(&value));
        assert_eq!(tasks.run(kernel, event), Ok(1));
        tasks.settle();
        let (services, storage) = (runtime.services(), runtime.storage());
        let mut buf = [0; 64];
        let echo = tasks.run(kernel, services.call("p.x", json("[1]"), &mut buf));
        assert_eq!(echo.unwrap().as_str(), "[1]");
        let last = at_once(runtime.state().get("p.last", &mut buf)).unwrap().unwrap();
        assert_eq!(last.as_str(), value);
        let last = tasks.run(kernel, storage.namespace("p").get("last", &mut buf));
        assert_eq!(last.unwrap().unwrap().as_str(), value);
    }
    for name in ["p", "storage"] {
        let unloaded = tasks.run(kernel, runtime.plugins().unload(name));
        assert_eq!(unloaded, Ok(PluginState::Unloaded));
    }
    let metrics = runtime.metrics();
    assert_eq!(
        (metrics.filters.used, metrics.services.used, metrics.calls.used),
        (0, 0, 0)
    );
}

const NOTHING: Capacities = Capacities {
    plugins: 0,
    filters: 0,
    services: 0,
    calls: 0,
    call_bytes: 0,
    state_entries: 0,
    state_bytes: 0,
    state_block: 16,
    log_bytes: 16,
    names: 0,
    name_bytes: 0,
    waits: 0,
    taps: 0,
};

kernel_core::kernel! {
    /// Nothing at all, in a `static`.
    static EMPTY = NOTHING;
}

/// Asks for all there is; what can be refused is.
fn everything(runtime: CoreRuntime) {
    let kernel = runtime.kernel();
    let mut tasks = Tasks::default();
    let mut buf = [0; 64];
    let large = format!("\"{}\"", "x".repeat(60));
    assert!(runtime.bus().try_publish("t", json(&large)).is_err());
    assert!(
        tasks
            .run(kernel, runtime.bus().publish("t", json(&large)))
            .is_err()
    );
    assert!(runtime.bus().subscribe("t").is_err());
    assert!(runtime.bus().unsubscribe("t").at_once() != Ok(true));
    let services = runtime.services();
    assert!(services.register(&Service::new("s")).is_err());
    let unknown = at_once(services.call("s", json("1"), &mut buf)).map(drop);
    assert_eq!(unknown, Err(CallError::Fault(Fault::NotFound)));
    assert!(runtime.next_service(&mut 0, &mut buf).is_none());
    let state = runtime.state();
    assert!(at_once(state.set("k", json("1"))).is_err());
    assert!(at_once(state.set_with_ttl("k", json("1"), SECOND)).is_err());
    assert!(at_once(state.compare_and_set("k", json("1"), 0)).is_err());
    assert!(at_once(state.update(&[(Name::Fixed("k"), json("1"))])).is_err());
    assert_eq!(state.delete("k").at_once(), Ok(false));
    assert_eq!(
        at_once(state.get("k", &mut buf)).map(|got| got.is_none()),
        Ok(true)
    );
    assert_eq!(at_once(state.exists("k")), Ok(false));
    assert_eq!(state.clear().at_once(), Ok(0));
    assert!(Tap::open(kernel, Some(0)).is_err());
    let installed = runtime.plugins().install(metadata(PluginMetadata::new("p", "1")));
    assert_eq!(installed.err(), Some(full(Capacity::Plugins, 0)));
    assert_eq!(
        runtime.plugins().install_storage().err(),
        Some(full(Capacity::Plugins, 0))
    );
    assert!(runtime.plugins().list(&mut 0, &mut buf).is_none());
    let started = tasks.run(kernel, runtime.plugins().start("p"));
    assert_eq!(started, Err(Fault::NotFound.into()));
    let slept = at_once(runtime.context().sleep(SECOND));
    assert_eq!(slept, Err(full(Capacity::Waits, 0)));
    let space = runtime.storage().namespace("n");
    assert!(poll_once(space.set("k", json("1"))).unwrap().is_err());
    assert!(
        poll_once(space.transaction(&[BatchOp::Delete("k")]))
            .unwrap()
            .is_err()
    );
    assert_eq!(runtime.health().plugins, 0);
    assert_eq!(runtime.metrics().calls.used, 0);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let timers = std::pin::pin!(kernel.run_timers(|_| std::future::pending()));
    assert!(timers.poll(&mut cx).is_pending());
}

#[test]
fn a_kernel_of_nothing_answers_everything() {
    everything(runtime(&NOTHING));
    everything(CoreRuntime::new(EMPTY.init(support::clock).unwrap()));
}

#[test]
fn a_plugin_in_a_kernel_of_nothing_else_is_refused_all_it_asks_for() {
    let runtime = runtime(&Capacities {
        plugins: 1,
        // A place to wait for the commands.
        waits: 1,
        ..NOTHING
    });
    let mut tasks = Tasks::default();
    let p = actor(
        &runtime,
        &mut tasks,
        PluginMetadata::new("p", "1"),
        |cx, seen| async move {
            if seen != Seen::Start {
                return Ok("null".into());
            }
            assert_eq!(
                cx.subscribe(Name::Fixed("t")).await,
                Err(full(Capacity::Filters, 0))
            );
            let refused = cx.register(&Service::new(Name::Fixed("s"))).await;
            assert_eq!(refused, Err(full(Capacity::Services, 0)));
            assert!(cx.state().set("k", json("1")).await.is_err());
            let large = format!("\"{}\"", "x".repeat(60));
            assert!(matches!(
                cx.try_publish("t", json(&large)),
                Err(Fault::TooLarge { .. })
            ));
            cx.set_interval(SECOND).await?;
            Err(Error::new("code", "and a message"))
        },
    );
    assert!(tasks.run(runtime.kernel(), runtime.plugins().start("p")).is_err());
    assert_eq!(runtime.plugins().state("p"), Some(PluginState::Failed));
    assert_eq!(last_error(&runtime, "p"), ("code".into(), "and a message".into()));
    p.crashed(&Error::new("panic", "boom"));
    tasks.pass(runtime.kernel(), SECOND * 300);
    assert_eq!(runtime.plugins().state("p"), Some(PluginState::Failed));
}
