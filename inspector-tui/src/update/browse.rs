//! Keys on the screens themselves.

use super::{Effect, is_open, lines, rows, text};
use crate::facts::{Action as Manage, Cause, Command, Request};
use crate::keys::Action;
use crate::model::Model;
use crate::ring::Row as EventRow;
use crate::search::{SearchState, Way};
use crate::theme::Tone;
use crate::ui::form::Form;
use crate::ui::list::List;
use crate::ui::storage::{Row, Value};
use crate::ui::{Letter, LineFor, Mark, Mode, Palette, Screen, Ui};
use crate::view::layout;

/// The most rows that are searched for one key press.
const SEARCHED: usize = 200_000;

/// Does an action.
pub(super) fn act(model: &mut Model, ui: &mut Ui, action: Action, effects: &mut Vec<Effect>) {
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
        Action::Publish => publish(model, ui),
        Action::Record => match model.recording() {
            _ if ui.options.replay => ui.say("this is a recording already", Tone::Warn),
            Ok(Some(_)) => effects.push(Effect::Send(Command::Record(None))),
            _ => lines::open(ui, LineFor::Record, "recording.ndjson", ""),
        },
        Action::Reconnect => {
            if is_open(model) {
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
        Action::FilterFrom => filter_from(model, ui),
        Action::Search => {
            let before = ui.search.clone();
            lines::open(ui, LineFor::Search, "", &before);
            lines::typed(model, ui);
        }
        Action::SearchNext => search(model, ui, true, false),
        Action::SearchPrevious => search(model, ui, false, false),
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
        Action::Cause => cause(model, ui),
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
        Action::Start => manage(model, ui, Manage::Start),
        Action::Stop => manage(model, ui, Manage::Stop),
        Action::Reload => manage(model, ui, Manage::Reload),
        Action::Call => match rows::service(model, ui) {
            Some(service) => ui.mode = Mode::Form(Form::call(&service.name)),
            None => ui.say("there is no service selected", Tone::Warn),
        },
        Action::Edit => edit(model, ui),
        Action::Delete => delete(model, ui),
        Action::New => new(ui),
        Action::Refresh => {
            if is_open(model) {
                ui.storage.forget();
                rows::refresh(model, ui, Screen::Storage);
            } else {
                ui.say("not connected: nothing can be read", Tone::Warn);
            }
        }
        Action::Send
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

fn target(action: Action, at: usize, page: usize, len: usize) -> usize {
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
    if ui.screen == Screen::Events && ui.tree_focus {
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
            find(model, ui, Screen::Plugins, name);
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
                Some(line) => add_filter(model, ui, &format!("topic:{}", quoted(&line.path))),
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

/// Shows a screen with this item selected.
fn find(model: &Model, ui: &mut Ui, screen: Screen, id: Option<String>) {
    let Some(id) = id else { return };
    ui.screen = screen;
    ui.list_mut().filter.clear();
    ui.list_mut().id = Some(id);
    rows::refresh(model, ui, screen);
}

/// A text as a filter takes it: quoted where it has to be.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '*' | '>' | '/');
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// Adds a term to the filter, before the jq expression where there is one.
fn add_filter(model: &mut Model, ui: &mut Ui, term: &str) {
    let before = ui.list().filter.clone();
    let (terms, jq) = match before.split_once(" | ") {
        Some((terms, jq)) => (terms.trim(), format!(" | {jq}")),
        None => (before.trim(), String::new()),
    };
    if terms.split_whitespace().any(|known| known == term) {
        ui.say(format!("the filter has {term} already"), Tone::Warn);
        return;
    }
    let text = if terms.is_empty() {
        format!("{term}{jq}")
    } else {
        format!("{terms} {term}{jq}")
    };
    lines::filter(model, ui, &text);
    ui.say(format!("filter: {text}"), Tone::Good);
}

/// The filter from the selection.
fn filter_from(model: &mut Model, ui: &mut Ui) {
    let owner = match ui.screen {
        Screen::Events if ui.tree_focus => {
            let line = ui.tree.as_ref().and_then(|tree| {
                let open = |node| !ui.folded.contains(&node);
                model.topics().lines(open, tree.at, 1).into_iter().next()
            });
            if let Some(line) = line {
                let path = if line.children > 0 {
                    format!("{}.>", line.path)
                } else {
                    line.path
                };
                add_filter(model, ui, &format!("topic:{}", quoted(&path)));
            }
            return;
        }
        Screen::Events => {
            ui.mode = Mode::Letter(Letter::Filter);
            return;
        }
        Screen::Overview | Screen::Plugins => rows::plugin(model, ui).map(|plugin| plugin.name.clone()),
        Screen::Services => rows::service(model, ui).map(|service| service.owner.clone()),
        Screen::State => rows::state(model, ui).map(|state| state.owner.clone()),
        Screen::Storage => rows::stored(ui).and_then(Row::namespace).map(Into::into),
        Screen::Warnings => rows::warning(model, ui).map(|warning| warning.plugin.clone()),
    };
    match owner.filter(|owner| !owner.is_empty()) {
        Some(owner) => {
            show(model, ui, Screen::Events);
            lines::filter(model, ui, "");
            add_filter(model, ui, &format!("src:{}", quoted(&owner)));
        }
        None => ui.say("there is nothing selected to filter by", Tone::Warn),
    }
}

/// A letter that was waited for.
pub(super) fn letter(model: &mut Model, ui: &mut Ui, letter: Letter, c: char) {
    match letter {
        Letter::Mark => {
            let (screen, at) = (ui.screen, ui.list().at);
            match rows::id(model, ui, screen, at) {
                Some(id) => {
                    ui.marks.insert(c, Mark { screen, id });
                    ui.say(format!("mark {c} is set"), Tone::Good);
                }
                None => ui.say("there is nothing selected to mark", Tone::Warn),
            }
        }
        Letter::Jump => jump(model, ui, c),
        Letter::Filter => {
            let Some(EventRow::Event(event)) = ui.event.and_then(|row| model.ring().get(row)) else {
                ui.say("there is no event selected to filter by", Tone::Warn);
                return;
            };
            let branch = match event.topic.rsplit_once('.') {
                Some((branch, _)) => format!("{branch}.>"),
                None => event.topic.to_owned(),
            };
            let term = match c {
                't' => format!("topic:{}", quoted(event.topic)),
                'b' => format!("topic:{}", quoted(&branch)),
                's' => format!("src:{}", quoted(event.source)),
                'T' => format!("!topic:{}", quoted(event.topic)),
                'S' => format!("!src:{}", quoted(event.source)),
                _ => {
                    ui.say(format!("{c:?} is none of t, b, s, T and S"), Tone::Warn);
                    return;
                }
            };
            add_filter(model, ui, &term);
        }
    }
}

fn jump(model: &mut Model, ui: &mut Ui, c: char) {
    let Some(mark) = ui.marks.get(&c).cloned() else {
        ui.say(format!("there is no mark {c}"), Tone::Warn);
        return;
    };
    if mark.screen != Screen::Events {
        find(model, ui, mark.screen, Some(mark.id));
        return;
    }
    let Some(row) = mark
        .id
        .parse()
        .ok()
        .filter(|row| model.ring().get(*row).is_some())
    else {
        ui.say(format!("the event of mark {c} is not kept any more"), Tone::Warn);
        return;
    };
    show(model, ui, Screen::Events);
    let at = model.view().place(row);
    let hidden = model.view().row(at) != Some(row);
    go(model, ui, at);
    if hidden {
        ui.say(
            format!("the filter hides the event of mark {c}: this is the one after it"),
            Tone::Warn,
        );
    }
}

/// Goes to the event that led to the selected one.
fn cause(model: &mut Model, ui: &mut Ui) {
    let Some(row) = ui.event else { return };
    let Some(EventRow::Event(event)) = model.ring().get(row) else {
        ui.say("no event is selected", Tone::Warn);
        return;
    };
    let said = match event.cause {
        Cause::None => Err("nothing the runtime knows of led to it".to_owned()),
        Cause::Call(call) => Err(format!("the answering of call {call} led to it")),
        Cause::Event(seq) => model
            .ring()
            .find(row, seq)
            .ok_or_else(|| format!("event {seq} is not kept any more")),
    };
    match said {
        Ok(found) => {
            let at = model.view().place(found);
            let hidden = model.view().row(at) != Some(found);
            if hidden {
                ui.say(
                    "the filter hides the event that led to it: this is the one after it",
                    Tone::Warn,
                );
            }
            go(model, ui, at);
        }
        Err(why) => ui.say(why, Tone::Warn),
    }
}

/// Goes to the next row that has what is looked for; `here` when the selected one counts too.
pub(super) fn search(model: &mut Model, ui: &mut Ui, forward: bool, here: bool) {
    if ui.search.is_empty() {
        ui.say("nothing is looked for: s starts a search", Tone::Warn);
        return;
    }
    if ui.screen == Screen::Events {
        seek(model, ui, forward, here);
        return;
    }
    let len = rows::len(model, ui, ui.screen);
    let at = ui.list().at;
    let found = {
        let hit = |at: &usize| matches(model, ui, *at);
        let from = if here { at } else { at + 1 };
        if forward {
            (from..len).take(SEARCHED).find(hit)
        } else {
            (0..at.min(len)).rev().take(SEARCHED).find(hit)
        }
    };
    match found {
        Some(found) => go(model, ui, found),
        None => {
            let way = if forward { "after" } else { "before" };
            ui.say(format!("{:?} is not found {way} this row", ui.search), Tone::Warn);
        }
    }
}

/// Has the events looked through, in slices: what is found comes with a later tick.
fn seek(model: &mut Model, ui: &mut Ui, forward: bool, here: bool) {
    let Some(row) = ui.event else {
        ui.say("there is no event to look through", Tone::Warn);
        return;
    };
    let has = here && model.ring().get(row).is_some_and(|row| model.search().has(&row));
    if !has {
        model
            .search_mut()
            .look(row, if forward { Way::Newer } else { Way::Older });
        ui.seeking = true;
    }
    // What is found is not to be run away from.
    ui.follow = false;
}

/// Goes to what the search has found meanwhile.
pub(super) fn sought(model: &Model, ui: &mut Ui) {
    if !ui.seeking {
        return;
    }
    match model.search().state() {
        SearchState::Looking => return,
        SearchState::Found(row) if ui.screen == Screen::Events => go(model, ui, model.view().place(row)),
        SearchState::Nowhere => ui.say(format!("no event that way has {:?}", ui.search), Tone::Warn),
        SearchState::Found(_) | SearchState::Idle => {}
    }
    ui.seeking = false;
}

fn matches(model: &Model, ui: &Ui, at: usize) -> bool {
    let needle = ui.search.as_str();
    let has = |texts: &[&str]| texts.iter().any(|text| text.to_lowercase().contains(needle));
    let index = || ui.list().rows.get(at).copied().unwrap_or(usize::MAX);
    match ui.screen {
        Screen::Events => false,
        Screen::Overview | Screen::Plugins => rows::plugins(model).get(index()).is_some_and(|plugin| {
            has(&[
                &plugin.name,
                plugin.state.as_str(),
                &plugin.error.0,
                &plugin.error.1,
            ])
        }),
        Screen::Services => rows::services(model)
            .get(index())
            .is_some_and(|service| has(&[&service.name, &service.owner])),
        Screen::State => rows::states(model)
            .get(index())
            .is_some_and(|state| has(&[&state.key, &state.owner, state.value.as_deref().unwrap_or("")])),
        Screen::Storage => match ui.storage.rows.get(at) {
            Some(Row::Namespace(name, _)) => has(&[name]),
            Some(Row::Key(_, key)) => has(&[key]),
            _ => false,
        },
        Screen::Warnings => model
            .warnings()
            .iter()
            .nth(index())
            .is_some_and(|warning| has(&[&warning.plugin, &warning.what])),
    }
}

fn publish(model: &Model, ui: &mut Ui) {
    let selected = if ui.screen == Screen::Events {
        ui.event
    } else {
        None
    };
    let event = selected
        .and_then(|row| model.ring().get(row))
        .and_then(EventRow::event);
    let topic = event.map_or("", |event| event.topic);
    ui.mode = Mode::Form(Form::publish(topic));
}

fn manage(model: &Model, ui: &mut Ui, action: Manage) {
    match rows::plugin(model, ui) {
        Some(plugin) => {
            let plugin = plugin.name.to_string();
            ui.mode = Mode::Question(Request::Manage { action, plugin }, None);
        }
        None => ui.say("there is no plugin selected", Tone::Warn),
    }
}

fn edit(model: &Model, ui: &mut Ui) {
    if ui.screen == Screen::State {
        match rows::state(model, ui) {
            Some(state) => match &state.value {
                Some(value) => {
                    let left = model.ttl_left(state, ui.now).map(|left| left.as_millis() as u64);
                    ui.mode = Mode::Form(Form::state(&state.key, value, state.version, left));
                }
                None => ui.say(
                    "the value is too long for the link: it cannot be edited here",
                    Tone::Warn,
                ),
            },
            None => ui.say("there is no key selected", Tone::Warn),
        }
        return;
    }
    let Some(Row::Key(namespace, key)) = rows::stored(ui).cloned() else {
        ui.say("there is no key selected", Tone::Warn);
        return;
    };
    match ui.storage.values.get(&(namespace.clone(), key.clone())) {
        Some(Value::Json(value)) => ui.mode = Mode::Form(Form::storage(&namespace, &key, value)),
        Some(Value::Absent) => ui.mode = Mode::Form(Form::storage(&namespace, &key, "null")),
        Some(Value::Failed(why)) => ui.say(format!("its value could not be read: {why}"), Tone::Bad),
        None => ui.say("its value is not read yet", Tone::Warn),
    }
}

fn delete(model: &Model, ui: &mut Ui) {
    let request = if ui.screen == Screen::State {
        rows::state(model, ui).map(|state| Request::StateDelete {
            key: state.key.to_string(),
            expected: Some(state.version),
        })
    } else {
        match rows::stored(ui) {
            Some(Row::Key(namespace, key)) => Some(Request::StorageDelete {
                namespace: namespace.clone(),
                key: key.clone(),
            }),
            _ => None,
        }
    };
    match request {
        Some(request) => ui.mode = Mode::Question(request, None),
        None => ui.say("there is no key selected", Tone::Warn),
    }
}

fn new(ui: &mut Ui) {
    if ui.screen == Screen::State {
        ui.mode = Mode::Form(Form::new_state());
    } else {
        match rows::stored(ui).and_then(Row::namespace).map(str::to_owned) {
            Some(namespace) => ui.mode = Mode::Form(Form::new_storage(&namespace)),
            None => ui.say("select a namespace first", Tone::Warn),
        }
    }
}
