//! What a plugin says for people: into the runtime's log, at a rate limit, and kept for `plugin logs`, over a restart of
//! the runtime as well.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tracing::{debug, error, info, trace, warn};

use crate::lock::lock;
use crate::log_file::LogFile;
use crate::text::cut;

/// Lines that are kept of each plugin.
const KEPT: usize = 1000;
/// The longest line, in bytes; the rest of a longer one is cut off.
const LONGEST: usize = 2000;
/// Lines per second that reach the runtime's log, and how many at once.
const RATE: u32 = 50;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// From 1, in order.
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
    /// Where it is saved, and who is told that there is something to save.
    file: Option<(LogFile, Arc<Notify>)>,
}

struct Kept {
    lines: VecDeque<Entry>,
    seq: u64,
    /// The last one that is in the file.
    saved: u64,
    /// It could not be saved, and that was said.
    unsaved: bool,
    /// Lines that may still go to the runtime's log, and since when.
    tokens: u32,
    since: Instant,
    held_back: u64,
}

impl PluginLog {
    /// A log with what is in the file of what was logged before; `notify` is told when there is something to
    /// [save](Self::save).
    pub(crate) fn open(plugin: &str, file: Option<(LogFile, Arc<Notify>)>) -> Self {
        let lines = match file.as_ref().map(|(file, _)| file.read()) {
            Some(Ok(lines)) => lines,
            Some(Err(cause)) => {
                warn!(
                    plugin,
                    "plugin {plugin}: what it logged before cannot be read: {cause}"
                );
                Vec::new()
            }
            None => Vec::new(),
        };
        // A line that was cut off is none.
        let entries = lines.iter().filter_map(|line| serde_json::from_str(line).ok());
        let mut lines = VecDeque::<Entry>::new();
        for entry in entries {
            keep(&mut lines, entry);
        }
        let seq = lines.back().map_or(0, |entry| entry.seq);
        PluginLog {
            plugin: plugin.to_owned(),
            kept: Mutex::new(Kept {
                lines,
                seq,
                saved: seq,
                unsaved: false,
                tokens: RATE,
                since: Instant::now(),
                held_back: 0,
            }),
            file,
        }
    }

    /// Writes what is new to the file; of a flood only what is still kept. It blocks for as long as the disk does. What
    /// cannot be written is warned of once, and tried again with the next line.
    pub(crate) fn save(&self) {
        let Some((file, _)) = &self.file else { return };
        let (text, seq) = {
            let kept = lock(&self.kept);
            let new = kept.lines.iter().filter(|entry| entry.seq > kept.saved);
            let lines = new.filter_map(|entry| serde_json::to_string(entry).ok());
            (
                lines.fold(String::new(), |text, line| text + &line + "\n"),
                kept.seq,
            )
        };
        if text.is_empty() {
            return;
        }
        let outcome = file.append(text.as_bytes());
        let mut kept = lock(&self.kept);
        match outcome {
            Ok(()) => (kept.saved, kept.unsaved) = (seq, false),
            Err(cause) if !kept.unsaved => {
                kept.unsaved = true;
                let (plugin, path) = (&self.plugin, file.path().display());
                warn!(
                    plugin,
                    "plugin {plugin}: what it logs cannot be saved: {path}: {cause}"
                );
            }
            Err(_) => {}
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
        keep(&mut kept.lines, entry);
        if let Some((_, notify)) = &self.file {
            notify.notify_one();
        }
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

fn keep(lines: &mut VecDeque<Entry>, entry: Entry) {
    if lines.len() == KEPT {
        lines.pop_front();
    }
    lines.push_back(entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_there_again_and_the_numbers_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let open = || PluginLog::open("x", Some((LogFile::in_folder(folder.path()), Arc::default())));
        let log = open();
        log.write(Level::Warn, "one\n\u{1b}[31mline");
        log.save();
        log.write(Level::Info, "never saved");
        for number in 2..5 {
            let log = open();
            log.write(Level::Info, &format!("line {number}"));
            log.save();
            log.save();
        }
        let lines = open().after(0, 100);
        let found: Vec<_> = lines
            .iter()
            .map(|entry| (entry.seq, entry.text.as_str()))
            .collect();
        let wanted = [
            (1, "one\n\u{1b}[31mline"),
            (2, "line 2"),
            (3, "line 3"),
            (4, "line 4"),
        ];
        assert_eq!(found, wanted);
        assert_eq!(lines[0].level, Level::Warn);
        let text = std::fs::read_to_string(folder.path().join("log.ndjson")).unwrap();
        assert_eq!(text.lines().count(), 4, "{text}");
    }

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
        let log = PluginLog::open("x", None);
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
