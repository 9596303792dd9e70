//! `pg_security`: roles, pg_hba rules, TLS, public privileges.
//!
//! What a reader should look at, bounded, with counts of all there is; never a password, nor its hash. Each database
//! has an item for what everybody may do in it.

use super::{Collector, Gather, Need, Part, Run, Scope, Shape, Variant};
use crate::privacy::Class;

pub const PG_SECURITY: Collector = Collector {
    name: "pg_security",
    about: "roles, pg_hba rules, TLS, public privileges",
    scope: Scope::Server,
    every_s: 86_400,
    enabled: false,
    needs: "select on pg_hba_file_rules for those",
    texts: &[
        ("hba[]", Class::Name, "file_name"),
        ("memberships[]", Class::Name, "granted_role name"),
        ("open_databases[] open_schemas[]", Class::Name, "name owner"),
        ("open_definers[]", Class::Name, "name owner schema"),
        ("open_tables[]", Class::Name, "name schema"),
        ("roles[]", Class::Name, "name"),
        ("hba[]", Class::Names, "databases users"),
        ("open_definers[]", Class::Type, "arguments"),
        ("hba[]", Class::Address, "address"),
        ("hba[]", Class::Message, "error options"),
        ("hba[]", Class::Word, "auth_method netmask type"),
        ("open_definers[]", Class::Word, "language"),
        ("open_tables[]", Class::Word, "kind privileges"),
        ("", Class::Word, "password_encryption"),
        ("tls[]", Class::Word, "cipher encryption version"),
    ],
    gather: Gather::Sql(&[
        ROLE_COUNTS,
        ROLES,
        MEMBERSHIPS,
        PASSWORDS,
        HBA_COUNTS,
        HBA,
        TLS,
        OPEN_DATABASES,
        OPEN_SCHEMAS,
        OPEN_DEFINERS,
        OPEN_TABLES,
    ]),
};

const HBA_NEEDS: &[Need] =
    &[Need::Use("pg_catalog.pg_hba_file_rules"), Need::Use("pg_catalog.pg_hba_file_rules()")];

const ROLE_COUNTS: Part = Part {
    key: "role_counts",
    run: sql(Shape::Fields, &[Variant { since: 13, sql: include_str!("role_counts.13.sql") }]),
    ..Part::SERVER
};

const ROLES: Part = Part {
    key: "roles",
    run: sql(Shape::Rows, &[Variant { since: 13, sql: include_str!("roles.13.sql") }]),
    ..Part::SERVER
};

const MEMBERSHIPS: Part = Part {
    key: "memberships",
    run: sql(Shape::Rows, &[Variant { since: 13, sql: include_str!("memberships.13.sql") }]),
    ..Part::SERVER
};

const PASSWORDS: Part = Part {
    key: "passwords",
    needs: &[Need::Use("pg_catalog.pg_authid")],
    run: sql(Shape::Object, &[Variant { since: 13, sql: include_str!("passwords.13.sql") }]),
    ..Part::SERVER
};

const HBA_COUNTS: Part = Part {
    key: "hba_counts",
    needs: HBA_NEEDS,
    run: sql(Shape::Fields, &[Variant { since: 13, sql: include_str!("hba_counts.13.sql") }]),
    ..Part::SERVER
};

const HBA: Part = Part {
    key: "hba",
    needs: HBA_NEEDS,
    run: sql(
        Shape::Rows,
        &[
            Variant { since: 13, sql: include_str!("hba.13.sql") },
            Variant { since: 16, sql: include_str!("hba.16.sql") },
        ],
    ),
    ..Part::SERVER
};

const TLS: Part = Part {
    key: "tls",
    needs: &[Need::Sees("pg_read_all_stats")],
    run: sql(Shape::Rows, &[Variant { since: 13, sql: include_str!("tls.13.sql") }]),
    ..Part::SERVER
};

const OPEN_DATABASES: Part = Part {
    key: "open_databases",
    run: sql(Shape::Rows, &[Variant { since: 13, sql: include_str!("open_databases.13.sql") }]),
    ..Part::SERVER
};

const OPEN_SCHEMAS: Part = Part {
    key: "open_schemas",
    run: sql(Shape::Rows, &[Variant { since: 13, sql: include_str!("open_schemas.13.sql") }]),
    ..Part::DATABASE
};

const OPEN_DEFINERS: Part = Part {
    key: "open_definers",
    run: sql(Shape::Rows, &[Variant { since: 13, sql: include_str!("open_definers.13.sql") }]),
    ..Part::DATABASE
};

const OPEN_TABLES: Part = Part {
    key: "open_tables",
    run: sql(Shape::Rows, &[Variant { since: 13, sql: include_str!("open_tables.13.sql") }]),
    ..Part::DATABASE
};

const fn sql(shape: Shape, variants: &'static [Variant]) -> Run {
    Run::Sql { shape, binds: &[], variants }
}
