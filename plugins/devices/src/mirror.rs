//! What devices report, in the runtime's state: for whoever compares it, or watches one device among many.

use kernel_core::Context;
use plugin_kit::{StateValues, log};

use crate::house::House;
use crate::state::Fields;

impl House {
    /// Keeps what a device reported. Where the state has no room for it, it is not there: nothing older is left.
    pub(crate) async fn mirror(&mut self, cx: &Context, id: &str, reported: &Fields) {
        if !self.settings.keep_state {
            return;
        }
        let key = format!("device.{id}");
        if let Err(error) = cx.state().set_value(key.as_str(), reported).await {
            self.unmirror(cx, id).await;
            if !core::mem::replace(&mut self.is_state_full, true) {
                log::warn!("{key} is not kept in the state, nor may others be: {error}");
            }
        }
    }

    /// Takes a device out.
    pub(crate) async fn unmirror(&self, cx: &Context, id: &str) {
        // It is not there then, or this life of the plugin is at its end and took it away.
        let _ = cx.state().delete(&format!("device.{id}")).await;
    }
}
