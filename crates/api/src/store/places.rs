//! Servers as an overview has them: a row for each that a collector watches, with a few figures that are new.

use serde::Deserialize;
use tokio_postgres::GenericClient;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use super::failure::Failure;

/// An overview has no more rows than this.
const SHOWN: i64 = 2000;

#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Place {
    pub collector: Uuid,
    pub server: String,
    /// Since its newest item; a server that never answered has none.
    pub told_s: Option<f64>,
    pub sessions: Option<f64>,
    pub active: Option<f64>,
    pub max_connections: Option<f64>,
    pub transactions: Option<f64>,
    pub hit: Option<f64>,
    pub errors: Option<f64>,
}

/// Of one collector, or of all. A server that is configured is there even if it never answered; one that is no longer is there
/// for a day.
pub async fn places(client: &impl GenericClient, collector: Option<Uuid>) -> Result<Vec<Place>, Failure> {
    let sql = format!("select to_jsonb(t) from ({}) t limit {SHOWN}", include_str!("view/places.sql"));
    let rows = client.query_typed(&sql, &[(&collector, Type::UUID)]).await?;
    rows.iter().map(|row| Ok(row.try_get::<_, Json<Place>>(0)?.0)).collect()
}
