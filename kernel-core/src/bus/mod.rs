//! The event bus: publish writes a record into the log once and marks who gets it; every plugin is
//! one cursor over the log with many filters.
//!
//! Delivery is in one total order. A plugin that falls behind loses its oldest events (each one
//! counted, and told with the next event) or, when its [`Overflow`] says so, makes publishers
//! wait. Filters are filed by their shape (which tokens are wildcards) and the hash of their literal tokens,
//! so that matching a topic is one look-up for each shape there is, however many filters there are.
//!
//! Topics below `runtime.` and `state.changed.` are the kernel's: anybody may subscribe to them, nobody else
//! publishes them.

mod announce;
mod api;
mod errors;
mod filters;
mod shape;
mod tap;

pub(crate) use announce::APART;
pub use api::EventBus;
pub use api::PUBLISH_TIMEOUT;
pub use errors::{PublishError, SubscribeError};
pub use filters::FilterSlot;
pub use tap::{Record, Tap, TapSlot, Tapped};

use crate::copy::{copy, equal};
use crate::fixed::Empty;
use crate::id::{Cause, PluginId};
use crate::kernel::{Core, Wakes, wake};
use crate::lifecycle::Plugins;
use crate::log::{Header, Log, PluginSet, Position, each};
use crate::subject;
use crate::table::{Table, Usage};
use crate::timer::On;
use shape::Shapes;

/// What happens when a subscriber's unread events are in the way of a new one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "link", derive(serde::Serialize, serde::Deserialize))]
pub enum Overflow {
    /// Its oldest event is dropped, counted, and the subscriber is told how many it missed.
    #[default]
    DropOldest,
    /// Publishers wait, each until its deadline; a publisher never waits for itself, and the
    /// kernel's own events wait for nobody.
    Block,
}

/// Where the last event of some topic is: opaque memory of a kernel.
///
/// The record says who got it, so that the next event of that topic needs no matching.
#[derive(Clone, Copy, Debug)]
pub struct RouteSlot {
    /// The low half of its sequence number.
    seq: u32,
    offset: u32,
}

impl Empty for RouteSlot {
    const EMPTY: Self = RouteSlot { seq: 0, offset: 0 };
}

/// How the topics begin that only the kernel publishes, so that nobody can make up what it says.
const RESERVED: [&str; 2] = [RUNTIME, crate::state::CHANGED];

/// How the topics of the kernel's own events begin.
const RUNTIME: &str = "runtime.";

/// The log with its filters and readers.
pub(crate) struct Bus {
    /// A power of two of them, by the topic's hash.
    routes: &'static mut [RouteSlot],
    /// The first record whose receivers are those that an event would have now: the low half of its
    /// sequence number, as in the routes.
    routed_since: u32,
    pub(crate) log: Log,
    pub(crate) filters: Table<FilterSlot>,
    shapes: Shapes,
    pub(crate) taps: &'static mut [TapSlot],
    /// Some tap waits for the next record.
    pub(crate) tap_waits: bool,
    /// Filters that may match changes of the state.
    of_changes: u16,
    pub(crate) refused: usize,
}

impl Bus {
    pub(crate) fn new(
        log: &'static mut [u32],
        routes: &'static mut [RouteSlot],
        plugins: usize,
        filters: Table<FilterSlot>,
        taps: &'static mut [TapSlot],
    ) -> Self {
        Bus {
            routes,
            routed_since: 0,
            log: Log::new(log, plugins),
            filters,
            shapes: Shapes::new(),
            taps,
            tap_waits: false,
            of_changes: 0,
            refused: 0,
        }
    }

    /// Filters or receivers changed: who got earlier events says nothing about later ones.
    pub(crate) fn reroute(&mut self) {
        self.routed_since = self.log.next_seq() as u32;
    }

    fn route_index(&self, hash: u32) -> usize {
        hash as usize & self.routes.len().wrapping_sub(1)
    }

    /// Who got the last event of this topic, when it is still in the log and nothing changed since.
    #[inline(never)]
    fn known_receivers(&self, topic: &[u8], hash: u32) -> Option<&[u32]> {
        let route = self.routes.get(self.route_index(hash))?;
        if route.seq == 0 || route.seq < self.routed_since || !self.log.holds_low(route.seq) {
            return None;
        }
        let last = self.log.read(Position {
            // Nobody asks for its other half.
            seq: route.seq as u64,
            offset: route.offset,
        })?;
        equal(last.texts.topic(), topic).then_some(last.receivers)
    }

    /// The event is in the log now.
    fn recorded(&mut self, at: Position) {
        if at.seq as u32 == u32::MAX {
            // Half of its number says which record a route is of for as long as the other half stays.
            self.routes.fill(RouteSlot::EMPTY);
            self.routed_since = 0;
        }
    }

    /// Wakes the taps that wait for the next record.
    fn wake_taps(&mut self, wakes: &mut Wakes) {
        if core::mem::take(&mut self.tap_waits) {
            for tap in self.taps.iter_mut() {
                wake(wakes, tap.take_waker());
            }
        }
    }

    pub(crate) fn usage(&self) -> (Usage, Usage) {
        (self.log.usage(), self.filters.usage())
    }
}

/// An event on its way in.
pub(crate) struct Draft<'a> {
    pub(crate) source: PluginId,
    /// What led to it, where that is not what the source does now.
    pub(crate) cause: Option<Cause>,
    pub(crate) topic: &'a [u8],
    /// The payload's pieces, together one JSON text.
    pub(crate) payload: &'a [&'a [u8]],
}

impl<'a> Draft<'a> {
    pub(crate) fn new(
        source: PluginId,
        cause: Option<Cause>,
        topic: &'a [u8],
        payload: &'a [&'a [u8]],
    ) -> Self {
        Draft {
            source,
            cause,
            topic,
            payload,
        }
    }

    /// Copies the payload's pieces to where they belong.
    fn write(&self, to: &mut [u8]) {
        match self.payload {
            [piece] => copy(to, piece),
            _ => self.write_pieces(to),
        }
    }

    #[inline(never)]
    fn write_pieces(&self, mut to: &mut [u8]) {
        for piece in self.payload {
            if let Some((here, rest)) = core::mem::take(&mut to).split_at_mut_checked(piece.len()) {
                copy(here, piece);
                to = rest;
            }
        }
    }

    fn len(&self) -> usize {
        match self.payload {
            [piece] => piece.len(),
            _ => self.len_of_pieces(),
        }
    }

    #[inline(never)]
    fn len_of_pieces(&self) -> usize {
        self.payload
            .iter()
            .fold(0, |n: usize, piece| n.saturating_add(piece.len()))
    }
}

impl Core {
    /// Writes the event and marks its receivers; `Ok` is how many. With `force` it is the kernel's own:
    /// its topic may be a reserved one, and subscribers that make publishers wait lose their oldest
    /// events instead.
    pub(crate) fn publish(&mut self, draft: &Draft<'_>, force: bool) -> Result<(u64, usize), PublishError> {
        let outcome = self.try_route(draft, force);
        if outcome.is_err() {
            self.count_refused();
        }
        outcome
    }

    /// [`Core::publish`] for a publisher that tries again: a refusal is not counted.
    pub(crate) fn try_route(&mut self, draft: &Draft<'_>, force: bool) -> Result<(u64, usize), PublishError> {
        let source = self.plugins.get(draft.source);
        if source.is_none() && draft.source.is_plugin() {
            return Err(PublishError::Unloaded);
        }
        let now = || source.map_or(Cause::None, |slot| slot.handling());
        let cause = draft.cause.unwrap_or_else(now);
        self.route(draft, cause, force)
    }

    /// An event was refused for good.
    pub(crate) fn count_refused(&mut self) {
        self.bus.refused = self.bus.refused.wrapping_add(1);
    }

    fn route(&mut self, draft: &Draft<'_>, cause: Cause, force: bool) -> Result<(u64, usize), PublishError> {
        let topic = draft.topic;
        // The kernel's events have routes of their own, beside those of everybody else: where a route is
        // known, nobody asks whether the topic is reserved.
        let hash = subject::hash(topic) ^ force as u32;
        let mut receivers = PluginSet::default();
        match self.bus.known_receivers(topic, hash) {
            Some(words) => receivers.set_words(words),
            None => receivers = self.match_filters(topic, force)?,
        }
        let time = self.now();
        let (bus, plugins, wakes) = self.routing();
        let len = draft.len();
        let Some(size) = bus.log.size(topic.len(), len) else {
            let max = bus.log.longest(topic.len());
            return Err(PublishError::TooLarge { len, max });
        };
        if !bus.log.fits(size) {
            if !force && plugins.blockers() > 0 {
                may_evict(&bus.log, plugins, size, draft.source)?;
            }
            loop {
                drop_oldest(&mut bus.log, plugins);
                if bus.log.fits(size) {
                    break;
                }
            }
        }

        let header = Header {
            payload: len,
            topic: topic.len(),
            source: draft.source,
            time,
            cause,
        };
        let (at, to_topic, to_payload) = bus.log.append(size, &header, &receivers);
        copy(to_topic, topic);
        draft.write(to_payload);
        let index = bus.route_index(hash);
        if let Some(route) = bus.routes.get_mut(index) {
            *route = RouteSlot {
                seq: at.seq as u32,
                offset: at.offset,
            };
        }
        bus.recorded(at);
        let mut count = 0usize;
        each(bus.log.set_of(&receivers), |index| {
            if let Some(plugin) = plugins.at_mut(index) {
                wake(wakes, plugin.mark(at));
                count = count.wrapping_add(1);
            }
        });
        bus.wake_taps(wakes);
        Ok((at.seq, count))
    }

    /// The plugin has fewer unread events: whoever waits for that looks again.
    pub(crate) fn wake_publishers(&mut self, index: usize) {
        if self
            .plugins
            .at(index)
            .is_some_and(|plugin| plugin.overflow() == Overflow::Block)
        {
            self.wake_waiting(On::Space);
        }
    }
}

/// Refuses when making room for `size` words would drop an event of a subscriber that makes
/// publishers wait. Nothing is changed.
fn may_evict(log: &Log, plugins: &Plugins, size: usize, source: PluginId) -> Result<(), PublishError> {
    let mut at = log.oldest();
    while !log.has_room(size, at)
        && let Some(here) = log.find(at)
    {
        for index in log
            .read(here)
            .map_or(PluginSet::default(), |found| found.receivers())
            .iter()
        {
            if let Some(plugin) = plugins.at(index)
                && plugin.overflow() == Overflow::Block
                && index != source.index()
                && plugin.awaits(here)
            {
                return Err(PublishError::Full {
                    subscriber: plugin.id(index),
                });
            }
        }
        at = log.after(here);
    }
    Ok(())
}

#[inline(never)]
fn drop_oldest(log: &mut Log, plugins: &mut Plugins) {
    let at = log.oldest();
    let Some(found) = log.read(at) else { return };
    each(found.receivers, |index| {
        if let Some(plugin) = plugins.at_mut(index) {
            plugin.missed(at);
        }
    });
    let next = found.after();
    log.evict_before(next);
}
