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

type Known = (Instant, Option<User>);

/// Users as the origin last told of them.
pub(crate) struct People(Cache<String, Arc<Known>>);

impl Default for People {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED).build())
    }
}

impl People {
    /// The session's person; `None`: the session is over. While no origin answers, what was known last counts, or else
    /// the session's own word: the console stays up.
    pub(crate) async fn of(&self, session: &Session, users: &Client) -> Option<Person> {
        let known = self.0.get(&session.name).filter(|known| known.0.elapsed() < FRESH);
        let known = match known {
            Some(known) => Some(known),
            None => self.asked(&session.name, users).await.or_else(|| self.0.get(&session.name)),
        };
        let Some(known) = known else {
            return Some(Person { name: session.name.clone(), role: session.role });
        };
        let user = known.1.as_ref().filter(|user| user.epoch == session.epoch)?;
        Some(Person { name: user.name.clone(), role: user.role })
    }

    /// What the origin says now; `None`: it does not answer.
    async fn asked(&self, name: &str, users: &Client) -> Option<Arc<Known>> {
        let user = match users.user(name).await {
            Ok(user) => Some(user.value),
            Err(error) if error.is("not_found") => None,
            Err(_) => return None,
        };
        let known = Arc::new((Instant::now(), user));
        self.0.insert(name.to_owned(), known.clone());
        Some(known)
    }

    /// After a change: what was known of the user no longer counts.
    pub(crate) fn forget(&self, name: &str) {
        self.0.invalidate(name);
    }
}
