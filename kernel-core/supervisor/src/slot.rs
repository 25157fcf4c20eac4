//! What the supervisor keeps of each plugin, and what it does about a failure.

use kernel_core::{Instant, Overview, PluginState, RestartPolicy, Span};

/// One plugin, as the supervisor sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// The life that the plugin was installed with: another one may get its place. Zero for nobody yet.
    installed: u16,
    /// It should be started.
    pub(crate) wanted: bool,
    /// No restart is left, or a plugin that it depends on will not come: until somebody says otherwise.
    pub(crate) given_up: bool,
    /// It waits for a plugin that was given up, and comes back with it.
    pub(crate) waits: bool,
    /// Failures that the kernel had counted when the supervisor looked last, modulo 256.
    seen: u8,
    /// Failures within the window.
    failures: u8,
    window_start: Instant,
    /// It is started again, and when.
    pauses: bool,
    until: Instant,
}

impl Slot {
    pub(crate) const EMPTY: Slot = Slot {
        installed: 0,
        wanted: false,
        given_up: false,
        waits: false,
        seen: 0,
        failures: 0,
        window_start: Instant::from_millis(0),
        pauses: false,
        until: Instant::from_millis(0),
    };

    /// What is kept of this plugin; of another one than before, that it wants what its goal says.
    pub(crate) fn of(&mut self, info: &Overview) -> &mut Slot {
        let installed = info.installed.to_bits().wrapping_shr(8) as u16;
        if self.installed != installed {
            *self = Slot {
                installed,
                wanted: info.goal == PluginState::Started,
                seen: info.failures as u8,
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
        self.pauses = false;
    }

    /// Notes how often it has failed; true when that is once more, and decides about its restart.
    pub(crate) fn failed(
        &mut self,
        failures: u32,
        policy: &RestartPolicy,
        now: Instant,
        random: u32,
    ) -> bool {
        // Another one that looks may have seen more already.
        if !(1..128).contains(&(failures as u8).wrapping_sub(self.seen)) {
            return false;
        }
        self.seen = failures as u8;
        // A crash that is reported once more is no reason to begin again.
        if self.given_up {
            return false;
        }
        let window = Span::of(policy.window).as_millis();
        if self.failures == 0 || now.millis_since(self.window_start) > window {
            self.failures = 0;
            self.window_start = now;
        }
        if self.failures < policy.restarts {
            self.pauses = true;
            self.until = now.plus(pause(policy, self.failures, random));
            self.failures = self.failures.saturating_add(1);
        } else {
            self.give_up();
        }
        true
    }

    /// When it is started again.
    pub(crate) fn again(&self) -> Option<Instant> {
        self.pauses.then_some(self.until)
    }

    /// It is started again.
    pub(crate) fn start(&mut self) {
        self.waits = false;
        self.pauses = false;
    }

    /// It waits for a plugin that was given up: the failure that says so is none of its own.
    pub(crate) fn wait(&mut self, failures: u32) {
        self.waits = true;
        self.pauses = false;
        self.seen = (failures as u8).wrapping_add(1);
    }

    fn give_up(&mut self) {
        self.given_up = true;
        self.failures = 0;
        self.pauses = false;
    }
}

/// The pause before the next restart: doubled with every failure, up to a quarter longer by chance, so that
/// plugins that failed together do not come back together.
fn pause(policy: &RestartPolicy, failures: u8, random: u32) -> Span {
    // In 32 bits of milliseconds: a chip has no division of 64.
    let (first, longest) = (Span::of(policy.first_pause), Span::of(policy.longest_pause));
    let doubled = first
        .as_millis()
        .saturating_mul(1u32.checked_shl(failures as u32).unwrap_or(u32::MAX));
    let millis = doubled.min(longest.as_millis());
    let jitter = (random & 255).saturating_mul(millis / 4) / 256;
    Span::from_millis(millis.saturating_add(jitter))
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_with_at_most_a_quarter_more() {
        let policy = RestartPolicy {
            longest_pause: Duration::from_secs(1),
            ..RestartPolicy::DEFAULT
        };
        for (failures, millis) in [(0, 200), (1, 400), (2, 800), (3, 1000), (40, 1000)] {
            assert_eq!(pause(&policy, failures, 0), Span::from_millis(millis));
            let most = pause(&policy, failures, 255).as_millis();
            assert!(most > millis + millis / 5 && most < millis + millis / 4);
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
            assert!(!slot.given_up && slot.again().is_some());
            now = now.after(policy.window).after(Duration::from_secs(1));
        }
        assert!(slot.failed(9, &policy, now, 0) && !slot.given_up);
        assert!(slot.failed(10, &policy, now, 0) && slot.given_up);
        assert!(!slot.failed(11, &policy, now, 0) && slot.given_up);
    }
}
