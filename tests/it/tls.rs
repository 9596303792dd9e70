//! TLS as a client, against PostgreSQL and an HTTPS server: every mode with every kind of certificate.

pub(crate) mod certs;
mod https;
mod middle;
mod old;
pub(crate) mod postgres;
mod refusals;
