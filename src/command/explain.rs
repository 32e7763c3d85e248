//! `onhand explain`: what each tier holds of a SKU, and which of them is wrong; or which rules decided
//! a reservation.

mod ask;
mod finding;
mod reservation;
mod show;

use std::{io::IsTerminal, process::ExitCode};

use onhand_http::setting::SecretUrl;
use onhand_wire::Sku;
use serde::Serialize;
use uuid::Uuid;

use super::{Done, at};
use crate::config::Config;
use ask::{Asked, Edge, Origin};
use finding::{Finding, Grade};

/// Tell what each edge's L1 and recent changes, the regions' L2 and the origin hold of a SKU, and judge it
///
/// Edges are asked first, on their management listeners, then the origin: whatever a tier holds must then be what
/// the origin has, or an older version that the edge's as-of does not rule out (behind: it lags), or it is wrong.
/// Shown are versions, what each channel sees and which rule changed that, and the last lines of the ledger.
/// Ends with exit code 1 when a tier is wrong or cannot be reached.
///
/// With --reservation instead of a SKU: the rules that were asked where its units come from, and what each said.
///
/// Examples:
///   onhand explain 22423
///   onhand explain "DOTCOM POST/A" --edges http://edge-1:8081,http://edge-2:8081 --origin http://origin-1:8090
///   onhand explain 22423 --json | jq '.findings[] | select(.grade == "wrong")'
///   onhand explain --reservation 0193a1b2-7c4d-7e8f-9a0b-1c2d3e4f5a6b --json | jq '.calls[0]' > call.json
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// As callers spell it; with quotes where the shell needs them
    #[arg(required_unless_present = "reservation", conflicts_with = "reservation")]
    sku: Option<Sku>,
    /// A reservation's id: the rules that decided it, as the origin kept them
    #[arg(long, value_name = "ID")]
    reservation: Option<Uuid>,
    /// Management addresses of the edges, with commas [default: edge.management of the configuration]
    #[arg(long, value_name = "URL,…", value_delimiter = ',', value_parser = at::url)]
    edges: Vec<SecretUrl>,
    /// The origin's API [default: the first of edge.origin.urls of the configuration]
    #[arg(long, value_name = "URL", value_parser = at::url)]
    origin: Option<SecretUrl>,
    /// A token of scope operator [default: edge.origin.token of the configuration, which does if it has that scope]
    #[arg(long, value_name = "TOKEN", env = "ONHAND_TOKEN_OPERATOR", hide_env_values = true)]
    token: Option<String>,
    /// Lines of the ledger, newest first
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=500))]
    lines: u16,
    /// One JSON object: findings, edges, origin
    #[arg(long)]
    json: bool,
}

/// All of it, as `--json` prints it.
#[derive(Serialize)]
struct Report {
    sku: Sku,
    /// The gravest of the findings' grades; `right` without any.
    verdict: Grade,
    findings: Vec<Finding>,
    edges: Vec<Edge>,
    origin: Origin,
}

pub(super) async fn run(args: Args, config: Config) -> Done {
    let Args { sku, reservation, edges, origin, token, lines, json } = args;
    let edges = if edges.is_empty() { vec![SecretUrl::new(config.edge.management.clone())] } else { edges };
    let token = token.unwrap_or_else(|| config.edge.origin.token.expose().to_owned());
    if token.is_empty() {
        let said = "--token: none is given, and edge.origin.token is not set; a token of scope operator is needed \
                    (`onhand token issue --scope operator …`, or ONHAND_TOKEN_OPERATOR)";
        return Err(said.into());
    }
    let Some(origin) = origin.or_else(|| config.edge.origin.urls.first().cloned()) else {
        return Err("--origin: none is given, and edge.origin.urls is empty".into());
    };
    let tls = &config.http.client;
    if let Some(id) = reservation {
        let trace = reservation::trace(id, &origin, &token, tls).await?;
        if json {
            println!("{}", serde_json::to_string_pretty(&trace)?);
        } else {
            print!("{}", reservation::report(&trace, std::io::stdout().is_terminal()));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let Some(sku) = sku else { return Err("SKU: none is given".into()) };
    let Asked { edges, origin } = ask::all(&sku, &edges, &origin, &token, tls, lines).await?;
    let findings = finding::all(&edges, &origin.facts);
    let verdict = findings.iter().map(|finding| finding.grade).max().unwrap_or(Grade::Right);
    let failed = verdict == Grade::Wrong || edges.iter().any(|edge| edge.explained.is_none());
    let report = Report { sku, verdict, findings, edges, origin };
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", show::report(&report, std::io::stdout().is_terminal()));
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
