//! The settings, checked.

use std::collections::BTreeSet;

use kernel_core::{Context, Error};
use mqtt_client::{Message, Options, Qos};
use plugin_kit::SettingsReader;

use crate::offered::LeftOut;

/// The fewest messages that may wait: all of a house is published at once.
const MIN_QUEUE: usize = 20_000;

/// See the crate's documentation.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where there is none nothing is done.
    pub(crate) broker: Option<Options>,
    pub(crate) base_topic: String,
    pub(crate) discovery_prefix: String,
    pub(crate) offers: bool,
    pub(crate) left_out: LeftOut,
    pub(crate) finds: bool,
    pub(crate) ignored_origins: Vec<String>,
    pub(crate) auto_map: bool,
    pub(crate) refresh_seconds: u64,
    pub(crate) report_seconds: u64,
}

const TOPIC: &str = "1 to 100 bytes of a topic, without + and #, and without / at its ends";
const LEVEL: &str = "1 to 100 letters, digits, _ and -";
const NAME: &str = "1 to 200 bytes";

impl Settings {
    pub(crate) async fn read(cx: &Context) -> Result<Settings, Error> {
        let mut settings = SettingsReader::new(cx).await?;
        let broker = Options::read(&mut settings)?;
        let base_topic = settings.text("base_topic", LEVEL, is_level)?;
        let prefix = settings.text("discovery_prefix", TOPIC, is_topic)?;
        let offers = settings.flag("offer", true)?;
        let left_out = LeftOut {
            ids: set(settings.texts("exclude", NAME, is_name)?),
            providers: set(settings.texts("exclude_providers", NAME, is_name)?),
        };
        let finds = settings.flag("discover", true)?;
        let ignored = settings.texts("ignore_origins", NAME, is_name)?;
        let auto_map = settings.flag("auto_map", true)?;
        let refresh_seconds = settings.whole("refresh_seconds", 1..=3_600, 30)?;
        let report_seconds = settings.whole("report_seconds", 1..=3_600, 100)?;
        settings.finish()?;
        let base_topic = base_topic.unwrap_or_else(|| "core_runtime".into());
        Ok(Settings {
            broker: broker.map(|options| present(options, &base_topic)),
            base_topic,
            discovery_prefix: prefix.unwrap_or_else(|| "homeassistant".into()),
            offers,
            left_out,
            finds,
            ignored_origins: ignored.unwrap_or_else(|| vec!["Zigbee2MQTT".into()]),
            auto_map,
            refresh_seconds,
            report_seconds,
        })
    }
}

/// With a word at the broker for as long as this program is there.
fn present(options: Options, base_topic: &str) -> Options {
    let said = |word: &str| {
        let message = Message::new(format!("{base_topic}/status"), word.as_bytes());
        Some(message.retained().with_qos(Qos::AtLeastOnce))
    };
    Options {
        birth: said("online"),
        will: said("offline"),
        queue: options.queue.max(MIN_QUEUE),
        ..options
    }
}

fn set(texts: Option<Vec<String>>) -> BTreeSet<String> {
    texts.into_iter().flatten().collect()
}

fn is_level(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=100).contains(&text.len()) && text.bytes().all(is_plain)
}

fn is_topic(text: &str) -> bool {
    let is_level =
        |level: &str| !level.is_empty() && !level.contains(['+', '#']) && !level.contains(char::is_control);
    text.len() <= 100 && text.split('/').all(is_level)
}

fn is_name(text: &str) -> bool {
    (1..=200).contains(&text.len())
}
