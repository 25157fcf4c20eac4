//! The bus is a log: a record is written once, whatever the number of subscribers, and marks who gets it. A
//! plugin is one cursor over it with many filters, so that delivery has one total order.
//!
//! Both halves are here: [`Bus::publish`], and [`Bus::next`] for a reader. Whom to wake is gathered in a set
//! that the kernel empties when the operation is done.

mod filters;
mod log;
mod reader;
mod routes;
#[cfg(feature = "large")]
mod shapes;
mod tap;

pub use filters::Filter;
pub(crate) use filters::Filters;
pub(crate) use log::{Head, NewRecord, Origin, Position, Record, Seq, padded, wide};
pub(crate) use reader::ReaderCounts;
pub use reader::{ReaderSlot, TapSlot};
pub(crate) use tap::{At, Found};

use self::log::Log;
use self::routes::Routes;
use crate::fault::Fault;
#[cfg(feature = "large")]
use crate::id::Cause;
use crate::id::{PluginId, PluginSet};
use crate::mem::{Names, Usage};
use crate::subject::Name;
use crate::time::Instant;
use crate::wake::Wakes;

/// What happens when a plugin does not read its events fast enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Overflow {
    /// It loses the oldest ones, counted exactly and told with the next event.
    #[default]
    DropOldest,
    /// Publishers wait for it, at most until their deadline.
    Block,
}

/// How many records [`Bus::next`] passes over under one lock.
const STRIDE: u32 = 128;

/// What there is for a reader.
pub(crate) enum Next {
    /// The event at this position.
    Event(Position),
    /// Perhaps more behind what was passed over: ask again, outside the lock.
    Again,
    Nothing,
}

pub(crate) struct Bus {
    filters: Filters,
    log: Log,
    routes: Routes,
    readers: &'static mut [ReaderSlot],
    /// Who is started, and gets what is published.
    open: PluginSet,
    /// Who makes publishers wait.
    blockers: PluginSet,
    taps: tap::Taps,
    /// Events refused.
    pub(crate) refused: u32,
    /// How many events may cause one another.
    pub(crate) most_hops: u8,
}

impl Bus {
    pub(crate) fn new(
        words: &'static mut [u32],
        filters: Filters,
        readers: &'static mut [ReaderSlot],
        taps: &'static mut [TapSlot],
    ) -> Self {
        Bus {
            filters,
            log: Log::new(words),
            routes: Routes::new(),
            readers,
            open: PluginSet::EMPTY,
            blockers: PluginSet::EMPTY,
            taps: tap::Taps::new(taps),
            refused: 0,
            most_hops: log::MAX_HOPS,
        }
    }

    pub(crate) fn log_usage(&self) -> Usage {
        self.log.usage()
    }

    pub(crate) fn next_seq(&self) -> Seq {
        self.log.next_seq()
    }

    pub(crate) fn filters(&self) -> &Filters {
        &self.filters
    }

    /// Adds a subscription; false when it was there.
    pub(crate) fn subscribe(
        &mut self,
        who: PluginId,
        name: Name<'_>,
        names: &mut Names,
    ) -> Result<bool, Fault> {
        self.routes.forget();
        self.filters.add(who, name, names)
    }

    /// Takes a subscription back; false when there was none.
    pub(crate) fn unsubscribe(&mut self, who: PluginId, text: &str, names: &mut Names) -> bool {
        self.routes.forget();
        self.filters.remove(who, text, names)
    }

    /// Takes all subscriptions of a plugin back.
    pub(crate) fn reclaim(&mut self, who: PluginId, names: &mut Names) {
        self.routes.forget();
        self.filters.reclaim(who, names);
    }

    /// A plugin is installed in this slot: its counts begin anew.
    pub(crate) fn install(&mut self, index: usize) {
        if let Some(reader) = self.readers.get_mut(index) {
            *reader = crate::mem::Empty::EMPTY;
        }
    }

    /// From now on the plugin in this slot gets what its filters match.
    pub(crate) fn open(&mut self, index: usize, overflow: Overflow) {
        self.routes.forget();
        self.open.insert(index);
        if overflow == Overflow::Block {
            self.blockers.insert(index);
        }
    }

    /// From now on it gets nothing, and what it has not read it never will.
    pub(crate) fn close(&mut self, index: usize) {
        self.routes.forget();
        self.open.remove(index);
        self.blockers.remove(index);
        if let Some(reader) = self.readers.get_mut(index) {
            reader.discard();
        }
    }

    /// True when the plugin in this slot is started.
    pub(crate) fn is_open(&self, index: usize) -> bool {
        self.open.contains(index)
    }

    /// True when publishers may wait for this plugin.
    pub(crate) fn is_blocker(&self, index: usize) -> bool {
        self.blockers.contains(index)
    }

    pub(crate) fn counts(&self, index: usize) -> ReaderCounts {
        self.readers
            .get(index)
            .map(|reader| reader.counts)
            .unwrap_or_default()
    }

    /// The last record with this topic, where it was published lately and nothing has changed who gets it.
    pub(crate) fn route(&self, topic: &[&[u8]; 2]) -> Option<Position> {
        self.routes.find(topic, &self.log)
    }

    /// How many words a record with so many bytes of topic and payload takes, if it may be written at all.
    pub(crate) fn size(&self, origin: Origin, topic: usize, payload: usize) -> Result<u32, Fault> {
        if origin.hops > self.most_hops {
            return Err(Fault::Hops {
                limit: self.most_hops as u32,
            });
        }
        self.log.size(topic, payload).ok_or_else(|| Fault::TooLarge {
            max: self.log.longest(topic) as u32,
        })
    }

    /// How many words this record takes, if it may be written at all.
    pub(crate) fn check(&self, record: &NewRecord<'_>) -> Result<u32, Fault> {
        self.size(record.origin, record.topic_len(), record.payload_len())
    }

    /// A plugin that makes publishers wait and has not read what a record of this size would push out. Such a plugin
    /// does not wait for itself.
    pub(crate) fn blocker(&self, size: u32, source: PluginId) -> Option<usize> {
        let mut at = self.log.oldest();
        while !self.blockers.is_empty() && !self.log.has_room(size, at) && self.log.holds(at) {
            if !self.log.is_filler(at) {
                let mut blockers = self.log.receivers(at).and(&self.blockers).iter();
                let awaits = |reader: &ReaderSlot| reader.awaits(at);
                let found = blockers
                    .find(|index| *index != source.index() && self.readers.get(*index).is_some_and(awaits));
                if found.is_some() {
                    return found;
                }
            }
            at = self.log.after(at);
        }
        None
    }

    /// Writes a record of this size, which was checked, and marks who gets it, as of the one at `route`: how many,
    /// and who is to be woken.
    pub(crate) fn publish(
        &mut self,
        record: &NewRecord<'_>,
        size: u32,
        route: Option<Position>,
        now: Instant,
        names: &Names,
        wakes: &mut Wakes,
    ) -> u32 {
        let mut set = route.map_or(PluginSet::EMPTY, |at| self.log.receivers(at));
        while !self.log.has_room(size, self.log.oldest()) {
            self.drop_oldest();
        }
        let at = self.log.append(record, &set, size, now);
        self.routes.remember(&record.topic, at);
        self.taps.wake(wakes);
        if route.is_none() {
            set = self.filters.receivers(self.log.topic(at), names).and(&self.open);
            self.log.set_receivers(at, &set);
        }
        let mut count = 0u32;
        for index in set.iter() {
            if let Some(reader) = self.readers.get_mut(index) {
                reader.mark(at);
                count = count.wrapping_add(1);
            }
        }
        wakes.plugins.add(&set);
        count
    }

    /// Publishes an event that waits for nobody; without room for it, nobody gets it.
    pub(crate) fn announce(
        &mut self,
        record: &NewRecord<'_>,
        now: Instant,
        names: &Names,
        wakes: &mut Wakes,
    ) {
        if let Ok(size) = self.check(record) {
            let route = self.route(&record.topic);
            self.publish(record, size, route, now, names, wakes);
        }
    }

    fn drop_oldest(&mut self) {
        let at = self.log.oldest();
        if !self.log.is_filler(at) {
            let after = self.log.after(at);
            for index in self.log.receivers(at).iter() {
                if let Some(reader) = self.readers.get_mut(index)
                    && reader.awaits(at)
                {
                    reader.miss(after);
                }
            }
        }
        self.log.drop_oldest();
    }

    /// What there is next for the plugin in this slot.
    pub(crate) fn next(&mut self, index: usize) -> Next {
        let Some(reader) = self.readers.get_mut(index) else {
            return Next::Nothing;
        };
        if reader.counts.lag == 0 {
            return Next::Nothing;
        }
        let mut at = reader.cursor;
        if log::is_before(at, self.log.oldest()) {
            at = self.log.oldest();
        }
        for _ in 0..STRIDE {
            if !self.log.is_filler(at) && self.log.is_receiver(at, index) {
                reader.cursor = at;
                return Next::Event(at);
            }
            at = self.log.after(at);
        }
        reader.cursor = at;
        Next::Again
    }

    /// The record at this position, where there must be one.
    pub(crate) fn read(&self, at: Position) -> Option<Record<'_>> {
        self.log.read(at)
    }

    /// The plugin took the event at this position: how many it lost before it.
    pub(crate) fn taken(&mut self, index: usize, at: Position) -> u32 {
        let after = self.log.after(at);
        match self.readers.get_mut(index) {
            Some(reader) => {
                reader.read(after);
                core::mem::take(&mut reader.lost)
            }
            None => 0,
        }
    }

    /// The plugin cannot take the event at this position: it is lost.
    pub(crate) fn missed(&mut self, index: usize, at: Position) {
        let after = self.log.after(at);
        if let Some(reader) = self.readers.get_mut(index) {
            reader.miss(after);
        }
    }

    /// The event that is this cause, while it is in the log.
    #[cfg(feature = "large")]
    pub(crate) fn behind(&self, origin: Origin) -> Option<Record<'_>> {
        (origin.is_event() && self.log.holds(origin.at)).then(|| self.log.read(origin.at))?
    }

    /// The plugins whose events led to the one at this position, and its own source.
    #[cfg(feature = "large")]
    pub(crate) fn sources_behind(&self, at: Position) -> PluginSet {
        let mut set = PluginSet::EMPTY;
        let mut here = Some(at).filter(|at| self.log.holds(*at));
        for _ in 0..=log::MAX_HOPS {
            let Some(at) = here else { break };
            if let Some(record) = self.log.read(at) {
                if record.head.source.is_plugin() {
                    set.insert(record.head.source.index());
                }
                if !matches!(record.head.cause, Cause::Event(_)) {
                    break;
                }
            }
            here = self.log.cause_of(at);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::mem::{Empty, Link, Slot};

    fn bus(position: Position, seq: Seq) -> (Bus, Names) {
        let slots = (0..4).map(|_| Slot::EMPTY).collect::<Vec<_>>().leak();
        let filters = Filters::new(slots, vec![Link::EMPTY; 4].leak());
        let readers = (0..2).map(|_| ReaderSlot::EMPTY).collect::<Vec<_>>().leak();
        let taps = vec![TapSlot::EMPTY].leak();
        let mut bus = Bus::new(vec![0; 256].leak(), filters, readers, taps);
        bus.log.begin_at(position, seq);
        (bus, Names::new(&mut [], 0))
    }

    /// Publishes and reads across the end of positions and of sequence numbers.
    fn goes_on_around(position: Position, seq: Seq) {
        let (mut bus, mut names) = bus(position, seq);
        let who = PluginId::new(1, 1);
        bus.subscribe(who, Name::Fixed("t.*"), &mut names).unwrap();
        bus.open(1, Overflow::DropOldest);
        let (slot, mut at) = bus.open_tap(None).unwrap();
        for n in 0..200u64 {
            let topic = std::format!("t.{n}");
            let payload = std::format!("{n}");
            let record = NewRecord {
                source: PluginId::OPERATOR,
                origin: Origin::NONE,
                topic: [topic.as_bytes(), b""],
                payload: &[payload.as_bytes()],
            };
            let size = bus.check(&record).unwrap();
            let mut wakes = Wakes::new();
            assert_eq!(
                bus.publish(&record, size, None, Instant::default(), &names, &mut wakes),
                1
            );
            assert!(wakes.plugins.contains(1));
            let expected = seq.wrapping_add(n as Seq);
            match bus.next_for_tap(slot, &mut at, None) {
                Found::Record(record) => {
                    assert_eq!((record.head.seq, record.topic()), (expected, topic.as_bytes()))
                }
                _ => panic!("no record {n}"),
            }
            // Every third time the reader lags behind, and the oldest goes.
            if n % 3 == 0 {
                while let Next::Event(here) = bus.next(1) {
                    assert!(bus.read(here).unwrap().topic().starts_with(b"t."));
                    assert_eq!(bus.taken(1, here), 0);
                }
            }
        }
        let counts = bus.counts(1);
        assert_eq!((counts.events + counts.lag, counts.dropped), (200, 0));
        for _ in 0..100 {
            let record = NewRecord {
                source: PluginId::OPERATOR,
                origin: Origin::NONE,
                topic: [b"t.more", b""],
                payload: &[b"1"],
            };
            let size = bus.check(&record).unwrap();
            bus.publish(&record, size, None, Instant::default(), &names, &mut Wakes::new());
        }
        let Next::Event(here) = bus.next(1) else {
            panic!("nothing left")
        };
        let lost = bus.taken(1, here);
        let counts = bus.counts(1);
        assert_eq!(
            (counts.dropped, counts.events + counts.lag + counts.dropped),
            (lost, 300)
        );
    }

    #[test]
    fn the_log_goes_on_where_its_positions_wrap_around() {
        goes_on_around(Position::MAX - 700, 1);
    }

    #[test]
    fn the_log_goes_on_where_its_sequence_numbers_wrap_around() {
        goes_on_around(0, Seq::MAX - 100);
    }

    #[test]
    fn a_slow_tap_is_told_what_it_missed_also_around_the_wrap() {
        let (mut bus, names) = bus(0, Seq::MAX - 2);
        let (slot, mut at) = bus.open_tap(None).unwrap();
        for _ in 0..50 {
            let record = NewRecord {
                source: PluginId::OPERATOR,
                origin: Origin::NONE,
                topic: [b"t", b""],
                payload: &[b"1"],
            };
            let size = bus.check(&record).unwrap();
            bus.publish(&record, size, None, Instant::default(), &names, &mut Wakes::new());
        }
        let (mut lost, mut read) = (0, 0);
        loop {
            match bus.next_for_tap(slot, &mut at, None) {
                Found::Record(_) => read += 1,
                Found::Lost(count) => lost += count,
                Found::Again => {}
                Found::Nothing => break,
            }
        }
        assert_eq!(lost + read, 50);
        assert!(lost > 0 && read > 0);
    }
}
