//! Run by: cargo test

use std::time::Duration;

use plugin_kit::kernel_core::Error;
use plugin_kit::test::TestRuntime;
use {crate}::{Name};
use serde_json::json;

fn started() -> Result<TestRuntime, Error> {
    let mut rt = TestRuntime::new();
    rt.add::<{Name}>(json!({"target": 21}));
    rt.start()?;
    Ok(rt)
}

#[test]
fn it_heats_when_it_is_cold() -> Result<(), Error> {
    let mut rt = started()?;
    rt.publish("sensor.kitchen.temperature", &json!({"celsius": 19.5}))?;
    rt.publish("sensor.kitchen.temperature", &json!({"celsius": 21.5}))?;
    let switched: Vec<_> = rt.published().iter().map(|event| &event.payload).collect();
    assert_eq!(switched, [true, false]);
    Ok(())
}

#[test]
fn the_setpoint_is_kept() -> Result<(), Error> {
    let mut rt = started()?;
    assert_eq!(rt.call("{name}.set", &json!({"target": 18}))?, 18.0);
    assert_eq!(rt.stored("{name}", "target").unwrap(), 18.0);
    let refused = rt.call("{name}.set", &json!({"target": "warm"}));
    assert_eq!(refused.unwrap_err().code(), "invalid_argument");
    Ok(())
}

#[test]
fn it_repeats_itself_every_minute() -> Result<(), Error> {
    let mut rt = started()?;
    rt.advance(Duration::from_secs(120))?;
    assert_eq!(rt.published().len(), 2);
    Ok(())
}
