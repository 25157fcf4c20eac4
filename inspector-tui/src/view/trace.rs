//! What led to an event and what followed, as a waterfall.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::table::{Column, Table, left, right};
use super::{format, layout};
use crate::model::Model;
use crate::theme::{Theme, Tone};
use crate::trace::{Span, Trace, What, names};
use crate::ui::Ui;
use crate::ui::sheet::TraceSheet;

const COLUMNS: &[Column] = &[
    left("WHAT", 22, 4, 0),
    left("BY", 9, 1, 60),
    right("AFTER", 7, 34),
    right("TOOK", 7, 44),
    left("", 16, 6, 70),
];

/// Draws the trace over a screen.
pub fn draw(model: &Model, ui: &Ui, to: &mut Canvas<'_>, area: Rect, sheet: &TraceSheet) {
    let trace = &sheet.trace;
    let (start, end) = trace.time();
    let took = format::micros(end - start, &ui.theme.glyphs);
    let cut = if trace.cut { "the first of " } else { "" };
    let note = super::notes_of(
        ui,
        &super::stale(model, ui),
        &format!("{cut}{} in {took}", trace.spans.len()),
    );
    let inner = to.pane(
        area,
        &format!("Trace {}", format::clock(start, model.epoch())),
        &note,
        true,
    );
    let table = Table::new(inner, COLUMNS);
    let rows = layout::rows(area);
    if rows.y > inner.y {
        table.heading(to, inner.y, None);
    }
    to.scrollbar(area, sheet.list.top, usize::from(rows.height), trace.spans.len());
    for (y, at) in (rows.top()..rows.bottom()).zip(sheet.list.top..trace.spans.len()) {
        row(model, to, &table, y, trace, at);
        table.finish(to, y, at == sheet.list.at, None);
    }
}

fn row(model: &Model, to: &mut Canvas<'_>, table: &Table, y: u16, trace: &Trace, at: usize) {
    let (Some((x, width)), Some(span)) = (table.place(0), trace.spans.get(at)) else {
        return;
    };
    let glyphs = to.theme.glyphs;
    let (name, by) = names(model.ring(), span);
    let (start, end) = trace.time();
    let mut used = ((span.depth * 2) as u16).min(width / 2);
    let sign = if at == trace.here {
        glyphs.follow
    } else {
        glyphs.last.trim_end()
    };
    used += to.tone(
        x + used,
        y,
        width - used,
        if span.depth == 0 && at != trace.here {
            glyphs.started
        } else {
            sign
        },
        Tone::Dim,
    ) + 1;
    let tone = match span.what {
        What::Event(_) if at == trace.here => Tone::Accent,
        What::Event(_) => Tone::Name,
        What::Call(..) => Tone::Word,
        What::Missing { .. } => Tone::Lost,
    };
    to.tone(x + used, y, width.saturating_sub(used), &name, tone);
    table.tone(to, y, 1, by, Tone::Source);
    if matches!(span.what, What::Missing { .. }) {
        return;
    }
    table.tone(
        to,
        y,
        2,
        &format!("+{}", format::micros(span.start - start, &glyphs)),
        Tone::Dim,
    );
    if span.end > span.start {
        table.tone(
            to,
            y,
            3,
            &format::micros(span.end - span.start, &glyphs),
            Tone::Plain,
        );
    }
    bar(to, table, y, span, (start, end), tone);
}

/// When it was, and until when something came of it.
fn bar(to: &mut Canvas<'_>, table: &Table, y: u16, span: &Span, (start, end): (u64, u64), tone: Tone) {
    let Some((x, width)) = table.place(4).filter(|(_, width)| *width > 0) else {
        return;
    };
    let scale = f64::from(width - 1) / (end - start).max(1) as f64;
    let column = |at: u64| ((at - start) as f64 * scale).round() as u16;
    let (from, upto) = (column(span.start), column(span.end));
    let rule = to.theme.glyphs.rule.repeat(usize::from(upto - from));
    let line = to.theme.tone(Tone::Dim);
    to.text(x + from, y, width - from, &rule, line);
    let full = to.theme.glyphs.full;
    to.tone(x + from, y, 1, full, tone);
}

/// The trace as text, without a terminal.
pub fn text(model: &Model, trace: &Trace, theme: &Theme, width: u16) -> String {
    let height = u16::try_from(trace.spans.len() + 1).unwrap_or(u16::MAX);
    let area = Rect::new(0, 0, width, height);
    super::as_text(area, theme, |to| {
        let table = Table::new(area, COLUMNS);
        table.heading(to, 0, None);
        for at in 0..trace.spans.len() {
            row(model, to, &table, at as u16 + 1, trace, at);
        }
    })
}
