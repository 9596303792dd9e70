use super::{Bed, WIDE, distinct};
use crate::support::cluster::Cluster;
use crate::support::majors;

#[test]
fn however_many_statements_it_takes_one_scan_and_one_reading() {
    let newest = majors().into_iter().max().unwrap();
    for major in majors() {
        let many = if major == newest { 5000 } else { 300 };
        let server = Cluster::start(major, &[("pg_stat_statements.max", "6000")]);
        let bed = Bed::new(&server, 3);
        bed.configure("[postgresql]\nquery_stats_limit = 5000\n");
        server.sql(&bed.databases[0], &format!("{WIDE}; {}", distinct(1, many)));
        bed.run();
        let role = &bed.role;
        server.sql("postgres", &format!("alter role {role} set log_statement = 'all'"));
        let mark = server.log_mark();
        let batch = bed.run();
        let log = server.log_since(mark);
        let sent = |tag: &str| log.matches(&format!("/* pganalytics:{tag} */")).count();
        // Without `stats_since` the counter of evictions is read on both sides of the scan.
        let info = if (14..17).contains(&major) { 2 } else { 1 };
        let counts = ["rank", "rows", "info"].map(|part| sent(&format!("pg_query_stats.{part}")));
        assert_eq!(counts, [1, 1, info], "{major} {log}");
        assert!(log.matches("pg_stat_statements(").count() == 2, "two scans of the server's statements");
        assert!(batch.stats(&bed.databases[0], "queries_collected") >= f64::from(many));
    }
}
