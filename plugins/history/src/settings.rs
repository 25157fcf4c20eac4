//! The settings, checked.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kernel_core::subject::check_filter;
use kernel_core::{Context, Error};
use plugin_kit::SettingsReader;

use crate::rows::{DAY, ROW};

/// See the crate's documentation. Times are in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct HistorySettings {
    pub(crate) devices: bool,
    pub(crate) states: Vec<String>,
    pub(crate) flush: u64,
    pub(crate) pending_bytes: usize,
    pub(crate) max_series: usize,
    pub(crate) raw_days: u64,
    pub(crate) keep_days: u64,
    pub(crate) interval: u64,
}

const MINUTE: u64 = 60_000;

/// A day's figures of a series are one row.
const LEAST_INTERVAL: u64 = if ROW > 32 * 1024 { 15 } else { 60 };

impl HistorySettings {
    pub(crate) async fn read(cx: &Context) -> Result<Self, Error> {
        let mut settings = SettingsReader::new(cx).await?;
        let read = HistorySettings {
            devices: settings.flag("devices", true)?,
            states: settings
                .texts("states", "a filter of state keys", is_filter)?
                .unwrap_or_default(),
            flush: settings.whole("flush_minutes", 1..=720, 15)? * MINUTE,
            pending_bytes: settings.whole("pending_rows", 1..=64, 4)? as usize * ROW,
            max_series: settings.whole("max_series", 1..=20_000, 2_000)? as usize,
            raw_days: settings.whole("raw_days", 1..=366, 7)?,
            keep_days: settings.whole("keep_days", 1..=36_600, 365)?,
            interval: settings.whole("interval_minutes", LEAST_INTERVAL..=1_440, 60)? * MINUTE,
        };
        settings.finish()?;
        let wrong = if read.keep_days < read.raw_days {
            format!(
                "keep_days is {}; allowed is raw_days, {}, or more",
                read.keep_days, read.raw_days
            )
        } else if !DAY.is_multiple_of(read.interval) {
            let minutes = read.interval / MINUTE;
            format!(
                "interval_minutes is {minutes}; allowed is what a day has a whole number of, such as 15, 30, 60"
            )
        } else {
            return Ok(read);
        };
        Err(Error::new("invalid_settings", &wrong))
    }
}

/// The topics of its changes are a filter as well.
fn is_filter(keys: &str) -> bool {
    check_filter(&format!("state.changed.{keys}")).is_ok()
}
