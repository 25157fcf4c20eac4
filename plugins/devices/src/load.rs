//! What the plugin begins with.

use kernel_core::{Context, Error};
use plugin_kit::log;

use crate::device::{Device, Mapping};
use crate::house::House;
use crate::index::Known;
use crate::rows::{Keys, is_of_the_row};

/// Lines of the log about rows that are wrong; of the others it says how many they are.
const MOST_LINES: u32 = 10;

impl House {
    /// Learns from the rows what is to be known.
    pub(crate) async fn load(&mut self, cx: &Context) -> Result<(), Error> {
        let mut wrong = 0;
        let mut keys = Keys::after("");
        while let Some(key) = self.rows.next_key::<Device>(cx, &mut keys).await? {
            let known = match self.rows.get::<Device>(cx, &key).await {
                Ok(Some(device)) => {
                    self.mirror(cx, &key, &device.state.reported).await;
                    Known::of(&device, cx.now())
                }
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
