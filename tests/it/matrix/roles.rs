use std::collections::BTreeSet;

use pganalytics::collect::{At, Gather, Scope, registry};
use serde_json::Value;

use super::stage::{Cycle, ROLES, cycle, home, server};
use super::types;
use crate::support::majors;

#[test]
fn every_collector_on_every_major_for_every_role() {
    std::thread::scope(|scope| {
        for major in majors() {
            scope.spawn(move || check(major));
        }
    });
}

fn check(major: u32) {
    let cluster = server(major);
    for role in ROLES {
        let home = home(&cluster, role);
        let found = cycle(&cluster, &home);
        let who = format!("{role} on PostgreSQL {major}");
        assert_eq!(found.code, Some(i32::from(role == "nobody")), "{who}: {}", home.log());
        assert!(found.statements() > 20, "{who}: {}", found.server_log);
        assert_eq!(found.errors(), Vec::<&str>::new(), "{who}");
        assert_outcomes(&who, role, &found);
        types::agree(major, &found);
        if role == "nobody" {
            let lacks = found.parts().filter(|(_, outcome)| outcome["reason"] == "privilege").count();
            assert!(lacks > 0, "{who}: a role without rights lacks something");
        }
    }
}

/// Every item is there, and every part of it has an outcome that this role is promised.
#[track_caller]
pub(super) fn assert_outcomes(who: &str, role: &str, found: &Cycle) {
    everything_is_there(who, found);
    let unexpected = found.parts().filter(|(_, outcome)| !is_expected(role, outcome));
    let faults: Vec<String> = unexpected.map(|(part, outcome)| format!("{part}: {outcome}")).collect();
    assert!(faults.is_empty(), "{who}:\n{}", faults.join("\n"));
}

/// Each role gets every item; what it may not see is missing inside.
fn everything_is_there(who: &str, found: &Cycle) {
    let mut expected = BTreeSet::new();
    for collector in registry::ALL {
        let Gather::Sql(parts) = collector.gather else { continue };
        for part in parts {
            let places = match (collector.scope, part.at) {
                (Scope::Database, _) | (_, At::Database) => vec![Some("app"), Some("postgres")],
                _ => vec![None],
            };
            expected.extend(places.iter().map(|d| (collector.name.to_owned(), d.map(str::to_owned))));
        }
    }
    let there: BTreeSet<_> =
        found.items.keys().filter(|(name, _)| registry::is_asked(name)).cloned().collect();
    assert_eq!(there, expected, "{who}");
}

/// A superuser lacks nothing. With pg_monitor nothing fails; what it does not include is told as such. Without any
/// rights there is less, and each place says why.
fn is_expected(role: &str, outcome: &Value) -> bool {
    let verdict = outcome["outcome"].as_str().unwrap();
    let reason = outcome["reason"].as_str();
    let detail = outcome["detail"].as_str().unwrap_or_default();
    let told = matches!(reason, Some("version" | "not_applicable" | "first_run"));
    let beyond_monitor = || !detail.is_empty() && !detail.contains("grant pg_monitor");
    match (verdict, role) {
        ("ok", _) => reason.is_none(),
        ("skipped", _) if told => true,
        ("partial", _) if reason == Some("first_run") => true,
        ("skipped" | "partial", "mon") => reason == Some("privilege") && beyond_monitor(),
        (_, "nobody") => reason == Some("privilege") && !detail.is_empty(),
        _ => false,
    }
}
