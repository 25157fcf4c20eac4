//! A whole plugin, and its test.

use std::time::Duration;

use plugin_kit::prelude::*;
use plugin_kit::test::TestRuntime;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Settings {
    target: f32,
}

/// Switches the heating by the temperature.
#[derive(Default)]
struct Thermostat {
    target: f32,
    heating: bool,
}

#[plugin(
    name = "thermostat",
    version = "1.0.0",
    description = "Switches the heating by the temperature"
)]
impl Thermostat {
    #[load]
    async fn load(&mut self, cx: &Context, settings: Settings) -> Result<(), Error> {
        let stored = cx.storage("thermostat").get_value("target").await?;
        self.target = stored.unwrap_or(settings.target);
        Ok(())
    }

    #[on("sensor.*.temperature")]
    async fn measured(&mut self, cx: &Context, celsius: f32) -> Result<(), Error> {
        self.heating = celsius < self.target;
        self.repeat(cx).await
    }

    /// Sets the temperature to keep, in degrees Celsius.
    #[service(".set")]
    async fn set(&mut self, cx: &Context, target: f32) -> Result<f32, Error> {
        cx.storage("thermostat").set_value("target", &target).await?;
        log::info!("keeping {target} °C");
        self.target = target;
        Ok(target)
    }

    #[every(minutes = 1)]
    async fn repeat(&mut self, cx: &Context) -> Result<(), Error> {
        cx.publish_value("heating.switch", &self.heating).await?;
        Ok(())
    }
}

#[test]
fn it_keeps_the_temperature() -> Result<(), Error> {
    let mut rt = TestRuntime::new();
    rt.add::<Thermostat>(json!({"target": 21}));
    rt.start()?;

    assert_eq!(rt.publish("sensor.kitchen.temperature", &19.5)?, 1);
    assert_eq!(rt.published()[0].topic, "heating.switch");
    assert_eq!(rt.published()[0].payload, true);

    assert_eq!(rt.call("thermostat.set", &18)?, 18.0);
    assert_eq!(rt.stored("thermostat", "target").unwrap(), 18.0);
    assert_eq!(rt.logs()[0].1, "keeping 18 °C");

    rt.advance(Duration::from_secs(120))?;
    assert_eq!(rt.published().len(), 3);

    // The next life finds what was stored.
    rt.stop()?;
    rt.start()?;
    rt.publish("sensor.kitchen.temperature", &19.5)?;
    assert_eq!(rt.published()[3].payload, false);
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() -> Result<(), Error> {
    let mut rt = TestRuntime::new();
    rt.add::<Thermostat>(json!({"target": "warm"}));
    let error = rt.start().unwrap_err();
    assert_eq!(error.code(), "invalid_settings");
    assert!(error.message().contains("target"), "{error}");

    let mut rt = TestRuntime::new();
    rt.add::<Thermostat>(json!({"target": 21}));
    rt.start()?;
    let error = rt.call("thermostat.set", "warm").unwrap_err();
    assert_eq!(error.code(), "invalid_argument");
    let error = rt.publish("sensor.kitchen.temperature", "warm").unwrap_err();
    assert_eq!(error.code(), "invalid_argument");
    Ok(())
}
