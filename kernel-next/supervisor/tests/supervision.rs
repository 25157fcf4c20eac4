//! Restarts, dependency order, start and stop of all.
#[path = "../../tests/support/mod.rs"]
mod support;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use kernel_next::*;
use kernel_supervisor::Supervisor;
use support::{Notes, ROOMY, Seen, Tasks, actor, counters, last_error, runtime};

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
        installed.crashed("panic", "boom");
        house.pass(SECOND);
        assert_eq!(house.state("p"), PluginState::Started);
        house.pass(SECOND * 125);
    }
    fails.set(true);
    installed.crashed("panic", "boom");
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
