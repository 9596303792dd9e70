//! What is told of a database's relations: caches, bloat, sequences, extensions, schema.

mod bloat;
