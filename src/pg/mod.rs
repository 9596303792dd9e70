//! PostgreSQL's side of the wire: the only place that opens database connections.

pub mod connect;
pub mod refusal;
pub mod tls;
