//! CSV and NDJSON imports: staged whole, then applied through batches.
//!
//! The stream goes to a temporary file; then every row is checked, so memory stays flat and no
//! row is locked before all are known to be valid. Then batches of [`CHUNK`] rows apply it, each
//! under a key derived from the call's, so that a retry after a break resumes where it stopped.
//! The next chunk is read, and if it names other SKUs decided, while the last one commits.

mod charset;
mod damage;
mod formats;
mod header;
mod known;
mod lines;
mod notes;
mod numbers;
mod places;
mod records;
mod rows;
mod stage;
mod trial;
mod unpack;

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use onhand_wire::{Problem, Quantity, Sees, Sku, Timestamp, limits};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

pub use self::{
    charset::named as charset,
    header::Said,
    rows::{Kind, Reading},
    stage::{Staged, drop_the_rest, receive},
    trial::try_out,
    unpack::Packing,
};
use crate::{
    answer::WriteOutcome,
    batch::{BULK_LANES, Batches},
    command::{Ask, Command, ImportMode, ImportRow},
    key::{CallDigest, Digest},
    store::Store,
};

/// Rows in one batch, but that a SKU's neighbouring rows stay together, up to twice as many. A hold of
/// one of its SKUs has to wait for it: 2,000 rows are 40 ms at 50,000 rows/s.
const CHUNK: usize = 2000;
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    Abort,
    Skip,
}

#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub mode: ImportMode,
    pub on_error: OnError,
    pub create: bool,
    /// Whether the caller may change items: name, brand, price.
    pub items: bool,
}

/// What a caller may say of a file beside its format.
#[derive(Debug, Clone, Default)]
pub struct Words {
    pub said: Said,
    /// Where rows go that name no location.
    pub location: Option<String>,
    /// How its numbers are written.
    pub locale: Option<String>,
    /// In which letters it is, where that is not UTF-8.
    pub charset: Option<&'static str>,
}

impl Words {
    /// Whether it says nothing that the first form of digests did not know.
    fn is_silent(&self) -> bool {
        let Self { said, location, locale, charset } = self;
        said.format.is_none() && said.map.is_empty() && location.is_none() && locale.is_none() && charset.is_none()
    }

    /// Looks up what they name.
    pub async fn reading(&self, kind: Kind, store: &Arc<dyn Store>) -> Result<Reading, Problem> {
        let right = || Problem::field("locale", format!("one of {}", formats::locales()));
        let locale = self.locale.as_deref().map(|name| formats::locale(name).ok_or_else(right)).transpose()?;
        let mut places = known::places(store).await?;
        places.default_to(self.location.as_deref())?;
        Ok(Reading { kind, said: self.said.clone(), locale, places: Arc::new(places) })
    }
}

/// The same file applied otherwise is another import.
pub fn call_digest(content: &Digest, options: Options, words: &Words) -> CallDigest {
    let Options { mode, on_error, create, items } = options;
    let Words { said, location, locale, charset } = words;
    let mode_word = if mode == ImportMode::Set { "set" } else { "adjust" };
    let on_error_word = if on_error == OnError::Abort { "abort" } else { "skip" };
    let words_of_it = json!({
        "mode": mode_word, "on_error": on_error_word, "create": create, "items": items, "format": said.format,
        "map": said.map, "location": location, "locale": locale, "charset": charset,
    });
    let mut now = Sha256::new();
    now.update(b"IMPORT in the second form");
    now.update(content);
    now.update(words_of_it.to_string());
    // Which rows a lenient import leaves out may be others than before, and with them what its chunks are.
    let before = (words.is_silent() && on_error == OnError::Abort).then(|| {
        let mut before = Sha256::new();
        before.update(content);
        before.update(format!(
            "Options {{ mode: {mode:?}, on_error: {on_error:?}, create: {create:?}, items: {items:?} }}"
        ));
        before.finalize().into()
    });
    CallDigest { now: now.finalize().into(), before }
}

/// A row that cannot be applied.
#[derive(Debug, Clone)]
pub struct RowError {
    pub row: u64,
    pub problem: Problem,
}

/// What became of the file.
#[derive(Debug, Default)]
pub struct ImportReport {
    pub read: u64,
    pub applied: u64,
    pub rejected: u64,
    pub errors: Vec<Value>,
    /// Rows that say nothing of stock here, what was taken as something else than it was written, and places that are
    /// not there.
    left_out: u64,
    notes: Vec<Value>,
    unknown: Vec<String>,
    /// When the last batch was committed; none if nothing was applied.
    pub committed_at: Option<Timestamp>,
    /// Every batch was one that had been applied before, under the same key.
    pub replayed: bool,
}

impl ImportReport {
    fn reject(&mut self, row: u64, code: &str, detail: &str) {
        self.rejected += 1;
        if self.errors.len() < limits::IMPORT_ERRORS {
            self.errors.push(shown(row, code, detail));
        }
    }

    pub fn shown(&self) -> Value {
        let Self { read, applied, rejected, errors, .. } = self;
        let mut shown = json!({"read": read, "applied": applied, "rejected": rejected, "errors": errors});
        if self.left_out > 0 {
            shown["left_out"] = self.left_out.into();
        }
        if !self.notes.is_empty() {
            shown["notes"] = self.notes.clone().into();
        }
        if !self.unknown.is_empty() {
            shown["unknown_locations"] = self.unknown.clone().into();
        }
        shown
    }

    /// Of a file that has been checked and not applied.
    fn of(staged: &Staged) -> Self {
        let shown = |error: &RowError| shown(error.row, error.problem.code.as_str(), &error.problem.detail);
        Self {
            read: staged.read,
            rejected: staged.rejected,
            errors: staged.errors.iter().map(shown).collect(),
            left_out: staged.left_out,
            notes: staged.notes.shown(),
            unknown: staged.unknown.clone(),
            ..Self::default()
        }
    }
}

/// A rejected row as the caller sees it.
fn shown(row: u64, code: &str, detail: &str) -> Value {
    json!({"row": row, "code": code, "detail": detail})
}

/// Who imports, for keys and the ledger.
pub struct Caller {
    pub actor: String,
    pub owner: Option<String>,
    /// Empty: none was given, and a broken import cannot resume.
    pub key: String,
    /// Whether an import came under this key before.
    pub again: bool,
    pub correlation: String,
}

/// Applies a staged file through batches; stops at the first batch that cannot be settled.
pub async fn apply(
    batches: &Batches,
    staged: Staged,
    content: CallDigest,
    options: Options,
    caller: &Caller,
) -> Result<ImportReport, Problem> {
    let mut report = ImportReport::of(&staged);
    if staged.rejected > 0 && options.on_error == OnError::Abort {
        return Ok(report);
    }
    let mut chunks = Chunks { batches, content, under_way: VecDeque::new(), report: &mut report, fresh: false };
    let applied = chunks.apply_all(staged, options, caller).await;
    let settled = chunks.settle_to(0).await;
    let fresh = chunks.fresh;
    applied.and(settled).map_err(|problem| problem.with("read", report.read).with("applied", report.applied))?;
    report.replayed = report.committed_at.is_some() && !fresh;
    report.errors.sort_by_key(|error| error["row"].as_u64());
    Ok(report)
}

/// A file's chunks on their way into the database.
struct Chunks<'a> {
    batches: &'a Batches,
    /// Of the whole call.
    content: CallDigest,
    /// In the file's order, with what each names.
    under_way: VecDeque<(HashSet<Sku>, JoinHandle<WriteOutcome>)>,
    report: &'a mut ImportReport,
    /// Whether any of them was not done before, under the same key.
    fresh: bool,
}

impl Chunks<'_> {
    async fn apply_all(&mut self, mut staged: Staged, options: Options, caller: &Caller) -> Result<(), Problem> {
        let known = staged.known.clone();
        let mut rows = staged.next_chunk(options)?;
        for chunk in 0.. {
            if rows.is_empty() {
                break;
            }
            if options.on_error == OnError::Skip {
                // Who aborts has heard of them.
                for damaged in known.damaged(&rows).await? {
                    rows.retain(|row| row.row != damaged.row);
                    self.report.reject(damaged.row, damaged.problem.code.as_str(), &damaged.problem.detail);
                }
            }
            let ask = ask(rows, chunk, &self.content, caller);
            match self.done_before(&ask, chunk, caller).await {
                Some(outcome) => self.fresh |= self.report.add(outcome)?,
                None => self.begin(ask).await?,
            }
            let next = staged.meanwhile(move |staged| staged.next_chunk(options));
            let (left, read) = next.await.map_err(stage::failed)?;
            (staged, rows) = (left, read?);
        }
        Ok(())
    }

    /// What became of a chunk that an earlier version applied: it kept it under a key that a caller's own could be.
    async fn done_before(&self, ask: &Ask, chunk: u64, caller: &Caller) -> Option<WriteOutcome> {
        if !caller.again {
            return None;
        }
        let before = Ask { command: Command::Recall, key: format!("{}#{chunk}", caller.key), ..ask.clone() };
        self.batches.ask(before, PATIENCE).await.ok().map(Ok)
    }

    /// Once a lane is free, and no chunk before it is under way that names one of its SKUs: of a row that
    /// is there twice, the later counts.
    async fn begin(&mut self, ask: Ask) -> Result<(), Problem> {
        let skus: HashSet<Sku> = ask.command.skus().into_iter().collect();
        let shared = self.under_way.iter().rposition(|(earlier, _)| !earlier.is_disjoint(&skus));
        let left = shared.map_or(BULK_LANES - 1, |last| self.under_way.len() - 1 - last);
        self.settle_to(left).await?;
        let batches = self.batches.clone();
        let outcome = tokio::spawn(async move { batches.ask(ask, PATIENCE).await });
        self.under_way.push_back((skus, outcome));
        Ok(())
    }

    /// Waits until no more than `left` are under way.
    async fn settle_to(&mut self, left: usize) -> Result<(), Problem> {
        let mut settled = Ok(());
        while self.under_way.len() > left
            && let Some((_, outcome)) = self.under_way.pop_front()
        {
            let added = outcome.await.map_err(stage::failed).and_then(|outcome| self.report.add(outcome));
            settled = settled.and(added.map(|fresh| self.fresh |= fresh));
        }
        settled
    }
}

impl ImportReport {
    /// What a batch did; whether it did it now. One that could not be settled ends the import.
    fn add(&mut self, outcome: WriteOutcome) -> Result<bool, Problem> {
        let answer = outcome?;
        // Chunks may commit in another order than the file's.
        self.committed_at = self.committed_at.max(Some(answer.committed_at));
        let done: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        self.applied += done["applied"].as_u64().unwrap_or_default();
        for error in done["errors"].as_array().into_iter().flatten() {
            let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
            self.reject(error["row"].as_u64().unwrap_or_default(), &text("code"), &text("detail"));
        }
        Ok(!answer.replayed)
    }
}

/// The same chunk of the same file under the same options is the same call.
fn ask(rows: Vec<ImportRow>, chunk: u64, content: &CallDigest, caller: &Caller) -> Ask {
    let key = match caller.key.as_str() {
        "" => uuid::Uuid::new_v4().to_string(),
        key => chunk_key(key, chunk),
    };
    let of = |content: &Digest| {
        let mut digest = Sha256::new();
        digest.update(b"IMPORT whole SKUs");
        digest.update(content);
        digest.update(chunk.to_be_bytes());
        digest.update((CHUNK as u64).to_be_bytes());
        digest.finalize().into()
    };
    Ask {
        digest: CallDigest { now: of(&content.now), before: content.before.as_ref().map(of) },
        command: Command::Import(rows),
        actor: caller.actor.clone(),
        owner: caller.owner.clone(),
        sees: Sees::All,
        key,
        correlation: caller.correlation.clone(),
    }
}

/// No header can spell it, so that no caller's own key is ever a chunk's.
fn chunk_key(key: &str, chunk: u64) -> String {
    format!("{key}\u{1f}{chunk}")
}

/// A quantity column's bounds by mode.
pub(crate) fn check_quantity(quantity: i64, mode: ImportMode) -> Result<(), Problem> {
    let most = i64::from(limits::QUANTITY);
    let valid = match mode {
        ImportMode::Set => Quantity::try_from(quantity).is_ok(),
        ImportMode::Adjust => (-most..=most).contains(&quantity) && quantity != 0,
    };
    if valid {
        return Ok(());
    }
    let right = if mode == ImportMode::Set {
        format!("a whole number from 0 to {most}")
    } else {
        format!("a whole number from -{most} to {most}, not 0")
    };
    Err(Problem::field("quantity", right))
}
