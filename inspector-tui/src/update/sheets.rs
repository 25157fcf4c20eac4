//! What lies over a screen: opened, moved and closed.

use super::lines;
use crate::chart::{Spec, numbers, svg};
use crate::keys::Action;
use crate::model::Model;
use crate::ring::Row;
use crate::theme::Tone;
use crate::ui::sheet::{ChartSheet, Sheet};
use crate::ui::{LineFor, Mode, Screen, Ui};
use crate::view;

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
            (
                format!("state.changed.{}", state.key),
                of_value.map(below).collect(),
            )
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

/// What nobody looks at any more is not kept.
pub(super) fn settle(model: &mut Model, ui: &Ui) {
    if model.chart().is_some() && !matches!(ui.sheet, Some(Sheet::Chart(_))) {
        model.set_chart(None);
    }
}

/// A key of what lies over the screen; false for one that is the screen's.
pub(super) fn act(model: &mut Model, ui: &mut Ui, action: Action) -> bool {
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
        Action::Export => lines::open(ui, LineFor::Export, "chart.svg", ""),
        _ => return false,
    }
    true
}

/// What lies over the screen as a file; `None` when nothing does.
pub(super) fn export(model: &Model, ui: &Ui) -> Option<String> {
    let Sheet::Chart(sheet) = ui.sheet.as_ref()?;
    let seen = view::chart::seen(model, sheet)?;
    Some(svg::svg(&seen, |at| view::chart::clock(at, seen.epoch)))
}

fn chart_again(model: &mut Model, ui: &mut Ui, spec: Spec) {
    let title = spec.title();
    chart(model, ui, spec);
    ui.say(title, Tone::Good);
}
