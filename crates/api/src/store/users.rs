//! Users: names, roles, hashes of passwords.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_postgres::types::Type;
use tokio_postgres::{GenericClient, Row};
use uuid::Uuid;

use super::failure::Failure;
use crate::family::join::Moment;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Admin,
    User,
    Viewer,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Role::Admin => "admin",
            Role::User => "user",
            Role::Viewer => "viewer",
        })
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Role, String> {
        match text {
            "admin" => Ok(Role::Admin),
            "user" => Ok(Role::User),
            "viewer" => Ok(Role::Viewer),
            _ => Err(format!("{text:?} is none of admin, user, viewer")),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct User {
    pub id: Uuid,
    pub username: String,
    pub role: Role,
    pub created_at: Timestamp,
    pub last_login_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, username, role, created_at, last_login_at";

fn user(row: &Row) -> Result<User, Failure> {
    let Moment(created_at) = row.try_get(3)?;
    Ok(User {
        id: row.try_get(0)?,
        username: row.try_get(1)?,
        // The table's own check leaves nothing else.
        role: row.try_get::<_, String>(2)?.parse().unwrap_or(Role::Viewer),
        created_at,
        last_login_at: row.try_get::<_, Option<Moment>>(4)?.map(|Moment(at)| at),
    })
}

fn first(rows: &[Row]) -> Result<Option<User>, Failure> {
    rows.first().map(user).transpose()
}

pub async fn all(client: &impl GenericClient) -> Result<Vec<User>, Failure> {
    let rows = client
        .query_typed(&format!("select {COLUMNS} from users order by lower(username) limit 10000"), &[])
        .await?;
    rows.iter().map(user).collect()
}

/// With the hash of the password.
pub async fn by_name(client: &impl GenericClient, name: &str) -> Result<Option<(User, String)>, Failure> {
    let sql = format!("select {COLUMNS}, password from users where lower(username) = lower($1)");
    let rows = client.query_typed(&sql, &[(&name, Type::TEXT)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some((user(row)?, row.try_get(5)?)))
}

pub async fn find(client: &impl GenericClient, id: Uuid) -> Result<Option<User>, Failure> {
    let rows = client
        .query_typed(&format!("select {COLUMNS} from users where id = $1"), &[(&id, Type::UUID)])
        .await?;
    first(&rows)
}

/// `None`: the name is taken.
pub async fn create(
    client: &impl GenericClient,
    name: &str,
    password: &str,
    role: Role,
) -> Result<Option<User>, Failure> {
    let sql = format!(
        "insert into users (id, username, password, role) values ($1, $2, $3, $4) \
         on conflict (lower(username)) do nothing returning {COLUMNS}"
    );
    let rows = client
        .query_typed(
            &sql,
            &[
                (&Uuid::now_v7(), Type::UUID),
                (&name, Type::TEXT),
                (&password, Type::TEXT),
                (&role.to_string(), Type::TEXT),
            ],
        )
        .await?;
    first(&rows)
}

/// What an act that needs an admin to remain came to.
#[derive(Debug, PartialEq)]
pub enum Changed {
    Done(User),
    NotThere,
    /// It would leave nobody who may undo it.
    LastAdmin,
}

/// Locks out others that do the same: of two admins who remove each other at once, one stays.
const ALONE: &str = "lock table users in share row exclusive mode";

async fn last_admin(client: &impl GenericClient, id: Uuid) -> Result<bool, Failure> {
    let sql = "select not exists (select from users where role = 'admin' and id <> $1)";
    let rows = client.query_typed(sql, &[(&id, Type::UUID)]).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// Within a transaction.
pub async fn set_role(client: &impl GenericClient, id: Uuid, role: Role) -> Result<Changed, Failure> {
    client.batch_execute(ALONE).await?;
    if role != Role::Admin && last_admin(client, id).await? {
        return Ok(find(client, id).await?.map_or(Changed::NotThere, |_| Changed::LastAdmin));
    }
    let sql = format!("update users set role = $2 where id = $1 returning {COLUMNS}");
    let rows = client.query_typed(&sql, &[(&id, Type::UUID), (&role.to_string(), Type::TEXT)]).await?;
    Ok(first(&rows)?.map_or(Changed::NotThere, Changed::Done))
}

/// Within a transaction. Their sessions go with them.
pub async fn delete(client: &impl GenericClient, id: Uuid) -> Result<Changed, Failure> {
    client.batch_execute(ALONE).await?;
    if last_admin(client, id).await? {
        return Ok(find(client, id).await?.map_or(Changed::NotThere, |_| Changed::LastAdmin));
    }
    let sql = format!("delete from users where id = $1 returning {COLUMNS}");
    let rows = client.query_typed(&sql, &[(&id, Type::UUID)]).await?;
    Ok(first(&rows)?.map_or(Changed::NotThere, Changed::Done))
}

pub async fn set_password(
    client: &impl GenericClient,
    id: Uuid,
    password: &str,
) -> Result<Option<User>, Failure> {
    let sql = format!("update users set password = $2 where id = $1 returning {COLUMNS}");
    let rows = client.query_typed(&sql, &[(&id, Type::UUID), (&password, Type::TEXT)]).await?;
    first(&rows)
}

pub async fn logged_in(client: &impl GenericClient, id: Uuid) -> Result<(), Failure> {
    client
        .query_typed("update users set last_login_at = now() where id = $1 returning 1", &[(&id, Type::UUID)])
        .await?;
    Ok(())
}
