//! How many requests a second each key and each address may make, and how many connections each address may have.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Holders that are kept in mind; one more is counted together with all others.
const KEPT: usize = 4096;
/// How often those are forgotten that are as good as new.
const TIDY: Duration = Duration::from_secs(1);

/// Requests a second of each holder, as many of them at once.
pub(crate) struct Rates<K> {
    per_second: f64,
    holders: Mutex<Holders<K>>,
}

struct Holders<K> {
    /// How many requests each has left, and since when.
    left: HashMap<Option<K>, (f64, Instant)>,
    /// When those were forgotten last that are as good as new.
    tidied: Option<Instant>,
}

impl<K: Hash + Eq> Rates<K> {
    pub(crate) fn new(per_second: u32) -> Self {
        Rates {
            per_second: per_second.into(),
            holders: Mutex::new(Holders {
                left: HashMap::new(),
                tidied: None,
            }),
        }
    }

    /// Counts a request; false for one too many.
    pub(crate) fn take(&self, holder: K) -> bool {
        self.take_at(holder, Instant::now())
    }

    fn take_at(&self, holder: K, now: Instant) -> bool {
        let mut holders = lock(&self.holders);
        let Holders { left: all, tidied } = &mut *holders;
        let refilled = |(left, since): (f64, Instant)| {
            let more = now.saturating_duration_since(since).as_secs_f64() * self.per_second;
            (left + more).min(self.per_second)
        };
        let mut holder = Some(holder);
        if all.len() >= KEPT && !all.contains_key(&holder) {
            // Not for each of a crowd.
            if tidied.is_none_or(|tidied| now.saturating_duration_since(tidied) >= TIDY) {
                *tidied = Some(now);
                all.retain(|_, kept| refilled(*kept) < self.per_second);
            }
            if all.len() >= KEPT {
                holder = None;
            }
        }
        let kept = all.entry(holder).or_insert((self.per_second, now));
        let left = refilled(*kept);
        let has_one = left >= 1.0;
        *kept = (if has_one { left - 1.0 } else { left }, now);
        has_one
    }
}

/// Connections by address: of IPv6 by the network's half, since the other one is the client's own to choose.
#[derive(Clone, Default)]
pub(crate) struct Places(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection's place, which is free again when this is dropped.
pub(crate) struct Place {
    places: Places,
    address: IpAddr,
}

impl Places {
    /// A place for one more connection, where `most` may be and `most_of_one` of each address.
    pub(crate) fn take(&self, peer: IpAddr, most: usize, most_of_one: usize) -> Option<Place> {
        let address = network(peer);
        let mut all = lock(&self.0);
        if all.values().sum::<usize>() >= most {
            return None;
        }
        let count = all.entry(address).or_default();
        if *count >= most_of_one {
            return None;
        }
        *count += 1;
        let places = self.clone();
        Some(Place { places, address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = lock(&self.places.0);
        if let Some(count) = all.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.address);
            }
        }
    }
}

/// What stands for a host.
pub(crate) fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address => address,
    }
}

fn lock<T>(all: &Mutex<T>) -> MutexGuard<'_, T> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_and_gets_more_with_time() {
        let rates = Rates::new(10);
        let begin = Instant::now();
        assert_eq!((0..20).filter(|_| rates.take_at("a", begin)).count(), 10);
        assert!(rates.take_at("b", begin));
        let later = begin + Duration::from_millis(250);
        assert_eq!((0..20).filter(|_| rates.take_at("a", later)).count(), 2);
        let much_later = begin + Duration::from_secs(3600);
        assert_eq!((0..20).filter(|_| rates.take_at("a", much_later)).count(), 10);
    }

    #[test]
    fn a_crowd_of_strangers_shares_one_and_pushes_nobody_out() {
        let rates = Rates::new(10);
        let now = Instant::now();
        assert!(rates.take_at(0, now));
        let passed = (1..100_000).filter(|holder| rates.take_at(*holder, now)).count();
        assert_eq!(passed, KEPT - 1 + 10);
        assert!(rates.take_at(0, now) && lock(&rates.holders).left.len() <= KEPT + 1);
        // Whoever is as good as new makes room.
        assert!(rates.take_at(500_000, now + Duration::from_secs(1)));
        assert!(lock(&rates.holders).left.len() < 10);
    }

    #[test]
    fn connections_are_counted_by_network_and_given_back() {
        let places = Places::default();
        let take = |address: &str| places.take(address.parse().unwrap(), 5, 2);
        let two = (take("192.0.2.1").unwrap(), take("::ffff:192.0.2.1").unwrap());
        assert!(take("192.0.2.1").is_none());
        let others = (take("2001:db8::1").unwrap(), take("2001:db8::2").unwrap());
        assert!(take("2001:db8::3").is_none());
        let last = take("2001:db8:0:1::1").unwrap();
        assert!(take("192.0.2.9").is_none(), "all are taken");
        drop((two, others, last));
        assert!(lock(&places.0).is_empty());
    }
}
