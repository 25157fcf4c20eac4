//! A thermostat: reacts to temperatures, asks another plugin, and keeps coordination state.

use core::time::Duration;

use kernel_core::{Context, Error, Event, Plugin, PluginMetadata, json_literal, name};

/// Below this it heats: tenths of a degree.
const TARGET: u32 = 210;
/// How long a switch is taken for granted without a new temperature.
const FRESH: Duration = Duration::from_millis(500);

/// Sets the state `thermostat.heating`, publishes `heating.switch` when it changes, and greets by
/// the service `example.hello` each time.
#[derive(Debug, Default)]
pub struct Thermostat {
    heating: Option<bool>,
}

impl Plugin for Thermostat {
    const METADATA: PluginMetadata = PluginMetadata {
        description: "Switches the heating by the temperature",
        dependencies: &["sensor", "example"],
        ..PluginMetadata::new("thermostat", "1.0.0")
    };

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.subscribe(name!("sensor.*.temperature")).await?;
        Ok(())
    }

    async fn on_event(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        let tenths: u32 = event.payload().decode(&mut [])?;
        let heat = tenths < TARGET;
        let json = if heat {
            json_literal!("true")
        } else {
            json_literal!("false")
        };
        cx.state()
            .set_with_ttl(name!("thermostat.heating"), json, FRESH)
            .await?;
        if self.heating != Some(heat) {
            self.heating = Some(heat);
            let mut buf = [0; 64];
            cx.call("example.hello", json_literal!(r#""Heizung""#), &mut buf)
                .await?;
            cx.publish("heating.switch", json).await?;
        }
        Ok(())
    }
}
