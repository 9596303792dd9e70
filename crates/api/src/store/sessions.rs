//! Logins that last: each has one refresh token at a time, kept as a digest.
//!
//! A refresh exchanges it. The one before, shown again, was copied by somebody: the session ends for both.

use tokio_postgres::GenericClient;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::failure::Failure;
use super::users::Role;

/// Who an access token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    pub session: Uuid,
    pub user: Uuid,
    pub role: Role,
}

const LIFE: &str = "interval '24 hours'";

pub async fn open(client: &impl GenericClient, user: Uuid, refresh: &[u8]) -> Result<Uuid, Failure> {
    let id = Uuid::now_v7();
    let sql = format!(
        "insert into sessions (id, user_id, refresh, expires_at) values ($1, $2, $3, now() + {LIFE}) returning 1"
    );
    client.query_typed(&sql, &[(&id, Type::UUID), (&user, Type::UUID), (&refresh, Type::BYTEA)]).await?;
    Ok(id)
}

pub async fn find(client: &impl GenericClient, session: Uuid) -> Result<Option<Person>, Failure> {
    let sql = "select s.id, u.id, u.role from sessions s join users u on u.id = s.user_id \
               where s.id = $1 and s.expires_at > now()";
    let rows = client.query_typed(sql, &[(&session, Type::UUID)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let role = row.try_get::<_, String>(2)?.parse().unwrap_or(Role::Viewer);
    Ok(Some(Person { session: row.try_get(0)?, user: row.try_get(1)?, role }))
}

/// Puts the new digest in the place of the old one, for another day. `None`: there is no such session, or there was.
pub async fn exchange(client: &impl GenericClient, old: &[u8], new: &[u8]) -> Result<Option<Uuid>, Failure> {
    let sql = format!(
        "update sessions set refresh = $2, previous = $1, expires_at = now() + {LIFE} \
         where refresh = $1 and expires_at > now() returning id"
    );
    let rows = client.query_typed(&sql, &[(&old, Type::BYTEA), (&new, Type::BYTEA)]).await?;
    if let Some(row) = rows.first() {
        return Ok(Some(row.get(0)));
    }
    client
        .query_typed("delete from sessions where previous = $1 returning id", &[(&old, Type::BYTEA)])
        .await?;
    Ok(None)
}

pub async fn end(client: &impl GenericClient, session: Uuid) -> Result<(), Failure> {
    client.query_typed("delete from sessions where id = $1 returning 1", &[(&session, Type::UUID)]).await?;
    Ok(())
}

pub async fn end_all_of(client: &impl GenericClient, user: Uuid) -> Result<Vec<Uuid>, Failure> {
    let rows = client
        .query_typed("delete from sessions where user_id = $1 returning id", &[(&user, Type::UUID)])
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
