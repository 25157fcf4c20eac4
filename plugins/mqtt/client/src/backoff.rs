//! The pauses between attempts to connect.

use std::time::Duration;

/// The first pause.
const FIRST: Duration = Duration::from_millis(250);
/// A connection that lasted as long as this was a good one: the next pause is the first again.
const GOOD: Duration = Duration::from_secs(5);

/// Pauses that double up to a limit. Each is cut by a random part of its half, so that the clients of a broker that was
/// away do not come back all at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    most: Duration,
}

impl Backoff {
    pub(crate) fn new(most: Duration) -> Self {
        Backoff {
            next: FIRST.min(most),
            most,
        }
    }

    /// The pause after a connection that lasted so long, or after none.
    pub(crate) fn pause(&mut self, lasted: Duration) -> Duration {
        if lasted >= GOOD {
            self.next = FIRST.min(self.most);
        }
        let pause = self.next;
        self.next = (pause * 2).min(self.most);
        pause.mul_f64(1.0 - random() / 2.0)
    }
}

/// From 0 to 1.
fn random() -> f64 {
    let bits = getrandom::u32().unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_limit_and_begin_anew_after_a_good_connection() {
        let mut backoff = Backoff::new(Duration::from_secs(2));
        let mut limits = vec![];
        for expected in [250, 500, 1_000, 2_000, 2_000] {
            let pause = backoff.pause(Duration::ZERO);
            let most = Duration::from_millis(expected);
            assert!(pause <= most && pause >= most / 2, "{pause:?} of {most:?}");
            limits.push(pause);
        }
        assert!(backoff.pause(GOOD) <= FIRST);
    }
}
