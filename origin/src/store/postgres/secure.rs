//! What a database's address says about TLS, by libpq's own parameters: `sslmode`, `sslrootcert`, `sslcert`, `sslkey`
//! and
//! `channel_binding`. They mean what libpq's manual says, with these exceptions: no file is looked for in a home
//! directory, only a certificate's alternative names count, and if `sslmode` does not require TLS, nothing is verified.

use deadpool_postgres::Connect;
use futures_util::future::BoxFuture;
use onhand_http::{
    hop::{Hop, is_local},
    outgoing::{
        causes,
        tls::{self, Own, Proof, Roots},
    },
    pem::PemFile,
};
use percent_encoding::percent_decode_str;
use tokio::task::JoinHandle;
use tokio_postgres::{
    Client, Config, Connection, Socket,
    config::{ChannelBinding, Host, SslMode},
    error::SqlState,
    tls::MakeTlsConnect,
};
use tokio_postgres_rustls::MakeRustlsConnect;

type TlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

const NOT_READ: &str = "origin.database.url: is not like postgres://USER:PASSWORD@HOST:PORT/DATABASE (with %2F for a \
    slash in a password, and so on), or sqlite:PATH; its value is not shown";

const ROOT: &str = "origin.database.url: sslrootcert";
const CERT: &str = "origin.database.url: sslcert";
const KEY: &str = "origin.database.url: sslkey";

/// libpq's `sslmode`, by which the address of a database says how much its server has to prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Makes connections as the address asked for them.
#[derive(Clone)]
pub(super) struct Connector {
    tls: MakeRustlsConnect,
    /// The attempts with and without TLS, in order.
    tries: &'static [SslMode],
}

/// The parameters, as they are written in the address.
#[derive(Debug, Default, PartialEq, Eq)]
struct Given {
    mode: Option<String>,
    root: Option<String>,
    cert: Option<String>,
    key: Option<String>,
    binding: Option<String>,
}

/// Reads the address, and the files that it names; a fault names the parameter.
pub(super) fn read(url: &str) -> Result<(Config, Connector), String> {
    let (bare, given) = Given::take_from(url)?;
    // The library's own error may quote what it could not read.
    let mut config: Config = bare.parse().map_err(|_| NOT_READ.to_owned())?;
    let mode = given.mode()?;
    config.channel_binding(given.binding(mode)?);
    let tls = tls::config(given.proof(mode)?, given.own()?).map_err(|fault| fault.to_string())?;
    Ok((config, Connector { tls: MakeRustlsConnect::new(tls), tries: mode.tries() }))
}

/// How safe the hop to the database is.
pub(super) fn hop(url: &str) -> Result<Hop, String> {
    let (bare, given) = Given::take_from(url)?;
    let config: Config = bare.parse().map_err(|_| NOT_READ.to_owned())?;
    let local = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(host) => is_local(host),
        Host::Unix(_) => true,
    });
    let mode = given.mode()?;
    Ok(match given.proof(mode)? {
        _ if local && !mode.needs_tls() => Hop::Local,
        // An attacker in the network can prevent TLS that is optional.
        _ if !mode.needs_tls() => Hop::Clear,
        Proof::Name(_) => Hop::Verified,
        Proof::Chain(_) => Hop::AnyName,
        Proof::None => Hop::Unverified,
    })
}

impl Mode {
    fn needs_tls(self) -> bool {
        matches!(self, Self::Require | Self::VerifyCa | Self::VerifyFull)
    }

    fn tries(self) -> &'static [SslMode] {
        match self {
            Self::Disable => &[SslMode::Disable],
            Self::Allow => &[SslMode::Disable, SslMode::Require],
            Self::Prefer => &[SslMode::Prefer, SslMode::Disable],
            Self::Require | Self::VerifyCa | Self::VerifyFull => &[SslMode::Require],
        }
    }
}

fn fault(parameter: &str, why: &str) -> String {
    format!("origin.database.url: {parameter}: {why}")
}

impl Given {
    /// The library reads the rest of the address.
    fn take_from(url: &str) -> Result<(String, Self), String> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(NOT_READ.to_owned());
        }
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut given, mut left) = (Self::default(), Vec::new());
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let slot = match name {
                "sslmode" => &mut given.mode,
                "sslrootcert" => &mut given.root,
                "sslcert" => &mut given.cert,
                "sslkey" => &mut given.key,
                "channel_binding" => &mut given.binding,
                _ => {
                    left.push(part);
                    continue;
                }
            };
            let value = percent_decode_str(value).decode_utf8().map_err(|_| fault(name, "is not UTF-8"))?;
            // An empty value counts as absent, as in libpq.
            *slot = Some(value.into_owned()).filter(|value| !value.is_empty());
        }
        let left = if left.is_empty() { address.to_owned() } else { format!("{address}?{}", left.join("&")) };
        Ok((left, given))
    }

    fn by_system(&self) -> bool {
        self.root.as_deref() == Some("system")
    }

    fn mode(&self) -> Result<Mode, String> {
        match self.mode.as_deref() {
            None if self.by_system() => Ok(Mode::VerifyFull),
            None | Some("prefer") => Ok(Mode::Prefer),
            Some("disable") => Ok(Mode::Disable),
            Some("allow") => Ok(Mode::Allow),
            Some("require") => Ok(Mode::Require),
            Some("verify-ca") => Ok(Mode::VerifyCa),
            Some("verify-full") => Ok(Mode::VerifyFull),
            Some(_) => Err(fault("sslmode", "must be disable, allow, prefer, require, verify-ca or verify-full")),
        }
    }

    fn proof(&self, mode: Mode) -> Result<Proof<'_>, String> {
        let root = self.root.as_deref().map(|path| Roots::File(PemFile { setting: ROOT, path }));
        match (mode, root) {
            (Mode::VerifyFull, _) if self.by_system() => Ok(Proof::Name(Roots::System)),
            (_, Some(_)) if self.by_system() => {
                Err(fault("sslrootcert", "system goes with sslmode=verify-full only: anybody can have a certificate"))
            }
            (Mode::VerifyFull, Some(root)) => Ok(Proof::Name(root)),
            // Without a check of its name, a certificate is worth only as much as its root.
            (Mode::VerifyCa | Mode::Require, Some(root)) => Ok(Proof::Chain(root)),
            (Mode::VerifyCa | Mode::VerifyFull, None) => {
                Err(fault("sslrootcert", "must be set with sslmode=verify-ca and verify-full: a file, or system"))
            }
            (Mode::Require | Mode::Prefer | Mode::Allow | Mode::Disable, None) => Ok(Proof::None),
            (Mode::Prefer | Mode::Allow | Mode::Disable, Some(_)) => {
                Err(fault("sslrootcert", "needs sslmode=require, verify-ca or verify-full, or nothing is verified"))
            }
        }
    }

    fn own(&self) -> Result<Option<Own<'_>>, String> {
        match (&self.cert, &self.key) {
            (None, None) => Ok(None),
            (Some(cert), Some(key)) => {
                let (cert, key) = (PemFile { setting: CERT, path: cert }, PemFile { setting: KEY, path: key });
                Ok(Some(Own { cert, key }))
            }
            (Some(_), None) => Err(fault("sslkey", "must be set where sslcert is")),
            (None, Some(_)) => Err(fault("sslcert", "must be set where sslkey is")),
        }
    }

    fn binding(&self, mode: Mode) -> Result<ChannelBinding, String> {
        match self.binding.as_deref() {
            None | Some("prefer") => Ok(ChannelBinding::Prefer),
            Some("disable") => Ok(ChannelBinding::Disable),
            Some("require") if mode.needs_tls() => Ok(ChannelBinding::Require),
            Some("require") => Err(fault("channel_binding", "require needs sslmode=require, verify-ca or verify-full")),
            Some(_) => Err(fault("channel_binding", "must be disable, prefer or require")),
        }
    }
}

impl Connector {
    pub(super) async fn connect(
        &self,
        config: &Config,
    ) -> Result<(Client, Connection<Socket, TlsStream>), tokio_postgres::Error> {
        let mut refused = None;
        for mode in self.tries {
            let mut config = config.clone();
            match config.ssl_mode(*mode).connect(self.tls.clone()).await {
                // pg_hba.conf has no line for this user with TLS, or without.
                Err(error) if error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
                    refused = Some(error);
                }
                tried => return tried,
            }
        }
        Err(refused.expect("each mode tries at least once"))
    }
}

/// For the pool.
impl Connect for Connector {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
        let config = config.clone();
        Box::pin(async move {
            let (client, connection) = Self::connect(self, &config).await?;
            let task = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::warn!(error = causes(&error), "a connection for reads has ended");
                }
            });
            Ok((client, task))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> String {
        read(&format!("postgres://u:p@h/d?{query}")).map(drop).unwrap_err()
    }

    #[test]
    fn ours_are_taken_out_and_the_others_left() {
        let url = "postgres://u:p@a,b:5433/d?sslmode=verify-full&connect_timeout=3&sslrootcert=%2Fca+1.pem&sslkey=";
        let (left, given) = Given::take_from(url).unwrap();
        assert_eq!(left, "postgres://u:p@a,b:5433/d?connect_timeout=3");
        let right =
            Given { mode: Some("verify-full".to_owned()), root: Some("/ca+1.pem".to_owned()), ..Given::default() };
        assert_eq!(given, right);
    }

    #[test]
    fn a_fault_names_its_parameter() {
        for (query, parameter) in [
            ("sslmode=verify_full", "sslmode:"),
            ("sslmode=verify-full", "sslrootcert:"),
            ("sslmode=verify-ca", "sslrootcert:"),
            ("sslmode=prefer&sslrootcert=/ca.pem", "sslrootcert:"),
            ("sslrootcert=/ca.pem", "sslrootcert:"),
            ("sslmode=require&sslrootcert=system", "sslrootcert:"),
            ("sslmode=require&sslrootcert=/nowhere/ca.pem", "sslrootcert: /nowhere/ca.pem cannot be read"),
            ("sslmode=require&sslcert=/nowhere/cert.pem", "sslkey:"),
            ("sslmode=require&sslkey=/nowhere/key.pem", "sslcert:"),
            ("sslmode=require&sslcert=/nowhere/cert.pem&sslkey=/nowhere/key.pem", "sslcert: /nowhere/cert.pem"),
            ("sslmode=require&channel_binding=always", "channel_binding:"),
            ("channel_binding=require", "channel_binding:"),
        ] {
            let said = refused(query);
            assert!(said.starts_with("origin.database.url: ") && said.contains(parameter), "{query}: {said}");
        }
    }

    #[test]
    fn a_hop_is_as_safe_as_its_mode() {
        for (address, right) in [
            ("h/d?sslmode=verify-full&sslrootcert=system", Hop::Verified),
            ("h/d?sslmode=verify-ca&sslrootcert=/ca", Hop::AnyName),
            ("h/d?sslmode=require", Hop::Unverified),
            ("h/d", Hop::Clear),
            ("127.0.0.1,h/d?sslmode=allow", Hop::Clear),
            ("127.0.0.1,localhost/d", Hop::Local),
            ("%2Frun%2Fpostgresql/d?sslmode=disable", Hop::Local),
        ] {
            assert_eq!(hop(&format!("postgres://u:p@{address}")), Ok(right), "{address}");
        }
    }

    #[test]
    fn each_mode_tries_what_libpq_tries() {
        for (query, tries) in [
            ("", &[SslMode::Prefer, SslMode::Disable][..]),
            ("sslmode=allow", &[SslMode::Disable, SslMode::Require]),
            ("sslmode=disable", &[SslMode::Disable]),
            ("sslmode=require&channel_binding=require", &[SslMode::Require]),
        ] {
            let (_, connector) = read(&format!("postgres://u:p@h/d?{query}")).unwrap();
            assert_eq!(connector.tries, tries, "{query}");
        }
    }
}
