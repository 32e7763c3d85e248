//! `onhand rule push`, `rollback` and `list --origin`: what is asked of an origin.

use std::{error::Error, path::Path, process::ExitCode, time::Duration};

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use onhand_author::ChosenStage;
use onhand_rules::Config;
use onhand_wire::{
    release::{Manifest, Release, Released, Stage},
    request::RollBack,
};
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Done,
    show::{self, size},
};
use crate::command::at::At;

/// For a whole call: it sends megabytes, and the origin compiles them before it answers.
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(clap::Args)]
pub(crate) struct StageArgs {
    /// full: the release answers every call. shadow: it runs beside the release in use, and its answers are only
    /// compared. canary: it answers its share of the calls [default: full; for NAME.next.wasm, the stage in
    /// NAME.next.toml]
    #[arg(long, value_parser = stage)]
    stage: Option<Stage>,
    /// How many percent of the calls a canary answers, to two decimal places
    #[arg(long, value_name = "PERCENT", requires = "stage")]
    share: Option<f64>,
}

fn stage(text: &str) -> Result<Stage, String> {
    serde_json::from_value(text.into()).map_err(|_| "full, shadow or canary".to_owned())
}

/// A rule as an origin has it: its manifest, whether this push changed it, and whether nodes have been told.
#[derive(Deserialize)]
struct RuleAtOrigin {
    #[serde(flatten)]
    manifest: Manifest,
    #[serde(default)]
    new: bool,
    #[serde(default)]
    announced: bool,
}

/// What a rollback would put in force.
#[derive(Deserialize)]
struct RollBackPlan {
    seq: u64,
    mark: u64,
    full: Option<Released>,
    next: Option<Released>,
}

#[derive(Deserialize)]
struct RulesPage {
    items: Vec<RuleAtOrigin>,
    next_cursor: Option<String>,
}

impl StageArgs {
    pub(super) fn staged(&self) -> Option<ChosenStage> {
        self.stage.map(|stage| ChosenStage { stage, share: self.share })
    }
}

impl At {
    /// A write with an idempotency key: if its answer is lost, making it again changes nothing more.
    fn write(&self, path: &str) -> Result<RequestBuilder, String> {
        Ok(self.call(Method::POST, path)?.header("idempotency-key", uuid::Uuid::new_v4().to_string()))
    }

    async fn answer<T: serde::de::DeserializeOwned>(&self, call: RequestBuilder) -> Result<T, String> {
        let answer = call.timeout(PATIENCE).send().await.map_err(|error| {
            let error = error.without_url();
            format!("{}: {error}; is the origin running? --origin names another", self.origin)
        })?;
        let status = answer.status();
        let body: Value = answer.json().await.map_err(|error| format!("{}: {}", self.origin, error.without_url()))?;
        if !status.is_success() {
            let (detail, id) = (body["detail"].as_str().unwrap_or("no detail"), &body["correlation_id"]);
            return Err(format!("{status}: {detail} (correlation id {})", id.as_str().unwrap_or("unknown")));
        }
        serde_json::from_value(body)
            .map_err(|error| format!("{}: its answer is not one that this version knows: {error}", self.origin))
    }

    /// Pushes one component after the other, and stops at the first that the origin refuses.
    pub(super) async fn push(
        &self,
        files: &[impl AsRef<Path>],
        key: Option<&Path>,
        stage: &StageArgs,
        config: &Config,
    ) -> Done {
        for file in files {
            if let Some(key) = key {
                show::signed(&onhand_author::sign(file.as_ref(), key, stage.staged(), None, config)?);
            }
            let (rule, push) = onhand_author::release(file.as_ref(), config, stage.staged())?;
            let call = self.write(&format!("/inventory/rules/{rule}/releases"))?.json(&push);
            let rule_now: RuleAtOrigin =
                self.answer(call).await.map_err(|error| format!("{}: {error}", file.as_ref().display()))?;
            println!(
                "{rule}: {}",
                if rule_now.new {
                    "stored, and every node is told: it is in use once they have compiled it"
                } else {
                    "nothing to do; it is in force already"
                }
            );
            in_force(&rule_now.manifest);
        }
        Ok(ExitCode::SUCCESS)
    }

    pub(super) async fn roll_back(&self, rule: &str, key: Option<&Path>, config: &Config) -> Done {
        let rule_path = percent_encoding::utf8_percent_encode(rule, percent_encoding::NON_ALPHANUMERIC);
        let path = format!("/inventory/rules/{rule_path}/rollback");
        let signed = match key {
            Some(key) => self.signed_roll_back(rule, &path, key, config).await?,
            None => RollBack::default(),
        };
        let call = self.write(&path)?.json(&signed);
        let rule_now: RuleAtOrigin = self.answer(call).await?;
        println!("{rule}: rolled back; every node is told");
        in_force(&rule_now.manifest);
        Ok(ExitCode::SUCCESS)
    }

    /// The releases that a rollback puts in force, each signed once more.
    async fn signed_roll_back(
        &self,
        rule: &str,
        path: &str,
        key: &Path,
        config: &Config,
    ) -> Result<RollBack, Box<dyn Error>> {
        let RollBackPlan { seq, mark, full, next } = self.answer(self.call(Method::GET, path)?).await?;
        let sequence = onhand_author::sequence_above(mark)?;
        let mut signed = RollBack { seq: Some(seq), ..RollBack::default() };
        if full.is_none() && next.is_none() {
            signed.withdrawal = Some(onhand_author::sign_withdrawal(rule, sequence, key)?);
        }
        if let Some(full) = full {
            let release = self.release(&full).await?;
            signed.full = Some(onhand_author::sign_again(rule, false, &release, sequence, key, config)?);
        }
        // Its sequence is above the full release's, because a later full release would end it.
        if let Some(next) = next {
            let release = self.release(&next).await?;
            signed.next = Some(onhand_author::sign_again(rule, true, &release, sequence + 1, key, config)?);
        }
        Ok(signed)
    }

    async fn release(&self, released: &Released) -> Result<Release, String> {
        let path = format!("/internal/api/rules/releases/{}", released.digest);
        self.answer(self.call(Method::GET, &path)?).await
    }

    pub(super) async fn list(&self) -> Done {
        let mut table = Table::new();
        table.load_preset(ASCII_MARKDOWN);
        table.set_header([
            "rule",
            "stage",
            "world",
            "size",
            "sha256",
            "release",
            "since",
            "by",
            "announced",
            "sequence",
        ]);
        let mut path = "/inventory/rules?limit=500".to_owned();
        loop {
            let page: RulesPage = self.answer(self.call(Method::GET, &path)?).await?;
            page.items.iter().for_each(|rule| rows(&mut table, rule));
            let Some(cursor) = page.next_cursor else { break };
            path = format!("/inventory/rules?limit=500&cursor={cursor}");
        }
        println!("{table}");
        println!(
            "without a sequence: unsigned, or signed in the form that covered the component only; nodes that want signatures \
             use it once it is signed and pushed again"
        );
        Ok(ExitCode::SUCCESS)
    }
}

fn parts(manifest: &Manifest) -> impl Iterator<Item = &Released> {
    manifest.full.iter().chain(&manifest.next)
}

fn staged(released: &Released) -> String {
    let share = released.share.map_or(String::new(), |share| format!(" {share} %"));
    format!("{}{share}", released.stage.as_str())
}

fn in_force(manifest: &Manifest) {
    if manifest.full.is_none() && manifest.next.is_none() {
        println!("  nothing is in force any more: the built-in behaviour");
    }
    if manifest.full.is_none() && manifest.next.as_ref().is_some_and(|next| next.stage == Stage::Shadow) {
        println!("  a shadow beside nothing is never asked: `--stage canary --share 10` is a first release's way in");
    }
    for released in parts(manifest) {
        println!("  {}: release {}, component {}", staged(released), released.digest, released.component);
    }
}

fn rows(table: &mut Table, RuleAtOrigin { manifest, announced, .. }: &RuleAtOrigin) {
    let (since, announced) = (manifest.at.to_string(), if *announced { "yes" } else { "not yet" });
    for released in parts(manifest) {
        let (stage, size) = (staged(released), size(released.bytes));
        let (component, release) = (short(&released.component), short(&released.digest));
        let sequence = released.sequence.map_or("none".to_owned(), show::sequence);
        let row = [
            manifest.rule.as_str(),
            &stage,
            &released.world,
            &size,
            component,
            release,
            &since,
            &manifest.actor,
            announced,
            &sequence,
        ];
        table.add_row(row);
    }
    if parts(manifest).next().is_none() {
        table.add_row([manifest.rule.as_str(), "none", "", "", "", "", &since, &manifest.actor, announced, ""]);
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
