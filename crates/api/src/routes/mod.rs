//! A file a resource; the list of routes is in `app.rs`.

pub mod collectors;
pub mod configs;
pub mod fleet;
pub mod health;
pub mod login;
pub mod openapi;
pub mod page;
pub mod push;
pub mod read;
pub mod refresh;
pub mod register;
pub mod scrape;
pub mod servers;
pub mod users;
