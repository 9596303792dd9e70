//! `pg_security`: roles, pg_hba rules, TLS, public privileges.

use super::{Collector, Gather, Scope};

pub const PG_SECURITY: Collector = Collector {
    name: "pg_security",
    about: "roles, pg_hba rules, TLS, public privileges",
    scope: Scope::Server,
    every_s: 86_400,
    enabled: false,
    needs: "select on pg_hba_file_rules for those",
    gather: Gather::Sql(&[]),
};
