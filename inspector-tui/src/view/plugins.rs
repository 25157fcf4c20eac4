//! The Plugins screen.

use super::canvas::Canvas;
use super::table::{Column, Table, left, right};
use super::{fact, facts, format, json, layout, plain, section};
use crate::model::Model;
use crate::theme::Tone;
use crate::ui::Ui;
use crate::ui::rows;

const COLUMNS: &[Column] = &[
    left("PLUGIN", 12, 3, 0),
    left("STATE", 10, 0, 24),
    left("VERSION", 8, 0, 96),
    left("PLACE", 10, 0, 110),
    left("DOING", 8, 0, 84),
    right("EVENTS", 7, 52),
    right("RATE", 7, 64),
    right("DROPPED", 7, 60),
    right("LAG", 6, 44),
    right("CALLS", 6, 70),
    right("ERRORS", 6, 74),
    right("MEAN", 6, 84),
    right("WORST", 6, 36),
    right("RESTARTS", 8, 96),
    left("LAST ERROR", 10, 5, 100),
];

/// The column of each order of [`rows::PLUGIN_SORTS`].
const SORTED: [Option<usize>; 5] = [None, Some(0), Some(12), Some(8), Some(10)];

/// Draws the screen.
pub fn draw(model: &Model, ui: &Ui, out: &mut Canvas<'_>) {
    let pane = layout::panes(ui).list;
    let list = ui.list();
    let all = rows::plugins(model);
    let note = super::notes_of(
        ui,
        &super::stale(model, ui),
        &format!("{} of {}", list.rows.len(), all.len()),
    );
    let inner = out.pane(pane, "Plugins", &note, true);
    let area = layout::rows(pane);
    let table = Table::new(inner, COLUMNS);
    if area.y > inner.y {
        table.heading(out, inner.y, SORTED.get(list.sort).copied().flatten());
    }
    if list.rows.is_empty() {
        super::nothing(model, ui, out, area, "no plugin is installed");
    }
    out.scrollbar(pane, list.top, usize::from(area.height), list.rows.len());
    let glyphs = ui.theme.glyphs;
    for (y, (at, index)) in (area.top()..area.bottom()).zip(list.rows.iter().enumerate().skip(list.top)) {
        let Some(plugin) = all.get(*index) else { continue };
        let (glyph, tone) = ui.theme.state(plugin.state);
        let c = &plugin.counters;
        let number = |n: usize| format::short(n as u64);
        let loud = |n: usize, tone| if n > 0 { tone } else { Tone::Dim };
        table.tone(out, y, 0, &plugin.name, Tone::Plain);
        table.tone(out, y, 1, &format!("{glyph} {}", plugin.state.as_str()), tone);
        table.tone(out, y, 2, &plugin.version, Tone::Dim);
        table.tone(out, y, 3, &plugin.placement, Tone::Dim);
        table.tone(
            out,
            y,
            4,
            &plugin.hook,
            if plugin.hook == "idle" {
                Tone::Dim
            } else {
                Tone::Plain
            },
        );
        table.tone(out, y, 5, &number(c.events), Tone::Plain);
        let rate = model
            .watched()
            .plugin(&plugin.name)
            .map_or(0.0, |rates| rates.events);
        table.rate(out, y, 6, rate);
        table.tone(out, y, 7, &number(c.dropped), loud(c.dropped, Tone::Lost));
        table.tone(out, y, 8, &number(c.lag), loud(c.lag, Tone::Warn));
        table.tone(out, y, 9, &number(c.calls_in), Tone::Plain);
        table.tone(out, y, 10, &number(c.errors), loud(c.errors, Tone::Bad));
        let mean = c.busy_micros.checked_div(c.handled as u64);
        let mean = mean.map_or_else(|| glyphs.dash.into(), |mean| format::micros(mean, &glyphs));
        table.tone(out, y, 11, &mean, Tone::Plain);
        table.tone(
            out,
            y,
            12,
            &format::micros(u64::from(c.worst_micros), &glyphs),
            loud(c.slow, Tone::Warn),
        );
        table.tone(out, y, 13, &number(c.failures), loud(c.failures, Tone::Warn));
        table.tone(out, y, 14, &error(plugin), Tone::Bad);
        table.finish(out, y, at == list.at, super::mark(ui, &plugin.name));
    }
}

fn error(plugin: &crate::facts::Plugin) -> String {
    match (plugin.error.0.as_str(), plugin.error.1.as_str()) {
        ("", message) => message.to_owned(),
        (code, "") => code.to_owned(),
        (code, message) => format!("{code}: {message}"),
    }
}

/// The detail of the plugin that is selected.
pub fn detail(model: &Model, ui: &Ui, width: u16) -> (String, Vec<json::Line>) {
    let mut lines = Vec::new();
    let (Some(plugin), Some(snapshot)) = (rows::plugin(model, ui), model.snapshot()) else {
        return ("Plugin".into(), lines);
    };
    let glyphs = &ui.theme.glyphs;
    let (glyph, tone) = ui.theme.state(plugin.state);
    let c = &plugin.counters;
    let n = |n: usize| format::count(n as u64);
    lines.push(fact(
        "state",
        format!("{glyph} {}, {}", plugin.state.as_str(), plugin.hook),
        tone,
    ));
    facts(&mut lines, "about", &plugin.description, Tone::Plain, width);
    lines.push(fact(
        "version",
        format!(
            "{} by {}",
            plugin.version,
            if plugin.author.is_empty() {
                "nobody named"
            } else {
                &plugin.author
            }
        ),
        Tone::Plain,
    ));
    lines.push(fact("runs on", plugin.placement.clone(), Tone::Plain));
    let needs: Vec<String> = plugin
        .dependencies
        .iter()
        .map(|slot| {
            model
                .plugin_name(slot)
                .map_or_else(|| format!("slot {slot}"), ToString::to_string)
        })
        .collect();
    if !needs.is_empty() {
        facts(&mut lines, "depends on", &needs.join(", "), Tone::Source, width);
    }
    let said = error(plugin);
    if said.is_empty() {
        lines.push(fact("last error", "none", Tone::Dim));
    } else {
        facts(&mut lines, "last error", &said, Tone::Bad, width);
    }
    section(&mut lines, "Work");
    let loud = |n: usize, tone| if n > 0 { tone } else { Tone::Plain };
    let rates = model.watched().plugin(&plugin.name);
    let rate = rates.map_or_else(String::new, |rates| {
        format!(", {} now", format::rate(rates.events))
    });
    lines.push(fact("events", format!("{} in{rate}", n(c.events)), Tone::Plain));
    lines.push(fact("dropped", n(c.dropped), loud(c.dropped, Tone::Lost)));
    lines.push(fact(
        "lag",
        format!("{} now, {} at most", n(c.lag), n(c.lag_high_water)),
        loud(c.lag, Tone::Warn),
    ));
    lines.push(fact(
        "calls",
        format!("{} answered, {} events published", n(c.calls_in), n(c.published)),
        Tone::Plain,
    ));
    lines.push(fact("errors", n(c.errors), loud(c.errors, Tone::Bad)));
    let mean = c.busy_micros.checked_div(c.handled as u64);
    let mean = mean.map_or_else(
        || "nothing handled".into(),
        |mean| format!("{} mean", format::micros(mean, glyphs)),
    );
    lines.push(fact(
        "handlers",
        format!(
            "{mean}, {} worst, {} slow",
            format::micros(u64::from(c.worst_micros), glyphs),
            n(c.slow)
        ),
        loud(c.slow, Tone::Warn),
    ));
    if let Some(rates) = rates {
        lines.push(fact(
            "busy",
            format!("{:.1} % of the time", rates.busy * 100.0),
            Tone::Plain,
        ));
    }
    lines.push(fact("failures", n(c.failures), loud(c.failures, Tone::Warn)));
    let mut part = |title: &str, names: Vec<String>, tone| {
        section(&mut lines, format!("{title} ({})", names.len()));
        lines.extend(names.into_iter().map(|name| plain(0, name, tone)));
    };
    let name = &plugin.name;
    part(
        "Services",
        snapshot
            .services
            .iter()
            .filter(|s| s.owner == *name)
            .map(|s| s.name.to_string())
            .collect(),
        Tone::Name,
    );
    part(
        "Filters",
        snapshot
            .subscriptions
            .iter()
            .filter(|s| s.plugin == *name)
            .map(|s| s.filter.clone())
            .collect(),
        Tone::Name,
    );
    part(
        "State keys",
        snapshot
            .states
            .iter()
            .filter(|s| s.owner == *name)
            .map(|s| s.key.to_string())
            .collect(),
        Tone::Name,
    );
    let dotted = format!("{name}.");
    let spaces = &ui.storage.namespaces;
    if spaces.names.is_empty() {
        section(&mut lines, "Namespaces");
        lines.push(plain(0, "not read yet: the Storage screen reads them", Tone::Dim));
    } else {
        let own = spaces
            .names
            .iter()
            .filter(|space| space.as_str() == &**name || space.starts_with(&dotted));
        part("Namespaces", own.cloned().collect(), Tone::Name);
    }
    (format!("Plugin {name}"), lines)
}
