//! The link's messages as owned facts.

use kernel_core::STATUS;
use kernel_core::storage::STORAGE;
use kernel_link::{self as link, Reply};
use link_dial::Texts;

use crate::facts::{Event, Health, Metrics, Service, State};

pub(super) fn event(event: &link::Event<'_>, texts: &mut Texts) -> Event {
    Event {
        seq: event.seq,
        time: event.time,
        source: texts.keep(event.source),
        cause: event.cause.into(),
        receivers: event.receivers,
        topic: texts.keep(event.topic),
        payload: event.payload.0.into(),
    }
}

/// The metrics at a time of the runtime's clock, with what else of the snapshot belongs to them.
pub(super) fn metrics(of: &kernel_core::Metrics, now: u64, services: &[Service]) -> Metrics {
    let storage = services.iter().find(|service| &*service.name == STORAGE);
    Metrics {
        now,
        plugins: of.plugins.into(),
        filters: of.filters.into(),
        services: of.services.into(),
        calls: of.calls.into(),
        state_entries: of.state_entries.into(),
        state_bytes: of.state_bytes.into(),
        log_bytes: of.log_bytes.into(),
        names: of.names.into(),
        waits: of.waits.into(),
        taps: of.taps.into(),
        refused: of.refused as usize,
        dropped: of.dropped as usize,
        timed_out: of.timed_out as usize,
        storage_errors: storage.map_or(0, |service| usize::try_from(service.errors).unwrap_or(usize::MAX)),
        next_seq: of.next_seq,
    }
}

/// The health, with what the state says of it.
pub(super) fn health(of: &link::Health, states: &[State]) -> Health {
    let status = states.iter().find(|state| &*state.key == STATUS);
    Health {
        plugins: of.plugins as usize,
        started: of.started as usize,
        failed: of.failed,
        storage: of.storage,
        running: status.is_none_or(|state| state.value.as_deref() == Some("\"running\"")),
    }
}

/// An answer that this version does not understand.
pub(super) fn unexpected(reply: &Reply<'_>) -> (String, String) {
    let text = format!("{reply:?}");
    let kind = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    (
        "protocol".to_owned(),
        format!(
            "the runtime answered with {kind}, which makes no sense here: use the inspector of the runtime's version"
        ),
    )
}
