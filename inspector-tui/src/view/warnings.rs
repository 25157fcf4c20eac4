//! The Warnings screen: what is wrong, with whom, and what to do.

use super::canvas::Canvas;
use super::table::{Column, Table, left, right};
use super::{fact, facts, format, json, layout, paragraph, section};
use crate::model::Model;
use crate::theme::Tone;
use crate::ui::Ui;
use crate::ui::rows;
use crate::warnings::{Level, Warning};

const COLUMNS: &[Column] = &[
    left("LEVEL", 9, 0, 0),
    left("PLUGIN", 12, 1, 0),
    left("WARNING", 16, 0, 90),
    left("WHAT", 10, 6, 34),
    right("SINCE", 7, 48),
];

/// Glyph, word and tone of a warning.
pub fn level(ui: &Ui, warning: &Warning) -> (&'static str, &'static str, Tone) {
    let glyphs = &ui.theme.glyphs;
    match (warning.over, warning.level) {
        (Some(_), _) => (glyphs.started, "over", Tone::Dim),
        (None, Level::Warning) => (glyphs.warn, "warning", Tone::Warn),
        (None, Level::Error) => (glyphs.failed, "error", Tone::Bad),
    }
}

/// Draws the screen.
pub fn draw(model: &Model, ui: &Ui, out: &mut Canvas<'_>) {
    let pane = layout::panes(ui).list;
    let note = super::notes_of(
        ui,
        &super::stale(model, ui),
        &format!("{} go on", model.warnings().active()),
    );
    let inner = out.pane(pane, "Warnings", &note, true);
    let area = layout::rows(pane);
    let table = Table::new(inner, COLUMNS);
    if area.y > inner.y {
        table.heading(out, inner.y, None);
    }
    let list = ui.list();
    if list.rows.is_empty() {
        super::nothing(model, ui, out, area, "nothing is wrong");
    }
    let height = usize::from(area.height);
    out.scrollbar(pane, list.top, height, list.rows.len());
    for (y, (at, index)) in (area.top()..area.bottom()).zip(list.rows.iter().enumerate().skip(list.top)) {
        let Some(warning) = model.warnings().iter().nth(*index) else {
            continue;
        };
        let (glyph, word, tone) = level(ui, warning);
        let text = if warning.over.is_some() {
            Tone::Dim
        } else {
            Tone::Plain
        };
        table.tone(out, y, 0, &format!("{glyph} {word}"), tone);
        table.tone(out, y, 1, &warning.plugin, Tone::Source);
        table.tone(out, y, 2, warning.kind.name(), text);
        table.tone(out, y, 3, &warning.what, text);
        let since = ui.now.saturating_duration_since(warning.first).as_secs();
        table.tone(out, y, 4, &format::span(since), Tone::Dim);
        table.finish(out, y, at == list.at, super::mark(ui, &rows::warning_id(warning)));
    }
}

/// The detail of the warning that is selected.
pub fn detail(model: &Model, ui: &Ui, width: u16) -> (String, Vec<json::Line>) {
    let mut lines = Vec::new();
    let Some(warning) = rows::warning(model, ui) else {
        return ("Warning".into(), lines);
    };
    let (glyph, word, tone) = level(ui, warning);
    let ago = |at| {
        format!(
            "{} ago",
            format::span(ui.now.saturating_duration_since(at).as_secs())
        )
    };
    lines.push(fact("level", format!("{glyph} {word}"), tone));
    lines.push(fact("plugin", &*warning.plugin, Tone::Source));
    if !warning.about.is_empty() {
        lines.push(fact("about", &*warning.about, Tone::Name));
    }
    facts(&mut lines, "what", &warning.what, Tone::Plain, width);
    lines.push(fact("first", ago(warning.first), Tone::Plain));
    lines.push(fact(
        "last",
        format!(
            "{}, seen {} times",
            ago(warning.last),
            format::count(warning.count)
        ),
        Tone::Plain,
    ));
    if let Some(over) = warning.over {
        lines.push(fact("over", ago(over), Tone::Good));
    }
    section(&mut lines, "What to do");
    paragraph(&mut lines, warning.advice, Tone::Plain, width);
    (format!("{}: {}", warning.kind.name(), warning.plugin), lines)
}
