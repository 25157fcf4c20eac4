//! Values of any size, published, called with, stored and shared; and what a test sees of them.

use std::time::Duration;

use plugin_kit::prelude::*;
use plugin_kit::test::TestRuntime;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Default)]
struct Weather;

#[derive(Debug, Deserialize, Serialize, PartialEq)]
struct Report {
    place: String,
    celsius: f32,
}

#[plugin(name = "weather")]
impl Weather {
    #[service("weather.report")]
    async fn report(&mut self, cx: &Context, place: String) -> Result<Report, Error> {
        cx.call_value("sky.look", &place, Duration::from_secs(2)).await
    }

    #[service("weather.keep")]
    async fn keep(&mut self, cx: &Context, text: String) -> Result<bool, Error> {
        let (storage, state) = (cx.storage("weather"), cx.state());
        storage.set_value("text", &text).await?;
        state.set_value(name!("weather.text"), &text).await?;
        state
            .set_value_with_ttl("weather.short", &1, Duration::from_secs(5))
            .await?;
        let stored: Option<String> = storage.get_value("text").await?;
        let kept: Option<String> = state.get_value("weather.text").await?;
        let none: Option<u8> = storage.get_value("none").await?;
        let nothing: Option<u8> = state.get_value("weather.none").await?;
        Ok(stored.as_ref() == Some(&text) && kept == Some(text) && none.is_none() && nothing.is_none())
    }

    #[service("weather.count")]
    async fn count(&mut self, cx: &Context) -> Result<u32, Error> {
        Ok(cx.storage("weather").get_value("count").await?.unwrap_or(0))
    }

    #[on("weather.wake")]
    async fn wake(&mut self, cx: &Context) -> Result<(), Error> {
        let count = cx
            .publish_value("weather.changed", &json!({"long": "x".repeat(5_000)}))
            .await?;
        log::warn!("{count} heard it");
        Ok(())
    }
}

fn started() -> TestRuntime {
    let mut rt = TestRuntime::new();
    rt.add::<Weather>(());
    rt.fake("sky.look", |place| match place.as_str() {
        Some("Oslo") => Ok(json!({"place": "Oslo", "celsius": 4})),
        Some("nowhere") => Ok(json!("it is not known")),
        _ => Err(Error::new("no_place", "there is no such place")),
    });
    rt.start().unwrap();
    rt
}

#[test]
fn a_call_is_a_value_for_a_value() {
    let mut rt = started();
    assert_eq!(
        rt.call("weather.report", "Oslo").unwrap(),
        json!({"place": "Oslo", "celsius": 4.0})
    );
    let error = rt.call("weather.report", "nowhere").unwrap_err();
    // Not `invalid_argument`: it is no mistake of whoever called.
    assert_eq!(error.code(), "invalid_reply");
    assert!(error.message().starts_with("sky.look: "), "{error}");
    assert_eq!(
        rt.call("weather.report", "Atlantis").unwrap_err().code(),
        "no_place"
    );
}

#[test]
fn a_call_ends_at_its_time() {
    let mut rt = TestRuntime::new();
    rt.add::<Weather>(());
    rt.add::<Sleeper>(());
    rt.start().unwrap();
    let before = rt.runtime().now();
    assert_eq!(rt.call("weather.report", "Oslo").unwrap_err().code(), "timeout");
    assert_eq!(rt.runtime().now().since(before), Duration::from_secs(2));
}

#[derive(Default)]
struct Sleeper;

#[plugin(name = "sleeper")]
impl Sleeper {
    #[service("sky.look")]
    async fn look(&mut self, cx: &Context) -> Result<(), Error> {
        Ok(cx.sleep(Duration::from_secs(10)).await?)
    }
}

#[test]
fn what_is_kept_comes_back() {
    let mut rt = started();
    for text in ["", "short", &"long \n😀".repeat(2_000)] {
        assert_eq!(rt.call("weather.keep", text).unwrap(), true);
        assert_eq!(rt.stored("weather", "text").unwrap(), text);
        assert_eq!(rt.state("weather.text").unwrap(), text);
    }
    assert_eq!(rt.state("weather.short"), Some(json!(1)));
    rt.advance(Duration::from_secs(5)).unwrap();
    assert_eq!(rt.state("weather.short"), None);
    rt.stop().unwrap();
    assert_eq!(
        rt.state("weather.text"),
        None,
        "the state goes with whoever wrote it"
    );
}

#[test]
fn a_stored_value_of_another_type_is_no_mistake_of_the_caller() {
    let mut rt = started();
    assert_eq!(rt.call("weather.count", &()).unwrap(), 0);
    rt.store("weather", "count", &json!({"not": "a number"}));
    let error = rt.call("weather.count", &()).unwrap_err();
    assert_eq!(error.code(), "invalid_value");
    rt.store("weather", "count", &7);
    assert_eq!(rt.call("weather.count", &()).unwrap(), 7);
}

#[test]
fn what_does_not_fit_anywhere_is_an_error() {
    let mut rt = started();
    let error = rt.call("weather.keep", &"x".repeat(100_000)).unwrap_err();
    assert_eq!(error.code(), "too_large");
}

#[test]
fn what_was_published_and_logged_is_seen() {
    let mut rt = started();
    assert_eq!(rt.publish("weather.wake", &()), Ok(1));
    let [event] = rt.published() else {
        panic!("{:?}", rt.published());
    };
    assert_eq!(
        (event.source.as_str(), event.topic.as_str()),
        ("weather", "weather.changed")
    );
    assert_eq!(event.payload["long"], "x".repeat(5_000));
    assert_eq!(rt.logs(), [(log::Level::Warn, "0 heard it".to_owned())]);
}

#[test]
fn two_runtimes_have_a_time_of_their_own() {
    let (mut one, two) = (started(), started());
    let before = two.runtime().now();
    one.advance(Duration::from_secs(60)).unwrap();
    assert_eq!(two.runtime().now(), before);
    assert_eq!(one.runtime().now().since(before), Duration::from_secs(60));
}

#[test]
fn the_same_happens_each_time() {
    let run = || {
        let mut rt = started();
        for place in ["Oslo", "nowhere", "Atlantis"] {
            let _ = rt.call("weather.report", place);
        }
        rt.publish("weather.wake", &()).unwrap();
        rt.advance(Duration::from_secs(3)).unwrap();
        let metrics = rt.runtime().metrics();
        (
            format!("{metrics:?}"),
            rt.published().to_vec(),
            Value::from(rt.runtime().now().as_micros()),
        )
    };
    assert_eq!(run(), run());
}

#[derive(Default)]
struct Watch;

#[plugin(name = "watch", version = "1.0.0")]
impl Watch {
    #[service(".time")]
    async fn time(&mut self, cx: &Context) -> Result<u64, Error> {
        let time = plugin_kit::unix_time(cx).await?;
        Ok(time.map_or(0, |time| time.as_secs()))
    }
}

#[test]
fn the_time_of_day_goes_with_the_runtimes_clock() -> Result<(), Error> {
    let mut rt = TestRuntime::new();
    rt.add::<Watch>(());
    rt.start()?;
    assert_eq!(rt.call("watch.time", &())?, 1_767_225_600);
    rt.advance(Duration::from_secs(90))?;
    assert_eq!(rt.call("watch.time", &())?, 1_767_225_690);
    rt.set_time(Duration::from_secs(2_000_000_000));
    assert_eq!(rt.call("watch.time", &())?, 2_000_000_000);
    Ok(())
}
