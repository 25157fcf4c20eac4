//! Identities: who acts, which call, which event caused what.

/// One life of one plugin: the slot it occupies and which of the slot's lives this is.
///
/// A plugin that is unloaded, fails or crashes gets a new life when it comes back; whatever still
/// holds the old identity is refused by the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PluginId {
    pub(crate) index: u8,
    pub(crate) life: u16,
}

impl PluginId {
    /// The kernel itself, as the source of its own events.
    pub const KERNEL: PluginId = PluginId { index: 255, life: 0 };
    /// Whoever operates the runtime: its embedder, or a client of the link.
    pub const OPERATOR: PluginId = PluginId { index: 254, life: 0 };

    /// The number of the plugin's slot; stable while the plugin is installed.
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// True for a plugin, false for the kernel and the operator.
    pub const fn is_plugin(self) -> bool {
        self.index < 128
    }
}

/// A call: its slot, and which of the slot's uses this is, so that a late reply is refused.
///
/// The slot's number takes as few bits as a kernel's `calls` need, and the use has the others: of
/// 512 slots each is used eight million times before an identity comes again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "link", derive(serde::Serialize, serde::Deserialize))]
pub struct CallId(u32);

impl CallId {
    /// No call.
    pub(crate) const NONE: CallId = CallId(0);

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
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "link", derive(serde::Serialize, serde::Deserialize))]
pub enum Cause {
    /// Nothing known: a timer, a lifecycle hook, or somebody outside.
    #[default]
    None,
    /// It was handling the event with this sequence number.
    Event(u64),
    /// It was answering this call.
    Call(CallId),
}
