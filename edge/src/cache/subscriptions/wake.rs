//! Waking subscribers. Waking one on another thread costs a system call, so if there are many, the feed leaves it to a
//! separate thread. Their updates are in their queues already, so the order in which they wake does not matter.

use std::{
    sync::{Arc, OnceLock, mpsc},
    thread,
};

use super::Subscriber;

/// Up to this many are woken by the thread that pushed the update.
const FEW: usize = 32;

type Asleep = Vec<Arc<Subscriber>>;

/// The thread starts when there are many for the first time, and ends with the node.
#[derive(Default)]
pub(super) struct Waker(OnceLock<Option<mpsc::Sender<Asleep>>>);

impl Waker {
    pub(super) fn wake(&self, asleep: Asleep) {
        let few = asleep.len() <= FEW;
        let left = if few { Some(asleep) } else { hand_over(self.0.get_or_init(start).as_ref(), asleep) };
        left.into_iter().flatten().for_each(|subscriber| subscriber.wake.notify_one());
    }
}

/// Returns those that the thread did not take. A subscriber is handed over only if its queue was empty, so there are
/// never more here than subscribers.
fn hand_over(sender: Option<&mpsc::Sender<Asleep>>, asleep: Asleep) -> Option<Asleep> {
    match sender {
        Some(sender) => sender.send(asleep).err().map(|unsent| unsent.0),
        None => Some(asleep),
    }
}

/// `None` if no thread can be started.
fn start() -> Option<mpsc::Sender<Asleep>> {
    let (sender, groups) = mpsc::channel::<Asleep>();
    let wake = move || groups.into_iter().flatten().for_each(|subscriber| subscriber.wake.notify_one());
    let started = thread::Builder::new().name("wake-streams".to_owned()).spawn(wake);
    match started {
        Ok(_ends_with_the_sender) => Some(sender),
        Err(error) => {
            tracing::warn!(%error, "streams are woken by the feed's own thread");
            None
        }
    }
}
