//! Messages of several subscriptions in the order in which they were sent.
//!
//! The client has a queue for each subscription, and fills them in the order in which messages come. So whatever was sent
//! before a message that is in hand is in some queue: once all queues were emptied again, all of it is in hand.

use std::collections::BTreeMap;

/// A message that has a place among those of its sender.
pub(crate) trait Placed {
    /// Its sender: a run of a runtime.
    fn sender(&self) -> u64;
    /// Its place, which grows. A message that says where others end has the same as the last of them.
    fn place(&self) -> (u64, u64);
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Merge<T> {
    held: BTreeMap<(u64, (u64, u64)), T>,
}

impl<T: Placed> Merge<T> {
    pub(crate) fn new() -> Self {
        Merge {
            held: BTreeMap::new(),
        }
    }

    /// True while some wait for the queues to be emptied again.
    pub(crate) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// All queues were emptied, and this was in them: those that are due now, in order. One that comes twice is taken
    /// once.
    pub(crate) fn pass(&mut self, fresh: Vec<T>) -> Vec<T> {
        let mut last = BTreeMap::new();
        for (sender, place) in self.held.keys() {
            last.insert(*sender, *place);
        }
        for message in fresh {
            self.held.insert((message.sender(), message.place()), message);
        }
        let is_due = |(sender, place): &(u64, (u64, u64))| last.get(sender).is_some_and(|last| place <= last);
        let due = self.held.extract_if(.., |key, _| is_due(key));
        due.map(|(_, message)| message).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Placed for (u64, u64) {
        fn sender(&self) -> u64 {
            self.0
        }
        fn place(&self) -> (u64, u64) {
            (self.1, 0)
        }
    }

    #[test]
    fn what_was_sent_before_is_waited_for() {
        let mut merge = Merge::new();
        // The first queue was empty when 1 to 3 came, of which 2 is in it.
        assert_eq!(merge.pass(vec![(7, 1), (7, 3), (8, 1)]), []);
        assert!(merge.holds());
        assert_eq!(
            merge.pass(vec![(7, 2), (7, 5), (8, 1)]),
            [(7, 1), (7, 2), (7, 3), (8, 1)]
        );
        assert_eq!(merge.pass(vec![(7, 4)]), [(7, 4), (7, 5)]);
        assert!(!merge.holds());
    }
}
