//! Users, for administrators. Every change is in the audit trail, in the transaction that made it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::app::Shared;
use crate::body::{self, Whole};
use crate::openapi::{Answer, Operation, Takes, Who};
use crate::password;
use crate::permission::{Action, ManageUsers};
use crate::principal::PersonMay;
use crate::problem::Problem;
use crate::request::Named;
use crate::store::pool;
use crate::store::users::{self, Changed, Role, User};
use crate::store::{audit, sessions};

#[derive(Serialize, JsonSchema)]
pub struct Users {
    users: Vec<Shown>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub struct Shown {
    id: Uuid,
    username: String,
    role: Role,
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
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

// No Debug: it holds a password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewUser")]
struct New {
    /// Unique, whatever its case.
    #[schemars(length(min = 1, max = 255))]
    username: String,
    #[schemars(with = "String", length(min = password::LEAST, max = password::MOST))]
    password: SecretString,
    role: Role,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UserChange")]
struct Change {
    role: Role,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewPassword")]
struct Password {
    #[schemars(with = "String", length(min = password::LEAST, max = password::MOST))]
    password: SecretString,
}

type Admin = PersonMay<ManageUsers>;

pub const LIST: Operation = Operation {
    about: "All users",
    who: Who::Person(Action::ManageUsers),
    answers: &[Answer::json::<Users>(200, "by name")],
    ..Operation::ANY
};

pub async fn list(State(app): State<Shared>, _: Admin) -> Result<Json<Users>, Problem> {
    let all = app.db.with(pool::SHORT, async |client| users::all(client).await);
    let all = app.learn(all.await)?;
    Ok(Json(Users { users: all.into_iter().map(Shown::from).collect() }))
}

pub const CREATE: Operation = Operation {
    about: "Makes a user",
    who: Who::Person(Action::ManageUsers),
    body: Some(Takes::json::<New>(
        r#"{"username": "bob", "password": "a long and dull sentence", "role": "viewer"}"#,
    )),
    answers: &[Answer::json::<Shown>(201, "the user")],
    refusals: &[409],
    ..Operation::ANY
};

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

pub const CHANGE: Operation = Operation {
    about: "Gives a user another role",
    more: "409 where nobody would be an admin any more.",
    who: Who::Person(Action::ManageUsers),
    body: Some(Takes::json::<Change>(r#"{"role": "user"}"#)),
    answers: &[Answer::json::<Shown>(200, "the user")],
    refusals: &[409],
    ..Operation::ANY
};

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

pub const REMOVE: Operation = Operation {
    about: "Deletes a user, and ends the sessions",
    more: "409 where nobody would be an admin any more.",
    who: Who::Person(Action::ManageUsers),
    answers: &[Answer::nothing(204, "the user is gone")],
    refusals: &[409],
    ..Operation::ANY
};

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

pub const RESET_PASSWORD: Operation = Operation {
    about: "Gives a user another password, and ends the sessions",
    who: Who::Person(Action::ManageUsers),
    body: Some(Takes::json::<Password>(r#"{"password": "another long and dull sentence"}"#)),
    answers: &[Answer::nothing(204, "it counts from now on")],
    ..Operation::ANY
};

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
