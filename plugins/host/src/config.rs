//! The operator's settings for rules.

use std::path::PathBuf;

use onhand_http::setting::{Size, Span};
use serde::{Deserialize, Serialize};

/// `[rules]`: where the components are and what they may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder of `NAME.wasm` components, each with an optional `NAME.toml`; empty: no rules. `NAME.next.wasm`
    /// is a release that runs beside `NAME.wasm`, as its own `NAME.next.toml` says.
    pub dir: String,
    /// How often the folder is looked at for new releases; 0s: at the start only.
    pub poll: Span,
    /// The Kafka topic that pushed releases are announced on; empty: none are pushed, and none followed. A rule
    /// that is in `dir` is taken from there, whatever is pushed.
    pub topic: String,
    /// Folder for the pushed releases that were last in use, so that a start needs neither Kafka nor an origin;
    /// empty: none are kept. A node's own.
    pub cache_dir: String,
    /// Folder for the greatest sequence of each signed rule that this node has used (`rules.marks.json`), so that an
    /// older release is not used again after a restart either. A node's own: whoever may release by `dir` must not be
    /// able to write here. Empty: `cache_dir`; without that, `dir` with `.state` after its name; without either, they
    /// are forgotten when the node ends. Lost: the node takes the releases that it finds first for the newest ones.
    pub state_dir: String,
    /// What a view may take. Past it the call is cut off and the plain facts are shown. Whole
    /// milliseconds, rounded up, 2 ms at least: the clock ticks once a millisecond, and a call may
    /// begin just before a tick, so it gets up to 1 ms less than this. It gets more only where the
    /// machine is so busy that the clock's own thread waits for a core.
    pub deadline: Span,
    /// The same for an allocation or ranking inside a batch, which holds its row locks meanwhile. Each
    /// of several rules has it for itself.
    pub batch_deadline: Span,
    /// What one call may have of memory; past it growing fails, which ends most guests.
    pub memory: Size,
    /// Larger component files are refused when they are loaded.
    pub component_size: Size,
    /// The most that a release may ask for itself (`[limits]` beside it) of `deadline` or `batch_deadline`, …
    pub max_deadline: Span,
    /// … of `memory`, …
    pub max_memory: Size,
    /// … and of `component_size`. Rules in JavaScript or Python need all three.
    pub max_component_size: Size,
    /// How long compiling a component may take; beyond, it is refused.
    pub compile_time: Span,
    /// How much memory compiling a component may take; beyond, it is refused.
    pub compile_memory: Size,
    /// Files of public keys (ed25519, PEM): a component is loaded only with a signature by one of them.
    pub trusted_keys: Vec<String>,
    /// Components without a signature are loaded too. For development.
    pub allow_unsigned: bool,
    /// A release of whose calls more than this share fail (0 to 1) is taken out, and the one before it comes
    /// back if there is one. What a rule refuses on purpose is no failure. 1: never.
    pub max_failure_rate: f64,
    /// Over how long the share is taken.
    pub failure_window: Span,
    /// With fewer calls than this in the window there is no judgement.
    pub failure_calls: u64,
    /// Folder for samples of failing calls, to be replayed; empty: none are kept.
    pub samples_dir: String,
    /// Most files of it; the oldest go first.
    pub samples: usize,
    /// Samples older than this are deleted when another is written.
    pub samples_age: Span,
    /// The program that tries a compilation out first, under limits (ADR 0021): it is started with
    /// `compile-rule` and must call [`crate::try_compiling`]. None: no trial.
    #[serde(skip)]
    pub compiler: Option<PathBuf>,
    /// Nothing is written: a look at what a node would say of its rules.
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

    /// Whether whatever is used must be signed.
    pub(crate) fn wants_signatures(&self) -> bool {
        !self.allow_unsigned
    }

    /// Where the marks are kept.
    pub(crate) fn marks_dir(&self) -> Option<PathBuf> {
        if let Some(named) = [&self.state_dir, &self.cache_dir].into_iter().find(|dir| !dir.is_empty()) {
            return Some(PathBuf::from(named));
        }
        if self.dir.is_empty() {
            return None;
        }
        let dir = PathBuf::from(&self.dir);
        // A folder like `.` has its name elsewhere.
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
