//! `pg_bgwriter`: background writer and checkpoints.
//!
//! One set of names from 13 on, though 17 spread the figures over three views; each has its own reset time.

use super::{Collector, Gather, Part, Run, Scope, Shape, Variant};
use crate::privacy::Class;

pub const PG_BGWRITER: Collector = Collector {
    name: "pg_bgwriter",
    about: "background writer and checkpoints",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "nothing",
    texts: &[("", Class::Word, "last_checkpoint_redo_lsn")],
    gather: Gather::Sql(&[BGWRITER]),
};

const BGWRITER: Part = Part {
    key: "bgwriter",
    run: Run::Sql {
        shape: Shape::Fields,
        binds: &[],
        variants: &[
            Variant { since: 13, sql: include_str!("bgwriter.13.sql") },
            Variant { since: 17, sql: include_str!("bgwriter.17.sql") },
            Variant { since: 18, sql: include_str!("bgwriter.18.sql") },
        ],
    },
    ..Part::SERVER
};
