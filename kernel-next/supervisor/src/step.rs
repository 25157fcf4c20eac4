//! One look at all plugins, and what is to be done about each.

use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;

use kernel_next::storage::STORAGE;
use kernel_next::{CoreRuntime, Error, Instant, Overview, PluginManager, PluginSet, PluginState};

use crate::{State, Supervisor};

/// What is to be done about a plugin.
enum Action {
    /// Nothing before this time, or at all.
    Wait(Option<Instant>),
    Start,
    Unload,
    /// It cannot be started: a plugin that it depends on will not come.
    Fail,
}

/// What is known of all plugins.
struct All {
    started: PluginSet,
    /// Somebody who is not down depends on them.
    needed: PluginSet,
    /// They were given up, or wait for one that was.
    lost: PluginSet,
}

/// True for a plugin that nothing runs of.
fn is_down(state: PluginState) -> bool {
    matches!(state, PluginState::Unloaded | PluginState::Failed)
}

impl<const N: usize> Supervisor<N> {
    /// Does what is to be done now; when it is to look again at the latest.
    pub(crate) fn step(&self, runtime: &CoreRuntime) -> Option<Instant> {
        let (plugins, now) = (runtime.plugins(), runtime.now());
        let mut all = All {
            started: PluginSet::default(),
            needed: PluginSet::default(),
            lost: PluginSet::default(),
        };
        self.each(&plugins, |index, info| {
            if info.state == PluginState::Started {
                all.started.insert(index);
            }
            if !is_down(info.state) {
                all.needed.extend(&info.providers);
            }
            if self.with(|state| state.wants(index).1) {
                all.lost.insert(index);
            }
        });
        let mut next = None;
        self.each(&plugins, |index, info| {
            let installed = plugins.installed(index);
            match self.with(|state| state.decide(index, info, &all, now)) {
                Action::Wait(again) => next = first(next, again),
                Action::Start => installed.set_goal(PluginState::Started, LIMIT),
                Action::Unload => installed.set_goal(PluginState::Unloaded, LIMIT),
                Action::Fail => {
                    let message = "a plugin that it depends on is not installed, or is not started any more";
                    installed.crashed(&Error::new("dependency_not_started", message));
                }
            }
        });
        next
    }

    /// Looks at each plugin.
    fn each(&self, plugins: &PluginManager, mut look: impl FnMut(usize, &Overview)) {
        for index in 0..N {
            if let Some(info) = overview(plugins, index) {
                look(index, &info);
            }
        }
    }

    /// Says of all plugins whether they should be started.
    pub(crate) fn want_all(&self, runtime: &CoreRuntime, wanted: bool) {
        self.each(&runtime.plugins(), |index, info| {
            self.with(|state| {
                if let Some(slot) = state.slots.get_mut(index) {
                    slot.of(info).want(wanted);
                }
            });
        });
        self.step(runtime);
    }

    /// Waits until each plugin is where it should be or given up, at most until `until`; those that are not there.
    pub(crate) async fn settle(&self, runtime: CoreRuntime, until: Option<Instant>) -> PluginSet {
        let mut changes = runtime.plugins().watch();
        poll_fn(|task| {
            loop {
                let Poll::Ready(looked) = changes.poll(until, task.waker()) else {
                    return Poll::Pending;
                };
                let (elsewhere, pending) = self.elsewhere(&runtime.plugins());
                let late = until.is_some_and(|until| !runtime.now().is_before(until));
                if !pending || late || looked.is_err() {
                    return Poll::Ready(elsewhere);
                }
            }
        })
        .await
    }

    /// The plugins that are not where they should be, and whether one of them may still come there.
    fn elsewhere(&self, plugins: &PluginManager) -> (PluginSet, bool) {
        let (mut elsewhere, mut pending) = (PluginSet::default(), false);
        self.each(plugins, |index, info| {
            let (wanted, lost) = self.with(|state| state.wants(index));
            let there = if wanted {
                info.state == PluginState::Started
            } else {
                is_down(info.state)
            };
            if !there {
                elsewhere.insert(index);
                pending |= !(wanted && lost);
            }
        });
        (elsewhere, pending)
    }
}

/// A plugin, the storage among its providers.
#[inline(never)]
pub(crate) fn overview(plugins: &PluginManager, index: usize) -> Option<Overview> {
    let mut info = plugins.overview(index)?;
    match plugins.index(STORAGE) {
        Some(storage) if storage != index => info.providers.insert(storage),
        _ => {}
    }
    Some(info)
}

impl<const N: usize> State<N> {
    /// What is to be done about a plugin.
    fn decide(&mut self, index: usize, info: &Overview, all: &All, now: Instant) -> Action {
        let Some(slot) = self.slots.get_mut(index) else {
            return Action::Wait(None);
        };
        let slot = slot.of(info);
        if self.stopping {
            // Once nobody who is up depends on it.
            let ordered = info.goal == PluginState::Unloaded && info.state != PluginState::Failed;
            return match ordered || all.needed.contains(index) {
                true => Action::Wait(None),
                false => Action::Unload,
            };
        }
        if info.state == PluginState::Failed && slot.wanted && !slot.waits {
            self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let failed = slot.failed(info.failures, info.restart, now, self.random.wrapping_shr(16));
            if failed && slot.given_up {
                // Those that depend on it are looked at again at once.
                return Action::Wait(Some(now));
            }
        }
        if !slot.wanted || info.state == PluginState::Started {
            return Action::Wait(None);
        }
        let coming = info.providers.without(&all.started);
        if info.missing || coming != coming.without(&all.lost) {
            if slot.waits {
                return Action::Wait(slot.again());
            }
            slot.wait(info.failures);
            return Action::Fail;
        }
        let due = slot.waits || slot.again().is_some_and(|again| !now.is_before(again));
        let stands = info.state != PluginState::Failed && info.goal != PluginState::Started;
        if coming.is_empty() && (due || stands) {
            slot.start();
            return Action::Start;
        }
        Action::Wait(slot.again())
    }

    /// Whether a plugin should be started, and whether it will not be.
    fn wants(&self, index: usize) -> (bool, bool) {
        let slot = self.slots.get(index);
        slot.map_or((false, false), |slot| (slot.wanted, slot.given_up || slot.waits))
    }
}

/// The earlier of two times.
fn first(one: Option<Instant>, two: Option<Instant>) -> Option<Instant> {
    match (one, two) {
        (Some(one), Some(two)) if Instant::is_before(two, one) => Some(two),
        (None, two) => two,
        (one, _) => one,
    }
}

/// How long a plugin may take to its goal: its hooks have deadlines of their own.
const LIMIT: Duration = Duration::from_secs(3600);
