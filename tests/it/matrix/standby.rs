//! The newest major in recovery: what only a primary has is told as such, and nothing that fails there is sent.

use pganalytics::collect::{Gather, On, registry};

use super::roles::assert_outcomes;
use super::stage::{Cycle, ROLES, cycle, home, server};
use super::types;
use crate::support::cluster::Cluster;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

#[test]
fn every_collector_on_a_standby() {
    let major = *majors().last().unwrap();
    let primary = server(major);
    let conninfo = format!("host=127.0.0.1 port={} user=postgres", primary.port());
    let standby =
        Cluster::standby(&primary, &[("primary_conninfo", &conninfo), ("hot_standby_feedback", "on")]);
    eventually(LONG, || match standby.one::<i64>("postgres", "select count(*) from pg_stat_wal_receiver") {
        1 => Ok(()),
        _ => Err(standby.log_text()),
    });
    for role in ROLES {
        let home = home(&standby, role);
        let found = cycle(&standby, &home);
        assert_eq!(found.code, Some(i32::from(role == "nobody")), "{role}: {}", home.log());
        assert!(found.statements() > 20, "{role}: {}", found.server_log);
        assert_eq!(found.errors(), Vec::<&str>::new(), "{role}");
        assert_outcomes(&format!("{role} on a standby"), role, &found);
        types::agree(major, &found);
        each_part_is_where_it_belongs(&found);
    }
}

fn each_part_is_where_it_belongs(found: &Cycle) {
    for ((name, _), item) in found.items.iter().filter(|((name, _), _)| registry::is_asked(name)) {
        let Gather::Sql(parts) = registry::find(name).unwrap().gather else { continue };
        for part in parts.iter().filter(|p| p.on != On::Any) {
            let outcome = &item["parts"][part.key];
            let elsewhere = outcome["reason"] == "not_applicable";
            assert_eq!(elsewhere, part.on == On::Primary, "{name}.{}: {outcome}", part.key);
        }
    }
}
