//! The Overview: how the runtime is, in one look.

use kernel_core::Usage;
use ratatui::layout::Rect;
use ratatui::symbols::bar;
use ratatui::widgets::{Sparkline, Widget};

use super::ink::{Ink, columns};
use super::table::{Column, Table, left, right};
use super::{format, layout, warnings};
use crate::facts::Service;
use crate::model::{Model, percentile};
use crate::series::Measure;
use crate::theme::Tone;
use crate::ui::{Screen, Ui};
use crate::update::rows as items;

/// The panes: runtime, rates, plugins, capacities, warnings, latency.
fn areas(ui: &Ui) -> [Rect; 6] {
    let body = layout::parts(ui).body;
    let (w, h) = (body.width, body.height);
    let none = Rect::new(body.x, body.y, 0, 0);
    let rect = |x: u16, y: u16, width: u16, height: u16| Rect::new(body.x + x, body.y + y, width, height);
    if w < 64 || h < 14 {
        // One column: what matters first, as far as it goes.
        let first = h.min(6);
        let plugins = (h - first).min(h);
        return [
            rect(0, 0, w, first),
            none,
            rect(0, first, w, plugins),
            none,
            none,
            none,
        ];
    }
    let half = w / 2;
    // A warning is a sentence, and latencies are numbers.
    let newest = w * 11 / 20;
    let extra = h.saturating_sub(21);
    let third = (5 + extra * 2 / 5).min(h.saturating_sub(6 + 3));
    let first = (6 + extra / 5).min(h - third - 3);
    let second = h - first - third;
    [
        rect(0, 0, half, first),
        rect(half, 0, w - half, first),
        rect(0, first, half, second),
        rect(half, first, w - half, second),
        rect(0, first + second, newest, third),
        rect(newest, first + second, w - newest, third),
    ]
}

/// The rows of the plugins: what the cursor is in.
pub fn rows(ui: &Ui) -> Rect {
    let [_, _, plugins, ..] = areas(ui);
    layout::rows(plugins)
}

/// Draws the screen.
pub fn draw(model: &Model, ui: &Ui, ink: &mut Ink<'_>, _area: Rect) {
    let [runtime, rates, plugins, capacities, newest, latency] = areas(ui);
    draw_runtime(model, ui, ink, runtime);
    draw_rates(model, ui, ink, rates);
    draw_plugins(model, ui, ink, plugins);
    draw_capacities(model, ink, capacities);
    draw_warnings(model, ui, ink, newest);
    draw_latency(model, ink, latency);
}

fn draw_runtime(model: &Model, ui: &Ui, ink: &mut Ink<'_>, area: Rect) {
    let stale = super::stale(model, ui);
    let note = if stale.is_empty() { model.name() } else { &stale };
    let inner = ink.pane(area, "Runtime", note, false);
    let glyphs = ui.theme.glyphs;
    let Some(snapshot) = model.snapshot() else {
        super::nothing(model, ui, ink, inner, "");
        return;
    };
    let (health, metrics) = (&snapshot.health, &snapshot.metrics);
    let status = if health.is_ok() {
        (glyphs.started, "running", Tone::Good)
    } else if !health.running {
        (glyphs.stopped, "not running", Tone::Bad)
    } else if health.failed.is_empty() {
        (glyphs.warn, "no storage", Tone::Warn)
    } else {
        (glyphs.warn, "running, with failures", Tone::Warn)
    };
    let failed = health.failed.len();
    let failed_tone = if failed > 0 { Tone::Bad } else { Tone::Dim };
    let refused = if metrics.refused > 0 {
        Tone::Warn
    } else {
        Tone::Dim
    };
    let late = if metrics.timed_out > 0 {
        Tone::Warn
    } else {
        Tone::Dim
    };
    let errors = if metrics.storage_errors > 0 {
        Tone::Bad
    } else {
        Tone::Dim
    };
    let n = |n: usize| format::short(n as u64);
    let storage = if health.storage {
        "storage open"
    } else {
        "no storage"
    };
    let storage_tone = if health.storage { Tone::Plain } else { Tone::Bad };
    let lines: [Vec<(String, Tone)>; 5] = [
        vec![
            (format!("{} {}", status.0, status.1), status.2),
            (
                format!("  up {}", format::span(metrics.uptime / 1_000_000)),
                Tone::Plain,
            ),
            (
                if model.restarts() > 0 {
                    format!("  {} restarts seen", model.restarts())
                } else {
                    String::new()
                },
                Tone::Warn,
            ),
        ],
        vec![
            ("plugins   ".into(), Tone::Dim),
            (
                format!("{} of {} started", health.started, health.plugins),
                Tone::Plain,
            ),
            (format!("  {failed} failed"), failed_tone),
        ],
        vec![
            ("events    ".into(), Tone::Dim),
            (format!("{} published", n(metrics.published)), Tone::Plain),
            (format!("  {} refused", n(metrics.refused)), refused),
        ],
        vec![
            ("calls     ".into(), Tone::Dim),
            (format!("{} in flight", snapshot.calls.len()), Tone::Plain),
            (format!("  {} timed out", n(metrics.timed_out)), late),
        ],
        vec![
            ("storage   ".into(), Tone::Dim),
            (storage.into(), storage_tone),
            (format!("  {} errors", n(metrics.storage_errors)), errors),
        ],
    ];
    for (y, line) in (inner.top()..inner.bottom()).zip(lines) {
        let mut x = inner.x + 1;
        for (text, tone) in line {
            x += ink.tone(x, y, inner.right().saturating_sub(x), &text, tone);
        }
    }
}

fn draw_rates(model: &Model, ui: &Ui, ink: &mut Ink<'_>, area: Rect) {
    let inner = ink.pane(area, "Rates", "60 s", false);
    if inner.width < 24 || inner.height == 0 || area.height < 3 {
        return;
    }
    let all = [
        ("events", Measure::Received, Tone::Accent),
        ("published", Measure::Published, Tone::Name),
        ("calls", Measure::Calls, Tone::Good),
        ("lost", Measure::Lost, Tone::Lost),
    ];
    let each = (inner.height / all.len() as u16).max(1);
    let mut y = inner.y;
    for (name, measure, tone) in all {
        if y >= inner.bottom() {
            break;
        }
        let height = each.min(inner.bottom() - y);
        let middle = y + height - 1;
        ink.tone(inner.x + 1, middle, 10, name, Tone::Dim);
        let history = model.series().history(measure);
        let rate = format::rate(model.series().rate(measure) as f64);
        let style = ink.theme.tone(Tone::Plain);
        ink.right(inner.right().saturating_sub(9), middle, 8, &rate, style);
        let room = inner.width.saturating_sub(21).min(history.len() as u16);
        let seen = history
            .get(history.len() - usize::from(room)..)
            .unwrap_or(&history);
        let place = Rect::new(inner.x + 11, y, room, height);
        let most = seen.iter().copied().max().unwrap_or(0);
        if most == 0 {
            let rule = ui.theme.glyphs.dot.repeat(usize::from(room));
            let style = ink.theme.line(false);
            ink.text(place.x, middle, room, &rule, style);
        } else {
            Sparkline::default()
                .data(seen.iter().copied())
                .max(most)
                .bar_set(bars(ui))
                .style(ink.theme.tone(tone))
                .render(place.intersection(ink.buf.area), ink.buf);
        }
        // Room between two rates, where there is some.
        y += height;
    }
}

fn bars(ui: &Ui) -> bar::Set<'static> {
    let [empty, one, two, three, four, five, six, seven, full] = ui.theme.glyphs.bars;
    bar::Set {
        full,
        seven_eighths: seven,
        three_quarters: six,
        five_eighths: five,
        half: four,
        three_eighths: three,
        one_quarter: two,
        one_eighth: one,
        empty,
    }
}

const PLUGINS: &[Column] = &[
    left("PLUGIN", 10, 1, 0),
    left("STATE", 10, 0, 0),
    right("EVENTS", 7, 36),
    right("LAG", 4, 30),
    right("WORST", 7, 44),
];

fn draw_plugins(model: &Model, ui: &Ui, ink: &mut Ink<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let all = items::plugins(model);
    let inner = ink.pane(area, "Plugins", &all.len().to_string(), true);
    let place = layout::rows(area);
    let table = Table::new(inner, PLUGINS);
    if place.y > inner.y {
        table.heading(ink, inner.y, None);
    }
    let list = &ui.lists[Screen::Overview as usize];
    let height = usize::from(place.height);
    let top = list.top.min(all.len().saturating_sub(height));
    ink.scrollbar(area, top, height, all.len());
    let glyphs = ui.theme.glyphs;
    for (y, (at, plugin)) in (place.top()..place.bottom()).zip(all.iter().enumerate().skip(top)) {
        let (glyph, tone) = ui.theme.state(plugin.state);
        table.tone(ink, y, 0, &plugin.name, Tone::Plain);
        table.tone(ink, y, 1, &format!("{glyph} {}", plugin.state.as_str()), tone);
        let rate = model
            .watched()
            .plugin(&plugin.name)
            .map_or(0.0, |rates| rates.events);
        table.rate(ink, y, 2, rate);
        let lag = plugin.counters.lag;
        table.tone(
            ink,
            y,
            3,
            &format::short(lag as u64),
            if lag > 0 { Tone::Warn } else { Tone::Dim },
        );
        table.tone(
            ink,
            y,
            4,
            &format::micros(u64::from(plugin.counters.worst_micros), &glyphs),
            Tone::Dim,
        );
        table.finish(ink, y, at == list.at, super::mark(ui, &plugin.name));
    }
}

fn draw_capacities(model: &Model, ink: &mut Ink<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let inner = ink.pane(
        area,
        "Capacities",
        &format!("{} is the most ever used", ink.theme.glyphs.high),
        false,
    );
    let Some(snapshot) = model.snapshot() else { return };
    let m = &snapshot.metrics;
    let all: [(&str, Usage, bool); 8] = [
        ("plugins", m.plugins, false),
        ("filters", m.filters, false),
        ("services", m.services, false),
        ("calls", m.calls, false),
        ("states", m.state_entries, false),
        ("values", m.state_bytes, true),
        ("log", m.log_bytes, true),
        ("names", m.names, false),
    ];
    for (y, (name, usage, bytes)) in (inner.top()..inner.bottom()).zip(all) {
        gauge(
            ink,
            Rect {
                y,
                height: 1,
                ..inner
            },
            name,
            usage,
            bytes,
            name == "log",
        );
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

/// One capacity: a bar with the high-water mark, and numbers. A log is full by design, and not near its end.
fn gauge(ink: &mut Ink<'_>, row: Rect, name: &str, usage: Usage, bytes: bool, log: bool) {
    let glyphs = ink.theme.glyphs;
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
    ink.tone(row.x + 1, row.y, 9, name, Tone::Dim);
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
    let style = ink.theme.tone(tone);
    ink.text(x, row.y, full, &glyphs.full.repeat(usize::from(full)), style);
    let rest = bar - full;
    let line = ink.theme.line(false);
    ink.text(
        x + full,
        row.y,
        rest,
        &glyphs.rest.repeat(usize::from(rest)),
        line,
    );
    if high > full && high <= bar {
        ink.tone(x + high - 1, row.y, 1, glyphs.high, Tone::Plain);
    }
    let style = ink
        .theme
        .tone(if tone == Tone::Accent { Tone::Plain } else { tone });
    ink.text(x + bar + 1, row.y, 4, &percent, style);
    let room = row.right().saturating_sub(x + bar + 6 + 1);
    if columns(&numbers) <= usize::from(room) {
        ink.right(x + bar + 6, row.y, room, &numbers, ink.theme.tone(Tone::Dim));
    }
}

fn draw_warnings(model: &Model, ui: &Ui, ink: &mut Ink<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let active = model.warnings().active();
    let inner = ink.pane(
        area,
        "Warnings",
        &if active > 0 {
            format!("{active} go on")
        } else {
            String::new()
        },
        false,
    );
    let glyphs = ui.theme.glyphs;
    if model.snapshot().is_some() && model.warnings().iter().len() == 0 && inner.height > 0 {
        ink.tone(
            inner.x + 1,
            inner.y,
            inner.width.saturating_sub(1),
            &format!("{} nothing is wrong", glyphs.started),
            Tone::Good,
        );
    }
    for (y, warning) in (inner.top()..inner.bottom()).zip(model.warnings().iter()) {
        let (glyph, _, tone) = warnings::level(ui, warning);
        let mut x = inner.x + 1;
        x += ink.tone(x, y, 2, glyph, tone) + 1;
        x += ink.tone(
            x,
            y,
            16.min(inner.right().saturating_sub(x)),
            &warning.plugin,
            Tone::Source,
        ) + 1;
        let tone = if warning.over.is_some() {
            Tone::Dim
        } else {
            Tone::Plain
        };
        ink.tone(x, y, inner.right().saturating_sub(x), &warning.what, tone);
    }
}

const LATENCY: &[Column] = &[
    left("SERVICE", 10, 1, 0),
    right("CALLS", 6, 0),
    right("P50", 6, 44),
    right("P95", 6, 0),
    right("WORST", 6, 0),
];

fn draw_latency(model: &Model, ink: &mut Ink<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let glyphs = ink.theme.glyphs;
    let mut all: Vec<&Service> = items::services(model)
        .iter()
        .filter(|service| service.calls > 0)
        .collect();
    // The slowest first: that is what one looks for.
    all.sort_by_key(|service| std::cmp::Reverse(service.worst_micros));
    let inner = ink.pane(
        area,
        "Slowest calls",
        &format!("{} services called", all.len()),
        false,
    );
    if inner.height == 0 {
        return;
    }
    let table = Table::new(inner, LATENCY);
    table.heading(ink, inner.y, None);
    for (y, service) in (inner.top() + 1..inner.bottom()).zip(all) {
        table.tone(ink, y, 0, &service.name, Tone::Name);
        table.tone(ink, y, 1, &format::short(service.calls), Tone::Plain);
        let at = |part| {
            percentile(&service.latency, service.worst_micros, part).map_or_else(
                || glyphs.dash.to_owned(),
                |micros| format::micros(micros, &glyphs),
            )
        };
        table.tone(ink, y, 2, &at(0.5), Tone::Plain);
        table.tone(ink, y, 3, &at(0.95), Tone::Plain);
        table.tone(
            ink,
            y,
            4,
            &format::micros(u64::from(service.worst_micros), &glyphs),
            Tone::Plain,
        );
    }
}
