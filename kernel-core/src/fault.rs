//! Why the kernel refused something: one small enum for all operations, because it is what passes through the
//! waist and over the wire, as a number and at most two more numbers; the words are made where they are shown.

use crate::id::PluginId;

/// What a [`Fault`] can carry.
trait Word: Copy {
    fn word(self) -> u32;
    fn of(word: u32) -> Self;
}

impl Word for u32 {
    fn word(self) -> u32 {
        self
    }
    fn of(word: u32) -> Self {
        word
    }
}

impl Word for u8 {
    fn word(self) -> u32 {
        self as u32
    }
    fn of(word: u32) -> Self {
        word as u8
    }
}

impl Word for PluginId {
    fn word(self) -> u32 {
        self.to_bits()
    }
    fn of(word: u32) -> Self {
        PluginId::from_bits(word)
    }
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident else $first:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// In words.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl Word for $name {
            fn word(self) -> u32 {
                self as u32
            }
            fn of(word: u32) -> Self {
                $(if word == $name::$variant as u32 {
                    return $name::$variant;
                })*
                $name::$first
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// What is wrong with a topic, a filter or a name.
    NameFault else Empty {
        /// The text is empty.
        Empty = "empty",
        /// It has more bytes than `at`.
        TooLong = "longer than the most bytes allowed,",
        /// It has more tokens than `at`.
        TooManyTokens = "more tokens than are allowed,",
        /// The token that should start at this byte is empty.
        EmptyToken = "empty token at byte",
        /// A topic has a wildcard here, which only a filter may have.
        Wildcard = "a wildcard, which only a filter may have, at byte",
        /// A wildcard is part of a longer token, or `>` is not the last token.
        MisplacedWildcard = "`*` and `>` are whole tokens, and `>` is the last: at byte",
        /// A character is not allowed here.
        Character = "a character that is not allowed at byte",
    }
}

words! {
    /// A field of [`Capacities`](crate::Capacities).
    Capacity else Plugins {
        /// Plugins.
        Plugins = "plugins",
        /// Subscriptions.
        Filters = "filters",
        /// Services.
        Services = "services",
        /// Calls in flight.
        Calls = "calls",
        /// State entries.
        StateEntries = "state_entries",
        /// Bytes of state values.
        StateBytes = "state_bytes",
        /// Names made at run time.
        Names = "names",
        /// Waiting tasks.
        Waits = "waits",
        /// Readers of the log.
        Taps = "taps",
    }
}

macro_rules! faults {
    ($($(#[$doc:meta])* $number:literal $name:ident
        $({ $(#[$adoc:meta])* $a:ident: $A:ty $(, $(#[$bdoc:meta])* $b:ident: $B:ty)? })?
        = $code:literal, $text:literal;)*) => {
        /// Why the kernel refused something; nothing was changed then.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum Fault {
            $($(#[$doc])* $name $({ $(#[$adoc])* $a: $A $(, $(#[$bdoc])* $b: $B)? })?,)*
        }

        impl Fault {
            /// The stable code, for programs.
            pub fn code(&self) -> &'static str {
                // By their numbers, which are in order: a match of texts takes several times the flash.
                let number = match self { $(Fault::$name { .. } => $number,)* };
                [$($code),*].get(number).copied().unwrap_or("")
            }

            /// Without formatting, what it carries that has a name: a capacity.
            pub const fn detail(&self) -> &'static str {
                match *self {
                    Fault::Full { capacity, .. } | Fault::Share { capacity, .. } => capacity.as_str(),
                    _ => "",
                }
            }

            /// The fault as it travels: its number, and what it carries.
            pub fn to_parts(self) -> (u8, u32, u32) {
                match self {
                    $(Fault::$name $({ $a $(, $b)? })? => {
                        #[allow(unused_mut)]
                        let mut parts = ($number, 0, 0);
                        $(parts.1 = $a.word(); $(parts.2 = $b.word();)?)?
                        parts
                    })*
                }
            }

            /// The fault that [`Fault::to_parts`] took apart; `Unavailable` for an unknown number.
            pub fn from_parts(parts: (u8, u32, u32)) -> Self {
                match parts.0 {
                    $($number => Fault::$name $({ $a: <$A>::of(parts.1) $(, $b: <$B>::of(parts.2))? })?,)*
                    _ => Fault::Unavailable,
                }
            }
        }

        impl core::fmt::Display for Fault {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self { $(Fault::$name $({ $a $(, $b)? })? => write!(f, $text),)* }
            }
        }

        #[cfg(test)]
        const ALL: &[Fault] = &[$(Fault::$name $({ $a: <$A as tests::Sample>::SAMPLE $(, $b: <$B as tests::Sample>::SAMPLE)? })?),*];
    };
}

faults! {
    /// The kernel's lock could not be taken, or whoever answers is not there now.
    0 Unavailable = "unavailable", "not available now: try again later";
    /// A topic, filter, service name, state key or plugin name is not well formed.
    1 Name {
        /// What is wrong.
        why: NameFault,
        /// At which byte; for `TooLong` and `TooManyTokens` how many are allowed.
        at: u32
    } = "invalid_name", "not well formed: {why} {at}";
    /// The name belongs to the kernel: topics and keys below `runtime.`, topics below `state.changed.`.
    2 Reserved = "reserved", "names below runtime. and state.changed. are the kernel's own: choose another";
    /// A capacity is used up.
    3 Full {
        /// Which.
        capacity: Capacity,
        /// How much there is.
        size: u32
    } = "full", "all {size} are taken: raise the capacity `{capacity}`";
    /// This plugin holds its share of a capacity.
    4 Share {
        /// Of which.
        capacity: Capacity,
        /// How much one plugin may hold now.
        share: u32
    } = "share_used", "this plugin holds its share of the capacity `{capacity}`, {share}: give some back, or raise the capacity";
    /// Something has more bytes than there is room for.
    5 TooLarge {
        /// The room.
        max: u32
    } = "too_large", "too large: {max} bytes is the most here";
    /// The reply, or the value, does not fit into the caller's buffer.
    6 Buffer {
        /// Its bytes.
        len: u32
    } = "reply_too_large", "{len} bytes, which do not fit into the caller's buffer";
    /// A subscriber that makes publishers wait has unread events (`try_publish` only).
    7 Busy {
        /// That subscriber.
        subscriber: PluginId
    } = "busy", "plugin {subscriber} has unread events and makes publishers wait: try again, or publish with a deadline";
    /// The subscriber did not read before the deadline.
    8 Slow {
        /// That subscriber.
        subscriber: PluginId
    } = "timeout", "plugin {subscriber} did not read its events before the deadline";
    /// The deadline came.
    9 Timeout = "timeout", "not done before the deadline";
    /// There is nothing of this name.
    10 NotFound = "not_found", "there is nothing of this name";
    /// The name is taken.
    11 Taken {
        /// By whom.
        owner: PluginId
    } = "taken", "plugin {owner} has this name already: choose another, or stop that plugin";
    /// Waiting for this call would be waiting for oneself.
    12 Cycle = "cycle", "the call would wait for itself: the callee waits for the caller";
    /// Too many events caused one another.
    13 Hops {
        /// How many are allowed.
        limit: u32
    } = "event_cycle", "more than {limit} events caused one another: a plugin answers its own events";
    /// Whoever answers is gone: unloaded, failed, or unregistered.
    14 Gone = "gone", "whoever was to answer is gone";
    /// The caller's life is over: it was unloaded, failed, or was replaced.
    15 Unloaded = "unloaded", "the plugin that asks is no longer loaded";
    /// The value has another version.
    16 Conflict = "conflict", "the value has another version by now: read it again";
    /// The callee answered with an error of its own: its code and message are in the caller's buffer, cut where
    /// they did not fit.
    17 Failed {
        /// Bytes of the code.
        code: u8,
        /// Bytes of the code and the message.
        len: u32
    } = "failed", "the callee answered with an error (code {code}, {len} bytes)";
    /// Another command leads the plugin elsewhere since.
    18 Superseded = "superseded", "another command leads the plugin elsewhere since: see its state, and ask again";
    /// The plugin may not do this.
    19 Denied = "denied", "not allowed to this plugin";
    /// The text is not JSON.
    20 NotJson {
        /// At which byte it is not.
        at: u32
    } = "not_json", "not JSON, at byte {at}";
    /// What was asked for is not there.
    21 Absent = "absent", "what was asked for is not there";
    /// A stored value is damaged, or was written by another program.
    22 Corrupt = "corrupt", "the stored value is damaged, or not JSON that this runtime reads";
    /// The storage could not do it.
    23 Storage = "storage_failed", "the storage could not do it";
}

impl core::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) trait Sample {
        const SAMPLE: Self;
    }
    impl Sample for u32 {
        const SAMPLE: u32 = 7;
    }
    impl Sample for u8 {
        const SAMPLE: u8 = 9;
    }
    impl Sample for PluginId {
        const SAMPLE: PluginId = PluginId::new(3, 9);
    }
    impl Sample for Capacity {
        const SAMPLE: Capacity = Capacity::Taps;
    }
    impl Sample for NameFault {
        const SAMPLE: NameFault = NameFault::Character;
    }

    #[test]
    fn a_fault_is_two_words() {
        assert_eq!((size_of::<Fault>(), size_of::<Result<u32, Fault>>()), (8, 8));
    }

    #[test]
    fn a_fault_survives_its_parts_and_its_words_name_what_it_carries() {
        for fault in ALL {
            assert_eq!(Fault::from_parts(fault.to_parts()), *fault);
            assert!(!format!("{fault}").contains('{'));
        }
        let full = Fault::Full {
            capacity: Capacity::Filters,
            size: 8,
        };
        assert_eq!(format!("{full}"), "all 8 are taken: raise the capacity `filters`");
    }
}
