//! What a client can ask for. The order is the protocol: only ever add at the end. Of what a chip knows, the fields
//! come in one order: a text, a number, optional numbers, bytes.

use serde::{Deserialize, Serialize};

use crate::Raw;
#[cfg(doc)]
use crate::{Reply, ToClient, ToRuntime};

/// What can be asked for.
///
/// Each is answered by one [`ToClient::Reply`], except the lists: each of their items is a reply,
/// and [`Reply::End`] follows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Request<'a> {
    /// Nothing: [`Reply::Done`] at once.
    Ping,
    /// Calls a service: [`Reply::Json`].
    Call {
        /// The service's name.
        service: &'a str,
        /// The deadline in milliseconds from now; 0 for the runtime's default.
        timeout_ms: u32,
        /// The call this one belongs to, for a plugin that answers several at a time.
        parent: Option<u32>,
        /// The arguments. (The last field: a client may append them in pieces.)
        args: Raw<'a>,
    },
    /// Publishes an event: [`Reply::Count`] of its receivers.
    Publish {
        /// The topic.
        topic: &'a str,
        /// How long subscribers that make publishers wait may make it wait, in milliseconds; 0 for not at all. A
        /// chip never waits. One such publish of a session may be in flight.
        timeout_ms: u32,
        /// The payload.
        payload: Raw<'a>,
    },
    /// Sends the events that match, in place of what was watched before: [`Reply::Count`] is the
    /// sequence number of the first record looked at.
    Watch {
        /// The filter; `>` for everything.
        filter: &'a str,
        /// How many events may be sent before more is allowed by [`ToRuntime::Credit`]; all ones for no limit.
        credit: u32,
        /// The first record of interest; `None` for what comes from now on.
        since: Option<u64>,
    },
    /// Ends the watch: [`Reply::Done`].
    Unwatch,
    /// Lists the plugins: [`Reply::Plugin`].
    Plugins,
    /// Lists the services: [`Reply::Service`].
    Services,
    /// Lists the subscriptions: [`Reply::Subscription`].
    Subscriptions,
    /// Lists the calls in flight: [`Reply::Call`].
    Calls,
    /// Lists the state entries whose key begins so: [`Reply::State`]. One such list of a session may be in flight.
    States {
        /// The prefix; empty for all.
        prefix: &'a str,
    },
    /// [`Reply::Health`].
    Health,
    /// Leads a plugin to another state: [`Reply::PluginState`].
    Manage {
        /// The plugin's name.
        plugin: &'a str,
        /// What is done with it.
        action: Action,
    },
    /// Reads a state value: [`Reply::State`] or [`Reply::Absent`].
    StateGet {
        /// The key.
        key: &'a str,
    },
    /// Sets a state value: [`Reply::Count`] is its version.
    StateSet {
        /// The key.
        key: &'a str,
        /// The time to live in milliseconds, cut to 49 days.
        ttl_ms: Option<u64>,
        /// The version it must have; 0 for "there is none".
        expected: Option<u64>,
        /// The value.
        value: Raw<'a>,
    },
    /// Deletes a state value: [`Reply::Done`] or [`Reply::Absent`].
    StateDelete {
        /// The key.
        key: &'a str,
        /// The version it must have.
        expected: Option<u64>,
    },
    /// [`Reply::Metrics`].
    #[cfg(feature = "full")]
    Metrics,
    /// Sets several state values, all or none: [`Reply::Done`].
    #[cfg(feature = "full")]
    StateUpdate {
        /// Of each: two bytes of the key's length, four of the value's, little-endian, key, value.
        entries: Raw<'a>,
    },
    /// Deletes all state values that the session's plugin wrote last, or all but the kernel's: [`Reply::Count`].
    #[cfg(feature = "full")]
    StateClear,
    /// The next state entry at or after a place: [`Reply::Entry`] or [`Reply::Absent`].
    #[cfg(feature = "full")]
    StateEntry {
        /// The beginning of its key.
        prefix: &'a str,
        /// The place; begin with 0.
        cursor: u32,
    },
    /// Reads a stored value: [`Reply::Json`] or [`Reply::Absent`].
    #[cfg(feature = "full")]
    StorageGet {
        /// The namespace.
        namespace: &'a str,
        /// The key.
        key: &'a str,
    },
    /// Stores a value: [`Reply::Done`] once it is durable.
    #[cfg(feature = "full")]
    StorageSet {
        /// The namespace.
        namespace: &'a str,
        /// The key.
        key: &'a str,
        /// The value.
        value: Raw<'a>,
    },
    /// Deletes a stored value: [`Reply::Done`] or [`Reply::Absent`].
    #[cfg(feature = "full")]
    StorageDelete {
        /// The namespace.
        namespace: &'a str,
        /// The key.
        key: &'a str,
    },
    /// Deletes all values of a namespace: [`Reply::Count`].
    #[cfg(feature = "full")]
    StorageClear {
        /// The namespace.
        namespace: &'a str,
    },
    /// A page of a namespace's keys: [`Reply::Names`].
    #[cfg(feature = "full")]
    StorageKeys {
        /// The namespace.
        namespace: &'a str,
        /// The key before the first one; empty for the first page.
        after: &'a str,
        /// The most keys.
        limit: u16,
    },
    /// A page of the namespaces: [`Reply::Names`].
    #[cfg(feature = "full")]
    StorageNamespaces {
        /// The namespace before the first one; empty for the first page.
        after: &'a str,
        /// The most namespaces.
        limit: u16,
    },
    /// Several writes in a namespace, all or none: [`Reply::Done`] once they are durable.
    #[cfg(feature = "full")]
    StorageBatch {
        /// The namespace.
        namespace: &'a str,
        /// Of each: a byte that is 1 for set and 2 for delete, one byte of the key's length, four of the value's,
        /// little-endian, key, value.
        ops: Raw<'a>,
    },
    /// Makes this session a plugin, which the runtime starts at once: [`Reply::Attached`]. It goes when
    /// the session ends, with all it registered.
    #[cfg(feature = "full")]
    Attach {
        /// The plugin's name.
        name: &'a str,
        /// Its version.
        version: &'a str,
        /// One sentence on what it does.
        description: &'a str,
        /// The plugins that must be started before it, with commas between.
        dependencies: &'a str,
        /// True when publishers wait for it, false when it loses its oldest events.
        blocks: bool,
        /// Whether a supervisor starts it again after a failure.
        restarts: bool,
    },
    /// Registers a service of the session's plugin: [`Reply::Done`].
    #[cfg(feature = "full")]
    Register {
        /// The service's name.
        service: &'a str,
        /// One sentence for people.
        description: &'a str,
        /// Its version.
        version: &'a str,
        /// True when callers should look for another one.
        deprecated: bool,
    },
    /// Takes a service back: [`Reply::Done`] or [`Reply::Absent`].
    #[cfg(feature = "full")]
    Unregister {
        /// The service's name.
        service: &'a str,
    },
    /// Subscribes the session's plugin: [`Reply::Done`], [`Reply::Absent`] when it was subscribed already.
    #[cfg(feature = "full")]
    Subscribe {
        /// The filter.
        filter: &'a str,
    },
    /// Takes a subscription back: [`Reply::Done`] or [`Reply::Absent`].
    #[cfg(feature = "full")]
    Unsubscribe {
        /// The filter.
        filter: &'a str,
    },
    /// Is there such a service? [`Reply::Done`] or [`Reply::Absent`].
    #[cfg(feature = "full")]
    HasService {
        /// Its name.
        service: &'a str,
    },
    /// Waits: [`Reply::Done`] after so long.
    #[cfg(feature = "full")]
    Sleep {
        /// Milliseconds.
        ms: u32,
    },
    /// A tick for the session's plugin every so often: [`Reply::Done`].
    #[cfg(feature = "full")]
    Interval {
        /// Milliseconds; 0 for no more.
        ms: u32,
    },
    /// The name of whoever this is: [`Reply::Text`].
    #[cfg(feature = "full")]
    NameOf {
        /// As in [`ToClient::Deliver`].
        id: u32,
    },
    /// The settings of the session's plugin: [`Reply::Json`].
    #[cfg(feature = "full")]
    Settings,
    /// Makes this session the peer of another runtime, beside what it does as the operator: from now on it may offer
    /// services, and is the source of what it publishes. [`Reply::Text`] is its name here. It goes when the session
    /// ends, with all it offered.
    #[cfg(feature = "full")]
    Peer {
        /// The name that it would like; a chip has one for it.
        name: &'a str,
    },
    /// Offers a service of the peer, which is called by [`ToClient::Asked`]: [`Reply::Done`].
    #[cfg(feature = "full")]
    Offer {
        /// The service's name.
        service: &'a str,
    },
    /// No longer offers it: [`Reply::Done`] or [`Reply::Absent`].
    #[cfg(feature = "full")]
    Withdraw {
        /// The service's name.
        service: &'a str,
    },
    /// How far the watch has come: [`Reply::Count`] is the sequence number of the next record it looks at. What it sent
    /// of those before is sent before this answer. [`Reply::Absent`] without a watch.
    #[cfg(feature = "full")]
    WatchPosition,
}

/// What can be done with a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Action {
    /// Load it.
    Load,
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Unload it.
    Unload,
    /// Unload it and bring it back.
    Reload,
}
