use super::{Bed, WIDE, distinct};
use crate::support::cluster::Cluster;
use crate::support::majors;

/// What a statement's standing is when nothing happened to it but its own calls.
fn undisturbed(major: u32) -> &'static str {
    if major < 14 { "unproven" } else { "exact" }
}

#[test]
fn a_statement_that_turned_hot_is_in_with_its_exact_growth() {
    for major in majors() {
        let server = Cluster::start(major, &[]);
        let bed = Bed::new(&server, 1);
        bed.configure("[postgresql]\nquery_stats_limit = 10");
        let db = &bed.databases[0];
        let heavy = |n: u32| format!("select sum(a{n}) from generate_series(1, 40000) a{n};");
        // Texts differ from 14 on by their number of columns only: names of columns are no part of the id.
        let heavy: String = (1..=30)
            .map(|n| heavy(n).replace("sum(", &format!("{} sum(", "1, ".repeat(n as usize))))
            .collect();
        server.sql(db, &heavy.repeat(3));
        server.sql(db, "create table hot (a int); select a from hot");
        let hash = bed.hash(db, "select a from hot");
        let figures = |what: &str| bed.ask(db, "select a from hot", what).parse::<f64>().unwrap();
        let (calls, time) = (figures("calls"), figures("total_exec_time"));
        let begun: jiff::Timestamp = jiff::Timestamp::now();
        let first = bed.run();
        let ended = jiff::Timestamp::now();
        assert_eq!(first.queries(db).len(), 10, "the limit");
        assert!(first.query(db, &hash).is_none(), "not among the heavy");
        assert_eq!(first.item(db)["stats"]["ranked_by"], "totals");
        assert!(first.queries(db).iter().all(|q| q["standing"] == "first_seen" && q.get("since").is_none()));

        server.sql(db, &"select a from hot;".repeat(50));
        let (grown, took) = (figures("calls") - calls, figures("total_exec_time") - time);
        let second = bed.run();
        let row = second.query(db, &hash).expect("the hot one is in");
        assert_eq!(row["growth_calls"].as_f64().unwrap(), grown);
        assert_eq!(grown, 50.0);
        assert!((row["growth_time"].as_f64().unwrap() - took).abs() < 0.002, "{row} {took}");
        assert_eq!(row["standing"], undisturbed(major), "{row}");
        let since: jiff::Timestamp = row["since"].as_str().unwrap().parse().unwrap();
        assert!(begun <= since && since <= ended, "{begun} {since} {ended}");
        assert_eq!(second.item(db)["stats"]["ranked_by"], "growth");
        assert_eq!(row["calls"].as_f64().unwrap(), calls + 50.0);
        assert_eq!(row["text"], "select a from hot");
    }
}

#[test]
fn what_was_evicted_meanwhile_is_not_called_exact() {
    for major in majors() {
        let server = Cluster::start(major, &[("pg_stat_statements.max", "100")]);
        let bed = Bed::new(&server, 1);
        let db = &bed.databases[0];
        server.sql(db, &format!("{WIDE}; create table x (a int); create table y (a int)"));
        server.sql(db, &"select a from x; select a from y;".repeat(3));
        let (x, y) = (bed.hash(db, "select a from x"), bed.hash(db, "select a from y"));
        let dealloc = || server.one::<i64>(db, "select dealloc from pg_stat_statements_info");
        let before = (major >= 14).then(dealloc);
        bed.run();
        (0..5).for_each(|n| server.sql(db, &distinct(1 + n * 60, 60).repeat(5)));
        assert_eq!(
            server.one::<i64>(
                db,
                "select count(*) from pg_stat_statements where query ~ '^select a from [xy]$'"
            ),
            0
        );
        assert!(before.is_none_or(|before| dealloc() > before), "entries were evicted");
        // It takes longer than before, and is called more often.
        server.sql(db, "insert into y select generate_series(1, 20000)");
        server.sql(db, &format!("select a from x; {}", "select a from y;".repeat(40)));
        let batch = bed.run();
        let (x, y) = (batch.query(db, &x).unwrap(), batch.query(db, &y).unwrap());
        assert_eq!((&x["calls"], &y["calls"]), (&1.into(), &40.into()), "{x} {y}");
        assert_eq!((&x["standing"], &x["growth_calls"]), (&"evicted_and_returned".into(), &1.into()), "{x}");
        // Before 17 it looks as if it had only grown.
        match major {
            17.. => {
                assert_eq!(
                    (&y["standing"], &y["growth_calls"]),
                    (&"evicted_and_returned".into(), &40.into())
                );
                let (since, counted) = (y["since"].as_str().unwrap(), y["stats_since"].as_str().unwrap());
                let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
                assert_eq!(at(since), at(counted), "it counts since its return");
            }
            _ => assert_eq!((&y["standing"], &y["growth_calls"]), (&"unproven".into(), &37.into()), "{y}"),
        }
    }
}

#[test]
fn resets_and_restarts_are_told_from_growth() {
    for major in majors() {
        let mut server = Cluster::start(major, &[]);
        let (home, role, databases) = {
            let bed = Bed::new(&server, 1);
            let db = &bed.databases[0];
            server.sql(db, "create table x (a int)");
            server.sql(db, &"select a from x;".repeat(20));
            let hash = bed.hash(db, "select a from x");
            bed.run();

            server.sql(db, "select pg_stat_statements_reset()");
            server.sql(db, "select a from x");
            let row = bed.run().query(db, &hash).unwrap().clone();
            // 13 cannot tell who made it start again.
            let reset = if major < 14 { "evicted_and_returned" } else { "reset" };
            assert_eq!((&row["standing"], &row["growth_calls"]), (&reset.into(), &1.into()), "{major} {row}");
            (bed.home, bed.role, bed.databases)
        };
        // Saved and loaded again: nothing is lost.
        server.restart();
        let (db, hash, home, role) = {
            let bed = Bed { server: &server, home, role, databases };
            let db = bed.databases[0].clone();
            server.sql(&db, &"select a from x;".repeat(4));
            let hash = bed.hash(&db, "select a from x");
            let row = bed.run().query(&db, &hash).unwrap().clone();
            let standing = undisturbed(major);
            assert_eq!(
                (&row["standing"], &row["growth_calls"]),
                (&standing.into(), &4.into()),
                "{major} {row}"
            );
            (db, hash, bed.home, bed.role)
        };
        server.kill9();
        server.restart();
        let bed = Bed { server: &server, home, role, databases: vec![db.clone()] };
        server.sql(&db, "select a from x");
        let row = bed.run().query(&db, &hash).unwrap().clone();
        assert_eq!((&row["standing"], &row["growth_calls"]), (&"reset".into(), &1.into()), "{major} {row}");
    }
}

#[test]
fn a_dry_run_is_no_reading_to_compare_with() {
    let server = Cluster::start(majors().into_iter().max().unwrap(), &[]);
    let bed = Bed::new(&server, 1);
    let db = &bed.databases[0];
    server.sql(db, "create table x (a int); select a from x");
    let hash = bed.hash(db, "select a from x");
    assert_eq!(bed.home.run(&["cron", "--dry-run"]).code, Some(0));
    assert!(!bed.home.state_dir().join("previous").exists());
    assert_eq!(bed.run().query(db, &hash).unwrap()["standing"], "first_seen");
    let kept = || {
        let file = std::fs::read_dir(bed.home.state_dir().join("previous")).unwrap().next().unwrap().unwrap();
        std::fs::read(file.path()).unwrap()
    };
    let before = kept();
    server.sql(db, "select a from x; select a from x");
    assert_eq!(bed.home.run(&["cron", "--dry-run"]).code, Some(0));
    assert_eq!(kept(), before, "left as it was");
    assert_eq!(bed.run().query(db, &hash).unwrap()["growth_calls"], 2);
}

/// A lost or torn state file is a first run; it costs no figure.
#[test]
fn a_spoilt_state_file_is_a_first_run() {
    let server = Cluster::start(majors().into_iter().max().unwrap(), &[]);
    let bed = Bed::new(&server, 1);
    let db = &bed.databases[0];
    server.sql(db, "create table x (a int); select a from x");
    bed.run();
    let file = std::fs::read_dir(bed.home.state_dir().join("previous")).unwrap().next().unwrap().unwrap();
    let whole = std::fs::read(file.path()).unwrap();
    std::fs::write(file.path(), &whole[..whole.len() - 9]).unwrap();
    let batch = bed.run();
    let row = batch.query(db, &bed.hash(db, "select a from x")).unwrap().clone();
    assert_eq!((&row["standing"], &row["calls"]), (&"first_seen".into(), &1.into()));
    assert_eq!(row["text"], "select a from x", "nobody knows any more that it went out");
    std::fs::remove_file(bed.home.state_dir().join("ledger.json")).unwrap();
    assert_eq!(bed.run().query(db, row["hash"].as_str().unwrap()).unwrap()["standing"], "exact");
}
