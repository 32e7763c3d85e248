//! `onhand console`: pages for people.

use std::{error::Error, net::SocketAddr, process::ExitCode};

use onhand_client::{Client, Role};
use onhand_console::{Config, Console};
use onhand_http::{auth::Issuer, setting::SecretUrl};

use super::{
    Done, Global, Needs,
    at::{At, url},
    shutdown,
};

/// Run the console: pages for shoppers, admins and operators, at console.listen
///
/// It calls origins and edges (console.origins, console.edges and their management listeners) in the name of whoever
/// is signed in, with tokens of five minutes that it signs by console.key_file. Make that key with `onhand token
/// keygen`, and name its public half at edges and origins as an issuer of its own (auth.issuers, greatest = "admin"),
/// with console.issuer as its name. Users are kept in the origin's database; `onhand console invite` makes the first one.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Make a link by which one person registers with a role; it is shown once
    Invite {
        /// shopper, fulfilment, operator or admin
        #[arg(long)]
        role: Role,
        /// The console's address, as browsers reach it
        #[arg(long, value_name = "URL", value_parser = url, default_value = "http://127.0.0.1:8082")]
        console: SecretUrl,
        /// How long the link is good, in seconds: 60 to 604800
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(u32).range(60..=604_800))]
        ttl_s: u32,
        #[command(flatten)]
        at: At,
    },
}

pub(super) async fn run(args: Args, global: &Global) -> Done {
    match args.what {
        Some(What::Invite { role, console, ttl_s, at }) => {
            println!("{}", link(&at.client()?, role, ttl_s, console.expose()).await?);
            Ok(ExitCode::SUCCESS)
        }
        None => serve(global.start()?.0.console()).await,
    }
}

async fn link(origin: &Client, role: Role, ttl_s: u32, console: &str) -> Result<String, onhand_client::Error> {
    let invitation = origin.invite(role, Some(ttl_s)).await?.value;
    Ok(format!("{}/register?invitation={}", console.trim_end_matches('/'), invitation.token))
}

/// For `onhand dev`: the link of the first admin, if nobody has registered yet.
pub(super) async fn first_invitation(
    api: SocketAddr,
    admin: &str,
    console: &str,
) -> Result<Option<String>, Box<dyn Error>> {
    let origin = Client::builder().url(&format!("http://{api}")).token(admin).build()?;
    if !origin.users().limit(1).await?.value.items.is_empty() {
        return Ok(None);
    }
    Ok(Some(link(&origin, Role::Admin, 86_400, console).await?))
}

fn issuer(config: &Config) -> Result<Issuer, String> {
    let file = &config.key_file;
    let pem = std::fs::read(file)
        .map_err(|error| format!("console.key_file: {file}: {error}; `onhand token keygen` makes a key"))?;
    let issuer = Issuer::from_pem(&pem).map_err(|error| format!("console.key_file: {file}: {error}"))?;
    let named = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let issuer = issuer.with_kid(named(&config.kid)).with_name(named(&config.issuer));
    Ok(issuer.with_audience(named(&config.audience)))
}

const NO_ISSUER: &str = "name the console as auth.issuers at edges and origins does, such as \"console\"; otherwise \
    somebody may register the name that another token has as its subject";

async fn serve(config: Config) -> Done {
    let seal = config.seal_key.expose();
    Needs::default()
        .set(
            "console.key_file",
            &config.key_file,
            "name the private key that signs people's tokens; `onhand token keygen` makes one",
        )
        .set(
            "console.seal_key",
            seal,
            "set 32 random characters or more, the same at every console, best as ONHAND_CONSOLE__SEAL_KEY",
        )
        .set("console.issuer", &config.issuer, NO_ISSUER)
        .met()?;
    let scheme = config.http.tls.scheme();
    let issuer = issuer(&config)?;
    let console = Console::bind(config, issuer).await?;
    let requested = shutdown::requested();
    println!("console {scheme}://{}", console.address());
    println!("ready: the console serves");
    console.serve(requested).await;
    Ok(ExitCode::SUCCESS)
}

/// For `onhand check --offline`: whether a start would have its keys.
pub(super) fn readable(config: &Config) -> Result<String, String> {
    if config.seal_key.is_empty() {
        return Err("console.seal_key is not set: 32 random characters or more, the same at every console".to_owned());
    }
    if config.issuer.is_empty() {
        return Err(format!("console.issuer is not set: {NO_ISSUER}"));
    }
    issuer(config).map(|_| "its keys are there".to_owned())
}

/// For `onhand check`: an origin accepts what the key signs, too.
pub(super) async fn probe(config: &Config) -> Result<String, String> {
    readable(config)?;
    onhand_console::probe(config, issuer(config)?).await
}
