//! All devices: their rows, and what is known of them.

use kernel_core::{Context, Error};
use plugin_kit::unix_time;

use crate::device::Device;
use crate::index::Index;
use crate::rows::Rows;
use crate::settings::Settings;

/// All devices.
#[derive(Default)]
pub(crate) struct House {
    pub(crate) rows: Rows,
    pub(crate) index: Index,
    pub(crate) settings: Settings,
    /// It was said that the runtime's state has no room for all devices.
    pub(crate) is_state_full: bool,
}

impl House {
    /// The device, as its row says and as it is known; `None` when there is none.
    pub(crate) async fn find(&mut self, cx: &Context, id: &str) -> Result<Option<Device>, Error> {
        // Nothing else can be stored.
        if !is_key(id) {
            return Ok(None);
        }
        let mut found = self.rows.get::<Device>(cx, id).await?;
        if let Some(device) = &mut found {
            self.overlay(device);
        }
        Ok(found)
    }

    /// The device that has to be there.
    pub(crate) async fn device(&mut self, cx: &Context, id: &str) -> Result<Device, Error> {
        let found = self.find(cx, id).await?;
        found.ok_or_else(|| Error::format("not_found", format_args!("there is no device {id:?}")))
    }

    /// Sets what changes without a write.
    pub(crate) fn overlay(&self, device: &mut Device) {
        if let Some(known) = self.index.devices.get(&device.id) {
            device.online = known.online;
            device.last_seen = known.last_seen;
        }
    }

    pub(crate) async fn store(&mut self, cx: &Context, device: &Device) -> Result<(), Error> {
        self.rows.set::<Device>(cx, &device.id, device).await
    }
}

/// Whether the storage takes it as a key.
pub(crate) fn is_key(text: &str) -> bool {
    (1..=kernel_core::storage::MAX_STORAGE_KEY).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// The time of day in seconds, to the millisecond; `None` where nobody knows it.
pub(crate) async fn time_of_day(cx: &Context) -> Result<Option<f64>, Error> {
    let time = unix_time(cx).await?;
    Ok(time.map(|time| time.as_millis() as f64 / 1_000.0))
}
