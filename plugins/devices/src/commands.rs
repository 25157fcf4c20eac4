//! What is wanted of a device.

use alloc::string::String;

use kernel_core::{Context, Error};
use plugin_kit::ContextValues;
use serde::Serialize;

use crate::house::{House, time_of_day};
use crate::limits::{self, MAX_STATE, invalid};
use crate::replies::Queued;
use crate::state::Fields;

/// The event of a command.
pub(crate) const REQUESTED: &str = "internal.device_command_requested";

/// Its payload.
#[derive(Serialize)]
struct Requested<'a> {
    internal_id: &'a str,
    external_id: Option<&'a str>,
    command: &'a str,
    params: &'a Fields,
}

impl House {
    /// Asks a device for these fields: stored first, and then published.
    pub(crate) async fn command(
        &mut self,
        cx: &Context,
        id: &str,
        command: &str,
        params: &Fields,
    ) -> Result<Queued, Error> {
        if params.is_empty() {
            return Err(invalid(format_args!(
                "state: it has no field, one at least is wanted"
            )));
        }
        limits::fields("state", params, MAX_STATE)?;
        let mut device = self.device(cx, id).await?;
        merge(&mut device.state.desired, params);
        limits::fields("state.desired", &device.state.desired, MAX_STATE)?;
        device.state.pending = true;
        device.updated_at = time_of_day(cx).await?;
        self.store(cx, &device).await?;

        let known = self.index.devices.entry(device.id).or_default();
        for field in params.keys() {
            if !known.asked.contains(field) {
                known.asked.push(field.clone());
            }
        }
        let external_id = self.index.externals(id).first();
        let requested = Requested {
            internal_id: id,
            external_id: external_id.map(String::as_str),
            command,
            params,
        };
        cx.publish_value(REQUESTED, &requested).await?;
        Ok(Queued {
            ok: true,
            queued: true,
            external_id: external_id.cloned(),
            state: device.state,
        })
    }
}

/// Sets these fields, and leaves the others.
pub(crate) fn merge(to: &mut Fields, from: &Fields) {
    for (field, value) in from {
        to.insert(field.clone(), value.clone());
    }
}
