//! Loading, starting, stopping, unloading and reloading, in every state and in order.
mod support;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use kernel_core::PluginState::{Failed, Loaded, Started, Stopped, Unloaded};
use kernel_core::*;
use support::{ByHand, Notes, ROOMY, Seen, Tasks, actor, counters, json, last_error, metadata, now, runtime};

const SECOND: Duration = Duration::from_secs(1);

struct House {
    runtime: CoreRuntime,
    tasks: Tasks,
    notes: Notes,
}

impl House {
    fn new() -> House {
        House {
            runtime: runtime(&ROOMY),
            tasks: Tasks::default(),
            notes: Notes::default(),
        }
    }

    /// A plugin that notes its lifecycle hooks, and fails in the one named `fails`.
    fn add(&mut self, name: &'static str, needs: &'static [&'static str], fails: &'static str) {
        let meta = PluginMetadata {
            dependencies: needs,
            restart: RestartPolicy::NEVER,
            ..PluginMetadata::new(name, "1.0.0")
        };
        let notes = self.notes.clone();
        actor(&self.runtime, &mut self.tasks, meta, move |_, seen| {
            let notes = notes.clone();
            async move {
                let hook = match seen {
                    Seen::Load => "load",
                    Seen::Start => "start",
                    Seen::Stop => "stop",
                    Seen::Unload => "unload",
                    _ => return Ok("null".into()),
                };
                notes.push(format!("{name} {hook}"));
                if hook == fails {
                    return Err(Error::new("broken", hook));
                }
                Ok("null".into())
            }
        });
    }

    fn ask(&mut self, name: &str, command: &str) -> Result<PluginState, ManageError> {
        let manager = self.runtime.plugins();
        let outcome = self.tasks.run(self.runtime.kernel(), async {
            match command {
                "load" => manager.load(name).await,
                "start" => manager.start(name).await,
                "stop" => manager.stop(name).await,
                "unload" => manager.unload(name).await,
                _ => manager.reload(name).await,
            }
        });
        if let Ok(state) = outcome {
            assert_eq!(manager.state(name), Some(state));
        }
        outcome
    }
}

#[test]
fn each_command_leads_from_each_state_to_the_one_it_names() {
    let table: [(&str, &str, PluginState, &[&str]); 20] = [
        ("", "load", Loaded, &["load"]),
        ("", "start", Started, &["load", "start"]),
        ("", "stop", Unloaded, &[]),
        ("", "unload", Unloaded, &[]),
        ("", "reload", Loaded, &["load"]),
        ("load", "load", Loaded, &[]),
        ("load", "start", Started, &["start"]),
        ("load", "stop", Loaded, &[]),
        ("load", "unload", Unloaded, &["unload"]),
        ("load", "reload", Loaded, &["unload", "load"]),
        ("start", "load", Started, &[]),
        ("start", "start", Started, &[]),
        ("start", "stop", Stopped, &["stop"]),
        ("start", "unload", Unloaded, &["stop", "unload"]),
        ("start", "reload", Started, &["stop", "unload", "load", "start"]),
        ("start stop", "load", Stopped, &[]),
        ("start stop", "start", Started, &["start"]),
        ("start stop", "stop", Stopped, &[]),
        ("start stop", "unload", Unloaded, &["unload"]),
        ("start stop", "reload", Loaded, &["unload", "load"]),
    ];
    for (before, command, state, hooks) in table {
        let mut house = House::new();
        house.add("p", &[], "");
        for step in before.split_whitespace() {
            house.ask("p", step).unwrap();
        }
        house.notes.take();
        let case = format!("{before:?} then {command}");
        assert_eq!(house.ask("p", command), Ok(state), "{case}");
        house.tasks.settle();
        let expected: Vec<_> = hooks.iter().map(|hook| format!("p {hook}")).collect();
        assert_eq!(house.notes.take(), expected, "{case}");
    }
}

#[test]
fn a_hook_that_fails_leaves_the_plugin_failed_with_its_error() {
    for (hook, way) in [
        ("load", &["load"][..]),
        ("start", &["start"]),
        ("stop", &["start", "stop"]),
        ("unload", &["load", "unload"]),
    ] {
        let mut house = House::new();
        house.add("p", &[], hook);
        let (last, before) = way.split_last().unwrap();
        for command in before {
            house.ask("p", command).unwrap();
        }
        let error = Error::new("broken", hook);
        assert_eq!(house.ask("p", last), Err(ManageError::Failed(error)), "{hook}");
        assert_eq!(house.runtime.plugins().state("p"), Some(Failed));
        assert_eq!(last_error(&house.runtime, "p"), ("broken".into(), hook.into()));
        assert_eq!(house.runtime.health().failed.len(), 1);
        house.notes.take();
        // There is nothing left of it to stop, and nothing in the way of another start.
        assert_eq!(house.ask("p", "unload"), Ok(Unloaded));
        assert!(house.notes.take().is_empty());
        house.ask("p", way[0]).map(drop).unwrap_or(());
        assert_eq!(house.notes.take()[0], "p load");
    }
}

#[test]
fn unknown_plugins_and_names_are_refused() {
    let mut house = House::new();
    for command in ["load", "start", "stop", "unload", "reload"] {
        assert_eq!(house.ask("nobody", command), Err(ManageError::NotFound));
    }
    let manager = house.runtime.plugins();
    let bad = metadata(PluginMetadata::new("Bad Name", "1"));
    assert!(matches!(manager.install(bad), Err(ManageError::Name(_))));
    house.add("p", &[], "");
    let twice = metadata(PluginMetadata::new("p", "1"));
    assert!(matches!(manager.install(twice), Err(ManageError::Duplicate)));
}

#[test]
fn providers_start_first_and_stop_last() {
    let mut house = House::new();
    house.add("app", &["db", "net"], "");
    house.add("net", &["db"], "");
    house.add("db", &[], "");
    house.add("alone", &[], "");
    let kernel = house.runtime.kernel();
    assert!(house.tasks.run(kernel, house.runtime.start()).is_empty());
    let order = house.notes.take();
    let at = |note: &str| order.iter().position(|entry| entry == note).unwrap();
    assert!(at("db start") < at("net load") && at("net start") < at("app load"));
    assert_eq!(order.len(), 8);

    assert_eq!(
        house.ask("db", "stop"),
        Err(ManageError::Needed {
            by: PluginName::try_from("app").unwrap()
        })
    );
    assert!(matches!(
        house.ask("net", "unload"),
        Err(ManageError::Needed { .. })
    ));

    let down = house.tasks.run(kernel, house.runtime.shutdown(SECOND * 8));
    assert!(down.late.is_empty() && down.storage_closed);
    let order = house.notes.take();
    let at = |note: &str| order.iter().position(|entry| entry == note).unwrap();
    assert!(at("app unload") < at("net stop") && at("net unload") < at("db stop"));
    assert_eq!(order.len(), 8);
    assert!(matches!(house.ask("db", "start"), Err(ManageError::ShuttingDown)));
}

#[test]
fn a_start_without_its_providers_is_refused_and_names_them() {
    let mut house = House::new();
    house.add("app", &["db", "gone"], "");
    house.add("db", &[], "");
    let name = |text: &str| PluginName::try_from(text).unwrap();
    assert_eq!(
        house.ask("app", "start"),
        Err(ManageError::NotStarted {
            dependency: name("db")
        })
    );
    house.ask("db", "start").unwrap();
    assert_eq!(
        house.ask("app", "start"),
        Err(ManageError::Missing {
            dependency: name("gone")
        })
    );
    let failed = house.tasks.run(house.runtime.kernel(), house.runtime.start());
    assert_eq!(failed.iter().collect::<Vec<_>>(), [0]);
    let (code, message) = last_error(&house.runtime, "app");
    assert_eq!(code, "missing_dependency");
    assert!(message.contains("gone"), "{message}");
    assert_eq!(house.runtime.plugins().state("db"), Some(Started));
}

#[test]
fn a_circle_of_dependencies_is_named_and_the_others_start() {
    let mut house = House::new();
    house.add("a", &["b"], "");
    house.add("b", &["c"], "");
    house.add("c", &["a"], "");
    house.add("outside", &["c"], "");
    house.add("self", &["self"], "");
    house.add("fine", &[], "");
    let failed = house.tasks.run(house.runtime.kernel(), house.runtime.start());
    assert_eq!(failed.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(house.notes.take(), ["fine load", "fine start"]);
    assert_eq!(last_error(&house.runtime, "a").0, "dependency_cycle");
    assert!(last_error(&house.runtime, "a").1.contains("a -> b -> c -> a"));
    assert!(last_error(&house.runtime, "self").1.contains("self -> self"));
    assert_eq!(last_error(&house.runtime, "outside").0, "dependency_not_started");
    let Err(ManageError::Cycle { path }) = house.ask("b", "start") else {
        panic!("no cycle");
    };
    assert_eq!(path.as_str(), "b -> c -> a -> b");
}

#[test]
fn what_depends_on_a_plugin_that_fails_is_not_started() {
    let mut house = House::new();
    house.add("app", &["db"], "");
    house.add("db", &[], "start");
    house.add("fine", &[], "");
    let failed = house.tasks.run(house.runtime.kernel(), house.runtime.start());
    assert_eq!(failed.iter().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(
        house.notes.take(),
        ["db load", "db start", "fine load", "fine start"]
    );
    assert_eq!(last_error(&house.runtime, "app").0, "dependency_not_started");
}

#[test]
fn starting_what_is_started_and_busy_does_not_harm_it() {
    let runtime = runtime(&ROOMY);
    let mut tasks = Tasks::default();
    let meta = PluginMetadata {
        handler_timeout: SECOND * 600,
        restart: RestartPolicy::NEVER,
        ..PluginMetadata::new("busy", "1.0.0")
    };
    actor(&runtime, &mut tasks, meta, |cx, seen| async move {
        match seen {
            Seen::Load => cx.subscribe("work")?,
            Seen::Event { .. } => cx.sleep(SECOND * 300).await?,
            _ => {}
        }
        Ok("null".into())
    });
    let manager = runtime.plugins();
    assert_eq!(tasks.run(runtime.kernel(), manager.start("busy")), Ok(Started));
    runtime.bus().try_publish("work", json("1")).unwrap();
    tasks.settle();
    assert_eq!(tasks.run(runtime.kernel(), manager.start("busy")), Ok(Started));
    tasks.pass(runtime.kernel(), SECOND * 299);
    assert_eq!(
        manager.state("busy"),
        Some(Started),
        "{:?}",
        last_error(&runtime, "busy")
    );
}

#[test]
fn unloading_waits_for_a_load_that_is_under_way() {
    let mut house = House::new();
    let notes = house.notes.clone();
    actor(
        &house.runtime,
        &mut house.tasks,
        PluginMetadata::new("p", "1.0.0"),
        move |cx, seen| {
            let notes = notes.clone();
            async move {
                notes.push(format!("{seen:?}"));
                if seen == Seen::Load {
                    cx.sleep(SECOND).await?;
                }
                Ok("null".into())
            }
        },
    );
    let manager = house.runtime.plugins();
    let kernel = house.runtime.kernel();
    let begun = now();
    drop(support::poll_once(manager.load("p")));
    house.tasks.settle();
    assert_eq!(house.tasks.run(kernel, manager.unload("p")), Ok(Unloaded));
    assert_eq!(now() - begun, 1_000_000);
    assert_eq!(house.notes.take(), ["Load", "Unload"]);
}

#[test]
fn stopping_counts_what_was_not_read_as_dropped() {
    let runtime = runtime(&ROOMY);
    let mut p = ByHand::started(&runtime, PluginMetadata::new("p", "1.0.0"));
    p.cx().subscribe("e").unwrap();
    for n in 0..5 {
        runtime.bus().try_publish("e", json(&n.to_string())).unwrap();
    }
    assert!(matches!(p.next(), Some(Seen::Event { .. })));
    let manager = runtime.plugins();
    let mut stop = Box::pin(manager.stop("p"));
    assert!(support::poll_once(stop.as_mut()).is_none());
    assert_eq!(p.next(), Some(Seen::Stop));
    let counted = counters(&runtime, "p");
    assert_eq!((counted.events, counted.dropped, counted.lag), (1, 4, 0));
    assert_eq!(
        runtime.bus().try_publish("e", json("1")),
        Ok(0),
        "it no longer listens"
    );
    assert_eq!(p.next(), None);

    let mut start = Box::pin(manager.start("p"));
    assert!(support::poll_once(start.as_mut()).is_none());
    assert_eq!(p.next(), Some(Seen::Start));
    assert_eq!(p.next(), None);
    assert_eq!(
        runtime.bus().try_publish("e", json("9")),
        Ok(1),
        "its filters stayed"
    );
    match p.next() {
        Some(Seen::Event { lost, payload, .. }) => assert_eq!((lost, payload.as_str()), (0, "9")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_lost_before_a_stop_is_not_told_after_the_next_start() {
    let runtime = runtime(&ROOMY);
    let mut p = ByHand::started(&runtime, PluginMetadata::new("p", "1.0.0"));
    p.cx().subscribe("e").unwrap();
    runtime.bus().try_publish("e", json("\"too large\"")).unwrap();
    assert!(support::poll_once(p.mailbox.next(&mut [0; 4])).is_none());
    assert_eq!(counters(&runtime, "p").dropped, 1);
    let manager = runtime.plugins();
    drop(support::poll_once(manager.stop("p")));
    assert_eq!(p.next(), Some(Seen::Stop));
    drop(support::poll_once(manager.start("p")));
    assert_eq!(p.next(), Some(Seen::Start));
    runtime.bus().try_publish("e", json("1")).unwrap();
    assert!(matches!(p.next(), Some(Seen::Event { lost: 0, .. })));
}

#[test]
fn each_step_is_an_event_and_the_runtime_says_how_it_is() {
    let mut house = House::new();
    let mut watcher = ByHand::started(&house.runtime, PluginMetadata::new("watcher", "1.0.0"));
    watcher.cx().subscribe("runtime.plugin.p").unwrap();
    watcher.cx().subscribe("state.changed.runtime.status").unwrap();
    house.add("p", &[], "stop");
    let kernel = house.runtime.kernel();
    house.tasks.run(kernel, house.runtime.start());
    assert!(house.runtime.health().running);
    house.ask("p", "stop").unwrap_err();
    let mut told = Vec::new();
    while let Some(seen) = watcher.next() {
        if let Seen::Event { payload, .. } = seen {
            let value: serde_json::Value = serde_json::from_str(&payload).unwrap();
            told.push(value.get("state").or(value.get("value")).unwrap().clone());
            if told.last().unwrap() == "FAILED" {
                assert_eq!(
                    (&value["code"], &value["error"]),
                    (&"broken".into(), &"stop".into())
                );
            }
        }
    }
    assert_eq!(told, ["starting", "LOADED", "STARTED", "running", "FAILED"]);
    let status = || {
        let mut buf = [0; 32];
        let value = house.runtime.state().get(STATUS, &mut buf).unwrap();
        value.unwrap().as_str().to_owned()
    };
    assert_eq!(status(), "\"running\"");
    assert!(support::poll_once(house.runtime.shutdown(SECOND)).is_none());
    assert_eq!(status(), "\"stopping\"");
    assert!(!house.runtime.health().running);
    house.tasks.run(kernel, house.runtime.shutdown(SECOND));
    assert_eq!(status(), "\"stopped\"");
}

#[test]
fn one_that_was_only_asked_to_start_does_not_begin_after_a_shutdown_has() {
    let mut house = House::new();
    house.add("late", &[], "");
    house.tasks.settle();
    let (runtime, kernel) = (house.runtime, house.runtime.kernel());
    // Its task has not run since.
    drop(support::poll_once(runtime.plugins().start("late")));
    let down = house.tasks.run(kernel, runtime.shutdown(SECOND));
    assert!(down.late.is_empty() && down.storage_closed, "{down:?}");
    house.tasks.settle();
    assert_eq!(house.notes.take(), [""; 0]);
    assert_eq!(runtime.plugins().state("late"), Some(Unloaded));
}

#[test]
fn no_command_leads_up_once_the_runtime_shuts_down() {
    let mut house = House::new();
    for name in ["unloaded", "loaded", "stopped"] {
        house.add(name, &[], "");
    }
    house.ask("loaded", "load").unwrap();
    house.ask("stopped", "start").unwrap();
    house.ask("stopped", "stop").unwrap();
    let runtime = house.runtime;
    let mut down = Box::pin(runtime.shutdown(SECOND * 4));
    assert!(support::poll_once(down.as_mut()).is_none());
    for name in ["unloaded", "loaded", "stopped"] {
        assert_eq!(
            house.ask(name, "reload"),
            Err(ManageError::ShuttingDown),
            "{name}"
        );
    }
    assert!(house.tasks.run(runtime.kernel(), down).late.is_empty());
    assert_eq!(runtime.plugins().state("loaded"), Some(Unloaded));
}

#[test]
fn a_command_that_another_one_overtakes_is_told_at_once() {
    let mut house = House::new();
    house.add("p", &[], "");
    let (runtime, kernel) = (house.runtime, house.runtime.kernel());
    let manager = runtime.plugins();
    let begun = now();
    let mut start = Box::pin(manager.start("p"));
    assert!(support::poll_once(start.as_mut()).is_none());
    drop(support::poll_once(manager.load("p")));
    assert_eq!(house.tasks.run(kernel, start), Err(ManageError::Superseded));
    assert_eq!(now(), begun, "nobody waited for it");
    house.tasks.settle();
    assert_eq!(manager.state("p"), Some(Loaded));

    let mut start = Box::pin(manager.start("p"));
    assert!(support::poll_once(start.as_mut()).is_none());
    assert!(support::poll_once(runtime.shutdown(SECOND)).is_none());
    assert_eq!(house.tasks.run(kernel, start), Err(ManageError::ShuttingDown));
}

#[test]
fn a_command_that_comes_too_late_leaves_a_plugin_that_is_well_alone() {
    for (before, late, entry, meanwhile, state) in [
        ("unload", "load", 2, "start", Started),
        ("start", "stop", 3, "unload", Unloaded),
    ] {
        let mut house = House::new();
        house.add("p", &[], "");
        house.ask("p", before).unwrap();
        let (runtime, kernel) = (house.runtime, house.runtime.kernel());
        let manager = runtime.plugins();
        let house = Rc::new(RefCell::new(house));
        let other = house.clone();
        // It has looked at the plugin, and not yet done anything.
        support::before_entry(entry, move || {
            other.borrow_mut().ask("p", meanwhile).unwrap();
        });
        let outcome = match late {
            "load" => support::poll_once(manager.load("p")),
            _ => support::poll_once(manager.stop("p")),
        };
        assert_eq!(outcome, Some(Ok(state)), "{late}");
        house.borrow_mut().tasks.pass(kernel, SECOND * 60);
        assert_eq!(manager.state("p"), Some(state), "{late}");
        assert_eq!(
            last_error(&runtime, "p"),
            (String::new(), String::new()),
            "{late}"
        );
    }
}

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
