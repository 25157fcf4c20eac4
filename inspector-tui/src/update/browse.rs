//! Keys on the screens themselves.

use super::{Effect, ask, find, lines, replay, rows, send, sheets, text};
use crate::chart::Spec;
use crate::facts::{Action as Manage, Command, Request};
use crate::keys::Action;
use crate::model::Model;
use crate::theme::Tone;
use crate::ui::form::Form;
use crate::ui::list::List;
use crate::ui::sheet::{GraphSheet, Sheet};
use crate::ui::storage::Row;
use crate::ui::{Letter, LineFor, Mode, Palette, Screen, Ui};
use crate::view::layout;

/// Does an action.
pub(super) fn act(model: &mut Model, ui: &mut Ui, action: Action, effects: &mut Vec<Effect>) {
    if sheets::act(model, ui, action) {
        return;
    }
    match action {
        Action::Overview => show(model, ui, Screen::Overview),
        Action::Events => show(model, ui, Screen::Events),
        Action::Plugins => show(model, ui, Screen::Plugins),
        Action::Services => show(model, ui, Screen::Services),
        Action::State => show(model, ui, Screen::State),
        Action::Storage => show(model, ui, Screen::Storage),
        Action::Warnings => show(model, ui, Screen::Warnings),
        Action::NextScreen | Action::PreviousScreen => {
            let by = if action == Action::NextScreen {
                1
            } else {
                Screen::ALL.len() - 1
            };
            let next = (ui.screen as usize + by) % Screen::ALL.len();
            if let Some(screen) = Screen::ALL.get(next) {
                show(model, ui, *screen);
            }
        }
        Action::Help => ui.mode = Mode::Help(0),
        Action::Palette => ui.mode = Mode::Palette(Palette::default()),
        Action::Back => back(model, ui),
        Action::Chart => sheets::chart_selected(model, ui),
        Action::Rates => sheets::chart(model, ui, Spec::Rate(">".to_owned())),
        Action::Capacities => sheets::chart(model, ui, Spec::Capacities),
        Action::Latency => sheets::chart(model, ui, Spec::Latency),
        Action::Trace => sheets::trace_selected(model, ui),
        Action::Graph => ui.sheet = Some(Sheet::Graph(GraphSheet::default())),
        Action::Remember => sheets::remember(model, ui),
        Action::Compare => sheets::compare(ui),
        Action::Publish => ask::publish(model, ui),
        Action::Record => match model.recording() {
            _ if ui.options.replay => ui.say("this is a recording already", Tone::Warn),
            Ok(Some(_)) => effects.push(Effect::Send(Command::Record(None))),
            _ => lines::open(ui, LineFor::Record, "recording.ndjson", ""),
        },
        Action::Reconnect => {
            if model.is_open() {
                ui.say("connected already", Tone::Good);
            } else {
                effects.push(Effect::Send(Command::Reconnect));
            }
        }
        Action::Redraw => effects.push(Effect::Redraw),
        Action::Suspend => effects.push(Effect::Suspend),
        Action::Quit => effects.push(Effect::Quit),
        Action::Up | Action::Down | Action::PageUp | Action::PageDown | Action::Home | Action::End => {
            travel(model, ui, action);
        }
        Action::Enter => enter(model, ui),
        Action::DetailUp => ui.list_mut().scroll = ui.list().scroll.saturating_sub(1),
        Action::DetailDown => {
            let most = crate::view::detail_lines(model, ui).saturating_sub(1);
            let list = ui.list_mut();
            list.scroll = (list.scroll + 1).min(most);
        }
        Action::Filter => {
            let filter = ui.list().filter.clone();
            lines::open(ui, LineFor::Filter, &filter, &filter);
        }
        Action::FilterFrom => find::filter_from(model, ui),
        Action::Search => {
            let before = ui.search.clone();
            lines::open(ui, LineFor::Search, "", &before);
            lines::typed(model, ui);
        }
        Action::SearchNext => find::search(model, ui, true, false),
        Action::SearchPrevious => find::search(model, ui, false, false),
        Action::Mark => ui.mode = Mode::Letter(Letter::Mark),
        Action::Jump => ui.mode = Mode::Letter(Letter::Jump),
        Action::Copy => match text::selected(model, ui) {
            Some(text) => {
                ui.say(format!("copied {} bytes", text.len()), Tone::Good);
                effects.push(Effect::Copy(text));
            }
            None => ui.say("there is nothing selected to copy", Tone::Warn),
        },
        Action::Export => {
            let name = format!("{}.ndjson", ui.screen.title().to_lowercase());
            lines::open(ui, LineFor::Export, &name, "");
        }
        Action::Pause => {
            ui.follow = !ui.follow;
            if ui.follow {
                ui.list_mut().scroll = 0;
            }
        }
        Action::Tree => {
            ui.tree = match ui.tree {
                Some(_) => None,
                None => Some(List::default()),
            };
            ui.tree_focus = ui.tree.is_some();
        }
        Action::Focus => ui.tree_focus = ui.tree.is_some() && !ui.tree_focus,
        Action::Cause => find::cause(model, ui),
        Action::Sort => {
            let orders: &[&str] = if ui.screen == Screen::Plugins {
                &rows::PLUGIN_SORTS
            } else {
                &rows::SERVICE_SORTS
            };
            let next = (ui.list().sort + 1) % orders.len();
            ui.list_mut().sort = next;
            let screen = ui.screen;
            rows::remember(model, ui);
            rows::refresh(model, ui, screen);
            ui.say(
                format!("ordered by {}", orders.get(next).unwrap_or(&"")),
                Tone::Good,
            );
        }
        Action::Start => ask::manage(model, ui, Manage::Start),
        Action::Stop => ask::manage(model, ui, Manage::Stop),
        Action::Reload => ask::manage(model, ui, Manage::Reload),
        Action::Call => match rows::service(model, ui) {
            Some(service) => {
                let service = service.name.to_string();
                ui.mode = Mode::Form(Form::call(&service));
                if model.is_open() {
                    let question = serde_json::json!({"name": service}).to_string();
                    send(model, ui, Request::Describe { service, question }, effects);
                }
            }
            None => ui.say("there is no service selected", Tone::Warn),
        },
        Action::Edit => ask::edit(model, ui),
        Action::Delete => ask::delete(model, ui),
        Action::New => ask::new(ui),
        Action::Refresh => {
            if model.is_open() {
                ui.storage.forget();
                rows::refresh(model, ui, Screen::Storage);
            } else {
                ui.say("not connected: nothing can be read", Tone::Warn);
            }
        }
        Action::PlayPause
        | Action::Slower
        | Action::Faster
        | Action::SeekBack
        | Action::SeekForward
        | Action::StepBack
        | Action::StepForward => replay::act(model, action, effects),
        Action::Seek => lines::open(ui, LineFor::Seek, "", ""),
        Action::ZoomIn
        | Action::ZoomOut
        | Action::Earlier
        | Action::Later
        | Action::NextNumber
        | Action::PreviousNumber
        | Action::Send
        | Action::NextField
        | Action::PreviousField
        | Action::Cancel
        | Action::Again
        | Action::Accept => {}
    }
}

/// Shows a screen.
pub(super) fn show(model: &Model, ui: &mut Ui, screen: Screen) {
    ui.screen = screen;
    ui.sheet = None;
    ui.mode = Mode::Browse;
    rows::refresh(model, ui, screen);
}

/// Selects a row.
pub(super) fn go(model: &Model, ui: &mut Ui, at: usize) {
    let len = rows::len(model, ui, ui.screen);
    ui.list_mut().go(at, len);
    if ui.screen == Screen::Events {
        ui.follow = false;
        ui.event = model.view().row(ui.list().at);
    } else {
        rows::remember(model, ui);
    }
}

fn travel(model: &Model, ui: &mut Ui, action: Action) {
    if ui.screen == Screen::Events && ui.tree_focus {
        let (len, page) = (ui.tree_len, layout::tree_height(ui));
        if let Some(tree) = &mut ui.tree {
            let at = target(action, tree.at, page, len);
            tree.go(at, len);
        }
        return;
    }
    let page = layout::height(ui);
    let len = rows::len(model, ui, ui.screen);
    let at = target(action, ui.list().at, page, len);
    if ui.screen == Screen::Events && action == Action::End {
        ui.follow = true;
        ui.list_mut().scroll = 0;
        return;
    }
    go(model, ui, at);
}

pub(super) fn target(action: Action, at: usize, page: usize, len: usize) -> usize {
    match action {
        Action::Up => at.saturating_sub(1),
        Action::Down => at + 1,
        Action::PageUp => at.saturating_sub(page.saturating_sub(1).max(1)),
        Action::PageDown => at + page.saturating_sub(1).max(1),
        Action::Home => 0,
        _ => len,
    }
}

/// Up: closes the nearest thing that is open.
fn back(model: &mut Model, ui: &mut Ui) {
    if ui.sheet.take().is_some() {
    } else if ui.screen == Screen::Events && ui.tree_focus {
        ui.tree_focus = false;
    } else if ui.list().detail == Some(true) {
        ui.list_mut().detail = None;
    } else if !ui.search.is_empty() {
        lines::look_for(model, ui, "");
    } else if !ui.list().filter.is_empty() {
        lines::filter(model, ui, "");
    } else if ui.screen != Screen::Overview {
        show(model, ui, Screen::Overview);
    }
}

fn enter(model: &mut Model, ui: &mut Ui) {
    match ui.screen {
        Screen::Overview => {
            let name = rows::plugin(model, ui).map(|plugin| plugin.name.to_string());
            find::show_item(model, ui, Screen::Plugins, name);
        }
        Screen::Events if ui.tree_focus => {
            let line = ui.tree.as_ref().and_then(|tree| {
                let open = |node| !ui.folded.contains(&node);
                model.topics().lines(open, tree.at, 1).into_iter().next()
            });
            match line {
                Some(line) if line.others => {}
                Some(line) if line.children > 0 && ui.folded.remove(&line.node) => {}
                Some(line) if line.children > 0 => {
                    ui.folded.insert(line.node);
                }
                Some(line) => find::add_filter(model, ui, &format!("topic:{}", find::quoted(&line.path))),
                None => {}
            }
        }
        Screen::Storage => {
            if let Some(Row::Namespace(name, _)) = rows::stored(ui).cloned() {
                rows::remember(model, ui);
                ui.storage.toggle(&name);
                rows::refresh(model, ui, Screen::Storage);
            } else {
                toggle_detail(ui);
            }
        }
        _ => toggle_detail(ui),
    }
}

fn toggle_detail(ui: &mut Ui) {
    let shown = layout::panes(ui).detail.is_some();
    let list = ui.list_mut();
    list.detail = Some(!shown);
    list.scroll = 0;
}
