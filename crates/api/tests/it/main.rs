//! The one integration-test binary of the backend: the program as operators run it, on real servers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alerts;
mod anything;
mod aside;
mod batch;
mod configured;
mod dashboards;
mod earlier;
mod faulty;
mod fuzz;
mod grid;
mod limits;
mod migrations;
mod openapi;
mod outages;
mod page;
mod partitions;
mod people;
mod persons;
mod pooler;
mod push;
mod rates;
mod reading;
mod registration;
mod replicas;
mod rotations;
mod scrape;
mod settings;
mod silent;
mod stored;
mod texts;
mod timescale;
mod tls;
mod tokens;
mod told;
mod trail;
mod unread;
