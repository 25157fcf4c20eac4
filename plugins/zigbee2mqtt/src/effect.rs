//! What is to be done, in the house and at the broker.

use serde_json::Value;

pub(crate) const DISCOVERED: &str = "external.device_discovered";
pub(crate) const REMOVED: &str = "external.device_removed";
pub(crate) const REPORTED: &str = "external.device_state_reported";
pub(crate) const HAPPENED: &str = "external.device_event";

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Published in the house.
    Publish(&'static str, Value),
    /// Sent to the broker.
    Send(String, Vec<u8>),
    /// Topics that are wanted from now on.
    Listen(Vec<String>),
    /// Topics that are not wanted any more.
    Leave(Vec<String>),
    /// There are devices that nobody took in yet.
    Adopt,
}
