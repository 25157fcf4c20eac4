//! Plugins in processes that mean no good, each with an honest one beside it whose calls go on.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use kernel_core::PluginState;
use serde_json::json;

use crate::host::until;
use crate::support::{Honest, House, processes_with, runs};

#[test]
fn each_fault_of_the_protocol_fails_the_plugin_with_its_name() {
    for (how, code, says) in [
        ("exit-first", "exited", "exit status: 3"),
        ("exit-in-initialize", "exited", "exit status: 3"),
        ("exit-in-load", "exited", "exit status: 3"),
        ("exit-in-start", "exited", "exit status: 3"),
        ("other-protocol", "unsupported_protocol", "protocol 9"),
        ("other-version", "wrong_version", "9.9.9"),
        ("garbage", "not_protocol", "standard error"),
        ("endless-line", "line_too_long", "1048576 bytes"),
        ("not-utf8", "not_utf8", "UTF-8"),
        ("unasked", "protocol_error", "4711"),
        ("spin-in-load", "hook_timeout", "on_load"),
        ("deaf", "hook_timeout", "on_load"),
    ] {
        let house = House::new();
        let honest = Honest::begin(&house);
        house.install_hostile(&[how]);
        let (found, said) = house.failure("hostile");
        assert!(found == code && said.contains(says), "{how}: {found}: {said}");
        house.give_up("hostile");
        honest.end(how);
        assert_eq!(
            processes_with("hostile.py")
                .iter()
                .filter(|pid| in_group_of(&house, **pid))
                .count(),
            0,
            "{how}"
        );
    }
}

/// Whether a process runs in this house's folder: tests run side by side.
fn in_group_of(house: &House, pid: i64) -> bool {
    let place = std::fs::read_link(format!("/proc/{pid}/cwd"));
    place.is_ok_and(|place| place.starts_with(house.dir.path()))
}

#[test]
fn a_banner_is_quoted_in_the_log_and_passed_over() {
    let house = House::new();
    let row = house.install_hostile(&["banner"]);
    assert_eq!(row["state"], "STARTED");
    let row = house.call("plugins.list", json!(null)).unwrap();
    let row = row
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == "hostile")
        .unwrap()
        .clone();
    assert_eq!(row["noise"], 2);
    let log = house
        .call("plugins.logs", json!({"name": "hostile"}))
        .unwrap()
        .to_string();
    assert!(
        log.contains("no message on standard output: Welcome to the library!"),
        "{log}"
    );
}

#[test]
fn one_that_spins_in_a_call_is_failed_at_its_deadline_and_starts_anew() {
    let house = House::new();
    let honest = Honest::begin(&house);
    house.install_hostile(&["spin-in-call"]);
    let error = house.call("hostile.do", json!(null)).unwrap_err();
    assert!(["gone", "timeout"].contains(&error.0.as_str()), "{error:?}");
    assert_eq!(house.failure("hostile").0, "hook_timeout");
    until("it is back", || {
        (house.state("hostile") == Some(PluginState::Started)).then_some(())
    });
    honest.end("one that spins");
}

#[test]
fn one_that_dies_in_a_call_answers_its_caller_at_once() {
    let house = House::new();
    house.install_hostile(&["exit-in-call"]);
    let begun = Instant::now();
    let error = house.call("hostile.do", json!(null)).unwrap_err();
    assert_eq!(error.0, "gone", "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn an_answer_that_comes_twice_fails_it() {
    let house = House::new();
    house.install_hostile(&["twice"]);
    assert_eq!(house.call("hostile.do", json!(null)).unwrap(), json!(1));
    assert_eq!(house.failure("hostile").0, "protocol_error");
}

#[test]
fn one_that_eats_memory_dies_of_it_alone() {
    let house = House::new();
    let honest = Honest::begin(&house);
    house.install_hostile(&["eats"]);
    let error = house.call("hostile.do", json!(null)).unwrap_err();
    assert_eq!(error.0, "gone", "{error:?}");
    assert_eq!(house.failure("hostile").0, "exited");
    let log = house
        .call("plugins.logs", json!({"name": "hostile"}))
        .unwrap()
        .to_string();
    assert!(log.contains("MemoryError"), "{log}");
    honest.end("one that eats memory");
}

#[test]
fn children_go_with_their_plugin() {
    let house = House::new();
    let honest = Honest::begin(&house);
    house.install_hostile(&["forks"]);
    let pid = house.call("hostile.do", json!(null)).unwrap().as_i64().unwrap();
    let children = || {
        let all = processes_with("sleep 1000");
        all.into_iter()
            .filter(|pid| in_group_of(&house, *pid))
            .collect::<Vec<_>>()
    };
    until("it has children", || (children().len() == 20).then_some(()));
    house.call("plugins.remove", json!({"name": "hostile"})).unwrap();
    assert!(!runs(pid));
    // Their folder is gone with the plugin, and their names are those of all such tests: by number alone.
    until("they are gone", || children().is_empty().then_some(()));
    honest.end("one that forks");
}

#[test]
fn one_that_ignores_all_signs_is_killed() {
    let house = House::new();
    let honest = Honest::begin(&house);
    house.install_hostile(&["stays"]);
    let pid = house.call("hostile.do", json!(null)).unwrap().as_i64().unwrap();
    let begun = Instant::now();
    house.call("plugins.remove", json!({"name": "hostile"})).unwrap();
    assert!(!runs(pid));
    assert!(
        (1..5).contains(&begun.elapsed().as_secs()),
        "{:?}",
        begun.elapsed()
    );
    honest.end("one that stays");
}

#[test]
fn floods_cost_whoever_makes_them() {
    for how in ["stderr", "floods"] {
        let house = House::new();
        let honest = Honest::begin(&house);
        house.install_hostile(&[how]);
        std::thread::sleep(Duration::from_secs(2));
        honest.end(how);
        let log = house
            .call("plugins.logs", json!({"name": "hostile", "after": 1}))
            .unwrap();
        match how {
            "stderr" => assert!(!log["lines"].as_array().unwrap().is_empty()),
            _ => assert_eq!(house.state("hostile"), Some(PluginState::Started)),
        }
    }
}

#[test]
fn it_reaches_only_what_is_its_own() {
    let house = House::new();
    fs::write(house.dir.path().join("secret"), "secret").unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = port.local_addr().unwrap().port().to_string();
    let place = house.dir.path().display().to_string();
    let row = house.install_hostile(&["reaches", &place, &port]);
    let reached = house.call("hostile.do", json!(null)).unwrap();
    // A system without Landlock says so, and what then is open.
    let open = row["not_enforced"].as_array().unwrap();
    let known: &[&str] = match (open.contains(&json!("files")), open.contains(&json!("network"))) {
        (true, _) => &[
            "read",
            "write",
            "tcp",
            "signal",
            "environment",
            "passwords",
            "own",
        ],
        (false, true) => &["tcp", "signal", "own"],
        (false, false) => &["own"],
    };
    let reached: Vec<&str> = reached
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|name| name.as_str())
        .collect();
    assert!(reached.contains(&"own"), "{reached:?}");
    assert!(reached.iter().all(|name| known.contains(name)), "{reached:?}");
}

#[test]
fn a_process_that_is_left_alone_does_not_stay() {
    let house = House::new();
    house.install_hostile(&["orphans"]);
    let pid = house.call("hostile.do", json!(null)).unwrap().as_i64().unwrap();
    let others = || {
        let all = processes_with("hostile.py orphans");
        all.into_iter()
            .filter(|other| *other != pid && in_group_of(&house, *other))
            .count()
    };
    until("the orphan is gone", || (others() == 0).then_some(()));
    assert!(runs(pid));
}

#[test]
fn nothing_of_the_runtimes_environment_reaches_a_plugin() {
    let house = House::new();
    house.install_hostile(&["reads-secret", "/proc/self/environ"]);
    let environ = house.call("hostile.do", json!(null)).unwrap();
    let names: Vec<&str> = environ
        .as_str()
        .unwrap()
        .split('\0')
        .filter_map(|pair| pair.split('=').next())
        .collect();
    assert!(names.contains(&"PATH") && names.contains(&"HOME"), "{names:?}");
    // What cargo gives this process, and with it the runtime.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(
        !names
            .iter()
            .any(|name| name.starts_with("CARGO") || name.starts_with("RUNTIME")),
        "{names:?}"
    );
}
