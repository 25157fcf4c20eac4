//! What is to be done, in the house and at the broker.

use serde_json::Value;

pub(crate) const DISCOVERED: &str = "external.device_discovered";
pub(crate) const REMOVED: &str = "external.device_removed";
pub(crate) const REPORTED: &str = "external.device_state_reported";

/// One thing that is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Published in the house.
    Publish(&'static str, Value),
    /// Sent to the broker: topic, payload, and whether it is retained.
    Send(String, String, bool),
    /// Topics that are wanted from now on.
    Listen(Vec<String>),
    /// Topics that are not wanted any more.
    Leave(Vec<String>),
    /// A device of the house is to have this state.
    SetState(String, Value),
    /// There are devices that nobody took in yet.
    Adopt,
}
