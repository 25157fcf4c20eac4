//! The short lists: plugins, the newest warnings, the slowest services.

use ratatui::layout::Rect;

use crate::facts::Service;
use crate::model::{Model, percentile};
use crate::theme::Tone;
use crate::ui::rows as items;
use crate::ui::{Screen, Ui};
use crate::view::canvas::Canvas;
use crate::view::table::{Column, Table, left, right};
use crate::view::{self, format, layout, warnings};

const PLUGINS: &[Column] = &[
    left("PLUGIN", 10, 1, 0),
    left("STATE", 10, 0, 0),
    right("EVENTS", 7, 36),
    right("LAG", 4, 30),
    right("WORST", 7, 44),
];

const LATENCY: &[Column] = &[
    left("SERVICE", 10, 1, 0),
    right("CALLS", 6, 0),
    right("P50", 6, 44),
    right("P95", 6, 0),
    right("WORST", 6, 0),
];

pub(super) fn draw_plugins(model: &Model, ui: &Ui, out: &mut Canvas<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let all = items::plugins(model);
    let inner = out.pane(area, "Plugins", &all.len().to_string(), true);
    let place = layout::rows(area);
    let table = Table::new(inner, PLUGINS);
    if place.y > inner.y {
        table.heading(out, inner.y, None);
    }
    let list = &ui.lists[Screen::Overview as usize];
    let height = usize::from(place.height);
    let top = list.top.min(all.len().saturating_sub(height));
    out.scrollbar(area, top, height, all.len());
    let glyphs = ui.theme.glyphs;
    for (y, (at, plugin)) in (place.top()..place.bottom()).zip(all.iter().enumerate().skip(top)) {
        let (glyph, tone) = ui.theme.state(plugin.state);
        table.tone(out, y, 0, &plugin.name, Tone::Plain);
        table.tone(out, y, 1, &format!("{glyph} {}", plugin.state.as_str()), tone);
        let rate = model
            .watched()
            .plugin(&plugin.name)
            .map_or(0.0, |rates| rates.events);
        table.rate(out, y, 2, rate);
        let lag = plugin.counters.lag;
        table.tone(
            out,
            y,
            3,
            &format::short(lag as u64),
            if lag > 0 { Tone::Warn } else { Tone::Dim },
        );
        table.tone(
            out,
            y,
            4,
            &format::micros(u64::from(plugin.counters.worst_micros), &glyphs),
            Tone::Dim,
        );
        table.finish(out, y, at == list.at, view::mark(ui, &plugin.name));
    }
}

pub(super) fn draw_warnings(model: &Model, ui: &Ui, out: &mut Canvas<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let active = model.warnings().active();
    let inner = out.pane(
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
        out.tone(
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
        x += out.tone(x, y, 2, glyph, tone) + 1;
        x += out.tone(
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
        out.tone(x, y, inner.right().saturating_sub(x), &warning.what, tone);
    }
}

pub(super) fn draw_latency(model: &Model, out: &mut Canvas<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let glyphs = out.theme.glyphs;
    let mut all: Vec<&Service> = items::services(model)
        .iter()
        .filter(|service| service.calls > 0)
        .collect();
    // The slowest first: that is what one looks for.
    all.sort_by_key(|service| std::cmp::Reverse(service.worst_micros));
    let inner = out.pane(
        area,
        "Slowest calls",
        &format!("{} services called", all.len()),
        false,
    );
    if inner.height == 0 {
        return;
    }
    let table = Table::new(inner, LATENCY);
    table.heading(out, inner.y, None);
    for (y, service) in (inner.top() + 1..inner.bottom()).zip(all) {
        table.tone(out, y, 0, &service.name, Tone::Name);
        table.tone(out, y, 1, &format::short(service.calls), Tone::Plain);
        let at = |part| {
            percentile(&service.latency, service.worst_micros, part).map_or_else(
                || glyphs.dash.to_owned(),
                |micros| format::micros(micros, &glyphs),
            )
        };
        table.tone(out, y, 2, &at(0.5), Tone::Plain);
        table.tone(out, y, 3, &at(0.95), Tone::Plain);
        table.tone(
            out,
            y,
            4,
            &format::micros(u64::from(service.worst_micros), &glyphs),
            Tone::Plain,
        );
    }
}
