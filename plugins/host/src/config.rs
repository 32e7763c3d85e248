//! The operator's settings for rules.

use std::path::PathBuf;

use onhand_http::setting::{Size, Span};
use serde::{Deserialize, Serialize};

/// `[rules]`: where the components are and what they may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder of `NAME.wasm` components, each with an optional `NAME.toml`; empty means no rules. `NAME.next.wasm`
    /// is a release that runs beside `NAME.wasm`, as its own `NAME.next.toml` says.
    pub dir: String,
    /// How often the folder is checked for new releases; 0s checks it only at the start.
    pub poll: Span,
    /// The Kafka topic on which pushed releases are announced; if empty, nothing can be pushed and nothing is followed.
    /// A rule that is in `dir` is taken from there, whatever was pushed.
    pub topic: String,
    /// Folder for the pushed releases that were last in use, so that a start needs neither Kafka nor an origin; if
    /// empty, none are kept. Each node needs its own folder.
    pub cache_dir: String,
    /// Folder for the greatest sequence of each signed rule that this node has used (`rules.marks.json`), so that an
    /// older release is not used again after a restart either. Each node needs its own folder, and those who release
    /// through `dir` must not be able to write to it. If empty, it is `cache_dir`; without that, `dir` with `.state`
    /// after its name; without either, the sequences are forgotten when the node ends. If the file is lost, the node
    /// takes the first releases that it finds for the newest ones.
    pub state_dir: String,
    /// How long a view's call may take. After that it is cut off, and the plain facts are shown. Rounded up to whole
    /// milliseconds, at least 2 ms. The clock ticks once a millisecond, and a call may begin just before a tick, so it
    /// may get up to 1 ms less than this. It gets more only if the machine is so busy that the clock's own thread waits
    /// for a core.
    pub deadline: Span,
    /// The same for an allocation or ranking inside a batch, which holds its row locks meanwhile. Each of several rules
    /// has this time for itself.
    pub batch_deadline: Span,
    /// How much memory one call may have. Beyond that, growing fails, which ends most guests.
    pub memory: Size,
    /// Larger component files are refused when they are loaded.
    pub component_size: Size,
    /// The most that a release may ask for itself (`[limits]` beside it) of `deadline` or `batch_deadline`, …
    pub max_deadline: Span,
    /// … of `memory`, …
    pub max_memory: Size,
    /// … and of `component_size`. Rules in JavaScript or Python need all three.
    pub max_component_size: Size,
    /// How long compiling a component may take; beyond that, it is refused.
    pub compile_time: Span,
    /// How much memory compiling a component may take; beyond that, it is refused.
    pub compile_memory: Size,
    /// Files of public keys (ed25519, PEM): a component is loaded only with a signature by one of them.
    pub trusted_keys: Vec<String>,
    /// Components without a signature are loaded too. For development.
    pub allow_unsigned: bool,
    /// If more than this share of a release's calls fail (0 to 1), it is taken out, and the one before it comes back if
    /// there is one. A deliberate refusal by the rule is not a failure. 1 means never.
    pub max_failure_rate: f64,
    /// The time over which the share is measured.
    pub failure_window: Span,
    /// With fewer calls than this in the window, a release is not judged.
    pub failure_calls: u64,
    /// Folder for samples of failed calls, which can be replayed; if empty, none are kept.
    pub samples_dir: String,
    /// The most files in it; the oldest are deleted first.
    pub samples: usize,
    /// Samples older than this are deleted when another is written.
    pub samples_age: Span,
    /// The program that first compiles a component on trial, under limits (ADR 0021). It is started with `compile-rule`
    /// and must call [`crate::try_compiling`]. `None` means no trial.
    #[serde(skip)]
    pub compiler: Option<PathBuf>,
    /// Writes nothing: only checks what a node would say about its rules.
    #[serde(skip)]
    pub looks_only: bool,
}

impl Config {
    /// What is wrong with it, key by key.
    pub fn faults(&self) -> Vec<String> {
        let share = (0.0..=1.0).contains(&self.max_failure_rate);
        let fault = "rules.max_failure_rate: a share, from 0 to 1 (1: never taken out)";
        if share { Vec::new() } else { vec![fault.to_owned()] }
    }

    /// Whether every release must be signed.
    pub(crate) fn wants_signatures(&self) -> bool {
        !self.allow_unsigned
    }

    /// The folder of the marks.
    pub(crate) fn marks_dir(&self) -> Option<PathBuf> {
        if let Some(named) = [&self.state_dir, &self.cache_dir].into_iter().find(|dir| !dir.is_empty()) {
            return Some(PathBuf::from(named));
        }
        if self.dir.is_empty() {
            return None;
        }
        let dir = PathBuf::from(&self.dir);
        // A folder like `.` does not contain its own name.
        let dir = if dir.file_name().is_none() { dir.canonicalize().unwrap_or(dir) } else { dir };
        let mut name = dir.file_name()?.to_owned();
        name.push(".state");
        Some(dir.with_file_name(name))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dir: String::new(),
            poll: Span::s(1),
            topic: onhand_wire::release::RULES.to_owned(),
            cache_dir: String::new(),
            state_dir: String::new(),
            deadline: Span::ms(5),
            batch_deadline: Span::ms(2),
            memory: Size(10 << 20),
            component_size: Size(2 << 20),
            max_deadline: Span::ms(50),
            max_memory: Size(128 << 20),
            max_component_size: Size(40 << 20),
            compile_time: Span::s(30),
            compile_memory: Size(1 << 30),
            trusted_keys: Vec::new(),
            allow_unsigned: false,
            max_failure_rate: 0.1,
            failure_window: Span::s(60),
            failure_calls: 50,
            samples_dir: String::new(),
            samples: 100,
            samples_age: Span::s(7 * 24 * 3600),
            compiler: None,
            looks_only: false,
        }
    }
}
