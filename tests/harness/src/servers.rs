//! One set of servers: a test's own, or the one that all tests of a binary share.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use crate::{Authority, Error, scratch::Scratch};
pub use crate::{
    kafka::Kafka,
    postgres::Postgres,
    redis::{Redis, RedisCluster},
};

pub struct Servers {
    pub postgres: Postgres,
    pub redis: Redis,
    pub kafka: Kafka,
    authority: Option<Authority>,
    /// Last, so that the directory is removed after the processes.
    scratch: Scratch,
}

impl Servers {
    /// The caller's own servers, which may be killed. They take two to four seconds to start.
    pub async fn dedicated() -> Result<Arc<Self>, Error> {
        blocking(|| Self::start(false, false).map(Arc::new)).await
    }

    /// The same with TLS, too.
    pub async fn encrypted() -> Result<Arc<Self>, Error> {
        blocking(|| Self::start(false, true).map(Arc::new)).await
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.authority.is_some()
    }

    /// Who signed their certificates; panics where they have none.
    pub fn authority(&self) -> &Authority {
        self.authority.as_ref().expect("Servers::encrypted()")
    }

    /// An authority that nobody trusts.
    pub fn stranger(&self) -> Authority {
        Authority::new(&self.scratch, "stranger").unwrap_or_else(|error| panic!("{error}"))
    }

    /// The set that all tests of this process share, started by the first to ask.
    pub async fn shared() -> Result<Arc<Self>, Error> {
        blocking(|| {
            // Under the lock, so that tests that start together wait for one set. Nothing drops a
            // static: at the process's end the kernel kills the servers and the reaper clears up.
            static SHARED: Mutex<Option<Arc<Servers>>> = Mutex::new(None);
            let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
            if shared.is_none() {
                *shared = Some(Arc::new(Self::start(true, false)?));
            }
            Ok(shared.clone().expect("just set"))
        })
        .await
    }

    /// The directory of their data and logs, until they are dropped.
    pub fn dir(&self) -> &Path {
        self.scratch.path()
    }

    fn start(shared: bool, encrypted: bool) -> Result<Self, Error> {
        let scratch = Scratch::new()?;
        let authority = encrypted.then(|| Authority::new(&scratch, "authority")).transpose()?;
        let by = authority.as_ref();
        let (postgres, redis, kafka) = thread::scope(|scope| {
            let postgres = scope.spawn(|| Postgres::start_in(&scratch, shared, by));
            let kafka = scope.spawn(|| Kafka::start_in(&scratch, shared, by));
            let redis = Redis::start_in(&scratch, shared, by);
            (postgres.join().expect("no panic"), redis, kafka.join().expect("no panic"))
        });
        Ok(Self { postgres: postgres?, redis: redis?, kafka: kafka?, authority, scratch })
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("no panic while starting servers")
}
