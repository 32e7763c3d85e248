//! PostgreSQL: `initdb`, then `postgres`, as an unprivileged user, since it refuses root.

mod secure;

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
};

pub use self::secure::PASSWORD;
use crate::{
    Authority, Error, find,
    port::Port,
    process::{Process, Recipe},
    scratch::Scratch,
    spawn::{self, User},
};

/// A PostgreSQL server. Its data survives `kill` and `start`.
pub struct Postgres {
    process: Process,
    port: Port,
    home: PathBuf,
}

impl std::ops::Deref for Postgres {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl Postgres {
    /// `by`: signs its certificate; without it, the server has no TLS.
    pub(crate) fn start_in(scratch: &Scratch, shared: bool, by: Option<&Authority>) -> Result<Self, Error> {
        let home = scratch.dir("postgres")?;
        let user = unprivileged()?;
        if let Some(User { uid, gid }) = user {
            chown(&home, Some(uid), Some(gid)).map_err(Error::file("cannot hand over", &home))?;
        }
        initdb(&home, user)?;
        by.map_or(Ok(()), |by| secure::prepare(&home, user, by))?;
        serve("postgres", &home, scratch.path(), user, shared)
    }

    /// The directory of its Unix socket.
    pub fn socket(&self) -> &Path {
        &self.home
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    pub fn port(&self) -> u16 {
        self.port.number
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://onhand@127.0.0.1:{}/{database}", self.port.number)
    }

    /// The same for two servers, of which one takes writes.
    pub(crate) fn url_with(&self, standby: Option<&Self>, database: &str) -> String {
        let Some(standby) = standby else { return self.url(database) };
        format!("postgres://onhand@127.0.0.1:{},127.0.0.1:{}/{database}", self.port.number, standby.port.number)
    }

    /// Runs statements in a database of this server; panics with the server's message.
    pub async fn sql(&self, database: &str, statements: &str) -> Vec<tokio_postgres::Row> {
        let client = self.client(database).await;
        client.query(statements, &[]).await.unwrap_or_else(|error| panic!("{statements}: {error:?}"))
    }

    /// A new connection.
    pub async fn client(&self, database: &str) -> tokio_postgres::Client {
        let connected = tokio_postgres::connect(&self.url(database), tokio_postgres::NoTls).await;
        let (client, connection) = connected.unwrap_or_else(|error| panic!("{}: {error}", self.url(database)));
        tokio::spawn(connection);
        client
    }
}

/// Starts a server on the data in `home`.
pub(crate) fn serve(name: &str, home: &Path, logs: &Path, user: Option<User>, shared: bool) -> Result<Postgres, Error> {
    let port = Port::reserve();
    let ready = find::postgres("pg_isready")?;
    let number = port.number.to_string();
    let probe = move |_: &Path| {
        let answer = Command::new(&ready)
            .args(["-q", "-h", "127.0.0.1", "-U", "onhand", "-d", "postgres", "-p", &number])
            .status();
        answer.is_ok_and(|status| status.success())
    };
    let recipe = recipe(name, home, logs, port.number, user)?;
    let process = Process::new(recipe, shared, Box::new(probe));
    process.start_blocking()?;
    Ok(Postgres { process, port, home: home.to_owned() })
}

fn initdb(home: &Path, user: Option<User>) -> Result<(), Error> {
    let mut command = spawn::bound(user);
    command.arg(find::postgres("initdb")?).current_dir("/");
    command.args(["--username=onhand", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "-D"]);
    let done = command.arg(home.join("data")).output().map_err(Error::file("cannot run initdb for", home))?;
    if done.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&done.stderr).into_owned();
    Err(Error::Failed { program: "initdb".to_owned(), status: done.status.to_string(), output })
}

fn recipe(name: &str, home: &Path, logs: &Path, port: u16, user: Option<User>) -> Result<Recipe, Error> {
    // fsync is on, as by default: its cost is part of every figure.
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        format!("unix_socket_directories={}", home.display()),
        "max_connections=400".to_owned(),
        "shared_buffers=128MB".to_owned(),
        "log_line_prefix=%m [%p] %d ".to_owned(),
    ];
    let data = home.join("data");
    let mut args = vec!["-D".into(), data.into_os_string()];
    // The last setting wins. For profiling: `shared_preload_libraries=pg_stat_statements pg_stat_statements.track=all`.
    let more = std::env::var("ONHAND_PG_SETTINGS").unwrap_or_default();
    args.extend(settings.into_iter().flat_map(|setting| ["-c".into(), setting.into()]));
    args.extend(more.split_whitespace().flat_map(|setting| ["-c".into(), setting.into()]));
    let name = name.to_owned();
    Ok(Recipe { name, program: find::postgres("postgres")?, args, env: vec![], user, logs: logs.to_owned() })
}

/// The user to run as: ourselves, or `postgres` or `nobody` if we are root.
pub(crate) fn unprivileged() -> Result<Option<User>, Error> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(Error::file("cannot read", "/etc/passwd"))?;
    let find = |wanted: &str| {
        let mut fields = users.lines().find(|line| line.starts_with(&format!("{wanted}:")))?.split(':').skip(2);
        Some(User { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    };
    let user = find("postgres").or_else(|| find("nobody"));
    user.map(Some).ok_or_else(|| {
        Error::Refused("PostgreSQL refuses to run as root; add a user: useradd --system postgres".to_owned())
    })
}
