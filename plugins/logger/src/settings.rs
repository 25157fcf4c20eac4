//! The settings, checked.

use std::path::PathBuf;

use kernel_core::{Context, Error};
use plugin_kit::SettingsReader;

use crate::level::{ALLOWED, LogLevel};
use crate::source::Rates;

/// See the crate's documentation.
#[derive(Debug)]
pub(crate) struct LoggerSettings {
    pub(crate) level: LogLevel,
    pub(crate) ring_entries: usize,
    pub(crate) ring_bytes: usize,
    pub(crate) rates: Rates,
    pub(crate) file: Option<FileSettings>,
}

/// Where the file is, and how long it gets.
#[derive(Clone, Debug)]
pub(crate) struct FileSettings {
    pub(crate) path: PathBuf,
    pub(crate) max_bytes: u64,
    pub(crate) keep: u64,
}

impl LoggerSettings {
    pub(crate) async fn read(cx: &Context) -> Result<Self, Error> {
        let mut settings = SettingsReader::new(cx).await?;
        let level = settings.text("level", ALLOWED, |name| LogLevel::from_name(name).is_some())?;
        let ring_entries = settings.whole("ring_entries", 10..=100_000, 2_000)? as usize;
        let ring_bytes = settings.whole("ring_bytes", 65_536..=256 << 20, 1 << 20)? as usize;
        let rates = Rates {
            per_second: settings.whole("per_second", 1..=100_000, 20)?,
            burst: settings.whole("burst", 1..=100_000, 200)?,
        };
        let file = settings.text("file", "the path of a file", is_file)?;
        let max_bytes = settings.whole("file_bytes", 65_536..=1 << 30, 5 << 20)?;
        let keep = settings.whole("file_keep", 0..=100, 4)?;
        settings.finish()?;
        Ok(LoggerSettings {
            level: level
                .and_then(|name| LogLevel::from_name(&name))
                .unwrap_or(LogLevel::Debug),
            ring_entries,
            ring_bytes,
            rates,
            file: file.map(|path| FileSettings {
                path: path.into(),
                max_bytes,
                keep,
            }),
        })
    }
}

fn is_file(path: &str) -> bool {
    !path.is_empty() && !path.ends_with('/') && !path.contains('\0')
}
