//! A sensor: publishes a temperature at intervals.

use kernel_core::json::to_json;
use plugin_kit::prelude::*;

/// Publishes `sensor.hall.temperature` in tenths of a degree, and answers `sensor.read` with the
/// last one. The room warms by a degree with each measurement, and cools at 25.
#[derive(Debug)]
pub struct Sensor {
    tenths: u32,
}

impl Default for Sensor {
    fn default() -> Self {
        Sensor { tenths: 180 }
    }
}

#[plugin(
    name = "sensor",
    version = "1.0.0",
    description = "Publishes a temperature at intervals"
)]
impl Sensor {
    /// The last temperature, in tenths of a degree
    #[service(".read")]
    fn read(&self) -> Result<u32, Error> {
        Ok(self.tenths)
    }

    #[every(milliseconds = 50)]
    async fn measure(&mut self, cx: &Context) -> Result<(), Error> {
        self.tenths = if self.tenths < 250 { self.tenths + 10 } else { 180 };
        let mut buf = [0; 12];
        cx.publish("sensor.hall.temperature", to_json(&self.tenths, &mut buf)?)
            .await?;
        Ok(())
    }
}
