//! The Events screen: the stream, the topic tree, and the detail of an event.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::table::{Column, Table, left, right};
use super::{dialog, fact, facts, format, json, layout, paragraph, plain, section};
use crate::chain::Step;
use crate::facts::{Cause, LostAt};
use crate::model::Model;
use crate::ring::{EventRow, Row, RowId};
use crate::theme::Tone;
use crate::ui::Ui;

const COLUMNS: &[Column] = &[
    left("TIME", 12, 0, 30),
    right("DELTA", 7, 60),
    left("SOURCE", 10, 2, 48),
    left("TOPIC", 16, 5, 0),
    left("PAYLOAD", 8, 9, 44),
];

/// Draws the screen.
pub fn draw(model: &Model, ui: &Ui, out: &mut Canvas<'_>) {
    let panes = layout::panes(ui);
    if let Some(tree) = panes.tree {
        draw_tree(model, ui, out, tree);
    }
    let view = model.view();
    let glyphs = ui.theme.glyphs;
    let state = if ui.follow {
        format!("{} following", glyphs.follow)
    } else {
        format!("{} paused", glyphs.pause)
    };
    let place = if ui.follow || view.is_empty() {
        format::count(view.len() as u64)
    } else {
        format!(
            "{} of {}",
            format::count(ui.list().at as u64 + 1),
            format::count(view.len() as u64)
        )
    };
    let note = super::notes_of(
        ui,
        &super::stale(model, ui),
        &format!("{place} {} {state}", glyphs.dot),
    );
    let inner = out.pane(panes.list, "Events", &note, !ui.tree_focus);
    let area = layout::rows(panes.list);
    let table = Table::new(inner, COLUMNS);
    if area.y > inner.y {
        table.heading(out, inner.y, None);
        // Of what the times are is said where they are: the time of day, or since boot.
        let zone = if model.epoch().is_some() {
            "TIME UTC"
        } else {
            "SINCE BOOT"
        };
        table.cell(out, inner.y, 0, zone, out.theme.heading());
    }
    if view.is_empty() {
        let said = if ui.list().filter.is_empty() {
            "no event was received yet"
        } else {
            "the filter shows no event: esc takes it back"
        };
        if area.height > 0 {
            out.tone(area.x + 2, area.y, area.width.saturating_sub(2), said, Tone::Dim);
        }
        return;
    }
    let height = usize::from(area.height);
    let top = ui.list().top.min(view.len().saturating_sub(height));
    out.scrollbar(panes.list, top, height, view.len());
    let time_of = |row: Option<RowId>| {
        row.and_then(|row| model.ring().get(row))
            .and_then(Row::event)
            .map(|event| event.time)
    };
    let mut before = top.checked_sub(1).and_then(|place| time_of(view.row(place)));
    for (y, place) in (area.top()..area.bottom()).zip(top..view.len()) {
        let Some(row) = view.row(place) else { break };
        match model.ring().get(row) {
            Some(Row::Event(event)) => {
                draw_event(model, out, &table, y, event, before, view.value(place));
                before = Some(event.time);
            }
            Some(Row::Lost { from, count, at }) => lost(out, area, y, from, count, at),
            Some(Row::Restarted) => {
                banner(
                    out,
                    area,
                    y,
                    " the runtime was started anew: numbers and clock begin again ",
                    Tone::Warn,
                );
                before = None;
            }
            None => {}
        }
        let selected = ui.event == Some(row);
        table.finish(out, y, selected, super::mark(ui, &row.to_string()));
    }
}

fn draw_event(
    model: &Model,
    out: &mut Canvas<'_>,
    table: &Table,
    y: u16,
    event: EventRow<'_>,
    before: Option<u64>,
    value: Option<&str>,
) {
    let glyphs = out.theme.glyphs;
    table.tone(out, y, 0, &format::clock(event.time, model.epoch()), Tone::Dim);
    if let Some(before) = before {
        let delta = format!("+{}", format::micros(event.time.saturating_sub(before), &glyphs));
        table.tone(out, y, 1, &delta, Tone::Dim);
    }
    let source = if event.source.is_empty() {
        glyphs.dash
    } else {
        event.source
    };
    table.tone(out, y, 2, source, Tone::Source);
    table.tone(out, y, 3, event.topic, Tone::Name);
    match value {
        Some(value) => table.tone(out, y, 4, &format!("{} {value}", glyphs.arrow), Tone::Number),
        None => {
            // Only what can be seen of a long payload is looked at.
            let width = table.place(4).map_or(0, |(_, width)| usize::from(width));
            let seen = event.payload.get(..(width + 1) * 4).unwrap_or(event.payload);
            table.tone(out, y, 4, &String::from_utf8_lossy(seen), Tone::Plain);
        }
    }
}

/// A row that is a sign across the list.
fn banner(out: &mut Canvas<'_>, area: Rect, y: u16, text: &str, tone: Tone) {
    let style = out.theme.tone(tone);
    let (x, width) = (area.x + 2.min(area.width), area.width.saturating_sub(3));
    let rule = out.theme.glyphs.rule.repeat(usize::from(width));
    out.text(x, y, width, &rule, style);
    out.text(x + 2.min(width), y, width.saturating_sub(2), text, style);
}

/// The words for a gap.
fn gap(from: u64, count: u64, at: LostAt) -> String {
    let place = match at {
        LostAt::Bus => "on the bus",
        LostAt::Link => "on the link",
    };
    let events = if count == 1 { "event" } else { "events" };
    format!(
        "{} {events} lost {place}, #{from} to #{}",
        format::count(count),
        from + count.saturating_sub(1)
    )
}

fn lost(out: &mut Canvas<'_>, area: Rect, y: u16, from: u64, count: u64, at: LostAt) {
    let text = format!(" {} {} ", out.theme.glyphs.lost, gap(from, count, at));
    banner(out, area, y, &text, Tone::Lost);
}

fn draw_tree(model: &Model, ui: &Ui, out: &mut Canvas<'_>, area: Rect) {
    let Some(list) = &ui.tree else { return };
    let inner = out.pane(
        area,
        "Topics",
        &format::count(model.topics().len() as u64),
        ui.tree_focus,
    );
    let height = usize::from(inner.height);
    let top = list.top;
    out.scrollbar(area, top, height, ui.tree_len);
    let lines = model
        .topics()
        .lines(|node| !ui.folded.contains(&node), top, height);
    let glyphs = ui.theme.glyphs;
    for (nth, (y, line)) in (inner.top()..inner.bottom()).zip(lines).enumerate() {
        let indent = ((line.depth * 2) as u16).min(inner.width / 2);
        let rate = if line.rate > 0.0 {
            format::rate(f64::from(line.rate))
        } else {
            format::short(line.count)
        };
        let wide = super::canvas::columns(&rate) as u16;
        let sign = match (line.children > 0, ui.folded.contains(&line.node)) {
            _ if line.others => glyphs.ellipsis,
            (true, false) => glyphs.open,
            (true, true) => glyphs.closed,
            (false, _) => " ",
        };
        let x = inner.x + 1 + indent;
        let room = inner.right().saturating_sub(x + wide + 2);
        out.tone(x, y, 1, sign, Tone::Dim);
        let name = if line.others {
            "no room for these"
        } else {
            &line.name
        };
        let tone = if line.children > 0 {
            Tone::Plain
        } else {
            Tone::Name
        };
        out.tone(x + 2, y, room.saturating_sub(2), name, tone);
        let tone = if line.rate > 0.0 { Tone::Plain } else { Tone::Dim };
        let style = out.theme.tone(tone);
        out.right(inner.x, y, inner.width.saturating_sub(1), &rate, style);
        if list.at == top + nth {
            let style = if ui.tree_focus {
                out.theme.selected()
            } else {
                out.theme.tone(Tone::Plain)
            };
            out.lay(
                Rect {
                    y,
                    height: 1,
                    ..inner
                },
                style,
            );
            let tone = if ui.tree_focus { Tone::Accent } else { Tone::Dim };
            out.tone(inner.x, y, 1, glyphs.cursor, tone);
        }
    }
}

/// One event in a line of the chain.
fn step(model: &Model, ui: &Ui, row: RowId, from: u64, sign: &str, depth: usize) -> json::Line {
    let glyphs = &ui.theme.glyphs;
    let Some(Row::Event(event)) = model.ring().get(row) else {
        return plain(
            depth,
            format!("{sign} an event that is not kept any more"),
            Tone::Dim,
        );
    };
    let (ahead, apart) = if event.time >= from {
        ("+", event.time - from)
    } else {
        ("-", from - event.time)
    };
    json::Line {
        indent: depth,
        pieces: vec![
            (format!("{sign} "), Tone::Dim),
            (event.topic.to_owned(), Tone::Name),
            (format!("  {}", event.source), Tone::Source),
            (
                format!("  {ahead}{}  #{}", format::micros(apart, glyphs), event.seq),
                Tone::Dim,
            ),
        ],
    }
}

/// The detail of the event that is selected.
pub fn detail(model: &Model, ui: &Ui, width: u16) -> (String, Vec<json::Line>) {
    let mut lines = Vec::new();
    let Some(row) = ui.event else {
        return ("Event".into(), lines);
    };
    let event = match model.ring().get(row) {
        Some(Row::Event(event)) => event,
        Some(Row::Lost { from, count, at }) => {
            facts(&mut lines, "missing", &gap(from, count, at), Tone::Lost, width);
            let why = match at {
                LostAt::Bus => {
                    "the bus had moved on before they were read: the log is too small for this rate, or the reader too slow"
                }
                LostAt::Link => {
                    "they were too large for a message, damaged on the line, or gone while there was no connection"
                }
            };
            facts(&mut lines, "why", why, Tone::Plain, width);
            return ("Lost events".into(), lines);
        }
        Some(Row::Restarted) => {
            facts(
                &mut lines,
                "restart",
                "the runtime was started anew: sequence numbers and its clock begin again",
                Tone::Warn,
                width,
            );
            return ("Restart".into(), lines);
        }
        None => return ("Event".into(), lines),
    };
    let glyphs = &ui.theme.glyphs;
    facts(&mut lines, "topic", event.topic, Tone::Name, width);
    lines.push(fact(
        "source",
        if event.source.is_empty() {
            glyphs.dash
        } else {
            event.source
        },
        Tone::Source,
    ));
    lines.push(fact(
        "time",
        format::moment(event.time, model.epoch()),
        Tone::Plain,
    ));
    let names: Vec<String> = event
        .receivers
        .iter()
        .map(|slot| {
            model
                .plugin_name(slot)
                .map_or_else(|| format!("slot {slot}"), ToString::to_string)
        })
        .collect();
    if names.is_empty() {
        lines.push(fact("received by", "nobody", Tone::Warn));
    } else {
        facts(&mut lines, "received by", &names.join(", "), Tone::Source, width);
    }
    section(&mut lines, "Payload");
    if let Some(len) = event.cut_from {
        lines.push(plain(
            0,
            format!("{} the first {} of {len} bytes", glyphs.warn, event.payload.len()),
            Tone::Warn,
        ));
    }
    lines.extend(dialog::lay_out(&String::from_utf8_lossy(event.payload), width));
    section(&mut lines, "Cause");
    let chain = ui
        .chain
        .as_ref()
        .filter(|(of, ..)| *of == row)
        .map(|(.., chain)| chain);
    match chain {
        Some(chain) if !chain.causes.is_empty() => {
            let causes = chain.causes.iter().rev().enumerate();
            for (depth, cause) in causes {
                let indent = (depth * 2).min(usize::from(width) / 3);
                let sign = if depth == 0 {
                    glyphs.started
                } else {
                    glyphs.last.trim_end()
                };
                lines.push(match cause {
                    Step::Event(at) => step(model, ui, *at, event.time, sign, indent),
                    Step::Lost { seq, .. } => plain(
                        indent,
                        format!("{} event #{seq}, which was lost", glyphs.lost),
                        Tone::Lost,
                    ),
                    Step::Gone { seq } => plain(
                        indent,
                        format!("{sign} event #{seq}, which is not kept any more"),
                        Tone::Dim,
                    ),
                    Step::Call {
                        call,
                        known: Some(known),
                    } => {
                        let what = if known.service.is_empty() {
                            "a storage request"
                        } else {
                            &*known.service
                        };
                        json::Line {
                            indent,
                            pieces: vec![
                                (format!("{sign} call of "), Tone::Dim),
                                (what.to_owned(), Tone::Name),
                                (
                                    format!("  {} {} {}", known.caller, glyphs.arrow, known.callee),
                                    Tone::Source,
                                ),
                                (format!("  call {call}"), Tone::Dim),
                            ],
                        }
                    }
                    Step::Call { call, known: None } => plain(
                        indent,
                        format!("{sign} call {call}, which was over before it was seen"),
                        Tone::Dim,
                    ),
                });
            }
            let indent = (chain.causes.len() * 2).min(usize::from(width) / 3);
            lines.push(json::Line {
                indent,
                pieces: vec![
                    (format!("{} ", glyphs.last.trim_end()), Tone::Dim),
                    ("this event".into(), Tone::Accent),
                    (format!("  #{}", event.seq), Tone::Dim),
                ],
            });
        }
        _ if event.cause == Cause::None => {
            let said = "nothing the runtime knows of: a clock, an operator, the world";
            paragraph(&mut lines, said, Tone::Dim, width);
        }
        _ => lines.push(plain(0, glyphs.ellipsis, Tone::Dim)),
    }
    if let Some(chain) = chain.filter(|chain| !chain.effects.is_empty()) {
        section(&mut lines, "Led to");
        lines.extend(
            chain
                .effects
                .iter()
                .map(|at| step(model, ui, *at, event.time, glyphs.arrow, 0)),
        );
    }
    (format!("Event #{}", format::count(event.seq)), lines)
}
