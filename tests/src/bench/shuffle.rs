//! An order that no cache foresees, the same in every run.

use std::sync::atomic::{AtomicUsize, Ordering};

/// `items` in such an order.
pub(super) fn shuffled<T>(mut items: Vec<T>) -> Vec<T> {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for last in (1..items.len()).rev() {
        // Marsaglia's xorshift.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        items.swap(last, (random % (last as u64 + 1)) as usize);
    }
    items
}

/// Keys in such an order, again and again. One turn goes on where the one before ended, so that a short
/// one does not read the same few for ever.
pub(super) struct Keys {
    keys: Vec<String>,
    next: AtomicUsize,
}

impl Keys {
    /// These, shuffled.
    pub(super) fn new(keys: Vec<String>) -> Keys {
        Keys {
            keys: shuffled(keys),
            next: AtomicUsize::new(0),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The next `count`.
    pub(super) fn take(&self, count: u64) -> impl Iterator<Item = &str> {
        let next = || self.next.fetch_add(1, Ordering::Relaxed) % self.keys.len().max(1);
        (0..count).filter_map(move |_| self.keys.get(next()).map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_still_there() {
        let ordered: Vec<u32> = (0..1000).collect();
        let mut other = shuffled(ordered.clone());
        assert_ne!(other, ordered);
        other.sort_unstable();
        assert_eq!(other, ordered);
    }

    #[test]
    fn one_turn_goes_on_where_the_one_before_ended() {
        let keys = Keys::new((0..3).map(|key| key.to_string()).collect());
        let first: Vec<_> = keys.take(2).chain(keys.take(1)).collect();
        assert_eq!(first.len(), keys.len());
        let again: Vec<_> = keys.take(3).collect();
        assert_eq!(again, first);
    }
}
