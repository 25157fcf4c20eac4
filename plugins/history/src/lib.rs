//! What devices and states were, kept for years with few writes.
//!
//! Each scalar of what a device reports is a series: `device.state_changed {"device_id": "lamp", "new": {"on": true,
//! "color": {"x": 0.3}}}` has `lamp.on` and `lamp.color.x`. So has each state that a filter in the settings matches:
//! `state:presence.anna`; `null` is that it is gone. Lists are none. A value is recorded when it is another one than
//! before.
//!
//! | service | takes | answers |
//! |---|---|---|
//! | `history.query` | [`HistoryQuery`]: `{"key", "from"?, "to"?, "limit"?}`, times in milliseconds since the Unix epoch | [`HistoryAnswer`]: `{"key", "points": [`[`HistoryPoint`]`], "next"}` |
//! | `history.keys` | [`HistoryKeys`]: `{"prefix"?, "after"?, "limit"?}` | [`HistoryNames`]: `{"keys": [...], "next"}` |
//! | `history.stats` | nothing | [`HistoryStats`] |
//!
//! Arguments may be passed by place as well: see [`plugin_kit::Args`].
//!
//! - **`query`** answers with the points from `from` up to `to`, the last day unless given, in the order of their times.
//!   Values of the last `raw_days` are points `{"time", "value"}`. Those before are figures, one point for each interval
//!   in which something was reported: `{"time", "value", "count", "min", "mean", "max"}`, the value that at the
//!   interval's end, the mean over the time that each value held; without numbers, time, value and count. An answer has
//!   at most 1,000 points, fits into a reply, and is made of at most 100 rows of the storage: where `next` is not `null`
//!   there is more, from that time on, also where there are no points.
//! - **A crash** loses at most what was not written: of the last `flush_minutes`. A plugin that is stopped writes it.
//! - **What is collected** takes `pending_rows` rows of 57 KB in memory. Where they are half full they are written early,
//!   eight times at once and then once in a quarter of the time; where they are full, the series that has most of them
//!   loses every second of its values, again and again (`thinned`), so that a flood of one series takes no room, and
//!   nothing from the others. Where there are more series than that has room for, values are left out (`dropped`).
//! - **Figures** take the place of a day's values `raw_days` after it, all at once, and are deleted `keep_days` after it; a
//!   series of which there is nothing left is forgotten. A crash in between has them made again.
//! - **The clock** is the host's: [`plugin_kit::unix_time`]. Without it nothing is recorded, nor is what comes at a time
//!   whose figures are made already (`refused`). A day has to be there for an hour, or to follow one that was, before
//!   anything is made figures of or deleted for it.
//! - **Texts** are kept up to [`MAX_TEXT`] bytes, names of series up to [`MAX_SERIES_NAME`].
//!
//! # What it writes
//!
//! A home of 100 devices that reports 28,380 changes a day (40 thermometers every five minutes, 10 meters every minute,
//! 25 lamps, 10 doors, 10 motion sensors, 5 thermostats) has 185 series, and takes, with the settings as they are, **128
//! requests to write a day** and 1.15 MB in 554 rows: 96 times what was collected, and the rest once a day. The test
//! `wear` counts them. Every request is one synchronisation with the disk; each change by itself would be 28,380. However
//! much is reported, it is in the long run no more than four times `pending_rows` rows each `flush_minutes`.
//!
//! | setting | default | allowed |
//! |---|---|---|
//! | `devices` | true | whether devices are recorded |
//! | `states` | none | a list of filters of state keys, such as `["presence.*", "thermostat.>"]` |
//! | `flush_minutes` | 15 | 1 to 720 |
//! | `pending_rows` | 4 | 1 to 64 |
//! | `max_series` | 2,000 | 1 to 20,000; further ones are not recorded (`refused`) |
//! | `raw_days` | 7 | 1 to 366 |
//! | `keep_days` | 365 | `raw_days` to 36,600 |
//! | `interval_minutes` | 60 | 15 to 1,440, of which a day has a whole number |
//!
//! - **Subscriptions**: `device.state_changed`, and `state.changed.<filter>` for each of `states`.
//! - **Storage**: the namespace `history`. Rows that are damaged are passed over, which the log says.
//! - **Errors**: `invalid_argument` for arguments that do not fit, `not_found` for a series that is not known,
//!   `invalid_settings`, and those of the storage.
//! - **State, permissions, dependencies**: none.
//! - **Features**: without any it runs on a chip that has an allocator, with shorter rows. `host`: the sizes of a host,
//!   and JSON Schemas.
//!
//! ```
//! use history::HistoryPlugin;
//! use plugin_kit::test::TestRuntime;
//! use serde_json::json;
//! use std::time::Duration;
//!
//! let mut rt = TestRuntime::new();
//! rt.add::<HistoryPlugin>(json!({"flush_minutes": 5}));
//! rt.start()?;
//! for brightness in [10, 10, 80] {
//!     let event = json!({"device_id": "lamp", "old": {}, "new": {"on": true, "brightness": brightness}});
//!     rt.publish("device.state_changed", &event)?;
//!     rt.advance(Duration::from_secs(60))?;
//! }
//! let answer = rt.call("history.query", &json!({"key": "lamp.brightness", "limit": 10}))?;
//! let begin = 1_767_225_600_000u64;
//! assert_eq!(
//!     answer,
//!     json!({"key": "lamp.brightness", "next": null, "points": [
//!         {"time": begin, "value": 10},
//!         {"time": begin + 120_000, "value": 80},
//!     ]})
//! );
//! assert_eq!(rt.call("history.keys", &json!({}))?["keys"], json!(["lamp.brightness", "lamp.on"]));
//! // No value is written yet.
//! assert!(rt.rows("history").keys().all(|key| !key.starts_with("raw|")));
//! # Ok::<(), plugin_kit::kernel_core::Error>(())
//! ```

#![no_std]

extern crate alloc;

mod fields;
mod figures;
mod life;
mod names;
mod pending;
mod plugin;
mod query;
mod rows;
mod settings;
mod store;
mod types;
mod upkeep;

pub use fields::{MAX_SERIES_NAME, MAX_TEXT};
pub use plugin::HistoryPlugin;
pub use types::{HistoryAnswer, HistoryKeys, HistoryNames, HistoryPoint, HistoryQuery, HistoryStats};
