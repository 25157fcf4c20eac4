//! A thermostat: reacts to temperatures, asks another plugin, and keeps coordination state.

use core::time::Duration;

use plugin_kit::prelude::*;

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

#[plugin(
    name = "thermostat",
    version = "1.0.0",
    description = "Switches the heating by the temperature",
    needs = ["sensor", "example"]
)]
impl Thermostat {
    #[on("sensor.*.temperature")]
    async fn measured(&mut self, cx: &Context, tenths: u32) -> Result<(), Error> {
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
