//! What devices report, and who is not heard of any more.

use alloc::string::String;
use alloc::vec::Vec;

use kernel_core::{Context, Error};
use plugin_kit::{ContextValues, log};
use serde::Serialize;

use crate::args::Reported;
use crate::commands::merge;
use crate::house::{House, time_of_day};
use crate::limits::{self, MAX_STATE};
use crate::replies::Received;
use crate::state::{Fields, State};

/// The event of a state that changed.
const CHANGED: &str = "device.state_changed";
const ONLINE: &str = "device.online";
const OFFLINE: &str = "device.offline";

/// Devices that one tick says are off line; the next one goes on.
const MOST_A_TICK: usize = 500;

/// The payload of [`CHANGED`].
#[derive(Serialize)]
struct Changed<'a> {
    device_id: &'a str,
    old: &'a Fields,
    new: &'a Fields,
}

/// The payload of [`ONLINE`] and [`OFFLINE`].
#[derive(Serialize)]
struct Which<'a> {
    device_id: &'a str,
}

impl House {
    /// The event of an integration; one about what is not mapped says nothing to us.
    pub(crate) async fn reported(&mut self, cx: &Context, event: &Reported) -> Result<(), Error> {
        let Some(id) = self.index.internal(&event.external_id).map(String::from) else {
            log::debug!("a report of {:?}, which is not mapped", event.external_id);
            return Ok(());
        };
        self.report(cx, &id, &event.state, event.online).await?;
        Ok(())
    }

    /// Takes a device's report. The row is written when something of it changes; that the device was heard of is
    /// remembered, and written with the next change.
    pub(crate) async fn report(
        &mut self,
        cx: &Context,
        id: &str,
        fields: &Fields,
        online: Option<bool>,
    ) -> Result<Received, Error> {
        limits::fields("state", fields, MAX_STATE)?;
        let mut device = self.device(cx, id).await?;
        let old = device.state.reported.clone();
        merge(&mut device.state.reported, fields);
        limits::fields("state.reported", &device.state.reported, MAX_STATE)?;

        let known = self.index.devices.entry(id.into()).or_default();
        let asked = asked(&known.asked, &device.state);
        let pending = device.state.pending && !asked.is_empty();
        let is_online = online.unwrap_or(true);
        let was_online = known.online;
        let changed = old != device.state.reported;
        let now = time_of_day(cx).await?;
        if is_online {
            device.last_seen = now;
        }
        if changed || pending != device.state.pending || is_online != was_online {
            device.state.pending = pending;
            device.online = is_online;
            device.updated_at = now;
            self.store(cx, &device).await?;
        }

        let known = self.index.devices.entry(id.into()).or_default();
        known.heard = cx.now();
        known.last_seen = device.last_seen;
        known.online = is_online;
        known.asked = asked;
        if changed {
            // Before it is published: whoever gets the event finds it there.
            self.mirror(cx, id, &device.state.reported).await;
        }
        // Each is published, also where the other one is refused.
        let announced = match is_online != was_online {
            true => announce(cx, id, is_online).await,
            false => Ok(()),
        };
        if changed {
            let changed = Changed {
                device_id: id,
                old: &old,
                new: &device.state.reported,
            };
            cx.publish_value(CHANGED, &changed).await?;
        }
        announced?;
        Ok(Received {
            ok: true,
            changed,
            pending,
        })
    }

    /// Says of devices that were not heard of for too long that they are off line.
    pub(crate) async fn sweep(&mut self, cx: &Context) -> Result<(), Error> {
        let (now, limit) = (cx.now(), self.settings.offline_after());
        let known = self.index.devices.iter();
        let late = known.filter(|(_, known)| known.online && now.since(known.heard) >= limit);
        let late: Vec<String> = late.map(|(id, _)| id.clone()).take(MOST_A_TICK).collect();
        let mut outcome = Ok(());
        for id in late {
            // What fails here is tried again by the next tick, and keeps nobody else waiting.
            outcome = outcome.and(self.lose(cx, &id).await);
        }
        outcome
    }

    async fn lose(&mut self, cx: &Context, id: &str) -> Result<(), Error> {
        let mut device = self.device(cx, id).await?;
        device.online = false;
        device.updated_at = time_of_day(cx).await?;
        self.store(cx, &device).await?;
        if let Some(known) = self.index.devices.get_mut(id) {
            known.online = false;
        }
        announce(cx, id, false).await
    }
}

/// Those of the fields that were asked for that the device has not reported.
fn asked(fields: &[String], state: &State) -> Vec<String> {
    let open = fields.iter().filter(|field| !state.is_met(field));
    open.cloned().collect()
}

async fn announce(cx: &Context, id: &str, is_online: bool) -> Result<(), Error> {
    let topic = if is_online { ONLINE } else { OFFLINE };
    cx.publish_value(topic, &Which { device_id: id }).await?;
    Ok(())
}
