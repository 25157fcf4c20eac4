//! Search that highlights and does not hide: looks for a text in the rows of the view, in slices.

use std::ops::Range;
use std::time::Instant;

use crate::filter::{Needle, View};
use crate::ring::{Ring, Row, RowId};

/// How many rows are looked at between two looks at the clock.
const SLICE: usize = 64;

/// Which way is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To newer rows.
    Newer,
    /// To older rows.
    Older,
}

/// How the search is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SearchState {
    /// Nothing is looked for.
    #[default]
    Idle,
    /// It is looked for; at the next [`Model::work`](crate::model::Model::work) it goes on.
    Looking,
    /// This row has it.
    Found(RowId),
    /// No row that way has it.
    Nowhere,
}

/// A search.
#[derive(Debug, Default)]
pub struct Search {
    text: String,
    needle: Option<Needle>,
    way: Option<Way>,
    /// The last row that was looked at.
    at: RowId,
    state: SearchState,
}

impl Search {
    /// Looks for another text; an empty one ends the search.
    pub fn set(&mut self, text: &str) {
        *self = Search {
            text: text.to_owned(),
            needle: (!text.is_empty()).then(|| Needle::new(text)),
            ..Search::default()
        };
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True when a text is looked for.
    pub fn is_active(&self) -> bool {
        self.needle.is_some()
    }

    /// Where the text is in what is shown of a row.
    pub fn spans(&self, shown: &str) -> Vec<Range<usize>> {
        self.needle
            .as_ref()
            .map_or_else(Vec::new, |needle| needle.spans(shown))
    }

    /// Looks for the nearest row with the text from `row` on, without that row itself.
    pub fn look(&mut self, row: RowId, way: Way) {
        if self.needle.is_some() {
            self.at = row;
            self.way = Some(way);
            self.state = SearchState::Looking;
        }
    }

    /// How it is.
    pub fn state(&self) -> SearchState {
        self.state
    }

    /// True when a row has the text: in its topic, its source or its payload.
    pub fn has(&self, row: &Row<'_>) -> bool {
        let (Some(needle), Row::Event(event)) = (&self.needle, row) else {
            return false;
        };
        needle.is_in(event.topic.as_bytes())
            || needle.is_in(event.source.as_bytes())
            || needle.is_in(event.payload)
    }

    /// Looks at rows until `deadline`; true when there is more to do.
    pub(crate) fn work(&mut self, ring: &Ring, view: &View, deadline: Instant) -> bool {
        if self.state != SearchState::Looking {
            return false;
        }
        let here = view.place(self.at);
        let has = |row: &RowId| ring.get(*row).is_some_and(|row| self.has(&row));
        let mut last = None;
        let mut looked = 0;
        let mut found = None;
        let mut step = |place: usize| {
            let row = view.row(place)?;
            last = Some(row);
            looked += 1;
            if has(&row) {
                found = Some(row);
                return None;
            }
            (looked % SLICE != 0 || Instant::now() < deadline).then_some(())
        };
        let ended = match self.way {
            Some(Way::Older) => (0..here.min(view.len())).rev().try_for_each(&mut step).is_some(),
            _ => {
                let from = if view.row(here) == Some(self.at) {
                    here + 1
                } else {
                    here
                };
                (from..view.len()).try_for_each(&mut step).is_some()
            }
        };
        self.at = last.unwrap_or(self.at);
        self.state = match found {
            Some(row) => SearchState::Found(row),
            None if ended => SearchState::Nowhere,
            None => SearchState::Looking,
        };
        self.state == SearchState::Looking
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::facts::{Cause, Event, Item, Slots};
    use crate::ring::MIN_BYTES;

    #[test]
    fn the_nearest_row_either_way_is_found_in_slices() {
        let mut ring = Ring::new(MIN_BYTES);
        for seq in 0..1000u64 {
            ring.push(&Item::Event(Event {
                seq,
                time: 0,
                source: "s".into(),
                cause: Cause::None,
                receivers: Slots::default(),
                topic: if seq == 990 {
                    "has.NEEDLE".into()
                } else {
                    "t".into()
                },
                payload: if seq % 300 == 10 {
                    b"\"needle\"".to_vec()
                } else {
                    b"1".to_vec()
                }
                .into(),
            }));
        }
        let mut view = View::default();
        view.show_all(&ring);
        let mut search = Search::default();
        search.look(5, Way::Newer);
        assert_eq!(search.state(), SearchState::Idle, "there is no text");
        search.set("Needle");
        let mut run = |from, way| {
            search.look(from, way);
            let mut slices = 0;
            while search.work(&ring, &view, Instant::now()) {
                slices += 1;
            }
            (search.state(), slices)
        };
        assert_eq!(run(0, Way::Newer).0, SearchState::Found(10));
        let (state, slices) = run(10, Way::Newer);
        assert_eq!(state, SearchState::Found(310), "without the row itself");
        assert!((3..=6).contains(&slices), "{slices} slices for 300 rows");
        assert_eq!(run(910, Way::Newer).0, SearchState::Found(990));
        assert_eq!(run(990, Way::Newer).0, SearchState::Nowhere);
        assert_eq!(run(999, Way::Older).0, SearchState::Found(990));
        assert_eq!(run(610, Way::Older).0, SearchState::Found(310));
        assert_eq!(run(10, Way::Older).0, SearchState::Nowhere);
        assert_eq!(search.spans("a needle, a Needle"), [2..8, 12..18]);
        search.set("");
        assert!(search.spans("a needle").is_empty());
    }

    #[test]
    fn only_what_passes_the_filter_is_looked_at() {
        let mut ring = Ring::new(MIN_BYTES);
        for seq in 0..10u64 {
            ring.push(&Item::Event(Event {
                seq,
                time: 0,
                source: "s".into(),
                cause: Cause::None,
                receivers: Slots::default(),
                topic: "t".into(),
                payload: format!("{{\"n\":{seq},\"x\":\"needle\"}}").into_bytes().into(),
            }));
        }
        let far = Instant::now() + Duration::from_secs(60);
        let mut view = View::default();
        let filter = crate::filter::parse("n>=6").unwrap();
        view.show(&ring, crate::filter::Matcher::new(&filter, &[]), None);
        view.work(&ring, far);
        let mut search = Search::default();
        search.set("needle");
        // From a row that is hidden itself.
        search.look(3, Way::Newer);
        search.work(&ring, &view, far);
        assert_eq!(search.state(), SearchState::Found(6));
        search.look(6, Way::Older);
        search.work(&ring, &view, far);
        assert_eq!(search.state(), SearchState::Nowhere);
    }
}
