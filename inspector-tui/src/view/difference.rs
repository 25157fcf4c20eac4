//! What differs between a place that was remembered and the present one.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::table::{Column, Table, left};
use super::{format, layout};
use crate::model::Model;
use crate::theme::Tone;
use crate::ui::Ui;
use crate::ui::sheet::DifferenceSheet;

const COLUMNS: &[Column] = &[
    left("WHAT", 20, 4, 0),
    left("BEFORE", 14, 6, 40),
    left("NOW", 14, 6, 56),
];

/// Draws the difference over a screen.
pub fn draw(model: &Model, ui: &Ui, to: &mut Canvas<'_>, area: Rect, sheet: &DifferenceSheet) {
    let clock = |at| format::clock(at, model.epoch());
    let since = ui.remembered.as_ref().map_or(0, |before| before.metrics.now);
    let now = model.snapshot().map_or(0, |now| now.metrics.now);
    let title = format!("What differs between {} and {}", clock(since), clock(now));
    let note = super::notes_of(
        ui,
        &super::stale(model, ui),
        &format::count(sheet.all.len() as u64),
    );
    let inner = to.pane(area, &title, &note, true);
    let table = Table::new(inner, COLUMNS);
    let rows = layout::rows(area);
    if rows.y > inner.y {
        table.heading(to, inner.y, None);
    }
    if sheet.all.is_empty() && rows.height > 0 {
        to.tone(
            rows.x + 2,
            rows.y,
            rows.width.saturating_sub(2),
            "nothing differs",
            Tone::Dim,
        );
    }
    to.scrollbar(area, sheet.list.top, usize::from(rows.height), sheet.all.len());
    for (y, (at, one)) in (rows.top()..rows.bottom()).zip(sheet.all.iter().enumerate().skip(sheet.list.top)) {
        table.tone(to, y, 0, &one.what, Tone::Name);
        for (column, is, tone) in [(1, &one.before, Tone::Dim), (2, &one.after, Tone::Plain)] {
            match is {
                Some(is) => table.tone(to, y, column, is, tone),
                None => table.tone(to, y, column, to.theme.glyphs.dash, Tone::Dim),
            }
        }
        table.finish(to, y, at == sheet.list.at, None);
    }
}
