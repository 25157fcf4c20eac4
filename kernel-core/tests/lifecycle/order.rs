//! Dependencies: the order they give, and what is in its way.

use kernel_core::PluginState::Started;
use kernel_core::*;

use crate::support::last_error;
use crate::{House, SECOND};

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
