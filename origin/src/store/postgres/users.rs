//! Users over PostgreSQL. Each change and its line of the trail are one statement.

use async_trait::async_trait;
use onhand_wire::Timestamp;
use tokio_postgres::{Row, types::ToSql};

use super::{Postgres, row};
use crate::{
    store::{
        Result, StoreError,
        users::{ChangeOfUser, NewUser, Registered, Users, role},
    },
    trail::Line,
    users::{InvitationDigest, Role, User},
};

const INVITE: &str = "WITH expired AS (DELETE FROM invitations WHERE expires_at <= clock_timestamp()),
    made AS (INSERT INTO invitations (digest, role, expires_at) VALUES ($1, $2, $3) RETURNING 1)
    INSERT INTO admin_log (at, actor, kind, what, detail, correlation)
    SELECT greatest(clock_timestamp(), t), $4, $5, $6, $7::text::json, $8 FROM relay, made";

/// Without a digest anybody registers, as a shopper.
const REGISTER: &str = "WITH taken AS (
        SELECT 1 FROM users WHERE name = $1 UNION ALL SELECT 1 FROM removed_users WHERE name = $1),
    used AS (
        DELETE FROM invitations WHERE digest = $3 AND expires_at > clock_timestamp()
            AND NOT EXISTS (SELECT FROM taken) RETURNING role),
    given AS (SELECT role FROM used UNION ALL SELECT 'shopper' WHERE $3::bytea IS NULL
        AND NOT EXISTS (SELECT FROM taken)),
    made AS (
        INSERT INTO users (name, role, password, epoch, created_at)
        SELECT $1, role, $2, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, clock_timestamp() FROM given
        RETURNING name, role, epoch, created_at),
    line AS (
        INSERT INTO admin_log (at, actor, kind, what, detail, correlation)
        SELECT greatest(clock_timestamp(), t), $4, $5, $6, json_build_object('role', made.role), $7 FROM relay, made)
    SELECT name, role, epoch, created_at FROM made";

const ONE: &str = "SELECT name, role, epoch, created_at, password FROM users WHERE name = $1";

const ALL: &str = "SELECT name, role, epoch, created_at FROM users
    WHERE $1::text IS NULL OR name > $1 ORDER BY name LIMIT $2";

/// Who is removed keeps the name.
const REMOVE: &str = "DELETE FROM users WHERE name = $1 RETURNING name, role, epoch, created_at),
    removed AS (INSERT INTO removed_users (name) SELECT name FROM made";

const LINE_OF_CHANGE: &str = "line AS (
        INSERT INTO admin_log (at, actor, kind, what, detail, correlation)
        SELECT greatest(clock_timestamp(), t), $2, $3, $4, $5::text::json, $6 FROM relay, made)
    SELECT name, role, epoch, created_at FROM made";

#[async_trait]
impl Users for Postgres {
    async fn invite(&self, digest: &InvitationDigest, role: Role, expires_at: Timestamp, line: &Line) -> Result<()> {
        let (expires_at, detail) = (row::utc(expires_at), line.detail.to_string());
        let (role, kind) = (role.as_str(), line.kind.as_str());
        let params: [&(dyn ToSql + Sync); 8] =
            [&digest.0, &role, &expires_at, &line.actor, &kind, &line.what, &detail, &line.correlation];
        self.write(INVITE, &params).await.map(drop)
    }

    async fn register(&self, new: &NewUser, line: &Line) -> Result<Registered> {
        let (digest, kind) = (new.invitation.as_ref().map(|digest| &digest.0), line.kind.as_str());
        let params: [&(dyn ToSql + Sync); 7] =
            [&new.name, &new.password, &digest, &line.actor, &kind, &line.what, &line.correlation];
        match self.write(REGISTER, &params).await {
            Ok(made) if !made.is_empty() => Ok(Registered::User(user(&made[0])?)),
            Ok(_) if digest.is_some() && !self.name_is_taken(&new.name).await? => Ok(Registered::NoInvitation),
            Ok(_) | Err(StoreError::Overtaken(_)) => Ok(Registered::NameTaken),
            Err(error) => Err(error),
        }
    }

    async fn user(&self, name: &str) -> Result<Option<(User, String)>> {
        let found = self.reader().await?.query_opt(ONE, &[&name]).await?;
        found.map(|found| Ok((user(&found)?, found.get(4)))).transpose()
    }

    async fn users(&self, after: Option<&str>, limit: usize) -> Result<Vec<User>> {
        let found = self.reader().await?.query(ALL, &[&after, &(limit as i64)]).await?;
        found.iter().map(user).collect()
    }

    async fn change_user(&self, name: &str, change: ChangeOfUser, line: &Line) -> Result<Option<User>> {
        let made = match change {
            ChangeOfUser::Role(role) => format!(
                "UPDATE users SET epoch = epoch + 1, role = '{}' WHERE name = $1
                RETURNING name, role, epoch, created_at",
                role.as_str()
            ),
            ChangeOfUser::SignOut => "UPDATE users SET epoch = epoch + 1 WHERE name = $1
                RETURNING name, role, epoch, created_at"
                .to_owned(),
            ChangeOfUser::Remove => REMOVE.to_owned(),
        };
        let sql = format!("WITH made AS ({made}), {LINE_OF_CHANGE}");
        let (kind, detail) = (line.kind.as_str(), line.detail.to_string());
        let params: [&(dyn ToSql + Sync); 6] = [&name, &line.actor, &kind, &line.what, &detail, &line.correlation];
        self.write(&sql, &params).await?.first().map(user).transpose()
    }
}

impl Postgres {
    async fn name_is_taken(&self, name: &str) -> Result<bool> {
        let taken = "SELECT 1 FROM users WHERE name = $1 UNION ALL SELECT 1 FROM removed_users WHERE name = $1";
        Ok(self.reader().await?.query_opt(taken, &[&name]).await?.is_some())
    }
}

fn user(found: &Row) -> Result<User> {
    Ok(User { name: found.get(0), role: role(found.get(1))?, epoch: found.get(2), created_at: row::time(found, 3) })
}
