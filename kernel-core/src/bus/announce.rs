//! The kernel's own events; nothing makes them wait.

use heapless::Vec;

use super::{Draft, drop_oldest};
use crate::copy::copy;
use crate::id::Cause;
use crate::kernel::Core;
use crate::log::{Header, PluginSet};
use crate::state::CHANGED;
use crate::subject;

/// Changes that nobody hears have a way of their own into the log, but for a chip, where it would take 800
/// bytes of flash.
pub(crate) const APART: bool = cfg!(target_pointer_width = "64");

impl Core {
    /// Publishes an event of the kernel itself.
    pub(crate) fn announce(&mut self, topic: [&str; 2], draft: Draft<'_>) {
        // Not an array, which would be cleared first.
        let mut text = Vec::<u8, { subject::MAX_SUBJECT }>::new();
        for piece in topic {
            if text.extend_from_slice(piece.as_bytes()).is_err() {
                return;
            }
        }
        // The only refusal left is a log smaller than the event; the bus counts it.
        let _ = self.publish(
            &Draft {
                topic: &text,
                ..draft
            },
            true,
        );
    }

    /// Announces what became of the state value of this key, at the moment `now`.
    pub(crate) fn announce_change(&mut self, now: u64, key: &str, draft: Draft<'_>) {
        if !APART || self.bus.of_changes > 0 {
            self.announce([CHANGED, key], draft);
        } else if !self.record_change(now, key.as_bytes(), &draft) {
            self.count_refused();
        }
    }

    /// Writes into the log a change that no filter can match: every key would be a topic to match and
    /// to remember. False when the log is smaller than that.
    fn record_change(&mut self, time: u64, key: &[u8], draft: &Draft<'_>) -> bool {
        let cause = self.plugins.get(draft.source).map(|slot| slot.handling());
        let (bus, plugins, wakes) = self.routing();
        let header = Header {
            payload: draft.len(),
            topic: CHANGED.len().wrapping_add(key.len()),
            source: draft.source,
            time,
            cause: cause.unwrap_or(Cause::None),
        };
        let Some(size) = bus.log.size(header.topic, header.payload) else {
            return false;
        };
        while !bus.log.fits(size) {
            drop_oldest(&mut bus.log, plugins);
        }
        let (at, topic, payload) = bus.log.append(size, &header, &PluginSet::default());
        if let Some((to_begin, to_key)) = topic.split_at_mut_checked(CHANGED.len()) {
            copy(to_begin, CHANGED.as_bytes());
            copy(to_key, key);
        }
        draft.write(payload);
        bus.recorded(at);
        bus.wake_taps(wakes);
        true
    }
}

/// Whether a valid filter matches any topic that begins with [`CHANGED`].
pub(super) fn hears_changes(filter: &str) -> bool {
    if !APART {
        return true;
    }
    let (mut filter, mut topic) = (filter.as_bytes(), CHANGED.as_bytes());
    loop {
        match (filter, topic) {
            // From the third token on there is a topic for every filter.
            ([b'>', ..], _) | ([_, ..], []) => return true,
            ([b'*', after @ ..], [byte, ..]) if *byte != b'.' => {
                filter = after;
                while let [byte, after @ ..] = topic {
                    if *byte == b'.' {
                        break;
                    }
                    topic = after;
                }
            }
            ([a, filter_after @ ..], [b, topic_after @ ..]) if a == b => {
                filter = filter_after;
                topic = topic_after;
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::hears_changes;

    #[test]
    fn a_filter_hears_changes_when_some_key_would_match() {
        let hearing = [
            ">",
            "*.>",
            "*.*.*",
            "state.>",
            "state.*.lamp",
            "*.changed.>",
            "state.changed.>",
            "state.changed.lamp.on",
            "state.changed.*.on",
        ];
        for filter in hearing {
            assert!(hears_changes(filter), "{filter}");
        }
        let deaf = [
            "*",
            "*.*",
            "state",
            "state.changed",
            "state.changes.>",
            "states.changed.>",
            "state.change.lamp",
            "*.kitchen.lamp",
            "home.>",
        ];
        for filter in deaf {
            assert!(!hears_changes(filter), "{filter}");
        }
    }
}
