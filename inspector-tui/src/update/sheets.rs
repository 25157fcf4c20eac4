//! What lies over a screen: opened, moved and closed.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{browse, find, lines};
use crate::chart::{Spec, numbers, svg};
use crate::facts::CHANGED;
use crate::graph::export::{self, Format};
use crate::graph::tree;
use crate::keys::Action;
use crate::model::Model;
use crate::past::{self, Difference};
use crate::ring::{Row, RowId};
use crate::theme::Tone;
use crate::trace::What;
use crate::trace::export::{Of, chrome, otlp};
use crate::ui::list::List;
use crate::ui::sheet::{ChartSheet, DifferenceSheet, GraphSheet, Sheet, TraceSheet};
use crate::ui::{LineFor, Mode, Screen, Ui};
use crate::view::{self, layout};

/// Charts something, over the screen.
pub(super) fn chart(model: &mut Model, ui: &mut Ui, spec: Spec) {
    model.set_chart(Some(spec));
    let before = match ui.sheet.take() {
        Some(Sheet::Chart(sheet)) => sheet,
        _ => ChartSheet::default(),
    };
    ui.sheet = Some(Sheet::Chart(before));
    ui.mode = Mode::Browse;
}

/// Charts what is typed.
pub(super) fn chart_typed(model: &mut Model, ui: &mut Ui, text: &str) {
    match Spec::parse(text) {
        Ok(spec) => chart(model, ui, spec),
        Err(why) => ui.say(why, Tone::Bad),
    }
}

/// Charts the number of what is selected, or asks which.
pub(super) fn chart_selected(model: &mut Model, ui: &mut Ui) {
    let selected = match ui.screen {
        Screen::Events => ui
            .event
            .and_then(|row| model.ring().get(row))
            .and_then(Row::event)
            .map(|event| (event.topic.to_owned(), numbers(event.payload))),
        Screen::State => super::rows::state(model, ui).map(|state| {
            let of_value = numbers(state.value.as_deref().unwrap_or("").as_bytes()).into_iter();
            let below = |path: Vec<String>| [vec!["value".to_owned()], path].concat();
            (format!("{CHANGED}{}", state.key), of_value.map(below).collect())
        }),
        _ => None,
    };
    match selected {
        Some((filter, numbers)) => match numbers.into_iter().next() {
            Some(path) => chart(model, ui, Spec::Field { filter, path }),
            None => ui.say(
                "the selection has no number: : and `chart FILTER PATH` charts another one",
                Tone::Warn,
            ),
        },
        None => lines::open(ui, LineFor::Chart, "", ""),
    }
}

/// How often what is walked is made anew.
const EVERY: Duration = Duration::from_secs(1);

/// What nobody looks at any more is not kept, and what is looked at is as it is now.
pub(super) fn settle(model: &mut Model, ui: &mut Ui) {
    if model.chart().is_some() && !matches!(ui.sheet, Some(Sheet::Chart(_))) {
        model.set_chart(None);
    }
    let graph = matches!(ui.sheet, Some(Sheet::Graph(_)));
    if model.graph().is_some() != graph {
        model.set_graph(graph);
    }
    let (now, height) = (ui.now, layout::sheet_height(ui));
    let old = |at: Option<Instant>| at.is_none_or(|at| now.saturating_duration_since(at) >= EVERY);
    if let Some(Sheet::Graph(sheet)) = &mut ui.sheet {
        if old(sheet.at) {
            let open = &sheet.open;
            let lines = model.with_graph(|whole| tree::lines(whole, |id| open.contains(id)));
            sheet.lines = lines.unwrap_or_default();
            sheet.at = Some(now);
            sheet.list.find(sheet.lines.iter().map(|line| &*line.id));
        }
        sheet.list.settle(sheet.lines.len(), height);
    }
    if let Some(Sheet::Trace(sheet)) = &mut ui.sheet {
        if old(Some(sheet.at)) {
            // Of an event that is not kept any more, what was seen stays.
            if let Some(trace) = model.trace(sheet.row) {
                sheet.trace = trace;
            }
            sheet.at = now;
        }
        sheet.list.settle(sheet.trace.spans.len(), height);
    }
    if matches!(&ui.sheet, Some(Sheet::Difference(sheet)) if old(sheet.at)) {
        let all = differences(model, ui).unwrap_or_default();
        if let Some(Sheet::Difference(sheet)) = &mut ui.sheet {
            (sheet.all, sheet.at) = (all, Some(now));
        }
    }
    if let Some(Sheet::Difference(sheet)) = &mut ui.sheet {
        sheet.list.settle(sheet.all.len(), height);
    }
}

/// Remembers the state of everything as it is now.
pub(super) fn remember(model: &Model, ui: &mut Ui) {
    ui.remembered = model.snapshot().cloned().map(Box::new);
    match ui.remembered {
        Some(_) => ui.say("remembered: B shows what differs from now on", Tone::Good),
        None => ui.say("nothing was read yet", Tone::Warn),
    }
}

/// Shows what differs from what was remembered.
pub(super) fn compare(ui: &mut Ui) {
    match ui.remembered {
        Some(_) => ui.sheet = Some(Sheet::Difference(DifferenceSheet::default())),
        None => ui.say(
            "nothing is remembered: b does that, here or at another place of a recording",
            Tone::Warn,
        ),
    }
}

fn differences(model: &Model, ui: &Ui) -> Option<Vec<Difference>> {
    Some(past::between(ui.remembered.as_ref()?, model.snapshot()?))
}

/// Shows the trace of an event, over the screen.
fn trace(model: &Model, ui: &mut Ui, row: RowId) {
    let Some(trace) = model.trace(row) else {
        return ui.say("that is no event, or one that is not kept any more", Tone::Warn);
    };
    let list = List {
        at: trace.here,
        ..List::default()
    };
    let at = ui.now;
    ui.sheet = Some(Sheet::Trace(TraceSheet { row, list, trace, at }));
}

/// Shows the trace of the event that is selected.
pub(super) fn trace_selected(model: &Model, ui: &mut Ui) {
    match ui.event.filter(|_| ui.screen == Screen::Events) {
        Some(row) => trace(model, ui, row),
        None => ui.say(
            "no event is selected: do it in Events, or write `trace SEQ`",
            Tone::Warn,
        ),
    }
}

/// Shows the trace of the event with the sequence number that is typed.
pub(super) fn trace_typed(model: &Model, ui: &mut Ui, text: &str) {
    match text.trim_start_matches('#').replace(',', "").parse() {
        Ok(seq) => match model.ring().newest(seq) {
            Some(row) => trace(model, ui, row),
            None => ui.say(
                format!("event {seq} is not kept any more, or did not come yet"),
                Tone::Warn,
            ),
        },
        Err(_) => ui.say(format!("{text:?} is no sequence number, such as 1234"), Tone::Bad),
    }
}

/// A key of what lies over the screen; false for one that is the screen's.
pub(super) fn act(model: &mut Model, ui: &mut Ui, action: Action) -> bool {
    let height = layout::sheet_height(ui);
    if let (Some(sheet), Action::Export) = (&ui.sheet, action) {
        let name = sheet.file();
        lines::open(ui, LineFor::Export, name, "");
        return true;
    }
    match &mut ui.sheet {
        None => false,
        Some(Sheet::Chart(_)) => in_chart(model, ui, action),
        Some(Sheet::Graph(sheet)) => in_graph(sheet, height, action),
        Some(Sheet::Trace(sheet)) => match action {
            Action::Enter => {
                match sheet.trace.spans.get(sheet.list.at).map(|span| span.what.clone()) {
                    Some(What::Event(row)) => find::to_event(model, ui, row, "that event"),
                    _ => ui.say("this is no event that is kept", Tone::Warn),
                }
                true
            }
            _ => travel(&mut sheet.list, sheet.trace.spans.len(), height, action),
        },
        Some(Sheet::Difference(sheet)) => travel(&mut sheet.list, sheet.all.len(), height, action),
    }
}

fn in_graph(sheet: &mut GraphSheet, height: usize, action: Action) -> bool {
    let Some(line) = sheet.lines.get(sheet.list.at) else {
        return false;
    };
    match (action, line.open) {
        (Action::Enter | Action::Later, Some(false)) => {
            sheet.open.insert(line.id.clone());
        }
        (Action::Enter | Action::Earlier, Some(true)) => {
            sheet.open.remove(&line.id);
        }
        (Action::Earlier, _) => {
            let above = sheet.lines[..sheet.list.at]
                .iter()
                .rposition(|above| above.depth < line.depth);
            sheet.list.at = above.unwrap_or(sheet.list.at);
        }
        (Action::Enter | Action::Later, _) => {}
        _ if !travel(&mut sheet.list, sheet.lines.len(), height, action) => return false,
        _ => {}
    }
    sheet.list.id = sheet.lines.get(sheet.list.at).map(|line| line.id.clone());
    sheet.at = None;
    true
}

/// Moves the selection; false for another key.
fn travel(list: &mut List, len: usize, height: usize, action: Action) -> bool {
    let moves = [
        Action::Up,
        Action::Down,
        Action::PageUp,
        Action::PageDown,
        Action::Home,
        Action::End,
    ];
    if moves.contains(&action) {
        list.go(browse::target(action, list.at, height, len), len);
    }
    moves.contains(&action)
}

fn in_chart(model: &mut Model, ui: &mut Ui, action: Action) -> bool {
    let latest = model.history().latest();
    let Some(Sheet::Chart(sheet)) = &mut ui.sheet else {
        return false;
    };
    match action {
        Action::ZoomIn => sheet.zoom(true),
        Action::ZoomOut => sheet.zoom(false),
        Action::Earlier => sheet.scroll(false, latest),
        Action::Later => sheet.scroll(true, latest),
        Action::Pause => sheet.end = if sheet.end.is_some() { None } else { Some(latest) },
        Action::End => sheet.end = None,
        Action::NextNumber | Action::PreviousNumber => {
            let chart = model.chart();
            match chart.and_then(|chart| chart.turned(model.ring(), action == Action::NextNumber)) {
                Some(spec) => chart_again(model, ui, spec),
                None => ui.say("the newest payload has no other number", Tone::Warn),
            }
        }
        _ => return false,
    }
    true
}

/// What lies over the screen as a file of this name; `None` when nothing does.
pub(super) fn export(model: &Model, ui: &Ui, name: &str) -> Option<String> {
    match ui.sheet.as_ref()? {
        Sheet::Chart(sheet) => {
            let seen = view::chart::seen(model, sheet)?;
            Some(svg::svg(&seen, |at| view::chart::clock(at, seen.epoch)))
        }
        Sheet::Graph(_) => model.with_graph(|whole| match name.rsplit_once('.') {
            Some((_, "json")) => format!("{}\n", export::json(&whole)),
            Some((_, "mmd" | "md")) => export::text(&whole, Format::Mermaid),
            _ => export::text(&whole, Format::Dot),
        }),
        Sheet::Difference(sheet) => {
            let lines = sheet.all.iter().map(|one| {
                let line = json!({ "what": one.what, "before": one.before, "after": one.after });
                format!("{line}\n")
            });
            Some(lines.collect())
        }
        Sheet::Trace(sheet) => {
            let of = Of {
                ring: model.ring(),
                epoch: model.epoch(),
                runtime: model.name(),
            };
            let write = if name.ends_with(".otlp.json") {
                otlp
            } else {
                chrome
            };
            Some(format!("{}\n", write(&sheet.trace, of)))
        }
    }
}

fn chart_again(model: &mut Model, ui: &mut Ui, spec: Spec) {
    let title = spec.title();
    chart(model, ui, spec);
    ui.say(title, Tone::Good);
}
