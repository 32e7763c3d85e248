//! Logs go to stderr; stdout is for the command's answer. Levels can change while it runs.

mod queue;

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use onhand_http::actuator::{Loggers, ROOT};
use tracing_subscriber::{EnvFilter, filter::ParseError, reload};

use self::queue::Queue;
use crate::config::{Format, Log};

static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Writes what is still queued, before the process ends.
pub(crate) fn end() {
    if let Some(queue) = QUEUE.get() {
        queue.flush();
    }
}

/// PostgreSQL's library logs each statement's parameters at debug, and they may be secrets, such as the address of a
/// webhook. So this level is kept, whatever is asked for.
const KEPT: (&str, &str) = ("tokio_postgres::query", "info");

/// JSON for machines, text for people; `auto` asks whether stderr is a terminal.
pub(crate) fn start(log: &Log) -> Arc<dyn Loggers> {
    // The migrations' library logs every step at info. Kafka's logs fifty times a second that all brokers are down; its
    // messages about single brokers (librdkafka) count their repetitions, and are enough.
    let level = format!("refinery_core=warn,rdkafka::client=off,{}", log.level);
    let (level, filter) = match filter(&level) {
        Ok(filter) => (level, filter),
        Err(_) => ("info".to_owned(), EnvFilter::new("info")),
    };
    let queue = QUEUE.get_or_init(|| Queue::start(std::io::stderr()).expect("a thread can be started")).clone();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(queue);
    let text = match log.format {
        Format::Auto => std::io::stderr().is_terminal(),
        Format::Json => false,
        Format::Text => true,
    };
    if text {
        let builder = builder.with_target(false).with_filter_reloading();
        let apply = reloading(builder.reload_handle());
        builder.init();
        Arc::new(Levels::new(level, apply))
    } else {
        let builder = builder.json().flatten_event(true).with_target(true).with_filter_reloading();
        let apply = reloading(builder.reload_handle());
        builder.init();
        Arc::new(Levels::new(level, apply))
    }
}

/// A later directive for the same target replaces the earlier one.
fn filter(directives: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::try_new(format!("{directives},{}={}", KEPT.0, KEPT.1))
}

type Apply = Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>;

fn reloading<S: 'static>(handle: reload::Handle<EnvFilter, S>) -> Apply {
    Box::new(move |filter| handle.reload(filter))
}

/// The configured levels, and the changes since.
struct Levels {
    configured: String,
    changed: Mutex<BTreeMap<String, String>>,
    apply: Apply,
}

impl Levels {
    fn new(configured: String, apply: Apply) -> Self {
        Self { configured, changed: Mutex::default(), apply }
    }
}

/// The directive of one logger; the root's has no target.
fn directive(logger: &str, level: &str) -> String {
    let level = level.to_ascii_lowercase();
    if logger == ROOT { level } else { format!("{logger}={level}") }
}

/// Directives of the `TARGET=LEVEL` and `LEVEL` kinds; those about spans and fields name no logger.
fn read(directives: &str) -> impl Iterator<Item = (String, String)> {
    let plain = directives.split(',').map(str::trim).filter(|text| !text.is_empty() && !text.contains(['[', '{']));
    plain.map(|text| {
        let (logger, level) = text.split_once('=').unwrap_or((ROOT, text));
        (logger.to_owned(), level.to_ascii_uppercase())
    })
}

impl Loggers for Levels {
    fn configured(&self) -> BTreeMap<String, String> {
        let mut levels = BTreeMap::from([(ROOT.to_owned(), "ERROR".to_owned())]);
        levels.extend(read(&self.configured));
        levels.extend(self.changed.lock().unwrap_or_else(PoisonError::into_inner).clone());
        levels
    }

    fn set(&self, logger: &str, level: Option<&str>) -> Result<(), String> {
        if logger == KEPT.0 {
            return Err(format!("{logger} stays at {}: its other levels show the parameters of statements", KEPT.1));
        }
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = changed.clone();
        match level {
            Some(level) => drop(next.insert(logger.to_owned(), level.to_owned())),
            None => drop(next.remove(logger)),
        }
        let directives = next.iter().map(|(logger, level)| directive(logger, level));
        let all = std::iter::once(self.configured.clone()).chain(directives).collect::<Vec<_>>().join(",");
        let filter = filter(&all).map_err(|error| error.to_string())?;
        (self.apply)(filter).map_err(|error| error.to_string())?;
        *changed = next;
        tracing::warn!(logger, level, "a log level was changed");
        Ok(())
    }
}
