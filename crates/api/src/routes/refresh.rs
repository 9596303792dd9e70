//! A new token for an old one. The old one stays good until its end: earlier releases forget the new one.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use wire::TokenReply;

use crate::app::Shared;
use crate::openapi::{Answer, Operation, Who};
use crate::principal::Lapsed;
use crate::problem::Problem;

pub const REFRESH: Operation = Operation {
    about: "A new token of 30 days for a collector",
    more: "Also for a token that ended up to 30 days ago. The old one stays good until its end.",
    who: Who::Lapsed,
    answers: &[Answer::json::<TokenReply>(200, "the new token")],
    ..Operation::ANY
};

pub async fn refresh(State(app): State<Shared>, Lapsed(known): Lapsed) -> Result<Json<TokenReply>, Problem> {
    let (token, until) =
        app.keys.issue(known.id, known.epoch, Timestamp::now()).map_err(|_| Problem::Broken)?;
    Ok(Json(TokenReply { token, expires_at: Some(until.to_string()) }))
}
