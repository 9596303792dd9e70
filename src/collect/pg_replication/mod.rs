//! `pg_replication`: standbys, slots, WAL, subscriptions, wraparound.
//!
//! What a server knows of itself is its own item; what only a database knows (publications, copied tables, the tables
//! that its age comes from) goes into an item of that database. No connection string is read, as it may hold a
//! password. Positions are compared with what was written, on a standby with what was received or replayed.

mod errors;
mod growth;
mod tables;
mod wal;

use super::{Collector, Every, Gather, Need, On, Part, Run, Scope, Shape, Variant};
use crate::privacy::Class;

pub const PG_REPLICATION: Collector = Collector {
    name: "pg_replication",
    about: "standbys, slots, WAL, subscriptions, wraparound",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "pg_monitor",
    texts: &[
        ("logical_subscriptions[]", Class::Name, "database name owner publications[] slot_name"),
        ("publications[]", Class::Name, "name owner"),
        ("replication_slots[]", Class::Name, "database slot_name"),
        ("replication_status[]", Class::Name, "application_name slot_name usename"),
        ("slot_stats[] wal_receiver", Class::Name, "slot_name"),
        ("subscription_tables[]", Class::Name, "subscription"),
        (
            "wraparound_risk[]",
            Class::Name,
            "database oldest_mxid_table_name oldest_mxid_table_schema oldest_table_name oldest_table_schema",
        ),
        ("replication_status[]", Class::Address, "client_addr client_hostname client_port"),
        ("wal_receiver", Class::Address, "sender_host sender_port"),
        ("collection_errors[]", Class::Message, "detail"),
        ("collection_errors[]", Class::Word, "part reason sqlstate"),
        (
            "logical_subscriptions[]",
            Class::Word,
            "latest_end_lsn origin received_lsn skip_lsn streaming two_phase_state",
        ),
        ("publications[]", Class::Word, "generated_columns"),
        (
            "replication_slots[]",
            Class::Word,
            "confirmed_flush_lsn invalidation_reason plugin restart_lsn slot_type slotsync_skip_reason two_phase_at wal_status",
        ),
        ("replication_status[]", Class::Word, "flush_lsn replay_lsn sent_lsn state sync_state write_lsn"),
        (
            "wal_receiver",
            Class::Word,
            "flushed_lsn latest_end_lsn receive_lsn receive_start_lsn replay_lsn replay_pause_state status written_lsn",
        ),
        ("wal_status", Class::Word, "checkpoint_lsn current_lsn redo_lsn"),
    ],
    gather: Gather::Sql(PARTS),
};

const PARTS: &[Part] = &[
    REPLICATION_SLOTS,
    SLOT_STATS,
    REPLICATION_STATUS,
    WAL_RECEIVER,
    WAL_STATUS,
    WRAPAROUND_RISK,
    LOGICAL_SUBSCRIPTIONS,
    PUBLICATIONS,
    SUBSCRIPTION_TABLES,
    WRAPAROUND_TABLES,
    COLLECTION_ERRORS,
];

const fn rows(variants: &'static [Variant]) -> Run {
    Run::Sql { shape: Shape::Rows, binds: &[], variants }
}

const REPLICATION_SLOTS: Part = Part {
    key: "replication_slots",
    run: rows(&[
        Variant { since: 13, sql: include_str!("replication_slots.13.sql") },
        Variant { since: 14, sql: include_str!("replication_slots.14.sql") },
        Variant { since: 16, sql: include_str!("replication_slots.16.sql") },
        Variant { since: 17, sql: include_str!("replication_slots.17.sql") },
        Variant { since: 18, sql: include_str!("replication_slots.18.sql") },
        Variant { since: 19, sql: include_str!("replication_slots.19.sql") },
    ]),
    ..Part::SERVER
};

const SLOT_STATS: Part = Part {
    key: "slot_stats",
    run: rows(&[
        Variant { since: 14, sql: include_str!("slot_stats.14.sql") },
        Variant { since: 19, sql: include_str!("slot_stats.19.sql") },
    ]),
    ..Part::SERVER
};

const REPLICATION_STATUS: Part = Part {
    key: "replication_status",
    needs: &[Need::Sees("pg_read_all_stats")],
    run: rows(&[Variant { since: 13, sql: include_str!("replication_status.13.sql") }]),
    ..Part::SERVER
};

const WAL_RECEIVER: Part = Part {
    key: "wal_receiver",
    on: On::Standby,
    needs: &[Need::Sees("pg_read_all_stats")],
    run: Run::Sql {
        shape: Shape::Object,
        binds: &[],
        variants: &[
            Variant { since: 13, sql: include_str!("wal_receiver.13.sql") },
            Variant { since: 14, sql: include_str!("wal_receiver.14.sql") },
            Variant { since: 15, sql: include_str!("wal_receiver.15.sql") },
        ],
    },
    ..Part::SERVER
};

const WAL_STATUS: Part =
    Part { key: wal::KEY, needs: &[Need::Adds(wal::DIRECTORY)], run: Run::Code(wal::run), ..Part::SERVER };

const WRAPAROUND_RISK: Part = Part {
    key: "wraparound_risk",
    run: rows(&[Variant { since: 13, sql: include_str!("wraparound_risk.13.sql") }]),
    ..Part::SERVER
};

const LOGICAL_SUBSCRIPTIONS: Part = Part {
    key: "logical_subscriptions",
    run: rows(&[
        Variant { since: 13, sql: include_str!("logical_subscriptions.13.sql") },
        Variant { since: 14, sql: include_str!("logical_subscriptions.14.sql") },
        Variant { since: 15, sql: include_str!("logical_subscriptions.15.sql") },
        Variant { since: 16, sql: include_str!("logical_subscriptions.16.sql") },
        Variant { since: 17, sql: include_str!("logical_subscriptions.17.sql") },
        Variant { since: 18, sql: include_str!("logical_subscriptions.18.sql") },
        Variant { since: 19, sql: include_str!("logical_subscriptions.19.sql") },
    ]),
    ..Part::SERVER
};

const PUBLICATIONS: Part = Part {
    key: "publications",
    every: Every::Sizes,
    run: rows(&[
        Variant { since: 13, sql: include_str!("publications.13.sql") },
        Variant { since: 15, sql: include_str!("publications.15.sql") },
        Variant { since: 18, sql: include_str!("publications.18.sql") },
    ]),
    ..Part::DATABASE
};

const SUBSCRIPTION_TABLES: Part = Part {
    key: "subscription_tables",
    every: Every::Sizes,
    run: rows(&[
        Variant { since: 13, sql: include_str!("subscription_tables.13.sql") },
        Variant { since: 14, sql: include_str!("subscription_tables.14.sql") },
    ]),
    ..Part::DATABASE
};

/// `wraparound_risk` of one database, which is more than the server's item has of it.
const WRAPAROUND_TABLES: Part =
    Part { key: tables::KEY, every: Every::Sizes, run: Run::Code(tables::run), ..Part::DATABASE };

/// After all others of the server.
const COLLECTION_ERRORS: Part = Part { key: errors::KEY, run: Run::Told(errors::tell), ..Part::SERVER };
