//! How often passwords may be tried, and people registered, while a window lasts.
//!
//! Failures count for the name together with the address, so that a stranger who guesses at somebody's password does
//! not shut that person out; for the address alone; and, far above, for the name alone, against guessers with many
//! addresses. Each process counts for itself, and remembers a bounded number of callers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;

/// How long a failure counts after the first one of its kind.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Wrong passwords for one name from one address.
const OF_BOTH: u32 = 10;
/// Wrong passwords and registrations from one address.
const OF_ADDRESS: u32 = 100;
/// Wrong passwords for one name.
const OF_NAME: u32 = 1_000;
const REMEMBERED: u64 = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) limit: u32,
}

pub(crate) struct Attempts(Cache<String, Arc<AtomicU32>>);

impl Default for Attempts {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED).time_to_live(WINDOW).build())
    }
}

impl Attempts {
    pub(crate) const WINDOW_S: u64 = WINDOW.as_secs();

    /// Counts an attempt before it is made, so that many at once are bounded too.
    pub(crate) fn begin(&self, name: Option<&str>, address: &str) -> Result<(), TooMany> {
        let counts = Self::counts(name, address);
        let over = counts.iter().find(|(key, most)| self.count(key).load(Ordering::Relaxed) >= *most);
        if let Some((_, limit)) = over {
            return Err(TooMany { limit: *limit });
        }
        for (key, _) in &counts {
            self.count(key).fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The password was right: nothing is left of what was counted for both, and this attempt counts for neither alone.
    pub(crate) fn succeeded(&self, name: &str, address: &str) {
        self.0.invalidate(&both(name, address));
        for key in [of_address(address), of_name(name)] {
            let less = |count: u32| count.checked_sub(1);
            let _none = self.count(&key).fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    /// The address first: once it is refused, nothing more is remembered of what it tries.
    fn counts(name: Option<&str>, address: &str) -> Vec<(String, u32)> {
        let named = name.map(|name| [(both(name, address), OF_BOTH), (of_name(name), OF_NAME)]);
        [(of_address(address), OF_ADDRESS)].into_iter().chain(named.into_iter().flatten()).collect()
    }

    fn count(&self, key: &str) -> Arc<AtomicU32> {
        self.0.get_with_by_ref(key, Arc::default)
    }
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

    #[test]
    fn a_guesser_does_not_shut_the_person_out() {
        let attempts = Attempts::default();
        for _ in 0..OF_BOTH {
            attempts.begin(Some("ann"), "192.0.2.1").unwrap();
        }
        assert_eq!(attempts.begin(Some("ann"), "192.0.2.1"), Err(TooMany { limit: OF_BOTH }));
        attempts.begin(Some("ann"), "192.0.2.2").expect("she herself, elsewhere");
        attempts.begin(Some("bob"), "192.0.2.1").expect("another person there");
    }

    #[test]
    fn a_right_password_is_not_counted() {
        let attempts = Attempts::default();
        for _ in 0..2 * OF_ADDRESS {
            attempts.begin(Some("ann"), "192.0.2.1").unwrap();
            attempts.succeeded("ann", "192.0.2.1");
        }
    }

    #[test]
    fn an_address_is_bounded_whatever_names_it_tries() {
        let attempts = Attempts::default();
        for number in 0..OF_ADDRESS {
            attempts.begin(Some(&format!("name-{number}")), "192.0.2.1").unwrap();
        }
        assert_eq!(attempts.begin(None, "192.0.2.1"), Err(TooMany { limit: OF_ADDRESS }));
        assert_eq!(attempts.begin(Some("another"), "192.0.2.1"), Err(TooMany { limit: OF_ADDRESS }));
        assert!(!attempts.0.contains_key(&of_name("another")), "what is refused takes no room");
        attempts.begin(None, "192.0.2.2").unwrap();
    }
}
