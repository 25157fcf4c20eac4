//! What a runtime lists and publishes, kept once it has left the buffers of the link; as JSON for whoever asked for that.

use std::collections::HashSet;
use std::sync::Arc;

use kernel_core::PluginState;
use kernel_core::storage::Page;
use kernel_link::{self as link, Failure, Reply, Slots};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Texts that come again and again, each kept once.
#[derive(Debug, Default)]
pub struct Texts(HashSet<Arc<str>>);

/// A runtime that makes up topics without end should not fill the memory.
const MANY: usize = 8192;

impl Texts {
    /// The text.
    pub fn keep(&mut self, text: &str) -> Arc<str> {
        if let Some(kept) = self.0.get(text) {
            return kept.clone();
        }
        if self.0.len() >= MANY {
            self.0.clear();
        }
        let kept: Arc<str> = text.into();
        self.0.insert(kept.clone());
        kept
    }
}

/// An item of a list.
pub trait Listed: Sized {
    /// The item of a reply; `None` for a reply that has another one, or none.
    fn of(reply: &Reply<'_>, texts: &mut Texts) -> Option<Self>;
}

/// A plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plugin {
    /// Its slot: its number in a [`Slots`].
    pub index: u8,
    /// Its name.
    pub name: Arc<str>,
    /// Its version.
    pub version: String,
    /// One sentence on what it does.
    pub description: String,
    /// Who wrote it.
    pub author: String,
    /// The installed plugins it depends on.
    pub dependencies: Slots,
    /// Where it runs: `shared`, `own thread`, `remote`, or what its platform says.
    pub placement: String,
    /// Where it is in its life.
    pub state: PluginState,
    /// The hook it is in, or `idle`.
    pub hook: String,
    /// Its last error: code and message, both empty when there was none.
    pub error: (String, String),
    /// Its counters.
    pub counters: PluginCounters,
}

impl Listed for Plugin {
    fn of(reply: &Reply<'_>, texts: &mut Texts) -> Option<Self> {
        let Reply::Plugin(plugin) = reply else { return None };
        Some(Plugin {
            index: plugin.index,
            name: texts.keep(plugin.name),
            version: plugin.version.to_owned(),
            description: plugin.description.to_owned(),
            author: plugin.author.to_owned(),
            dependencies: plugin.dependencies,
            placement: plugin.placement.to_owned(),
            state: plugin.state,
            hook: plugin.hook.to_owned(),
            error: code_and_message(plugin.error),
            counters: plugin.counters.into(),
        })
    }
}

/// The error that a runtime answered with.
pub fn code_and_message(failure: Failure<'_>) -> (String, String) {
    let message = match failure {
        Failure::Error { message, .. } => message.to_owned(),
        other => other.to_string(),
    };
    (failure.code().to_owned(), message)
}

/// What is counted of a plugin since it was installed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginCounters {
    /// Events delivered to it.
    pub events: usize,
    /// Events it published.
    pub published: usize,
    /// Events it lost because it was too slow.
    pub dropped: usize,
    /// Unread events now.
    pub lag: usize,
    /// The most unread events there ever were.
    pub lag_high_water: usize,
    /// Calls that it is to answer.
    pub calls_in: usize,
    /// Hooks and handlers that returned an error.
    pub errors: usize,
    /// Times it failed.
    pub failures: usize,
    /// Handlers that took longer than the plugin's budget.
    pub slow: usize,
    /// Events, calls and ticks handled.
    pub handled: usize,
    /// Microseconds spent handling them.
    pub busy_micros: u64,
    /// Microseconds of the slowest one.
    pub worst_micros: u32,
}

impl From<kernel_core::PluginCounters> for PluginCounters {
    fn from(of: kernel_core::PluginCounters) -> Self {
        PluginCounters {
            events: of.events as usize,
            published: of.published as usize,
            dropped: of.dropped as usize,
            lag: of.lag as usize,
            lag_high_water: of.lag_high_water as usize,
            calls_in: of.calls as usize,
            errors: of.errors as usize,
            failures: of.failures as usize,
            slow: of.slow as usize,
            handled: of.handled as usize,
            busy_micros: of.busy_micros,
            worst_micros: of.worst_micros,
        }
    }
}

/// A plugin as programs are shown it.
#[derive(Debug, Serialize)]
pub struct PluginDocument<'a> {
    /// Its name.
    pub name: &'a str,
    version: &'a str,
    description: &'a str,
    author: &'a str,
    state: &'static str,
    hook: &'a str,
    placement: &'a str,
    dependencies: Vec<String>,
    error: Option<ErrorDocument<'a>>,
    counters: &'a PluginCounters,
    /// What it is not kept from on the runtime's system; of a plugin that is installed at run time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_enforced: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct ErrorDocument<'a> {
    code: &'a str,
    message: &'a str,
}

impl Plugin {
    /// The plugin, one of `all`.
    pub fn document(&self, all: &[Plugin]) -> PluginDocument<'_> {
        let (code, message) = &self.error;
        PluginDocument {
            name: &self.name,
            version: &self.version,
            description: &self.description,
            author: &self.author,
            state: self.state.as_str(),
            hook: &self.hook,
            placement: &self.placement,
            dependencies: names_of(&self.dependencies, all),
            error: (!code.is_empty() || !message.is_empty()).then_some(ErrorDocument { code, message }),
            counters: &self.counters,
            not_enforced: None,
        }
    }
}

/// The names of the plugins in these slots; `#n` for one that is not among `all`.
pub fn names_of(slots: &Slots, all: &[Plugin]) -> Vec<String> {
    let name = |slot| {
        let found = all.iter().find(|plugin| usize::from(plugin.index) == slot);
        found.map_or_else(|| format!("#{slot}"), |plugin| plugin.name.to_string())
    };
    slots.iter().map(name).collect()
}

/// A service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// The name it is called by.
    pub name: Arc<str>,
    /// The plugin that answers it.
    #[serde(rename = "plugin", alias = "owner")]
    pub owner: Arc<str>,
    /// Its version.
    pub version: String,
    /// One sentence for people.
    pub description: String,
    /// True when callers should look for another one.
    pub deprecated: bool,
    /// Calls that ended.
    pub calls: u64,
    /// Those that ended without a reply.
    pub errors: u64,
    /// Microseconds of all of them together.
    pub busy_micros: u64,
    /// Microseconds of the slowest one.
    pub worst_micros: u32,
    /// How many calls took how long: element `i` counts those of less than `4^(i+2)` µs (16 µs, 64 µs,
    /// 256 µs, ...), the last one all that took longer. Empty where the target keeps none.
    pub latency: Vec<u32>,
}

impl Listed for Service {
    fn of(reply: &Reply<'_>, texts: &mut Texts) -> Option<Self> {
        let Reply::Service(service) = reply else {
            return None;
        };
        Some(Service {
            name: texts.keep(service.name),
            owner: texts.keep(service.owner),
            version: service.version.to_owned(),
            description: service.description.to_owned(),
            deprecated: service.deprecated,
            calls: service.counters.calls.into(),
            errors: service.counters.errors.into(),
            busy_micros: service.counters.busy_micros,
            worst_micros: service.counters.worst_micros,
            latency: service.latency.to_vec(),
        })
    }
}

/// A call in flight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The call.
    pub call: u32,
    /// The service; `storage` for a storage request, empty for one that is gone.
    pub service: Arc<str>,
    /// Who called.
    pub caller: Arc<str>,
    /// Who is to answer.
    pub callee: Arc<str>,
    /// True once the callee has taken it.
    pub running: bool,
    /// Microseconds since it began, in whole milliseconds.
    pub age_micros: u64,
    /// The call it belongs to.
    pub parent: Option<u32>,
}

impl Listed for Call {
    fn of(reply: &Reply<'_>, texts: &mut Texts) -> Option<Self> {
        let Reply::Call(call) = reply else { return None };
        Some(Call {
            call: call.call,
            service: texts.keep(call.service),
            caller: texts.keep(call.caller),
            callee: texts.keep(call.callee),
            running: call.running,
            age_micros: u64::from(call.age_ms) * 1_000,
            parent: call.parent,
        })
    }
}

/// A state entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Its key.
    pub key: Arc<str>,
    /// Its value, a JSON text; `None` when it is too long for the link.
    pub value: Option<String>,
    /// Its version.
    pub version: u64,
    /// How long it still lives, in milliseconds; `None` for ever.
    pub ttl_ms: Option<u64>,
    /// Who wrote it last.
    pub owner: Arc<str>,
}

impl Listed for State {
    fn of(reply: &Reply<'_>, texts: &mut Texts) -> Option<Self> {
        let Reply::State(state) = reply else { return None };
        Some(State {
            key: texts.keep(state.key),
            value: state
                .value
                .map(|value| String::from_utf8_lossy(value.0).into_owned()),
            version: state.version,
            ttl_ms: state.ttl_ms,
            owner: texts.keep(state.owner),
        })
    }
}

/// A state entry as programs are shown it.
#[derive(Debug, Serialize)]
pub struct StateDocument<'a> {
    key: &'a str,
    /// `null` also for a value that is too long for the link; then `too_long` is true.
    value: Option<Box<RawValue>>,
    too_long: bool,
    version: u64,
    ttl_ms: Option<u64>,
    owner: &'a str,
}

impl State {
    /// The entry.
    pub fn document(&self) -> StateDocument<'_> {
        StateDocument {
            key: &self.key,
            // The runtime holds nothing but JSON.
            value: self
                .value
                .clone()
                .and_then(|value| RawValue::from_string(value).ok()),
            too_long: self.value.is_none(),
            version: self.version,
            ttl_ms: self.ttl_ms,
            owner: &self.owner,
        }
    }
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subscription {
    /// The subscriber.
    pub plugin: Arc<str>,
    /// Its filter.
    pub filter: String,
}

impl Listed for Subscription {
    fn of(reply: &Reply<'_>, texts: &mut Texts) -> Option<Self> {
        let Reply::Subscription { plugin, filter } = reply else {
            return None;
        };
        Some(Subscription {
            plugin: texts.keep(plugin),
            filter: (*filter).to_owned(),
        })
    }
}

/// A page of keys or namespaces, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// The names.
    pub names: Vec<String>,
    /// True when there are more after the last one.
    pub more: bool,
}

impl Names {
    /// The page of a [`Reply::Names`].
    pub fn of(page: &link::Raw<'_>) -> Names {
        let mut page = Page::new(page.0);
        Names {
            names: page.by_ref().map(str::to_owned).collect(),
            more: page.more(),
        }
    }
}

/// What led to an event; as JSON null, `{"event": seq}` or `{"call": number}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Option<Reason>", into = "Option<Reason>")]
pub enum Cause {
    /// Nothing the runtime knows of: a clock, an operator, the world.
    None,
    /// The handling of the event with this sequence number.
    Event(u64),
    /// The answering of the call with this identity.
    Call(u32),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reason {
    Event(u64),
    Call(u32),
}

impl From<Option<Reason>> for Cause {
    fn from(reason: Option<Reason>) -> Self {
        match reason {
            None => Cause::None,
            Some(Reason::Event(seq)) => Cause::Event(seq),
            Some(Reason::Call(call)) => Cause::Call(call),
        }
    }
}

impl From<Cause> for Option<Reason> {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::None => None,
            Cause::Event(seq) => Some(Reason::Event(seq)),
            Cause::Call(call) => Some(Reason::Call(call)),
        }
    }
}

impl From<kernel_core::Cause> for Cause {
    fn from(cause: kernel_core::Cause) -> Self {
        match cause {
            kernel_core::Cause::None => Cause::None,
            kernel_core::Cause::Event(seq) => Cause::Event(seq),
            kernel_core::Cause::Call(call) => Cause::Call(call.to_bits()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn a_service_is_read_as_it_was_written_before_and_shown_with_its_plugin() {
        let before = json!({
            "name": "lamp.set", "owner": "lamp", "description": "", "version": "1", "deprecated": false,
            "calls": 2, "errors": 0, "busy_micros": 9, "worst_micros": 5, "latency": [],
        });
        let service: Service = from_value(before).unwrap();
        assert_eq!(json!(service)["plugin"], "lamp");
        assert_eq!(from_value::<Service>(json!(service)).unwrap(), service);
    }

    #[test]
    fn a_cause_is_null_or_says_what_it_is() {
        for (cause, shown) in [
            (Cause::None, json!(null)),
            (Cause::Event(3), json!({"event": 3})),
            (Cause::Call(4), json!({"call": 4})),
        ] {
            assert_eq!(json!(cause), shown);
            assert_eq!(from_value::<Cause>(shown).unwrap(), cause);
        }
    }

    #[test]
    fn a_plugin_is_shown_with_names_and_without_an_error_that_it_has_not() {
        let plugin = |index: u8, name: &str, error: &str| Plugin {
            index,
            name: name.into(),
            version: String::new(),
            description: String::new(),
            author: String::new(),
            dependencies: Slots([0b110, 0, 0, 0]),
            placement: String::new(),
            state: PluginState::Started,
            hook: String::new(),
            error: (error.to_owned(), String::new()),
            counters: PluginCounters::default(),
        };
        let all = [plugin(0, "lamp", ""), plugin(1, "dimmer", "io")];
        let shown = json!(all[0].document(&all));
        assert_eq!(shown["dependencies"], json!(["dimmer", "#2"]));
        assert_eq!(
            (&shown["error"], &shown["state"]),
            (&json!(null), &json!("STARTED"))
        );
        assert_eq!(
            json!(all[1].document(&all))["error"],
            json!({"code": "io", "message": ""})
        );
        assert!(shown.get("not_enforced").is_none());
    }
}
