//! The line for the processor, so that whoever will not be served hears so at once.
//!
//! Without it a burst is queued where nobody can see it, in the runtime's own list of tasks, and a
//! refusal takes as long to come as an answer. Here a POST is read, takes its place and is set
//! aside; one at a time for each thread is let on, once its runtime has come round, so that by then
//! all that has arrived is read, and, when the line is full, refused. GETs of what L1 holds do not
//! line up: to refuse one costs about as much as to answer it (docs/adr/0013).

use std::sync::atomic::{AtomicUsize, Ordering};

use onhand_wire::{Code, Problem};
use tokio::sync::Semaphore;

pub(crate) struct Queue {
    places: usize,
    taken: AtomicUsize,
    turns: Semaphore,
}

/// Given back however the wait ends.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queue {
    /// `threads`: of those that serve.
    pub(crate) fn new(places: usize, threads: usize) -> Self {
        Self { places, taken: AtomicUsize::new(0), turns: Semaphore::new(threads) }
    }

    pub(crate) fn len(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Waits for its turn, first come first served; refused at once when the line is full.
    pub(crate) async fn turn(&self) -> Result<(), Problem> {
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        let _place = Place(&self.taken);
        if before >= self.places {
            return Err(Problem::new(Code::Overloaded, "too many calls are waiting here; try again"));
        }
        let _turn = self.turns.acquire().await;
        tokio::task::yield_now().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn who_finds_the_line_full_is_refused_and_the_rest_get_their_turns_in_order() {
        let queue = Arc::new(Queue::new(3, 1));
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut waiting = tokio::task::JoinSet::new();
        for number in 0..4 {
            let (queue, order) = (queue.clone(), order.clone());
            waiting.spawn(async move {
                let turn = queue.turn().await;
                order.lock().unwrap().push((number, turn.is_ok()));
            });
        }
        while waiting.join_next().await.is_some() {}
        assert_eq!(*order.lock().unwrap(), [(3, false), (0, true), (1, true), (2, true)]);
        assert_eq!(queue.len(), 0);
    }

    #[tokio::test]
    async fn who_gives_up_gives_its_place_back() {
        let queue = Queue::new(1, 1);
        let _somebody_else = queue.turns.acquire().await.unwrap();
        tokio::select! {
            biased;
            _ = queue.turn() => panic!("it was not its turn"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(queue.len(), 0);
    }
}
