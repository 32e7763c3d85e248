//! Progress on standard error: a bar on a terminal, else a plain line every second.

use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;

pub(crate) struct Progress {
    bar: ProgressBar,
    lines: Option<JoinHandle<()>>,
}

impl Progress {
    pub(crate) fn new(what: &'static str, total: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg:>18} {wide_bar} {pos}/{len} {per_sec} {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what);
        let lines = (!stderr().is_terminal()).then(|| tokio::spawn(print_lines(bar.clone(), what)));
        Self { bar, lines }
    }

    pub(crate) fn add(&self, done: usize) {
        self.bar.inc(done as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        if let Some(lines) = &self.lines {
            lines.abort();
            eprintln!("{}: {} in {:.1} s", self.bar.message(), self.bar.position(), self.bar.elapsed().as_secs_f64());
        }
    }
}

async fn print_lines(bar: ProgressBar, what: &'static str) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.tick().await;
    loop {
        second.tick().await;
        eprintln!("{what}: {} of {}", bar.position(), bar.length().unwrap_or_default());
    }
}
