use super::{Field, agree, home, number, on_each_major, told, truth};
use crate::cycle::item::{row, rows};
use crate::support::cluster::Cluster;
use crate::support::poll::{LONG, eventually};

const FIELDS: &[Field] = &[
    (13, 99, "blocks_zeroed", "blks_zeroed"),
    (13, 99, "blocks_hit", "blks_hit"),
    (13, 99, "blocks_read", "blks_read"),
    (13, 99, "blocks_written", "blks_written"),
    (13, 99, "blocks_exists", "blks_exists"),
    (13, 99, "flushes", "flushes"),
    (13, 99, "truncates", "truncates"),
];

/// As 17 calls them, and as 13 did.
const NAMES: &[(&str, &str)] = &[
    ("commit_timestamp", "CommitTs"),
    ("multixact_member", "MultiXactMember"),
    ("multixact_offset", "MultiXactOffset"),
    ("notify", "Notify"),
    ("serializable", "Serial"),
    ("subtransaction", "Subtrans"),
    ("transaction", "Xact"),
    ("other", "other"),
];

#[test]
fn each_cache_is_told_under_one_name() {
    on_each_major(13, |cluster| {
        let home = home(cluster);
        let mut conn = cluster.conn("postgres");
        let mut read = || truth(&mut conn, FIELDS, "name", "pg_stat_slru");
        let (before, found, after) = (read(), told(&home, "pg_slru"), read());
        assert_eq!(rows(&found, "slru").len(), before.len(), "{found:#}");
        for (name, old) in NAMES {
            let theirs = if cluster.major < 17 { old } else { name };
            let figures = |rows: &[(String, Vec<Option<f64>>)]| {
                rows.iter().find(|(n, _)| n == theirs).expect(theirs).1.clone()
            };
            agree(FIELDS, row(&found, "slru", name), &figures(&before), &figures(&after));
            assert!(row(&found, "slru", name)["stats_reset"].is_string());
        }
        work(cluster);
        eventually(LONG, || {
            let now = told(&home, "pg_slru");
            let hits = |item, name| number(row(item, "slru", name), "blocks_hit");
            let names = ["multixact_member", "multixact_offset", "subtransaction", "transaction"];
            let still: Vec<&str> = names.into_iter().filter(|n| hits(&now, n) <= hits(&found, n)).collect();
            if still.is_empty() { Ok(()) } else { Err(still) }
        });
    });
}

/// Subtransactions, and a row that two transactions share.
fn work(cluster: &Cluster) {
    let database = cluster.fresh_database("slru");
    let (mut one, mut two) = (cluster.conn(&database), cluster.conn(&database));
    one.batch_execute("create table t (a int); insert into t values (1)").unwrap();
    one.batch_execute(
        "do $$ begin for n in 1..200 loop begin insert into t values (n); exception when others then null; \
         end; end loop; end $$",
    )
    .unwrap();
    for conn in [&mut one, &mut two] {
        conn.batch_execute("begin; select from t where a = 1 for share").unwrap();
    }
    for conn in [&mut one, &mut two] {
        conn.batch_execute("commit").unwrap();
    }
    two.batch_execute("update t set a = a + 1").unwrap();
}
