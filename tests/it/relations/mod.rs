//! What is told of a database's relations: caches, bloat, sequences, extensions, schema.

mod bloat;
mod contract;
mod kinds;
mod locks;
mod roles;
mod schema;
mod truth;
mod vacuum;

/// All of them, on.
const ON: &str = "[pg_schema]\nenabled = true\n";
const ALL: [&str; 5] = ["pg_cache", "pg_bloat", "pg_sequences", "pg_extensions", "pg_schema"];
