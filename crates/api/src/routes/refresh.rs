//! A new token for an old one. The old one stays good until its end: earlier releases forget the new one.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use wire::TokenReply;

use crate::app::Shared;
use crate::principal::Lapsed;
use crate::problem::Problem;

pub async fn refresh(State(app): State<Shared>, Lapsed(known): Lapsed) -> Result<Json<TokenReply>, Problem> {
    let (token, until) =
        app.keys.issue(known.id, known.epoch, Timestamp::now()).map_err(|_| Problem::Broken)?;
    Ok(Json(TokenReply { token, expires_at: Some(until.to_string()) }))
}
