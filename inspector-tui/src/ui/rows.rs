//! The rows of the lists: which of the model's things are shown, in which order, and which is selected.

use std::cmp::Reverse;

use super::cells::{columns, plugin_cells, service_cells, state_cells, warning_cells};
use crate::facts::{Plugin, Service, State};
use crate::filter::ListFilter;
use crate::model::Model;
use crate::ui::storage::Row;
use crate::ui::{Screen, Ui};
use crate::warnings::Warning;

/// How many orders the Plugins screen has.
pub const PLUGIN_SORTS: [&str; 5] = ["slot", "name", "worst", "lag", "errors"];
/// How many orders the Services screen has.
pub const SERVICE_SORTS: [&str; 4] = ["name", "calls", "errors", "worst"];

/// The plugins, or none before the first snapshot.
pub fn plugins(model: &Model) -> &[Plugin] {
    model.snapshot().map_or(&[], |snapshot| &snapshot.plugins)
}

/// The services.
pub fn services(model: &Model) -> &[Service] {
    model.snapshot().map_or(&[], |snapshot| &snapshot.services)
}

/// The state entries.
pub fn states(model: &Model) -> &[State] {
    model.snapshot().map_or(&[], |snapshot| &snapshot.states)
}

/// What a warning is found again by.
pub fn warning_id(warning: &Warning) -> String {
    format!("{:?}/{}/{}", warning.kind, warning.plugin, warning.about)
}

/// How many rows a screen's list has.
pub fn len(model: &Model, ui: &Ui, screen: Screen) -> usize {
    match screen {
        Screen::Events => model.view().len(),
        Screen::Storage => ui.storage.rows.len(),
        screen => ui.lists[screen as usize].rows.len(),
    }
}

/// What the row of a list is found again by.
pub fn id(model: &Model, ui: &Ui, screen: Screen, at: usize) -> Option<String> {
    let index = || ui.lists[screen as usize].rows.get(at).copied();
    match screen {
        Screen::Overview | Screen::Plugins => {
            plugins(model).get(index()?).map(|plugin| plugin.name.to_string())
        }
        Screen::Services => services(model)
            .get(index()?)
            .map(|service| service.name.to_string()),
        Screen::State => states(model).get(index()?).map(|state| state.key.to_string()),
        Screen::Storage => ui.storage.rows.get(at).map(Row::id),
        Screen::Warnings => model.warnings().iter().nth(index()?).map(warning_id),
        Screen::Events => model.view().row(at).map(|row| row.to_string()),
    }
}

/// The plugin that is selected.
pub fn plugin<'a>(model: &'a Model, ui: &Ui) -> Option<&'a Plugin> {
    let list = ui.list();
    plugins(model).get(*list.rows.get(list.at)?)
}

/// The service that is selected.
pub fn service<'a>(model: &'a Model, ui: &Ui) -> Option<&'a Service> {
    let list = ui.list();
    services(model).get(*list.rows.get(list.at)?)
}

/// The state entry that is selected.
pub fn state<'a>(model: &'a Model, ui: &Ui) -> Option<&'a State> {
    let list = ui.list();
    states(model).get(*list.rows.get(list.at)?)
}

/// The warning that is selected.
pub fn warning<'a>(model: &'a Model, ui: &Ui) -> Option<&'a Warning> {
    let list = ui.list();
    model.warnings().iter().nth(*list.rows.get(list.at)?)
}

/// The row of the storage that is selected.
pub fn stored(ui: &Ui) -> Option<&Row> {
    ui.storage.rows.get(ui.list().at)
}

/// The rows that pass.
fn passing<'a, T>(all: &'a [T], passes: impl Fn(&T) -> bool + 'a) -> impl Iterator<Item = usize> + 'a {
    let rows = all.iter().enumerate();
    rows.filter(move |(_, row)| passes(row)).map(|(at, _)| at)
}

/// Lays out the rows of a screen anew: after a snapshot, an answer, or another filter or order.
pub fn refresh(model: &Model, ui: &mut Ui, screen: Screen) {
    let list = &mut ui.lists[screen as usize];
    if let Some(columns) = columns(screen) {
        match ListFilter::new(&list.filter, columns) {
            Ok(filter) => (list.passing, list.fault) = (filter, None),
            Err(fault) => list.fault = Some(fault),
        }
    }
    let (filter, sort) = (&list.passing, list.sort);
    let mut rows: Vec<usize> = Vec::new();
    match screen {
        Screen::Overview | Screen::Plugins => {
            let all = plugins(model);
            rows.extend(passing(all, |plugin| filter.passes(&plugin_cells(plugin))));
            let get = |at: &usize| all.get(*at);
            match PLUGIN_SORTS.get(sort) {
                Some(&"name") => rows.sort_by_key(|at| get(at).map(|plugin| plugin.name.clone())),
                Some(&"worst") => {
                    rows.sort_by_key(|at| Reverse(get(at).map(|plugin| plugin.counters.worst_micros)))
                }
                Some(&"lag") => rows.sort_by_key(|at| Reverse(get(at).map(|plugin| plugin.counters.lag))),
                Some(&"errors") => {
                    rows.sort_by_key(|at| Reverse(get(at).map(|plugin| plugin.counters.errors)))
                }
                _ => {}
            }
        }
        Screen::Services => {
            let all = services(model);
            rows.extend(passing(all, |service| filter.passes(&service_cells(service))));
            let get = |at: &usize| all.get(*at);
            match SERVICE_SORTS.get(sort) {
                Some(&"calls") => rows.sort_by_key(|at| Reverse(get(at).map(|service| service.calls))),
                Some(&"errors") => rows.sort_by_key(|at| Reverse(get(at).map(|service| service.errors))),
                Some(&"worst") => rows.sort_by_key(|at| Reverse(get(at).map(|service| service.worst_micros))),
                _ => rows.sort_by_key(|at| get(at).map(|service| service.name.clone())),
            }
        }
        Screen::State => {
            let all = states(model);
            rows.extend(passing(all, |state| filter.passes(&state_cells(state))));
            rows.sort_by_key(|at| all.get(*at).map(|state| state.key.clone()));
        }
        Screen::Warnings => {
            let all = model.warnings().iter().enumerate();
            rows.extend(
                all.filter(|(_, warning)| filter.passes(&warning_cells(warning)))
                    .map(|(at, _)| at),
            );
        }
        Screen::Storage => ui.storage.lay_out(filter),
        Screen::Events => return,
    }
    ui.lists[screen as usize].rows = rows;
    if let Some(wanted) = ui.lists[screen as usize].id.clone() {
        let found =
            (0..len(model, ui, screen)).find(|at| id(model, ui, screen, *at).as_deref() == Some(&*wanted));
        if let Some(found) = found {
            let list = &mut ui.lists[screen as usize];
            // The rows around it move with it.
            list.top = (list.top + found).saturating_sub(list.at);
            list.at = found;
        }
    }
}

/// Remembers what is selected now, so that it is found again.
pub fn remember(model: &Model, ui: &mut Ui) {
    let (screen, at) = (ui.screen, ui.list().at);
    ui.list_mut().id = id(model, ui, screen, at);
}

/// Counts the lines of the topic tree: not for every event.
pub fn count_tree(model: &Model, ui: &mut Ui) {
    if ui.tree.is_some() {
        ui.tree_len = model.topics().line_count(|node| !ui.folded.contains(&node));
    }
}
