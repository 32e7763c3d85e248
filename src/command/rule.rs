//! `onhand rule`: what an author of rules does, from a new project to a release.

mod release;
mod show;

use std::path::PathBuf;

use clap::Subcommand;
use onhand_author::{Lang, Project};
use onhand_rules::{Config, World};

use onhand_http::setting::SecretUrl;

use self::release::StageArgs;
use super::{
    Done,
    at::{self, At},
};
use crate::tls::Tls;

#[derive(Subcommand)]
pub(crate) enum Rule {
    /// Write a new rule: a small, complete project that builds and passes its tests
    ///
    /// The project is a new folder, NAME, with the rule's source, two fixtures, its settings and a README. Next:
    /// `cd NAME`, `onhand rule build`, `onhand rule test`. NAME/README.md explains the rest.
    New {
        /// The rule's name, which is also the folder's: a-z 0-9 and -
        name: String,
        /// What the rule decides: view (what a channel shows), allocation (which locations serve a reservation), ranking
        /// (in which order they serve), pricing (what a quote's lines cost)
        #[arg(long, value_parser = world)]
        world: World,
        /// The language to write it in: rust, js, python or c
        #[arg(long, default_value = "rust")]
        lang: Lang,
    },
    /// Build the rule of this folder into build/NAME.wasm, and print its size beside the limit
    ///
    /// Copies NAME.toml and the fixtures into build/ too, so that build/ holds all that a release needs. A signature of
    /// the build before is removed, because it would not fit this one. If a compiler is missing, the message says how to
    /// install it.
    Build {
        #[command(flatten)]
        project: Dir,
    },
    /// Run the rule's fixtures in the sandbox that edge and origin use
    ///
    /// Each file in fixtures/ is one call: its settings, its input, and the answer that it must get. The table shows each
    /// call's time, memory and fuel (instructions) beside the limits of your configuration ([rules], or what NAME.toml
    /// asks for). Where an answer differs, the difference is printed. Exit code 1 if a fixture fails.
    Test {
        #[command(flatten)]
        project: Dir,
        /// Write the rule's answers into the fixtures where they differ; read them before you keep them
        #[arg(long)]
        bless: bool,
    },
    /// Replay one captured call, and compare the answers byte for byte
    ///
    /// Nodes keep failed calls as files in `rules.samples_dir`; each element of `calls` in a reservation's trace is
    /// such a capture too. Exit code 1 if the answers differ.
    Replay {
        /// The capture
        file: PathBuf,
        /// The component to replay it with [default: the one that this folder has built]
        #[arg(long, value_name = "NAME.wasm")]
        component: Option<PathBuf>,
        #[command(flatten)]
        project: Dir,
    },
    /// Sign a release, for nodes that use only what a key of their `rules.trusted_keys` has signed
    ///
    /// Writes NAME.wasm.sig beside the component. `onhand token keygen` makes a pair of keys; do not use the pair that
    /// signs tokens.
    ///
    /// The signature covers everything that decides what the release does: the component, the settings of NAME.toml
    /// (channels, config, limits, what happens on a failure), the fixtures, and the stage. Nodes refuse a release in
    /// which any of these changed afterwards, so sign last, and sign once for each stage: first with `--stage canary
    /// --share 10`, then without `--stage` for all calls.
    ///
    /// Each signature carries a sequence number: the time in milliseconds. Nodes and origins remember the greatest that
    /// they have seen of a rule and refuse any release that was signed before it. To return to an older release, sign it
    /// again; for a pushed release, `onhand rule rollback NAME --key FILE` does that. Signing needs no network, only a
    /// clock that is right.
    Sign {
        /// The private key, a PEM file
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The component [default: the one that this folder has built]
        #[arg(long, value_name = "NAME.wasm")]
        component: Option<PathBuf>,
        #[command(flatten)]
        stage: StageArgs,
        /// The sequence number; must be above every one that the rule has had [default: the time, in milliseconds since
        /// 1970]
        #[arg(long, value_name = "NUMBER")]
        sequence: Option<u64>,
        #[command(flatten)]
        project: Dir,
    },
    /// Release rules: an origin checks them, stores them, and tells every edge and origin
    ///
    /// Sends each component with the files beside it, as `onhand rule build` leaves them: NAME.toml (settings),
    /// NAME.wasm.sig (signature) and NAME.fixtures/. The origin makes the checks that every node will make (signature,
    /// sizes, compilation, world, fixtures) and stores nothing that fails one. Nodes fetch the release and use it within
    /// seconds; GET /actuator/rules on a node's management port shows it. Pushing the same release again changes nothing.
    ///
    /// The careful way goes in three steps: `onhand rule push --key FILE --stage shadow`, then `--stage canary
    /// --share 10`, then `--stage full`, which also ends what runs beside. The way back is `onhand rule rollback NAME
    /// --key FILE`.
    Push {
        /// The components [default: the one that this folder has built]
        #[arg(value_name = "NAME.wasm")]
        components: Vec<PathBuf>,
        /// Sign each component first, for this stage, with this private key (a PEM file)
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        #[command(flatten)]
        stage: StageArgs,
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        project: Dir,
    },
    /// Undo the last push of a rule, and tell every edge and origin
    ///
    /// Ends a canary or a shadow, or puts the full release before in force again; nodes have kept that one compiled. Each
    /// call undoes one push more. Before the first push there was no rule, so the built-in behaviour returns. `onhand
    /// rule list --origin URL` shows what is in force.
    ///
    /// Where releases must be signed, the one that returns must be signed again, or anybody could bring back an old
    /// release: `--key` does that, with a new sequence number. It signs only a release that this key, or one of
    /// `rules.trusted_keys`, has signed before.
    Rollback {
        /// The rule
        name: String,
        /// The private key, a PEM file, that signs the release that returns; not needed where nodes use unsigned releases
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        #[command(flatten)]
        at: At,
    },
    /// List the components in a folder as a node would load them, or the rules that were pushed to an origin
    List {
        /// The folder [default: rules.dir of the configuration]
        #[arg(long, value_name = "DIR", conflicts_with = "origin")]
        rules: Option<String>,
        /// An origin's API: list what was pushed to it, by whom and when, and whether nodes have been told
        #[arg(long, value_name = "URL", value_parser = at::url)]
        origin: Option<SecretUrl>,
        /// A token of scope operator, for the origin
        #[arg(long, value_name = "TOKEN", env = "ONHAND_TOKEN_ADMIN", hide_env_values = true)]
        token: Option<String>,
        #[command(flatten)]
        tls: Tls,
    },
}

#[derive(clap::Args)]
pub(crate) struct Dir {
    /// The folder of the rule's project
    #[arg(long = "dir", value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

fn world(text: &str) -> Result<World, String> {
    serde_json::from_value(text.into()).map_err(|_| "view, allocation, ranking or pricing".to_owned())
}

impl Rule {
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
            Self::List { origin: Some(origin), token, tls, .. } => {
                At::new(origin, token.unwrap_or_default(), tls).list().await
            }
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
    /// The named component, or else the one that the project has built.
    fn component(&self, named: Option<PathBuf>) -> Result<PathBuf, onhand_author::AuthorError> {
        named.map_or_else(|| self.open().map(|project| project.component()), Ok)
    }

    fn open(&self) -> Result<Project, onhand_author::AuthorError> {
        Project::open(&self.dir)
    }
}
