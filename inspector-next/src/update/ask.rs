//! Actions: each opens the dialog that asks first, fixed to what is selected now.

use super::rows;
use crate::facts::{Action as Manage, Request};
use crate::model::Model;
use crate::ring::Row as EventRow;
use crate::theme::Tone;
use crate::ui::form::Form;
use crate::ui::storage::{Row, Value};
use crate::ui::{Mode, Screen, Ui};

pub(super) fn publish(model: &Model, ui: &mut Ui) {
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

pub(super) fn manage(model: &Model, ui: &mut Ui, action: Manage) {
    match rows::plugin(model, ui) {
        Some(plugin) => {
            let plugin = plugin.name.to_string();
            ui.mode = Mode::Question(Request::Manage { action, plugin }, None);
        }
        None => ui.say("there is no plugin selected", Tone::Warn),
    }
}

pub(super) fn edit(model: &Model, ui: &mut Ui) {
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

pub(super) fn delete(model: &Model, ui: &mut Ui) {
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

pub(super) fn new(ui: &mut Ui) {
    if ui.screen == Screen::State {
        ui.mode = Mode::Form(Form::new_state());
    } else {
        match rows::stored(ui).and_then(Row::namespace).map(str::to_owned) {
            Some(namespace) => ui.mode = Mode::Form(Form::new_storage(&namespace)),
            None => ui.say("select a namespace first", Tone::Warn),
        }
    }
}
