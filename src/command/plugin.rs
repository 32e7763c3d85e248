//! `onhand plugin`: for whoever writes rules.

mod release;
mod show;

use std::path::PathBuf;

use clap::Subcommand;
use onhand_author::{Lang, Project};
use onhand_rules::{Config, World};

use self::release::StageArgs;
use onhand_wire::setting::SecretUrl;

use super::{
    Done,
    at::{self, At},
};

#[derive(Subcommand)]
pub(crate) enum Plugin {
    /// Write a new rule: a small complete project that builds and passes its tests
    ///
    /// Goes on with `cd NAME`, `onhand plugin build`, `onhand plugin test`; NAME/README.md tells what else.
    New {
        /// The rule's name, and the folder's: a-z 0-9 and -
        name: String,
        /// view: what a channel sees · allocation: which locations serve · ranking: in which order they do ·
        /// pricing: what a quote's lines cost
        #[arg(long, value_parser = world)]
        world: World,
        /// rust, js, python or c
        #[arg(long, default_value = "rust")]
        lang: Lang,
    },
    /// Build the rule of this folder into build/NAME.wasm, and tell its size against the limit
    Build {
        #[command(flatten)]
        project: Dir,
    },
    /// Play the rule's fixtures in the sandbox that edge and origin use
    ///
    /// Shows each fixture's time, memory and fuel against the limits of the configuration ([rules], or what the
    /// rule's NAME.toml asks for), and where an answer differs. Exit code 1 when a fixture fails.
    Test {
        #[command(flatten)]
        project: Dir,
        /// Write the answers that came into the fixtures, where they differ; read them before you keep them
        #[arg(long)]
        bless: bool,
    },
    /// Play one captured call again, and compare the answers byte for byte
    ///
    /// Captures are what nodes keep in `rules.samples_dir`. Exit code 1 when the answers differ.
    Replay {
        /// The capture
        file: PathBuf,
        /// The component to play it on [default: the one that this folder has built]
        #[arg(long, value_name = "NAME.wasm")]
        component: Option<PathBuf>,
        #[command(flatten)]
        project: Dir,
    },
    /// Sign a release, as nodes with `rules.trusted_keys` want it
    ///
    /// Covers all that decides what it does: the component, the settings of NAME.toml (channels, config, limits, what a
    /// failure does), the fixtures, and the stage. Whatever of it changes after this is refused until it is signed again,
    /// so sign after the last change, once for each stage: `--stage canary --share 10`, then without for all calls.
    ///
    /// The signature has a sequence, which is the time in milliseconds. Nodes and origins keep the greatest that a rule has
    /// had, and refuse what was signed before it: to go back, sign the older release again (`onhand plugin rollback NAME
    /// --key FILE` does, of one that was pushed). This needs no network, but a right clock.
    ///
    /// Writes NAME.wasm.sig beside the component. `onhand token keygen` makes the keys; use others than those of the tokens.
    Sign {
        /// The private key in PEM
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The component [default: the one that this folder has built]
        #[arg(long, value_name = "NAME.wasm")]
        component: Option<PathBuf>,
        #[command(flatten)]
        stage: StageArgs,
        /// Above every one that the rule has had [default: the time, in milliseconds since 1970]
        #[arg(long, value_name = "NUMBER")]
        sequence: Option<u64>,
        #[command(flatten)]
        project: Dir,
    },
    /// Release rules: an origin checks them, stores them, and tells every edge and origin
    ///
    /// Sends each component with what stands beside it, as `onhand plugin build` leaves it: NAME.toml (settings),
    /// NAME.wasm.sig (`onhand plugin sign`) and NAME.fixtures/. The origin asks of it what every node will ask:
    /// signature, sizes, compilation, world and fixtures; what it refuses is stored nowhere. A signature is good for one stage
    /// and only once in the rule's order: what is older than the newest of the rule is refused. Nodes fetch it and
    /// swap it in within seconds; GET /actuator/rules on a node's management port shows it. Pushed again it
    /// changes nothing.
    ///
    /// From a shadow by a canary to all: `onhand plugin push --key FILE --stage shadow`, `--stage canary --share 10`, then
    /// `--stage full`, which also ends what runs beside. Back: `onhand plugin rollback NAME --key FILE`.
    Push {
        /// The components [default: the one that this folder has built]
        #[arg(value_name = "NAME.wasm")]
        components: Vec<PathBuf>,
        /// Sign each first, with this private key in PEM, for the stage that is asked for (`onhand plugin sign`)
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        #[command(flatten)]
        stage: StageArgs,
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        project: Dir,
    },
    /// Bring the release before back: as the rule was before its last push
    ///
    /// Ends a canary or a shadow, or puts the full release before in force again; nodes still have that one compiled.
    /// Called again, it goes back one push more. Before the first push there is nothing: the
    /// built-in behaviour. `onhand plugin list --origin URL` shows what is in force.
    ///
    /// Where releases must be signed, going back must be, too, or an old release could be played again: `--key` signs what
    /// comes back once more, with a new sequence. It must be signed by that key, or one of `rules.trusted_keys`, already.
    Rollback {
        /// The rule
        name: String,
        /// The private key in PEM that signs what comes back; not needed where nodes take what is unsigned
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        #[command(flatten)]
        at: At,
    },
    /// List the components of a folder as a node would load them, or what was pushed to an origin
    List {
        /// The folder [default: rules.dir of the configuration]
        #[arg(long, value_name = "DIR", conflicts_with = "origin")]
        rules: Option<String>,
        /// An origin's API: what was pushed, by whom and when, and whether nodes have been told
        #[arg(long, value_name = "URL", value_parser = at::url)]
        origin: Option<SecretUrl>,
        /// An operator token for it
        #[arg(long, value_name = "TOKEN", env = "ONHAND_TOKEN_ADMIN", hide_env_values = true)]
        token: Option<String>,
    },
}

#[derive(clap::Args)]
pub(crate) struct Dir {
    /// The rule's folder
    #[arg(long = "dir", value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

fn world(text: &str) -> Result<World, String> {
    serde_json::from_value(text.into()).map_err(|_| "view, allocation, ranking or pricing".to_owned())
}

impl Plugin {
    pub(super) async fn run(self, rules: Config) -> Done {
        match self {
            Self::New { name, world, lang } => {
                let dir = onhand_author::create(".".as_ref(), &name, world, lang)?;
                Ok(show::created(&dir))
            }
            Self::Build { project } => Ok(show::built(&onhand_author::build(&project.open()?, &rules)?)),
            Self::Test { project, bless } => Ok(show::tests(&onhand_author::test(&project.open()?, &rules, bless)?)),
            Self::Replay { file, component, project } => {
                let component = project.component(component)?;
                Ok(show::replayed(&onhand_author::replay(&file, &component, &rules)?))
            }
            Self::Sign { key, component, stage, sequence, project } => {
                let component = project.component(component)?;
                Ok(show::signed(&onhand_author::sign(&component, &key, stage.staged(), sequence, &rules)?))
            }
            Self::Push { components, key, stage, at, project } => {
                let components = if components.is_empty() { vec![project.component(None)?] } else { components };
                at.push(&components, key.as_deref(), &stage, &rules).await
            }
            Self::Rollback { name, key, at } => at.roll_back(&name, key.as_deref(), &rules).await,
            Self::List { origin: Some(origin), token, .. } => At::new(origin, token.unwrap_or_default()).list().await,
            Self::List { rules: dir, .. } => {
                let config = Config { dir: dir.unwrap_or_else(|| rules.dir.clone()), ..rules };
                if config.dir.is_empty() {
                    return Err("rules.dir is not set; name the folder with --rules".into());
                }
                Ok(show::listed(&onhand_author::list(&config)?))
            }
        }
    }
}

impl Dir {
    /// The one that is named, or the project's own.
    fn component(&self, named: Option<PathBuf>) -> Result<PathBuf, onhand_author::AuthorError> {
        named.map_or_else(|| self.open().map(|project| project.component()), Ok)
    }

    fn open(&self) -> Result<Project, onhand_author::AuthorError> {
        Project::open(&self.dir)
    }
}
