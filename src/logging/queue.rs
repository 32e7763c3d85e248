//! Log lines go through a bounded queue to a thread that writes them: whoever reads stderr may be slow, stand still or be
//! gone, and calls are answered all the same. Lines that find no room, or cannot be written, are counted.

use std::{
    io::{self, Write},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use onhand_http::vitals::log_line_lost;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait; a few megabytes.
const LINES: usize = 16_384;
/// How long a process that ends waits for the last lines.
const LAST: Duration = Duration::from_secs(1);
/// Between looks whether a full queue has room again.
const MOMENT: Duration = Duration::from_millis(5);

enum Entry {
    Line(Vec<u8>),
    /// Answered once all before it is written.
    Flush(SyncSender<()>),
}

/// Gives each line a writer of its own.
#[derive(Clone)]
pub(super) struct Queue(SyncSender<Entry>);

impl Queue {
    pub(super) fn start(to: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, lines) = sync_channel(LINES);
        thread::Builder::new().name("log".to_owned()).spawn(move || write(&lines, to))?;
        Ok(Self(sender))
    }

    /// Waits for what is queued, a second at most: a reader that stands still is not waited for.
    pub(super) fn flush(&self) {
        let (until, (done, wait)) = (Instant::now() + LAST, sync_channel(1));
        // A full queue may be on the move.
        while self.0.try_send(Entry::Flush(done.clone())).is_err() {
            if Instant::now() >= until {
                return;
            }
            thread::sleep(MOMENT);
        }
        let _or_not = wait.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

fn write(lines: &Receiver<Entry>, mut to: impl Write) {
    for entry in lines {
        match entry {
            Entry::Line(line) => {
                if to.write_all(&line).is_err() {
                    log_line_lost();
                }
            }
            Entry::Flush(done) => {
                let _nobody_waits = to.flush();
                let _nobody_waits = done.try_send(());
            }
        }
    }
}

/// One line, sent whole when it ends.
pub(super) struct Line {
    text: Vec<u8>,
    to: SyncSender<Entry>,
}

impl Write for Line {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let text = std::mem::take(&mut self.text);
        if !text.is_empty() && self.to.try_send(Entry::Line(text)).is_err() {
            log_line_lost();
        }
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { text: Vec::new(), to: self.0.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use onhand_http::vitals::log_lines_lost;

    use super::*;

    /// Takes nothing until it is let go.
    struct Stuck(Arc<Mutex<Vec<u8>>>);

    impl Write for Stuck {
        fn write(&mut self, part: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(part);
            Ok(part.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stands_still_costs_lines_and_nothing_else() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let queue = Queue::start(Stuck(written.clone())).unwrap();
        let (before, held) = (log_lines_lost(), written.lock().unwrap());
        for _ in 0..LINES + 100 {
            queue.make_writer().write_all(b"x\n").unwrap();
        }
        let lost = log_lines_lost() - before;
        drop(held);
        // One or two are in the writer's hands.
        assert!((90..=100).contains(&lost), "{lost}");
        queue.flush();
        assert_eq!(
            written.lock().unwrap().len(),
            2 * (LINES + 100 - lost as usize),
            "the rest is written, whole lines"
        );
    }
}
