//! Lines that are typed: filter, search, file names, and the palette; and the help.

use super::{Effect, browse, find, replay, rows, sheets};
use crate::facts::Command;
use crate::keys::Action;
use crate::model::Model;
use crate::theme::Tone;
use crate::ui::{Line, LineFor, Mode, Screen, Ui};
use crate::view::help as pages;
use tui_input::Input;

/// The most filters that are remembered.
const HISTORY: usize = 100;

/// Opens a line with a text in it.
pub(super) fn open(ui: &mut Ui, what: LineFor, text: &str, before: &str) {
    ui.mode = Mode::Line(Line {
        what,
        input: Input::new(text.to_owned()),
        before: before.to_owned(),
        older: ui.history.len(),
    });
}

/// Sets the filter of the screen.
pub(super) fn filter(model: &mut Model, ui: &mut Ui, text: &str) {
    let screen = ui.screen;
    ui.list_mut().filter = text.to_owned();
    if screen == Screen::Events {
        model.set_filter(text);
    } else {
        rows::refresh(model, ui, screen);
    }
}

/// Sets what is looked for.
pub(super) fn look_for(model: &mut Model, ui: &mut Ui, text: &str) {
    ui.search = text.to_lowercase();
    ui.seeking = false;
    model.search_mut().set(text);
}

/// What is typed takes effect at once.
pub(super) fn typed(model: &mut Model, ui: &mut Ui) {
    let Mode::Line(line) = &ui.mode else { return };
    let text = line.input.value().to_owned();
    match line.what {
        LineFor::Filter => filter(model, ui, &text),
        LineFor::Search => look_for(model, ui, &text),
        LineFor::Record | LineFor::Export | LineFor::Chart | LineFor::Seek => {}
    }
}

/// A key in a line.
pub(super) fn act(model: &mut Model, ui: &mut Ui, action: Action, effects: &mut Vec<Effect>) {
    let Mode::Line(mut line) = std::mem::take(&mut ui.mode) else {
        return;
    };
    match action {
        Action::Cancel => match line.what {
            LineFor::Filter => filter(model, ui, &line.before),
            LineFor::Search => look_for(model, ui, &line.before),
            LineFor::Record | LineFor::Export | LineFor::Chart | LineFor::Seek => {}
        },
        Action::Accept => {
            let text = line.input.value().to_owned();
            match line.what {
                LineFor::Filter => {
                    ui.history.retain(|older| *older != text);
                    if !text.is_empty() {
                        ui.history.push(text);
                    }
                    let many = ui.history.len().saturating_sub(HISTORY);
                    ui.history.drain(..many);
                }
                LineFor::Search => find::search(model, ui, true, true),
                LineFor::Record if !text.trim().is_empty() => {
                    effects.push(Effect::Send(Command::Record(Some(text.trim().into()))));
                }
                LineFor::Export if !text.trim().is_empty() => {
                    let path = text.trim().into();
                    let text = sheets::export(model, ui, text.trim())
                        .unwrap_or_else(|| super::text::ndjson(model, ui));
                    effects.push(Effect::Export { path, text });
                }
                LineFor::Seek => replay::seek(ui, &text, effects),
                LineFor::Chart => sheets::chart_typed(model, ui, &text),
                LineFor::Record | LineFor::Export => ui.say("a file's name was expected", Tone::Warn),
            }
        }
        Action::Up | Action::Down => {
            if line.what == LineFor::Filter {
                let older = if action == Action::Up {
                    line.older.checked_sub(1)
                } else {
                    Some(line.older + 1)
                };
                if let Some(older) = older.filter(|older| *older <= ui.history.len()) {
                    line.older = older;
                    line.input = Input::new(ui.history.get(older).cloned().unwrap_or_default());
                }
            }
            ui.mode = Mode::Line(line);
            typed(model, ui);
        }
        _ => ui.mode = Mode::Line(line),
    }
}

/// A key in the palette.
pub(super) fn palette(model: &mut Model, ui: &mut Ui, action: Action, effects: &mut Vec<Effect>) {
    let Mode::Palette(mut palette) = std::mem::take(&mut ui.mode) else {
        return;
    };
    let found = pages::matches(ui, palette.input.value());
    match action {
        Action::Accept => {
            match found.get(palette.at) {
                Some(spec) => match (spec.action, pages::words(palette.input.value())) {
                    (Action::Chart, Some((_, words))) => sheets::chart_typed(model, ui, words),
                    (Action::Seek, Some((_, words))) => replay::seek(ui, words, effects),
                    (Action::Trace, Some((_, words))) => sheets::trace_typed(model, ui, words),
                    (action, _) => browse::act(model, ui, action, effects),
                },
                None => ui.say(
                    format!("there is no command {:?}", palette.input.value()),
                    Tone::Warn,
                ),
            }
            return;
        }
        Action::Cancel => return,
        Action::Up => palette.at = palette.at.saturating_sub(1),
        Action::Down => palette.at = (palette.at + 1).min(found.len().saturating_sub(1)),
        _ => {}
    }
    ui.mode = Mode::Palette(palette);
}

/// A key in the help.
pub(super) fn help(ui: &mut Ui, action: Action) {
    let Mode::Help(at) = ui.mode else { return };
    let page = pages::page(ui);
    let most = pages::entries(ui).len().saturating_sub(page);
    let at = match action {
        Action::Up => at.saturating_sub(1),
        Action::Down => at + 1,
        Action::PageUp => at.saturating_sub(page),
        Action::PageDown => at + page,
        _ => {
            ui.mode = Mode::Browse;
            return;
        }
    };
    ui.mode = Mode::Help(at.min(most));
}
