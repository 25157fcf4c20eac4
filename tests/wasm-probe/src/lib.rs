//! A plugin that does whatever a test asks it for: the service `probe.do` takes `{"what": …, "name": …}`, and says so by
//! a schema.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use kernel_core::storage::BatchOp;
use kernel_core::{
    Context, Error, Event, Json, Name, Plugin, PluginMetadata, Replied, Reply, Request, Service,
    json_literal, name,
};
use plugin_kit::schema::{Described, ServiceSchema, Services};
use schemars::JsonSchema;

plugin_wasm::export!(Probe, schema);

/// What `probe.do` takes.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it is taken apart by hand")]
struct Asked {
    /// What to do.
    what: String,
    /// With what.
    name: Option<String>,
}

impl Described for Probe {
    fn services() -> Services {
        let takes = ServiceSchema::new("probe.do", "Does whatever a test asks for").takes::<Asked>();
        vec![takes.example(json_literal!(r#"{"what": "who"}"#))]
    }
}

/// The largest value here.
const VALUE: usize = 60 * 1024;

/// See the crate's documentation.
#[derive(Default)]
pub struct Probe {
    ticks: u32,
    events: u32,
}

impl Plugin for Probe {
    const METADATA: PluginMetadata = PluginMetadata::new("probe", "1.2.3");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(&Service::new(name!("probe.do")).version(name!("7")).deprecated())
            .await?;
        cx.subscribe(name!("probe.event.>")).await?;
        Ok(())
    }

    async fn on_event(&mut self, _: &Context, event: Event<'_>) -> Result<(), Error> {
        self.events += 1;
        match event.topic() {
            "probe.event.bad" => Err(Error::new("bad_event", "as it was asked for")),
            _ => Ok(()),
        }
    }

    async fn on_tick(&mut self, _: &Context) -> Result<(), Error> {
        self.ticks += 1;
        Ok(())
    }

    async fn on_call(&mut self, cx: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        let text = |key: &str| {
            let mut buf = [0; 96];
            let value = call.args().get(key)?;
            value.str_value(&mut buf).map(str::to_owned)
        };
        let what = text("what").ok_or_else(|| Error::invalid_argument("there is no `what`"))?;
        let name = text("name").unwrap_or_default();
        let mut buf = vec![0; VALUE];
        match what.as_str() {
            "publish" => reply.json(&cx.publish(&name, json_literal!("1")).await?),
            "subscribe" => reply.json(&cx.subscribe(Name::Copied(&name)).await?),
            "register" => {
                cx.register(&Service::new(Name::Copied(&name))).await?;
                reply.json(&cx.services().has_service(&name).await?)
            }
            "call" => reply.raw(cx.call(&name, json_literal!("\"Ада\""), &mut buf).await?),
            "state" => reply.json(&state(cx, &name).await?),
            "see" => {
                let (mut cursor, mut seen) = (0, 0);
                while cx.state().keys(&name, &mut cursor, &mut buf).await?.is_some() {
                    seen += 1;
                }
                reply.json(&seen)
            }
            "store" => reply.json(&store(cx, &name, &mut buf).await?),
            "settings" => reply.raw(cx.settings(&mut buf).await?),
            "caller" => reply.text(cx.name_of(call.caller, &mut buf).await?),
            "who" => reply.text(cx.name_of(cx.id(), &mut buf).await?),
            "both" => {
                let (begun, slept) = (cx.now(), AtomicU32::new(0));
                let sleep = |ms| {
                    let slept = &slept;
                    async move {
                        let done = cx.sleep(Duration::from_millis(ms)).await.is_ok();
                        slept.fetch_add(u32::from(done), Ordering::Relaxed);
                    }
                };
                let mut sleeps: FuturesUnordered<_> = [60, 30, 60].into_iter().map(sleep).collect();
                while sleeps.next().await.is_some() {}
                reply.json(&(slept.load(Ordering::Relaxed), cx.now().millis_since(begun)))
            }
            "tick" => {
                cx.set_interval(Duration::from_millis(10)).await?;
                reply.json(&self.ticks)
            }
            "events" => reply.json(&self.events),
            "large" => {
                let json = format!("\"{}\"", "x".repeat(VALUE - 1000));
                reply.raw(Json::parse(&json).map_err(|_| Error::new("not_json", ""))?)
            }
            "nonsense" => reply.raw(nonsense()),
            "panic" => panic!("as {name} wanted"),
            "spin" => loop {
                std::hint::black_box(&name);
            },
            "grow" => {
                let mut all = Vec::new();
                loop {
                    all.push(vec![1u8; 1 << 16]);
                    std::hint::black_box(&all);
                }
            }
            _ => Err(Error::invalid_argument("`what` is something else")),
        }
    }
}

/// What no plugin without unsafe code can answer.
fn nonsense() -> Json<'static> {
    // SAFETY: it is one field, those bytes.
    unsafe { std::mem::transmute::<&'static [u8], Json<'static>>(b"{\"a\":,}") }
}

/// All that can be done with state values; how many were seen.
async fn state(cx: &Context, prefix: &str) -> Result<u32, Error> {
    let (first, second) = (format!("{prefix}.a"), format!("{prefix}.b"));
    let state = cx.state();
    let version = state.set(&*first, json_literal!("[1]")).await?;
    let mut buf = [0; 256];
    let read = state.get_versioned(&first, &mut buf).await?;
    if read != Some((json_literal!("[1]"), version)) {
        return Err(Error::new("other_value", "not what was set"));
    }
    if state
        .compare_and_set(&*first, json_literal!("2"), version + 1)
        .await
        .is_ok()
    {
        return Err(Error::new("no_conflict", "the version was not looked at"));
    }
    state
        .compare_and_set(&*first, json_literal!("2"), version)
        .await?;
    state
        .update(&[
            (Name::Copied(&first), json_literal!("3")),
            (Name::Copied(&second), json_literal!("4")),
        ])
        .await?;
    let (mut cursor, mut seen) = (0, 0);
    while let Some(entry) = state.keys(prefix, &mut cursor, &mut buf).await? {
        seen += u32::from(entry.key == first || entry.key == second);
    }
    if !state.delete(&second).await? || state.exists(&second).await? {
        return Err(Error::new("not_deleted", ""));
    }
    state.clear().await?;
    Ok(seen)
}

/// All that can be done with stored values; how many keys there were.
async fn store(cx: &Context, namespace: &str, buf: &mut [u8]) -> Result<usize, Error> {
    let storage = cx.storage(namespace);
    storage.set("one", json_literal!("{\"a\":1}")).await?;
    storage
        .transaction(&[BatchOp::Set("two", json_literal!("2")), BatchOp::Delete("one")])
        .await?;
    if storage.get("one", buf).await?.is_some() {
        return Err(Error::new("not_deleted", ""));
    }
    storage
        .batch_set(&[("three", json_literal!("3")), ("four", json_literal!("4"))])
        .await?;
    let keys = storage.list_keys("", 10, buf).await?.count();
    storage.clear_namespace().await?;
    Ok(keys)
}
