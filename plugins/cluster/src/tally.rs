//! What of a runtime's events has come here: received, and missed.

use std::collections::HashMap;

/// What is counted of the events of one run of a runtime.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// By topic, the number of the last event.
    topics: HashMap<String, u64>,
    /// The runtime has said where its numbers stood: from then on a topic that is new begins with 1.
    based: bool,
    pub(crate) received: u64,
    pub(crate) missed: u64,
}

impl Tally {
    /// An event came; false for one that came before.
    pub(crate) fn event(&mut self, topic: &str, number: u64) -> bool {
        // It is not counted by its sender.
        if number == 0 {
            self.received += 1;
            return true;
        }
        match self.topics.get_mut(topic) {
            Some(last) if number <= *last => return false,
            Some(last) => {
                self.missed += number - *last - 1;
                *last = number;
            }
            None => {
                if self.based {
                    self.missed += number - 1;
                }
                self.topics.insert(topic.to_owned(), number);
            }
        }
        self.received += 1;
        true
    }

    /// The runtime says how many events of these topics it has numbered before this.
    pub(crate) fn counts(&mut self, topics: &[(String, u64)], more: bool) {
        for (topic, number) in topics {
            match self.topics.get_mut(topic) {
                Some(last) => {
                    self.missed += number.saturating_sub(*last);
                    *last = (*last).max(*number);
                }
                None => {
                    if self.based {
                        self.missed += number;
                    }
                    self.topics.insert(topic.clone(), *number);
                }
            }
        }
        self.based |= !more;
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn what_came_before_is_not_missed_and_each_gap_is() {
        let mut tally = Tally::default();
        assert!(tally.event("a", 7));
        tally.counts(&[("a".to_owned(), 7), ("b".to_owned(), 3)], false);
        assert_eq!((tally.received, tally.missed), (1, 0));
        assert!(tally.event("a", 8) && tally.event("b", 5));
        assert_eq!(tally.missed, 1);
        assert!(!tally.event("b", 5), "twice");
        assert!(tally.event("new", 3));
        assert_eq!(tally.missed, 3);
        assert!(tally.event("uncounted", 0));
        // The last ones were lost, and a topic as a whole.
        tally.counts(&[("a".to_owned(), 10), ("lost".to_owned(), 4)], false);
        assert_eq!((tally.received, tally.missed), (5, 9));
        assert!(tally.event("lost", 5));
        assert_eq!(tally.missed, 9);
    }
}
