//! What is wrong with the storage, for whoever looks after the runtime: said once in the log, and in the state as long
//! as it is so.

use std::time::{Duration, Instant};

use kernel_core::storage::{StorageOp, StorageRequest};
use kernel_core::{CoreRuntime, Json, STORAGE_FAULT, name};
use tracing::{error, info};

/// How long a read that failed is told at the least: others, which find in memory what they read, prove nothing.
const STAYS: Duration = Duration::from_secs(5);

/// What is wrong.
#[derive(Default)]
pub(crate) struct Faults {
    /// Who says it in its state.
    runtime: Option<CoreRuntime>,
    /// With writing and with reading: what was met last, until one of the kind goes well.
    writing: Option<String>,
    reading: Option<(String, Instant)>,
    told: Option<String>,
}

impl Faults {
    /// Those that this runtime says.
    pub(crate) fn of(runtime: CoreRuntime) -> Self {
        Faults {
            runtime: Some(runtime),
            ..Faults::default()
        }
    }

    /// Takes note of an error of the storage as a whole, not of one value.
    pub(crate) fn meet(&mut self, op: StorageOp, error: &str) {
        match op.is_write() {
            true => self.writing = Some(error.to_owned()),
            false => self.reading = Some((error.to_owned(), Instant::now())),
        }
    }

    /// Tells what has changed by a group.
    pub(crate) fn tell(&mut self, group: &[StorageRequest<'_>]) {
        for request in group.iter().filter(|request| request.result.is_ok()) {
            match request.op.is_write() {
                true => self.writing = None,
                false => drop(self.reading.take_if(|(_, met)| met.elapsed() >= STAYS)),
            }
        }
        let reading = self.reading.as_ref().map(|(text, _)| text);
        let now = self.writing.as_ref().or(reading);
        if now == self.told.as_ref() {
            return;
        }
        match now {
            Some(text) => error!("{text}"),
            None => info!("the storage works again"),
        }
        if let Some(runtime) = self.runtime {
            let note = now.and_then(|text| serde_json::to_string(text).ok());
            let note = note.as_deref().and_then(|text| Json::parse(text).ok());
            runtime.set_note(name!(STORAGE_FAULT), note);
        }
        self.told = now.cloned();
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults")
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}
