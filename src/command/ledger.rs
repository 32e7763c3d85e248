//! `onhand ledger verify` and `onhand ledger rebuild`.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use onhand_origin::store::{LedgerCheck, Rebuilt, Store, Table};

use super::{Done, Needs};
use crate::config::Config;

#[derive(clap::Subcommand)]
pub(crate) enum Ledger {
    /// Check every ledger line against the one before it, and every row against its last line
    ///
    /// Reads the whole ledger in one snapshot and in constant memory, while origins go on working. For each SKU and
    /// location it checks that each line starts from what the line before left, that sequence numbers rise, and that
    /// the row is what the last lines say: quantities, selling policy, sequence number, time and deletion. Ends with
    /// exit code 1 if anything differs.
    Verify {
        /// Differences to print; all are counted
        #[arg(long, value_name = "N", default_value_t = 20)]
        first: usize,
    },
    /// Write the stock rows again, from the ledger alone
    ///
    /// Without --into the rows go into inventory_items, which must be empty: stop every origin first, move the present
    /// rows away (ALTER TABLE inventory_items RENAME …, and create an empty one LIKE it), rebuild, then run
    /// `onhand ledger verify`. With --into NAME the rows go into another table, which is created if it is missing, and
    /// are compared with inventory_items; that is safe at any time. Sequence numbers are the ledger's, so versions that
    /// edges know stay valid. One transaction writes all rows or none.
    Rebuild {
        /// Another table for the rows; it is created like inventory_items if it is missing, and must be empty
        #[arg(long, value_name = "TABLE")]
        into: Option<Table>,
        /// Write into inventory_items without asking
        #[arg(long)]
        yes: bool,
    },
}

impl Ledger {
    pub(super) async fn run(self, config: Config) -> Done {
        let database = config.origin.database;
        Needs::default()
            .set("origin.database.url", database.url.expose(), "name the database of the ledger, or set DATABASE_URL")
            .met()?;
        let store = onhand_origin::open_store(&database, None)?;
        store.check_schema().await?;
        match self {
            Self::Verify { first } => verify(&*store, first).await,
            Self::Rebuild { into, yes } => rebuild(&*store, &into.unwrap_or_else(Table::rows), yes).await,
        }
    }
}

async fn verify(store: &dyn Store, first: usize) -> Done {
    let bar = bar();
    let progress = |read, all| {
        bar.set_length(all);
        bar.set_position(read);
    };
    let checked = store.verify_ledger(first, &progress).await;
    bar.finish_and_clear();
    let LedgerCheck { lines, rows, faults, first } = checked?;
    for fault in &first {
        let line = fault.line.map_or("row".to_owned(), |id| format!("line {id}"));
        println!("{} at {}, {line}: {}", fault.sku, fault.location, fault.what);
    }
    if faults > first.len() as u64 {
        println!("… and {} more", faults - first.len() as u64);
    }
    println!("{lines} ledger lines and {rows} rows checked: {faults} differences");
    Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn rebuild(store: &dyn Store, into: &Table, yes: bool) -> Done {
    if into.is_rows() && !yes && !agreed()? {
        return Err(
            "nothing was done; --yes rebuilds inventory_items without asking, --into NAME writes another table".into(),
        );
    }
    match store.rebuild_rows(into).await? {
        Rebuilt::NotEmpty(rows) if into.is_rows() => {
            Err(format!("it has {rows} rows; move them away or use --into NAME").into())
        }
        Rebuilt::NotEmpty(rows) => Err(format!("{into} has {rows} rows; name another table, or drop it first").into()),
        Rebuilt::Done { rows, .. } if into.is_rows() => {
            println!("{rows} rows rebuilt from the ledger into {into}; `onhand ledger verify` checks them");
            Ok(ExitCode::SUCCESS)
        }
        Rebuilt::Done { rows, differences } => {
            println!(
                "{rows} rows rebuilt from the ledger into {into}, compared with inventory_items: {differences} differences"
            );
            Ok(if differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// Asks only if somebody can answer.
fn agreed() -> std::io::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    eprint!("rebuild inventory_items from the ledger? Every origin must be stopped. [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} lines {per_sec} {eta}").expect("a valid template");
    let bar = ProgressBar::new(0).with_style(style);
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}
