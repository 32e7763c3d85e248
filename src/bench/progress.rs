//! Progress on standard error: a bar on a terminal, else a line every five seconds.

use std::{
    io::{IsTerminal, stderr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;

use super::Args;

/// Shown until it is dropped.
pub(super) struct Progress(JoinHandle<()>, ProgressBar);

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.abort();
        self.1.finish_and_clear();
    }
}

pub(super) fn start(args: &Args, answered: Arc<AtomicU64>) -> Progress {
    let whole = args.warmup + args.length;
    let target = if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(millis(whole)), target);
    let style = ProgressStyle::with_template("{wide_bar} {msg} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    Progress(tokio::spawn(tell(bar.clone(), whole, args.warmup, answered)), bar)
}

async fn tell(bar: ProgressBar, whole: Duration, warmup: Duration, answered: Arc<AtomicU64>) {
    let every = if bar.is_hidden() { Duration::from_secs(5) } else { Duration::from_millis(250) };
    let (began, mut before) = (Instant::now(), 0);
    loop {
        tokio::time::sleep(every).await;
        let (now, elapsed) = (answered.load(Ordering::Relaxed), began.elapsed());
        let rate = (now - before) as f64 / every.as_secs_f64();
        let phase = if elapsed < warmup { "warming up, " } else { "" };
        before = now;
        if bar.is_hidden() {
            eprintln!(
                "bench: {phase}{:.0} of {:.0} s, {rate:.0} answers/s",
                elapsed.as_secs_f64(),
                whole.as_secs_f64()
            );
        } else {
            bar.set_position(millis(elapsed));
            bar.set_message(format!("{phase}{rate:.0} answers/s"));
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
