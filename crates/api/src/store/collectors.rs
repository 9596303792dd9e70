//! Collectors: who they are, and which of their tokens count.

use tokio_postgres::GenericClient;
use tokio_postgres::types::Type;
use uuid::Uuid;
use wire::Register;

use super::failure::Failure;

/// What a token is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub id: Uuid,
    pub epoch: i32,
}

pub async fn find(client: &impl GenericClient, id: Uuid) -> Result<Option<Known>, Failure> {
    let sql = "select id, token_epoch from collectors where id = $1";
    let rows = client.query_typed(sql, &[(&id, Type::UUID)]).await?;
    Ok(rows.first().map(|row| Known { id: row.get(0), epoch: row.get(1) }))
}

/// Registers a new name, or one that an admin has allowed again; its earlier tokens end with that. `None`: the name is
/// taken.
pub async fn register(client: &impl GenericClient, new: &Register) -> Result<Option<Known>, Failure> {
    let sql = "insert into collectors as c (id, name, hostname, address, version) values ($1, $2, $3, $4, $5) \
               on conflict (name) do update set hostname = excluded.hostname, address = excluded.address, \
               version = excluded.version, token_epoch = c.token_epoch + 1, reregister_until = null \
               where c.reregister_until > now() \
               returning id, token_epoch";
    let rows = client
        .query_typed(
            sql,
            &[
                (&Uuid::now_v7(), Type::UUID),
                (&new.name, Type::TEXT),
                (&new.hostname, Type::TEXT),
                (&new.address, Type::TEXT),
                (&new.version, Type::TEXT),
            ],
        )
        .await?;
    Ok(rows.first().map(|row| Known { id: row.get(0), epoch: row.get(1) }))
}

/// Registers again who shows a token of its own: it keeps its id, and its tokens stay good. `None`: the name is not its.
pub async fn renew(client: &impl GenericClient, id: Uuid, new: &Register) -> Result<Option<Known>, Failure> {
    let sql = "update collectors set hostname = $3, address = $4, version = $5 where id = $1 and name = $2 \
               returning id, token_epoch";
    let rows = client
        .query_typed(
            sql,
            &[
                (&id, Type::UUID),
                (&new.name, Type::TEXT),
                (&new.hostname, Type::TEXT),
                (&new.address, Type::TEXT),
                (&new.version, Type::TEXT),
            ],
        )
        .await?;
    Ok(rows.first().map(|row| Known { id: row.get(0), epoch: row.get(1) }))
}

/// Lets a name be registered again within the hour, once. Whether there is such a name.
pub async fn allow_again(client: &impl GenericClient, name: &str) -> Result<bool, Failure> {
    let sql =
        "update collectors set reregister_until = now() + interval '1 hour' where name = $1 returning id";
    Ok(!client.query_typed(sql, &[(&name, Type::TEXT)]).await?.is_empty())
}

/// Its name, if it was there.
pub async fn delete(client: &impl GenericClient, id: Uuid) -> Result<Option<String>, Failure> {
    let rows = client
        .query_typed("delete from collectors where id = $1 returning name", &[(&id, Type::UUID)])
        .await?;
    Ok(rows.first().map(|row| row.get(0)))
}

/// Ends all tokens of a collector. Whether there is one of this name.
pub async fn end_tokens(client: &impl GenericClient, name: &str) -> Result<bool, Failure> {
    let sql = "update collectors set token_epoch = token_epoch + 1 where name = $1 returning id";
    Ok(!client.query_typed(sql, &[(&name, Type::TEXT)]).await?.is_empty())
}
