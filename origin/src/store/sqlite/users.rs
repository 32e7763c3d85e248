//! Users over SQLite.

use async_trait::async_trait;
use onhand_wire::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use super::{Sqlite, begin, now_in_tx, row, trail::lines_in_tx};
use crate::{
    store::{
        Result,
        users::{self, ChangeOfUser, NewUser, Registered, Users},
    },
    trail::Line,
    users::{InvitationDigest, Role, User},
};

const ONE: &str = "SELECT name, role, epoch, created_at, password FROM users WHERE name = ?1";

#[async_trait]
impl Users for Sqlite {
    async fn invite(&self, digest: &InvitationDigest, role: Role, expires_at: Timestamp, line: &Line) -> Result<()> {
        self.with(|connection| {
            let tx = begin(connection)?;
            let now = now_in_tx(&tx)?;
            tx.execute("DELETE FROM invitations WHERE expires_at <= ?1", [now.micros()])?;
            let sql = "INSERT INTO invitations (digest, role, expires_at) VALUES (?1, ?2, ?3)";
            tx.execute(sql, params![digest.0, role.as_str(), expires_at.micros()])?;
            lines_in_tx(&tx, std::slice::from_ref(line), now)?;
            Ok(tx.commit()?)
        })
    }

    async fn register(&self, new: &NewUser, line: &Line) -> Result<Registered> {
        self.with(|connection| {
            let tx = begin(connection)?;
            let now = now_in_tx(&tx)?;
            let removed = "SELECT 1 FROM removed_users WHERE name = ?1";
            let removed = tx.query_row(removed, [&new.name], |_| Ok(())).optional()?.is_some();
            if removed || one(&tx, &new.name)?.is_some() {
                return Ok(Registered::NameTaken);
            }
            let role = match &new.invitation {
                None => Role::Shopper,
                Some(digest) => {
                    let sql = "DELETE FROM invitations WHERE digest = ?1 AND expires_at > ?2 RETURNING role";
                    let used: Option<String> =
                        tx.query_row(sql, params![digest.0, now.micros()], |found| found.get(0)).optional()?;
                    let Some(role) = used else { return Ok(Registered::NoInvitation) };
                    users::role(&role)?
                }
            };
            let sql = "INSERT INTO users (name, role, password, epoch, created_at) VALUES (?1, ?2, ?3, ?4, ?4)";
            tx.execute(sql, params![new.name, role.as_str(), new.password, now.micros()])?;
            let line = Line { detail: json!({"role": role}), ..line.clone() };
            lines_in_tx(&tx, &[line], now)?;
            tx.commit()?;
            Ok(Registered::User(User { name: new.name.clone(), role, epoch: now.micros(), created_at: now }))
        })
    }

    async fn user(&self, name: &str) -> Result<Option<(User, String)>> {
        self.with(|connection| one(connection, name))
    }

    async fn users(&self, after: Option<&str>, limit: usize) -> Result<Vec<User>> {
        let sql =
            "SELECT name, role, epoch, created_at FROM users WHERE ?1 IS NULL OR name > ?1 ORDER BY name LIMIT ?2";
        self.with(|connection| row::all(connection, sql, params![after, limit as i64], user))
    }

    async fn change_user(&self, name: &str, change: ChangeOfUser, line: &Line) -> Result<Option<User>> {
        self.with(|connection| {
            let tx = begin(connection)?;
            let Some((mut user, _)) = one(&tx, name)? else { return Ok(None) };
            match change {
                // The name stays taken.
                ChangeOfUser::Remove => {
                    tx.execute("DELETE FROM users WHERE name = ?1", [name])?;
                    tx.execute("INSERT INTO removed_users (name) VALUES (?1)", [name])?;
                }
                ChangeOfUser::SignOut | ChangeOfUser::Role(_) => {
                    user.epoch += 1;
                    if let ChangeOfUser::Role(role) = change {
                        user.role = role;
                    }
                    let sql = "UPDATE users SET epoch = ?2, role = ?3 WHERE name = ?1";
                    tx.execute(sql, params![name, user.epoch, user.role.as_str()])?;
                }
            }
            lines_in_tx(&tx, std::slice::from_ref(line), now_in_tx(&tx)?)?;
            tx.commit()?;
            Ok(Some(user))
        })
    }
}

fn one(connection: &Connection, name: &str) -> Result<Option<(User, String)>> {
    let found = row::all(connection, ONE, [name], |found| Ok((user(found)?, found.get(4)?)))?;
    Ok(found.into_iter().next())
}

fn user(found: &rusqlite::Row<'_>) -> Result<User> {
    let role: String = found.get(1)?;
    Ok(User { name: found.get(0)?, role: users::role(&role)?, epoch: found.get(2)?, created_at: row::time(found, 3)? })
}
