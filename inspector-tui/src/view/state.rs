//! The State screen.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::table::{Column, Table, left, right};
use super::{dialog, fact, format, json, layout, section};
use crate::facts::State;
use crate::model::Model;
use crate::theme::Tone;
use crate::ui::rows;
use crate::ui::{FLASH, Ui};

const COLUMNS: &[Column] = &[
    left("KEY", 14, 4, 0),
    left("VALUE", 8, 6, 30),
    right("VERSION", 8, 46),
    right("LIVES", 8, 56),
    left("OWNER", 10, 1, 66),
];

/// How long an entry still lives, counting down while the target is there.
fn lives(model: &Model, ui: &Ui, state: &State) -> (String, Tone) {
    // A clock that nobody confirms is not run on.
    let now = if model.is_open() {
        ui.now
    } else {
        model.snapshot_at().unwrap_or(ui.now)
    };
    match model.ttl_left(state, now) {
        None => ("for ever".into(), Tone::Dim),
        Some(left) if left.is_zero() => ("over".into(), Tone::Warn),
        Some(left) => (
            format::span(left.as_millis().div_ceil(1000) as u64),
            if left.as_secs() < 10 {
                Tone::Warn
            } else {
                Tone::Plain
            },
        ),
    }
}

/// Draws the screen.
pub fn draw(model: &Model, ui: &Ui, out: &mut Canvas<'_>) {
    let pane = layout::panes(ui).list;
    let list = ui.list();
    let all = rows::states(model);
    let note = super::notes_of(
        ui,
        &super::stale(model, ui),
        &format!("{} of {}", list.rows.len(), all.len()),
    );
    let inner = out.pane(pane, "State", &note, true);
    let area = layout::rows(pane);
    let table = Table::new(inner, COLUMNS);
    if area.y > inner.y {
        table.heading(out, inner.y, None);
    }
    if list.rows.is_empty() {
        super::nothing(model, ui, out, area, "there is no state");
    }
    out.scrollbar(pane, list.top, usize::from(area.height), list.rows.len());
    for (y, (at, index)) in (area.top()..area.bottom()).zip(list.rows.iter().enumerate().skip(list.top)) {
        let Some(state) = all.get(*index) else { continue };
        table.tone(out, y, 0, &state.key, Tone::Name);
        match &state.value {
            Some(value) => table.tone(out, y, 1, value, Tone::Plain),
            None => table.tone(out, y, 1, "too long for the link", Tone::Dim),
        }
        table.tone(out, y, 2, &state.version.to_string(), Tone::Dim);
        let (left, tone) = lives(model, ui, state);
        table.tone(out, y, 3, &left, tone);
        table.tone(out, y, 4, &state.owner, Tone::Source);
        table.finish(out, y, at == list.at, super::mark(ui, &state.key));
        let lit = model.watched().state_changed(&state.key);
        if lit.is_some_and(|since| ui.now.saturating_duration_since(since) < FLASH)
            && let Some((x, width)) = table.place(1)
        {
            let style = ui.theme.flash();
            out.lay(
                Rect {
                    x,
                    y,
                    width,
                    height: 1,
                },
                style,
            );
        }
    }
}

/// The detail of the entry that is selected.
pub fn detail(model: &Model, ui: &Ui, width: u16) -> (String, Vec<json::Line>) {
    let mut lines = Vec::new();
    let Some(state) = rows::state(model, ui) else {
        return ("State".into(), lines);
    };
    lines.push(fact("version", format::count(state.version), Tone::Plain));
    let (left, tone) = lives(model, ui, state);
    lines.push(fact("lives", left, tone));
    lines.push(fact("written by", &*state.owner, Tone::Source));
    if let Some(since) = model.watched().state_changed(&state.key) {
        let ago = format::span(ui.now.saturating_duration_since(since).as_secs());
        lines.push(fact("changed", format!("{ago} ago"), Tone::Plain));
    }
    section(&mut lines, "Value");
    lines.extend(dialog::lay_out(
        state.value.as_deref().unwrap_or("too long for the link"),
        width,
    ));
    (state.key.to_string(), lines)
}
