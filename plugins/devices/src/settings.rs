//! What the configuration says.

use core::time::Duration;

use kernel_core::Error;
use plugin_kit::MAX_REPLY;
use serde::Deserialize;

/// Replies are a little smaller than what has room.
const SLACK: usize = 512;

/// What the configuration says, in `[plugins.devices.settings]`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The seconds after which a device that is not heard of is off line: 1 to 604,800; 300 unless said.
    pub offline_after_seconds: u32,
    /// The most bytes of a list in one reply, 256 to 65,536: what the runtime has room for in a call, less 512 bytes.
    pub reply_bytes: usize,
    /// Whether what each device reported is in the runtime's state, at `device.<id>`; true unless said.
    pub keep_state: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            offline_after_seconds: 300,
            reply_bytes: MAX_REPLY - SLACK,
            keep_state: true,
        }
    }
}

impl Settings {
    /// Checks what the types do not say.
    pub(crate) fn check(self) -> Result<Settings, Error> {
        let within = |what, value: usize, least, most| match (least..=most).contains(&value) {
            true => Ok(()),
            false => Err(Error::format(
                "invalid_settings",
                format_args!("{what} is {value}: {least} to {most} is allowed"),
            )),
        };
        within(
            "offline_after_seconds",
            self.offline_after_seconds as usize,
            1,
            604_800,
        )?;
        within("reply_bytes", self.reply_bytes, 256, 65_536)?;
        Ok(self)
    }

    pub(crate) fn offline_after(&self) -> Duration {
        Duration::from_secs(self.offline_after_seconds.into())
    }

    /// How often it is looked who is off line.
    pub(crate) fn interval(&self) -> Duration {
        (self.offline_after() / 10).clamp(Duration::from_secs(1), Duration::from_secs(10))
    }
}
