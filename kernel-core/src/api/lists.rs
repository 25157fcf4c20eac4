//! What there is, row by row: the next row's numbers, its texts copied into the caller's buffer and cut where they
//! do not fit. Start with a cursor of 0; what comes or goes meanwhile may be missed.

use super::manager::PluginManager;
use super::runtime::CoreRuntime;
use crate::call::{LATENCY_BUCKETS, Phase, ServiceCounters};
use crate::error::cut;
use crate::id::{CallId, PluginId, PluginSet};
use crate::kernel::Core;
use crate::life::{PluginCounters, PluginState};
use crate::time::Span;

/// What is known of a plugin.
#[derive(Clone, Copy, Debug)]
pub struct PluginInfo<'b> {
    /// Its slot, as in [`PluginId::index`](crate::PluginId::index).
    pub index: usize,
    /// Its name.
    pub name: &'b str,
    /// Its version.
    pub version: &'b str,
    /// One sentence on what it does.
    pub description: &'b str,
    /// The installed plugins that must be started before it.
    pub providers: PluginSet,
    /// One that must be started before it and is not installed.
    pub missing: Option<&'b str>,
    /// Who wrote it; empty for a plugin that came at run time.
    pub author: &'static str,
    /// Where it runs. Empty without the feature `large`.
    pub placement: &'static str,
    /// Where it is in its life.
    pub state: PluginState,
    /// The hook it is in, such as `on_event`, or `idle`.
    pub hook: &'static str,
    /// The code of its last error; empty when there was none.
    pub error_code: &'b str,
    /// The message of its last error.
    pub error: &'b str,
    /// Its counters.
    pub counters: PluginCounters,
}

/// What is known of a service.
#[derive(Clone, Copy, Debug)]
pub struct ServiceInfo<'b> {
    /// The name it is called by.
    pub name: &'b str,
    /// The plugin that answers it.
    pub owner: &'b str,
    /// One sentence for people.
    pub description: &'b str,
    /// Its version.
    pub version: &'b str,
    /// True when callers should look for another one.
    pub deprecated: bool,
    /// What is counted of it.
    pub counters: ServiceCounters,
    /// How many calls took how long. (All zero without the feature `large`.)
    pub latency: [u32; LATENCY_BUCKETS],
}

/// A call in flight.
#[derive(Clone, Copy, Debug)]
pub struct CallInfo<'b> {
    /// Its identity.
    pub id: CallId,
    /// The service.
    pub service: &'b str,
    /// Who calls.
    pub caller: &'b str,
    /// Who answers.
    pub callee: &'b str,
    /// Where it is.
    pub phase: Phase,
    /// The call that it was made for.
    pub parent: Option<CallId>,
    /// When it began.
    pub since: crate::time::Instant,
}

/// A call for which somebody waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenCall {
    /// Who calls.
    pub caller: PluginId,
    /// The call that it was made for.
    pub parent: Option<CallId>,
    /// How long it may still take; none for ever.
    pub left: Span,
}

/// A subscription.
#[derive(Clone, Copy, Debug)]
pub struct SubscriptionInfo<'b> {
    /// Who.
    pub plugin: &'b str,
    /// To what.
    pub filter: &'b str,
}

/// Copies texts into a buffer, one behind the other, cut where they do not fit.
struct Texts<'b>(&'b mut [u8]);

impl<'b> Texts<'b> {
    fn add(&mut self, text: &str) -> &'b str {
        let buf = core::mem::take(&mut self.0);
        let text = cut(text, buf.len());
        let (to, rest) = buf.split_at_mut_checked(text.len()).unwrap_or_default();
        to.copy_from_slice(text.as_bytes());
        self.0 = rest;
        core::str::from_utf8(to).unwrap_or("")
    }
}

impl CoreRuntime {
    /// Looks at one place after the other, from the cursor to `end`, until there is something.
    fn look(
        &self,
        cursor: &mut usize,
        end: fn(&Core) -> usize,
        look: &mut dyn FnMut(&Core, usize) -> Option<()>,
    ) {
        self.kernel().with(|core| {
            while *cursor < end(core) {
                let index = *cursor;
                *cursor = index.wrapping_add(1);
                if look(core, index).is_some() {
                    break;
                }
            }
        });
    }

    /// The next plugin.
    pub fn next_plugin<'b>(&self, cursor: &mut usize, buf: &'b mut [u8]) -> Option<PluginInfo<'b>> {
        let (mut texts, mut found) = (Texts(buf), None);
        self.look(
            cursor,
            |core| core.lives.usage().capacity as usize,
            &mut |core, index| {
                let slot = core.lives.at(index)?;
                let (metadata, error) = (slot.metadata(), slot.error.as_ref());
                let counts = core.bus.counts(index);
                let (providers, missing) = core.providers(slot);
                let (version, description) = slot.words(&core.names);
                found = Some(PluginInfo {
                    index,
                    name: texts.add(slot.name(&core.names)),
                    version: texts.add(version),
                    description: texts.add(description),
                    providers,
                    missing: missing.map(|name| texts.add(name)),
                    author: metadata.author,
                    placement: slot.placement(),
                    state: slot.state(),
                    hook: slot.hook().name(),
                    error_code: texts.add(error.map_or("", |error| error.code())),
                    error: texts.add(error.map_or("", |error| error.message())),
                    counters: PluginCounters {
                        events: counts.events,
                        dropped: counts.dropped,
                        lag: counts.lag,
                        lag_high_water: counts.lag_high_water,
                        ..slot.counters()
                    },
                });
                Some(())
            },
        );
        found
    }

    /// The next service.
    pub fn next_service<'b>(&self, cursor: &mut usize, buf: &'b mut [u8]) -> Option<ServiceInfo<'b>> {
        let (mut texts, mut found) = (Texts(buf), None);
        self.look(cursor, |core| core.calls.services.extent(), &mut |core, index| {
            let service = core.calls.services.at(index)?;
            found = Some(ServiceInfo {
                name: texts.add(core.names.get(service.name)),
                owner: texts.add(core.name_of(service.owner)),
                #[cfg(feature = "large")]
                description: texts.add(core.names.get(service.more.description)),
                #[cfg(feature = "large")]
                version: texts.add(core.names.get(service.more.version)),
                #[cfg(feature = "large")]
                latency: service.more.histogram,
                #[cfg(feature = "large")]
                deprecated: service.more.deprecated,
                #[cfg(not(feature = "large"))]
                deprecated: false,
                #[cfg(not(feature = "large"))]
                description: "",
                #[cfg(not(feature = "large"))]
                version: "",
                #[cfg(not(feature = "large"))]
                latency: [0; LATENCY_BUCKETS],
                counters: service.counters(),
            });
            Some(())
        });
        found
    }

    /// The next call in flight.
    pub fn next_call<'b>(&self, cursor: &mut usize, buf: &'b mut [u8]) -> Option<CallInfo<'b>> {
        let (mut texts, mut found) = (Texts(buf), None);
        self.look(cursor, |core| core.calls.extent(), &mut |core, index| {
            let call = core.calls.at(index)?;
            let service = core.calls.services.at(call.service as usize);
            found = Some(CallInfo {
                id: call.id,
                service: texts.add(service.map_or("", |service| core.names.get(service.name))),
                caller: texts.add(core.name_of(call.caller)),
                callee: texts.add(core.name_of(call.callee)),
                phase: call.phase,
                parent: Some(call.parent).filter(|parent| *parent != CallId::NONE),
                since: call.since,
            });
            Some(())
        });
        found
    }

    /// The call of this identity; `None` once nobody waits for its reply, or it is done.
    pub fn open_call(&self, id: CallId) -> Option<OpenCall> {
        let found = self.kernel().with(|core| {
            let call = core.calls.get(id).filter(|call| call.phase != Phase::Done)?;
            Some(OpenCall {
                caller: call.caller,
                parent: Some(call.parent).filter(|parent| *parent != CallId::NONE),
                left: call.due.span_from(core.now()),
            })
        });
        found.flatten()
    }

    /// The next subscription.
    pub fn next_subscription<'b>(
        &self,
        cursor: &mut usize,
        buf: &'b mut [u8],
    ) -> Option<SubscriptionInfo<'b>> {
        let (mut texts, mut found) = (Texts(buf), None);
        self.look(cursor, |core| core.bus.filters().extent(), &mut |core, index| {
            let (who, filter) = core.bus.filters().at(index, &core.names)?;
            found = Some(SubscriptionInfo {
                plugin: texts.add(core.name_of(who)),
                filter: texts.add(filter),
            });
            Some(())
        });
        found
    }
}

impl PluginManager {
    /// See [`CoreRuntime::next_plugin`].
    pub fn list<'b>(&self, cursor: &mut usize, buf: &'b mut [u8]) -> Option<PluginInfo<'b>> {
        CoreRuntime::new(self.kernel()).next_plugin(cursor, buf)
    }
}
