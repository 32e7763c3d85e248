//! `onhand migrate`.

use std::process::ExitCode;

use super::{Done, Needs};
use crate::config::Config;

pub(super) async fn run(config: Config) -> Done {
    let database = config.origin.database;
    Needs::default()
        .set("origin.database.url", database.url.expose(), "name the database to migrate, or set DATABASE_URL")
        .met()?;
    let applied = onhand_origin::open_store(&database, None)?.migrate().await?;
    for migration in &applied {
        println!("applied {migration}");
    }
    println!("the schema is up to date ({} applied now)", applied.len());
    Ok(ExitCode::SUCCESS)
}
