//! Who subscribed to what: the filters, filed by [`shape`](super::shape), and matching a topic with them.

use super::announce::hears_changes;
use super::shape::{Shape, Tokens};
use super::{PublishError, RESERVED, SubscribeError};
use crate::copy::equal;
use crate::fixed::Empty;
use crate::id::PluginId;
use crate::kernel::Core;
use crate::log::PluginSet;
use crate::subject;
use crate::text::{Name, NameError, Text};

/// A subscription: opaque memory of a kernel.
#[derive(Debug)]
pub struct FilterSlot {
    text: Text,
    /// What it is filed by, and its key.
    shape: Shape,
    hash: u32,
    owner: u8,
}

impl Empty for FilterSlot {
    const EMPTY: Self = FilterSlot {
        text: Text::EMPTY,
        shape: Shape::ANY,
        hash: 0,
        owner: 0,
    };
}

impl Core {
    /// Checks the topic and matches it with the filters of each shape that its tokens lead to.
    #[inline(never)]
    pub(super) fn match_filters(&self, topic: &[u8], force: bool) -> Result<PluginSet, PublishError> {
        let is_reserved = |reserved: &&str| topic.starts_with(reserved.as_bytes());
        if !force && RESERVED.iter().any(is_reserved) {
            return Err(PublishError::Reserved);
        }
        let tokens = Tokens::read(topic, false).map_err(PublishError::Topic)?;
        let mut receivers = PluginSet::default();
        let filters = &self.bus.filters;
        for shape in self.bus.shapes.iter() {
            if !shape.fits(&tokens) {
                continue;
            }
            let hash = shape.key(&tokens);
            let mut at = filters.first(hash);
            while let Some((index, slot)) = at.and_then(|i| Some((i, filters.get(i)?))) {
                let owner = slot.owner as usize;
                if slot.hash == hash
                    && slot.shape == shape
                    && !receivers.contains(owner)
                    && self.plugins.at(owner).is_some_and(|plugin| plugin.receiving())
                    && subject::matches_bytes(slot.text.as_bytes(&self.names), topic)
                {
                    receivers.insert(owner);
                }
                at = filters.next(index);
            }
            if shape == Shape::ANY {
                break;
            }
        }
        Ok(receivers)
    }

    /// Adds a filter to a plugin's subscriptions.
    pub(crate) fn subscribe(&mut self, who: PluginId, filter: Name<'_>) -> Result<(), SubscribeError> {
        let tokens = Tokens::read(filter.as_str().as_bytes(), true).map_err(SubscribeError::Filter)?;
        if self.plugins.get(who).is_none() {
            return Err(SubscribeError::Unloaded);
        }
        if self.find_filter(who, filter.as_str()).is_some() {
            return Ok(());
        }
        let capacity = self.bus.filters.usage().capacity;
        let text = self.names.keep(filter).map_err(|error| match error {
            NameError::TooLong { max } => SubscribeError::TooLong { max },
            NameError::Full { capacity } => SubscribeError::NamesFull { capacity },
        })?;
        self.bus.reroute();
        let filters = &self.bus.filters;
        let in_use =
            |shape| (0..filters.extent()).any(|i| filters.get(i).is_some_and(|slot| slot.shape == shape));
        let shape = self.bus.shapes.admit(Shape::of(&tokens), in_use);
        let hash = shape.key(&tokens);
        let slot = FilterSlot {
            text,
            shape,
            hash,
            owner: who.index,
        };
        match self.bus.filters.insert(hash, slot) {
            Ok(_) => {
                let of_changes = hears_changes(filter.as_str()) as u16;
                self.bus.of_changes = self.bus.of_changes.wrapping_add(of_changes);
                Ok(())
            }
            Err(slot) => {
                self.names.release(slot.text);
                Err(SubscribeError::Full { capacity })
            }
        }
    }

    /// Removes one filter; false when the plugin has no such one.
    pub(crate) fn unsubscribe(&mut self, who: PluginId, filter: &str) -> bool {
        if self.plugins.get(who).is_none() {
            return false;
        }
        match self.find_filter(who, filter) {
            Some(index) => self.remove_filter(index),
            None => false,
        }
    }

    /// Removes all filters of a plugin.
    pub(crate) fn reclaim_filters(&mut self, who: PluginId) {
        for index in 0..self.bus.filters.extent() {
            let owned = |slot: &FilterSlot| slot.owner == who.index && !slot.text.is_empty();
            if self.bus.filters.get(index).is_some_and(owned) {
                self.remove_filter(index);
            }
        }
    }

    /// The `index`-th filter slot, when it is in use: its owner's slot and its text.
    #[cfg(feature = "link")]
    pub(crate) fn filter_at(&self, index: usize) -> Option<(usize, &str)> {
        let slot = self.bus.filters.get(index)?;
        if slot.text.is_empty() {
            return None;
        }
        Some((slot.owner as usize, slot.text.as_str(&self.names)))
    }

    #[inline(never)]
    fn find_filter(&self, who: PluginId, filter: &str) -> Option<usize> {
        // What was never kept is no filter.
        let is_it = |slot: &FilterSlot| {
            slot.owner == who.index
                && !slot.text.is_empty()
                && equal(slot.text.as_bytes(&self.names), filter.as_bytes())
        };
        let filters = &self.bus.filters;
        (0..filters.extent()).find(|index| filters.get(*index).is_some_and(is_it))
    }

    fn remove_filter(&mut self, index: usize) -> bool {
        self.bus.reroute();
        let hash = self.bus.filters.get(index).map_or(0, |slot| slot.hash);
        match self.bus.filters.remove(index, hash, FilterSlot::EMPTY) {
            Some(slot) => {
                let of_changes = hears_changes(slot.text.as_str(&self.names)) as u16;
                self.bus.of_changes = self.bus.of_changes.wrapping_sub(of_changes);
                self.names.release(slot.text);
                true
            }
            None => false,
        }
    }
}
