//! How much one caller may hold of something that all share: connections, streams, SKUs that wait to be loaded.
//!
//! A caller is remembered only while it holds something, so there are never more callers here than places.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The places that each caller holds.
#[derive(Debug)]
pub struct Shares<K> {
    most: usize,
    held: Mutex<HashMap<K, usize>>,
}

/// Some places of one caller; they are free again when this is dropped.
#[derive(Debug)]
pub struct Share<K: Eq + Hash> {
    /// `None` if there is no limit, and nothing is counted.
    of: Option<Arc<Shares<K>>>,
    caller: K,
    places: usize,
}

impl<K: Eq + Hash + Clone> Shares<K> {
    /// `most`: places that one caller may hold; 0 means no limit.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    pub fn most(&self) -> usize {
        self.most
    }

    /// Takes this many places for the caller, or none if it has fewer left.
    pub fn take(self: &Arc<Self>, caller: K, places: usize) -> Option<Share<K>> {
        if self.most == 0 {
            return Some(Share { of: None, caller, places });
        }
        let mut held = self.lock();
        let taken = held.get(&caller).copied().unwrap_or(0).saturating_add(places);
        if taken > self.most {
            return None;
        }
        held.insert(caller.clone(), taken);
        drop(held);
        Some(Share { of: Some(self.clone()), caller, places })
    }
}

impl<K> Shares<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Share<K> {
    pub fn caller(&self) -> &K {
        &self.caller
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let Some(shares) = &self.of else { return };
        let mut held = shares.lock();
        let Some(places) = held.get_mut(&self.caller) else { return };
        *places = places.saturating_sub(self.places);
        if *places == 0 {
            held.remove(&self.caller);
        }
    }
}

/// The network that counts as one caller: a caller with one IPv6 address has all 2^64 addresses of its /64.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_s_share_leaves_the_rest_to_others() {
        let shares = Shares::new(3);
        let (two, one) = (shares.take("a", 2).unwrap(), shares.take("a", 1).unwrap());
        assert!(shares.take("a", 1).is_none());
        let other = shares.take("b", 3).unwrap();
        drop(one);
        assert!(shares.take("a", 2).is_none(), "all that it asks for, or nothing");
        drop((shares.take("a", 1).unwrap(), two, other));
        assert!(shares.lock().is_empty(), "who holds nothing is not remembered");
    }

    #[test]
    fn no_limit_counts_nothing() {
        let shares = Shares::new(0);
        let share = shares.take("a", usize::MAX).unwrap();
        assert!(shares.lock().is_empty() && *share.caller() == "a");
    }

    #[test]
    fn a_v6_network_is_one_caller() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!((of("::ffff:1.2.3.4"), of("1.2.3.4")), ("1.2.3.4".to_owned(), "1.2.3.4".to_owned()));
    }
}
