//! Who asks: the session's person, as the origin knows the person now.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use moka::sync::Cache;
use onhand_client::{Client, Role, User};

use crate::seal::Session;

/// How long an epoch counts after it was read: so long a session outlives "sign out everywhere".
const FRESH: Duration = Duration::from_secs(5);
const REMEMBERED: u64 = 10_000;

/// The signed-in person of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// What an origin said of a name.
#[derive(Debug, Clone)]
enum Told {
    User(User),
    Nobody,
    /// None has answered yet.
    Silent,
}

#[derive(Debug, Clone)]
struct Known {
    asked: Instant,
    told: Told,
}

/// Users as the origin last told of them.
pub(crate) struct People(Cache<String, Arc<Known>>);

impl Default for People {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED).build())
    }
}

impl People {
    /// The session's person; `None`: the session is over. While no origin answers, what was known last counts, or else
    /// the session's own word: the console stays up. Nor is a silent one asked at every page, so that none waits for it each time.
    pub(crate) async fn of(&self, session: &Session, users: &Client) -> Option<Person> {
        let known = self.0.get(&session.name);
        let told = match known {
            Some(known) if known.asked.elapsed() < FRESH => known.told.clone(),
            before => self.ask(&session.name, before.map(|known| known.told.clone()), users).await,
        };
        match told {
            Told::Silent => Some(Person { name: session.name.clone(), role: session.role }),
            Told::User(user) if user.epoch == session.epoch => Some(Person { name: user.name, role: user.role }),
            Told::User(_) | Told::Nobody => None,
        }
    }

    async fn ask(&self, name: &str, before: Option<Told>, users: &Client) -> Told {
        let told = match users.user(name).await {
            Ok(user) => Told::User(user.value),
            Err(error) if error.is("not_found") => Told::Nobody,
            Err(_) => before.unwrap_or(Told::Silent),
        };
        self.0.insert(name.to_owned(), Arc::new(Known { asked: Instant::now(), told: told.clone() }));
        told
    }

    /// After a change: what was known of the user no longer counts.
    pub(crate) fn forget(&self, name: &str) {
        self.0.invalidate(name);
    }
}
