//! A sensor: publishes a temperature at intervals.

use core::time::Duration;

use kernel_core::json::to_json;
use kernel_core::{Context, Error, Plugin, PluginMetadata, Replied, Reply, Request, Service, name};

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
        ..PluginMetadata::new("sensor", "1.0.0")
    };

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        let read = Service::new(name!("sensor.read")).describe("The last temperature, in tenths of a degree");
        cx.register(&read).await?;
        Ok(())
    }

    async fn on_start(&mut self, cx: &Context) -> Result<(), Error> {
        cx.set_interval(INTERVAL).await?;
        Ok(())
    }

    async fn on_tick(&mut self, cx: &Context) -> Result<(), Error> {
        self.tenths = if self.tenths < 250 { self.tenths + 10 } else { 180 };
        let mut buf = [0; 12];
        cx.publish("sensor.hall.temperature", to_json(&self.tenths, &mut buf)?)
            .await?;
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, _: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        reply.json(&self.tenths)
    }
}
