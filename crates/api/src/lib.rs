//! The backend. A request becomes a *principal*, does one thing in the *store*, and answers with a *wire* type or a
//! *problem*. Where to look for what:
//!
//! - [`config`]: what an operator may set; [`command`]: what the program can be told to do
//! - [`app`]: what requests share, and the list of [`routes`]; [`request`], [`unread`]: what every request gets; [`problem`]
//! - [`openapi`]: what each of them says of itself, and the document of it
//! - [`principal`], [`token`]: who is asking
//! - [`ingest`]: from bytes to rows, pure; [`json`], [`object`]: how it reads;
//!   [`family`], [`copy`]: rows of hot families, and how they travel
//! - [`take`]: a batch into the [`store`], with [`breaker`], [`cache`], [`pieces`] before it
//! - [`attention`]: which of what was collected needs somebody, for the page ([`routes::page`])
//! - [`retention`], [`upkeep`]: what is kept, and for how long; [`size`]: what that takes
//! - [`figures`]: how it is doing; [`digest`]: SHA-256 as text

pub mod admin;
pub mod app;
pub mod attention;
pub mod body;
pub mod breaker;
pub mod cache;
pub mod certificate;
pub mod client;
pub mod command;
pub mod config;
pub mod copy;
pub mod digest;
pub mod family;
pub mod figures;
pub mod guard;
pub mod ingest;
pub mod json;
pub mod limit;
pub mod log;
pub mod object;
pub mod openapi;
pub mod password;
pub mod permission;
pub mod pieces;
pub mod principal;
pub mod problem;
pub mod replay;
pub mod request;
pub mod retention;
pub mod routes;
pub mod serve;
pub mod size;
pub mod store;
pub mod take;
pub mod token;
pub mod unread;
pub mod upkeep;
