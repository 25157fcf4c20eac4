//! Full is an answer: each capacity has its error, and nothing panics, not even with nothing.
mod support;

use std::future::Future;
use std::time::Duration;

use kernel_core::bus::Tap;
use kernel_core::state::StateError;
use kernel_core::storage::{BatchOp, MemoryStorage, StorageError, serve};
use kernel_core::*;
use support::{ByHand, ROOMY, Seen, Tasks, actor, json, metadata, poll_once, runtime};

const SECOND: Duration = Duration::from_secs(1);

/// Does `step` until it is refused: how often it was done, and why no more.
fn fill<T, E>(mut step: impl FnMut(usize) -> Result<T, E>) -> (usize, E) {
    for n in 0..10_000 {
        if let Err(error) = step(n) {
            return (n, error);
        }
    }
    panic!("never full");
}

fn text(n: usize) -> &'static str {
    Box::leak(format!("t{n}").into_boxed_str())
}

fn one_plugin(capacities: Capacities) -> (CoreRuntime, Context) {
    let runtime = runtime(&capacities);
    let plugin = ByHand::started(&runtime, PluginMetadata::new("p", "1.0.0"));
    let cx = plugin.cx();
    (runtime, cx)
}

#[test]
fn each_table_that_is_full_says_so_with_its_size() {
    let runtime_ = runtime(&Capacities { plugins: 3, ..ROOMY });
    let manager = runtime_.plugins();
    let install = |n| manager.install(metadata(PluginMetadata::new(text(n), "1")));
    let full = fill(install);
    assert_eq!((full.0, full.1.code()), (3, "full"));
    assert_eq!(full.1, ManageError::Full { capacity: 3 });

    let (_, cx) = one_plugin(Capacities { filters: 3, ..ROOMY });
    let full = fill(|n| cx.subscribe(text(n)));
    assert_eq!(full, (3, SubscribeError::Full { capacity: 3 }));
    assert_eq!(cx.subscribe(text(0)), Ok(()), "one it has already");
    assert!(cx.unsubscribe(text(1)));
    assert_eq!(cx.subscribe(text(9)), Ok(()));

    let (_, cx) = one_plugin(Capacities { services: 3, ..ROOMY });
    let full = fill(|n| cx.register(Service::new(text(n))));
    assert_eq!(full, (3, RegisterError::Full { capacity: 3 }));
    assert!(matches!(
        cx.register(Service::new(text(0))),
        Err(RegisterError::Duplicate { owner }) if owner == "p"
    ));

    let (runtime, _) = one_plugin(Capacities {
        state_entries: 3,
        ..ROOMY
    });
    let full = fill(|n| runtime.state().set(text(n), json("1")));
    assert_eq!(full, (3, StateError::Full { capacity: 3 }));

    let (runtime, _) = one_plugin(Capacities {
        state_bytes: 48,
        ..ROOMY
    });
    let full = fill(|n| runtime.state().set(text(n), json("1")));
    assert_eq!(full, (3, StateError::BytesFull { capacity: 48 }));
    let large = format!("\"{}\"", "x".repeat(60));
    assert_eq!(
        runtime.state().set("l", json(&large)),
        Err(StateError::TooLarge { len: 62, max: 48 })
    );

    let (runtime, _) = one_plugin(Capacities { taps: 2, ..ROOMY });
    let open = || Tap::open(runtime.kernel(), None);
    let taps = (open().unwrap(), open().unwrap());
    assert!(open().is_none());
    assert_eq!(runtime.metrics().taps, 2);
    drop(taps.0);
    assert!(open().is_some());
}

#[test]
fn names_made_at_run_time_are_limited_in_number_and_length() {
    let caps = Capacities {
        names: 3,
        name_bytes: 6,
        ..ROOMY
    };
    let (runtime, cx) = one_plugin(caps);
    let full = fill(|n| cx.subscribe(Name::Copied(text(n))));
    assert_eq!(full, (3, SubscribeError::NamesFull { capacity: 3 }));
    assert_eq!(
        cx.register(Service::new(Name::Copied("s"))),
        Err(RegisterError::NamesFull { capacity: 3 })
    );
    assert_eq!(
        runtime.state().set(Name::Copied("k"), json("1")),
        Err(StateError::NamesFull { capacity: 3 })
    );
    assert_eq!(cx.subscribe("fixed.names.take.none"), Ok(()));
    assert!(cx.unsubscribe(text(0)) && cx.unsubscribe(text(1)));
    let long = Name::Copied("seven.7");
    assert_eq!(cx.subscribe(long), Err(SubscribeError::TooLong { max: 6 }));
    assert_eq!(
        runtime.state().set(long, json("1")),
        Err(StateError::TooLong { max: 6 })
    );
    // A service that needs three names where there are two takes none.
    let service = Service::new(Name::Copied("s"))
        .describe(Name::Copied("d"))
        .version(Name::Copied("v"));
    assert_eq!(
        cx.register(service),
        Err(RegisterError::NamesFull { capacity: 3 })
    );
    assert_eq!(
        cx.register(service.version(long)),
        Err(RegisterError::TooLong { max: 6 })
    );
    assert_eq!(runtime.metrics().names.used, 1);
    assert_eq!(runtime.metrics().services.used, 0);
}

#[test]
fn the_most_plugins_there_can_be_hear_the_same_event() {
    let runtime = runtime(&Capacities {
        plugins: 200,
        filters: 200,
        ..ROOMY
    });
    assert_eq!(runtime.metrics().plugins.capacity, MAX_PLUGINS);
    let mut plugins: Vec<_> = (0..MAX_PLUGINS)
        .map(|n| ByHand::started(&runtime, PluginMetadata::new(text(n), "1")))
        .collect();
    for plugin in &plugins {
        plugin.cx().subscribe("all").unwrap();
    }
    assert_eq!(plugins[7].cx().try_publish("all", json("1")), Ok(MAX_PLUGINS));
    assert!(
        plugins
            .iter_mut()
            .all(|plugin| matches!(plugin.next(), Some(Seen::Event { .. })))
    );
    let one_more = metadata(PluginMetadata::new("more", "1"));
    assert!(runtime.plugins().install(one_more).is_err());
}

#[test]
fn tables_beyond_what_links_can_reach_are_cut_and_say_so() {
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
    let most = u16::MAX as usize;
    assert_eq!(metrics.state_entries.capacity, most);
    assert_eq!(metrics.names.capacity, most);
    assert_eq!(metrics.calls.capacity, most);
    assert_eq!(metrics.state_bytes.capacity, most * 16);
    let state = runtime.state();
    let key = |n: usize| format!("{n:x}");
    for n in 0..most {
        state.set(Name::Copied(&key(n)), json(&n.to_string())).unwrap();
    }
    assert_eq!(
        state.set(Name::Copied("more"), json("1")),
        Err(StateError::BytesFull { capacity: most * 16 })
    );
    let mut buf = [0; 16];
    for n in [0, 1, most / 2, most - 2, most - 1] {
        let value = state.get(&key(n), &mut buf).unwrap().unwrap();
        assert_eq!(value.as_str(), n.to_string());
    }
}

kernel_core::kernel! {
    /// The smallest profile, in a `static`.
    static TINY = Capacities::TINY;
}

#[test]
fn the_smallest_profile_carries_a_plugins_whole_life() {
    let kernel = TINY.init(support::now).unwrap();
    assert!(TINY.init(support::now).is_none());
    let runtime = CoreRuntime::new(kernel);
    let mut tasks = Tasks::default();
    tasks.spawn(async move {
        let mut storage = MemoryStorage::<2, 8, 16>::new();
        serve(kernel, &mut storage, &mut [0; 128]).await;
    });
    actor(
        &runtime,
        &mut tasks,
        PluginMetadata::new("p", "1"),
        |cx, seen| async move {
            match seen {
                Seen::Load => {
                    cx.subscribe("e.>")?;
                    cx.register(Service::new("p.x"))?;
                }
                Seen::Event { payload, .. } => {
                    cx.state().set("p.last", json(&payload))?;
                    cx.storage("p").set("last", json(&payload)).await?;
                }
                Seen::Call { args, .. } => return Ok(args),
                _ => {}
            }
            Ok("null".into())
        },
    );
    tasks.settle();
    assert!(tasks.run(kernel, runtime.start()).is_empty());
    assert!(runtime.health().is_ok());
    for n in 0..100 {
        let value = n.to_string();
        assert_eq!(
            tasks.run(kernel, runtime.bus().publish("e.x", json(&value))),
            Ok(1)
        );
        let (services, storage) = (runtime.services(), runtime.storage());
        let mut buf = [0; 64];
        let echo = tasks.run(kernel, services.call("p.x", json("[1]"), &mut buf));
        assert_eq!(echo.unwrap().as_str(), "[1]");
        let last = runtime.state().get("p.last", &mut buf).unwrap().unwrap();
        assert_eq!(last.as_str(), value);
        let last = tasks.run(kernel, storage.namespace("p").get("last", &mut buf));
        assert_eq!(last.unwrap().unwrap().as_str(), value);
    }
    let down = tasks.run(kernel, runtime.shutdown(SECOND));
    assert!(down.late.is_empty() && down.storage_closed);
}

const NOTHING: Capacities = Capacities {
    plugins: 0,
    filters: 0,
    services: 0,
    calls: 0,
    call_bytes: 0,
    state_entries: 0,
    state_bytes: 0,
    state_block: 0,
    log_bytes: 0,
    names: 0,
    name_bytes: 0,
    waits: 0,
    taps: 0,
    error_bytes: 0,
    latency_buckets: 0,
};

kernel_core::kernel! {
    /// Nothing at all, in a `static`.
    static EMPTY = NOTHING;
}

/// Calls all there is; what can be refused is.
fn everything(runtime: CoreRuntime) {
    let kernel = runtime.kernel();
    let mut tasks = Tasks::default();
    let mut buf = [0; 64];
    let mut cursor = 0;
    let _ = runtime.bus().try_publish("t", json("1"));
    let _ = tasks.run(kernel, runtime.bus().publish("t", json("1")));
    assert_eq!(runtime.bus().subscribe("t"), Err(SubscribeError::Unloaded));
    assert!(!runtime.bus().unsubscribe("t"));
    let services = runtime.services();
    assert_eq!(services.register(Service::new("s")), Err(RegisterError::Unloaded));
    assert_eq!(
        services.begin("s", json("1"), None).err(),
        Some(CallError::NotFound)
    );
    assert!(services.list_services(&mut cursor, &mut buf).is_none());
    let state = runtime.state();
    assert!(state.set("k", json("1")).is_err());
    assert!(state.set_with_ttl("k", json("1"), SECOND).is_err());
    assert!(state.compare_and_set(Name::Copied("k"), json("1"), 0).is_err());
    assert!(state.update(&[(Name::Copied("k"), json("1"))]).is_err());
    assert_eq!(state.delete("k"), Ok(false));
    assert_eq!(state.get("k", &mut buf).map(|got| got.is_none()), Ok(true));
    assert!(!state.exists("k"));
    assert!(state.keys("", &mut 0, &mut buf).is_none());
    assert_eq!(state.clear(), 0);
    assert!(Tap::open(kernel, Some(0)).is_none());
    let installed = runtime.plugins().install(metadata(PluginMetadata::new("p", "1")));
    assert_eq!(installed.err(), Some(ManageError::Full { capacity: 0 }));
    assert!(runtime.plugins().list(&mut 0, &mut buf).is_none());
    let manager = runtime.plugins();
    assert_eq!(tasks.run(kernel, manager.start("p")), Err(ManageError::NotFound));
    assert_eq!(
        tasks.run(kernel, kernel.sleep(SECOND)),
        Err(WaitError::Full { capacity: 0 })
    );

    let space = runtime.storage().namespace("n");
    assert_eq!(
        poll_once(space.set("k", json("1"))),
        Some(Err(StorageError::Unavailable))
    );
    let mut memory = MemoryStorage::<0, 0, 0>::new();
    let mut serving = Box::pin(serve(kernel, &mut memory, &mut []));
    assert!(poll_once(serving.as_mut()).is_none());
    assert_eq!(
        poll_once(space.set("k", json("1"))),
        Some(Err(StorageError::Busy { capacity: 0 }))
    );
    let batch = poll_once(space.transaction(&[BatchOp::Delete("k")]));
    assert_eq!(batch, Some(Err(StorageError::Busy { capacity: 0 })));
    drop(serving);
    let _ = tasks.run(kernel, runtime.start());
    assert_eq!(runtime.health().plugins, 0);
    let down = tasks.run(kernel, runtime.shutdown(SECOND));
    assert!(down.late.is_empty() && !down.storage_closed);
    assert_eq!(runtime.metrics().calls.used, 0);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let _ = std::pin::pin!(kernel.run_timers(|_| std::future::pending())).poll(&mut cx);
}

#[test]
fn a_kernel_of_nothing_answers_everything() {
    everything(runtime(&NOTHING));
    everything(CoreRuntime::new(EMPTY.init(support::now).unwrap()));
}

#[test]
fn a_plugin_in_a_kernel_of_nothing_else_is_refused_all_it_asks_for() {
    let runtime = runtime(&Capacities {
        plugins: 1,
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
            assert_eq!(cx.subscribe("t"), Err(SubscribeError::Full { capacity: 0 }));
            let refused = cx.register(Service::new("s"));
            assert_eq!(refused, Err(RegisterError::Full { capacity: 0 }));
            assert!(cx.state().set("k", json("1")).is_err());
            assert!(matches!(
                cx.try_publish("t", json("1")),
                Err(PublishError::TooLarge { max: 0, .. })
            ));
            assert_eq!(cx.sleep(SECOND).await, Err(WaitError::Full { capacity: 0 }));
            cx.set_interval(SECOND);
            Err(Error::new("code", "and a message"))
        },
    );
    let failed = tasks.run(runtime.kernel(), runtime.start());
    assert!(failed.contains(0));
    assert_eq!(support::last_error(&runtime, "p"), (String::new(), String::new()));
    p.crashed("panic", "boom");
    tasks.pass(runtime.kernel(), SECOND * 300);
    assert_eq!(runtime.plugins().state("p"), Some(PluginState::Failed));
}
