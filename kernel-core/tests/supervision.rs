//! Plugins that fail, hang or crash: what becomes of them, and of what they held.
mod support;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use kernel_core::PluginState::{Failed, Started, Unloaded};
use kernel_core::state::StateError;
use kernel_core::storage::StorageError;
use kernel_core::*;
use support::{
    ByHand, Notes, ROOMY, Seen, Tasks, actor, counters, json, last_error, now, poll_once, runtime,
};

const SECOND: Duration = Duration::from_secs(1);

const POLICY: RestartPolicy = RestartPolicy {
    first_pause: SECOND,
    longest_pause: Duration::from_secs(4),
    restarts: 4,
    window: Duration::from_secs(60),
};

fn fragile(name: &'static str) -> PluginMetadata {
    PluginMetadata {
        restart: POLICY,
        hook_timeout: Duration::from_secs(5),
        handler_timeout: Duration::from_secs(7),
        ..PluginMetadata::new(name, "1.0.0")
    }
}

/// Hangs in the hook that `at` picks, for ever.
fn hanging(at: fn(&Seen) -> bool) -> (CoreRuntime, Tasks) {
    let runtime = runtime(&ROOMY);
    let mut tasks = Tasks::default();
    let meta = PluginMetadata {
        restart: RestartPolicy::NEVER,
        ..fragile("p")
    };
    actor(&runtime, &mut tasks, meta, move |cx, seen| async move {
        if seen == Seen::Load {
            cx.subscribe("e")?;
            cx.register(Service::new("p.call"))?;
        }
        if at(&seen) {
            std::future::pending::<()>().await;
        }
        Ok("null".into())
    });
    (runtime, tasks)
}

/// Sees the plugin fail with this message, within this time of the command.
fn fails(runtime: &CoreRuntime, tasks: &mut Tasks, command: &str, message: &str) {
    let manager = runtime.plugins();
    let begun = now();
    let outcome = tasks.run(runtime.kernel(), async {
        match command {
            "start" => manager.start("p").await,
            "stop" => manager.stop("p").await,
            _ => manager.unload("p").await,
        }
    });
    let error = Error::new("hook_timeout", message);
    assert_eq!(outcome, Err(ManageError::Failed(error)));
    assert_eq!(now() - begun, 5_000_000);
    assert_eq!(manager.state("p"), Some(Failed));
}

#[test]
fn a_plugin_that_hangs_in_a_lifecycle_hook_fails_by_its_deadline() {
    let (runtime, mut tasks) = hanging(|seen| *seen == Seen::Load);
    fails(
        &runtime,
        &mut tasks,
        "start",
        "on_load did not end within 5000 ms",
    );

    let (runtime, mut tasks) = hanging(|seen| *seen == Seen::Start);
    fails(
        &runtime,
        &mut tasks,
        "start",
        "on_start did not end within 5000 ms",
    );

    let (runtime, mut tasks) = hanging(|seen| *seen == Seen::Stop);
    tasks.run(runtime.kernel(), runtime.plugins().start("p")).unwrap();
    fails(&runtime, &mut tasks, "stop", "on_stop did not end within 5000 ms");

    let (runtime, mut tasks) = hanging(|seen| *seen == Seen::Unload);
    tasks.run(runtime.kernel(), runtime.plugins().start("p")).unwrap();
    fails(
        &runtime,
        &mut tasks,
        "unload",
        "on_unload did not end within 5000 ms",
    );
}

#[test]
fn a_plugin_that_hangs_in_a_handler_fails_and_its_caller_is_told() {
    let (runtime, mut tasks) = hanging(|seen| matches!(seen, Seen::Event { .. } | Seen::Call { .. }));
    let manager = runtime.plugins();
    tasks.run(runtime.kernel(), manager.start("p")).unwrap();
    runtime.bus().try_publish("e", json("1")).unwrap();
    tasks.settle();
    tasks.pass(runtime.kernel(), SECOND * 7 - Duration::from_micros(1));
    assert_eq!(manager.state("p"), Some(Started));
    tasks.pass(runtime.kernel(), Duration::from_micros(1));
    assert_eq!(manager.state("p"), Some(Failed));
    assert_eq!(last_error(&runtime, "p").1, "on_event did not end within 7000 ms");

    tasks.run(runtime.kernel(), manager.start("p")).unwrap();
    let mut buf = [0; 32];
    let services = runtime.services();
    let begun = now();
    let outcome = tasks.run(runtime.kernel(), services.call("p.call", json("1"), &mut buf));
    assert_eq!(outcome.unwrap_err(), CallError::Gone);
    assert_eq!(now() - begun, 7_000_000);
    assert_eq!(last_error(&runtime, "p").1, "on_call did not end within 7000 ms");
}

/// A plugin that fails in `on_start` as long as `broken` says so, and notes the second of each.
struct Breaking {
    runtime: CoreRuntime,
    tasks: Tasks,
    installed: Installed,
    broken: Rc<Cell<bool>>,
    starts: Notes,
}

fn breaking() -> Breaking {
    let runtime = runtime(&ROOMY);
    let mut tasks = Tasks::default();
    let broken = Rc::new(Cell::new(true));
    let starts = Notes::default();
    let (state, all) = (broken.clone(), starts.clone());
    let begun = now();
    let installed = actor(&runtime, &mut tasks, fragile("p"), move |_, seen| {
        let (broken, starts) = (state.clone(), all.clone());
        async move {
            if seen == Seen::Start {
                starts.push(format!("{}", (now() - begun) / 1_000_000));
                if broken.get() {
                    return Err(Error::new("broken", ""));
                }
            }
            Ok("null".into())
        }
    });
    Breaking {
        runtime,
        tasks,
        installed,
        broken,
        starts,
    }
}

impl Breaking {
    fn start(&mut self) -> Result<PluginState, ManageError> {
        self.tasks
            .run(self.runtime.kernel(), self.runtime.plugins().start("p"))
    }

    fn pass(&mut self, span: Duration) {
        self.tasks.pass(self.runtime.kernel(), span);
    }

    fn state(&self) -> PluginState {
        self.runtime.plugins().state("p").unwrap()
    }
}

#[test]
fn a_plugin_that_fails_is_restarted_with_growing_pauses_and_given_up() {
    let mut p = breaking();
    assert!(matches!(p.start(), Err(ManageError::Failed(_))));
    p.pass(SECOND * 300);
    // Pauses of 1, 2, 4 and 4 seconds, then no more.
    assert_eq!(p.starts.take(), ["0", "1", "3", "7", "11"]);
    let counted = counters(&p.runtime, "p");
    assert_eq!((counted.restarts, counted.errors), (4, 5));
    assert_eq!(p.state(), Failed);
    assert_eq!(
        p.runtime.kernel().expire(),
        Instant::NEVER,
        "nothing more is planned"
    );
}

#[test]
fn a_plugin_that_was_given_up_can_be_started_by_hand() {
    let mut p = breaking();
    p.start().unwrap_err();
    p.pass(SECOND * 60);
    p.starts.take();
    p.broken.set(false);
    assert_eq!(p.start(), Ok(Started));
    assert_eq!(p.starts.take().len(), 1);
}

#[test]
fn failures_further_apart_than_the_window_are_counted_anew() {
    let mut p = breaking();
    p.broken.set(false);
    p.start().unwrap();
    for n in 0..10 {
        p.starts.take();
        p.installed.crashed("panic", "boom");
        p.pass(SECOND - Duration::from_micros(1));
        assert_eq!(p.state(), Failed);
        p.pass(Duration::from_micros(1));
        assert_eq!(p.state(), Started, "crash {n}: the first pause each time");
        p.pass(SECOND * 60);
    }
    assert_eq!(counters(&p.runtime, "p").restarts, 10);
}

#[test]
fn failures_within_the_window_are_added_up_though_it_runs_between_them() {
    let mut p = breaking();
    p.broken.set(false);
    p.start().unwrap();
    for _ in 0..4 {
        p.installed.crashed("panic", "boom");
        p.pass(SECOND * 10);
        assert_eq!(p.state(), Started);
    }
    p.installed.crashed("panic", "boom");
    p.pass(SECOND * 100);
    assert_eq!(p.state(), Failed);
    assert_eq!(last_error(&p.runtime, "p"), ("panic".into(), "boom".into()));
}

#[test]
fn a_crash_that_is_told_twice_does_not_restart_what_was_given_up() {
    let mut p = breaking();
    p.start().unwrap_err();
    for _ in 0..8 {
        p.installed.crashed("panic", "boom");
    }
    p.starts.take();
    p.pass(SECOND * 300);
    assert!(p.starts.take().is_empty());
    assert_eq!(counters(&p.runtime, "p").restarts, 0);
    assert_eq!(p.state(), Failed);
}

#[test]
fn stopping_while_a_restart_is_planned_ends_the_plan() {
    let mut p = breaking();
    p.start().unwrap_err();
    assert_eq!(p.state(), Failed);
    let manager = p.runtime.plugins();
    assert_eq!(p.tasks.run(p.runtime.kernel(), manager.stop("p")), Ok(Unloaded));
    p.starts.take();
    p.pass(SECOND * 300);
    assert!(p.starts.take().is_empty());
    assert_eq!(p.state(), Unloaded);
}

#[test]
fn unloading_waits_for_a_restart_that_is_under_way() {
    let runtime = runtime(&ROOMY);
    let mut p = ByHand::started(&runtime, fragile("p"));
    p.installed.crashed("panic", "boom");
    p.mailbox = p.installed.mailbox();
    assert_eq!(p.next(), None);
    support::advance(SECOND);
    runtime.kernel().expire();
    assert_eq!(p.next(), Some(Seen::Load));
    let manager = runtime.plugins();
    let mut unload = Box::pin(manager.unload("p"));
    assert!(poll_once(unload.as_mut()).is_none(), "it is still loading");
    assert_eq!(
        manager.state("p"),
        Some(Failed),
        "UNLOADED only once nothing runs"
    );
    assert_eq!(p.next(), Some(Seen::Unload));
    assert_eq!(p.next(), Some(Seen::Ended));
    assert_eq!(poll_once(unload), Some(Ok(Unloaded)));
}

#[test]
fn all_that_a_life_held_is_taken_back_and_its_context_refused() {
    let runtime = runtime(&ROOMY);
    let kernel = runtime.kernel();
    let mut tasks = Tasks::default();
    tasks.spawn(async move {
        let mut storage = storage::MemoryStorage::<4, 8, 8>::new();
        storage::serve(kernel, &mut storage, &mut [0; 1024]).await;
    });
    tasks.settle();
    let p = ByHand::started(
        &runtime,
        PluginMetadata {
            restart: RestartPolicy::NEVER,
            ..PluginMetadata::new("p", "1.0.0")
        },
    );
    let mut other = ByHand::started(&runtime, PluginMetadata::new("other", "1.0.0"));
    other.cx().register(Service::new("other.x")).unwrap();
    let before = runtime.metrics();
    let cx = p.cx();
    for n in 0..3 {
        cx.subscribe(Name::Copied(&format!("filter.{n}.>"))).unwrap();
        cx.register(Service::new(Name::Copied(&format!("p.s{n}"))))
            .unwrap();
        cx.state()
            .set(Name::Copied(&format!("key.{n}")), json("1"))
            .unwrap();
    }
    cx.set_interval(SECOND);
    let _call = cx.begin_call("other.x", json("1"), None).unwrap();
    let stored = cx.storage("p");
    let mut waiting = Box::pin(stored.set("k", json("1")));
    assert!(poll_once(waiting.as_mut()).is_none());
    assert_eq!(runtime.metrics().calls.used, before.calls.used + 2);

    p.installed.crashed("panic", "boom");
    let after = runtime.metrics();
    assert_eq!(after.filters.used, before.filters.used);
    assert_eq!(after.services.used, before.services.used);
    assert_eq!(after.state_entries.used, before.state_entries.used);
    assert_eq!(after.state_bytes.used, before.state_bytes.used);
    assert_eq!(after.names.used, before.names.used);
    assert_eq!(after.calls.used, before.calls.used);
    assert_eq!(other.next(), None);
    assert_eq!(poll_once(waiting).unwrap(), Err(StorageError::Unavailable));

    refused(cx);
    // Not even in the plugin's next life.
    let mut next = ByHand {
        installed: p.installed,
        mailbox: p.installed.mailbox(),
    };
    next.start(&runtime, "p");
    refused(cx);
    assert!(next.cx().try_publish("t", json("1")).is_ok());
    let mut buf = [0; 32];
    assert_eq!(
        runtime_name(&runtime, cx.id(), &mut buf),
        "p",
        "its name is still known"
    );
}

fn runtime_name<'b>(runtime: &CoreRuntime, id: PluginId, buf: &'b mut [u8]) -> &'b str {
    let plugin = ByHand::started(runtime, PluginMetadata::new("asker", "1.0.0"));
    plugin.cx().name_of(id, buf)
}

/// Sees everything refused to a life that is over.
fn refused(cx: Context) {
    let mut buf = [0; 32];
    assert_eq!(cx.try_publish("t", json("1")), Err(PublishError::Unloaded));
    assert_eq!(
        poll_once(cx.publish("t", json("1"))),
        Some(Err(PublishError::Unloaded))
    );
    assert_eq!(cx.subscribe("t"), Err(SubscribeError::Unloaded));
    assert!(!cx.unsubscribe("filter.1.>"));
    assert_eq!(cx.register(Service::new("p.new")), Err(RegisterError::Unloaded));
    assert!(!cx.services().unregister("p.s1"));
    assert_eq!(
        cx.begin_call("other.x", json("1"), None).err(),
        Some(CallError::Unloaded)
    );
    assert_eq!(cx.state().set("k", json("1")), Err(StateError::Unloaded));
    assert_eq!(cx.state().delete("k"), Err(StateError::Unloaded));
    assert_eq!(
        cx.state().update(&[(Name::Static("k"), json("1"))]),
        Err(StateError::Unloaded)
    );
    assert_eq!(cx.state().clear(), 0);
    let space = cx.storage("p");
    assert_eq!(
        poll_once(space.get("k", &mut buf)).map(|got| got.map(drop)),
        Some(Err(StorageError::Unloaded))
    );
    assert_eq!(
        poll_once(space.set("k", json("1"))),
        Some(Err(StorageError::Unloaded))
    );
}

#[test]
fn one_plugin_that_fails_does_not_disturb_another() {
    let mut p = breaking();
    let mut other = ByHand::started(&p.runtime, PluginMetadata::new("other", "1.0.0"));
    other.cx().subscribe("e").unwrap();
    p.runtime.bus().try_publish("e", json("1")).unwrap();
    p.start().unwrap_err();
    p.installed.crashed("panic", "boom");
    assert!(matches!(other.next(), Some(Seen::Event { lost: 0, .. })));
    assert_eq!(p.runtime.plugins().state("other"), Some(Started));
}
