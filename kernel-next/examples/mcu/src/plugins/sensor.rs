//! A sensor: publishes a temperature at intervals.

use core::time::Duration;

use kernel_core::json::Writer;
use kernel_core::{Context, Error, Plugin, PluginMetadata, Replied, Reply, Request, Service};

/// How often it measures.
const INTERVAL: Duration = Duration::from_millis(50);

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

impl Plugin for Sensor {
    const METADATA: PluginMetadata = PluginMetadata {
        description: "Publishes a temperature at intervals",
        provides: &["sensor.read"],
        ..PluginMetadata::new("sensor", "1.0.0")
    };

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(Service::new("sensor.read").describe("The last temperature, in tenths of a degree"))?;
        Ok(())
    }

    async fn on_start(&mut self, cx: &Context) -> Result<(), Error> {
        cx.set_interval(INTERVAL);
        Ok(())
    }

    async fn on_tick(&mut self, cx: &Context) -> Result<(), Error> {
        self.tenths = if self.tenths < 250 { self.tenths + 10 } else { 180 };
        let mut buf = [0; 12];
        let mut writer = Writer::new(&mut buf);
        writer.u64(self.tenths as u64);
        if let Some(payload) = writer.finish() {
            cx.publish("sensor.hall.temperature", payload).await?;
        }
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, _: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        reply.json(&self.tenths)
    }
}
