//! How much of everything a kernel has: chosen in one constant, seen nowhere else.

use crate::mem::Names;

/// The capacities of one kernel. Start from a profile and change what you need:
///
/// ```
/// use kernel_core::Capacities;
/// const MINE: Capacities = Capacities { log_bytes: 2048, ..Capacities::DEFAULT };
/// ```
///
/// Whatever is full is answered with an error that names the field, never with a panic or a wait
/// without end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capacities {
    /// Plugins installed at the same time; at most [`MAX_PLUGINS`](crate::MAX_PLUGINS).
    pub plugins: usize,
    /// Subscriptions of all plugins together.
    pub filters: usize,
    /// Services of all plugins together.
    pub services: usize,
    /// Service calls and storage requests in flight; at most 4,096.
    pub calls: usize,
    /// Bytes of a call's arguments, and of its reply; of a storage request with its names.
    pub call_bytes: usize,
    /// State entries.
    pub state_entries: usize,
    /// Bytes of all state values together, a multiple of `state_block`.
    pub state_bytes: usize,
    /// State values take whole blocks of this many bytes: a power of two.
    pub state_block: usize,
    /// Bytes of the bus log: the records that subscribers have yet to read, and the recent past. A power of two.
    pub log_bytes: usize,
    /// Names made at run time (one made by [`name!`](crate::name!) takes none).
    pub names: usize,
    /// Bytes of the longest name made at run time; at most 255.
    pub name_bytes: usize,
    /// Tasks that may wait at the same time for room on the bus, a pause or a plugin.
    pub waits: usize,
    /// Readers of the whole log at the same time: inspectors and `watch` clients.
    pub taps: usize,
}

impl Capacities {
    /// For a chip with a few KiB to spare.
    pub const TINY: Capacities = Capacities {
        plugins: 4,
        filters: 8,
        services: 8,
        calls: 4,
        call_bytes: 64,
        state_entries: 8,
        state_bytes: 256,
        state_block: 16,
        log_bytes: 512,
        names: 4,
        name_bytes: 24,
        waits: 4,
        taps: 1,
    };

    /// For a chip with tens of KiB.
    pub const DEFAULT: Capacities = Capacities {
        plugins: 8,
        filters: 32,
        services: 16,
        calls: 8,
        call_bytes: 64,
        state_entries: 16,
        state_bytes: 512,
        state_block: 16,
        log_bytes: 1024,
        names: 8,
        name_bytes: 32,
        waits: 8,
        taps: 2,
    };

    /// For a desktop, a server or a Raspberry Pi.
    pub const HOST: Capacities = Capacities {
        plugins: 128,
        filters: 2048,
        services: 4096,
        calls: 512,
        call_bytes: 64 * 1024 + 512,
        state_entries: 16 * 1024,
        state_bytes: 16 * 1024 * 1024 - 512,
        state_block: 256,
        log_bytes: 4 * 1024 * 1024,
        names: 32 * 1024,
        name_bytes: 128,
        waits: 256,
        taps: 64,
    };

    /// How many blocks the state values have.
    #[doc(hidden)]
    pub const fn state_blocks(&self) -> usize {
        match self.state_bytes.checked_div(self.state_block) {
            Some(blocks) => blocks,
            None => 0,
        }
    }

    /// The heads of a hashed table of so many places.
    #[doc(hidden)]
    pub const fn heads(places: usize) -> usize {
        if cfg!(feature = "large") && places > 0 {
            places.next_power_of_two()
        } else {
            0
        }
    }

    /// The bytes of all names.
    #[doc(hidden)]
    pub const fn name_cells(capacities: &Capacities) -> usize {
        Names::bytes(capacities.names, capacities.name_bytes)
    }
}
