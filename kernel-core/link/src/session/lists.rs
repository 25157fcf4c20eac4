//! The lists: a page at a time. A row's numbers and texts are copied out of the kernel under its lock, and encoded
//! outside it; as many rows go out as have room, and the place of the next one is all that is kept.

use kernel_core::{CallId, EntryInfo, Instant, Phase, PluginId};

use crate::entries::entry;
use crate::items::{Call, Plugin, Service};
use crate::session::State;
use crate::session::flights::Kind;
use crate::{Failure, Reply};

/// What is listed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Plugins,
    Services,
    Subscriptions,
    Calls,
    States,
}

impl State<'_> {
    /// Sends rows of the list in this place, until there is no more room or no more row.
    #[inline(never)]
    pub(crate) fn send_rows(&mut self, place: usize) {
        let Some(Some(flight)) = self.flights.get(place) else {
            return;
        };
        let Kind::List(list, mut cursor) = flight.kind else {
            return;
        };
        let id = flight.id;
        let (runtime, now) = (self.runtime(), self.kernel.now());
        let mut more = true;
        while more && self.out.ready() {
            let row = match list {
                List::Plugins => runtime.next_plugin(&mut cursor, self.work).map(plugin),
                List::Services => runtime.next_service(&mut cursor, self.work).map(service),
                List::Subscriptions => {
                    let row = runtime.next_subscription(&mut cursor, self.work);
                    row.map(|row| Reply::Subscription {
                        plugin: row.plugin,
                        filter: row.filter,
                    })
                }
                List::Calls => runtime
                    .next_call(&mut cursor, self.work)
                    .map(|row| call(row, now)),
                List::States => {
                    let mut info = EntryInfo {
                        cursor: cursor as u32,
                        ..EntryInfo::START
                    };
                    let who = PluginId::OPERATOR;
                    let found = entry(self.kernel, who, &self.prefix, &mut info, self.work);
                    // A key that has no room is passed over.
                    let passed = matches!(found, Err(kernel_core::Fault::Buffer { .. }));
                    cursor = info.cursor as usize;
                    if passed {
                        continue;
                    }
                    found.ok().map(Reply::State)
                }
            };
            more = row.is_some();
            self.out.reply(id, &row.unwrap_or(Reply::End));
            self.moved = true;
        }
        if let Some(place) = self.flights.get_mut(place) {
            match place {
                Some(flight) if more => flight.kind = Kind::List(list, cursor),
                _ => *place = None,
            }
        }
    }
}

#[inline(never)]
fn plugin(row: kernel_core::PluginInfo<'_>) -> Reply<'_> {
    Reply::Plugin(Plugin {
        index: row.index as u8,
        name: row.name,
        version: row.version,
        description: row.description,
        author: row.author,
        dependencies: row.providers.into(),
        placement: row.placement,
        state: row.state,
        hook: row.hook,
        error: Failure::Error {
            code: row.error_code,
            message: row.error,
        },
        counters: row.counters,
    })
}

#[inline(never)]
fn service(row: kernel_core::ServiceInfo<'_>) -> Reply<'_> {
    Reply::Service(Service {
        name: row.name,
        owner: row.owner,
        description: row.description,
        version: row.version,
        deprecated: row.deprecated,
        counters: row.counters,
        latency: row.latency,
    })
}

#[inline(never)]
fn call(row: kernel_core::CallInfo<'_>, now: Instant) -> Reply<'_> {
    Reply::Call(Call {
        call: row.id.to_bits(),
        service: row.service,
        caller: row.caller,
        callee: row.callee,
        running: row.phase == Phase::Running,
        age_ms: now.millis_since(row.since),
        parent: row.parent.map(CallId::to_bits),
    })
}
