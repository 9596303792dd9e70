//! A server that is well, and one that is not there.

use std::fs;

use super::scene::{each, home};
use super::{fits, found, says};
use crate::support::cluster::Cluster;
use crate::support::majors;

const SMALL: &str = "
    create extension if not exists pg_stat_statements;
    create table t (id int generated always as identity primary key, a int, b text, exclude using btree (a with =));
    create index t_b on t (b);
    insert into t (a, b) select g, 'row ' || g from generate_series(1, 2000) g;
    delete from t where a % 2 = 0;
    vacuum analyze t";

#[test]
fn nothing_is_found_where_nothing_is() {
    for major in majors() {
        let server = Cluster::start(major, &[]);
        server.sql("postgres", "create role mon login; grant pg_monitor to mon");
        each(&server, SMALL);
        server.sql(
            "postgres",
            "grant select on all sequences in schema public to mon; grant select on t to mon",
        );
        let home = home(&server);
        let config = fs::read_to_string(home.config_path()).unwrap();
        let alone = config.replace(", \"app\", \"closed\"", "");
        // Disks are this machine's own.
        home.config(&format!("{alone}[disk_usage]\nenabled = false\n"));
        let run = home.run(&["report"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{major}: {}", run.stdout);
        assert!(found(&run).is_empty(), "{major}: {}", run.stdout);
        says(&run, "Nothing needs attention.");
        says(&run, "disk_usage: no batch looked at holds it");
        says(&run, "Looked at main: 1 database, 1 table, 3 indexes, 1 sequence,");
        assert!(
            !run.stdout.contains("full disks"),
            "of what nobody looked at nothing is said: {}",
            run.stdout
        );
        fits(&run);
    }
}

#[test]
fn without_a_database_the_last_sealed_batch_speaks() {
    let mut server = Cluster::start(majors()[0], &[]);
    server.sql("postgres", "create role mon login; grant pg_monitor to mon; create sequence s maxvalue 1000");
    each(
        &server,
        "select setval('s', 999); grant select on s to mon; create database app; create database closed",
    );
    let home = home(&server);
    let never = || {
        let run = home.run(&["report"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(3), ""), "{}", run.stdout);
        assert_eq!(found(&run).first(), Some(&("CRITICAL", "Server cannot be asked")), "{}", run.stdout);
        says(&run, "No database could be reached.");
        fits(&run);
        run
    };
    assert_eq!(home.run(&["cron", "--force"]).code, Some(1), "the batch waits: {}", home.log());
    server.stop();
    let run = never();
    says(&run, "The rest is of the last sealed batch");
    assert_eq!(found(&run)[1], ("CRITICAL", "Sequence nearly exhausted"), "{}", run.stdout);
    assert_eq!(home.spool_files().len(), 1, "it still waits");

    fs::remove_dir_all(home.state_dir().join("spool")).unwrap();
    let run = never();
    says(&run, "No batch waits in the spool: this host's figures are all there is.");
    assert!(!run.stdout.contains("Sequence"), "{}", run.stdout);
}
