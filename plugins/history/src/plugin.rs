//! The plugin: its events and services.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec::Vec;

use kernel_core::Name;
use plugin_kit::Args;
use plugin_kit::prelude::*;
use serde_json::Value;

use crate::life::History;
use crate::rows::{DAY, ROW};
use crate::settings::HistorySettings;
use crate::types::{HistoryAnswer, HistoryKeys, HistoryNames, HistoryQuery, HistoryStats};

const DEVICES: &str = "device.state_changed";
const STATES: &str = "state.changed.";

/// What the names of a state's series begin with.
const STATE: &str = "state:";

/// The most points or names of an answer, and those of one that does not say how many.
const MAX_LIMIT: u32 = 1_000;
const LIMIT: u32 = 500;

/// See the crate's documentation.
#[derive(Debug, Default)]
pub struct HistoryPlugin(Option<History>);

#[plugin(
    name = "history",
    description = "Keeps what devices and states were",
    schema = "host"
)]
impl HistoryPlugin {
    #[load]
    async fn load(&mut self, cx: &Context) -> Result<(), Error> {
        let settings = HistorySettings::read(cx).await?;
        if settings.devices {
            cx.subscribe(name!("device.state_changed")).await?;
        }
        for states in &settings.states {
            cx.subscribe(Name::Copied(&format!("{STATES}{states}"))).await?;
        }
        self.0 = Some(History::new(settings, cx.now()));
        Ok(())
    }

    #[start]
    async fn start(&mut self, cx: &Context) -> Result<(), Error> {
        self.history()?.open(cx).await
    }

    #[event]
    async fn event(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        let history = self.history()?;
        let Ok(Value::Object(mut payload)) = serde_json::from_slice(event.payload().as_bytes()) else {
            history.refused += 1;
            return Ok(());
        };
        if event.topic() == DEVICES {
            let id = payload
                .get("device_id")
                .and_then(Value::as_str)
                .map(ToOwned::to_owned);
            match (id, payload.remove("new")) {
                (Some(id), Some(new)) => history.record(cx, &id, &new).await?,
                _ => history.refused += 1,
            }
        } else if let Some(key) = event.topic().strip_prefix(STATES) {
            let name = format!("{STATE}{key}");
            match payload.remove("value") {
                Some(value) => history.record(cx, &name, &value).await?,
                None => history.record_end(cx, &name).await?,
            }
        }
        Ok(())
    }

    #[every(minutes = 1)]
    async fn look(&mut self, cx: &Context) -> Result<(), Error> {
        let history = self.history()?;
        history.flush_when_due(cx).await;
        if let Some(time) = plugin_kit::unix_time(cx).await? {
            let kept_up = history.keep_up(cx, time.as_millis() as u64 / DAY).await;
            history.say(kept_up);
        }
        Ok(())
    }

    #[stop]
    async fn stop(&mut self, cx: &Context) -> Result<(), Error> {
        self.history()?.flush(cx).await;
        Ok(())
    }

    /// What a device or a state was.
    #[service(".query", examples = [r#"{"key": "lamp_kitchen.brightness"}"#, r#"{"key": "state:presence.anna", "from": 1767225600000, "limit": 100}"#])]
    async fn query(
        &mut self,
        cx: &Context,
        Args(args): Args<HistoryQuery>,
        reply: Reply<'_>,
    ) -> Result<Replied, Error> {
        let limit = limit(args.limit)?;
        let history = self.history()?;
        if !history.names.contains(&args.key) {
            let what = format_args!("there is no series {:.60}: history.keys lists them", args.key);
            return Err(Error::format("not_found", what));
        }
        let now = plugin_kit::unix_time(cx)
            .await?
            .map(|time| time.as_millis() as u64);
        let to = args.to.or(now.map(|now| now + 1)).unwrap_or(u64::MAX);
        let from = args.from.unwrap_or(to.saturating_sub(DAY));
        if from > to {
            let what = format_args!("from is {from}; allowed is at most to, which is {to}");
            return Err(Error::format("invalid_argument", what));
        }
        let (points, next) = history.points(cx, &args.key, from..to, limit).await?;
        let key = args.key;
        answer(reply, &HistoryAnswer { key, points, next })
    }

    /// The series that there are.
    #[service(".keys", examples = [r#"{"prefix": "lamp_kitchen.", "limit": 100}"#])]
    fn keys(&mut self, Args(args): Args<HistoryKeys>, reply: Reply<'_>) -> Result<Replied, Error> {
        let limit = limit(args.limit)?;
        let (prefix, after) = (args.prefix.unwrap_or_default(), args.after.unwrap_or_default());
        for (name, text) in [("prefix", &prefix), ("after", &after)] {
            let len = text.chars().count();
            if len > crate::MAX_SERIES_NAME {
                let what = format_args!(
                    "{name} has {len} characters; allowed are {}",
                    crate::MAX_SERIES_NAME
                );
                return Err(Error::format("invalid_argument", what));
            }
        }
        let (mut keys, mut room, mut next) = (Vec::new(), ROW, None);
        for name in self.history()?.names.after(&prefix, &after) {
            let left = room.checked_sub(name.len() * 2 + 3);
            let (Some(left), true) = (left, keys.len() < limit) else {
                next = keys.last().cloned();
                break;
            };
            room = left;
            keys.push(name.to_owned());
        }
        answer(reply, &HistoryNames { keys, next })
    }

    /// How much is kept, and what was left out.
    #[service(".stats")]
    fn stats(&mut self) -> Result<HistoryStats, Error> {
        Ok(self.history()?.stats())
    }

    fn history(&mut self) -> Result<&mut History, Error> {
        self.0
            .as_mut()
            .ok_or_else(|| Error::new("not_loaded", "the plugin is not loaded"))
    }
}

fn limit(wanted: Option<u32>) -> Result<usize, Error> {
    match wanted.unwrap_or(LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit as usize),
        limit => Err(Error::format(
            "invalid_argument",
            format_args!("limit is {limit}; allowed is a whole number from 1 to {MAX_LIMIT}"),
        )),
    }
}

fn answer<T: serde::Serialize>(reply: Reply<'_>, value: &T) -> Result<Replied, Error> {
    let encode = |error: &dyn core::fmt::Display| Error::format("encode", format_args!("{error}"));
    let text = serde_json::to_string(value).map_err(|error| encode(&error))?;
    reply.raw(Json::parse(&text).map_err(|error| encode(&error))?)
}
