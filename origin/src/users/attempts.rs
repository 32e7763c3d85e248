//! How often passwords may be tried, and people registered, while a window lasts.
//!
//! Failures count for the name together with the address, so that a stranger who guesses at somebody's password does
//! not shut that person out; for the address alone; and, far above, for the name alone, against guessers with many
//! addresses. What succeeds costs a hash, too, and counts for itself: for the name at the address, and for the address.
//! Each process counts for itself, and remembers a bounded number of callers.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use moka::sync::Cache;
use onhand_http::share::network;

/// How long an attempt counts after the first one of its kind.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Wrong passwords for one name from one address.
const OF_BOTH: u32 = 10;
/// Wrong passwords and registrations from one address.
const OF_ADDRESS: u32 = 100;
/// Wrong passwords for one name.
const OF_NAME: u32 = 1_000;
/// Right passwords for one name from one address.
const RIGHT_OF_BOTH: u32 = 30;
/// Right passwords from one address.
const RIGHT_OF_ADDRESS: u32 = 300;
/// Registrations without an invitation, from everywhere.
const REGISTRATIONS: u32 = 1_000;
const REGISTRATIONS_WINDOW: Duration = Duration::from_secs(3600);
const REMEMBERED: u64 = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) limit: u32,
    /// Until the window ends.
    pub(crate) wait_s: u32,
}

/// What counts as one caller: an IPv6 address for its /64. What is no address counts as it is written.
pub(super) fn caller(address: &str) -> String {
    address.parse::<IpAddr>().map_or_else(|_| address.to_owned(), |address| network(address).to_string())
}

struct Count {
    ends: Instant,
    so_far: AtomicU32,
}

impl Count {
    fn over(&self, most: u32) -> Result<(), TooMany> {
        if self.so_far.load(Ordering::Relaxed) < most {
            return Ok(());
        }
        let wait = self.ends.saturating_duration_since(Instant::now()).as_secs() + 1;
        Err(TooMany { limit: most, wait_s: u32::try_from(wait).unwrap_or(u32::MAX) })
    }

    fn add(&self) {
        self.so_far.fetch_add(1, Ordering::Relaxed);
    }

    fn take_back(&self) {
        let _none = self.so_far.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
    }
}

struct Counts {
    of: Cache<String, Arc<Count>>,
    window: Duration,
}

impl Counts {
    fn new(window: Duration) -> Self {
        Self { of: Cache::builder().max_capacity(REMEMBERED).time_to_live(window).build(), window }
    }

    fn count(&self, key: &str) -> Arc<Count> {
        let new = || Arc::new(Count { ends: Instant::now() + self.window, so_far: AtomicU32::new(0) });
        self.of.get_with_by_ref(key, new)
    }
}

pub(crate) struct Attempts {
    tried: Counts,
    registered: Counts,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { tried: Counts::new(WINDOW), registered: Counts::new(REGISTRATIONS_WINDOW) }
    }
}

impl Attempts {
    pub(crate) const WINDOW_S: u64 = WINDOW.as_secs();

    /// Counts an attempt before it is made, so that many at once are bounded too.
    pub(crate) fn begin(&self, name: Option<&str>, address: &str) -> Result<(), TooMany> {
        let address = caller(address);
        for (key, most) in right(name, &address) {
            self.tried.of.get(&key).map_or(Ok(()), |count| count.over(most))?;
        }
        let counts = counts(name, &address);
        counts.iter().try_for_each(|(key, most)| self.tried.count(key).over(*most))?;
        counts.iter().for_each(|(key, _)| self.tried.count(key).add());
        Ok(())
    }

    /// The attempt was not made after all.
    pub(crate) fn not_made(&self, name: Option<&str>, address: &str) {
        counts(name, &caller(address)).iter().for_each(|(key, _)| self.tried.count(key).take_back());
    }

    /// The password was right: nothing is left of what was counted for both, and this attempt counts for neither alone.
    pub(crate) fn succeeded(&self, name: &str, address: &str) {
        let address = caller(address);
        self.tried.of.invalidate(&both(name, &address));
        [of_address(&address), of_name(name)].iter().for_each(|key| self.tried.count(key).take_back());
        right(Some(name), &address).iter().for_each(|(key, _)| self.tried.count(key).add());
    }

    /// Counts a registration of somebody who was not invited, before it is made.
    pub(crate) fn begin_registration(&self) -> Result<(), TooMany> {
        let count = self.registered.count("all");
        count.over(REGISTRATIONS)?;
        count.add();
        Ok(())
    }

    /// Nobody was registered after all.
    pub(crate) fn not_registered(&self) {
        self.registered.count("all").take_back();
    }
}

/// The address first: once it is refused, nothing more is remembered of what it tries.
fn counts(name: Option<&str>, address: &str) -> Vec<(String, u32)> {
    let named = name.map(|name| [(both(name, address), OF_BOTH), (of_name(name), OF_NAME)]);
    [(of_address(address), OF_ADDRESS)].into_iter().chain(named.into_iter().flatten()).collect()
}

/// Of right passwords; who registers has none.
fn right(name: Option<&str>, address: &str) -> Vec<(String, u32)> {
    let of = |name| {
        [
            (format!("right {}", both(name, address)), RIGHT_OF_BOTH),
            (format!("right {}", of_address(address)), RIGHT_OF_ADDRESS),
        ]
    };
    name.map(of).into_iter().flatten().collect()
}

fn both(name: &str, address: &str) -> String {
    format!("both {name} {address}")
}

fn of_address(address: &str) -> String {
    format!("address {address}")
}

fn of_name(name: &str) -> String {
    format!("name {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(begun: Result<(), TooMany>) -> Option<u32> {
        begun.err().map(|refused| {
            assert!((1..=3601).contains(&refused.wait_s), "{refused:?}");
            refused.limit
        })
    }

    #[test]
    fn a_guesser_does_not_shut_the_person_out() {
        let attempts = Attempts::default();
        for _ in 0..OF_BOTH {
            attempts.begin(Some("ann"), "192.0.2.1").unwrap();
        }
        assert_eq!(limit(attempts.begin(Some("ann"), "192.0.2.1")), Some(OF_BOTH));
        attempts.begin(Some("ann"), "192.0.2.2").expect("she herself, elsewhere");
        attempts.begin(Some("bob"), "192.0.2.1").expect("another person there");
    }

    #[test]
    fn a_right_password_is_no_failure_and_has_limits_of_its_own() {
        let attempts = Attempts::default();
        let sign_in = |name: &str| {
            attempts.begin(Some(name), "192.0.2.1")?;
            attempts.succeeded(name, "192.0.2.1");
            Ok(())
        };
        for _ in 0..RIGHT_OF_BOTH {
            sign_in("ann").unwrap();
        }
        assert_eq!(limit(sign_in("ann")), Some(RIGHT_OF_BOTH));
        for number in 0..RIGHT_OF_ADDRESS - RIGHT_OF_BOTH {
            sign_in(&format!("name-{number}")).unwrap();
        }
        assert_eq!(limit(sign_in("bob")), Some(RIGHT_OF_ADDRESS));
        attempts.begin(Some("ann"), "192.0.2.2").expect("elsewhere");
    }

    #[test]
    fn an_address_is_bounded_whatever_names_it_tries() {
        let attempts = Attempts::default();
        for number in 0..OF_ADDRESS {
            attempts.begin(Some(&format!("name-{number}")), "192.0.2.1").unwrap();
        }
        assert_eq!(limit(attempts.begin(None, "192.0.2.1")), Some(OF_ADDRESS));
        assert_eq!(limit(attempts.begin(Some("another"), "192.0.2.1")), Some(OF_ADDRESS));
        assert!(!attempts.tried.of.contains_key(&of_name("another")), "what is refused takes no room");
        attempts.begin(None, "192.0.2.2").unwrap();
    }

    #[test]
    fn a_v6_network_is_one_address() {
        let attempts = Attempts::default();
        for number in 0..OF_ADDRESS {
            attempts.begin(None, &format!("2001:db8:0:1::{number:x}")).unwrap();
        }
        assert_eq!(limit(attempts.begin(None, "2001:db8:0:1:ffff::1")), Some(OF_ADDRESS));
        attempts.begin(None, "2001:db8:0:2::1").expect("another network");
        attempts.not_made(None, "2001:db8:0:1::7");
        attempts.begin(None, "2001:db8:0:1::8").expect("one was not made after all");
    }

    #[test]
    fn registrations_are_bounded_together() {
        let attempts = Attempts::default();
        for _ in 0..REGISTRATIONS {
            attempts.begin_registration().unwrap();
        }
        assert_eq!(limit(attempts.begin_registration()), Some(REGISTRATIONS));
        attempts.not_registered();
        attempts.begin_registration().unwrap();
    }
}
