//! Waking readers. To wake one on another thread costs a system call, so the feed leaves a crowd of them to a
//! thread of its own: they find what they are woken for in their queues already, and in which order they wake
//! means nothing.

use std::{
    sync::{Arc, OnceLock, mpsc},
    thread,
};

use super::Reader;

/// So many are woken at once by whoever told them.
const FEW: usize = 32;

type Asleep = Vec<Arc<Reader>>;

/// Its thread begins with the first crowd, and ends with its node.
#[derive(Default)]
pub(super) struct Waker(OnceLock<Option<mpsc::Sender<Asleep>>>);

impl Waker {
    pub(super) fn wake(&self, asleep: Asleep) {
        let few = asleep.len() <= FEW;
        let left = if few { Some(asleep) } else { hand_over(self.0.get_or_init(start).as_ref(), asleep) };
        left.into_iter().flatten().for_each(|reader| reader.wake.notify_one());
    }
}

/// What nobody took. A reader is handed over only while nothing waits in its queue, so no more of them wait here than
/// there are.
fn hand_over(sender: Option<&mpsc::Sender<Asleep>>, asleep: Asleep) -> Option<Asleep> {
    match sender {
        Some(sender) => sender.send(asleep).err().map(|unsent| unsent.0),
        None => Some(asleep),
    }
}

/// None where the system gives no thread.
fn start() -> Option<mpsc::Sender<Asleep>> {
    let (sender, crowds) = mpsc::channel::<Asleep>();
    let wake = move || crowds.into_iter().flatten().for_each(|reader| reader.wake.notify_one());
    let started = thread::Builder::new().name("wake-streams".to_owned()).spawn(wake);
    match started {
        Ok(_ends_with_the_sender) => Some(sender),
        Err(error) => {
            tracing::warn!(%error, "streams are woken by the feed's own thread");
            None
        }
    }
}
