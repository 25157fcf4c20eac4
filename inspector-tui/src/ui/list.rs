//! A list that is scrolled and whose selection stays on its item while the items move.

use crate::filter::{FilterError, ListFilter};

/// The position in a list.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// The row that is selected.
    pub at: usize,
    /// The row at the top of the pane.
    pub top: usize,
    /// What is selected: found again when the rows change.
    pub id: Option<String>,
    /// Whether the detail is shown; `None` for what the width allows.
    pub detail: Option<bool>,
    /// How far the detail is scrolled.
    pub scroll: usize,
    /// The filter of the rows.
    pub filter: String,
    /// The last one that could be read: it says which rows are shown.
    pub passing: ListFilter,
    /// Why the present one cannot be read. The events' is the model's.
    pub fault: Option<FilterError>,
    /// The column that orders the rows.
    pub sort: usize,
    /// The rows that are shown: positions in the model's list.
    pub rows: Vec<usize>,
}

impl List {
    /// Moves the selection by so many rows.
    pub fn step(&mut self, by: isize, len: usize) {
        self.go(self.at.saturating_add_signed(by), len);
    }

    /// Moves the selection to a row.
    pub fn go(&mut self, at: usize, len: usize) {
        let at = at.min(len.saturating_sub(1));
        if at != self.at {
            self.scroll = 0;
        }
        self.at = at;
    }

    /// Scrolls so that the selection is among the `height` rows that are seen, and no empty rows are
    /// below the last one.
    pub fn settle(&mut self, len: usize, height: usize) {
        self.at = self.at.min(len.saturating_sub(1));
        let height = height.max(1);
        self.top = self
            .top
            .min(self.at)
            .max((self.at + 1).saturating_sub(height))
            .min(len.saturating_sub(height));
    }

    /// Finds the selected item again among the rows' names, or stays where it was.
    pub fn find<'a>(&mut self, mut ids: impl Iterator<Item = &'a str>) {
        if let Some(id) = &self.id
            && let Some(at) = ids.position(|other| other == id)
        {
            // The rows around it move with it.
            self.top = (self.top + at).saturating_sub(self.at);
            self.at = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selection_is_always_seen() {
        let mut list = List::default();
        for by in [1, 30, -5, 1000, -1000, 7] {
            list.step(by, 100);
            list.settle(100, 10);
            assert!((list.top..list.top + 10).contains(&list.at), "{list:?}");
        }
        list.go(usize::MAX, 100);
        list.settle(100, 10);
        assert_eq!((list.at, list.top), (99, 90));
        list.settle(3, 10);
        assert_eq!((list.at, list.top), (2, 0));
        list.settle(0, 0);
        assert_eq!((list.at, list.top), (0, 0));
    }

    #[test]
    fn the_selection_stays_on_its_item() {
        let mut list = List {
            at: 1,
            id: Some("b".into()),
            ..List::default()
        };
        list.find(["x", "y", "a", "b"].into_iter());
        assert_eq!((list.at, list.top), (3, 2));
        list.find(["x", "y"].into_iter());
        assert_eq!(list.at, 3, "settle() brings it back");
    }
}
