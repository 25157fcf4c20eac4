//! A plugin that answers, calls on, hears and says, under several names.

use std::sync::Mutex;

use kernel_core::{Context, Error, Event, Json, Plugin, PluginMetadata, Replied, Reply, Request, Service};
use serde_json::{Value, json};

const NAMES: [&str; 4] = ["attic", "cellar", "stuck", "roof"];
pub(crate) const ATTIC: u8 = 0;
pub(crate) const CELLAR: u8 = 1;
pub(crate) const STUCK: u8 = 2;
pub(crate) const ROOF: u8 = 3;

/// The plugin of the name with this number. Its services: `echo`; `never`, which does not answer; `pass` calls
/// `{"service", "args"}`; `fail`; `heard` lists the events `note.>` as `[topic, payload, source]`.
#[derive(Default)]
pub(crate) struct Relay<const N: u8> {
    heard: Vec<Value>,
}

impl<const N: u8> Plugin for Relay<N> {
    const METADATA: PluginMetadata = PluginMetadata::new(NAMES[N as usize], "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        for name in ["echo", "never", "pass", "fail", "heard"] {
            let name = format!("{}.{name}", NAMES[N as usize]);
            let service = Service::new(kernel_core::Name::Copied(&name)).describe("for tests");
            cx.register(&service).await?;
        }
        cx.subscribe("note.>").await?;
        Ok(())
    }

    async fn on_event(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        let mut buf = [0; 64];
        let source = cx.name_of(event.source, &mut buf).await?;
        let payload: Value = serde_json::from_str(event.payload().as_str()).unwrap();
        self.heard.push(json!([event.topic(), payload, source]));
        Ok(())
    }

    async fn on_call(&mut self, cx: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        match call.service().split_once('.').unwrap().1 {
            "echo" => reply.raw(call.args()),
            "never" => {
                REACHED.lock().unwrap().push(NAMES[N as usize]);
                std::future::pending().await
            }
            "pass" => {
                let wanted: Value = serde_json::from_str(call.args().as_str()).unwrap();
                let (service, args) = (wanted["service"].as_str().unwrap(), wanted["args"].to_string());
                let mut buf = vec![0; 4096];
                let passed = cx.call(service, Json::parse(&args).unwrap(), &mut buf).await;
                reply.raw(passed.map_err(|error| Error::new(error.code(), &error.to_string()))?)
            }
            "heard" => reply.json(&self.heard),
            _ => Err(Error::new("no_luck", "it was not to be")),
        }
    }
}

/// Who was asked what is not answered.
pub(crate) static REACHED: Mutex<Vec<&str>> = Mutex::new(Vec::new());
