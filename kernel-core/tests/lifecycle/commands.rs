//! What each command leads to, in each state and beside another one, or a shutdown.

use std::cell::RefCell;
use std::rc::Rc;

use kernel_core::PluginState::{Failed, Loaded, Started, Stopped, Unloaded};
use kernel_core::*;

use crate::support::{self, ROOMY, Seen, Tasks, actor, json, last_error, metadata, now, runtime};
use crate::{House, SECOND};

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
        house.add("p", "");
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
        house.add("p", hook);
        let (last, before) = way.split_last().unwrap();
        for command in before {
            house.ask("p", command).unwrap();
        }
        let error = Error::new("broken", hook);
        assert_eq!(house.ask("p", last), Err(error), "{hook}");
        assert_eq!(house.runtime.plugins().state("p"), Some(Failed));
        assert_eq!(last_error(&house.runtime, "p"), ("broken".into(), hook.into()));
        assert_eq!(house.runtime.health().failed.iter().count(), 1);
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
        assert_eq!(house.ask("nobody", command), Err(Fault::NotFound.into()));
    }
    let manager = house.runtime.plugins();
    let bad = metadata(PluginMetadata::new("Bad Name", "1"));
    assert!(matches!(manager.install(bad), Err(Fault::Name { .. })));
    house.add("p", "");
    let twice = metadata(PluginMetadata::new("p", "1"));
    assert!(matches!(manager.install(twice), Err(Fault::Taken { .. })));
}

#[test]
fn starting_what_is_started_and_busy_does_not_harm_it() {
    let runtime = runtime(&ROOMY);
    let mut tasks = Tasks::default();
    let meta = PluginMetadata {
        handler_timeout: SECOND * 600,
        ..PluginMetadata::new("busy", "1.0.0")
    };
    actor(&runtime, &mut tasks, meta, |cx, seen| async move {
        match seen {
            Seen::Load => drop(cx.subscribe("work").await?),
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
    let _ = support::poll_once(manager.load("p"));
    house.tasks.settle();
    assert_eq!(house.tasks.run(kernel, manager.unload("p")), Ok(Unloaded));
    assert_eq!(now() - begun, 1_000_000);
    assert_eq!(house.notes.take(), ["Load", "Unload"]);
}

#[test]
fn a_command_that_another_one_overtakes_is_told_at_once() {
    let mut house = House::new();
    house.add("p", "");
    let (runtime, kernel) = (house.runtime, house.runtime.kernel());
    let manager = runtime.plugins();
    let begun = now();
    let mut start = Box::pin(manager.start("p"));
    assert!(support::poll_once(start.as_mut()).is_none());
    let _ = support::poll_once(manager.load("p"));
    assert_eq!(house.tasks.run(kernel, start), Err(Fault::Superseded.into()));
    assert_eq!(now(), begun, "nobody waited for it");
    house.tasks.settle();
    assert_eq!(manager.state("p"), Some(Loaded));
}

#[test]
fn a_command_that_comes_too_late_leaves_a_plugin_that_is_well_alone() {
    for (before, late, meanwhile, state) in [
        ("unload", "load", "start", Started),
        ("start", "stop", "unload", Unloaded),
    ] {
        let mut house = House::new();
        house.add("p", "");
        house.ask("p", before).unwrap();
        let (runtime, kernel) = (house.runtime, house.runtime.kernel());
        let manager = runtime.plugins();
        let house = Rc::new(RefCell::new(house));
        let other = house.clone();
        // It has looked at the plugin, and not yet done anything.
        support::before_entry(2, move || {
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
