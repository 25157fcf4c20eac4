//! Plugins that fail or hang: how far the boot waits for them, and what becomes of those that need them.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use kernel_core::PluginState::{Failed, Started, Stopped, Unloaded};
use kernel_core::*;

use crate::support::{self, Seen, actor, counters, last_error, metadata, now};
use crate::{House, SECOND};

/// A plugin that does in `on_start` what `hook` says.
fn starting<F>(house: &mut House, meta: PluginMetadata, hook: impl Fn(Context) -> F + Clone + 'static)
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    actor(&house.runtime, &mut house.tasks, meta, move |cx, seen| {
        let hook = hook.clone();
        async move {
            if seen == Seen::Start {
                hook(cx).await?;
            }
            Ok("null".into())
        }
    });
}

/// `app` needs `cache`, which needs `db`, which fails to start as long as it is `broken`.
fn leaning(broken: &Rc<Cell<bool>>, restart: RestartPolicy) -> House {
    let mut house = House::new();
    house.add("app", &["cache"], "");
    house.add("cache", &["db"], "");
    let meta = PluginMetadata {
        restart,
        ..PluginMetadata::new("db", "1.0.0")
    };
    let broken = broken.clone();
    starting(&mut house, meta, move |_| {
        let broken = broken.get();
        async move {
            if broken {
                Err(Error::new("broken", ""))
            } else {
                Ok(())
            }
        }
    });
    house
}

const TWICE: RestartPolicy = RestartPolicy {
    first_pause: SECOND,
    longest_pause: SECOND,
    restarts: 2,
    window: Duration::from_secs(600),
};

#[test]
fn a_dependent_waits_for_a_provider_that_recovers() {
    let broken = Rc::new(Cell::new(true));
    let mut house = leaning(&broken, TWICE);
    let (kernel, manager) = (house.runtime.kernel(), house.runtime.plugins());
    let begun = now();
    let failed = house.tasks.run(kernel, house.runtime.start());
    assert_eq!(failed.iter().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(now(), begun, "the boot waits for no restart");
    assert_eq!(manager.state("app"), Some(Unloaded));
    assert!(house.notes.take().is_empty());
    house.tasks.pass(kernel, SECOND);
    assert_eq!(manager.state("db"), Some(Failed));
    assert_eq!(manager.state("cache"), Some(Unloaded));
    broken.set(false);
    house.tasks.pass(kernel, SECOND);
    for name in ["db", "cache", "app"] {
        assert_eq!(manager.state(name), Some(Started), "{name}");
    }
    assert_eq!(
        house.notes.take(),
        ["cache load", "cache start", "app load", "app start"]
    );
    assert_eq!(last_error(&house.runtime, "app").0, "");
}

#[test]
fn a_dependent_of_a_provider_that_was_given_up_is_failed_and_comes_back_with_it() {
    let broken = Rc::new(Cell::new(true));
    let mut house = leaning(&broken, TWICE);
    let (kernel, manager) = (house.runtime.kernel(), house.runtime.plugins());
    house.tasks.run(kernel, house.runtime.start());
    house.tasks.pass(kernel, SECOND * 60);
    for name in ["cache", "app"] {
        assert_eq!(manager.state(name), Some(Failed), "{name}");
        assert_eq!(last_error(&house.runtime, name).0, "dependency_not_started");
        assert_eq!(counters(&house.runtime, name).errors, 1, "{name}");
    }
    broken.set(false);
    assert_eq!(house.ask("db", "start"), Ok(Started));
    house.tasks.settle();
    assert_eq!(manager.state("app"), Some(Started));

    // One that an operator took down stays down.
    house.ask("app", "stop").unwrap();
    house.ask("cache", "stop").unwrap();
    house.ask("db", "reload").unwrap();
    house.tasks.pass(kernel, SECOND * 60);
    assert_eq!(manager.state("cache"), Some(Stopped));
}

#[test]
fn a_dependent_that_fails_while_its_provider_is_down_spends_no_restarts_on_it() {
    let mut house = House::new();
    let meta = |name, dependencies, restart| PluginMetadata {
        dependencies,
        restart,
        ..PluginMetadata::new(name, "1.0.0")
    };
    let ok = |_| async { Ok(()) };
    starting(&mut house, meta("db", &[], RestartPolicy::NEVER), ok);
    let app = metadata(meta("app", &["db"], TWICE));
    let app = house.runtime.plugins().install(app).unwrap();
    let (kernel, manager) = (house.runtime.kernel(), house.runtime.plugins());
    let mut mailbox = app.mailbox();
    house.ask("db", "start").unwrap();
    drop(support::poll_once(manager.start("app")));
    let mut buf = [0; 64];
    while support::poll_once(mailbox.next(&mut buf)).is_some() {}
    assert_eq!(manager.state("app"), Some(Started));
    house.ask("db", "unload").unwrap_err();
    app.crashed("panic", "");
    house.ask("db", "unload").unwrap();
    mailbox = app.mailbox();
    house.tasks.pass(kernel, SECOND * 600);
    assert!(support::poll_once(mailbox.next(&mut buf)).is_none());
    assert_eq!(last_error(&house.runtime, "app").0, "panic");
    house.ask("db", "start").unwrap();
    while support::poll_once(mailbox.next(&mut buf)).is_some() {}
    assert_eq!(manager.state("app"), Some(Started));
    assert_eq!(counters(&house.runtime, "app").restarts, 1);
}

#[test]
fn plugins_that_hang_hold_up_the_boot_by_one_deadline_for_each_level() {
    let mut house = House::new();
    let meta = |name, dependencies| PluginMetadata {
        dependencies,
        hook_timeout: SECOND * 5,
        restart: TWICE,
        ..PluginMetadata::new(name, "1.0.0")
    };
    let hang = |_| std::future::pending();
    let slow = |cx: Context| async move { cx.sleep(SECOND * 4).await.map_err(Error::from) };
    for name in ["one", "two", "three"] {
        starting(&mut house, meta(name, &[]), hang);
    }
    starting(&mut house, meta("slow", &[]), slow);
    starting(&mut house, meta("second", &["slow"]), hang);
    starting(&mut house, meta("fine", &["slow"]), |_| async { Ok(()) });
    let begun = now();
    let failed = house.tasks.run(house.runtime.kernel(), house.runtime.start());
    assert_eq!(
        now() - begun,
        9_000_000,
        "four seconds, and five for the second level"
    );
    assert_eq!(failed.iter().collect::<Vec<_>>(), [0, 1, 2, 4]);
    assert_eq!(house.runtime.plugins().state("fine"), Some(Started));
}

#[test]
fn a_plugin_whose_task_does_not_run_holds_up_the_boot_by_its_deadline_alone() {
    let mut house = House::new();
    let dead = metadata(PluginMetadata {
        hook_timeout: SECOND,
        restart: RestartPolicy::NEVER,
        ..PluginMetadata::new("dead", "1.0.0")
    });
    house.runtime.plugins().install(dead).unwrap();
    house.add("app", &["dead"], "");
    house.add("fine", &[], "");
    let begun = now();
    let failed = house.tasks.run(house.runtime.kernel(), house.runtime.start());
    assert_eq!(failed.iter().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(now() - begun, 2_250_000);
    assert_eq!(last_error(&house.runtime, "dead").0, "stop_timeout");
    assert_eq!(last_error(&house.runtime, "app").0, "dependency_not_started");
}
