//! What a plugin says for people: into the runtime's log, at a rate limit, and kept for `plugin logs`.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tracing::{debug, error, info, trace, warn};

use crate::lock::lock;
use crate::text::cut;

/// Lines that are kept of each plugin.
const KEPT: usize = 1000;
/// The longest line, in bytes; the rest of a longer one is cut off.
const LONGEST: usize = 2000;
/// Lines per second that reach the runtime's log, and how many at once.
const RATE: u32 = 50;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Level {
    pub(crate) fn from_word(word: &str) -> Option<Level> {
        Some(match word.to_ascii_lowercase().as_str() {
            "error" | "critical" | "fatal" => Level::Error,
            "warn" | "warning" => Level::Warn,
            "info" => Level::Info,
            "debug" => Level::Debug,
            "trace" => Level::Trace,
            _ => return None,
        })
    }

    /// The level that a line of a standard error begins with, and the rest.
    fn of_line(line: &str) -> (Level, &str) {
        let end = line.find([' ', ':']).unwrap_or(line.len());
        let (word, rest) = line.split_at(end);
        // In capitals: a sentence may begin with `Error`.
        let level = match word {
            "ERROR" | "WARN" | "INFO" | "DEBUG" | "TRACE" if !rest.is_empty() => Level::from_word(word),
            _ => None,
        };
        match level {
            Some(level) => (level, rest.strip_prefix(':').unwrap_or(rest).trim_start()),
            None => (Level::Info, line),
        }
    }
}

/// One line.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    /// From 1, without gaps.
    pub(crate) seq: u64,
    /// Milliseconds since 1970.
    pub(crate) time_ms: u64,
    pub(crate) level: Level,
    pub(crate) text: String,
}

/// The log of one plugin.
pub(crate) struct PluginLog {
    plugin: String,
    kept: Mutex<Kept>,
}

struct Kept {
    lines: VecDeque<Entry>,
    seq: u64,
    /// Lines that may still go to the runtime's log, and since when.
    tokens: u32,
    since: Instant,
    held_back: u64,
}

impl PluginLog {
    pub(crate) fn new(plugin: &str) -> Self {
        PluginLog {
            plugin: plugin.to_owned(),
            kept: Mutex::new(Kept {
                lines: VecDeque::new(),
                seq: 0,
                tokens: RATE,
                since: Instant::now(),
                held_back: 0,
            }),
        }
    }

    /// A line of the plugin's standard error.
    pub(crate) fn stderr(&self, line: &str) {
        let (level, text) = Level::of_line(line);
        self.write(level, text);
    }

    pub(crate) fn write(&self, level: Level, text: &str) {
        let mut kept = lock(&self.kept);
        let text = cut(text, LONGEST);
        kept.seq += 1;
        let entry = Entry {
            seq: kept.seq,
            time_ms: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |time| time.as_millis() as u64),
            level,
            text: text.to_owned(),
        };
        if kept.lines.len() == KEPT {
            kept.lines.pop_front();
        }
        kept.lines.push_back(entry);
        if kept.since.elapsed().as_secs() >= 1 {
            (kept.since, kept.tokens) = (Instant::now(), RATE);
            let held_back = std::mem::take(&mut kept.held_back);
            if held_back > 0 {
                warn!(
                    plugin = self.plugin,
                    "plugin {}: {held_back} more lines; `core-runtime plugin logs {}` has the last {KEPT}",
                    self.plugin,
                    self.plugin
                );
            }
        }
        match kept.tokens.checked_sub(1) {
            Some(left) => kept.tokens = left,
            None => {
                kept.held_back += 1;
                return;
            }
        }
        let plugin = self.plugin.as_str();
        match level {
            Level::Error => error!(plugin, "{plugin}: {text}"),
            Level::Warn => warn!(plugin, "{plugin}: {text}"),
            Level::Info => info!(plugin, "{plugin}: {text}"),
            Level::Debug => debug!(plugin, "{plugin}: {text}"),
            Level::Trace => trace!(plugin, "{plugin}: {text}"),
        }
    }

    /// At most `limit` lines after number `after`, the newest when it is 0 and there are more.
    pub(crate) fn after(&self, after: u64, limit: usize) -> Vec<Entry> {
        let kept = lock(&self.kept);
        let from = match after {
            0 => kept.lines.len().saturating_sub(limit),
            _ => kept.lines.partition_point(|entry| entry.seq <= after),
        };
        kept.lines.range(from..).take(limit).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_its_level_or_is_information() {
        for (line, level, text) in [
            ("ERROR: it broke", Level::Error, "it broke"),
            ("WARN low", Level::Warn, "low"),
            ("Error: not in capitals", Level::Info, "Error: not in capitals"),
            ("ERRORS happen", Level::Info, "ERRORS happen"),
            ("DEBUG", Level::Info, "DEBUG"),
            ("", Level::Info, ""),
        ] {
            assert_eq!(Level::of_line(line), (level, text), "{line}");
        }
    }

    #[test]
    fn the_last_lines_are_kept_and_read_in_pages() {
        let log = PluginLog::new("x");
        for i in 0..KEPT + 5 {
            log.write(Level::Info, &format!("line {i}"));
        }
        let newest = log.after(0, 2);
        assert_eq!((newest[0].seq, newest[1].seq), (KEPT as u64 + 4, KEPT as u64 + 5));
        assert_eq!(log.after(1, 10)[0].seq, 6);
        assert!(log.after(KEPT as u64 + 5, 10).is_empty());
        log.write(Level::Info, &"я".repeat(LONGEST));
        assert_eq!(log.after(0, 1)[0].text.len(), LONGEST);
    }
}
