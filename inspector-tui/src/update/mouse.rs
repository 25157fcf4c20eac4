//! The mouse: tabs, rows and the wheel.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::{Effect, browse, lines};
use crate::keys::Action;
use crate::model::Model;
use crate::ui::sheet::Sheet;
use crate::ui::{Mode, Screen, Ui};
use crate::view::{self, layout};

/// How many rows a turn of the wheel is.
const WHEEL: usize = 3;

/// A click or a turn of the wheel.
pub(super) fn mouse(model: &mut Model, ui: &mut Ui, event: MouseEvent, effects: &mut Vec<Effect>) {
    let at = Position::new(event.column, event.row);
    let turned = match event.kind {
        MouseEventKind::ScrollUp => Some(Action::Up),
        MouseEventKind::ScrollDown => Some(Action::Down),
        _ => None,
    };
    match (&ui.mode, turned) {
        (Mode::Browse, Some(turn)) if ui.sheet.is_some() => {
            let turn = match (&ui.sheet, turn) {
                (Some(Sheet::Chart(_)), Action::Up) => Action::ZoomIn,
                (Some(Sheet::Chart(_)), _) => Action::ZoomOut,
                (_, turn) => turn,
            };
            browse::act(model, ui, turn, effects);
        }
        (Mode::Browse, Some(turn)) => wheel(model, ui, at, turn, effects),
        (Mode::Browse | Mode::Line(_), None) if event.kind == MouseEventKind::Down(MouseButton::Left) => {
            click(model, ui, at, effects);
        }
        (Mode::Help(_), Some(turn)) => (0..WHEEL).for_each(|_| lines::help(ui, turn)),
        (Mode::Outcome(_), Some(turn)) => super::dialogs::act(model, ui, turn, effects),
        _ => {}
    }
}

fn wheel(model: &mut Model, ui: &mut Ui, at: Position, turn: Action, effects: &mut Vec<Effect>) {
    let panes = layout::panes(ui);
    let over = |area: Option<Rect>| area.is_some_and(|area| area.contains(at));
    let turn = match turn {
        Action::Up if over(panes.detail) => Action::DetailUp,
        Action::Down if over(panes.detail) => Action::DetailDown,
        turn => turn,
    };
    if let Action::Up | Action::Down = turn {
        ui.tree_focus = over(panes.tree);
    }
    for _ in 0..WHEEL {
        browse::act(model, ui, turn, effects);
    }
}

fn click(model: &mut Model, ui: &mut Ui, at: Position, effects: &mut Vec<Effect>) {
    let parts = layout::parts(ui);
    if parts.tabs.contains(at) {
        let tabs = layout::tabs(ui, view::notes(model));
        for (screen, (x, width)) in Screen::ALL.into_iter().zip(tabs) {
            if (x..x + width).contains(&at.x) {
                browse::show(model, ui, screen);
            }
        }
        return;
    }
    if ui.sheet.is_some() {
        return;
    }
    let panes = layout::panes(ui);
    if let Some(tree) = panes.tree.map(layout::inside)
        && tree.contains(at)
    {
        ui.tree_focus = true;
        let len = ui.tree_len;
        if let Some(list) = &mut ui.tree {
            let row = list.top + usize::from(at.y - tree.y);
            let again = list.at == row;
            list.go(row, len);
            if again {
                browse::act(model, ui, Action::Enter, effects);
            }
        }
        return;
    }
    let area = if ui.screen == Screen::Overview {
        view::overview::rows(ui)
    } else {
        layout::rows(panes.list)
    };
    if area.contains(at) {
        ui.tree_focus = false;
        let row = ui.list().top + usize::from(at.y - area.y);
        if row < super::rows::len(model, ui, ui.screen) {
            // A second click on a row opens it, as Enter does.
            let again = ui.list().at == row && !(ui.screen == Screen::Events && ui.follow);
            browse::go(model, ui, row);
            if again {
                browse::act(model, ui, Action::Enter, effects);
            }
        }
    }
}
