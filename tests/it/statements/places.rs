use super::{Bed, WIDE, distinct};
use crate::support::cluster::{Cluster, shared};
use crate::support::majors;

/// Statements of the application in one database, as the server counts them: how many, their calls, their time.
fn counted(bed: &Bed, database: &str, app: &str) -> (i64, i64, f64) {
    let text = "select count(*), sum(calls)::int8, sum(total_exec_time) from pg_stat_statements s \
        join pg_database d on d.oid = s.dbid join pg_roles r on r.oid = s.userid where datname = $1 and rolname = $2";
    let row = bed.server.conn(&bed.databases[0]).query_one(text, &[&database, &app]).unwrap();
    (row.get(0), row.get::<_, Option<i64>>(1).unwrap_or(0), row.get::<_, Option<f64>>(2).unwrap_or(0.0))
}

#[test]
fn each_statement_once_under_its_own_database() {
    for major in majors() {
        let server = shared(major);
        let mut bed = Bed::new(server, 3);
        let unwatched = bed.databases.pop().unwrap();
        bed.configure("[postgresql]\nquery_stats_limit = 1000");
        let app = server.fresh_name("app");
        server.sql("postgres", &format!("create role {app} superuser"));
        let secret = format!("of_nobodys_business_{app}");
        for db in bed.databases.iter().chain([&unwatched]) {
            server.sql(db, &format!("set role {app}; select 1, 2, 3; {WIDE}; {}", distinct(1, 9).repeat(2)));
        }
        server.sql(
            &unwatched,
            &format!("set role {app}; create table {secret} (a int); select a from {secret}"),
        );
        let batch = bed.run();
        for db in &bed.databases {
            let ours = |q: &&serde_json::Value| q["user"] == *app;
            let rows: Vec<_> = batch.queries(db).iter().filter(ours).collect();
            let (statements, calls, time) = counted(&bed, db, &app);
            assert_eq!(rows.len() as i64, statements, "{major} {db}");
            assert_eq!(rows.iter().map(|q| q["calls"].as_i64().unwrap()).sum::<i64>(), calls);
            let total: f64 = rows.iter().map(|q| q["total_time"].as_f64().unwrap()).sum();
            assert!((total - time).abs() < 0.001 * rows.len() as f64, "{total} {time}");
            let hash = bed.ask(db, "select $1, $2, $3", "s.queryid");
            assert_eq!(batch.query(db, &hash).unwrap()["calls"], 1, "one row, its own figures");
        }
        assert!(!batch.0.to_string().contains(&secret), "neither rows nor texts of a database not watched");
        assert!(batch.0["metrics"].as_array().unwrap().iter().all(|item| item["database"] != *unwatched));
        let total: i64 = server.one(&bed.databases[0], "select count(*) from pg_stat_statements");
        let watched: f64 = bed.databases.iter().map(|db| batch.stats(db, "queries_total")).sum();
        assert!(watched < total as f64);
    }
}

#[test]
fn coverage_is_true_for_small_and_large_limits() {
    for major in majors() {
        let server = Cluster::start(major, &[]);
        let bed = Bed::new(&server, 2);
        let [a, b] = [&bed.databases[0], &bed.databases[1]];
        server.sql(a, &format!("{WIDE}; {}", distinct(1, 120)));
        server.sql(b, &format!("{WIDE}; {}", distinct(1, 80)));
        // After two runs every statement of the collector's own is known.
        bed.run();
        bed.run();
        let mut expected = Vec::new();
        for limit in [10, 1000] {
            bed.configure(&format!("[postgresql]\nquery_stats_limit = {limit}"));
            let text = "select count(*) from pg_stat_statements(false) where dbid = \
                (select oid from pg_database where datname = $1) or $1 = ''";
            // Asked where nobody watches.
            server.sql("postgres", "create extension if not exists pg_stat_statements");
            let mut conn = server.conn("postgres");
            let mut count = |name: &str| conn.query_one(text, &[&name]).unwrap().get::<_, i64>(0) as f64;
            count("");
            server.sql(a, &distinct(1, 100));
            server.sql(b, &distinct(1, 10));
            let total = count("");
            let batch = bed.run();
            for db in [a, b] {
                let present = count(db);
                let (collected, own) = (batch.queries(db).len() as f64, batch.stats(db, "own_queries"));
                assert_eq!(batch.stats(db, "queries_total"), present, "{major} {db}");
                assert_eq!(collected, (present - own).min(limit.into()), "{major} {db} limit {limit}");
                assert_eq!(batch.stats(db, "queries_collected"), collected);
                assert!((batch.stats(db, "sampling_percent") - 100.0 * collected / present).abs() < 0.001);
                assert_eq!(batch.part(db)["total"], present);
            }
            let covered = |db| batch.stats(db, "calls_covered_percent");
            match limit {
                // 10 of 100 that were called once each, and in b of 10: our own begin and commit grow as well.
                10 => assert!(covered(a) < 25.0 && covered(b) == 100.0, "{} {}", covered(a), covered(b)),
                _ => assert_eq!((covered(a), covered(b)), (100.0, 100.0)),
            }
            let collected = (batch.queries(a).len() + batch.queries(b).len()) as f64;
            let percent = 100.0 * collected / total;
            expected.push(format!(
                "Query stats: {collected} queries collected, limit={limit}, collected={collected}, total={total}, sampling_percent={percent:.1}"
            ));
        }
        says(&bed, &expected);
    }
}

/// The lines that scripts match, and what the guide's awk makes of them.
fn says(bed: &Bed, expected: &[String]) {
    let log = bed.home.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("sampling_percent")).collect();
    assert_eq!(lines.len(), 4, "one a run");
    for (line, expected) in lines[2..].iter().zip(expected) {
        assert!(line.ends_with(&format!(" INFO: {expected}")), "{line}\n{expected}");
    }
    let awk = r#"grep "sampling_percent" "$0" | awk -F'[=%]' '{sum+=$NF; count++} END {print "Average sampling:", sum/count "%"}'"#;
    let output =
        std::process::Command::new("sh").args(["-c", awk]).arg(bed.home.log_path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let percents = lines.iter().map(|line| line.rsplit_once('=').unwrap().1.parse::<f64>().unwrap());
    let average: f64 =
        said.trim().strip_prefix("Average sampling: ").unwrap().strip_suffix('%').unwrap().parse().unwrap();
    assert!((average - percents.sum::<f64>() / 4.0).abs() < 0.01, "{said}");
    for db in &bed.databases {
        assert!(log.contains(&format!(" DEBUG: Collecting query stats for database: {db}\n")));
        assert!(
            log.contains(&format!(" queries from {db}\n")) && log.contains(" DEBUG: Successfully collected ")
        );
    }
}

#[test]
fn a_run_takes_ten_thousand_statements_and_the_limit_is_per_database() {
    let server = Cluster::start(majors().into_iter().max().unwrap(), &[("pg_stat_statements.max", "20000")]);
    let bed = Bed::new(&server, 2);
    for db in &bed.databases {
        server.sql(db, &format!("{WIDE}; {}", distinct(1, 6000)));
    }
    bed.configure("[postgresql]\nquery_stats_limit = 4000");
    let batch = bed.run();
    bed.databases.iter().for_each(|db| assert_eq!(batch.stats(db, "queries_collected"), 4000.0, "{db}"));
    bed.configure("[postgresql]\nquery_stats_limit = 10000");
    let batch = bed.run();
    let collected: Vec<f64> = bed.databases.iter().map(|db| batch.stats(db, "queries_collected")).collect();
    assert_eq!(collected.iter().sum::<f64>(), 10_000.0);
    assert!(collected.iter().all(|&one| one >= 4000.0), "{collected:?}");
}

/// One cluster under two names, as a primary and its standby share an identifier.
#[test]
fn servers_of_one_identifier_do_not_take_each_others_memory() {
    let server = shared(majors().into_iter().max().unwrap());
    let mut bed = Bed::new(server, 2);
    let other = bed.databases.pop().unwrap();
    let first = bed.databases[0].clone();
    server.sql(&other, "create extension pg_stat_statements");
    bed.configure(&format!(
        "[[servers]]\nname = \"other\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\nsslmode = \"disable\"\n\
         databases = [\"{other}\"]\n",
        server.port(),
        bed.role
    ));
    for db in [&first, &other] {
        server.sql(db, &format!("create table x{db} (a int); select a from x{db}"));
    }
    let batch = bed.run();
    for db in [&first, &other] {
        assert!(batch.texts(db).contains(&&*format!("select a from x{db}")), "{db}");
    }
    for db in [&first, &other] {
        server.sql(db, &format!("select a from x{db}"));
    }
    let batch = bed.run();
    for db in [&first, &other] {
        let row = batch.query(db, &bed.hash(db, &format!("select a from x{db}"))).unwrap();
        assert_eq!((&row["growth_calls"], row.get("text")), (&1.into(), None), "{row}");
    }
}
