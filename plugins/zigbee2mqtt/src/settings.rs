//! The settings, checked.

use kernel_core::{Context, Error};
use mqtt_client::Options;
use plugin_kit::SettingsReader;

/// See the crate's documentation.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where there is none nothing is done.
    pub(crate) broker: Option<Options>,
    pub(crate) base_topic: String,
    pub(crate) read_on_start: bool,
    pub(crate) auto_map: bool,
    pub(crate) report_seconds: u64,
}

const BASE_TOPIC: &str = "1 to 200 bytes of a topic, without + and #, and without / at its ends";

impl Settings {
    pub(crate) async fn read(cx: &Context) -> Result<Settings, Error> {
        let mut settings = SettingsReader::new(cx).await?;
        let broker = Options::read(&mut settings)?;
        let base_topic = settings.text("base_topic", BASE_TOPIC, is_base_topic)?;
        let settings_read = Settings {
            broker,
            base_topic: base_topic.unwrap_or_else(|| "zigbee2mqtt".into()),
            read_on_start: settings.flag("read_on_start", true)?,
            auto_map: settings.flag("auto_map", true)?,
            report_seconds: settings.whole("report_seconds", 1..=3_600, 100)?,
        };
        settings.finish()?;
        Ok(settings_read)
    }
}

fn is_base_topic(text: &str) -> bool {
    let is_level =
        |level: &str| !level.is_empty() && !level.contains(['+', '#']) && !level.contains(char::is_control);
    text.len() <= 200 && text.split('/').all(is_level)
}
