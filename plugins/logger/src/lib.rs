//! What plugins have to say: kept in a ring that can be asked, and written to a file.
//!
//! | service | takes | answers |
//! |---|---|---|
//! | `logger.log` | [`LogCall`]: `{"level": "info", "message": "…", "plugin"?, "context"?, "operation_id"?, …}` | true; false when it was left out, because the caller says too much or the level is below the setting's |
//! | `logger.recent` | [`RecentCall`]: `{"plugin"?, "level"?, "limit"?, "since"?}` | `{"entries": [`[`LogEntry`]`], "last": id}` |
//! | `logger.stats` | nothing | [`LoggerStats`] |
//!
//! Arguments may be passed by place as well, and as plugins in Python pass them: see [`plugin_kit::Args`]. What comes by
//! further names is kept in the context.
//!
//! - **`recent`** answers with the newest entries that are wanted, oldest first. With `since`, the `last` of another
//!   answer, with those that came after it, the oldest of them first, so that a reader that follows misses none that are
//!   still there. An answer has at most 1,000 entries and 60,000 bytes; to go on, ask again with its `last`. Ids begin
//!   anew when the plugin does.
//! - **Who says what**: `source` is who called, by the runtime's word; `plugin` is what the caller says, else the same.
//! - **A flood** of one caller does not hide the others. Each may say `burst` entries at once and `per_second` for long;
//!   what is beyond is left out, counted, and the next entry of this caller says how many (`left_out`). And where the ring
//!   is full, the oldest entry of whoever has most of it makes room.
//! - **Texts** come from outside. In the file, and in answers, an entry is one line of JSON in which no character drives a
//!   terminal or ends a line. A message is cut at [`MAX_MESSAGE`] bytes, `plugin` and `operation_id` at [`MAX_NAME`]; a
//!   context longer than [`MAX_CONTEXT`] bytes, or deeper than 16 levels, is kept as text, cut there. `cut` says so. Texts of more than 16,384 characters are refused.
//! - **The file** has a line for each entry (NDJSON). It is written by a thread of its own, so that a slow disk holds up
//!   nobody: where it is more than 1 MiB behind, lines are left out and counted. A file that would grow beyond `file_bytes`
//!   is renamed to `FILE.1`, that to `FILE.2`, up to `FILE.<file_keep>`. What goes wrong is counted in the stats, said
//!   once in the runtime's log, and tried again each second. It is not synced: what was written last may be lost with the
//!   power.
//!
//! | setting | default | allowed |
//! |---|---|---|
//! | `level` | `"debug"` | entries of a lower level are left out: debug, info, warning, error, critical |
//! | `ring_entries` | 2,000 | 10 to 100,000 |
//! | `ring_bytes` | 1 MiB | 65,536 to 256 MiB |
//! | `per_second` | 20 | 1 to 100,000 |
//! | `burst` | 200 | 1 to 100,000 |
//! | `file` | none | a path; its folder is made |
//! | `file_bytes` | 5 MiB | 65,536 to 1 GiB |
//! | `file_keep` | 4 | 0 to 100 |
//!
//! - **Errors**: `invalid_argument` for arguments that do not fit; `invalid_settings`.
//! - **Subscriptions, state, storage, permissions, dependencies**: none. It writes the file that its settings name.
//!
//! ```
//! use logger::LoggerPlugin;
//! use plugin_kit::test::TestRuntime;
//! use serde_json::json;
//!
//! let mut rt = TestRuntime::new();
//! rt.add::<LoggerPlugin>(json!({"level": "info"}));
//! rt.start()?;
//! rt.call("logger.log", &json!({"level": "warning", "message": "no answer", "plugin": "zigbee", "context": {"id": 7}}))?;
//! // As plugins in Python call it.
//! rt.call("logger.log", &json!({"args": ["info", "started"], "kwargs": {"plugin": "lamps", "room": "hall"}}))?;
//!
//! let recent = rt.call("logger.recent", &json!({"limit": 10, "level": "warning"}))?;
//! assert_eq!(recent["entries"][0]["message"], "no answer");
//! assert_eq!(recent["entries"][0]["context"]["id"], 7);
//! assert_eq!(recent["entries"].as_array().map(Vec::len), Some(1));
//!
//! let error = rt.call("logger.log", &json!({"level": "loud", "message": "x"})).unwrap_err();
//! assert!(error.message().starts_with("level: \"loud\" is none; allowed are debug, info"));
//! # Ok::<(), plugin_kit::kernel_core::Error>(())
//! ```

mod entry;
mod file;
mod level;
mod plugin;
mod ring;
mod settings;
mod source;
mod types;
mod writer;

pub use entry::{LogEntry, MAX_CONTEXT, MAX_MESSAGE, MAX_NAME};
pub use level::LogLevel;
pub use plugin::LoggerPlugin;
pub use types::{FileStats, LogCall, LoggerStats, RecentCall, SourceStats};
