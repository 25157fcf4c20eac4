//! What each request of the link needs.

use kernel_core::storage::STORAGE;
use kernel_link::{Raw, Request};

use super::scopes::Wanted;

/// Whether all that the request needs is `allowed`; `reads` says of a service whether it only reads.
///
/// # Errors
/// The first thing that is not allowed.
pub(super) fn check<'a>(
    what: &Request<'a>,
    reads: impl Fn(&str) -> bool,
    allowed: impl Fn(Wanted<'a>) -> bool,
) -> Result<(), Wanted<'a>> {
    let wanted = match *what {
        // What it would do with its own plugin, or nothing that anybody keeps to himself.
        Request::Ping
        | Request::Unwatch
        | Request::WatchPosition
        | Request::Sleep { .. }
        | Request::Interval { .. }
        | Request::Settings
        | Request::Unregister { .. }
        | Request::Withdraw { .. }
        | Request::Unsubscribe { .. } => return Ok(()),
        // A storage request that bypasses the names of its own.
        Request::Call { service: STORAGE, .. } => Wanted::Admin,
        Request::Call { service, .. } => Wanted::Call {
            service,
            reads: reads(service),
        },
        // What the host alone says, of which it is believed.
        Request::Publish { topic, .. } if topic.starts_with(super::ANSWERS) => Wanted::Admin,
        Request::Publish { topic, .. } => Wanted::Kind("events.publish", Some(topic)),
        Request::Watch { filter, .. } | Request::Subscribe { filter } => {
            Wanted::Kind("events.watch", Some(filter))
        }
        Request::Plugins
        | Request::Services
        | Request::Subscriptions
        | Request::Calls
        | Request::Health
        | Request::Metrics
        | Request::NameOf { .. }
        | Request::HasService { .. } => Wanted::Kind("runtime.inspect", None),
        Request::Manage { plugin, .. } => Wanted::Kind("runtime.control", Some(plugin)),
        Request::Attach { name, .. } | Request::Peer { name } => Wanted::Kind("runtime.attach", Some(name)),
        // Whoever answers for the host who may come in must not be a stranger.
        Request::Register { service, .. } | Request::Offer { service }
            if service.starts_with(super::ANSWERS) =>
        {
            Wanted::Admin
        }
        Request::Register { service, .. } | Request::Offer { service } => {
            let plugin = service.split_once('.').map_or(service, |(plugin, _)| plugin);
            Wanted::Kind("runtime.attach", Some(plugin))
        }
        Request::States { prefix } | Request::StateEntry { prefix, .. } => {
            Wanted::Prefix("state.read", prefix)
        }
        Request::StateGet { key } => Wanted::Kind("state.read", Some(key)),
        Request::StateSet { key, .. } | Request::StateDelete { key, .. } => {
            Wanted::Kind("state.write", Some(key))
        }
        Request::StateUpdate { entries } => return all_keys(entries, allowed),
        Request::StateClear => Wanted::Kind("state.write", None),
        Request::StorageGet { namespace, .. } | Request::StorageKeys { namespace, .. } => {
            Wanted::Kind("storage.read", Some(namespace))
        }
        Request::StorageNamespaces { .. } => Wanted::Kind("storage.read", None),
        Request::StorageSet { namespace, .. }
        | Request::StorageDelete { namespace, .. }
        | Request::StorageClear { namespace }
        | Request::StorageBatch { namespace, .. } => Wanted::Kind("storage.write", Some(namespace)),
        // One that is newer than this list.
        _ => Wanted::Admin,
    };
    match allowed(wanted) {
        true => Ok(()),
        false => Err(wanted),
    }
}

/// Each key of a [`Request::StateUpdate`]; what makes no sense is refused by the session itself.
fn all_keys<'a>(entries: Raw<'a>, allowed: impl Fn(Wanted<'a>) -> bool) -> Result<(), Wanted<'a>> {
    let mut rest = entries.0;
    while let Some((key, behind)) = split(rest) {
        let wanted = Wanted::Kind("state.write", Some(key));
        if !allowed(wanted) {
            return Err(wanted);
        }
        rest = behind;
    }
    Ok(())
}

fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let ([a, b, c, d, e, f], rest) = bytes.split_first_chunk::<6>()?;
    let (key, rest) = rest.split_at_checked(u16::from_le_bytes([*a, *b]) as usize)?;
    let (_, rest) = rest.split_at_checked(u32::from_le_bytes([*c, *d, *e, *f]) as usize)?;
    Some((std::str::from_utf8(key).ok()?, rest))
}
