//! PostgreSQL with TLS. Its users: `stock` needs a certificate of its own, `encrypted` uses TLS without one, and
//! `plain` may not use TLS.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

use super::Postgres;
use crate::{
    Error,
    authority::{Authority, Pair},
    spawn::User,
};

/// The password of each user.
pub const PASSWORD: &str = "pa55w0rd";

/// The harness itself needs neither.
const WHO_MAY: &str = "local all all trust
host all onhand 127.0.0.1/32 trust
hostssl all stock 127.0.0.1/32 scram-sha-256 clientcert=verify-ca
hostssl all encrypted 127.0.0.1/32 scram-sha-256
hostnossl all plain 127.0.0.1/32 scram-sha-256
";

/// Before the first start.
pub(super) fn prepare(home: &Path, user: Option<User>, by: &Authority) -> Result<(), Error> {
    let data = home.join("data");
    let conf = "ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\nssl_ca_file = 'ca.crt'\n";
    let mut settings = fs::read_to_string(data.join("postgresql.conf")).map_err(Error::file("cannot read", &data))?;
    settings.push_str(conf);
    for (name, text) in [("postgresql.conf", settings.as_str()), ("pg_hba.conf", WHO_MAY)] {
        fs::write(data.join(name), text).map_err(Error::file("cannot write", data.join(name)))?;
    }
    place(home, user, &by.root(), "ca.crt")?;
    present(home, user, &by.here("postgres"))
}

fn present(home: &Path, user: Option<User>, pair: &Pair) -> Result<(), Error> {
    place(home, user, &pair.cert, "server.crt")?;
    place(home, user, &pair.key, "server.key")
}

/// PostgreSQL must own its key, and nobody else may read it.
fn place(home: &Path, user: Option<User>, from: &Path, name: &str) -> Result<(), Error> {
    let to = home.join("data").join(name);
    fs::copy(from, &to).map_err(Error::file("cannot write", &to))?;
    fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).map_err(Error::file("cannot close", &to))?;
    if let Some(User { uid, gid }) = user {
        chown(&to, Some(uid), Some(gid)).map_err(Error::file("cannot hand over", &to))?;
    }
    Ok(())
}

impl Postgres {
    /// Users besides the harness's own.
    pub async fn let_in(&self) {
        for user in ["stock", "encrypted", "plain"] {
            self.sql("postgres", &format!("CREATE ROLE {user} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")).await;
        }
    }

    /// The address of a database for a user, with libpq's parameters.
    pub fn url_as(&self, user: &str, database: &str, parameters: &str) -> String {
        format!("postgres://{user}:{PASSWORD}@localhost:{}/{database}?{parameters}", self.port())
    }

    /// Makes the server use another certificate, and waits until it does.
    pub async fn present(&self, pair: &Pair) {
        let user = super::unprivileged().unwrap_or_else(|error| panic!("{error}"));
        present(&self.home, user, pair).unwrap_or_else(|error| panic!("{error}"));
        self.sql("postgres", "SELECT pg_reload_conf()").await;
    }
}
