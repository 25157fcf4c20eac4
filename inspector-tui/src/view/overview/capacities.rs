//! What is used of each capacity, as bars.

use crate::chart::capacities;
use crate::facts::Usage;
use ratatui::layout::Rect;

use crate::model::Model;
use crate::theme::Tone;
use crate::view::canvas::{Canvas, columns};
use crate::view::format;

pub(super) fn draw(model: &Model, out: &mut Canvas<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let inner = out.pane(
        area,
        "Capacities",
        &format!("{} is the most ever used", out.theme.glyphs.high),
        false,
    );
    let Some(snapshot) = model.snapshot() else { return };
    let all = capacities(&snapshot.metrics).into_iter().take(8);
    for (y, (name, usage)) in (inner.top()..inner.bottom()).zip(all) {
        gauge(
            out,
            Rect {
                y,
                height: 1,
                ..inner
            },
            name,
            usage,
            matches!(name, "values" | "log"),
            name == "log",
        );
    }
}

/// One capacity: a bar with the high-water mark, and numbers. A log is full by design, and not near its end.
fn gauge(out: &mut Canvas<'_>, row: Rect, name: &str, usage: Usage, bytes: bool, log: bool) {
    let glyphs = out.theme.glyphs;
    let part = |n: usize| {
        if usage.capacity == 0 {
            0.0
        } else {
            (n as f64 / usage.capacity as f64).clamp(0.0, 1.0)
        }
    };
    let tone = match part(usage.used) {
        _ if log => Tone::Accent,
        part if part >= 0.95 => Tone::Bad,
        part if part >= 0.8 => Tone::Warn,
        _ => Tone::Accent,
    };
    out.tone(row.x + 1, row.y, 9, name, Tone::Dim);
    let number = |n: usize| {
        if bytes {
            compact(n)
        } else {
            format::short(n as u64)
        }
    };
    let numbers = format!("{} / {}", number(usage.used), number(usage.capacity));
    let numbers_room = 13;
    let percent = format!("{:3.0}%", part(usage.used) * 100.0);
    let bar = row.width.saturating_sub(10 + 5 + 1 + numbers_room + 1).min(60);
    let x = row.x + 10;
    let full = (f64::from(bar) * part(usage.used)).round() as u16;
    let high = (f64::from(bar) * part(usage.high_water)).round() as u16;
    let style = out.theme.tone(tone);
    out.text(x, row.y, full, &glyphs.full.repeat(usize::from(full)), style);
    let rest = bar - full;
    let line = out.theme.line(false);
    out.text(
        x + full,
        row.y,
        rest,
        &glyphs.rest.repeat(usize::from(rest)),
        line,
    );
    if high > full && high <= bar {
        out.tone(x + high - 1, row.y, 1, glyphs.high, Tone::Plain);
    }
    let style = out
        .theme
        .tone(if tone == Tone::Accent { Tone::Plain } else { tone });
    out.text(x + bar + 1, row.y, 4, &percent, style);
    let room = row.right().saturating_sub(x + bar + 6 + 1);
    if columns(&numbers) <= usize::from(room) {
        out.right(x + bar + 6, row.y, room, &numbers, out.theme.tone(Tone::Dim));
    }
}

/// Bytes in at most five columns: `900`, `16K`, `1.5M`.
fn compact(n: usize) -> String {
    match n {
        0..1024 => n.to_string(),
        1024..10_240 => format!("{:.1}K", n as f64 / 1024.0).replace(".0", ""),
        10_240..1_048_576 => format!("{}K", n / 1024),
        1_048_576..10_485_760 => format!("{:.1}M", n as f64 / 1_048_576.0).replace(".0", ""),
        _ => format!("{}M", n / 1_048_576),
    }
}
