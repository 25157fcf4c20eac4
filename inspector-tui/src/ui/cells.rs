//! What a filter sees of the rows of each list.

use crate::facts::{Plugin, Service, State};
use crate::filter::{Cell, Columns};
use crate::ui::Screen;
use crate::ui::storage;
use crate::warnings::{Level, Warning};

/// A row: what it has in each column.
type Cells<'a, const N: usize> = [(&'static str, Cell<'a>); N];

/// The columns that a screen's filter knows; `None` for the events, which have a payload.
pub(super) fn columns(screen: Screen) -> Option<Columns> {
    match screen {
        Screen::Overview | Screen::Plugins => Some(&PLUGINS),
        Screen::Services => Some(&SERVICES),
        Screen::State => Some(&STATES),
        Screen::Storage => Some(storage::COLUMNS),
        Screen::Warnings => Some(&WARNINGS),
        Screen::Events => None,
    }
}

macro_rules! cells {
    ($all:ident, $of:ident($row:ident: $type:ty), $count:literal, { $($column:literal => $cell:expr,)* }) => {
        const $all: [&str; $count] = [$($column),*];

        pub(super) fn $of($row: &$type) -> Cells<'_, $count> {
            [$(($column, $cell)),*]
        }
    };
}

cells!(PLUGINS, plugin_cells(row: Plugin), 15, {
    "name" => Cell::Text(&row.name),
    "state" => Cell::Text(row.state.as_str()),
    "hook" => Cell::Text(&row.hook),
    "version" => Cell::Text(&row.version),
    "placement" => Cell::Text(&row.placement),
    "code" => Cell::Text(&row.error.0),
    "error" => Cell::Text(&row.error.1),
    "events" => Cell::Number(row.counters.events as u64),
    "published" => Cell::Number(row.counters.published as u64),
    "calls" => Cell::Number(row.counters.calls_in as u64),
    "lag" => Cell::Number(row.counters.lag as u64),
    "dropped" => Cell::Number(row.counters.dropped as u64),
    "errors" => Cell::Number(row.counters.errors as u64),
    "failures" => Cell::Number(row.counters.failures as u64),
    "worst" => Cell::Number(row.counters.worst_micros.into()),
});

cells!(SERVICES, service_cells(row: Service), 7, {
    "name" => Cell::Text(&row.name),
    "owner" => Cell::Text(&row.owner),
    "description" => Cell::Text(&row.description),
    "version" => Cell::Text(&row.version),
    "calls" => Cell::Number(row.calls),
    "errors" => Cell::Number(row.errors),
    "worst" => Cell::Number(row.worst_micros.into()),
});

cells!(STATES, state_cells(row: State), 5, {
    "key" => Cell::Text(&row.key),
    "owner" => Cell::Text(&row.owner),
    "value" => row.value.as_deref().map_or(Cell::Text(""), Cell::Json),
    "version" => Cell::Number(row.version),
    "ttl" => row.ttl_ms.map_or(Cell::Text(""), Cell::Number),
});

cells!(WARNINGS, warning_cells(row: Warning), 4, {
    "level" => Cell::Text(match row.level {
        Level::Warning => "warning",
        Level::Error => "error",
    }),
    "plugin" => Cell::Text(&row.plugin),
    "about" => Cell::Text(&row.about),
    "what" => Cell::Text(&row.what),
});
