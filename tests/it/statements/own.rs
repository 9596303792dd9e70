use super::Bed;
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
                "select s.queryid::text from pg_stat_statements s where query like '%pganalytics:%' and dbid = \
                 (select oid from pg_database where datname = '{db}')"
            );
            let rows = server.conn(db).query(&own, &[]).unwrap();
            assert!(rows.len() >= 4, "session, probe, info, rank and rows of them: {}", rows.len());
            for row in &rows {
                let hash: String = row.get(0);
                assert!(
                    batch.query(db, &hash).is_none(),
                    "{major} {texts}: {}",
                    bed.ask(db, "pganalytics", "query")
                );
            }
            assert_eq!(batch.stats(db, "own_queries"), rows.len() as f64, "{major} {texts}");
            assert!(
                batch.stats(db, "own_calls") >= rows.len() as f64 && batch.stats(db, "own_time_ms") > 0.0
            );
            let row = batch.query(db, &bed.hash(db, "select a from x")).expect("the application's is in");
            assert_eq!((row["user"].as_str(), &row["growth_calls"]), (Some(&*bed.role), &1.into()), "{row}");
        }
    }
}
