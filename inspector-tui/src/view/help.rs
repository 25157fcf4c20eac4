//! The help and the palette: the table of actions, to read and to choose from.

use ratatui::layout::Rect;

use super::canvas::{Canvas, columns};
use super::layout;
use crate::keys::{Context, KeyMap, Spec};
use crate::theme::Tone;
use crate::ui::{Palette, Ui, fuzzy};

/// A line of the help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A context's title.
    Title(&'static str),
    /// Keys, and what they do.
    Keys(String, &'static str, bool),
    /// Nothing.
    Gap,
}

/// The help of a screen: its own keys first.
pub fn entries(ui: &Ui) -> Vec<Entry> {
    let mut contexts = ui.of_screen();
    contexts.extend([Context::Line, Context::Form]);
    let mut entries = Vec::new();
    for context in contexts {
        if !entries.is_empty() {
            entries.push(Entry::Gap);
        }
        entries.push(Entry::Title(context.title()));
        for (spec, keys) in ui.keys.rows(context) {
            let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
            entries.push(Entry::Keys(
                keys.join("  "),
                spec.help,
                spec.acts && ui.forbidden().is_some(),
            ));
        }
    }
    entries
}

/// How many lines of the help are seen.
pub fn page(ui: &Ui) -> usize {
    usize::from(layout::inside(area(ui)).height).max(1)
}

fn area(ui: &Ui) -> Rect {
    let (width, height) = ui.size;
    layout::middle(
        Rect::new(0, 0, width, height),
        86.min(width.saturating_sub(2)).max(1),
        height.saturating_sub(2).max(1),
    )
}

/// Draws the help.
pub fn draw(ui: &Ui, out: &mut Canvas<'_>, scroll: usize) {
    let area = area(ui);
    out.blank(area);
    let entries = entries(ui);
    let title = format!("Keys {} {}", out.theme.glyphs.dot, ui.screen.title());
    let inner = out.pane(area, &title, "core-inspector --print-keys", true);
    let top = scroll.min(entries.len().saturating_sub(page(ui)));
    out.scrollbar(area, top, page(ui), entries.len());
    let column = 18.min(inner.width / 3);
    for (row, entry) in (inner.top()..inner.bottom()).zip(entries.iter().skip(top)) {
        let (x, room) = (inner.x + 1, inner.width.saturating_sub(2));
        match entry {
            Entry::Title(title) => {
                out.tone(x, row, room, title, Tone::Accent);
            }
            Entry::Keys(keys, help, off) => {
                let style = if *off {
                    out.theme.tone(Tone::Dim)
                } else {
                    out.theme.key()
                };
                out.text(x, row, column, keys, style);
                let tone = if *off { Tone::Dim } else { Tone::Plain };
                let used = out.tone(x + column, row, room.saturating_sub(column), help, tone);
                if *off {
                    let at = column + used + 2;
                    out.tone(x + at, row, room.saturating_sub(at), "(off)", Tone::Warn);
                }
            }
            Entry::Gap => {}
        }
    }
}

/// A command that takes words after its name, and the words.
pub fn words(typed: &str) -> Option<(&str, &str)> {
    let (name, words) = typed.trim().split_once(' ')?;
    matches!(name, "chart" | "trace" | "seek").then_some((name, words.trim()))
}

/// The commands of the palette that match, best first.
pub fn matches(ui: &Ui, pattern: &str) -> Vec<&'static Spec> {
    let pattern = words(pattern).map_or(pattern, |(name, _)| name);
    let mut all: Vec<(i32, &'static Spec)> = Vec::new();
    for context in ui.of_screen() {
        for (spec, _) in ui.keys.rows(context) {
            if spec.action == crate::keys::Action::Palette {
                continue;
            }
            let name = fuzzy::score(pattern, spec.name).map(|score| score + 500);
            let help = fuzzy::score(pattern, spec.help);
            if let Some(score) = name.max(help) {
                all.push((if pattern.trim().is_empty() { 0 } else { score }, spec));
            }
        }
    }
    all.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    all.into_iter().map(|(_, spec)| spec).collect()
}

/// Draws the palette.
pub fn palette(ui: &Ui, out: &mut Canvas<'_>, palette: &Palette) {
    let (width, height) = ui.size;
    let all = Rect::new(0, 0, width, height);
    let found = matches(ui, palette.input.value());
    let rows = u16::try_from(found.len().clamp(1, 12)).unwrap_or(12);
    let mut area = layout::middle(
        all,
        76.min(width.saturating_sub(2)).max(1),
        (rows + 4).min(height),
    );
    area.y = area.y.min(height / 6);
    out.blank(area);
    let note = format!("{} of {}", found.len(), matches(ui, "").len());
    let inner = out.pane(area, "Commands", &note, true);
    if inner.height == 0 || inner.width < 4 {
        return;
    }
    let room = inner.width.saturating_sub(4);
    out.tone(inner.x + 1, inner.y, 1, ":", Tone::Accent);
    let scroll = palette.input.visual_scroll(usize::from(room.saturating_sub(1)));
    super::input::one(
        out,
        (inner.x + 3, inner.y, room),
        palette.input.value(),
        scroll,
        Some(palette.input.cursor()),
        None,
    );
    let list = Rect {
        y: inner.y + 2.min(inner.height),
        height: inner.height.saturating_sub(2),
        ..inner
    };
    if found.is_empty() && list.height > 0 {
        out.tone(
            list.x + 1,
            list.y,
            list.width.saturating_sub(1),
            "no command has these letters in this order",
            Tone::Dim,
        );
    }
    let top = (palette.at + 1).saturating_sub(usize::from(list.height.max(1)));
    for (y, (nth, spec)) in (list.top()..list.bottom()).zip(found.iter().enumerate().skip(top)) {
        let off = spec.acts && ui.forbidden().is_some();
        let key = key(&ui.keys, spec);
        let name = if off {
            out.theme.tone(Tone::Dim)
        } else {
            out.theme.key()
        };
        let x = list.x + 1;
        let room = list.width.saturating_sub(2);
        out.text(x + 1, y, 17.min(room), spec.name, name);
        let key_room = (columns(&key) as u16).min(room);
        let help = room.saturating_sub(19 + key_room + 1);
        out.tone(
            x + 19,
            y,
            help,
            if off {
                "off: nothing at the target is changed"
            } else {
                spec.help
            },
            Tone::Dim,
        );
        out.right(x, y, room, &key, out.theme.tone(Tone::Accent));
        if nth == palette.at {
            let style = out.theme.selected();
            out.lay(Rect { y, height: 1, ..list }, style);
            out.tone(list.x, y, 1, out.theme.glyphs.cursor, Tone::Accent);
        }
    }
}

fn key(keys: &KeyMap, spec: &Spec) -> String {
    keys.key(spec.context, spec.action)
        .map(|key| key.to_string())
        .unwrap_or_default()
}
