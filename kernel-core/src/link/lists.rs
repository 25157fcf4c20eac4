//! The lists of the link: what is in the slots of the kernel, one by one.

use super::items::{Call, Plugin, Service, State};
use super::protocol::{Failure, Reply};
use super::raw::Raw;
use super::session::Session;
use crate::calls::{Phase, What};
use crate::id::CallId;
use crate::kernel::Core;
use crate::log::PluginSet;
use crate::text::CopyOut;

impl Session<'_> {
    /// Sends what `item` finds, slot by slot, then the end.
    ///
    /// The item is encoded under the lock, straight from the kernel: it is bounded in size, and no
    /// code but the kernel's own runs there.
    pub(super) async fn list(&self, id: u32, prefix: &str, item: Item) {
        let mut at = 0usize;
        loop {
            self.until_ready().await;
            let more = {
                let mut work = self.work.borrow_mut();
                self.kernel.with(|core| {
                    let mut out = CopyOut::new(&mut work);
                    if let Some(what) = item(core, at, prefix, &mut out).ok()? {
                        self.reply(id, what);
                    }
                    Some(())
                })
            };
            if more.is_none() {
                break;
            }
            at = at.wrapping_add(1);
        }
        self.reply(id, Reply::End);
    }
}

/// What is in a slot: `Ok(None)` for an unused one, an error behind the last one.
pub(super) type Item = for<'c> fn(&'c Core, usize, &str, &mut CopyOut<'c>) -> Result<Option<Reply<'c>>, ()>;

pub(super) fn plugin<'c>(
    core: &'c Core,
    at: usize,
    _: &str,
    _: &mut CopyOut<'c>,
) -> Result<Option<Reply<'c>>, ()> {
    within(at, core.plugins.usage().capacity)?;
    let Some(info) = core.plugin_info(at) else {
        return Ok(None);
    };
    let mut dependencies = PluginSet::default();
    for provider in info.dependencies.iter().filter_map(|name| core.find_plugin(name)) {
        dependencies.insert(provider);
    }
    Ok(Some(Reply::Plugin(Plugin {
        index: info.index as u8,
        name: info.name,
        version: info.version,
        description: info.description,
        author: info.author,
        dependencies,
        placement: info.placement,
        state: info.state,
        hook: info.hook,
        error: Failure {
            code: info.error_code,
            message: info.error,
        },
        counters: info.counters,
    })))
}

pub(super) fn service<'c>(
    core: &'c Core,
    at: usize,
    _: &str,
    _: &mut CopyOut<'c>,
) -> Result<Option<Reply<'c>>, ()> {
    within(at, core.services.extent())?;
    Ok(core.service_info(at).map(|info| {
        Reply::Service(Service {
            name: info.name,
            owner: info.owner,
            description: info.description,
            version: info.version,
            deprecated: info.deprecated,
            calls: info.calls as u64,
            errors: info.errors as u64,
            busy_micros: info.busy_micros,
            worst_micros: info.worst_micros,
            latency: Raw(core.latency.row(at)),
        })
    }))
}

pub(super) fn subscription<'c>(
    core: &'c Core,
    at: usize,
    _: &str,
    _: &mut CopyOut<'c>,
) -> Result<Option<Reply<'c>>, ()> {
    within(at, core.bus.filters.extent())?;
    let found = core.filter_at(at);
    Ok(found.map(|(owner, filter)| Reply::Subscription {
        plugin: core.plugin_name(owner),
        filter,
    }))
}

pub(super) fn call<'c>(
    core: &'c Core,
    at: usize,
    _: &str,
    _: &mut CopyOut<'c>,
) -> Result<Option<Reply<'c>>, ()> {
    within(at, core.calls.extent())?;
    let Some((id, slot)) = core.calls.at(at) else {
        return Ok(None);
    };
    if matches!(slot.phase, Phase::Done) {
        return Ok(None);
    }
    let service = match slot.what {
        What::Service(index) => core.service_name(index as usize),
        _ => "",
    };
    Ok(Some(Reply::Call(Call {
        call: id.to_bits(),
        service,
        caller: core.name_of(slot.caller),
        callee: slot.callee().map_or("storage", |callee| core.name_of(callee)),
        running: slot.phase == Phase::Running,
        age_micros: core.now().saturating_sub(slot.started),
        parent: slot.parent().map(CallId::to_bits),
    })))
}

pub(super) fn state<'c>(
    core: &'c Core,
    at: usize,
    prefix: &str,
    out: &mut CopyOut<'c>,
) -> Result<Option<Reply<'c>>, ()> {
    within(at, core.state.table.extent())?;
    let now = core.now();
    let Some((slot, key)) = core.entry_at(at, now).filter(|(_, key)| key.starts_with(prefix)) else {
        return Ok(None);
    };
    let room = out.bytes(slot.value.len());
    let value = room.and_then(|to| core.state.pool.copy(slot.value, to)).map(Raw);
    Ok(Some(Reply::State(State {
        key,
        value,
        version: slot.version,
        ttl_ms: slot.expires().map(|at| at.saturating_sub(now) / 1000),
        owner: core.name_of(slot.owner),
    })))
}

fn within(at: usize, extent: usize) -> Result<(), ()> {
    if at < extent { Ok(()) } else { Err(()) }
}
