//! Sets of plugins, as a record keeps who gets it.

/// The most plugins a kernel can have: the width of a record's receiver set.
pub const MAX_PLUGINS: usize = 128;

/// A set of plugins, by slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "link", derive(serde::Serialize, serde::Deserialize))]
pub struct PluginSet(pub(super) [u32; MAX_PLUGINS / 32]);

impl PluginSet {
    /// True when the plugin in slot `index` is in the set.
    pub fn contains(&self, index: usize) -> bool {
        self.0.get(index / 32).is_some_and(|word| word & bit(index) != 0)
    }

    /// How many plugins are in the set.
    pub fn len(&self) -> usize {
        self.0
            .iter()
            .fold(0usize, |n, word| n.wrapping_add(word.count_ones() as usize))
    }

    /// True when no plugin is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The slots in the set, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + use<> {
        let mut words = self.0;
        let mut at = 0usize;
        core::iter::from_fn(move || {
            while let Some(word) = words.get_mut(at) {
                if *word == 0 {
                    at = at.wrapping_add(1);
                    continue;
                }
                let low = word.trailing_zeros() as usize;
                *word &= word.wrapping_sub(1);
                return Some(at.wrapping_mul(32).wrapping_add(low));
            }
            None
        })
    }

    /// The set of which these are the first words.
    pub(super) fn from_words(words: &[u32]) -> Self {
        let mut set = PluginSet::default();
        set.set_words(words);
        set
    }

    /// Sets the first words.
    pub(crate) fn set_words(&mut self, words: &[u32]) {
        match (words, &mut self.0) {
            // So it is on most chips.
            ([word], [first, ..]) => *first = *word,
            (words, set) => set.iter_mut().zip(words).for_each(|(to, from)| *to = *from),
        }
    }

    pub(crate) fn insert(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 32) {
            *word |= bit(index);
        }
    }
}

pub(super) fn bit(index: usize) -> u32 {
    1u32.wrapping_shl(index as u32 % 32)
}

/// Calls `f` for each plugin of a receiver set.
pub(crate) fn each(words: &[u32], mut f: impl FnMut(usize)) {
    let mut first = 0usize;
    for word in words {
        let mut word = *word;
        while word != 0 {
            f(first.wrapping_add(word.trailing_zeros() as usize));
            word &= word.wrapping_sub(1);
        }
        first = first.wrapping_add(32);
    }
}
