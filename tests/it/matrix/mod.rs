//! Every collector, on every major, for every kind of role: what must fail is never sent, what is sent never fails, and
//! what comes has the types that readers know. Iterates the registry: a new collector is in it by being there.

mod columns;
mod fields;
mod paths;
mod roles;
pub(crate) mod stage;
mod standby;
mod types;
