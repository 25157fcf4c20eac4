//! Columns of a list: which ones there is room for, and where they are.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::ink::Ink;
use crate::theme::Tone;

/// The columns before the first one: the cursor and the mark.
pub const GUTTER: u16 = 2;

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its title.
    pub title: &'static str,
    /// Its width, at least.
    pub width: u16,
    /// Its share of what is left over.
    pub flex: u16,
    /// From which width of the list on it is shown.
    pub from: u16,
    /// True when it is written to the right.
    pub right: bool,
}

/// A column to the left.
pub const fn left(title: &'static str, width: u16, flex: u16, from: u16) -> Column {
    Column {
        title,
        width,
        flex,
        from,
        right: false,
    }
}

/// A column of numbers.
pub const fn right(title: &'static str, width: u16, from: u16) -> Column {
    Column {
        title,
        width,
        flex: 0,
        from,
        right: true,
    }
}

/// Columns laid out.
#[derive(Clone, Debug)]
pub struct Table {
    area: Rect,
    columns: &'static [Column],
    places: Vec<Option<(u16, u16)>>,
}

impl Table {
    /// Lays columns out in the inside of a pane.
    pub fn new(area: Rect, columns: &'static [Column]) -> Self {
        let shown = |column: &&Column| area.width >= column.from;
        let gap = if area.width >= 100 { 2 } else { 1 };
        let count = columns.iter().filter(shown).count() as u16;
        let fixed: u16 = columns.iter().filter(shown).map(|column| column.width).sum();
        let shares: u16 = columns.iter().filter(shown).map(|column| column.flex).sum();
        let room = area.width.saturating_sub(GUTTER);
        let spare = room.saturating_sub(fixed + gap * count.saturating_sub(1));
        let mut x = area.x + GUTTER.min(area.width);
        let mut given = 0;
        let mut parts = 0;
        let place = columns.iter().map(|column| {
            if area.width < column.from {
                return None;
            }
            // What divides with a remainder goes to the last one.
            parts += column.flex;
            let upto = if shares == 0 {
                0
            } else {
                (u32::from(spare) * u32::from(parts) / u32::from(shares)) as u16
            };
            let width = (column.width + upto - given).min(area.right().saturating_sub(x));
            given = upto;
            let at = x;
            x = (x + width + gap).min(area.right());
            Some((at, width))
        });
        let places = place.collect();
        Table {
            area,
            columns,
            places,
        }
    }

    /// The columns' titles; the one that orders the rows is marked.
    pub fn heading(&self, ink: &mut Ink<'_>, y: u16, ordered: Option<usize>) {
        let search = std::mem::take(&mut ink.search);
        for (at, column) in self.columns.iter().enumerate() {
            let style = if ordered == Some(at) {
                ink.theme.tone(Tone::Accent)
            } else {
                ink.theme.heading()
            };
            self.cell(ink, y, at, column.title, style);
        }
        ink.search = search;
    }

    /// Writes a cell.
    pub fn cell(&self, ink: &mut Ink<'_>, y: u16, at: usize, text: &str, style: Style) {
        if let (Some(Some((x, width))), Some(column)) = (self.places.get(at), self.columns.get(at)) {
            if column.right {
                ink.right(*x, y, *width, text, style);
            } else {
                ink.text(*x, y, *width, text, style);
            }
        }
    }

    /// Writes a cell at a tone.
    pub fn tone(&self, ink: &mut Ink<'_>, y: u16, at: usize, text: &str, tone: Tone) {
        let style = ink.theme.tone(tone);
        self.cell(ink, y, at, text, style);
    }

    /// Where a column is.
    pub fn place(&self, at: usize) -> Option<(u16, u16)> {
        self.places.get(at).copied().flatten()
    }

    /// Ends a row: the selected one is lit, and has the cursor; a mark is shown by its letter.
    pub fn finish(&self, ink: &mut Ink<'_>, y: u16, selected: bool, mark: Option<char>) {
        if let Some(mark) = mark
            && self.area.width > 1
        {
            let mut bytes = [0; 4];
            ink.tone(self.area.x + 1, y, 1, mark.encode_utf8(&mut bytes), Tone::Accent);
        }
        if selected {
            let style = ink.theme.selected();
            ink.lay(
                Rect {
                    y,
                    height: 1,
                    ..self.area
                },
                style,
            );
            let cursor = ink.theme.glyphs.cursor;
            ink.tone(self.area.x, y, 1, cursor, Tone::Accent);
        }
    }
}
