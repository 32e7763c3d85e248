//! Samples of failed calls, as files that `onhand rule replay` reads. A thread of its own writes them, so that no
//! caller waits for a slow disk.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::mpsc::{self, SyncSender},
    thread,
    time::{Duration, SystemTime},
};

use crate::{config::Config, rule::statistics::now, world::captured::CapturedCall};

/// How many samples may wait to be written; further ones are dropped.
const WAITING: usize = 16;

#[derive(Clone)]
pub(crate) struct Samples(SyncSender<CapturedCall>);

struct Writer {
    dir: PathBuf,
    most: usize,
    age: Duration,
}

impl Samples {
    /// `None` if the operator wants no samples.
    pub(crate) fn of(config: &Config) -> io::Result<Option<Self>> {
        if config.samples_dir.is_empty() || config.samples == 0 {
            return Ok(None);
        }
        let writer = Writer { dir: config.samples_dir.clone().into(), most: config.samples, age: config.samples_age.0 };
        fs::create_dir_all(&writer.dir)?;
        let (send, receive) = mpsc::sync_channel::<CapturedCall>(WAITING);
        let run = move || receive.iter().for_each(|sample| writer.write(&sample));
        thread::Builder::new().name("rules-samples".into()).spawn(run)?;
        Ok(Some(Self(send)))
    }

    pub(crate) fn keep(&self, sample: CapturedCall) {
        // If the queue is full, there are enough samples.
        drop(self.0.try_send(sample));
    }
}

impl Writer {
    fn write(&self, sample: &CapturedCall) {
        let input = sample.digest.as_ref().map_or("too-large", |digest| &digest[..8]);
        let name = format!("{}-{:013}-{input}.json", sample.rule, now().micros() / 1000);
        // Converted to a value first: verbatim JSON is on one line, and people read this file, too.
        let text = serde_json::to_value(sample).and_then(|sample| serde_json::to_vec_pretty(&sample));
        let text = text.expect("plain data encodes");
        // Renamed into place, so that readers see only whole files.
        let part = self.dir.join(format!(".{name}.part"));
        let written = fs::write(&part, text).and_then(|()| fs::rename(&part, self.dir.join(&name)));
        if let Err(error) = written.and_then(|()| self.prune()) {
            tracing::warn!(%error, dir = %self.dir.display(), "a failed call could not be kept");
        }
    }

    fn prune(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|end| end == "json") {
                files.push((entry.metadata()?.modified()?, entry.path()));
            }
        }
        files.sort();
        let old = |moment: SystemTime| moment.elapsed().is_ok_and(|age| age > self.age);
        let surplus = files.len().saturating_sub(self.most);
        let gone = files.iter().enumerate().filter(|(at, (moment, _))| *at < surplus || old(*moment));
        gone.map(|(_, (_, file))| file as &Path).try_for_each(fs::remove_file)
    }
}
