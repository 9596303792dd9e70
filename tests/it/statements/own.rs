use serde_json::Value;

use super::{Batch, Bed};
use crate::support::cluster::Cluster;
use crate::support::majors;

#[test]
fn the_collectors_statements_stay_apart_even_with_the_applications_role() {
    for major in [majors().into_iter().min().unwrap(), majors().into_iter().max().unwrap()] {
        let server = Cluster::start(major, &[]);
        for texts in ["normalized", "none"] {
            let bed = Bed::new(&server, 1);
            bed.configure(&format!(
                "[privacy]\nquery_text = \"{texts}\"\n[postgresql]\nquery_stats_limit = 1000"
            ));
            let db = &bed.databases[0];
            server.sql(db, &format!("create table x (a int); grant select on x to {}", bed.role));
            let app = || server.sql(db, &format!("set role {}; select a from x", bed.role));
            app();
            bed.run();
            bed.run();
            app();
            let batch = bed.run();
            let own = format!(
                "select s.queryid::text, s.calls from pg_stat_statements s where query like '%pganalytics:%' and dbid = \
                 (select oid from pg_database where datname = '{db}')"
            );
            let rows = server.conn(db).query(&own, &[]).unwrap();
            for row in &rows {
                let hash: String = row.get(0);
                assert!(
                    batch.query(db, &hash).is_none(),
                    "{major} {texts}: {}",
                    bed.ask(db, "pganalytics", "query")
                );
            }
            assert_eq!(batch.stats(db, "own_queries"), rows.len() as f64, "{major} {texts}");
            // Some are sent every few minutes only.
            let each_run = rows.iter().filter(|row| row.get::<_, i64>(1) >= 3).count();
            assert!(each_run >= 9, "begin, set, session, commit, probe, info, rank and rows: {each_run}");
            assert!(batch.stats(db, "own_calls") >= each_run as f64 && batch.stats(db, "own_time_ms") > 0.0);
            let row = batch.query(db, &bed.hash(db, "select a from x")).expect("the application's is in");
            assert_eq!((row["user"].as_str(), &row["growth_calls"]), (Some(&*bed.role), &1.into()), "{row}");
        }
    }
}

/// Nothing but what the collector sends runs as its role and, where it has to ask for that, as pg_monitor.
#[test]
fn a_role_of_its_own_has_no_row_not_even_of_begin_and_commit() {
    for major in majors() {
        let server = Cluster::start(major, &[]);
        for inherits in [true, false] {
            let bed = Bed::new(&server, 2);
            if !inherits {
                let again = "drop role {role}; create role {role} login noinherit in role pg_monitor";
                server.sql("postgres", &again.replace("{role}", &bed.role));
            }
            // One application commits before the collector first does, the other long after.
            let apps = [("early", 0), ("late", 2)].map(|(name, from)| (server.fresh_name(name), from));
            apps.iter().for_each(|(role, _)| server.sql("postgres", &format!("create role {role}")));
            for cycle in 0..6 {
                let there = apps.iter().filter(|(_, from)| *from <= cycle);
                there.clone().for_each(|(role, _)| transact(&bed, role));
                let batch = run(&bed, cycle);
                for db in &bed.databases {
                    let ours = |row: &&Value| row["user"] == *bed.role || row["user"] == "pg_monitor";
                    let ours: Vec<&Value> = batch.queries(db).iter().filter(ours).collect();
                    assert!(ours.is_empty(), "{major} {inherits} {cycle} {ours:?}");
                    assert!(
                        cycle == 0 || batch.stats(db, "own_queries") >= 6.0,
                        "{major} {inherits} {cycle}"
                    );
                }
                for (role, from) in there {
                    let seen = seen(&bed, &batch, role);
                    assert_eq!(seen, [[3 * (1 + cycle - from); 2]; 2], "{major} {inherits} {cycle} {role}");
                }
            }
            let timeouts = "select count(*) from pg_stat_statements s join pg_roles r on r.oid = s.userid where \
                r.rolname = '{role}' and s.query ~ '^(set|SET)'";
            let entries: i64 = server.one(&bed.databases[0], &timeouts.replace("{role}", &bed.role));
            assert!(entries <= 8, "{major}: a SET for each database, whatever time is left: {entries}");
        }
    }
}

/// Three transactions in each database.
fn transact(bed: &Bed, role: &str) {
    let text = format!("set role {role}; {}", "begin; select 1; commit;".repeat(3));
    bed.databases.iter().for_each(|db| bed.server.sql(db, &text));
}

/// With every collector that asks the server: as usual, the third with all parts at once, and from the fifth on without
/// texts. The custom query's timeout is never the same.
fn run(bed: &Bed, cycle: u32) -> Batch {
    let privacy = if cycle < 4 { "normalized" } else { "none" };
    let (port, role, databases, timeout_ms) = (bed.server.port(), &bed.role, &bed.databases, 900 + cycle);
    bed.home.config(&format!(
        "[collector]\nid = \"c\"\nstate_dir = \"{{state}}\"\n[backend]\nurl = \"{{target}}\"\n\
         [logging]\nfile_path = \"{{log}}\"\n[privacy]\nquery_text = \"{privacy}\"\n\
         [postgres]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{role}\"\nsslmode = \"disable\"\n\
         databases = {databases:?}\n[postgresql]\nquery_stats_limit = 1000\n\
         [sysstat]\nenabled = false\n[disk_usage]\nenabled = false\n\
         [[custom]]\nname = \"one\"\nsql = \"select 1 as one\"\ntimeout_ms = {timeout_ms}\n"
    ));
    let run = bed.home.run(if cycle == 2 { &["cron", "--force"] } else { &["cron"] });
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", bed.home.log());
    bed.last()
}

/// How often a role began and committed, in each database, as the batch has it and as the server does.
fn seen(bed: &Bed, batch: &Batch, role: &str) -> [[u32; 2]; 2] {
    let calls = |db: &String, word: &str| {
        let counted = format!(
            "select s.queryid::text, s.calls from pg_stat_statements s join pg_roles r on r.oid = s.userid \
             join pg_database d on d.oid = s.dbid where r.rolname = '{role}' and d.datname = '{db}' and s.query = '{word}'"
        );
        let counted = bed.server.conn(&bed.databases[0]).query_one(&counted, &[]).unwrap();
        let (hash, calls): (String, i64) = (counted.get(0), counted.get(1));
        let here = |row: &&Value| row["hash"] == *hash && row["user"] == *role;
        let rows: Vec<i64> =
            batch.queries(db).iter().filter(here).map(|row| row["calls"].as_i64().unwrap()).collect();
        assert_eq!(rows, [calls], "{word} of {role} in {db}");
        calls as u32
    };
    [0, 1].map(|db| ["begin", "commit"].map(|word| calls(&bed.databases[db], word)))
}
