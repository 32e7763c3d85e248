//! A rule's folder, as its rule.toml describes it.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use onhand_rules::World;
use serde::Deserialize;

use crate::{
    create::check_name,
    error::{At, AuthorError},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    Rust,
    Js,
    Python,
    C,
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Python => "python",
            Self::C => "c",
        })
    }
}

impl FromStr for Lang {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "rust" => Self::Rust,
            "js" => Self::Js,
            "python" => Self::Python,
            "c" => Self::C,
            _ => return Err("rust, js, python or c".to_owned()),
        })
    }
}

/// `rule.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    world: World,
    lang: Lang,
    /// Folders, relative to the project's.
    #[serde(default = "wit")]
    wit: PathBuf,
    #[serde(default = "fixtures")]
    fixtures: PathBuf,
}

fn wit() -> PathBuf {
    "wit/rules/since-v0.1".into()
}

fn fixtures() -> PathBuf {
    "fixtures".into()
}

#[derive(Debug)]
pub struct Project {
    pub dir: PathBuf,
    pub name: String,
    pub world: World,
    pub lang: Lang,
    pub wit: PathBuf,
    pub fixtures: PathBuf,
}

impl Project {
    /// The project of a folder.
    ///
    /// # Errors
    /// If there is no rule.toml, or it can't be read.
    pub fn open(dir: &Path) -> Result<Self, AuthorError> {
        let file = dir.join("rule.toml");
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(AuthorError::NoProject(dir.to_owned()));
            }
            read => read.at(&file)?,
        };
        let manifest: Manifest = toml::from_str(&text)
            .map_err(|error| AuthorError::Invalid { file, fault: error.to_string().trim_end().to_owned() })?;
        let dir = dir.canonicalize().at(dir)?;
        check_name(&manifest.name)?;
        // Building deletes and writes in `build/`.
        if manifest.fixtures.starts_with("build") {
            let fault = "fixtures: must not be in `build`, which is rebuilt".to_owned();
            return Err(AuthorError::Invalid { file: dir.join("rule.toml"), fault });
        }
        Ok(Self {
            name: manifest.name,
            world: manifest.world,
            lang: manifest.lang,
            wit: dir.join(manifest.wit),
            fixtures: dir.join(manifest.fixtures),
            dir,
        })
    }

    /// Where the component is built, with its settings beside it: a folder for `rules.dir`.
    pub fn built(&self) -> PathBuf {
        self.dir.join("build")
    }

    pub fn component(&self) -> PathBuf {
        self.built().join(format!("{}.wasm", self.name))
    }
}
