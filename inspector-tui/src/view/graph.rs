//! Who talks to whom, as a tree that can be walked.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::table::{Column, Table, left, right};
use super::{format, layout};
use crate::graph::tree::{Kind, Line, Mark};
use crate::model::Model;
use crate::theme::{Theme, Tone};
use crate::ui::Ui;
use crate::ui::sheet::GraphSheet;

const COLUMNS: &[Column] = &[
    left("WHO, AND WHAT", 24, 5, 0),
    right("COUNT", 8, 40),
    right("RATE", 7, 50),
    left("", 24, 2, 76),
];

/// Draws the graph over a screen.
pub fn draw(model: &Model, ui: &Ui, to: &mut Canvas<'_>, area: Rect, sheet: &GraphSheet) {
    let Some(graph) = model.graph() else { return };
    let flows = graph.flows();
    let in_loops = flows.iter().filter(|flow| flow.in_loop.is_some()).count();
    let unheard = flows.iter().filter(|flow| flow.receivers == 0).count();
    let note = format!(
        "{in_loops} in loops, {unheard} nobody hears, of {} in {}",
        flows.len(),
        format::span(graph.seconds() as u64)
    );
    let note = super::notes_of(ui, &super::stale(model, ui), &note);
    let inner = to.pane(area, "Who talks to whom", &note, true);
    let table = Table::new(inner, COLUMNS);
    let rows = layout::rows(area);
    if rows.y > inner.y {
        table.heading(to, inner.y, None);
    }
    to.scrollbar(area, sheet.list.top, usize::from(rows.height), sheet.lines.len());
    for (y, (at, line)) in
        (rows.top()..rows.bottom()).zip(sheet.lines.iter().enumerate().skip(sheet.list.top))
    {
        row(to, &table, y, line);
        table.finish(to, y, at == sheet.list.at, None);
    }
}

fn row(to: &mut Canvas<'_>, table: &Table, y: u16, line: &Line) {
    let Some((x, width)) = table.place(0) else { return };
    let glyphs = to.theme.glyphs;
    let sign = match line.open {
        Some(true) => glyphs.open,
        Some(false) => glyphs.closed,
        None => " ",
    };
    let (word, tone) = match line.kind {
        Kind::Source => ("", Tone::Accent),
        Kind::Sends => ("", Tone::Name),
        Kind::To => (glyphs.arrow, Tone::Source),
        Kind::Hears => ("hears", Tone::Plain),
        Kind::Answers => ("answers", Tone::Plain),
        Kind::Calls => ("calls", Tone::Plain),
    };
    let mut used = ((line.depth * 2) as u16).min(width / 2);
    used += to.tone(x + used, y, width - used, sign, Tone::Dim) + 1;
    if !word.is_empty() {
        used += to.tone(x + used, y, width.saturating_sub(used), word, Tone::Dim) + 1;
    }
    to.tone(x + used, y, width.saturating_sub(used), &line.name, tone);
    if line.kind != Kind::To {
        table.tone(to, y, 1, &format::count(line.count), Tone::Plain);
    }
    if matches!(line.kind, Kind::Source | Kind::Sends) {
        table.rate(to, y, 2, line.rate);
    }
    let (sign, tone) = match line.mark {
        Mark::None => ("", Tone::Dim),
        Mark::Nobody => (glyphs.warn, Tone::Warn),
        Mark::Loop => (glyphs.failed, Tone::Bad),
    };
    table.tone(to, y, 3, format!("{sign} {}", line.note).trim_start(), tone);
}

/// The tree as text, without a terminal.
pub fn text(lines: &[Line], theme: &Theme, width: u16) -> String {
    let height = u16::try_from(lines.len() + 1).unwrap_or(u16::MAX);
    let area = Rect::new(0, 0, width, height);
    super::as_text(area, theme, |to| {
        let table = Table::new(area, COLUMNS);
        table.heading(to, 0, None);
        for (y, line) in (1..height).zip(lines) {
            row(to, &table, y, line);
        }
    })
}
