//! After whatever happened: the selection stays on its item and in sight, and what is in sight is known.

use std::time::Duration;

use super::rows;
use crate::facts::Request;
use crate::model::Model;
use crate::ui::{Screen, Ui};
use crate::view::layout;

/// How often what an event led to is looked for again.
const CHAIN_EVERY: Duration = Duration::from_secs(1);

/// Keeps the selection on its item and in sight, after whatever happened.
pub(super) fn settle(model: &Model, ui: &mut Ui) {
    let screen = ui.screen;
    let height = layout::height(ui);
    if screen == Screen::Events {
        let view = model.view();
        let list = &mut ui.lists[screen as usize];
        if ui.follow {
            list.at = view.len().saturating_sub(1);
            list.top = view.len().saturating_sub(height);
            ui.event = view.row(list.at);
        } else if let Some(row) = ui.event {
            let at = view.place(row);
            list.top = (list.top + at).saturating_sub(list.at);
            list.at = at;
        }
    }
    let len = rows::len(model, ui, screen);
    ui.lists[screen as usize].settle(len, height);
    if screen == Screen::Events {
        if !ui.follow && len > 0 {
            ui.event = model.view().row(ui.list().at);
        }
        chain(model, ui);
        let height = layout::tree_height(ui);
        if let Some(tree) = &mut ui.tree {
            tree.settle(ui.tree_len, height);
        }
    }
}

/// Looks for what led to the selected event and what it led to, when it is shown and not known.
fn chain(model: &Model, ui: &mut Ui) {
    if layout::panes(ui).detail.is_none() {
        return;
    }
    let Some(row) = ui.event else {
        ui.chain = None;
        return;
    };
    let known = ui
        .chain
        .as_ref()
        .is_some_and(|(of, at, _)| *of == row && ui.now.saturating_duration_since(*at) < CHAIN_EVERY);
    if !known {
        ui.chain = Some((row, ui.now, model.chain(row)));
    }
}

/// What of the storage is wanted: what is in sight and not read yet, one thing at a time.
pub(super) fn wanted(model: &Model, ui: &Ui) -> Option<Request> {
    if ui.screen != Screen::Storage || ui.options.replay || !model.is_open() {
        return None;
    }
    let top = ui.list().top.min(ui.storage.rows.len());
    let end = (top + layout::height(ui)).min(ui.storage.rows.len());
    ui.storage
        .wanted(rows::stored(ui), ui.storage.rows.get(top..end).unwrap_or(&[]))
}
