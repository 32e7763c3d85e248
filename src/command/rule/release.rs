//! `onhand rule push`, `rollback` and `list --origin`: the calls to an origin.

use std::{error::Error, path::Path, process::ExitCode};

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use onhand_author::ChosenStage;
use onhand_client::{Client, RollBackPlan, RuleAtOrigin};
use onhand_rules::Config;
use onhand_wire::{
    release::{Manifest, Released, Stage},
    request::RollBack,
};

use super::{
    Done,
    show::{self, size},
};
use crate::command::at::At;

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

impl StageArgs {
    pub(super) fn staged(&self) -> Option<ChosenStage> {
        self.stage.map(|stage| ChosenStage { stage, share: self.share })
    }
}

impl At {
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
            let pushed = self.client()?.push(&rule, &push).await;
            let rule_now = pushed.map_err(|error| format!("{}: {error}", file.as_ref().display()))?.value;
            println!(
                "{rule}: {}",
                if rule_now.new {
                    "stored, and announced to every node: it is in use once they have compiled it"
                } else {
                    "nothing to do: it is in force already"
                }
            );
            in_force(&rule_now.manifest);
        }
        Ok(ExitCode::SUCCESS)
    }

    pub(super) async fn roll_back(&self, rule: &str, key: Option<&Path>, config: &Config) -> Done {
        let origin = self.client()?;
        let signed = match key {
            Some(key) => signed_roll_back(&origin, rule, key, config).await?,
            None => RollBack::default(),
        };
        let rule_now = origin.roll_back(rule, &signed).await?.value;
        println!("{rule}: rolled back, and announced to every node");
        in_force(&rule_now.manifest);
        Ok(ExitCode::SUCCESS)
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
        self.client()?.rules().items(usize::MAX).await?.iter().for_each(|rule| rows(&mut table, rule));
        println!("{table}");
        println!(
            "without a sequence: unsigned, or signed in the form that covered the component only; nodes that want signatures \
             use it once it is signed and pushed again"
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// The releases that a rollback puts in force, each signed once more.
async fn signed_roll_back(
    origin: &Client,
    rule: &str,
    key: &Path,
    config: &Config,
) -> Result<RollBack, Box<dyn Error>> {
    let RollBackPlan { seq, mark, full, next, .. } = origin.roll_back_plan(rule).await?.value;
    let sequence = onhand_author::sequence_above(mark)?;
    let mut signed = RollBack { seq: Some(seq), ..RollBack::default() };
    if full.is_none() && next.is_none() {
        signed.withdrawal = Some(onhand_author::sign_withdrawal(rule, sequence, key)?);
    }
    if let Some(full) = full {
        let release = origin.release(&full.digest).await?.value;
        signed.full = Some(onhand_author::sign_again(rule, false, &release, sequence, key, config)?);
    }
    // Its sequence is above the full release's, because a later full release would end it.
    if let Some(next) = next {
        let release = origin.release(&next.digest).await?.value;
        signed.next = Some(onhand_author::sign_again(rule, true, &release, sequence + 1, key, config)?);
    }
    Ok(signed)
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
        println!("  nothing is in force any more; the built-in behaviour answers");
    }
    if manifest.full.is_none() && manifest.next.as_ref().is_some_and(|next| next.stage == Stage::Shadow) {
        println!(
            "  a shadow is never asked while no full release is in force: push a first release with `--stage canary --share 10`"
        );
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
