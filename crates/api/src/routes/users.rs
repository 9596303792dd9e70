//! Users, for administrators. Every change is in the audit trail, in the transaction that made it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::app::Shared;
use crate::body::{self, Whole};
use crate::password;
use crate::permission::ManageUsers;
use crate::principal::PersonMay;
use crate::problem::Problem;
use crate::request::Named;
use crate::store::pool;
use crate::store::users::{self, Changed, Role, User};
use crate::store::{audit, sessions};

#[derive(Serialize)]
pub struct Users {
    users: Vec<Shown>,
}

#[derive(Serialize)]
pub struct Shown {
    id: Uuid,
    username: String,
    role: Role,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_login_at: Option<String>,
}

impl From<User> for Shown {
    fn from(user: User) -> Shown {
        Shown {
            id: user.id,
            username: user.username,
            role: user.role,
            created_at: user.created_at.to_string(),
            last_login_at: user.last_login_at.map(|at| at.to_string()),
        }
    }
}

/// No Debug: it holds a password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    username: String,
    password: SecretString,
    role: Role,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    role: Role,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Password {
    password: SecretString,
}

type Admin = PersonMay<ManageUsers>;

pub async fn list(State(app): State<Shared>, _: Admin) -> Result<Json<Users>, Problem> {
    let all = app.db.with(pool::SHORT, async |client| users::all(client).await);
    let all = app.learn(all.await)?;
    Ok(Json(Users { users: all.into_iter().map(Shown::from).collect() }))
}

pub async fn create(
    State(app): State<Shared>,
    me: Admin,
    Whole(body): Whole,
) -> Result<(StatusCode, Json<Shown>), Problem> {
    let new: New = body::json(&body)?;
    body::fit_name("username", &new.username)?;
    password::fit(&new.password)?;
    let hash = app.passwords.hash(new.password).await.map_err(|_| Problem::Broken)?;
    let created = app.db.with(pool::SHORT, async |client| {
        let tx = pool::begin(client).await?;
        let Some(user) = users::create(&tx, &new.username, &hash, new.role).await? else { return Ok(None) };
        let details = json!({ "role": user.role });
        audit::record(&tx, &me.name(&tx).await?, "create user", &user.username, Some(details)).await?;
        tx.commit().await?;
        Ok(Some(user))
    });
    match app.learn(created.await)? {
        Some(user) => Ok((StatusCode::CREATED, Json(user.into()))),
        None => Err(Problem::Taken(format!("there is a user {:?}", new.username))),
    }
}

pub async fn change(
    State(app): State<Shared>,
    me: Admin,
    Named(id): Named,
    Whole(body): Whole,
) -> Result<Json<Shown>, Problem> {
    let change: Change = body::json(&body)?;
    let changed = app.db.with(pool::SHORT, async |client| {
        let tx = pool::begin(client).await?;
        let changed = users::set_role(&tx, id, change.role).await?;
        if let Changed::Done(user) = &changed {
            let details = json!({ "role": user.role });
            audit::record(&tx, &me.name(&tx).await?, "change user", &user.username, Some(details)).await?;
        }
        tx.commit().await?;
        Ok(changed)
    });
    let user = done(app.learn(changed.await)?)?;
    app.caches.forget_people();
    Ok(Json(user.into()))
}

pub async fn remove(State(app): State<Shared>, me: Admin, Named(id): Named) -> Result<StatusCode, Problem> {
    let removed = app.db.with(pool::SHORT, async |client| {
        let tx = pool::begin(client).await?;
        let actor = me.name(&tx).await?;
        let removed = users::delete(&tx, id).await?;
        if let Changed::Done(user) = &removed {
            audit::record(&tx, &actor, "delete user", &user.username, None).await?;
        }
        tx.commit().await?;
        Ok(removed)
    });
    done(app.learn(removed.await)?)?;
    app.caches.forget_people();
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all sessions of that user.
pub async fn reset_password(
    State(app): State<Shared>,
    me: Admin,
    Named(id): Named,
    Whole(body): Whole,
) -> Result<StatusCode, Problem> {
    let Password { password } = body::json(&body)?;
    password::fit(&password)?;
    let hash = app.passwords.hash(password).await.map_err(|_| Problem::Broken)?;
    let reset = app.db.with(pool::SHORT, async |client| {
        let tx = pool::begin(client).await?;
        let Some(user) = users::set_password(&tx, id, &hash).await? else { return Ok(Changed::NotThere) };
        audit::record(&tx, &me.name(&tx).await?, "reset password", &user.username, None).await?;
        sessions::end_all_of(&tx, id).await?;
        tx.commit().await?;
        Ok(Changed::Done(user))
    });
    done(app.learn(reset.await)?)?;
    app.caches.forget_people();
    Ok(StatusCode::NO_CONTENT)
}

fn done(changed: Changed) -> Result<User, Problem> {
    match changed {
        Changed::Done(user) => Ok(user),
        Changed::NotThere => Err(Problem::NotFound),
        Changed::LastAdmin => Err(Problem::Conflict("somebody has to remain who is an admin")),
    }
}
