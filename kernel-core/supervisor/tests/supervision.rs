//! Restarts, dependency order, start and stop of all.
#[path = "../../tests/support/mod.rs"]
mod support;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use kernel_core::*;
use kernel_supervisor::Supervisor;
use support::{
    AtOnce, ByHand, Notes, ROOMY, Seen, Tasks, actor, at_once, counters, last_error, now, poll_once, runtime,
};

const SECOND: Duration = Duration::from_secs(1);

struct House {
    runtime: CoreRuntime,
    tasks: Tasks,
    supervisor: &'static Supervisor<8>,
    notes: Notes,
}

impl House {
    fn new() -> House {
        let runtime = runtime(&ROOMY);
        let supervisor: &'static Supervisor<8> = Box::leak(Box::new(Supervisor::new()));
        let mut tasks = Tasks::default();
        tasks.spawn(supervisor.run(runtime));
        House {
            runtime,
            tasks,
            supervisor,
            notes: Notes::default(),
        }
    }

    /// A plugin that notes its steps, and whose start fails as long as the cell says so.
    fn add(&mut self, metadata: PluginMetadata) -> Rc<Cell<bool>> {
        let (fails, notes, name) = (Rc::new(Cell::new(false)), self.notes.clone(), metadata.name);
        let broken = fails.clone();
        actor(&self.runtime, &mut self.tasks, metadata, move |_, seen| {
            let (broken, notes) = (broken.clone(), notes.clone());
            async move {
                match seen {
                    Seen::Start if broken.get() => return Err(Error::new("broken", "it is")),
                    Seen::Start => notes.push(format!("+{name}")),
                    Seen::Stop => notes.push(format!("-{name}")),
                    _ => {}
                }
                Ok("null".into())
            }
        });
        fails
    }

    fn start_all(&mut self) -> Vec<usize> {
        let failed = self
            .tasks
            .run(self.runtime.kernel(), self.supervisor.start_all(self.runtime));
        failed.iter().collect()
    }

    fn stop_all(&mut self) -> Vec<usize> {
        let late = self.supervisor.stop_all(self.runtime, SECOND * 30);
        self.tasks.run(self.runtime.kernel(), late).iter().collect()
    }

    fn state(&self, name: &str) -> PluginState {
        self.runtime.plugins().state(name).unwrap()
    }

    fn start(&mut self, name: &'static str) -> Result<PluginState, Error> {
        let start = self.supervisor.start(self.runtime, name);
        self.tasks.run(self.runtime.kernel(), start)
    }

    fn stop(&mut self, name: &'static str) -> Result<PluginState, Error> {
        let stop = self.supervisor.stop(self.runtime, name);
        self.tasks.run(self.runtime.kernel(), stop)
    }

    fn pass(&mut self, span: Duration) {
        self.tasks.pass(self.runtime.kernel(), span);
    }
}

fn needs(name: &'static str, dependencies: &'static [&'static str]) -> PluginMetadata {
    PluginMetadata {
        dependencies,
        ..PluginMetadata::new(name, "1.0.0")
    }
}

fn never(name: &'static str) -> PluginMetadata {
    PluginMetadata {
        restart: RestartPolicy::NEVER,
        ..PluginMetadata::new(name, "1.0.0")
    }
}

#[test]
fn all_are_started_providers_first_and_stopped_dependents_first() {
    let mut house = House::new();
    house.add(needs("roof", &["walls"]));
    house.add(needs("walls", &["ground"]));
    house.add(needs("garden", &[]));
    house.add(needs("ground", &[]));
    assert_eq!(house.start_all(), [0; 0]);
    let started = house.notes.take();
    let place = |name: &str| started.iter().position(|note| note == name).unwrap();
    assert!(
        place("+ground") < place("+walls") && place("+walls") < place("+roof"),
        "{started:?}"
    );
    assert_eq!(house.runtime.health().started, 4);
    assert_eq!(house.stop_all(), [0; 0]);
    let stopped = house.notes.take();
    let place = |name: &str| stopped.iter().position(|note| note == name).unwrap();
    assert!(
        place("-roof") < place("-walls") && place("-walls") < place("-ground"),
        "{stopped:?}"
    );
    assert_eq!(house.start("ground").unwrap_err().code(), "shutting_down");
}

#[test]
fn a_dependent_whose_pause_is_over_waits_for_its_provider_without_keeping_everybody_busy() {
    let mut house = House::new();
    let paused = |name, dependencies, millis| PluginMetadata {
        restart: RestartPolicy {
            first_pause: Duration::from_millis(millis),
            ..RestartPolicy::DEFAULT
        },
        ..needs(name, dependencies)
    };
    house.add(paused("ground", &[], 5_000));
    house.add(paused("walls", &["ground"], 10));
    assert_eq!(house.start_all(), [0; 0]);
    for index in 0..2 {
        let installed = house.runtime.plugins().installed(index);
        installed.crashed(&Error::new("panic", "boom"));
    }
    // The clock stands still while tasks run: one that looks again and again would never end.
    house.pass(SECOND);
    assert_eq!(house.runtime.health().started, 0);
    house.pass(6 * SECOND);
    assert_eq!(house.runtime.health().started, 2);
}

#[test]
fn a_plugin_that_fails_comes_back_with_growing_pauses_until_it_is_given_up() {
    let mut house = House::new();
    let fails = house.add(needs("p", &[]));
    fails.set(true);
    assert_eq!(house.start_all(), [0]);
    assert_eq!(house.state("p"), PluginState::Failed);
    assert_eq!(
        counters(&house.runtime, "p").failures,
        6,
        "the first one and five restarts"
    );
    assert_eq!(last_error(&house.runtime, "p").0, "broken");
    house.pass(SECOND * 600);
    assert_eq!(counters(&house.runtime, "p").failures, 6);
    fails.set(false);
    assert_eq!(house.start("p"), Ok(PluginState::Started));
}

#[test]
fn one_that_recovers_is_started_and_its_past_is_forgotten_after_the_window() {
    let mut house = House::new();
    let fails = house.add(needs("p", &[]));
    assert_eq!(house.start_all(), [0; 0]);
    let installed = house.runtime.plugins().installed(0);
    for _ in 0..20 {
        installed.crashed(&Error::new("panic", "boom"));
        house.pass(SECOND);
        assert_eq!(house.state("p"), PluginState::Started);
        house.pass(SECOND * 125);
    }
    fails.set(true);
    installed.crashed(&Error::new("panic", "boom"));
    house.pass(SECOND * 60);
    assert_eq!(house.state("p"), PluginState::Failed);
}

#[test]
fn dependents_of_one_that_is_given_up_are_failed_and_come_back_with_it() {
    let mut house = House::new();
    let fails = house.add(never("provider"));
    house.add(needs("dependent", &["provider"]));
    house.add(needs("further", &["dependent"]));
    house.add(needs("other", &[]));
    fails.set(true);
    assert_eq!(house.start_all(), [0, 1, 2], "its first start failed");
    assert_eq!(house.state("other"), PluginState::Started);
    assert_eq!(
        last_error(&house.runtime, "dependent").0,
        "dependency_not_started"
    );
    let refused = house.start("dependent").unwrap_err();
    assert_eq!(refused.code(), "dependency_not_started");
    assert!(refused.message().contains("provider"), "{refused}");
    fails.set(false);
    assert_eq!(house.start("provider"), Ok(PluginState::Started));
    house.pass(SECOND);
    assert_eq!(house.state("dependent"), PluginState::Started);
    assert_eq!(house.state("further"), PluginState::Started);
}

#[test]
fn a_dependent_is_failed_and_comes_back_also_when_it_was_installed_first() {
    let mut house = House::new();
    house.add(needs("dependent", &["provider"]));
    let fails = house.add(never("provider"));
    fails.set(true);
    assert_eq!(house.start_all(), [0, 1]);
    assert_eq!(
        last_error(&house.runtime, "dependent").0,
        "dependency_not_started"
    );
    fails.set(false);
    house.start("provider").unwrap();
    house.pass(SECOND);
    assert_eq!(house.state("dependent"), PluginState::Started);
}

#[test]
fn one_that_is_switched_off_is_started_by_command_alone_and_its_dependents_wait_for_that() {
    let mut house = House::new();
    house.add(needs("dependent", &["provider"]));
    house.add(needs("provider", &[]));
    house.add(needs("other", &[]));
    house.supervisor.switch_off(1);
    assert_eq!(house.start_all(), [0]);
    assert_eq!(house.state("provider"), PluginState::Unloaded);
    assert_eq!(house.state("other"), PluginState::Started);
    assert_eq!(
        last_error(&house.runtime, "dependent").0,
        "dependency_not_started"
    );
    house.pass(SECOND * 60);
    assert_eq!(house.state("provider"), PluginState::Unloaded);
    assert_eq!(house.start("provider"), Ok(PluginState::Started));
    house.pass(SECOND);
    assert_eq!(house.state("dependent"), PluginState::Started);
    // It is kept going like any other.
    house
        .runtime
        .plugins()
        .installed(1)
        .crashed(&Error::new("panic", "boom"));
    house.pass(SECOND);
    assert_eq!(house.state("provider"), PluginState::Started);
    assert_eq!(house.stop_all(), [0; 0]);
    assert_eq!(house.start_all(), [0]);
}

#[test]
fn what_others_do_with_a_plugin_is_what_should_be() {
    let mut house = House::new();
    house.add(needs("p", &[]));
    house.start_all();
    let (kernel, plugins) = (house.runtime.kernel(), house.runtime.plugins());
    house.tasks.run(kernel, plugins.stop("p")).unwrap();
    house.pass(SECOND * 60);
    assert_eq!(house.state("p"), PluginState::Stopped);
    house.tasks.run(kernel, plugins.start("p")).unwrap();
    plugins.installed(0).crashed(&Error::new("panic", "boom"));
    house.pass(SECOND);
    assert_eq!(house.state("p"), PluginState::Started, "it is restarted");
    house.tasks.run(kernel, plugins.reload("p")).unwrap();
    house.pass(SECOND);
    assert_eq!(house.state("p"), PluginState::Started);
    house.tasks.run(kernel, plugins.unload("p")).unwrap();
    house.pass(SECOND * 60);
    assert_eq!(house.state("p"), PluginState::Unloaded);
    assert_eq!(house.start_all(), [0; 0]);
    assert_eq!(house.state("p"), PluginState::Started);
}

#[test]
fn a_missing_provider_and_a_cycle_leave_the_others_running() {
    let mut house = House::new();
    house.add(needs("lonely", &["nobody"]));
    house.add(needs("a", &[]));
    assert_eq!(house.start_all(), [0]);
    assert_eq!(house.state("a"), PluginState::Started);
    assert_eq!(house.start("lonely").unwrap_err().code(), "dependency_missing");
}

#[test]
fn a_started_dependent_keeps_its_provider_from_being_stopped() {
    let mut house = House::new();
    house.add(needs("provider", &[]));
    house.add(needs("dependent", &["provider"]));
    house.start_all();
    let refused = house.stop("provider").unwrap_err();
    assert_eq!(refused.code(), "needed");
    assert!(refused.message().contains("dependent"), "{refused}");
    house.stop("dependent").unwrap();
    house.stop("provider").unwrap();
    house.pass(SECOND * 60);
    assert_eq!(
        house.state("provider"),
        PluginState::Stopped,
        "nobody wants it started"
    );
}

#[test]
fn the_storage_is_first_and_last() {
    let mut house = House::new();
    house.add(needs("p", &[]));
    let rows = support::memory::Rows::default();
    let storage = support::memory::MemoryStorage {
        rows,
        ..Default::default()
    };
    support::serve_memory(&house.runtime, &mut house.tasks, storage);
    assert_eq!(house.start_all(), [0; 0]);
    assert!(house.runtime.health().storage);
    assert_eq!(house.stop("storage").unwrap_err().code(), "needed");
    assert_eq!(house.stop_all(), [0; 0]);
    assert!(!house.runtime.health().storage);
}

#[test]
fn one_that_does_not_stop_is_named_and_the_others_are_stopped() {
    let mut house = House::new();
    house.add(needs("good", &[]));
    let metadata = PluginMetadata {
        hook_timeout: SECOND * 60,
        ..needs("stuck", &[])
    };
    actor(&house.runtime, &mut house.tasks, metadata, |_, seen| async move {
        if let Seen::Stop = seen {
            std::future::pending::<()>().await;
        }
        Ok("null".into())
    });
    house.start_all();
    assert_eq!(house.stop_all(), [1]);
    assert_eq!(house.state("good"), PluginState::Unloaded);
}

#[test]
fn nothing_leads_up_once_all_are_stopped() {
    let mut house = House::new();
    for name in ["unloaded", "loaded", "stopped", "started"] {
        house.add(needs(name, &[]));
    }
    let kernel = house.runtime.kernel();
    let (supervisor, runtime) = (house.supervisor, house.runtime);
    house
        .tasks
        .run(kernel, supervisor.load(runtime, "loaded"))
        .unwrap();
    house.start("stopped").unwrap();
    house.stop("stopped").unwrap();
    house.start("started").unwrap();
    let mut stop = Box::pin(supervisor.stop_all(runtime, SECOND * 4));
    assert!(poll_once(stop.as_mut()).is_none());
    for name in ["unloaded", "loaded", "stopped", "started"] {
        for refused in [
            house.tasks.run(kernel, supervisor.load(runtime, name)),
            house.tasks.run(kernel, supervisor.start(runtime, name)),
            house.tasks.run(kernel, supervisor.reload(runtime, name)),
        ] {
            assert_eq!(refused.unwrap_err().code(), "shutting_down", "{name}");
        }
    }
    assert_eq!(house.tasks.run(kernel, stop).iter().count(), 0);
    house.pass(SECOND * 60);
    for name in ["unloaded", "loaded", "stopped", "started"] {
        assert_eq!(house.state(name), PluginState::Unloaded, "{name}");
    }
}

#[test]
fn one_that_hangs_while_it_loads_does_not_hold_up_the_end_of_all() {
    let mut house = House::new();
    house.add(needs("good", &[]));
    let metadata = PluginMetadata {
        hook_timeout: SECOND * 60,
        ..needs("bad", &["good"])
    };
    actor(&house.runtime, &mut house.tasks, metadata, |_, seen| async move {
        if let Seen::Load = seen {
            std::future::pending::<()>().await;
        }
        Ok("null".into())
    });
    house.start("good").unwrap();
    assert!(poll_once(house.supervisor.start(house.runtime, "bad")).is_none());
    house.tasks.settle();
    let begun = now();
    let late = house.supervisor.stop_all(house.runtime, SECOND * 4);
    let late: Vec<_> = house.tasks.run(house.runtime.kernel(), late).iter().collect();
    assert_eq!(late, [1]);
    assert!(now() - begun <= 4_000_000);
    assert_eq!(house.state("good"), PluginState::Unloaded);
    assert_eq!(house.notes.take(), ["+good", "-good"]);
    house.pass(SECOND * 300);
    assert_eq!(house.runtime.health().started, 0, "nothing is restarted");
}

#[test]
fn a_cycle_of_dependencies_fails_its_plugins_and_what_needs_them() {
    let mut house = House::new();
    house.add(needs("a", &["b"]));
    house.add(needs("b", &["c"]));
    house.add(needs("c", &["a"]));
    house.add(needs("outside", &["c"]));
    house.add(needs("self", &["self"]));
    house.add(needs("fine", &[]));
    assert_eq!(house.start_all(), [0, 1, 2, 3, 4]);
    assert_eq!(house.notes.take(), ["+fine"]);
    assert!(house.start("b").is_err());
    house.pass(SECOND * 60);
    assert_eq!(house.notes.take(), [""; 0]);
}

const POLICY: RestartPolicy = RestartPolicy {
    first_pause: SECOND,
    longest_pause: Duration::from_secs(4),
    restarts: 4,
    window: Duration::from_secs(60),
};

fn fragile() -> PluginMetadata {
    PluginMetadata {
        restart: POLICY,
        ..needs("p", &[])
    }
}

/// A plugin that fails to start while it is broken, and notes the second of each start.
fn breaking() -> (House, Rc<Cell<bool>>, Installed) {
    let mut house = House::new();
    let (broken, starts, begun) = (Rc::new(Cell::new(true)), house.notes.clone(), now());
    let state = broken.clone();
    let installed = actor(&house.runtime, &mut house.tasks, fragile(), move |_, seen| {
        let (broken, starts) = (state.clone(), starts.clone());
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
    (house, broken, installed)
}

#[test]
fn pauses_grow_up_to_the_longest_and_then_it_is_given_up() {
    let (mut house, ..) = breaking();
    house.start("p").unwrap_err();
    house.pass(SECOND * 300);
    // Pauses of 1, 2, 4 and 4 seconds, each up to a quarter longer, then no more.
    let starts: Vec<u64> = house
        .notes
        .take()
        .iter()
        .map(|second| second.parse().unwrap())
        .collect();
    assert_eq!(starts.len(), 5);
    for ((least, most), start) in [(0, 0), (1, 1), (3, 4), (7, 9), (11, 14)]
        .into_iter()
        .zip(&starts)
    {
        assert!((least..=most).contains(start), "{starts:?}");
    }
    assert_eq!(house.state("p"), PluginState::Failed);
    assert_eq!(house.runtime.kernel().expire(), None, "nothing more is planned");
}

#[test]
fn failures_further_apart_than_the_window_are_counted_anew() {
    let (mut house, broken, installed) = breaking();
    broken.set(false);
    house.start("p").unwrap();
    for n in 0..10 {
        installed.crashed(&Error::new("panic", "boom"));
        house.pass(SECOND - Duration::from_millis(1));
        assert_eq!(house.state("p"), PluginState::Failed);
        // A quarter more, by chance.
        house.pass(Duration::from_millis(251));
        assert_eq!(
            house.state("p"),
            PluginState::Started,
            "crash {n}: the first pause each time"
        );
        house.pass(SECOND * 60);
    }
}

#[test]
fn failures_within_the_window_are_added_up_though_it_runs_between_them() {
    let (mut house, broken, installed) = breaking();
    broken.set(false);
    house.start("p").unwrap();
    for _ in 0..4 {
        installed.crashed(&Error::new("panic", "boom"));
        house.pass(SECOND * 10);
        assert_eq!(house.state("p"), PluginState::Started);
    }
    installed.crashed(&Error::new("panic", "boom"));
    house.pass(SECOND * 100);
    assert_eq!(house.state("p"), PluginState::Failed);
    assert_eq!(last_error(&house.runtime, "p"), ("panic".into(), "boom".into()));
}

#[test]
fn a_crash_that_is_reported_again_does_not_restart_what_was_given_up() {
    let (mut house, _, installed) = breaking();
    house.start("p").unwrap_err();
    for _ in 0..8 {
        installed.crashed(&Error::new("panic", "boom"));
        house.tasks.settle();
    }
    house.notes.take();
    house.pass(SECOND * 300);
    assert_eq!(house.notes.take(), [""; 0]);
    assert_eq!(house.state("p"), PluginState::Failed);
}

#[test]
fn stopping_while_a_restart_is_planned_ends_the_plan() {
    let (mut house, ..) = breaking();
    house.start("p").unwrap_err();
    assert_eq!(house.state("p"), PluginState::Failed);
    house.stop("p").unwrap();
    house.notes.take();
    house.pass(SECOND * 300);
    assert_eq!(house.notes.take(), [""; 0]);
}

#[test]
fn each_step_is_an_event_and_the_runtime_says_how_it_is() {
    let mut house = House::new();
    let mut watcher = ByHand::started(&house.runtime, needs("watcher", &[]));
    watcher.cx().subscribe("runtime.plugin.p").unwrap();
    watcher.cx().subscribe("state.changed.runtime.status").unwrap();
    house.add(needs("p", &[]));
    house.start("p").unwrap();
    house.runtime.set_status(Status::Running);
    house
        .runtime
        .plugins()
        .installed(1)
        .crashed(&Error::new("panic", "boom"));
    let mut seen = Vec::new();
    while let Some(message) = watcher.next() {
        if let Seen::Event { payload, .. } = message {
            seen.push(payload);
        }
    }
    let status = seen.remove(2);
    assert!(status.contains(r#""running""#), "{status}");
    assert_eq!(
        seen,
        [
            r#"{"state":"LOADED"}"#,
            r#"{"state":"STARTED"}"#,
            r#"{"state":"FAILED","code":"panic","error":"boom"}"#
        ]
    );
    let status = || {
        let mut buf = [0; 32];
        let value = at_once(house.runtime.state().get(STATUS, &mut buf)).unwrap();
        value.unwrap().as_str().to_owned()
    };
    assert_eq!(status(), "\"running\"");
    assert!(poll_once(house.supervisor.stop_all(house.runtime, SECOND)).is_none());
    assert_eq!(status(), "\"stopping\"");
    let stopped = house.supervisor.stop_all(house.runtime, SECOND);
    house.tasks.run(house.runtime.kernel(), stopped);
    assert_eq!(status(), "\"stopped\"");
}

#[test]
fn starting_and_stopping_all_need_few_places_to_wait_in() {
    for waits in [2, 3] {
        let runtime = runtime(&Capacities { waits, ..ROOMY });
        let supervisor: &'static Supervisor<8> = Box::leak(Box::new(Supervisor::new()));
        let mut tasks = Tasks::default();
        tasks.spawn(supervisor.run(runtime));
        for (name, providers) in [("app", &["db"][..]), ("db", &[])] {
            actor(&runtime, &mut tasks, needs(name, providers), |_, _| async {
                Ok("null".into())
            });
        }
        let failed = tasks.run(runtime.kernel(), supervisor.start_all(runtime));
        assert_eq!(
            (failed.iter().count(), runtime.health().started),
            (0, 2),
            "{waits}"
        );
        let late = tasks.run(runtime.kernel(), supervisor.stop_all(runtime, SECOND));
        assert_eq!((late.iter().count(), runtime.health().started), (0, 0), "{waits}");
    }
}

#[test]
fn one_that_was_installed_before_its_provider_fails_with_it() {
    let mut house = House::new();
    house.add(PluginMetadata {
        dependencies: &["late"],
        ..PluginMetadata::new("early", "1")
    });
    let broken = house.add(PluginMetadata {
        restart: RestartPolicy::NEVER,
        ..PluginMetadata::new("late", "1")
    });
    broken.set(true);
    assert_eq!(house.start_all(), [0, 1]);
    assert_eq!(last_error(&house.runtime, "early").0, "dependency_not_started");
}
