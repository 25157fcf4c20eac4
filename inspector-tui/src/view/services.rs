//! The Services screen.

use super::canvas::Canvas;
use super::table::{Column, Table, left, right};
use super::{fact, facts, format, json, layout, plain, section};
use crate::facts::Service;
use crate::model::{Model, percentile};
use crate::theme::{Glyphs, Theme, Tone};
use crate::ui::Ui;
use crate::ui::rows;

const COLUMNS: &[Column] = &[
    left("SERVICE", 16, 4, 0),
    left("OWNER", 10, 2, 48),
    left("VERSION", 7, 0, 90),
    right("CALLS", 6, 34),
    right("RATE", 7, 60),
    right("ERRORS", 6, 54),
    left("LATENCY", 8, 0, 70),
    right("P50", 6, 78),
    right("P95", 6, 66),
    right("WORST", 6, 42),
    right("FLIGHT", 6, 84),
];

/// The column of each order of [`rows::SERVICE_SORTS`].
const SORTED: [Option<usize>; 4] = [Some(0), Some(3), Some(5), Some(9)];

/// The histogram in as many columns as it has buckets.
fn strip(latency: &[u32], glyphs: &Glyphs) -> String {
    let most = latency.iter().copied().max().unwrap_or(0);
    latency
        .iter()
        .map(|count| {
            let level = match (*count, most) {
                (0, _) | (_, 0) => 0,
                // Even one call shows: that is the one that was slow.
                (count, most) => 1 + (u64::from(count) * 7 / u64::from(most)) as usize,
            };
            glyphs.bars.get(level).copied().unwrap_or(" ")
        })
        .collect()
}

fn at(service: &Service, part: f64, theme: &Theme) -> String {
    percentile(&service.latency, service.worst_micros, part).map_or_else(
        || theme.glyphs.dash.to_owned(),
        |micros| format::micros(micros, &theme.glyphs),
    )
}

/// Draws the screen.
pub fn draw(model: &Model, ui: &Ui, out: &mut Canvas<'_>) {
    let pane = layout::panes(ui).list;
    let list = ui.list();
    let all = rows::services(model);
    let calls = model.snapshot().map_or(&[][..], |snapshot| &snapshot.calls);
    let glyphs = ui.theme.glyphs;
    let count = format!(
        "{} of {} {} {} calls in flight",
        list.rows.len(),
        all.len(),
        glyphs.dot,
        calls.len()
    );
    let inner = out.pane(
        pane,
        "Services",
        &super::notes_of(ui, &super::stale(model, ui), &count),
        true,
    );
    let area = layout::rows(pane);
    let table = Table::new(inner, COLUMNS);
    if area.y > inner.y {
        table.heading(out, inner.y, SORTED.get(list.sort).copied().flatten());
    }
    if list.rows.is_empty() {
        super::nothing(model, ui, out, area, "no service is registered");
    }
    out.scrollbar(pane, list.top, usize::from(area.height), list.rows.len());
    for (y, (at_row, index)) in (area.top()..area.bottom()).zip(list.rows.iter().enumerate().skip(list.top)) {
        let Some(service) = all.get(*index) else { continue };
        let name = if service.deprecated {
            format!("{} {} deprecated", service.name, glyphs.warn)
        } else {
            service.name.to_string()
        };
        table.tone(
            out,
            y,
            0,
            &name,
            if service.deprecated {
                Tone::Warn
            } else {
                Tone::Name
            },
        );
        table.tone(out, y, 1, &service.owner, Tone::Source);
        table.tone(out, y, 2, &service.version, Tone::Dim);
        table.tone(
            out,
            y,
            3,
            &format::short(service.calls),
            if service.calls > 0 { Tone::Plain } else { Tone::Dim },
        );
        let rate = model
            .watched()
            .service(&service.name)
            .map_or(0.0, |rates| rates.calls);
        table.rate(out, y, 4, rate);
        table.tone(
            out,
            y,
            5,
            &format::short(service.errors),
            if service.errors > 0 { Tone::Bad } else { Tone::Dim },
        );
        table.tone(out, y, 6, &strip(&service.latency, &glyphs), Tone::Accent);
        table.tone(out, y, 7, &at(service, 0.5, &ui.theme), Tone::Plain);
        table.tone(out, y, 8, &at(service, 0.95, &ui.theme), Tone::Plain);
        table.tone(
            out,
            y,
            9,
            &format::micros(u64::from(service.worst_micros), &glyphs),
            Tone::Plain,
        );
        let flying = calls.iter().filter(|call| call.service == service.name).count();
        table.tone(
            out,
            y,
            10,
            &flying.to_string(),
            if flying > 0 { Tone::Plain } else { Tone::Dim },
        );
        table.finish(out, y, at_row == list.at, super::mark(ui, &service.name));
    }
}

/// The detail of the service that is selected.
pub fn detail(model: &Model, ui: &Ui, width: u16) -> (String, Vec<json::Line>) {
    let mut lines = Vec::new();
    let (Some(service), Some(snapshot)) = (rows::service(model, ui), model.snapshot()) else {
        return ("Service".into(), lines);
    };
    let glyphs = &ui.theme.glyphs;
    facts(&mut lines, "about", &service.description, Tone::Plain, width);
    lines.push(fact("owner", &*service.owner, Tone::Source));
    lines.push(fact("version", service.version.clone(), Tone::Plain));
    if service.deprecated {
        lines.push(fact(
            "deprecated",
            format!("{} callers should look for another one", glyphs.warn),
            Tone::Warn,
        ));
    }
    let mean = service.busy_micros.checked_div(service.calls);
    let mean = mean.map_or_else(String::new, |mean| {
        format!(", {} mean", format::micros(mean, glyphs))
    });
    lines.push(fact(
        "calls",
        format!("{}{mean}", format::count(service.calls)),
        Tone::Plain,
    ));
    let share = if service.calls > 0 {
        format!(" ({:.1} %)", service.errors as f64 * 100.0 / service.calls as f64)
    } else {
        String::new()
    };
    lines.push(fact(
        "errors",
        format!("{}{share}", format::count(service.errors)),
        if service.errors > 0 {
            Tone::Bad
        } else {
            Tone::Plain
        },
    ));
    section(&mut lines, "Latency");
    if service.latency.is_empty() {
        lines.push(plain(0, "the target keeps no histogram", Tone::Dim));
    }
    let most = service.latency.iter().copied().max().unwrap_or(0).max(1);
    let room = u64::from(width.saturating_sub(20));
    for (nth, count) in service.latency.iter().enumerate() {
        let last = nth + 1 == service.latency.len();
        let bound = |nth: usize| format::micros(4u64.saturating_pow(nth as u32 + 2), glyphs);
        let label = if last {
            format!("{:>9}", format!("> {}", bound(nth.saturating_sub(1))))
        } else {
            format!("{:>9}", format!("< {}", bound(nth)))
        };
        let bar = (u64::from(*count) * room).div_ceil(u64::from(most)) as usize;
        lines.push(json::Line {
            indent: 0,
            pieces: vec![
                (format!("{label}  "), Tone::Dim),
                (glyphs.full.repeat(bar), Tone::Accent),
                (
                    format!(
                        "{}{}",
                        if bar > 0 { " " } else { "" },
                        format::short(u64::from(*count))
                    ),
                    if *count > 0 { Tone::Plain } else { Tone::Dim },
                ),
            ],
        });
    }
    let flying: Vec<_> = snapshot
        .calls
        .iter()
        .filter(|call| call.service == service.name)
        .collect();
    section(&mut lines, format!("In flight ({})", flying.len()));
    let since = model
        .snapshot_at()
        .map_or(0, |at| ui.now.saturating_duration_since(at).as_micros() as u64);
    let since = if model.is_open() { since } else { 0 };
    for call in flying {
        let word = if call.running {
            (glyphs.follow, "running")
        } else {
            (glyphs.unloaded, "waiting")
        };
        lines.push(json::Line {
            indent: 0,
            pieces: vec![
                (
                    format!("{} {}  ", word.0, word.1),
                    if call.running { Tone::Good } else { Tone::Warn },
                ),
                (
                    format!("{:>7}  ", format::micros(call.age_micros + since, glyphs)),
                    Tone::Plain,
                ),
                (call.caller.to_string(), Tone::Source),
                (format!("  call {}", call.call), Tone::Dim),
            ],
        });
    }
    (format!("Service {}", service.name), lines)
}
