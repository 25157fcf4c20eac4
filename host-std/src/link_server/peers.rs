//! How many sessions each host has at the TCP port, so that none takes all the places.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use tracing::warn;

/// Sessions of one host at the same time.
pub(super) const MOST: u32 = 16;

/// Sessions by host.
#[derive(Clone, Default)]
pub(super) struct Peers(Rc<RefCell<BTreeMap<u64, Sessions>>>);

#[derive(Default)]
struct Sessions {
    count: u32,
    /// It was said that there are too many.
    said: bool,
}

/// One session's place, which is free again when this is dropped.
pub(super) struct Place {
    peers: Peers,
    host: u64,
}

impl Peers {
    /// A place for a session of this host, if it may have one more.
    pub(super) fn take(&self, peer: IpAddr) -> Option<Place> {
        let host = host(peer);
        let mut peers = self.0.borrow_mut();
        let sessions = peers.entry(host).or_default();
        if sessions.count >= MOST {
            // Once for each crowd: until the host has left altogether.
            if !std::mem::replace(&mut sessions.said, true) {
                warn!(
                    "a client from {peer} was turned away: {MOST} sessions of that host are open; close some"
                );
            }
            return None;
        }
        sessions.count = sessions.count.saturating_add(1);
        Some(Place {
            peers: self.clone(),
            host,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut peers = self.peers.0.borrow_mut();
        if let Some(sessions) = peers.get_mut(&self.host) {
            sessions.count = sessions.count.saturating_sub(1);
            if sessions.count == 0 {
                peers.remove(&self.host);
            }
        }
    }
}

/// What stands for a host: its address, of which IPv6 has the network's half alone, since the other one is its own
/// to choose.
fn host(peer: IpAddr) -> u64 {
    match peer.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        // No network but the loopback's begins with 32 zeros, as what stands for IPv4 does.
        IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_has_its_own_places_and_gets_them_back() {
        let peers = Peers::default();
        let take = |address: &str| peers.take(address.parse().unwrap());
        let mut places: Vec<_> = (0..MOST).map(|_| take("192.0.2.1").unwrap()).collect();
        assert!(take("192.0.2.1").is_none() && take("::ffff:192.0.2.1").is_none());
        assert!(take("192.0.2.2").is_some());
        places.pop();
        places.push(take("192.0.2.1").unwrap());
        assert!(take("192.0.2.1").is_none());
        let there: Vec<_> = (0..MOST)
            .map(|n| take(&format!("2001:db8::{n:x}")).unwrap())
            .collect();
        assert!(take("2001:db8::ffff").is_none() && take("2001:db8:0:1::1").is_some());
        drop((places, there));
        assert!(peers.0.borrow().is_empty());
    }
}
