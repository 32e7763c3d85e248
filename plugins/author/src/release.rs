//! `onhand rule push`: a component with the files beside it, as an origin accepts them.

use std::path::Path;

use onhand_rules::{Config, claimed, read_release};
use onhand_wire::{
    release::{Release, Stage},
    request::Push,
};

use crate::error::AuthorError;

/// The stage that the author chose, if the release's settings name none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChosenStage {
    pub stage: Stage,
    /// The share of a canary, in percent.
    pub share: Option<f64>,
}

/// The rule's name, and the release for a push. `NAME.next.wasm` runs beside `NAME.wasm`, and so does any release whose
/// stage is shadow or canary. If no stage was chosen, it is the one that was signed.
///
/// # Errors
/// If a file can't be read, is too large, or names another stage than the chosen one.
pub fn release(file: &Path, config: &Config, staged: Option<ChosenStage>) -> Result<(String, Push), AuthorError> {
    let (name, next, release) = match (staged, read(file, config, staged)?) {
        (None, (_, false, release)) => read(file, config, signed_for(&release))?,
        (_, read) => read,
    };
    Ok((name, Push::of(release, next)))
}

fn signed_for(release: &Release) -> Option<ChosenStage> {
    let signed = release.signature.as_deref().and_then(claimed)?;
    Some(ChosenStage { stage: signed.stage, share: signed.share })
}

/// The rule's name, whether it runs beside another release, and the release with its stage in its settings.
pub(crate) fn read(
    file: &Path,
    config: &Config,
    staged: Option<ChosenStage>,
) -> Result<(String, bool, Release), AuthorError> {
    if !file.exists() {
        return Err(AuthorError::NotBuilt(file.to_owned()));
    }
    let invalid = |fault: String| AuthorError::Invalid { file: file.to_owned(), fault };
    let (name, next, mut release) = read_release(config, file).map_err(|error| invalid(error.fault.to_string()))?;
    let Some(staged) = staged else { return Ok((name, next, release)) };
    stage(&mut release, staged).map_err(invalid)?;
    Ok((name, staged.stage != Stage::Full, release))
}

/// Writes the stage at the start of the settings, before any section begins.
fn stage(release: &mut Release, ChosenStage { stage, share }: ChosenStage) -> Result<(), String> {
    let settings: toml::Table = toml::from_str(&release.settings).map_err(|error| error.to_string())?;
    if ["stage", "share"].iter().any(|key| settings.contains_key(*key)) {
        return Err("its settings already have a `stage` or a `share`; omit --stage, or remove them".to_owned());
    }
    if stage != Stage::Full {
        let share = share.map_or(String::new(), |share| format!("share = {share:?}\n"));
        release.settings = format!("stage = {:?}\n{share}{}", stage.as_str(), release.settings);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staged(settings: &str, stage: Stage, share: Option<f64>) -> Result<String, String> {
        let mut release = Release { settings: settings.to_owned(), ..Release::default() };
        super::stage(&mut release, ChosenStage { stage, share }).map(|()| release.settings)
    }

    #[test]
    fn a_stage_goes_in_front_and_never_beside_another() {
        let settings = "[config]\na = \"1\"\n";
        let canary = staged(settings, Stage::Canary, Some(10.0)).unwrap();
        assert_eq!(canary, "stage = \"canary\"\nshare = 10.0\n[config]\na = \"1\"\n");
        assert_eq!(staged(settings, Stage::Full, None).as_deref(), Ok(settings));
        assert!(staged("stage = \"shadow\"\n", Stage::Full, None).unwrap_err().contains("omit --stage"));
    }
}
