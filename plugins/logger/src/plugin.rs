//! The plugin: who says something is admitted, kept, and written.

use kernel_core::{Context, Error, Json, Replied, Reply, Request};
use plugin_kit::prelude::log;
use plugin_kit::{Args, plugin};

use crate::entry::LogEntry;
use crate::level::LogLevel;
use crate::ring::LogRing;
use crate::settings::LoggerSettings;
use crate::source::{Line, Rates};
use crate::types::{LogCall, LoggerStats, RecentCall};
use crate::writer::LineWriter;

/// See the crate's documentation.
#[derive(Debug)]
pub struct LoggerPlugin {
    level: LogLevel,
    ring: LogRing,
    writer: Option<LineWriter>,
    last_id: u64,
    below: u64,
}

impl Default for LoggerPlugin {
    fn default() -> Self {
        LoggerPlugin {
            level: LogLevel::Debug,
            // Until it has its settings.
            ring: LogRing::new(
                0,
                0,
                Rates {
                    per_second: 1,
                    burst: 1,
                },
            ),
            writer: None,
            last_id: 0,
            below: 0,
        }
    }
}

#[plugin(name = "logger", description = "Keeps what plugins have to say", schema)]
impl LoggerPlugin {
    #[load]
    async fn load(&mut self, cx: &Context) -> Result<(), Error> {
        let settings = LoggerSettings::read(cx).await?;
        self.level = settings.level;
        self.ring = LogRing::new(settings.ring_entries, settings.ring_bytes, settings.rates);
        self.writer = settings.file.map(LineWriter::start).transpose()?;
        Ok(())
    }

    /// Keeps what a plugin has to say; false when it was left out.
    #[service(".log", examples = [r#"{"level": "warning", "message": "no answer", "plugin": "zigbee", "operation_id": "7f3a"}"#])]
    async fn log(
        &mut self,
        cx: &Context,
        call: Request<'_>,
        Args(mut args): Args<LogCall>,
    ) -> Result<bool, Error> {
        args.check()?;
        let mut name = [0; kernel_core::subject::MAX_NAME];
        let source = cx.name_of(call.caller, &mut name).await?;
        let source = if source.is_empty() { "?" } else { source };
        if args.level < self.level {
            self.below += 1;
            return Ok(false);
        }
        let Some(left_out) = self.ring.admit(source, cx.now()) else {
            return Ok(false);
        };
        // An entry without its time is better than none.
        let time = plugin_kit::unix_time(cx).await.ok().flatten();
        self.last_id += 1;
        let time = time.map(|time| time.as_millis() as u64);
        let entry = LogEntry::new(self.last_id, time, source, &mut args, left_out);
        let line = Line {
            id: entry.id,
            level: entry.level,
            plugin: entry.plugin.to_owned(),
            text: entry.line(),
        };
        if let Some(writer) = &mut self.writer {
            writer.push(&line.text);
            if let Some(error) = writer.new_error() {
                log::warn!("the file {} is not written: {error}", writer.stats().path);
            }
        }
        self.ring.push(source, line);
        Ok(true)
    }

    /// What was said last.
    #[service(".recent", examples = [r#"{"limit": 20, "level": "warning"}"#, r#"{"plugin": "zigbee", "since": 17}"#])]
    fn recent(&self, Args(args): Args<RecentCall>, reply: Reply<'_>) -> Result<Replied, Error> {
        args.check()?;
        let (entries, last) = self.ring.recent(&args);
        let last = last.or(args.since).unwrap_or(self.last_id);
        let text = format!("{{\"entries\":[{}],\"last\":{last}}}", entries.join(","));
        let json = Json::parse(&text).map_err(|wrong| Error::format("encode", format_args!("{wrong}")))?;
        reply.raw(json)
    }

    /// How much was said, by whom, and how the file does.
    #[service(".stats")]
    fn stats(&self) -> Result<LoggerStats, Error> {
        let sources: Vec<_> = self
            .ring
            .sources()
            .map(|(name, source)| source.stats(name))
            .collect();
        let (entries, bytes) = self.ring.size();
        Ok(LoggerStats {
            entries: entries as u64,
            bytes: bytes as u64,
            logged: self.last_id,
            limited: self.ring.limited,
            below: self.below,
            evicted: self.ring.evicted,
            sources,
            file: self.writer.as_ref().map(LineWriter::stats),
        })
    }

    #[unload]
    fn unload(&mut self) -> Result<(), Error> {
        if let Some(writer) = self.writer.take()
            && !writer.finish()
        {
            log::warn!("the file of the log is slow: its last lines may not be written");
        }
        Ok(())
    }
}
