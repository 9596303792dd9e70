//! Who is asking, and whether they may: extractors, so that a handler's signature says whom it serves and what for.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::app::{App, Shared};
use crate::permission::{Acts, PushMetrics, Who, allowed};
use crate::problem::Problem;
use crate::store::collectors::{self, Known};
use crate::store::failure::Failure;
use crate::store::pool;
use crate::store::sessions::{self, Person};
use crate::store::users::{self, Role};
use crate::token::{GRACE, Refusal};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Principal {
    Collector(Known),
    Person(Person),
}

impl Principal {
    fn who(&self) -> Who {
        match self {
            Principal::Collector(_) => Who::Collector,
            Principal::Person(Person { role: Role::Admin, .. }) => Who::Admin,
            Principal::Person(Person { role: Role::User, .. }) => Who::User,
            Principal::Person(Person { role: Role::Viewer, .. }) => Who::Viewer,
        }
    }

    /// Whose things they may see, where that is not everybody's.
    pub fn only(&self) -> Option<Uuid> {
        match self {
            Principal::Collector(known) => Some(known.id),
            Principal::Person(_) => None,
        }
    }
}

/// A principal who may do this.
pub struct May<A>(pub Principal, PhantomData<A>);

impl<A: Acts> FromRequestParts<Shared> for May<A> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<May<A>, Problem> {
        let principal = authenticate(app, parts).await?;
        if allowed(principal.who(), A::ACTION) {
            Ok(May(principal, PhantomData))
        } else {
            Err(Problem::Forbidden("the token's role may not do this"))
        }
    }
}

/// A collector that may push.
#[derive(Clone, Copy, Debug)]
pub struct Collector(pub Known);

impl Collector {
    pub fn id(self) -> Uuid {
        self.0.id
    }
}

impl FromRequestParts<Shared> for Collector {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Collector, Problem> {
        match May::<PushMetrics>::from_request_parts(parts, app).await? {
            May(Principal::Collector(known), _) => Ok(Collector(known)),
            May(Principal::Person(_), _) => Err(Problem::Forbidden("a collector's token is needed")),
        }
    }
}

/// A person who may do this.
pub struct PersonMay<A> {
    pub person: Person,
    action: PhantomData<A>,
}

impl<A> PersonMay<A> {
    /// As the audit trail has them.
    pub async fn name(&self, client: &impl GenericClient) -> Result<String, Failure> {
        let user = users::find(client, self.person.user).await?;
        Ok(user.map_or_else(|| self.person.user.to_string(), |user| user.username))
    }
}

impl<A: Acts> FromRequestParts<Shared> for PersonMay<A> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<PersonMay<A>, Problem> {
        match May::<A>::from_request_parts(parts, app).await? {
            May(Principal::Person(person), _) => Ok(PersonMay { person, action: PhantomData }),
            May(Principal::Collector(_), _) => Err(Problem::Forbidden("a user's token is needed")),
        }
    }
}

/// A collector whose token counts, or ended not long ago: good for a new token, and for nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Lapsed(pub Known);

impl FromRequestParts<Shared> for Lapsed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Lapsed, Problem> {
        let token = needed(app, parts)?;
        match collector(app, token, GRACE).await? {
            Ok(known) => Ok(Lapsed(known)),
            Err(why) => Err(refused(app, why)),
        }
    }
}

pub fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn needed<'a>(app: &App, parts: &'a Parts) -> Result<&'a str, Problem> {
    bearer(parts).ok_or_else(|| {
        app.figures.auth_failures.inc();
        Problem::Unauthorized("a bearer token is needed")
    })
}

/// Why a token does not count.
#[derive(Clone, Copy)]
enum Lapse {
    Refused(Refusal),
    Revoked,
}

fn refused(app: &App, why: Lapse) -> Problem {
    app.figures.auth_failures.inc();
    Problem::Unauthorized(match why {
        Lapse::Refused(Refusal::Expired) => "the token has expired",
        Lapse::Refused(Refusal::Audience | Refusal::Forged) => "the token is not valid here",
        Lapse::Revoked => "the token was revoked",
    })
}

async fn authenticate(app: &App, parts: &Parts) -> Result<Principal, Problem> {
    let token = needed(app, parts)?;
    match collector(app, token, SignedDuration::ZERO).await? {
        Ok(known) => Ok(Principal::Collector(known)),
        Err(Lapse::Refused(Refusal::Audience)) => match person(app, token).await? {
            Ok(person) => Ok(Principal::Person(person)),
            Err(why) => Err(refused(app, why)),
        },
        Err(why) => Err(refused(app, why)),
    }
}

async fn collector(app: &App, token: &str, grace: SignedDuration) -> Result<Result<Known, Lapse>, Problem> {
    let claims = match app.keys.read(token, Timestamp::now(), grace) {
        Ok(claims) => claims,
        Err(why) => return Ok(Err(Lapse::Refused(why))),
    };
    app.open()?;
    let known = match app.caches.collector(claims.sub, &app.figures) {
        Some(known) if known.epoch == claims.epoch => Some(known),
        _ => {
            let found = app.db.with(pool::SHORT, async |client| collectors::find(client, claims.sub).await);
            let found = app.learn(found.await)?;
            found.inspect(|known| app.caches.remember(*known))
        }
    };
    Ok(known.filter(|known| known.epoch == claims.epoch).ok_or(Lapse::Revoked))
}

async fn person(app: &App, token: &str) -> Result<Result<Person, Lapse>, Problem> {
    let access = match app.keys.read_access(token, Timestamp::now()) {
        Ok(access) => access,
        Err(why) => return Ok(Err(Lapse::Refused(why))),
    };
    app.open()?;
    let known = match app.caches.person(access.session) {
        Some(person) => Some(person),
        None => {
            let found = app.db.with(pool::SHORT, async |client| sessions::find(client, access.session).await);
            let found = app.learn(found.await)?;
            found.inspect(|person| app.caches.remember_person(*person))
        }
    };
    Ok(known.filter(|person| person.user == access.sub).ok_or(Lapse::Revoked))
}
