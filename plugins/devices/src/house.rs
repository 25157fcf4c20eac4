//! All devices: their rows, and what is known of them.

use kernel_core::{Context, Error};
use plugin_kit::{log, unix_time};

use crate::device::{Device, Mapping};
use crate::index::{Index, Known};
use crate::rows::{Keys, Rows, is_of_the_row};
use crate::settings::Settings;

/// Lines of the log about rows that are wrong; of the others it says how many they are.
const MOST_LINES: u32 = 10;

/// All devices.
#[derive(Default)]
pub(crate) struct House {
    pub(crate) rows: Rows,
    pub(crate) index: Index,
    pub(crate) settings: Settings,
}

impl House {
    /// Learns from the rows what is to be known.
    pub(crate) async fn load(&mut self, cx: &Context) -> Result<(), Error> {
        let mut wrong = 0;
        let mut keys = Keys::after("");
        while let Some(key) = self.rows.next_key::<Device>(cx, &mut keys).await? {
            let known = match self.rows.get::<Device>(cx, &key).await {
                Ok(Some(device)) => Known::of(&device, cx.now()),
                Ok(None) => continue,
                Err(error) => {
                    note(error, &mut wrong)?;
                    Known::default()
                }
            };
            self.index.devices.insert(key, known);
        }
        let mut keys = Keys::after("");
        while let Some(key) = self.rows.next_key::<Mapping>(cx, &mut keys).await? {
            match self.rows.get::<Mapping>(cx, &key).await {
                Ok(Some(mapping)) => self.index.map(&key, &mapping.internal_id),
                Ok(None) => {}
                Err(error) => note(error, &mut wrong)?,
            }
        }
        if wrong > MOST_LINES {
            log::warn!("{wrong} rows are wrong, and left as they are");
        }
        Ok(())
    }

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

/// Logs that a row is wrong; any other error is one.
fn note(error: Error, count: &mut u32) -> Result<(), Error> {
    if !is_of_the_row(&error) {
        return Err(error);
    }
    *count += 1;
    if *count <= MOST_LINES {
        log::warn!("a row is left as it is: {error}");
    }
    Ok(())
}
