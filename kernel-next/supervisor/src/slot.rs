//! What the supervisor keeps of each plugin, and what it does about a failure.

use core::time::Duration;

use kernel_next::{Instant, PluginId, PluginInfo, PluginState, RestartPolicy, Span};

/// One plugin, as the supervisor sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// Which plugin it is about: another one may get its place.
    pub(crate) who: Option<PluginId>,
    /// It should be started.
    pub(crate) wanted: bool,
    /// No restart is left, or a plugin that it depends on will not come: until somebody says otherwise.
    pub(crate) given_up: bool,
    /// It waits for a plugin that was given up, and comes back with it.
    pub(crate) waits: bool,
    /// Failures that the kernel had counted when the supervisor looked last.
    pub(crate) seen: u32,
    /// Failures within the window.
    failures: u8,
    window_start: Instant,
    /// When it is started again.
    pub(crate) again: Option<Instant>,
}

impl Slot {
    pub(crate) const EMPTY: Slot = Slot {
        who: None,
        wanted: false,
        given_up: false,
        waits: false,
        seen: 0,
        failures: 0,
        window_start: Instant::from_millis(0),
        again: None,
    };

    /// What is kept of this plugin; of another one than before, that it wants what its goal says.
    pub(crate) fn of(&mut self, info: &PluginInfo<'_>) -> &mut Slot {
        if self.who != Some(info.installed) {
            *self = Slot {
                who: Some(info.installed),
                wanted: info.goal == PluginState::Started,
                seen: info.counters.failures,
                ..Slot::EMPTY
            };
        }
        self
    }

    /// Somebody wants it started, or not: its past counts no more.
    pub(crate) fn want(&mut self, wanted: bool) {
        self.wanted = wanted;
        self.given_up = false;
        self.waits = false;
        self.failures = 0;
        self.again = None;
    }

    /// Notes how often it has failed; true when that is once more, and decides about its restart.
    pub(crate) fn failed(
        &mut self,
        failures: u32,
        policy: &RestartPolicy,
        now: Instant,
        random: u32,
    ) -> bool {
        if core::mem::replace(&mut self.seen, failures) == failures {
            return false;
        }
        // A crash that is reported once more is no reason to begin again.
        if self.given_up {
            return false;
        }
        if self.failures == 0 || now.since(self.window_start) > policy.window {
            self.failures = 0;
            self.window_start = now;
        }
        if self.failures < policy.restarts {
            self.again = Some(now.after(pause(policy, self.failures, random)));
            self.failures = self.failures.saturating_add(1);
        } else {
            self.give_up();
        }
        true
    }

    pub(crate) fn give_up(&mut self) {
        self.given_up = true;
        self.failures = 0;
        self.again = None;
    }
}

/// The pause before the next restart: doubled with every failure, up to a quarter longer by chance, so that
/// plugins that failed together do not come back together.
fn pause(policy: &RestartPolicy, failures: u8, random: u32) -> Duration {
    // In 32 bits of milliseconds: a chip has no division of 64.
    let (first, longest) = (Span::of(policy.first_pause), Span::of(policy.longest_pause));
    let doubled = first
        .as_millis()
        .saturating_mul(1u32.checked_shl(failures as u32).unwrap_or(u32::MAX));
    let millis = doubled.min(longest.as_millis());
    let jitter = (random & 255).saturating_mul(millis / 4) / 256;
    let millis = millis.saturating_add(jitter);
    Duration::new(
        (millis / 1_000) as u64,
        (millis % 1_000).saturating_mul(1_000_000),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_with_at_most_a_quarter_more() {
        let policy = RestartPolicy {
            longest_pause: Duration::from_secs(1),
            ..RestartPolicy::DEFAULT
        };
        for (failures, millis) in [(0, 200), (1, 400), (2, 800), (3, 1000), (40, 1000)] {
            assert_eq!(pause(&policy, failures, 0), Duration::from_millis(millis));
            let most = pause(&policy, failures, 255);
            assert!(
                most > Duration::from_millis(millis + millis / 5)
                    && most < Duration::from_millis(millis + millis / 4)
            );
        }
    }

    #[test]
    fn failures_far_apart_do_not_add_up() {
        let policy = RestartPolicy {
            restarts: 1,
            ..RestartPolicy::DEFAULT
        };
        let mut slot = Slot::EMPTY;
        let mut now = Instant::from_millis(5_000);
        for failures in 1..5 {
            assert!(slot.failed(failures, &policy, now, 0));
            assert!(!slot.given_up && slot.again.is_some());
            now = now.after(policy.window).after(Duration::from_secs(1));
        }
        assert!(slot.failed(9, &policy, now, 0) && !slot.given_up);
        assert!(slot.failed(10, &policy, now, 0) && slot.given_up);
    }
}
