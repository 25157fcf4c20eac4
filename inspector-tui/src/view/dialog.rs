//! Dialogs: forms, questions, and what came back.

use std::time::Instant;

use ratatui::layout::Rect;

use super::canvas::{Canvas, columns};
use super::{format, input, json, layout};
use crate::facts::Request;
use crate::theme::Tone;
use crate::ui::form::{Field, Form, Kind};
use crate::ui::{Outcome, Ui, request};

/// The columns of the names before values.
const NAMES: u16 = 13;
/// The most rows of a field.
const FIELD_ROWS: usize = 4;
/// The most rows of a request's part.
const PART_ROWS: usize = 3;

/// The frame of a dialog: blank inside, and its keys on its lower line.
fn frame(ui: &Ui, out: &mut Canvas<'_>, area: Rect, title: &str, height: usize) -> Rect {
    let width = (area.width.saturating_sub(4))
        .clamp(1, 84)
        .max(area.width.min(24));
    let height = u16::try_from(height).unwrap_or(u16::MAX).saturating_add(2);
    let at = layout::middle(area, width, height);
    out.blank(at);
    let inner = out.pane(at, title, "", true);
    if at.width >= 12 && at.height >= 3 {
        let mut x = at.x + 2;
        for (key, label) in super::footer::keys(ui) {
            let wide = (columns(&key) + columns(&label) + 3) as u16;
            if x + wide > at.right() - 2 {
                break;
            }
            x += out.text(x, at.bottom() - 1, wide, " ", out.theme.key());
            x += out.text(x, at.bottom() - 1, wide, &key, out.theme.key());
            x += out.text(x, at.bottom() - 1, wide, " ", out.theme.key());
            x += out.tone(x, at.bottom() - 1, wide, &label, Tone::Dim);
            x += out.text(x, at.bottom() - 1, wide, " ", out.theme.key());
        }
    }
    Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(2),
        ..inner
    }
}

/// A pen that writes row after row and stops at the bottom.
struct Pen {
    area: Rect,
    y: u16,
}

impl Pen {
    fn new(area: Rect) -> Self {
        Pen { area, y: area.y }
    }

    /// The next `rows` rows, or as many as there are.
    fn take(&mut self, rows: usize) -> Rect {
        let free = self.area.bottom().saturating_sub(self.y);
        let height = free.min(u16::try_from(rows).unwrap_or(u16::MAX));
        let rect = Rect {
            y: self.y,
            height,
            ..self.area
        };
        self.y += height;
        rect
    }

    fn text(&mut self, out: &mut Canvas<'_>, text: &str, tone: Tone) {
        let row = self.take(1);
        if row.height > 0 {
            out.tone(row.x, row.y, row.width, text, tone);
        }
    }
}

fn value_width(area: u16) -> u16 {
    area.saturating_sub(4 + 2 + NAMES).clamp(1, 84 - 4 - NAMES)
}

/// How many rows a request takes.
fn request_rows(request: &Request, width: u16) -> usize {
    request::parts(request)
        .iter()
        .map(|(_, value)| input::rows(value, width).min(PART_ROWS))
        .sum()
}

/// Writes every part of a request.
fn parts(out: &mut Canvas<'_>, pen: &mut Pen, request: &Request) {
    for (name, value) in request::parts(request) {
        let width = pen.area.width.saturating_sub(NAMES).max(1);
        let rows = input::rows(&value, width);
        let area = pen.take(rows.min(PART_ROWS));
        if area.height == 0 {
            return;
        }
        out.tone(area.x, area.y, NAMES, name, Tone::Dim);
        let place = Rect {
            x: area.x + NAMES.min(area.width),
            width: area.width.saturating_sub(NAMES),
            ..area
        };
        input::many(out, place, &value, None, None);
        if rows > PART_ROWS && place.height > 0 {
            let more = format!(
                " {} {} characters in all",
                out.theme.glyphs.ellipsis,
                value.chars().count()
            );
            let wide = columns(&more) as u16;
            out.right(
                place.x,
                place.bottom() - 1,
                place.width.min(wide.max(1)),
                "",
                out.theme.key(),
            );
            let x = place.right().saturating_sub(wide);
            out.tone(x, place.bottom() - 1, wide, &more, Tone::Dim);
        }
    }
}

/// The rule above what is sent.
fn rule(out: &mut Canvas<'_>, pen: &mut Pen, title: &str) {
    let row = pen.take(1);
    if row.height == 0 {
        return;
    }
    let line = out.theme.glyphs.rule.repeat(usize::from(row.width));
    let style = out.theme.line(false);
    out.text(row.x, row.y, row.width, &line, style);
    let padded = format!(" {title} ");
    out.tone(row.x + 1, row.y, row.width.saturating_sub(1), &padded, Tone::Dim);
}

/// Why the request cannot be sent as things are.
fn obstacle(ui: &Ui, open: bool) -> Option<String> {
    ui.forbidden()
        .map(str::to_owned)
        .or_else(|| (!open).then(|| "not connected: it cannot be sent now".to_owned()))
}

/// Draws a form.
pub fn form(ui: &Ui, out: &mut Canvas<'_>, area: Rect, form: &Form, about: &str, open: bool) {
    let width = value_width(area.width);
    let typed = form.as_typed();
    let field_rows = |field: &Field| {
        input::rows(field.input.value(), width).min(FIELD_ROWS) + usize::from(field.kind != Kind::Time)
    };
    let fields: usize = form.fields.iter().map(field_rows).sum();
    let takes = form.takes.len() + usize::from(!form.takes.is_empty());
    let height = usize::from(!about.is_empty()) * 2 + takes + fields + 2 + request_rows(&typed, width) + 1;
    let inner = frame(ui, out, area, &form.title(), height);
    let mut pen = Pen::new(inner);
    if !about.is_empty() {
        pen.text(out, about, Tone::Dim);
        pen.take(1);
    }
    for line in &form.takes {
        pen.text(out, line, Tone::Dim);
    }
    if !form.takes.is_empty() {
        pen.take(1);
    }
    for (at, field) in form.fields.iter().enumerate() {
        let focused = at == form.focus;
        let text = field.input.value();
        let fault = field.fault();
        let rows = input::rows(text, width).min(FIELD_ROWS);
        let row = pen.take(rows);
        if row.height == 0 {
            break;
        }
        let cursor = if focused { out.theme.glyphs.cursor } else { " " };
        out.tone(row.x, row.y, 1, cursor, Tone::Accent);
        let tone = if focused { Tone::Accent } else { Tone::Dim };
        out.tone(
            row.x + 1,
            row.y,
            NAMES.saturating_sub(1).min(row.width),
            field.label,
            tone,
        );
        let place = Rect {
            x: row.x + NAMES.min(row.width),
            width: row.width.saturating_sub(NAMES),
            ..row
        };
        input::many(
            out,
            place,
            text,
            focused.then(|| field.input.cursor()),
            fault.as_ref().map(|fault| fault.at),
        );
        if text.is_empty() && place.width > 3 {
            out.tone(place.x + 2, place.y, place.width - 2, field.hint, Tone::Dim);
        }
        let said = match &fault {
            Some(fault) => Some((out.theme.glyphs.failed, fault.reason.as_str(), Tone::Bad)),
            None if field.kind == Kind::Json => Some((out.theme.glyphs.started, "valid JSON", Tone::Good)),
            None => None,
        };
        if fault.is_some() || field.kind != Kind::Time {
            let row = pen.take(1);
            if row.height > 0
                && let Some((glyph, said, tone)) = said
            {
                let x = row.x + NAMES.min(row.width);
                let room = row.width.saturating_sub(NAMES);
                let used = out.tone(x, row.y, room, glyph, tone);
                out.tone(x + used + 1, row.y, room.saturating_sub(used + 1), said, tone);
            }
        }
    }
    rule(out, &mut pen, "this is sent");
    parts(out, &mut pen, &typed);
    pen.take(1);
    if let Some(why) = form.refused.clone().or_else(|| obstacle(ui, open)) {
        pen.text(out, &format!("{} {why}", out.theme.glyphs.failed), Tone::Bad);
    }
}

/// Draws a question.
pub fn question(
    ui: &Ui,
    out: &mut Canvas<'_>,
    area: Rect,
    asked: &Request,
    refused: Option<&str>,
    open: bool,
) {
    let width = value_width(area.width);
    let warning = warning(asked);
    let height = request_rows(asked, width) + 3 + usize::from(!warning.is_empty()) * 2;
    let title = format!("{}?", request::title(asked));
    let inner = frame(ui, out, area, &title, height);
    let mut pen = Pen::new(inner);
    if !warning.is_empty() {
        pen.text(out, warning, Tone::Plain);
        pen.take(1);
    }
    rule(out, &mut pen, "this is sent");
    parts(out, &mut pen, asked);
    pen.take(1);
    if let Some(why) = refused.map(str::to_owned).or_else(|| obstacle(ui, open)) {
        pen.text(out, &format!("{} {why}", out.theme.glyphs.failed), Tone::Bad);
    }
}

/// What follows from a request beyond what it says.
fn warning(request: &Request) -> &'static str {
    use crate::facts::Action;
    match request {
        Request::Manage {
            action: Action::Stop, ..
        } => "Its services answer nobody until it is started again.",
        Request::Manage {
            action: Action::Reload,
            ..
        } => "It is unloaded with all it registered, then loaded and started.",
        Request::StorageDelete { .. } => "The value is gone for good.",
        _ => "",
    }
}

/// Draws a request that was sent, and what came back.
pub fn outcome(ui: &Ui, out: &mut Canvas<'_>, area: Rect, outcome: &Outcome) {
    let width = value_width(area.width);
    let sent = request_rows(&outcome.request, width);
    let said = outcome
        .answer
        .as_ref()
        .map(|(answer, took)| (request::answer(&outcome.request, answer), *took));
    let lines = said
        .as_ref()
        .map(|((_, text), _)| lay_out(text, area.width.saturating_sub(8).clamp(8, 80)));
    let count = lines.as_ref().map_or(1, Vec::len);
    let most = usize::from(area.height).saturating_sub(sent + 7).max(1);
    let inner = frame(
        ui,
        out,
        area,
        &request::title(&outcome.request),
        sent + 3 + count.min(most),
    );
    let mut pen = Pen::new(inner);
    parts(out, &mut pen, &outcome.request);
    pen.take(1);
    let row = pen.take(1);
    let glyphs = out.theme.glyphs;
    if row.height == 0 {
        return;
    }
    let Some(((good, _), took)) = said else {
        let waited = ui.now.saturating_duration_since(outcome.sent);
        let dots = glyphs.dot.repeat(1 + (waited.as_millis() / 500 % 3) as usize);
        let text = format!("waiting for the answer, {} {dots}", tenths(outcome.sent, ui.now));
        out.tone(row.x, row.y, row.width, &text, Tone::Warn);
        return;
    };
    let (glyph, word, tone) = if good {
        (glyphs.started, "answered", Tone::Good)
    } else {
        (glyphs.failed, "failed", Tone::Bad)
    };
    let text = format!("{glyph} {word} after {}", format::took(took, &glyphs));
    let used = out.tone(row.x, row.y, row.width, &text, tone);
    let lines = lines.unwrap_or_default();
    let free = usize::from(pen.area.bottom().saturating_sub(pen.y));
    let top = outcome.scroll.min(lines.len().saturating_sub(free));
    if lines.len() > free && free > 0 {
        let place = format!(
            "lines {} to {} of {}",
            top + 1,
            (top + free).min(lines.len()),
            lines.len()
        );
        let style = out.theme.tone(Tone::Dim);
        out.right(row.x + used, row.y, row.width.saturating_sub(used), &place, style);
    }
    for line in lines.iter().skip(top).take(free) {
        let row = pen.take(1);
        draw_line(out, row, line);
    }
}

/// The time since, to tenths of a second.
fn tenths(since: Instant, now: Instant) -> String {
    format!("{:.1}s", now.saturating_duration_since(since).as_secs_f64())
}

/// The lines of a JSON text at this width: long ones go on below.
pub fn lay_out(text: &str, width: u16) -> Vec<json::Line> {
    let mut lines = Vec::new();
    for line in json::pretty(text) {
        wrap(line, usize::from(width), &mut lines);
    }
    lines
}

/// Breaks a line where it is too long.
fn wrap(line: json::Line, width: usize, out: &mut Vec<json::Line>) {
    let indent = line.indent.min(width / 2);
    let mut now = json::Line {
        indent,
        pieces: Vec::new(),
    };
    let mut used = indent;
    let mut scratch = [0; 4];
    for (text, tone) in line.pieces {
        let mut piece = String::new();
        for c in text.chars() {
            let wide = columns(c.encode_utf8(&mut scratch));
            if used + wide > width && used > indent {
                now.pieces.push((std::mem::take(&mut piece), tone));
                let next = json::Line {
                    indent: (indent + 2).min(width / 2),
                    pieces: Vec::new(),
                };
                used = next.indent;
                out.push(std::mem::replace(&mut now, next));
            }
            piece.push(c);
            used += wide;
        }
        now.pieces.push((piece, tone));
    }
    out.push(now);
}

/// Draws a line of JSON.
pub fn draw_line(out: &mut Canvas<'_>, row: Rect, line: &json::Line) {
    let mut x = row.x + (line.indent as u16).min(row.width);
    for (text, tone) in &line.pieces {
        let room = row.right().saturating_sub(x);
        if room == 0 {
            break;
        }
        x += out.tone(x, row.y, room, text, *tone);
    }
}
