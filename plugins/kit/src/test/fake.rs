//! Services that a test answers in place of another plugin.

use std::boxed::Box;
use std::format;

use kernel_core::{Error, Installed, Message, PluginMetadata, Service};
use serde_json::Value;

use super::kernel::CAPACITIES;
use crate::values::Text;

/// What a plugin says of itself that answers for another one.
pub(super) fn metadata(number: usize) -> &'static PluginMetadata {
    let name = format!("fake-{number}").leak();
    Box::leak(Box::new(PluginMetadata::new(name, "0.0.0")))
}

/// Runs one life of it.
pub(super) async fn answer(
    installed: Installed,
    service: &str,
    answer: &mut impl FnMut(Value) -> Result<Value, Error>,
) {
    let mailbox = installed.mailbox();
    let mut buf = vec![0; CAPACITIES.call_bytes * 2];
    loop {
        match mailbox.next(&mut buf).await {
            Message::Load => {
                if let Err(fault) = mailbox.context().register(&Service::new(service)).await {
                    let _ = mailbox.fail(&fault.into()).await;
                }
            }
            Message::Call(call) => {
                let args = serde_json::from_slice(call.args().as_bytes()).unwrap_or(Value::Null);
                let text = answer(args).and_then(|reply| Text::of(&reply));
                let reply = text.as_ref().map(Text::json);
                // Whoever called may be gone.
                let _ = mailbox.reply(call.id, reply).await;
            }
            Message::Ended => return,
            _ => {}
        }
    }
}
