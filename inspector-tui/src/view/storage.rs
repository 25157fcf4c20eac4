//! The Storage screen: namespaces and keys, and the value of the one that is selected.

use super::canvas::Canvas;
use super::{dialog, fact, facts, format, json, layout, section};
use crate::model::Model;
use crate::theme::Tone;
use crate::ui::Ui;
use crate::ui::rows;
use crate::ui::storage::{Row, Value};

/// Draws the screen.
pub fn draw(model: &Model, ui: &Ui, out: &mut Canvas<'_>) {
    let pane = layout::panes(ui).list;
    let list = ui.list();
    let glyphs = ui.theme.glyphs;
    let spaces = &ui.storage.namespaces;
    let more = if spaces.whole { "" } else { "+" };
    let live = if model.is_open() {
        String::new()
    } else {
        super::stale(model, ui)
    };
    let note = super::notes_of(
        ui,
        &live,
        &match spaces.names.len() {
            1 if spaces.whole => "1 namespace".to_owned(),
            count => format!("{count}{more} namespaces"),
        },
    );
    let inner = out.pane(pane, "Storage", &note, true);
    let area = layout::rows(pane);
    if area.y > inner.y {
        out.tone(
            inner.x + 2,
            inner.y,
            inner.width.saturating_sub(2),
            "NAMESPACE / KEY",
            Tone::Dim,
        );
    }
    out.scrollbar(pane, list.top, usize::from(area.height), ui.storage.rows.len());
    for (y, (at, row)) in (area.top()..area.bottom()).zip(ui.storage.rows.iter().enumerate().skip(list.top)) {
        let x = area.x + 2.min(area.width);
        let room = area.width.saturating_sub(3);
        let inside = row.namespace().is_some() && !matches!(row, Row::Namespace(..));
        let indent = if inside { 4.min(room) } else { 0 };
        let (x, room) = (x + indent, room - indent);
        match row {
            Row::Namespace(name, open) => {
                let sign = if *open { glyphs.open } else { glyphs.closed };
                let used = out.tone(x, y, room, sign, Tone::Dim) + 1;
                out.tone(x + used, y, room.saturating_sub(used), name, Tone::Source);
            }
            Row::Key(_, key) => {
                out.tone(x, y, room, key, Tone::Name);
            }
            Row::More(_) => {
                let said = if model.is_open() {
                    "reading"
                } else {
                    "more, read when the target is there"
                };
                out.tone(x, y, room, &format!("{} {said}", glyphs.ellipsis), Tone::Dim);
            }
            Row::Failed(_, why) => {
                out.tone(x, y, room, &format!("{} {why}", glyphs.failed), Tone::Bad);
            }
            Row::Empty(of) => {
                let said = if of.is_some() {
                    "no key"
                } else {
                    "nothing is stored"
                };
                out.tone(x, y, room, said, Tone::Dim);
            }
        }
        let mark = super::mark(ui, &row.id());
        if let Some(mark) = mark {
            let mut bytes = [0; 4];
            out.tone(area.x + 1, y, 1, mark.encode_utf8(&mut bytes), Tone::Accent);
        }
        if at == list.at {
            let style = out.theme.selected();
            out.lay(ratatui::layout::Rect { y, height: 1, ..area }, style);
            out.tone(area.x, y, 1, glyphs.cursor, Tone::Accent);
        }
    }
}

/// The detail of the row that is selected.
pub fn detail(model: &Model, ui: &Ui, width: u16) -> (String, Vec<json::Line>) {
    let mut lines = Vec::new();
    let (namespace, key) = match rows::stored(ui) {
        Some(Row::Key(namespace, key)) => (namespace, key),
        Some(Row::Namespace(name, open)) => {
            lines.push(fact("namespace", name.clone(), Tone::Source));
            let keys = ui.storage.keys.get(name);
            match keys {
                Some(keys) => {
                    let more = if keys.whole { "" } else { " so far" };
                    lines.push(fact("keys", format!("{}{more}", keys.names.len()), Tone::Plain));
                }
                None if !open => lines.push(fact("keys", "enter reads them", Tone::Dim)),
                None => {}
            }
            return ("Namespace".into(), lines);
        }
        _ => return ("Value".into(), lines),
    };
    lines.push(fact("namespace", namespace.clone(), Tone::Source));
    facts(&mut lines, "key", key, Tone::Name, width);
    match ui.storage.values.get(&(namespace.clone(), key.clone())) {
        Some(Value::Json(value)) => {
            lines.push(fact("size", format::bytes(value.len() as u64), Tone::Plain));
            section(&mut lines, "Value");
            lines.extend(dialog::lay_out(value, width));
        }
        Some(Value::Absent) => lines.push(fact("value", "there is none any more", Tone::Warn)),
        Some(Value::Failed(why)) => facts(&mut lines, "value", why, Tone::Bad, width),
        None if model.is_open() => lines.push(fact("value", "reading", Tone::Dim)),
        None => lines.push(fact("value", "not read: the target is not there", Tone::Dim)),
    }
    ("Value".into(), lines)
}
