//! PostgreSQL: the only place that opens connections to it, and the only one that turns its values into ours.

pub mod connect;
pub mod failure;
pub mod pool;
pub mod probe;
pub mod progress;
pub mod refusal;
pub mod rows;
pub mod session;
pub mod text;
pub mod tls;
