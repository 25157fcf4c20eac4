//! A chart: its lines in braille, axes with marks, and the figures of each line.

use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::symbols::Marker;
use ratatui::widgets::Widget;
use ratatui::widgets::canvas::{Canvas as Plot, Line as Stroke};

use super::canvas::{Canvas, columns};
use super::format;
use super::table::{Column, Table, left, right};
use crate::chart::{Drawn, Picture, bucket, scale};
use crate::model::Model;
use crate::theme::{Theme, Tone};
use crate::ui::Ui;
use crate::ui::sheet::ChartSheet;

const FIGURES: &[Column] = &[
    left("LINE", 12, 5, 0),
    right("LAST", 9, 0),
    right("MIN", 9, 40),
    right("MAX", 9, 40),
    right("MEAN", 9, 60),
    right("SAMPLES", 9, 72),
];

/// The tones of the lines, and the letters they are known by where there is no colour.
const LINES: [(&str, Tone); 8] = [
    ("a", Tone::Accent),
    ("b", Tone::Number),
    ("c", Tone::Good),
    ("d", Tone::Bad),
    ("e", Tone::Word),
    ("f", Tone::Warn),
    ("g", Tone::Name),
    ("h", Tone::Lost),
];

/// What of the model's chart is seen.
pub fn seen<'a>(model: &'a Model, sheet: &ChartSheet) -> Option<Picture<'a>> {
    let chart = model.chart()?;
    let window = sheet.window(model.history().latest());
    Some(Picture::new(chart, model.history(), window, model.epoch()))
}

/// Draws the chart over a screen.
pub fn draw(model: &Model, ui: &Ui, to: &mut Canvas<'_>, area: Rect, sheet: &ChartSheet) {
    let Some(seen) = seen(model, sheet) else { return };
    let glyphs = ui.theme.glyphs;
    let state = match sheet.end {
        None => format!("{} following", glyphs.follow),
        Some(_) => format!("{} paused", glyphs.pause),
    };
    let span = format::span(sheet.span() / 1_000_000);
    let note = super::notes_of(
        ui,
        &super::stale(model, ui),
        &format!("{span} {} {state}", glyphs.dot),
    );
    let inner = to.pane(area, &seen.title, &note, true);
    picture(to, inner, &seen);
}

/// The picture as text, without a terminal.
pub fn text(picture_of: &Picture<'_>, theme: &Theme, (width, height): (u16, u16)) -> String {
    let area = Rect::new(0, 0, width, height);
    super::as_text(area, theme, |to| {
        let inner = to.pane(area, &picture_of.title, "", false);
        picture(to, inner, picture_of);
    })
}

/// Draws the picture.
pub fn picture(to: &mut Canvas<'_>, area: Rect, seen: &Picture<'_>) {
    let area = area.intersection(to.buf.area);
    if area.width < 20 || area.height < 5 {
        return;
    }
    if seen.lines.is_empty() && seen.heat.is_empty() {
        let said = "nothing was seen of it in this time yet";
        to.tone(area.x + 2, area.y, area.width - 2, said, Tone::Dim);
        return;
    }
    let figures = match seen.lines.len() as u16 {
        0 => 0,
        lines => (lines + 1 + u16::from(seen.more > 0 || seen.left_out > 0)).min(area.height / 2),
    };
    let (low, high) = seen.span();
    let rows = area.height - 1 - figures;
    let heat_rows = seen.heat.iter().map(|heat| heat.counts.len()).max().unwrap_or(0);
    let labels: Vec<(u16, String)> = if seen.heat.is_empty() {
        scale::marks(low, high, usize::from(rows / 3).max(1))
            .into_iter()
            .map(|mark| {
                (
                    row_of(mark, (low, high), rows),
                    scale::with_unit(mark, seen.unit()),
                )
            })
            .collect()
    } else {
        let each = (usize::from(rows) / heat_rows.max(1)).max(1);
        (0..heat_rows.min(usize::from(rows)))
            .map(|nth| {
                (
                    rows - 1 - ((nth * each) as u16).min(rows - 1),
                    bucket(nth, heat_rows),
                )
            })
            .collect()
    };
    let wide = labels
        .iter()
        .map(|(_, label)| columns(label))
        .max()
        .unwrap_or(0)
        .max(4) as u16
        + 1;
    let plot = Rect {
        x: area.x + wide + 1,
        width: area.width.saturating_sub(wide + 2),
        height: rows,
        ..area
    };
    axes(to, area, plot, &labels, seen);
    if seen.heat.is_empty() {
        lines(to, plot, seen, (low, high));
    } else {
        heat(to, plot, seen, heat_rows);
    }
    let below = Rect {
        y: plot.bottom() + 1,
        height: figures,
        ..area
    };
    legend(to, below, seen);
}

/// The row of a value in a plot of so many rows.
fn row_of(value: f64, (low, high): (f64, f64), rows: u16) -> u16 {
    let part = ((high - value) / (high - low)).clamp(0.0, 1.0);
    (part * f64::from(rows.saturating_sub(1))).round() as u16
}

fn axes(to: &mut Canvas<'_>, area: Rect, plot: Rect, labels: &[(u16, String)], seen: &Picture<'_>) {
    let (upright, rule) = if to.theme.glyphs.ascii {
        ("|", "-")
    } else {
        ("│", "─")
    };
    let line = to.theme.line(false);
    for y in plot.top()..plot.bottom() {
        to.text(plot.x - 1, y, 1, upright, line);
    }
    for (row, label) in labels {
        let style = to.theme.tone(Tone::Dim);
        to.right(area.x, plot.y + row, plot.x - 2 - area.x, label, style);
    }
    let y = plot.bottom();
    to.text(
        plot.x - 1,
        y,
        plot.width + 1,
        &rule.repeat(usize::from(plot.width) + 1),
        line,
    );
    let span = seen.to.saturating_sub(seen.from).max(1) as f64;
    let mut free = plot.x;
    let count = usize::from(plot.width / 14).max(1);
    for mark in scale::times(seen.from, seen.to, count, seen.epoch) {
        let clock = clock(mark, seen.epoch);
        let middle = f64::from(plot.width - 1) * (mark as f64 - seen.from as f64) / span;
        let x = (plot.x + middle.round() as u16).saturating_sub(columns(&clock) as u16 / 2);
        if x >= free && x + columns(&clock) as u16 <= plot.right() {
            free = x + 1 + to.tone(x, y, plot.right() - x, &clock, Tone::Dim);
        }
    }
}

/// A time of the axis: the time of day, or since the clock's zero.
pub fn clock(at: u64, epoch: Option<u64>) -> String {
    let clock = format::clock(at, epoch);
    clock
        .split_once('.')
        .map_or(clock.clone(), |(seconds, _)| seconds.to_owned())
}

fn lines(to: &mut Canvas<'_>, plot: Rect, seen: &Picture<'_>, (low, high): (f64, f64)) {
    let span = seen.to.saturating_sub(seen.from).max(1) as f64;
    let dots = f64::from(plot.width) * 2.0;
    let colour = |tone| to.theme.tone(tone).fg.unwrap_or(Color::Reset);
    let strokes: Vec<(Color, Vec<[f64; 4]>)> = seen
        .lines
        .iter()
        .zip(LINES)
        .map(|(line, (_, tone))| (colour(tone), strokes(line, seen.from, span / dots)))
        .collect();
    Plot::default()
        .marker(if to.theme.glyphs.ascii {
            Marker::Dot
        } else {
            Marker::Braille
        })
        .x_bounds([0.0, span])
        .y_bounds([low, high])
        .paint(|canvas| {
            for (color, all) in &strokes {
                for [x1, y1, x2, y2] in all.iter().copied() {
                    canvas.draw(&Stroke {
                        x1,
                        y1,
                        x2,
                        y2,
                        color: *color,
                    });
                }
            }
        })
        .render(plot, to.buf);
    if to.theme.glyphs.ascii {
        for y in plot.top()..plot.bottom() {
            for x in plot.left()..plot.right() {
                if to.buf[(x, y)].symbol() != " " {
                    to.buf[(x, y)].set_symbol("*");
                }
            }
        }
    }
    for (line, (letter, tone)) in seen.lines.iter().zip(LINES) {
        let y = plot.y + row_of(line.last, (low, high), plot.height);
        to.tone(plot.right(), y, 1, letter, tone);
    }
}

/// The strokes of a line: what falls into one column of dots is one upright stroke.
fn strokes(line: &Drawn<'_>, from: u64, dot: f64) -> Vec<[f64; 4]> {
    let mut strokes: Vec<[f64; 4]> = Vec::new();
    let mut before: Option<(f64, f64)> = None;
    for point in &line.points {
        let x = point.at as f64 - from as f64;
        match strokes.last_mut() {
            Some([x1, y1, x2, y2]) if *x1 == *x2 && (x / dot).floor() == (*x1 / dot).floor() => {
                (*y1, *y2) = (y1.min(point.low), y2.max(point.high));
            }
            _ => {
                if let Some((x1, y1)) = before {
                    strokes.push([x1, y1, x, point.last]);
                }
                strokes.push([x, point.low, x, point.high]);
            }
        }
        before = Some((x, point.last));
    }
    strokes
}

/// How long calls took: the darker, the more calls.
fn heat(to: &mut Canvas<'_>, plot: Rect, seen: &Picture<'_>, rows: usize) {
    let shades = if to.theme.glyphs.ascii {
        [".", ":", "+", "#"]
    } else {
        ["░", "▒", "▓", "█"]
    };
    let span = seen.to.saturating_sub(seen.from).max(1) as f64;
    let width = usize::from(plot.width);
    let mut counts = vec![0u64; width * rows];
    for heat in &seen.heat {
        let part = heat.at.saturating_sub(seen.from) as f64 / span;
        let column = ((part * width as f64) as usize).min(width.saturating_sub(1));
        for (row, count) in heat.counts.iter().enumerate() {
            counts[row * width + column] += count;
        }
    }
    let most = counts.iter().max().copied().unwrap_or(0) as f64;
    let each = (plot.height / rows.max(1) as u16).max(1);
    for (row, counts) in counts
        .chunks(width.max(1))
        .enumerate()
        .take(usize::from(plot.height))
    {
        let tone = [
            Tone::Good,
            Tone::Good,
            Tone::Accent,
            Tone::Accent,
            Tone::Warn,
            Tone::Warn,
            Tone::Bad,
        ];
        let tone = tone.get(row).copied().unwrap_or(Tone::Bad);
        for (column, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let part = (*count as f64).ln_1p() / most.ln_1p();
            let shade = shades[((part * 4.0) as usize).min(3)];
            for up in 0..each {
                let y = plot
                    .bottom()
                    .saturating_sub(row as u16 * each + up + 1)
                    .max(plot.y);
                to.tone(plot.x + column as u16, y, 1, shade, tone);
            }
        }
    }
}

fn legend(to: &mut Canvas<'_>, area: Rect, seen: &Picture<'_>) {
    if area.height == 0 {
        return;
    }
    let table = Table::new(area, FIGURES);
    table.heading(to, area.y, None);
    let rows = area.y + 1..area.bottom();
    for (y, (line, (letter, tone))) in rows.zip(seen.lines.iter().zip(LINES)) {
        to.tone(area.x, y, 1, letter, tone);
        table.tone(to, y, 0, line.name, Tone::Name);
        for (at, value) in [line.last, line.low, line.high, line.mean]
            .into_iter()
            .enumerate()
        {
            table.tone(to, y, at + 1, &scale::with_unit(value, line.unit), Tone::Plain);
        }
        table.tone(to, y, 5, &format::count(line.samples), Tone::Dim);
    }
    if (seen.more > 0 || seen.left_out > 0) && usize::from(area.height) > seen.lines.len() + 1 {
        let mut said = format!("{} more with fewer samples", seen.more);
        if seen.left_out > 0 {
            said.push_str(&format!(
                "; {} samples of further topics",
                format::count(seen.left_out)
            ));
        }
        to.tone(area.x + 2, area.bottom() - 1, area.width - 2, &said, Tone::Dim);
    }
}
