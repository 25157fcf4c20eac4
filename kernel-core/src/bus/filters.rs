//! The subscriptions: who gets a topic.

use crate::fault::{Capacity, Fault};
use crate::id::{PluginId, PluginSet};
use crate::mem::{Link, Names, Slot, Table, Text, Usage};
use crate::subject::{Name, check_filter, matches_bytes};

/// A subscription: opaque memory of a kernel.
#[derive(Debug)]
pub struct Filter {
    text: Text,
    who: PluginId,
}

pub(crate) struct Filters {
    table: Table<Filter>,
    #[cfg(feature = "large")]
    shapes: super::shapes::Shapes,
}

impl Filters {
    pub(crate) fn new(slots: &'static mut [Slot<Filter>], heads: &'static mut [Link]) -> Self {
        Filters {
            table: Table::new(slots, heads),
            #[cfg(feature = "large")]
            shapes: super::shapes::Shapes::new(),
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.table.usage()
    }

    fn find(&self, who: PluginId, text: &str, names: &Names) -> Option<usize> {
        let is = |filter: &Filter| filter.who == who && names.bytes_of(filter.text) == text.as_bytes();
        self.table.find(self.key(text), is)
    }

    /// True when this plugin has this subscription.
    pub(crate) fn has(&self, who: PluginId, text: &str, names: &Names) -> bool {
        self.find(who, text, names).is_some()
    }

    /// Adds a subscription; false when it was there.
    pub(crate) fn add(&mut self, who: PluginId, name: Name<'_>, names: &mut Names) -> Result<bool, Fault> {
        let text = name.as_str();
        check_filter(text)?;
        if self.has(who, text, names) {
            return Ok(false);
        }
        self.table.usage().check(1, Capacity::Filters)?;
        let kept = name.keep(names)?;
        #[cfg(feature = "large")]
        self.shapes.add(text);
        self.table.insert(self.key(text), Filter { text: kept, who });
        Ok(true)
    }

    /// Takes a subscription back; false when there was none.
    pub(crate) fn remove(&mut self, who: PluginId, text: &str, names: &mut Names) -> bool {
        match self.find(who, text, names) {
            Some(index) => {
                self.take(index, names);
                true
            }
            None => false,
        }
    }

    fn take(&mut self, index: usize, names: &mut Names) {
        if let Some(filter) = self.table.remove(index) {
            #[cfg(feature = "large")]
            self.shapes.remove(names.get(filter.text));
            names.release(filter.text);
        }
    }

    /// Takes all subscriptions of a plugin back.
    pub(crate) fn reclaim(&mut self, who: PluginId, names: &mut Names) {
        for index in 0..self.table.extent() {
            if self.table.get(index).is_some_and(|filter| filter.who == who) {
                self.take(index, names);
            }
        }
    }

    /// The subscription in this place, for lists.
    pub(crate) fn at<'n>(&self, index: usize, names: &'n Names) -> Option<(PluginId, &'n str)> {
        self.table
            .get(index)
            .map(|filter| (filter.who, names.get(filter.text)))
    }

    pub(crate) fn extent(&self) -> usize {
        self.table.extent()
    }

    #[cfg(not(feature = "large"))]
    fn key(&self, _: &str) -> u32 {
        0
    }

    #[cfg(feature = "large")]
    fn key(&self, text: &str) -> u32 {
        super::shapes::key_of(text)
    }

    /// Who has a filter that matches.
    pub(crate) fn receivers(&self, topic: &[u8], names: &Names) -> PluginSet {
        let mut set = PluginSet::EMPTY;
        let mut look = |filter: &Filter| {
            if matches_bytes(names.bytes_of(filter.text), topic) {
                set.insert(filter.who.index());
            }
        };
        #[cfg(feature = "large")]
        if self.table.usage().used > super::shapes::FEW
            && let Some(keys) = self.shapes.keys(topic)
        {
            for key in keys {
                self.table.find(key, |filter| {
                    look(filter);
                    false
                });
            }
            return set;
        }
        for (_, filter) in self.table.iter() {
            look(filter);
        }
        set
    }
}
