//! `onhand failover rejoin`: a region that was lost becomes a standby of the one that took over.
//!
//! Its copy is read first, privately and in recovery: rewinding it destroys what only it had.

use std::{
    collections::HashSet,
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, OpenOptionsExt, chown},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use onhand_origin::site::{Site, TABLES};
use onhand_wire::Timestamp;
use tokio::process::{Child, Command};

use super::{Failure, view::View};
use crate::{
    config::{Config, Member},
    tls::Tls,
};

/// How long the private server may take to recover.
const RECOVERY: Duration = Duration::from_secs(600);

/// List what only a lost region had, then make its database a standby of the region that took over
///
/// Run it on the machine of the lost region's database, while that is stopped. It starts the server privately (loopback
/// only, in recovery, nothing is written), writes down what the open region does not have, stops it, and rewinds it.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Rejoin {
    /// The region that was lost
    region: String,
    /// PostgreSQL's data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where postgres and pg_rewind are [default: those of the directory's version on Debian]
    #[arg(long, value_name = "DIR")]
    bin: Option<PathBuf>,
    /// Where to write what only the lost region had: one JSON object a line
    #[arg(long, value_name = "FILE", default_value = "only-the-lost-region-had.ndjson")]
    out: PathBuf,
    /// How long before the failover to look for it
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = humantime::parse_duration)]
    since: Duration,
    /// Write the list, and do not rewind
    #[arg(long)]
    list_only: bool,
}

pub(super) async fn run(asked: Rejoin, config: &Config) -> Result<ExitCode, Failure> {
    let member = config.regions.member(&asked.region);
    let member = member.ok_or_else(|| format!("{:?} is not in regions.members", asked.region))?;
    if let Some(pid) = running(&asked.data) {
        return Err(format!("{}: process {pid} is its server; stop it first", asked.data.display()).into());
    }
    let server = Server::of(&asked)?;
    let view = View::look(config, &Tls::default(), Duration::from_secs(5)).await;
    let open = view.open().ok_or("no region says that it is open")?;
    let source = config.regions.member(&open).ok_or("the open region is not in regions.members")?;
    let site = view.region(&open).and_then(|region| region.site.as_ref()).filter(|_| open != asked.region);
    let site = site.ok_or_else(|| format!("{:?} is not another region that is open and answers", open))?;
    let opened = site.last_opened().await?.ok_or("no failover has opened a region yet")?;
    let since = Timestamp::from_micros(opened.at.micros() - i64::try_from(asked.since.as_micros())?);

    eprintln!("reading the copy of {} in recovery", asked.region);
    let listed = server.list(member, site, since, &asked.out).await?;
    println!("{listed} rows that {open} does not have are in {}", asked.out.display());
    if asked.list_only {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("rewinding it to {open}");
    site.checkpoint().await?;
    server.rewind(source).await?;
    server.follow(source, member)?;
    println!("{} follows {open} once its server is started", asked.region);
    println!("when it streams: synchronous_standby_names = '{}' at {open}", member.standby());
    Ok(ExitCode::SUCCESS)
}

/// The server that has the directory; a crash leaves the file of one that is gone.
fn running(data: &Path) -> Option<u32> {
    let file = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid: u32 = file.lines().next()?.trim().parse().ok()?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    name.starts_with("postgres").then_some(pid)
}

/// The lost region's server, and how its programs are run.
struct Server {
    data: PathBuf,
    bin: PathBuf,
    /// PostgreSQL refuses root.
    owner: (u32, u32),
}

impl Server {
    fn of(asked: &Rejoin) -> Result<Self, Failure> {
        let named = |what: &str, error: std::io::Error| format!("{}: {what}: {error}", asked.data.display());
        let version = fs::read_to_string(asked.data.join("PG_VERSION"));
        let version = version.map_err(|error| named("not PostgreSQL's data directory", error))?;
        let bin = asked.bin.clone().unwrap_or_else(|| format!("/usr/lib/postgresql/{}/bin", version.trim()).into());
        let found = fs::metadata(&asked.data).map_err(|error| named("cannot be looked at", error))?;
        Ok(Self { data: asked.data.clone(), bin, owner: (found.uid(), found.gid()) })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        if rustix::process::geteuid().is_root() {
            command.uid(self.owner.0).gid(self.owner.1);
        }
        command.current_dir("/").kill_on_drop(true);
        command
    }

    /// Writes what `site` does not have; how many rows.
    async fn list(&self, member: &Member, site: &Site, since: Timestamp, out: &Path) -> Result<usize, Failure> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut private = self.start(port).await?;
        let looking = async {
            let own = connect(member, port, &mut private).await?;
            let mut file = private_file(out).map_err(|error| format!("{}: {error}", out.display()))?;
            let mut listed = 0;
            for table in TABLES {
                let there: HashSet<String> = site.kept(table, since).await?.into_iter().map(|row| row.key).collect();
                for row in own.kept(table, since).await?.into_iter().filter(|row| !there.contains(&row.key)) {
                    writeln!(file, "{{\"table\":\"{}\",\"row\":{}}}", table.name, row.row)?;
                    listed += 1;
                }
            }
            file.sync_all()?;
            Ok::<_, Failure>(listed)
        };
        let listed = looking.await;
        self.stop(private).await?;
        listed
    }

    /// In recovery, so that nothing is written.
    async fn start(&self, port: u16) -> Result<Child, Failure> {
        self.write("standby.signal", "")?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(&self.data);
        let settings = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "hot_standby=on".to_owned(),
            "primary_conninfo=".to_owned(),
            "synchronous_standby_names=".to_owned(),
            "archive_mode=off".to_owned(),
            // Not what the other region has archived since.
            "restore_command=".to_owned(),
            "recovery_target_timeline=current".to_owned(),
        ];
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        command.args(self.sizes().await?.iter().flat_map(|setting| ["-c", setting]));
        let program = self.bin.join("postgres");
        Ok(command.spawn().map_err(|error| format!("{}: {error}; --bin says where it is", program.display()))?)
    }

    /// Recovery refuses less of these than the server had; they may have been given on its command line.
    async fn sizes(&self) -> Result<Vec<String>, Failure> {
        const SIZES: [(&str, &str); 5] = [
            ("max_connections setting", "max_connections"),
            ("max_worker_processes setting", "max_worker_processes"),
            ("max_wal_senders setting", "max_wal_senders"),
            ("max_prepared_xacts setting", "max_prepared_transactions"),
            ("max_locks_per_xact setting", "max_locks_per_transaction"),
        ];
        let output = self.command("pg_controldata").arg("-D").arg(&self.data).output().await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = said.lines().filter_map(|line| line.split_once(':'));
        let size = |(what, value): (&str, &str)| {
            let (_, setting) = SIZES.iter().find(|(told, _)| *told == what)?;
            Some(format!("{setting}={}", value.trim()))
        };
        Ok(told.filter_map(size).collect())
    }

    /// A clean end, which pg_rewind needs.
    async fn stop(&self, mut private: Child) -> Result<(), Failure> {
        if let Some(pid) = private.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed())) {
            rustix::process::kill_process(pid, rustix::process::Signal::INT)?;
        }
        private.wait().await?;
        Ok(())
    }

    /// pg_rewind copies the source's configuration too; what stood here stays.
    async fn rewind(&self, source: &Member) -> Result<(), Failure> {
        let own = ["postgresql.conf", "pg_hba.conf", "pg_ident.conf", "postgresql.auto.conf"];
        let kept: Vec<_> = own.iter().map(|name| (*name, fs::read_to_string(self.data.join(name)).ok())).collect();
        let mut command = self.command("pg_rewind");
        let (address, password) = without_password(source.database.expose());
        command.arg("-D").arg(&self.data).arg("--source-server").arg(address);
        password.map(|password| command.env("PGPASSWORD", password));
        let output = command.output().await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("pg_rewind failed: {}", said.trim()).into());
        }
        // Whatever happens from here on: never a primary again by itself.
        self.write("standby.signal", "")?;
        for (name, text) in kept {
            text.map_or(Ok(()), |text| self.write(name, &text))?;
        }
        Ok(())
    }

    /// What it has from now on comes from the source.
    fn follow(&self, source: &Member, member: &Member) -> Result<(), Failure> {
        self.write("standby.signal", "")?;
        let url = source.database.expose();
        let mark = if url.contains('?') { '&' } else { '?' };
        let auto = self.data.join("postgresql.auto.conf");
        let left = fs::read_to_string(&auto).unwrap_or_default();
        // Of the time when it was a primary, and was shut.
        let gone = ["primary_conninfo", "synchronous_standby_names", "default_transaction_read_only"];
        let left: Vec<&str> =
            left.lines().filter(|line| !gone.iter().any(|name| line.trim_start().starts_with(name))).collect();
        let url = format!("{url}{mark}application_name={}", member.standby()).replace('\'', "''");
        self.write("postgresql.auto.conf", &format!("{}\nprimary_conninfo = '{url}'\n", left.join("\n")))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.data.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        if rustix::process::geteuid().is_root() {
            chown(&path, Some(self.owner.0), Some(self.owner.1))?;
        }
        Ok(())
    }
}

/// Everybody may read a command's arguments.
fn without_password(url: &str) -> (String, Option<String>) {
    let Some((scheme, rest)) = url.split_once("://") else { return (url.to_owned(), None) };
    let Some((user, host)) = rest.split_once('@') else { return (url.to_owned(), None) };
    let Some((user, password)) = user.split_once(':') else { return (url.to_owned(), None) };
    let password = percent_encoding::percent_decode_str(password).decode_utf8_lossy().into_owned();
    (format!("{scheme}://{user}@{host}"), Some(password))
}

/// It has callers' names and orders.
fn private_file(path: &Path) -> std::io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// To the private server, as the role and to the database of the region's address.
async fn connect(member: &Member, port: u16, private: &mut Child) -> Result<Site, Failure> {
    let url = member.database.expose();
    let (front, rest) = url.split_once("://").ok_or("regions.members: database is not postgres://…")?;
    let (address, database) = rest.split_once('/').ok_or("regions.members: database names no database")?;
    let user = address.rsplit_once('@').map_or("", |(user, _)| user);
    let database = database.split('?').next().unwrap_or_default();
    let at = if user.is_empty() { "" } else { "@" };
    let url = format!("{front}://{user}{at}127.0.0.1:{port}/{database}?sslmode=disable");
    let until = tokio::time::Instant::now() + RECOVERY;
    loop {
        match Site::connect(&url, Duration::from_secs(30)).await {
            Ok(site) => return Ok(site),
            Err(error) if tokio::time::Instant::now() > until => return Err(error.into()),
            Err(_) => {}
        }
        if let Some(status) = private.try_wait()? {
            return Err(format!("the server of the lost region ended ({status}): its own lines above say why").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_stands_in_an_argument() {
        let told = |url: &str| without_password(url);
        assert_eq!(
            told("postgres://ann:a%2Fb@db/onhand"),
            ("postgres://ann@db/onhand".to_owned(), Some("a/b".to_owned()))
        );
        assert_eq!(told("postgres://ann@db/onhand"), ("postgres://ann@db/onhand".to_owned(), None));
        assert_eq!(told("postgres://db/onhand"), ("postgres://db/onhand".to_owned(), None));
    }
}
