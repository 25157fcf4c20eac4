//! Identities: who acts, which call, what caused what, and sets of plugins.

use core::fmt;

/// One life of one plugin: the slot it occupies and which of the slot's lives this is.
///
/// A plugin that is unloaded, fails or crashes gets a new life when it comes back; whatever still
/// holds the old identity is refused by the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PluginId(u32);

impl PluginId {
    /// The kernel itself, as the source of its own events.
    pub const KERNEL: PluginId = PluginId::new(255, 0);
    /// Whoever operates the runtime: its embedder, or a client of the link.
    pub const OPERATOR: PluginId = PluginId::new(254, 0);

    /// A life of the plugin in a slot.
    pub(crate) const fn new(index: usize, life: u16) -> Self {
        PluginId(index as u8 as u32 | (life as u32).wrapping_shl(8))
    }

    /// Which of the slot's lives it is.
    pub(crate) const fn life(self) -> u16 {
        self.0.wrapping_shr(8) as u16
    }

    /// The slot's next life.
    pub(crate) const fn next_life(self) -> Self {
        PluginId::new(self.index(), self.life().wrapping_add(1))
    }

    /// The number of the plugin's slot; stable while the plugin is installed.
    pub const fn index(self) -> usize {
        self.0 as u8 as usize
    }

    /// True for a plugin, false for the kernel and the operator.
    pub const fn is_plugin(self) -> bool {
        self.index() < 128
    }

    /// The identity as it travels.
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// The identity that [`PluginId::to_bits`] made.
    pub const fn from_bits(bits: u32) -> Self {
        PluginId(bits & 0xff_ffff)
    }
}

impl fmt::Display for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            PluginId::KERNEL => f.write_str("kernel"),
            PluginId::OPERATOR => f.write_str("operator"),
            plugin => write!(f, "in slot {}", plugin.index()),
        }
    }
}

/// A call: its slot, and which of the slot's uses this is, so that a late reply is refused. A use comes again
/// after a million others of the same slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct CallId(u32);

impl CallId {
    /// No call.
    pub(crate) const NONE: CallId = CallId(0);
    const SLOT_BITS: u32 = 12;
    /// The most slots that can be told apart.
    pub(crate) const MOST: usize = 1 << Self::SLOT_BITS;

    /// The identity in this slot with the use of another.
    pub(crate) const fn new(slot: usize, other: u32) -> Self {
        let slots = Self::MOST as u32 - 1;
        CallId(other & !slots | slot as u32 & slots)
    }

    pub(crate) const fn slot(self) -> usize {
        self.0 as usize & (Self::MOST - 1)
    }

    /// The slot's next use; never zero.
    pub(crate) const fn next(self) -> Self {
        match self.0.wrapping_add(Self::MOST as u32) {
            next if next < Self::MOST as u32 => CallId(next.wrapping_add(Self::MOST as u32)),
            next => CallId(next),
        }
    }

    /// The identity as it travels on the link and is kept in the log.
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// The identity that [`CallId::to_bits`] made.
    pub const fn from_bits(bits: u32) -> Self {
        CallId(bits)
    }
}

/// What a plugin was doing when it published an event or made a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub enum Cause {
    /// Nothing known: a timer, a lifecycle hook, or somebody outside.
    #[default]
    None,
    /// It was handling the event with this sequence number.
    Event(u64),
    /// It was answering this call.
    Call(CallId),
}

/// The most plugins a kernel can have: the width of a record's receiver set.
pub const MAX_PLUGINS: usize = if cfg!(feature = "large") { 128 } else { 32 };

/// Words of a set.
pub(crate) const SET_WORDS: usize = MAX_PLUGINS / 32;

/// A set of plugins, by slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct PluginSet(pub(crate) [u32; SET_WORDS]);

impl PluginSet {
    pub(crate) const EMPTY: PluginSet = PluginSet([0; SET_WORDS]);

    /// True when the plugin in slot `index` is in the set.
    #[inline]
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
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The slots in the set, in ascending order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = usize> + use<> {
        let mut words = self.0;
        let mut at = 0usize;
        core::iter::from_fn(move || {
            while let Some(word) = words.get_mut(at) {
                if *word != 0 {
                    let low = word.trailing_zeros() as usize;
                    *word &= word.wrapping_sub(1);
                    return Some(at.wrapping_mul(32).wrapping_add(low));
                }
                at = at.wrapping_add(1);
            }
            None
        })
    }

    /// Adds a plugin.
    #[inline]
    pub fn insert(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 32) {
            *word |= bit(index);
        }
    }

    /// Takes a plugin out.
    #[inline]
    pub fn remove(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 32) {
            *word &= !bit(index);
        }
    }

    #[inline]
    pub(crate) fn and(mut self, other: &PluginSet) -> PluginSet {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(word, other)| *word &= other);
        self
    }

    #[inline]
    pub(crate) fn add(&mut self, other: &PluginSet) {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(word, other)| *word |= other);
    }
}

const fn bit(index: usize) -> u32 {
    1u32.wrapping_shl(index as u32 % 32)
}
