//! The plugin of the README, and its test.

use plugin_kit::prelude::*;
use plugin_kit::test::TestRuntime;
use serde_json::json;

#[derive(serde::Deserialize)]
struct Settings {
    target: Option<f32>,
}

#[derive(Default)]
struct Thermostat {
    target: f32,
    heating: bool,
}

#[plugin(name = "thermostat", description = "Switches the heating")]
impl Thermostat {
    #[load]
    async fn load(&mut self, cx: &Context, settings: Settings) -> Result<(), Error> {
        let stored = cx.storage("thermostat").get_value("target").await?;
        self.target = stored.or(settings.target).unwrap_or(21.0);
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
fn it_heats_when_it_is_cold() -> Result<(), Error> {
    let mut rt = plugin_kit::test::TestRuntime::new();
    rt.add::<Thermostat>(serde_json::json!({"target": 20}));
    rt.start()?;
    rt.publish("sensor.kitchen.temperature", &19.5)?;
    assert_eq!(rt.published()[0].payload, true);
    assert_eq!(rt.call("thermostat.set", &18)?, 18.0);
    assert_eq!(rt.stored("thermostat", "target").unwrap(), 18.0);
    rt.advance(std::time::Duration::from_secs(60))?;
    assert_eq!(rt.published().len(), 2);
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
    rt.add::<Thermostat>(());
    rt.start()?;
    assert_eq!(
        rt.call("thermostat.set", "warm").unwrap_err().code(),
        "invalid_argument"
    );
    let error = rt.publish("sensor.kitchen.temperature", "warm").unwrap_err();
    assert_eq!(error.code(), "invalid_argument");
    Ok(())
}

#[test]
fn what_is_stored_outlives_the_plugin() -> Result<(), Error> {
    let mut rt = TestRuntime::new();
    rt.add::<Thermostat>(());
    rt.start()?;
    rt.call("thermostat.set", &18)?;
    rt.stop()?;
    rt.start()?;
    rt.publish("sensor.kitchen.temperature", &19.5)?;
    assert_eq!(rt.published()[0].payload, false);
    Ok(())
}
