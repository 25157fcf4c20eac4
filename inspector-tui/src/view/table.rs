//! Columns of a list: which ones there is room for, and where they are.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::canvas::Canvas;
use super::format;
use crate::theme::Tone;

/// The columns before the first one: the cursor and the mark.
pub const GUTTER: u16 = 2;

/// From this share on a column grows as far as there is room.
const FREE: u16 = 5;

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
    /// Lays columns out in the inside of a pane. Those for which there is no room go, the least needed first.
    pub fn new(area: Rect, columns: &'static [Column]) -> Self {
        let gap = if area.width >= 100 { 2 } else { 1 };
        // A column stays free before the frame.
        let room = area.width.saturating_sub(GUTTER + 1);
        let mut limit = area.width;
        let shown = loop {
            let shown: Vec<&Column> = columns.iter().filter(|column| column.from <= limit).collect();
            let needed: u16 = shown.iter().map(|column| column.width + gap).sum();
            let least = shown.iter().map(|column| column.from).max().unwrap_or(0);
            if needed <= room + gap || least == 0 {
                break shown;
            }
            limit = least - 1;
        };
        let fixed: u16 = shown.iter().map(|column| column.width + gap).sum();
        let shares: u16 = shown.iter().map(|column| column.flex).sum();
        let spare = (room + gap).saturating_sub(fixed);
        let end = area.right().saturating_sub(1).max(area.x);
        let mut x = (area.x + GUTTER).min(end);
        let (mut given, mut parts) = (0, 0);
        let place = columns.iter().map(|column| {
            if column.from > limit {
                return None;
            }
            // What divides with a remainder goes to the last one.
            parts += column.flex;
            let upto = (u32::from(spare) * u32::from(parts))
                .checked_div(u32::from(shares))
                .unwrap_or(0) as u16;
            // A name far from its numbers is hard to follow: what is a name grows so far and no further.
            let share = if column.flex >= FREE {
                upto - given
            } else {
                (upto - given).min(column.width * 2)
            };
            let width = (column.width + share).min(end.saturating_sub(x));
            given = upto;
            let at = x;
            x = (x + width + gap).min(end);
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
    pub fn heading(&self, out: &mut Canvas<'_>, y: u16, ordered: Option<usize>) {
        let search = std::mem::take(&mut out.search);
        for (at, column) in self.columns.iter().enumerate() {
            let style = if ordered == Some(at) {
                out.theme.tone(Tone::Accent)
            } else {
                out.theme.heading()
            };
            self.cell(out, y, at, column.title, style);
        }
        out.search = search;
    }

    /// Writes a cell.
    pub fn cell(&self, out: &mut Canvas<'_>, y: u16, at: usize, text: &str, style: Style) {
        if let (Some(Some((x, width))), Some(column)) = (self.places.get(at), self.columns.get(at)) {
            if column.right {
                out.right(*x, y, *width, text, style);
            } else {
                out.text(*x, y, *width, text, style);
            }
        }
    }

    /// Writes a cell at a tone.
    pub fn tone(&self, out: &mut Canvas<'_>, y: u16, at: usize, text: &str, tone: Tone) {
        match (self.places.get(at), self.columns.get(at)) {
            (Some(Some((x, width))), Some(column)) if !column.right => {
                out.tone(*x, y, *width, text, tone);
            }
            _ => {
                let style = out.theme.tone(tone);
                self.cell(out, y, at, text, style);
            }
        }
    }

    /// Writes a cell that holds a rate, dim where nothing happens.
    pub fn rate(&self, out: &mut Canvas<'_>, y: u16, at: usize, rate: f64) {
        let tone = if rate > 0.0 { Tone::Plain } else { Tone::Dim };
        self.tone(out, y, at, &format::rate(rate), tone);
    }

    /// Where a column is.
    pub fn place(&self, at: usize) -> Option<(u16, u16)> {
        self.places.get(at).copied().flatten()
    }

    /// Ends a row: the selected one is lit, and has the cursor; a mark is shown by its letter.
    pub fn finish(&self, out: &mut Canvas<'_>, y: u16, selected: bool, mark: Option<char>) {
        if let Some(mark) = mark
            && self.area.width > 1
        {
            let mut bytes = [0; 4];
            out.tone(self.area.x + 1, y, 1, mark.encode_utf8(&mut bytes), Tone::Accent);
        }
        if selected {
            let style = out.theme.selected();
            out.lay(
                Rect {
                    y,
                    height: 1,
                    ..self.area
                },
                style,
            );
            let cursor = out.theme.glyphs.cursor;
            out.tone(self.area.x, y, 1, cursor, Tone::Accent);
        }
    }
}
