//! People log in, go on, and log out. A wrong name and a wrong password are one answer, and take as long.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::app::{App, Shared};
use crate::body::{self, Whole};
use crate::client::Client;
use crate::limit::Limited;
use crate::openapi::{Answer, Operation, Takes, Who};
use crate::permission::{Action, EndSession};
use crate::principal::PersonMay;
use crate::problem::Problem;
use crate::store::pool;
use crate::store::sessions;
use crate::store::users::{self, Role, User};

// No Debug: it holds a password.
#[derive(Deserialize, JsonSchema)]
struct Login {
    username: String,
    #[schemars(with = "String")]
    password: SecretString,
}

#[derive(Deserialize, JsonSchema)]
struct Refresh {
    #[schemars(with = "String")]
    refresh_token: SecretString,
}

// No Debug: it holds tokens.
#[derive(Serialize, JsonSchema)]
pub struct Session {
    /// For `Authorization: Bearer`, for 15 minutes.
    token: String,
    /// Good for one exchange, within 24 hours.
    refresh_token: String,
    /// Of `token`.
    #[schemars(extend("format" = "date-time"))]
    expires_at: String,
    user: Me,
}

#[derive(Serialize, JsonSchema)]
struct Me {
    id: Uuid,
    username: String,
    role: Role,
}

pub const LOGIN: Operation = Operation {
    about: "Logs a person in",
    more: "A wrong name and a wrong password are one answer.",
    body: Some(Takes::json::<Login>(r#"{"username": "anna", "password": "correct horse battery"}"#)),
    answers: &[Answer::json::<Session>(200, "a session of 24 hours, which each refresh extends")],
    refusals: &[401],
    ..Operation::ANY
};

pub async fn login(
    State(app): State<Shared>,
    Extension(client): Extension<Client>,
    Whole(body): Whole,
) -> Result<Json<Session>, Problem> {
    let asked: Login = body::json(&body)?;
    app.open()?;
    app.attempt(Limited::Login, client).await?;
    let found = app.db.with(pool::SHORT, async |client| {
        // Nobody has any other name, and one with U+0000 the database would not even compare.
        match body::fit_name("username", &asked.username) {
            Ok(()) => users::by_name(client, &asked.username).await,
            Err(_) => Ok(None),
        }
    });
    let found = app.learn(found.await)?;
    let (user, hash) = found.map_or((None, None), |(user, hash)| (Some(user), Some(hash)));
    let right = app.passwords.verify(asked.password, hash).await.map_err(|_| Problem::Broken)?;
    let Some(user) = user.filter(|_| right) else {
        app.figures.auth_failures.inc();
        return Err(Problem::Unauthorized("the name or the password is not right"));
    };
    let (refresh, kept) = fresh()?;
    let opened = app.db.with(pool::SHORT, async |client| {
        users::logged_in(client, user.id).await?;
        sessions::open(client, user.id, &kept).await
    });
    let session = app.learn(opened.await)?;
    tracing::info!(user = %user.id, "logged in");
    answer(&app, user, session, refresh)
}

pub const REFRESH: Operation = Operation {
    about: "Exchanges both tokens of a session",
    more: "A refresh token that was exchanged before ends its session: somebody has copied it.",
    body: Some(Takes::json::<Refresh>(r#"{"refresh_token": "$REFRESH_TOKEN"}"#)),
    answers: &[Answer::json::<Session>(200, "the session goes on with these")],
    refusals: &[401],
    ..Operation::ANY
};

pub async fn refresh(State(app): State<Shared>, Whole(body): Whole) -> Result<Json<Session>, Problem> {
    let asked: Refresh = body::json(&body)?;
    app.open()?;
    let (refresh, kept) = fresh()?;
    let exchanged = app.db.with(pool::SHORT, async |client| {
        let exchanged = sessions::exchange(client, &hashed(&asked.refresh_token), &kept).await?;
        let Some(session) = exchanged else { return Ok(None) };
        let Some(person) = sessions::find(client, session).await? else { return Ok(None) };
        Ok(users::find(client, person.user).await?.map(|user| (session, user)))
    });
    let Some((session, user)) = app.learn(exchanged.await)? else {
        app.figures.auth_failures.inc();
        // It may have ended a session just now.
        app.caches.forget_people();
        return Err(Problem::Unauthorized("the refresh token is not, or no longer, valid"));
    };
    answer(&app, user, session, refresh)
}

pub const LOGOUT: Operation = Operation {
    about: "Ends the session",
    who: Who::Person(Action::EndSession),
    answers: &[Answer::nothing(204, "it has ended, everywhere within ten seconds")],
    ..Operation::ANY
};

pub async fn logout(State(app): State<Shared>, me: PersonMay<EndSession>) -> Result<StatusCode, Problem> {
    let ended = app.db.with(pool::SHORT, async |client| sessions::end(client, me.person.session).await);
    app.learn(ended.await)?;
    app.caches.forget_people();
    Ok(StatusCode::NO_CONTENT)
}

fn answer(app: &App, user: User, session: Uuid, refresh_token: String) -> Result<Json<Session>, Problem> {
    let (token, until) =
        app.keys.issue_access(user.id, session, Timestamp::now()).map_err(|_| Problem::Broken)?;
    let User { id, username, role, .. } = user;
    Ok(Json(Session { token, refresh_token, expires_at: until.to_string(), user: Me { id, username, role } }))
}

/// A refresh token, and what is kept of it.
fn fresh() -> Result<(String, Vec<u8>), Problem> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Problem::Broken)?;
    let token = BASE64.encode(bytes);
    let kept = hashed(&token.clone().into());
    Ok((token, kept))
}

fn hashed(token: &SecretString) -> Vec<u8> {
    digest(&SHA256, token.expose_secret().as_bytes()).as_ref().to_vec()
}
