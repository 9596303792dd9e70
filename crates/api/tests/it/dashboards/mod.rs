//! The dashboards in grafana/: what a viewer's Grafana would ask is asked of a store that a real collector filled, as the role
//! that grafana/role.sql makes; and what can be told of them without asking.

mod fields;
mod lint;
mod macros;
mod source;
mod stage;

use std::collections::BTreeSet;

use bed::cluster::shared;
use bed::majors;
use postgres::{Client, NoTls, SimpleQueryMessage};

use macros::{Chosen, Dialect};
use source::{Panel, dashboards};
use stage::Scene;

/// Panels whose truth is none on the servers of these tests.
const NONE: [(&str, &str); 15] = [
    ("Just-in-time compilation", "no server of the tests has JIT"),
    ("What could not be read", "nothing is refused to the role"),
    (
        "Asynchronous input and output under way",
        "no server of the tests has any at that moment, if it is 18 at all",
    ),
    ("Work under way", "it is over before a run looks"),
    ("Pressure", "a kernel may not tell it"),
    ("What the log told", LOGLESS),
    ("Entries by level and code", LOGLESS),
    ("Slow statements in the log", LOGLESS),
    ("Failed statements", LOGLESS),
    ("Checkpoints in the log", LOGLESS),
    ("Autovacuum in the log", LOGLESS),
    ("Temporary files in the log", LOGLESS),
    ("Lock waits in the log", LOGLESS),
    ("Deadlocks", LOGLESS),
    ("Entries worth reading", LOGLESS),
];
const LOGLESS: &str = "the log of these servers goes where nobody reads it";
/// Not before this major.
const LATER: [(&str, u32); 6] = [
    ("WAL written", 14),
    ("WAL records, full pages, full buffers", 14),
    ("Decoded by slots", 14),
    ("Input and output by kind of process", 16),
    ("Hits, evictions, syncs", 16),
    ("Disk reads and writes", 13),
];
/// What the machine decides: containers have no disks of their own, and a standby that is fast has no lag.
const PERHAPS: [&str; 6] = [
    "Disk reads and writes",
    "Disk bytes",
    "Lag in time",
    "Pressure",
    "Work under way",
    "Asynchronous input and output under way",
];

#[test]
fn every_panel_answers_with_rows_whatever_is_chosen() {
    std::thread::scope(|scope| {
        for major in majors() {
            scope.spawn(move || check(major));
        }
    });
}

fn check(major: u32) {
    let server = shared(major);
    let database = server.fresh_database("grafana");
    let url = bed::api::url(server.port(), &database);
    let scene = Scene::fill(major, &url);
    let mut viewer = scene.viewer(&url);
    let mut faults = Vec::new();
    for chosen in [scene.all(), scene.several(), scene.one()] {
        for (dashboard, panel) in panels() {
            let rows = asked(&mut viewer, &panel, &chosen, Dialect::Plain);
            let fault = match rows {
                Err(e) => Some(e),
                Ok(rows) => wrong(major, &panel.title, &chosen, rows),
            };
            faults.extend(
                fault.map(|fault| format!("{dashboard}, {} of {}: {fault}", panel.title, chosen.what)),
            );
        }
    }
    assert!(faults.is_empty(), "PostgreSQL {major}:\n{}", faults.join("\n"));
}

/// On TimescaleDB, with the switch of the data source on and off.
pub(crate) fn check_on_timescale(url: &str) {
    let scene = Scene::fill(*majors().last().unwrap(), url);
    let mut viewer = scene.viewer(url);
    let mut buckets = 0;
    for (dialect, chosen) in
        [(Dialect::Timescale, scene.all()), (Dialect::Timescale, scene.one()), (Dialect::Plain, scene.all())]
    {
        for (dashboard, panel) in panels() {
            buckets += usize::from(macros::expand(&panel.sql, &chosen, dialect).contains("time_bucket("));
            let rows =
                asked(&mut viewer, &panel, &chosen, dialect).unwrap_or_else(|e| panic!("{dashboard}: {e}"));
            let fault = wrong(scene.major, &panel.title, &chosen, rows);
            assert_eq!(fault, None, "{dashboard}, {}", panel.title);
        }
    }
    assert!(buckets > 0, "the switch changes nothing");
}

fn panels() -> impl Iterator<Item = (String, Panel)> {
    dashboards().into_iter().flat_map(|d| d.panels.into_iter().map(move |panel| (d.uid.clone(), panel)))
}

fn asked(viewer: &mut Client, panel: &Panel, chosen: &Chosen, dialect: Dialect) -> Result<usize, String> {
    let sql = macros::expand(&panel.sql, chosen, dialect);
    let answer = viewer.simple_query(&sql).map_err(|e| format!("{e:?} in {sql}"))?;
    Ok(answer.iter().filter(|message| matches!(message, SimpleQueryMessage::Row(_))).count())
}

fn wrong(major: u32, title: &str, chosen: &Chosen, rows: usize) -> Option<String> {
    let none = NONE.iter().any(|(name, _)| *name == title)
        || LATER.iter().any(|(name, since)| *name == title && major < *since)
        || chosen.without.contains(&title);
    match (rows, none, PERHAPS.contains(&title)) {
        (_, _, true) => None,
        (0, false, _) => Some("no rows".into()),
        (rows, true, _) if rows > 0 => Some(format!("{rows} rows, and it should have none")),
        _ => None,
    }
}

#[test]
fn the_lists_of_exceptions_name_panels() {
    let titles: BTreeSet<String> = panels().map(|(_, panel)| panel.title).collect();
    let named = NONE.iter().map(|(name, _)| *name).chain(LATER.iter().map(|(name, _)| *name)).chain(PERHAPS);
    named.for_each(|name| assert!(titles.contains(name), "{name}"));
}

impl Scene {
    /// Who may read what the dashboards show, and nothing else.
    fn viewer(&self, url: &str) -> Client {
        let mut owner = Client::connect(url, NoTls).unwrap();
        let role = format!(
            "grafana_{}",
            owner.query_one("select current_database()", &[]).unwrap().get::<_, String>(0)
        );
        let text = std::fs::read_to_string(bed::top().join("grafana/role.sql")).unwrap();
        assert!(text.contains("create role grafana login") && text.contains("to grafana;"), "{text}");
        let text = text
            .replace("role grafana ", &format!("role {role} "))
            .replace("to grafana;", &format!("to {role};"));
        owner.batch_execute(&text).unwrap();
        owner.batch_execute(&format!("set role {role}")).unwrap();
        for secret in ["users", "sessions", "configs", "audit"] {
            let refused = owner.batch_execute(&format!("select * from {secret}")).unwrap_err();
            assert_eq!(refused.code().map(|code| code.code()), Some("42501"), "{secret}");
        }
        owner
    }
}
