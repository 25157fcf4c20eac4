//! What is copied and exported: the things on the screens as JSON.

use serde_json::{Value, json};

use super::rows;
use crate::model::Model;
use crate::ring::{EventRow, Row as EventKind, RowId};
use crate::ui::storage::{Row, Value as Stored};
use crate::ui::{Screen, Ui};
use crate::warnings::Warning;

/// A JSON text as a value; what is none becomes a text.
fn value(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(text).into_owned()))
}

fn event(model: &Model, event: EventRow<'_>) -> Value {
    let receivers: Vec<String> = event
        .receivers
        .iter()
        .map(|slot| {
            model
                .plugin_name(slot)
                .map_or_else(|| format!("slot {slot}"), ToString::to_string)
        })
        .collect();
    json!({
        "seq": event.seq,
        "micros": event.time,
        "unix_micros": model.epoch().map(|epoch| epoch.saturating_add(event.time)),
        "topic": event.topic,
        "source": event.source,
        "cause": event.cause,
        "receivers": receivers,
        "payload": value(event.payload),
        "cut_from": event.cut_from,
    })
}

fn event_row(model: &Model, row: RowId) -> Option<Value> {
    Some(match model.ring().get(row)? {
        EventKind::Event(one) => event(model, one),
        EventKind::Lost { from, count, at } => json!({ "lost": { "from": from, "count": count, "at": at } }),
        EventKind::Restarted => json!({ "restarted": true }),
    })
}

fn warning(warning: &Warning) -> Value {
    json!({
        "kind": format!("{:?}", warning.kind),
        "level": format!("{:?}", warning.level),
        "plugin": &*warning.plugin,
        "about": &*warning.about,
        "what": warning.what,
        "advice": warning.advice,
        "count": warning.count,
        "over": warning.over.is_some(),
    })
}

/// The row of a screen's list as JSON.
fn row(model: &Model, ui: &Ui, at: usize) -> Option<Value> {
    let index = || ui.list().rows.get(at).copied();
    match ui.screen {
        Screen::Overview | Screen::Plugins => serde_json::to_value(rows::plugins(model).get(index()?)?).ok(),
        Screen::Services => serde_json::to_value(rows::services(model).get(index()?)?).ok(),
        Screen::State => serde_json::to_value(rows::states(model).get(index()?)?.document()).ok(),
        Screen::Storage => match ui.storage.rows.get(at)? {
            Row::Namespace(name, _) => Some(json!({ "namespace": name })),
            Row::Key(namespace, key) => {
                let read = match ui.storage.values.get(&(namespace.clone(), key.clone())) {
                    Some(Stored::Json(text)) => Some(text),
                    _ => None,
                };
                Some(
                    json!({ "namespace": namespace, "key": key, "value": read.map(|text| value(text.as_bytes())) }),
                )
            }
            Row::More(_) | Row::Failed(..) | Row::Empty(_) => None,
        },
        Screen::Warnings => model.warnings().iter().nth(index()?).map(warning),
        Screen::Events => event_row(model, model.view().row(at)?),
    }
}

/// What is selected, as a JSON text.
pub(super) fn selected(model: &Model, ui: &Ui) -> Option<String> {
    row(model, ui, ui.list().at).map(|value| value.to_string())
}

/// All rows that the screen's filter shows, a line each.
pub(super) fn ndjson(model: &Model, ui: &Ui) -> String {
    let mut text = String::new();
    for value in (0..rows::len(model, ui, ui.screen)).filter_map(|at| row(model, ui, at)) {
        text.push_str(&value.to_string());
        text.push('\n');
    }
    text
}
