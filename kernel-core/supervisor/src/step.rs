//! One look at all plugins, and what is to be done about each.

use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;

use kernel_core::storage::STORAGE;
use kernel_core::{CoreRuntime, Error, Instant, Overview, PluginManager, PluginSet, PluginState};

use crate::{State, Supervisor};

/// What is to be done about a plugin.
enum Action {
    None,
    Start,
    Unload,
    /// It cannot be started: a plugin that it depends on will not come.
    Fail,
}

/// What one look at all plugins came to.
#[derive(Default)]
pub(crate) struct Look {
    started: PluginSet,
    /// Somebody who is not down depends on them.
    needed: PluginSet,
    /// They were given up, are switched off, or wait for one that is either.
    lost: PluginSet,
    /// They are not where they should be ...
    pub(crate) elsewhere: PluginSet,
    /// ... and one of them may still come there.
    pub(crate) pending: bool,
    /// When to look again at the latest.
    pub(crate) next: Option<Instant>,
    /// One was given up: those that depend on it are to be looked at again at once.
    again: bool,
}

impl<const N: usize> Supervisor<N> {
    /// Does what is to be done now.
    pub(crate) fn step(&self, runtime: &CoreRuntime) -> Look {
        loop {
            let look = self.look(&runtime.plugins(), runtime.now());
            if !look.again {
                return look;
            }
        }
    }

    fn look(&self, plugins: &PluginManager, now: Instant) -> Look {
        let mut look = Look::default();
        self.each(plugins, |index, info| {
            look.add(index, info, self.with(|state| state.wants(index)))
        });
        self.each(plugins, |index, info| {
            let installed = plugins.installed(index);
            let turns = waits_for_itself(plugins, index, info, &look.started, N);
            match self.with(|state| state.decide(index, info, turns, &mut look, now)) {
                Action::None => {}
                Action::Start => installed.set_goal(PluginState::Started, LIMIT),
                Action::Unload => installed.set_goal(PluginState::Unloaded, LIMIT),
                Action::Fail => {
                    let message =
                        "a plugin that it depends on is not installed, switched off, given up, or depends on it";
                    installed.crashed(&Error::new("dependency_not_started", message));
                }
            }
        });
        look
    }

    /// Shows each plugin.
    fn each(&self, plugins: &PluginManager, mut show: impl FnMut(usize, &Overview)) {
        for index in 0..N {
            if let Some(info) = overview(plugins, index) {
                show(index, &info);
            }
        }
    }

    /// Says of all plugins whether they should be started.
    pub(crate) fn want_all(&self, runtime: &CoreRuntime, wanted: bool) {
        self.each(&runtime.plugins(), |index, info| {
            self.with(|state| {
                if let Some(slot) = state.slots.get_mut(index) {
                    slot.of(info);
                }
                state.want(index, wanted && !state.off.contains(index));
            });
        });
    }

    /// Waits until each plugin is where it should be or given up, at most until `until`; those that are not there.
    pub(crate) async fn settle(&self, runtime: CoreRuntime, until: Option<Instant>) -> PluginSet {
        let mut changes = runtime.plugins().watch();
        poll_fn(|task| {
            loop {
                let Poll::Ready(looked) = changes.poll(until, task.waker()) else {
                    return Poll::Pending;
                };
                let look = self.step(&runtime);
                let late = until.is_some_and(|until| !runtime.now().is_before(until));
                if !look.pending || late || looked.is_err() {
                    return Poll::Ready(look.elsewhere);
                }
            }
        })
        .await
    }
}

impl Look {
    /// Adds a plugin, which should be started or not, and will not be or may.
    fn add(&mut self, index: usize, info: &Overview, (wanted, lost): (bool, bool)) {
        let (started, down) = (info.state == PluginState::Started, is_down(info.state));
        if started {
            self.started.insert(index);
        }
        if !down {
            self.needed.extend(&info.providers);
        }
        if lost {
            self.lost.insert(index);
        }
        // One that is still loading is UNLOADED as well.
        let there = if wanted { started } else { down && !info.stepping };
        if !there {
            self.elsewhere.insert(index);
            self.pending |= !(wanted && lost);
        }
    }
}

/// True for a plugin that nothing runs of.
fn is_down(state: PluginState) -> bool {
    matches!(state, PluginState::Unloaded | PluginState::Failed)
}

/// A plugin, the storage among its providers.
#[inline(never)]
pub(crate) fn overview(plugins: &PluginManager, index: usize) -> Option<Overview> {
    let mut info = plugins.overview(index);
    if let Some(info) = &mut info
        && let Some(storage) = plugins.index(STORAGE).filter(|storage| *storage != index)
    {
        info.providers.insert(storage);
    }
    info
}

impl<const N: usize> State<N> {
    /// What is to be done about a plugin.
    fn decide(
        &mut self,
        index: usize,
        info: &Overview,
        turns: bool,
        look: &mut Look,
        now: Instant,
    ) -> Action {
        let Some(slot) = self.slots.get_mut(index) else {
            return Action::None;
        };
        let slot = slot.of(info);
        let failed = info.state == PluginState::Failed;
        if self.stopping {
            // Once nobody who is up depends on it.
            let ordered = info.goal == PluginState::Unloaded && !failed;
            return match ordered || look.needed.contains(index) {
                true => Action::None,
                false => Action::Unload,
            };
        }
        if info.goal == PluginState::Started {
            if info.state == PluginState::Started {
                self.up.insert(index);
                slot.wanted = true;
                slot.given_up = false;
            }
        } else if self.up.contains(index) && !failed {
            self.up.remove(index);
            slot.wanted = false;
        }
        if failed && slot.wanted && !slot.waits {
            self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            slot.failed(info.failures, info.restart, now, self.random.wrapping_shr(16));
            // Somebody else who looks may have given it up meanwhile: no change in the kernel would tell of that.
            look.again |= slot.given_up && !look.lost.contains(index);
        }
        if !slot.wanted || info.state == PluginState::Started {
            return Action::None;
        }
        let coming = info.providers.without(&look.started);
        let lost = info.missing || turns || coming != coming.without(&look.lost);
        let again = slot.again();
        if lost && !slot.waits {
            slot.wait(info.failures);
            return Action::Fail;
        }
        let due = slot.waits || again.is_some_and(|again| !now.is_before(again));
        let stands = !failed && info.goal != PluginState::Started;
        if !lost && coming.is_empty() && (due || stands) {
            slot.start();
            return Action::Start;
        }
        // One whose pause is over waits for others, and their changes say when to look.
        if !due {
            look.next = first(look.next, again);
        }
        Action::None
    }

    /// Somebody wants a plugin started, or not.
    pub(crate) fn want(&mut self, index: usize, wanted: bool) {
        self.up.remove(index);
        if let Some(slot) = self.slots.get_mut(index) {
            slot.want(wanted);
        }
    }

    /// Whether a plugin should be started, and whether it will not be.
    fn wants(&self, index: usize) -> (bool, bool) {
        let slot = self.slots.get(index);
        slot.map_or((false, false), |slot| {
            let off = self.off.contains(index) && !slot.wanted;
            (slot.wanted, slot.given_up || slot.waits || off)
        })
    }
}

/// True when a plugin waits, by the first that each waits for, for itself: of those that wait for each other one at
/// least does, and takes the others with it.
fn waits_for_itself(
    plugins: &PluginManager,
    index: usize,
    info: &Overview,
    started: &PluginSet,
    most: usize,
) -> bool {
    let first = |info: &Overview| info.providers.without(started).iter().next();
    let mut at = first(info);
    for _ in 0..most {
        match at {
            Some(other) if other == index => return true,
            Some(other) => at = overview(plugins, other).and_then(|info| first(&info)),
            None => return false,
        }
    }
    false
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
