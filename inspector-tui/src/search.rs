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
