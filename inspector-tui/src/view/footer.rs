//! The footer: the keys that are valid now, from the table of actions.

use ratatui::layout::Rect;

use super::canvas::{Canvas, columns};
use super::layout;
use crate::keys::Action;
use crate::theme::Tone;
use crate::ui::sheet::Sheet;
use crate::ui::{Letter, LineFor, Mode, NOTICE, Ui};

/// Draws the footer.
pub fn draw(ui: &Ui, out: &mut Canvas<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let mut right = area.right();
    if let Some(badge) = badge(ui) {
        let wide = columns(badge) as u16;
        if wide + 12 < area.width {
            right -= wide;
            let style = out.theme.tone(Tone::Warn);
            out.text(right, area.y, wide, badge, style);
            right -= 2;
        }
    }
    let room = right.saturating_sub(area.x + 1);
    if let Some(notice) = &ui.notice
        && ui.now.duration_since(notice.at) < NOTICE
        && !matches!(ui.mode, Mode::Letter(_))
    {
        let glyph = match notice.tone {
            Tone::Bad => out.theme.glyphs.failed,
            Tone::Warn => out.theme.glyphs.warn,
            _ => out.theme.glyphs.started,
        };
        let used = out.tone(area.x + 1, area.y, room, glyph, notice.tone);
        out.text(
            area.x + 2 + used,
            area.y,
            room.saturating_sub(used + 1),
            &notice.text,
            out.theme.tone(Tone::Plain),
        );
        return;
    }
    let pairs = keys(ui);
    let mut x = area.x + 1;
    for (key, label) in pairs {
        let wide = (columns(&key) + 1 + columns(&label)) as u16;
        if x + wide > right {
            break;
        }
        x += out.text(x, area.y, wide, &key, out.theme.key()) + 1;
        x += out.tone(x, area.y, wide, &label, Tone::Dim) + 2;
    }
}

fn badge(ui: &Ui) -> Option<&'static str> {
    if ui.options.replay {
        Some("recording: actions are off ")
    } else if ui.options.read_only {
        Some("--read-only: actions are off ")
    } else {
        None
    }
}

/// The keys that are valid now, and what they do.
pub fn keys(ui: &Ui) -> Vec<(String, String)> {
    match ui.mode {
        Mode::Letter(Letter::Mark) => {
            return vec![
                ("a..z".into(), "sets the mark".into()),
                ("esc".into(), "no".into()),
            ];
        }
        Mode::Letter(Letter::Jump) => {
            let set: String = ui.marks.keys().collect();
            let set = if set.is_empty() {
                "no mark is set: m sets one".to_owned()
            } else {
                "jumps to the mark".to_owned()
            };
            let keys: Vec<String> = ui.marks.keys().map(char::to_string).collect();
            return vec![
                (
                    if keys.is_empty() {
                        "a..z".into()
                    } else {
                        keys.join(" ")
                    },
                    set,
                ),
                ("esc".into(), "no".into()),
            ];
        }
        Mode::Letter(Letter::Filter) => {
            return [
                "t topic",
                "b branch of the topic",
                "s source",
                "T not this topic",
                "S not this source",
                "esc no",
            ]
            .iter()
            .filter_map(|pair| pair.split_once(' '))
            .map(|(key, label)| (key.to_owned(), label.to_owned()))
            .collect();
        }
        _ => {}
    }
    let off = ui.forbidden().is_some();
    let mut pairs = Vec::new();
    for context in ui.contexts() {
        for (spec, keys) in ui.keys.rows(context) {
            let Some(key) = keys.first() else { continue };
            if spec.label.is_empty() || (spec.acts && off) {
                continue;
            }
            let label = match spec.action {
                Action::Pause if !ui.sheet.as_ref().map_or(ui.follow, Sheet::follows) => "follow",
                Action::Tree if ui.tree.is_some() => "no topics",
                _ => spec.label,
            };
            pairs.push((key.to_string(), label.to_owned()));
        }
    }
    pairs
}

/// Draws the line above the footer: what is typed, or the filter and the search in force.
pub fn line(ui: &Ui, out: &mut Canvas<'_>, area: Rect, fault: Option<(usize, &str)>, note: &str) {
    let Some((what, text)) = layout::line_text(ui) else {
        return;
    };
    if area.height == 0 {
        return;
    }
    let label = match what {
        LineFor::Filter => "filter",
        LineFor::Search => "search",
        LineFor::Record => "record to",
        LineFor::Export => "export to",
        LineFor::Chart => "chart FILTER [PATH]",
        LineFor::Seek => "go to",
    };
    let typing = match &ui.mode {
        Mode::Line(line) => Some(&line.input),
        _ => None,
    };
    let tone = if fault.is_some() { Tone::Bad } else { Tone::Accent };
    let mut x = area.x + 1;
    x += out.tone(x, area.y, area.width.saturating_sub(1), label, tone) + 1;
    let free = area.right().saturating_sub(x);
    // The reason is read to its end first: it says what to type.
    let said = fault.map_or(note, |(_, reason)| reason);
    let typed = (columns(text) as u16).saturating_add(2);
    let mut said_room = (columns(said) as u16)
        .saturating_add(3)
        .min(free - typed.min(free / 2));
    if said.is_empty() {
        said_room = 0;
    }
    let room = free.saturating_sub(said_room);
    match typing {
        Some(input) => {
            let scroll = input.visual_scroll(usize::from(room.saturating_sub(1)));
            super::input::one(
                out,
                (x, area.y, room),
                input.value(),
                scroll,
                Some(input.cursor()),
                fault.map(|(at, _)| at),
            );
        }
        None => super::input::one(out, (x, area.y, room), text, 0, None, fault.map(|(at, _)| at)),
    }
    if said_room > 0 {
        let glyph = if fault.is_some() {
            out.theme.glyphs.failed
        } else {
            ""
        };
        let at = area.right().saturating_sub(said_room);
        let tone = if fault.is_some() { Tone::Bad } else { Tone::Dim };
        let used = out.tone(at, area.y, said_room, glyph, tone);
        out.tone(
            at + used + u16::from(used > 0),
            area.y,
            said_room.saturating_sub(used + 1),
            said,
            tone,
        );
    }
}
