//! A server that nobody has looked after for years: ids nearly used up, an index that is mostly holes, no connection left.
//! Ages are written into the catalogs, as no test has the time to use up ids; vacuum takes them for what they say.

use postgres::Client;

use super::scene::{each, home};
use super::{fits, found, of};
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

const EXPECTED: [(&str, &str); 4] = [
    ("CRITICAL", "Transaction ids run out"),
    ("WARNING", "Multixact ids run out"),
    ("WARNING", "Connections nearly used up"),
    ("NOTICE", "Index is bloated"),
];

/// Rows in the order of their keys: the index is written from left to right, and its pages are emptied one by one.
const HOLES: &str = "
    create table keyed (id int not null, key text not null);
    insert into keyed select g, repeat('k', 100) || to_char(g, '000000000') from generate_series(1, 400000) g;
    create index keyed_key on keyed (key);
    delete from keyed where id % 10 > 0;
    create table left_alone (a int);
    grant select on keyed to mon";

/// Four fifths of what there is of transaction ids, more than half of multixacts.
const AGES: &str = "
    update pg_class set relfrozenxid = (((txid_snapshot_xmax(txid_current_snapshot()) - 1717986918 + 4294967296) % 4294967296)::text)::xid
        , relminmxid = ((((select next_multixact_id::text::int8 from pg_control_checkpoint()) - 1200000000 + 4294967296) % 4294967296)::text)::xid
        where oid = 'left_alone'::regclass;
    update pg_database d set datfrozenxid = c.relfrozenxid, datminmxid = c.relminmxid
        from pg_class c where datname = 'app' and c.oid = 'left_alone'::regclass";

/// Of thirty connections three are a superuser's.
const CROWD: usize = 23;

struct Worn {
    server: Cluster,
    home: Home,
    crowd: Vec<Client>,
}

fn worn(major: u32) -> Worn {
    let server = Cluster::start(major, &[("autovacuum", "off"), ("max_connections", "30")]);
    server.sql("postgres", "create role mon login; grant pg_monitor to mon");
    each(&server, "create extension pg_stat_statements; create database app");
    server.sql("app", HOLES);
    server.sql("app", "vacuum analyze keyed");
    server.sql("app", AGES);
    let home = home(&server);
    let config = std::fs::read_to_string(home.config_path()).unwrap();
    // Disks are this machine's own.
    home.config(&format!("{}[disk_usage]\nenabled = false\n", config.replace(", \"closed\"", "")));
    let crowd = (0..CROWD).map(|_| server.conn("postgres")).collect();
    // What it took to plant all this is no load of the server's.
    server.sql("postgres", "select pg_stat_statements_reset()");
    Worn { server, home, crowd }
}

#[test]
fn what_years_without_care_do_is_found_and_what_is_proposed_mends_it() {
    std::thread::scope(|scope| {
        for major in majors() {
            scope.spawn(move || check(worn(major)));
        }
    });
}

fn check(Worn { server, home, crowd }: Worn) {
    let major = server.major;
    let run = home.run(&["report"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{major}: {}", run.stdout);
    assert_eq!(found(&run), EXPECTED, "{major}:\n{}", run.stdout);
    fits(&run);
    let ids = of(&run, "Transaction ids run out");
    assert!(ids.contains("main / app 80") && ids.contains("age 1,717,98"), "{ids}");
    let ids = of(&run, "Multixact ids run out");
    assert!(ids.contains("main / app 56 % used, age 1,200,000,000"), "{ids}");
    let used = of(&run, "Connections nearly used up");
    assert!(used.contains("of max_connections 30, 23 of them idle"), "{used}");
    let index = of(&run, "Index is bloated");
    assert!(index.contains("public.keyed_key on keyed about 4"), "{index}");

    drop(crowd);
    let idle = "select count(*) from pg_stat_activity where state = 'idle'";
    eventually(LONG, || match server.one::<i64>("postgres", idle) {
        0 => Ok(()),
        n => Err(n),
    });
    let left = |home: &Home| {
        let run = home.run(&["report"]);
        found(&run).into_iter().map(|(_, what)| what.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(left(&home), ["Transaction ids run out", "Multixact ids run out", "Index is bloated"]);
    assert!(ids.ends_with(" vacuum (freeze, verbose);"), "{ids}");
    server.sql("app", "vacuum (freeze, verbose)");
    assert_eq!(left(&home), ["Index is bloated"]);
    server.sql("app", &index[index.find("reindex index concurrently").unwrap()..]);
    assert_eq!(left(&home), [""; 0], "PostgreSQL {major}");
}
