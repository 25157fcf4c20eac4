//! The screens: pure functions of the model and the screens' state.

pub mod canvas;
mod characters;
pub mod chart;
pub mod dialog;
pub mod difference;
pub mod events;
pub mod footer;
pub mod format;
pub mod graph;
pub mod header;
pub mod help;
pub mod input;
pub mod json;
pub mod layout;
pub mod overview;
pub mod plugins;
pub mod position;
pub mod services;
pub mod state;
pub mod storage;
pub mod table;
pub mod trace;
pub mod warnings;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::Model;
use crate::theme::{Theme, Tone};
use crate::ui::form::What;
use crate::ui::rows;
use crate::ui::sheet::Sheet;
use crate::ui::{Mode, Screen, Ui};
use canvas::Canvas;

/// Draws all of it.
pub fn draw(model: &Model, ui: &Ui, frame: &mut Frame<'_>) {
    paint(model, ui, frame.buffer_mut());
}

/// Draws all of it into a buffer of [`Ui::size`].
pub fn paint(model: &Model, ui: &Ui, buf: &mut Buffer) {
    let mut out = Canvas {
        buf,
        theme: &ui.theme,
        search: "",
    };
    let parts = layout::parts(ui);
    header::draw(model, ui, &mut out, parts.header);
    header::tabs(model, ui, &mut out, parts.tabs);
    out.search = &ui.search;
    match (&ui.sheet, ui.screen) {
        (Some(Sheet::Chart(sheet)), _) => chart::draw(model, ui, &mut out, parts.body, sheet),
        (Some(Sheet::Graph(sheet)), _) => graph::draw(model, ui, &mut out, parts.body, sheet),
        (Some(Sheet::Trace(sheet)), _) => trace::draw(model, ui, &mut out, parts.body, sheet),
        (Some(Sheet::Difference(sheet)), _) => difference::draw(model, ui, &mut out, parts.body, sheet),
        (None, Screen::Overview) => overview::draw(model, ui, &mut out, parts.body),
        (None, Screen::Events) => events::draw(model, ui, &mut out),
        (None, Screen::Plugins) => plugins::draw(model, ui, &mut out),
        (None, Screen::Services) => services::draw(model, ui, &mut out),
        (None, Screen::State) => state::draw(model, ui, &mut out),
        (None, Screen::Storage) => storage::draw(model, ui, &mut out),
        (None, Screen::Warnings) => warnings::draw(model, ui, &mut out),
    }
    if let (None, Some(detail)) = (&ui.sheet, layout::panes(ui).detail) {
        draw_detail(model, ui, &mut out, detail);
    }
    out.search = "";
    let (fault, note) = line_note(model, ui);
    let fault = fault.as_ref().map(|(at, reason)| (*at, reason.as_str()));
    footer::line(ui, &mut out, parts.line, fault, &note);
    position::draw(model, &mut out, parts.position);
    footer::draw(ui, &mut out, parts.footer);
    let all = Rect::new(0, 0, ui.size.0, ui.size.1);
    match &ui.mode {
        Mode::Help(scroll) => help::draw(ui, &mut out, *scroll),
        Mode::Palette(palette) => help::palette(ui, &mut out, palette),
        Mode::Form(form) => {
            let about = match &form.what {
                What::Call(name) => rows::services(model)
                    .iter()
                    .find(|service| *service.name == **name)
                    .map_or("it is not registered any more", |service| {
                        service.description.as_str()
                    }),
                _ => "",
            };
            dialog::form(ui, &mut out, all, form, about, model.is_open());
        }
        Mode::Question(request, refused) => {
            dialog::question(ui, &mut out, all, request, refused.as_deref(), model.is_open());
        }
        Mode::Outcome(outcome) => dialog::outcome(ui, &mut out, all, outcome),
        Mode::Browse | Mode::Line(_) | Mode::Letter(_) => {}
    }
}

/// What is drawn on this area as text, without a terminal.
fn as_text(area: Rect, theme: &Theme, draw: impl FnOnce(&mut Canvas<'_>)) -> String {
    let mut buf = Buffer::empty(area);
    draw(&mut Canvas {
        buf: &mut buf,
        theme,
        search: "",
    });
    characters(&buf)
}

/// The characters of a buffer, a line a row.
pub fn characters(buf: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buf.area.height {
        let mut skip = 0;
        for x in 0..buf.area.width {
            let symbol = buf[(x, y)].symbol();
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
            out.push_str(symbol);
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
    out
}

/// The numbers at the tabs: how many warnings go on.
pub fn notes(model: &Model) -> [usize; 7] {
    let mut notes = [0; 7];
    notes[Screen::Warnings as usize] = model.warnings().active();
    notes
}

/// What is wrong with the filter, or how many rows it shows.
fn line_note(model: &Model, ui: &Ui) -> (Option<(usize, String)>, String) {
    if ui.screen != Screen::Events {
        let shown = rows::len(model, ui, ui.screen);
        let fault = ui.list().fault.as_ref();
        return (
            fault.map(|fault| (fault.span.start, fault.reason.clone())),
            if ui.list().filter.is_empty() {
                String::new()
            } else {
                format!("{shown} shown")
            },
        );
    }
    let fault = model
        .filter_error()
        .map(|error| (error.span.start, error.reason.clone()));
    let filtered = match layout::line_text(ui) {
        Some((crate::ui::LineFor::Filter, _)) => fault,
        _ => None,
    };
    if ui.list().filter.is_empty() {
        return (filtered, String::new());
    }
    let view = model.view();
    let behind = if view.is_behind() { ", still looking" } else { "" };
    let note = match view.jq() {
        crate::filter::JqState::Stopped(why) => return (Some((usize::MAX, why.clone())), String::new()),
        _ if view.skipped() > 0 => format!(
            "{} shown, {} not looked at",
            format::count(view.len() as u64),
            format::count(view.skipped())
        ),
        _ => format!(
            "{} of {} shown{behind}",
            format::count(view.len() as u64),
            format::count(model.ring().len() as u64)
        ),
    };
    (filtered, note)
}

/// What a pane's frame says of the age of what it shows; empty while it is live.
pub fn stale(model: &Model, ui: &Ui) -> String {
    match (model.is_open() || ui.options.replay, model.snapshot_at()) {
        (true, _) => String::new(),
        (false, Some(at)) => {
            let age = ui.now.saturating_duration_since(at).as_secs();
            format!("{} stale, {} old", ui.theme.glyphs.warn, format::span(age))
        }
        (false, None) => format!("{} nothing read yet", ui.theme.glyphs.warn),
    }
}

/// Two notes as one.
pub fn notes_of(ui: &Ui, one: &str, other: &str) -> String {
    match (one.is_empty(), other.is_empty()) {
        (false, false) => format!("{one} {} {other}", ui.theme.glyphs.dot),
        (false, true) => one.to_owned(),
        _ => other.to_owned(),
    }
}

/// The letter of the mark that is set on an item.
pub fn mark(ui: &Ui, id: &str) -> Option<char> {
    ui.marks
        .iter()
        .find(|(_, mark)| mark.screen == ui.screen && mark.id == id)
        .map(|(letter, _)| *letter)
}

/// What a list says where it has nothing to show.
pub fn nothing(model: &Model, ui: &Ui, out: &mut Canvas<'_>, area: Rect, what: &str) {
    let mut why = "";
    let said = if model.snapshot().is_none() {
        match model.connection() {
            crate::facts::Connection::Down { reason, .. } => {
                // The header has no room for all of it.
                why = reason;
                "nothing was read yet: the target is not there".to_owned()
            }
            _ => "nothing was read yet".to_owned(),
        }
    } else if ui.list().filter.is_empty() {
        what.to_owned()
    } else {
        format!("the filter shows none of them: {} takes it back", "esc")
    };
    if area.width <= 4 {
        return;
    }
    let width = area.width - table::GUTTER;
    let rows = std::iter::once((said, Tone::Dim))
        .chain(lines_of_words(why, usize::from(width)).map(|line| (line, Tone::Bad)));
    for ((said, tone), y) in rows.zip(area.top()..area.bottom()) {
        out.tone(area.x + table::GUTTER, y, width, &said, tone);
    }
}

/// A text in lines that are not longer than this, where its words let it.
fn lines_of_words(text: &str, width: usize) -> impl Iterator<Item = String> + '_ {
    let mut words = text.split_whitespace().peekable();
    std::iter::from_fn(move || {
        let mut line = words.next()?.to_owned();
        while let Some(word) =
            words.next_if(|word| canvas::columns(&line) + 1 + canvas::columns(word) <= width)
        {
            line.push(' ');
            line.push_str(word);
        }
        Some(line)
    })
}

/// The title and the lines of the detail of what is selected.
fn detail(model: &Model, ui: &Ui, width: u16) -> (String, Vec<json::Line>) {
    match ui.screen {
        Screen::Overview => (String::new(), Vec::new()),
        Screen::Events => events::detail(model, ui, width),
        Screen::Plugins => plugins::detail(model, ui, width),
        Screen::Services => services::detail(model, ui, width),
        Screen::State => state::detail(model, ui, width),
        Screen::Storage => storage::detail(model, ui, width),
        Screen::Warnings => warnings::detail(model, ui, width),
    }
}

/// How many lines the detail has.
pub fn detail_lines(model: &Model, ui: &Ui) -> usize {
    layout::panes(ui)
        .detail
        .map_or(0, |area| detail(model, ui, detail_width(area)).1.len())
}

fn detail_width(area: Rect) -> u16 {
    layout::inside(area).width.saturating_sub(2)
}

fn draw_detail(model: &Model, ui: &Ui, out: &mut Canvas<'_>, area: Rect) {
    let (title, lines) = detail(model, ui, detail_width(area));
    let inner = out.pane(area, &title, "", false);
    let height = usize::from(inner.height);
    let top = ui.list().scroll.min(lines.len().saturating_sub(height));
    out.scrollbar(area, top, height, lines.len());
    for (y, line) in (inner.top()..inner.bottom()).zip(lines.iter().skip(top)) {
        let row = Rect {
            x: inner.x + 1.min(inner.width),
            y,
            width: inner.width.saturating_sub(2),
            height: 1,
        };
        dialog::draw_line(out, row, line);
    }
}

/// The columns of the names in a detail.
const NAMES: usize = 12;

/// A line of a detail: a name and its value.
pub fn fact(name: &str, value: impl Into<String>, tone: Tone) -> json::Line {
    json::Line {
        indent: 0,
        pieces: vec![(format!("{name:NAMES$}"), Tone::Dim), (value.into(), tone)],
    }
}

/// A text as lines of at most so many columns, broken between words.
fn words(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut now = String::new();
    for word in text.split_inclusive(' ') {
        if canvas::columns(&now) + canvas::columns(word.trim_end()) > width && !now.is_empty() {
            lines.push(std::mem::take(&mut now));
        }
        now.push_str(word);
    }
    lines.push(now);
    lines
}

/// A fact whose value goes on below where it is too long.
pub fn facts(lines: &mut Vec<json::Line>, name: &str, value: &str, tone: Tone, width: u16) {
    let room = usize::from(width).saturating_sub(NAMES).max(8);
    for (nth, line) in words(value, room).into_iter().enumerate() {
        lines.push(fact(if nth == 0 { name } else { "" }, line, tone));
    }
}

/// A text over the whole width.
pub fn paragraph(lines: &mut Vec<json::Line>, text: &str, tone: Tone, width: u16) {
    lines.extend(
        words(text, usize::from(width).max(8))
            .into_iter()
            .map(|line| plain(0, line, tone)),
    );
}

/// The title of a part of a detail.
pub fn section(lines: &mut Vec<json::Line>, title: impl Into<String>) {
    if !lines.is_empty() {
        lines.push(json::Line::default());
    }
    lines.push(json::Line {
        indent: 0,
        pieces: vec![(title.into(), Tone::Accent)],
    });
}

/// A plain line of a detail.
pub fn plain(indent: usize, text: impl Into<String>, tone: Tone) -> json::Line {
    json::Line {
        indent,
        pieces: vec![(text.into(), tone)],
    }
}

#[cfg(test)]
mod snapshots;
