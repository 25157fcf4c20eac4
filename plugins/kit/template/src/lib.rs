//! Switches the heating by the temperature.

use plugin_kit::prelude::*;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Target {
    target: f32,
}

#[derive(Default)]
pub struct {Name} {
    target: f32,
    heating: bool,
}

#[plugin(name = "{name}", schema, instances)]
impl {Name} {
    #[load]
    async fn load(&mut self, cx: &Context, settings: Target) -> Result<(), Error> {
        let stored = cx.get_value("target").await?;
        self.target = stored.unwrap_or(settings.target);
        Ok(())
    }

    #[on("sensor.*.temperature")]
    async fn measured(&mut self, cx: &Context, measured: Measured) -> Result<u32, Error> {
        self.heating = measured.celsius < self.target;
        self.repeat(cx).await
    }

    /// Sets the temperature to keep, in degrees Celsius.
    #[service(".set", examples = [r#"{"target": 21.5}"#])]
    async fn set(&mut self, cx: &Context, new: Target) -> Result<f32, Error> {
        cx.set_value("target", &new.target).await?;
        self.target = new.target;
        Ok(new.target)
    }

    #[every(minutes = 1)]
    async fn repeat(&mut self, cx: &Context) -> Result<u32, Error> {
        cx.publish_value("heating.switch", &self.heating).await
    }
}

#[derive(serde::Deserialize)]
struct Measured {
    celsius: f32,
}

plugin_wasm::export!({Name}, schema);
