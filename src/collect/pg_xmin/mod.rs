//! `pg_xmin`: who holds the xmin horizon back, so that vacuum cannot remove what they might still see.
//!
//! The horizon is held by open transactions and snapshots, prepared transactions, replication slots (for the catalogs by
//! logical ones), and standbys with feedback. A plain VACUUM holds nothing back, however old its snapshot, nor does a
//! session that decodes for a logical slot: the server passes them over, and so does this.

mod holders;

use super::{Collector, Gather, Need, Part, Run, Scope};
use crate::privacy::Class;

pub const PG_XMIN: Collector = Collector {
    name: "pg_xmin",
    about: "who holds the xmin horizon back",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "pg_read_all_stats for other roles' transactions",
    texts: &[
        ("holders[]", Class::Statement, "query"),
        ("holders[]", Class::Name, "application database name user"),
        ("holders[]", Class::Address, "client_addr"),
        ("holders[]", Class::Word, "backend_type kind state"),
        ("", Class::Word, "oldest_kind"),
    ],
    gather: Gather::Sql(&[HOLDERS]),
};

const HOLDERS: Part = Part {
    key: "holders",
    needs: &[Need::Sees("pg_read_all_stats")],
    run: Run::Code(holders::run),
    ..Part::SERVER
};
