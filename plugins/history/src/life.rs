//! A life of the plugin: what comes is recorded, and written when it is time.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use kernel_core::{Context, Error, Instant};
use plugin_kit::log;
use serde_json::Value;

use crate::fields::scalars;
use crate::names::SeriesNames;
use crate::pending::Pending;
use crate::rows::{DAY, META, NAMES, RAW, ROW, encode_raw, raw_key, raw_times};
use crate::settings::HistorySettings;
use crate::store::Store;
use crate::types::HistoryStats;

/// Times that what is pending may be written early one after another.
const AT_ONCE: i64 = 8;

/// How long nothing is written after the storage refused something.
const PAUSE: Duration = Duration::from_secs(60);

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) settings: HistorySettings,
    pub(crate) names: SeriesNames,
    pub(crate) pending: Pending,
    pub(crate) store: Store,
    /// Rows of samples: the times of the last and of the first of them.
    pub(crate) raw: BTreeMap<u64, u64>,
    /// Of the days before this one there are figures.
    pub(crate) figures_until: u64,
    /// The day that it was at the last look, and for how many of them.
    pub(crate) day: (u64, u32),
    /// The day on which old figures were deleted.
    pub(crate) expired_on: Option<u64>,
    /// When something was written last, and when that was tried.
    flushed: Instant,
    tried: Instant,
    /// The quarters of the time to write, in microseconds, up to which writing early is used up.
    early: Option<i64>,
    /// The storage refused the last time, which was said.
    is_failing: bool,
    recorded: u64,
    /// Values that are none.
    pub(crate) refused: u64,
}

impl History {
    pub(crate) fn new(settings: HistorySettings, now: Instant) -> Self {
        History {
            pending: Pending::new(settings.pending_bytes),
            settings,
            names: SeriesNames::default(),
            store: Store::default(),
            raw: BTreeMap::new(),
            figures_until: 0,
            day: (0, 0),
            expired_on: None,
            flushed: now,
            tried: now,
            early: None,
            is_failing: false,
            recorded: 0,
            refused: 0,
        }
    }

    pub(crate) fn stats(&self) -> HistoryStats {
        HistoryStats {
            series: self.names.len() as u64,
            pending_bytes: self.pending.bytes() as u64,
            raw_rows: self.raw.len() as u64,
            recorded: self.recorded,
            thinned: self.pending.thinned,
            dropped: self.pending.dropped,
            refused: self.refused,
            writes: self.store.writes,
            errors: self.store.errors,
            error: self.store.error.clone(),
        }
    }

    /// Reads what there is.
    pub(crate) async fn open(&mut self, cx: &Context) -> Result<(), Error> {
        if let Some(text) = self.store.get(cx, META).await? {
            let meta: Value = serde_json::from_slice(&text).unwrap_or_default();
            let until = meta.get("figures_until").and_then(Value::as_u64);
            self.figures_until = until.ok_or_else(|| {
                Error::new(
                    "invalid_value",
                    "the row `meta` in history has no whole number figures_until",
                )
            })?;
        }
        let mut after = String::new();
        loop {
            let keys = self.store.keys(cx, NAMES, &after).await?;
            for key in &keys {
                let text = self.store.get(cx, key).await?.unwrap_or_default();
                let row = serde_json::from_slice(&text);
                if let Err(error) = &row {
                    log::warn!("the names of series in {key} cannot be read: {error}");
                }
                // One that is damaged keeps its place, and is written anew with the series that are heard of.
                self.names.load(row.unwrap_or_default());
            }
            match keys.into_iter().last() {
                Some(last) => after = last,
                None => break,
            }
        }
        after.clear();
        loop {
            let keys = self.store.keys(cx, RAW, &after).await?;
            self.raw.extend(keys.iter().filter_map(|key| raw_times(key)));
            match keys.into_iter().last() {
                Some(last) => after = last,
                None => break,
            }
        }
        Ok(())
    }

    /// Records each scalar of the value that is another one than before.
    pub(crate) async fn record(&mut self, cx: &Context, name: &str, value: &Value) -> Result<(), Error> {
        let mut found = Vec::new();
        let left_out = scalars(name, value, &mut |name, value| {
            found.push((name.to_owned(), value))
        });
        self.refused += left_out;
        self.add(cx, found).await
    }

    /// Records that a state is gone, with all that was in it.
    pub(crate) async fn record_end(&mut self, cx: &Context, name: &str) -> Result<(), Error> {
        let own = |series: &&str| {
            series
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let series = self.names.after(name, "").filter(own);
        let gone = series.map(|series| (series.to_owned(), Value::Null)).collect();
        self.add(cx, gone).await
    }

    async fn add(&mut self, cx: &Context, values: Vec<(String, Value)>) -> Result<(), Error> {
        let now = plugin_kit::unix_time(cx)
            .await?
            .map(|time| time.as_millis() as u64);
        // Without a clock nobody could say when it was; of a day that has its figures it would be lost.
        let Some(now) = now.filter(|now| now / DAY >= self.figures_until) else {
            self.refused += values.len() as u64;
            return Ok(());
        };
        let another_day = self
            .pending
            .some_time()
            .is_some_and(|time| time / DAY != now / DAY);
        // A row is of one day.
        if another_day || (self.pending.is_half_full() && self.may_be_early(cx.now())) {
            self.flush(cx).await;
        }
        for (name, value) in values {
            match self
                .names
                .note(&name, now / DAY, &value, self.settings.max_series)
            {
                Some(true) => {
                    self.recorded += 1;
                    self.pending.push(&name, now, value);
                }
                Some(false) => {}
                None => self.refused += 1,
            }
        }
        Ok(())
    }

    /// Writes what is pending, when it is time.
    pub(crate) async fn flush_when_due(&mut self, cx: &Context) {
        if cx.now().since(self.flushed) >= Duration::from_millis(self.settings.flush) {
            self.flush(cx).await;
        }
    }

    /// Whether it may be written before it is time: once in a quarter of that time, and a few times at once, as when all
    /// devices of a house report that they are there.
    fn may_be_early(&mut self, now: Instant) -> bool {
        let (now, quarter) = (now.as_micros() as i64, self.settings.flush as i64 * 250);
        let used = self
            .early
            .map_or(now - AT_ONCE * quarter, |used| used.max(now - AT_ONCE * quarter));
        let may = now - used >= quarter;
        self.early = Some(if may { used + quarter } else { used });
        may
    }

    /// Writes what is pending. What the storage refuses stays, and is tried again, though not at once.
    pub(crate) async fn flush(&mut self, cx: &Context) {
        if self.store.error.is_some() && cx.now().since(self.tried) < PAUSE {
            return;
        }
        self.tried = cx.now();
        let written = self.write_pending(cx).await;
        if written.is_ok() {
            self.flushed = cx.now();
        }
        self.say(written);
    }

    /// Says that the storage refuses, once until it does not.
    pub(crate) fn say(&mut self, result: Result<(), Error>) {
        match result {
            Err(error) if !self.is_failing => {
                log::error!("the storage refuses, and is asked again each minute: {error}");
                self.is_failing = true;
            }
            Ok(()) if self.store.error.is_none() => self.is_failing = false,
            _ => {}
        }
    }

    async fn write_pending(&mut self, cx: &Context) -> Result<(), Error> {
        while !self.pending.is_empty() {
            let portion = self.pending.portion(ROW);
            let (mut last, first, text) = encode_raw(&self.pending, &portion);
            while self.raw.contains_key(&last) {
                last += 1;
            }
            self.store.set(cx, &raw_key(last, first), &text).await?;
            self.raw.insert(last, first);
            self.pending.take_out(&portion);
        }
        self.store.write(cx, &self.names.writes()).await?;
        self.names.written();
        Ok(())
    }
}
