//! The whole way: a collector that registered itself, the backend, and the database that it stores into; all of them real,
//! and each of them killed or cut off in between. What was sent is compared with what is stored and read again.

mod arrives;
mod cuts;
mod kills;
mod scene;
mod stored;
