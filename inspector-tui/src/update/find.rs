//! Finding things: filters from the selection, marks, causes and the search.

use super::browse::{go, show};
use super::{lines, rows};
use crate::facts::Cause;
use crate::model::Model;
use crate::ring::{Row as EventRow, RowId};
use crate::search::{SearchState, Way};
use crate::theme::Tone;
use crate::ui::storage::Row;
use crate::ui::{Letter, Mark, Mode, Screen, Ui};

/// The most rows that are searched for one key press.
const SEARCHED: usize = 200_000;

/// Shows a screen with this item selected.
pub(super) fn show_item(model: &Model, ui: &mut Ui, screen: Screen, id: Option<String>) {
    let Some(id) = id else { return };
    ui.screen = screen;
    ui.list_mut().filter.clear();
    ui.list_mut().id = Some(id);
    rows::refresh(model, ui, screen);
}

/// A text as a filter takes it: quoted where it has to be.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '*' | '>' | '/');
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// Adds a term to the filter, before the jq expression where there is one.
pub(super) fn add_filter(model: &mut Model, ui: &mut Ui, term: &str) {
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
pub(super) fn filter_from(model: &mut Model, ui: &mut Ui) {
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
        show_item(model, ui, mark.screen, Some(mark.id));
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
    to_event(model, ui, row, &format!("the event of mark {c}"));
}

/// Selects an event on its screen.
pub(super) fn to_event(model: &Model, ui: &mut Ui, row: RowId, what: &str) {
    show(model, ui, Screen::Events);
    let at = model.view().place(row);
    let hidden = model.view().row(at) != Some(row);
    go(model, ui, at);
    if hidden {
        ui.say(
            format!("the filter hides {what}: this is the one after it"),
            Tone::Warn,
        );
    }
}

/// Goes to the event that led to the selected one.
pub(super) fn cause(model: &mut Model, ui: &mut Ui) {
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
        Ok(found) => to_event(model, ui, found, "the event that led to it"),
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
