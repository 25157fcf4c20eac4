//! What the marks of methods mean.

use std::time::Duration;

use plugin_kit::kernel_core::{LocalPlugin, Overflow, Plugin, PluginMetadata};
use plugin_kit::prelude::*;
use plugin_kit::test::TestRuntime;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Notes what happens to it, in the state, which anybody may read.
#[derive(Default)]
struct Notes {
    text: String,
    ticks: Ticks,
}

impl Notes {
    async fn note(&mut self, cx: &Context, what: &str) -> Result<(), Error> {
        self.text.push_str(what);
        self.text.push(' ');
        cx.publish_value("notes.added", what).await?;
        Ok(())
    }
}

const VERSION: &str = "1.2.3";

#[plugin(
    name = "notes",
    version = VERSION,
    author = "somebody",
    needs = ["other", "another"],
    reads = ["other"],
    writes = ["notes_old"],
    overflow = Overflow::Block,
    hook_timeout = Duration::from_secs(3),
)]
impl Notes {
    #[load]
    async fn load(&mut self, cx: &Context) -> Result<(), Error> {
        self.note(cx, "load").await
    }

    #[start]
    async fn start(&mut self, cx: &Context) -> Result<(), Error> {
        self.note(cx, "start").await
    }

    #[stop]
    async fn stop(&mut self, cx: &Context) -> Result<(), Error> {
        self.note(cx, "stop").await
    }

    #[unload]
    async fn unload(&mut self, cx: &Context) -> Result<(), Error> {
        self.note(cx, "unload").await
    }

    #[on("a.*")]
    #[on(".own", "b")]
    async fn some(&mut self, event: Event<'_>, cx: &Context) -> Result<(), Error> {
        let what = event.topic().to_owned();
        self.note(cx, &what).await
    }

    #[on("a.number")]
    async fn number(&mut self, value: u8, cx: &Context) -> Result<(), Error> {
        self.note(cx, &format!("u8:{value}")).await
    }

    #[on("a.>")]
    async fn all(&mut self, cx: &Context) -> Result<(), Error> {
        self.note(cx, "all").await
    }

    #[service("notes.text", version = "2", deprecated)]
    fn text(&self) -> Result<&str, Error> {
        Ok(&self.text)
    }

    #[every(seconds = 2)]
    async fn fast(&mut self, cx: &Context) -> Result<(), Error> {
        self.note(cx, "2s").await?;
        Err(Error::new("broken", "the fast one"))
    }

    #[every(seconds = 5)]
    async fn slow(&mut self, cx: &Context) -> Result<(), Error> {
        self.note(cx, "5s").await
    }
}

fn started<P: LocalPlugin + Default + 'static>() -> TestRuntime {
    let mut rt = TestRuntime::new();
    rt.add::<P>(());
    rt.start().unwrap();
    rt
}

fn notes(rt: &TestRuntime) -> Vec<String> {
    let payloads = rt.published().iter().map(|event| event.payload.as_str());
    payloads.flatten().map(str::to_owned).collect()
}

#[test]
fn the_metadata_is_what_was_said() {
    const METADATA: PluginMetadata = <Notes as Plugin>::METADATA;
    assert_eq!(
        (METADATA.name, METADATA.version, METADATA.author),
        ("notes", "1.2.3", "somebody")
    );
    assert_eq!(METADATA.dependencies, ["other", "another"]);
    assert_eq!(METADATA.reads, ["other"]);
    assert_eq!(METADATA.writes, ["notes_old"]);
    assert_eq!(METADATA.overflow, Overflow::Block);
    assert_eq!(METADATA.hook_timeout, Duration::from_secs(3));
}

#[test]
fn hooks_come_in_the_order_of_a_life() {
    let mut rt = started::<Notes>();
    rt.stop().unwrap();
    assert_eq!(notes(&rt), ["load", "start", "stop", "unload"]);
}

#[test]
fn an_event_goes_to_every_method_whose_filter_matches() {
    let mut rt = started::<Notes>();
    assert_eq!(rt.publish("a.number", &5), Ok(1));
    assert_eq!(notes(&rt)[2..], ["a.number", "u8:5", "all"]);
    rt.publish("b", &()).unwrap();
    rt.publish("notes.own", &()).unwrap();
    assert_eq!(rt.publish("c", &()), Ok(0));
    assert_eq!(notes(&rt)[5..], ["b", "notes.own"]);
}

#[test]
fn what_one_method_does_not_understand_another_may() {
    let mut rt = started::<Notes>();
    let error = rt.publish("a.number", &500).unwrap_err();
    assert_eq!(error.code(), "invalid_argument");
    assert_eq!(notes(&rt)[2..], ["a.number", "all"]);
}

#[test]
fn periods_are_independent() {
    let mut rt = started::<Notes>();
    let error = rt.advance(Duration::from_secs(10)).unwrap_err();
    assert_eq!((error.code(), error.message()), ("broken", "the fast one"));
    assert_eq!(notes(&rt)[2..], ["2s", "2s", "5s", "2s", "2s", "2s", "5s"]);
}

#[test]
fn a_service_says_what_it_is() {
    let rt = started::<Notes>();
    let (mut cursor, mut buf) = (0, [0; 512]);
    let mut found = Vec::new();
    while let Some(info) = rt.runtime().next_service(&mut cursor, &mut buf) {
        if info.owner == "notes" {
            found.push((info.name.to_owned(), info.version.to_owned(), info.deprecated));
        }
    }
    assert_eq!(found, [("notes.text".to_owned(), "2".to_owned(), true)]);
}

/// Values of all kinds.
#[derive(Default)]
struct Values;

#[derive(Deserialize)]
struct Room<'a> {
    name: &'a str,
    #[serde(default)]
    lamps: Option<u8>,
}

#[derive(Deserialize, Serialize)]
struct Message {
    text: String,
}

#[plugin(name = "values")]
impl Values {
    /// Borrows its argument.
    ///
    /// This is not for the list.
    #[service("values.borrowed")]
    async fn borrowed(&mut self, _cx: &Context, room: Room<'_>) -> Result<usize, Error> {
        Ok(room.name.len() + usize::from(room.lamps.unwrap_or(0)))
    }

    #[service("values.owned")]
    fn owned(&mut self, message: Message) -> Result<Message, Error> {
        Ok(message)
    }

    #[service("values.raw")]
    fn raw(&mut self, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        reply.text(format_args!("{} {}", call.service(), call.args()))
    }

    #[service("values.text")]
    fn text(&mut self, name: &str, reply: Reply<'_>) -> Result<Replied, Error> {
        reply.text(format_args!("Hello, {name}!"))
    }

    #[service("values.fault")]
    fn fault(&mut self) -> Result<(), plugin_kit::kernel_core::Fault> {
        Err(plugin_kit::kernel_core::Fault::Denied)
    }
}

#[test]
fn arguments_and_replies_are_values() {
    let mut rt = started::<Values>();
    assert_eq!(
        rt.call("values.borrowed", &json!({"name": "kitchen", "lamps": 2}))
            .unwrap(),
        9
    );
    assert_eq!(rt.call("values.raw", &[1, 2]).unwrap(), "values.raw [1,2]");
    assert_eq!(rt.call("values.text", "Мир").unwrap(), "Hello, Мир!");
    assert_eq!(rt.call("values.fault", &()).unwrap_err().code(), "denied");
    assert_eq!(rt.call("values.none", &()).unwrap_err().code(), "not_found");
}

#[test]
fn a_wrong_argument_is_refused_with_its_place() {
    let mut rt = started::<Values>();
    for (args, place) in [
        (json!({"name": 5}), "name"),
        (json!({"name": "a", "lamps": 256}), "lamps"),
        (json!({}), "name"),
    ] {
        let error = rt.call("values.borrowed", &args).unwrap_err();
        assert_eq!(error.code(), "invalid_argument");
        assert!(error.message().contains(place), "{error}");
    }
}

#[test]
fn texts_with_escapes_of_any_length_are_read() {
    let mut rt = started::<Values>();
    let text = "\"мир\"\n😀 ".repeat(1_000);
    let message = json!({ "text": text });
    assert_eq!(rt.call("values.owned", &message).unwrap(), message);
    // As other languages write it.
    let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let escaped = format!("\"{units}\"");
    let json = Json::parse(&escaped).unwrap();
    let mut room = plugin_kit::scratch::<0>(json);
    assert_eq!(json.decode(room.as_mut()), Ok(text));
}

/// Its interval is a setting.
#[derive(Default)]
struct Ticking {
    _stays_on_its_thread: std::rc::Rc<()>,
}

#[derive(Deserialize)]
#[serde(default)]
struct Settings {
    seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { seconds: 10 }
    }
}

#[plugin(name = "ticking", local)]
impl Ticking {
    #[load]
    async fn load(&mut self, cx: &Context, settings: Settings) -> Result<(), Error> {
        Ok(cx.set_interval(Duration::from_secs(settings.seconds)).await?)
    }

    #[tick]
    async fn tick(&mut self, cx: &Context) -> Result<(), Error> {
        cx.publish_value("tick", &()).await?;
        Ok(())
    }
}

#[test]
fn an_interval_may_be_a_setting() {
    for (settings, count) in [(json!({}), 6), (json!({"seconds": 20}), 3)] {
        let mut rt = TestRuntime::new();
        rt.add::<Ticking>(settings);
        rt.start().unwrap();
        rt.advance(Duration::from_secs(60)).unwrap();
        assert_eq!(rt.published().len(), count);
    }
}

#[test]
fn settings_may_be_long() {
    let long = "x".repeat(2_000);
    let mut rt = TestRuntime::new();
    rt.add::<Ticking>(json!({"note": long, "seconds": 30}));
    rt.start().unwrap();
    rt.advance(Duration::from_secs(60)).unwrap();
    assert_eq!(rt.published().len(), 2);
}

/// Subscribes to what its settings say.
#[derive(Default)]
struct Chosen;

#[derive(Deserialize)]
struct Filter {
    filter: String,
}

#[plugin(name = "chosen")]
impl Chosen {
    #[load]
    async fn load(&mut self, cx: &Context, settings: Filter) -> Result<(), Error> {
        cx.subscribe(&settings.filter).await?;
        Ok(())
    }

    #[event]
    #[on("chosen.too")]
    async fn any(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        cx.publish_value("notes.added", event.topic()).await?;
        Ok(())
    }

    #[on("b.c")]
    async fn other(&mut self, cx: &Context) -> Result<(), Error> {
        cx.publish_value("notes.added", "other").await?;
        Ok(())
    }
}

#[test]
fn a_method_for_events_gets_those_that_the_plugin_subscribed_to_itself() {
    let mut rt = TestRuntime::new();
    rt.add::<Chosen>(json!({"filter": "a.*"}));
    rt.start().unwrap();
    for topic in ["a.b", "b.b", "b.c", "chosen.too"] {
        rt.publish(topic, &()).unwrap();
    }
    assert_eq!(notes(&rt), ["a.b", "b.c", "other", "chosen.too"]);
}
