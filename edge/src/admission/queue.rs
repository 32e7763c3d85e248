//! The queue for the processor, so that a call that will not be served is refused at once.
//!
//! Without it a burst waits in the runtime's own list of tasks, where nobody can count it, and a refusal takes as long
//! as an answer. Here a POST is read, takes a place and waits. Each thread lets one go on at a time, after its runtime
//! has gone through its other tasks, so that by then everything that has arrived is read, and refused if the queue is
//! full. GETs of what L1 holds do not queue: refusing one costs about as much as answering it (docs/adr/0013).

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use onhand_wire::{Code, Problem};
use tokio::sync::Semaphore;

/// A queue this short is never too slow.
const SHORT: usize = 64;
/// The number of turns over which the pace is measured.
const TURNS: u64 = 16;

pub(crate) struct Queue {
    places: usize,
    time: Duration,
    taken: AtomicUsize,
    turns: Semaphore,
    pace: Pace,
}

/// Returned however the wait ends.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queue {
    /// `time`: the longest time that the last in the queue should wait. `threads`: the number of serving threads.
    pub(crate) fn new(places: usize, time: Duration, threads: usize) -> Self {
        Self { places, time, taken: AtomicUsize::new(0), turns: Semaphore::new(threads), pace: Pace::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Waits for its turn, first come first served; refused at once if the queue is full or too slow.
    pub(crate) async fn turn(&self) -> Result<(), Problem> {
        let arrived = Instant::now();
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        let _place = Place(&self.taken);
        if self.is_full(before) {
            return Err(Problem::new(Code::Overloaded, "too many calls are waiting here; try again"));
        }
        let _turn = self.turns.acquire().await;
        tokio::task::yield_now().await;
        self.pace.turn(arrived, Instant::now());
        Ok(())
    }

    /// Whether it is full with this many waiting.
    fn is_full(&self, waiting: usize) -> bool {
        waiting >= self.places || (waiting >= SHORT && self.pace.wait(waiting) > self.time)
    }
}

/// How fast the queue moves.
struct Pace {
    began: Instant,
    /// When the last turn was given, in microseconds since the start.
    last: AtomicU64,
    /// The recent time from one turn to the next while somebody waits, in nanoseconds.
    each: AtomicU64,
}

impl Pace {
    fn new() -> Self {
        Self { began: Instant::now(), last: AtomicU64::new(0), each: AtomicU64::new(0) }
    }

    /// How long this many turns take.
    fn wait(&self, turns: usize) -> Duration {
        Duration::from_nanos(self.each.load(Ordering::Relaxed).saturating_mul(turns as u64))
    }

    /// Records a turn that was given at `now` to a call that came at `arrived`. A processor that was away once is not
    /// an overload, so one turn counts for at most four others. Two threads at the same time may lose one of their
    /// counts.
    fn turn(&self, arrived: Instant, now: Instant) {
        let micros = |moment: Instant| moment.duration_since(self.began).as_micros() as u64;
        let now = micros(now);
        let since = self.last.swap(now, Ordering::Relaxed).max(micros(arrived));
        let each = self.each.load(Ordering::Relaxed);
        let took = (now.saturating_sub(since) * 1000).min(4 * each.max(1000));
        self.each.store(each - each / TURNS + took / TURNS, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn who_finds_the_line_full_is_refused_and_the_rest_get_their_turns_in_order() {
        let queue = Arc::new(Queue::new(3, SECOND, 1));
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
        let queue = Queue::new(1, SECOND, 1);
        let _somebody_else = queue.turns.acquire().await.unwrap();
        tokio::select! {
            biased;
            _ = queue.turn() => panic!("it was not its turn"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(queue.len(), 0);
    }

    /// How many may be in a queue whose turns took this long.
    fn room(took: &[u64]) -> usize {
        let queue = Queue::new(512, Duration::from_millis(250), 1);
        let arrived = queue.pace.began;
        let mut now = arrived;
        for ms in took {
            now += Duration::from_millis(*ms);
            queue.pace.turn(arrived, now);
        }
        (0..).find(|waiting| queue.is_full(*waiting)).unwrap()
    }

    #[test]
    fn the_line_is_as_long_as_is_served_in_its_time() {
        assert_eq!((room(&[]), room(&[0; 200])), (512, 512));
        let of_two_ms = room(&[2; 200]);
        assert!((120..=135).contains(&of_two_ms), "{of_two_ms}");
        assert_eq!(room(&[50; 200]), SHORT);
        let away_once = room(&[[2; 200].as_slice(), &[10_000]].concat());
        assert!((100..of_two_ms).contains(&away_once), "{away_once}");
    }
}
