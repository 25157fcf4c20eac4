//! The settings, checked.

use kernel_core::{Context, Error};
use mqtt_client::{Message, Options, Qos, Version, topic};
use plugin_kit::SettingsReader;

use crate::rules::Rules;

/// See the crate's documentation.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) options: Options,
    pub(crate) rules: Rules,
}

impl Settings {
    /// `None` where there is no broker.
    pub(crate) async fn read(cx: &Context) -> Result<Option<Self>, Error> {
        let mut settings = SettingsReader::new(cx).await?;
        let options = Options::read(&mut settings)?;
        let availability =
            settings.text("availability", "an MQTT topic without wildcards", topic::is_topic)?;
        let version = options.as_ref().map_or(Version::V5, |options| options.version);
        let rules = Rules::read(settings.value("rules"), version)?;
        settings.finish()?;
        let Some(mut options) = options else {
            return Ok(None);
        };
        if let Some(topic) = availability {
            let says = |text: &str| {
                Message::new(topic.as_str(), text)
                    .with_qos(Qos::AtLeastOnce)
                    .retained()
            };
            options.birth = Some(says("online"));
            options.will = Some(says("offline"));
        }
        Ok(Some(Settings { options, rules }))
    }
}
