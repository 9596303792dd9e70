use super::{home, on_each_major};
use crate::cycle::item::{cycle, item, row, rows, watching};

/// Rows of the catalog as `create collation` would write them on a system that has the locale.
const COLLATION: &str = "insert into pg_collation (oid, collname, collnamespace, collowner, collprovider, collisdeterministic, \
     collencoding, collcollate, collctype, collversion) select (max(oid::int8) + 1)::oid, $1, 'public'::regnamespace, 10, 'c', \
     true, 6, 'en_US.UTF-8', 'en_US.UTF-8', $2 from (select oid from pg_collation union all select 90000) o";

#[test]
fn a_collation_in_use_that_drifted() {
    on_each_major(13, |cluster| {
        let database = cluster.fresh_database("collation");
        let mut conn = cluster.conn(&database);
        for (name, version) in [("drifted", Some("0.1")), ("unused", Some("0.1")), ("versionless", None)] {
            let text = COLLATION.replace("$1", &format!("'{name}'"));
            let version = version.map_or("null".to_owned(), |v| format!("'{v}'"));
            conn.batch_execute(&text.replace("$2", &version)).unwrap();
        }
        conn.batch_execute(&COLLATION.replace("$1", "'sound'").replace("$2", "null")).unwrap();
        let sound =
            "update pg_collation set collversion = pg_collation_actual_version(oid) where collname = 'sound'";
        conn.batch_execute(sound).unwrap();
        conn.batch_execute(
            "create table t (a text collate drifted, b text collate drifted, c text collate sound, d text collate versionless)",
        )
        .unwrap();
        let home = watching(cluster, &database, "");
        let batch = cycle(&home, &["--force"]);
        let found = item(&batch, "pg_settings", Some(&database));
        assert_eq!(rows(found, "collations").len(), 1, "{found:#}");
        assert_eq!(found["parts"]["collations"]["total"], 1);
        let told = row(found, "collations", "drifted");
        let actual: String = cluster.one(
            &database,
            "select pg_collation_actual_version(oid) from pg_collation where collname = 'drifted'",
        );
        assert_eq!((&told["recorded_version"], &told["actual_version"]), (&"0.1".into(), &actual.into()));
        assert_eq!(
            (&told["objects"], &told["provider"], &told["schema"]),
            (&2.into(), &"libc".into(), &"public".into())
        );

        let mend = "update pg_collation set collversion = pg_collation_actual_version(oid) where collname = 'drifted'";
        cluster.sql(&database, mend);
        let batch = cycle(&home, &["--force"]);
        assert!(rows(item(&batch, "pg_settings", Some(&database)), "collations").is_empty());
    });
}

#[test]
fn a_database_that_drifted() {
    on_each_major(15, |cluster| {
        let database = cluster.fresh_database("drift");
        let home = home(cluster);
        let all = |batch: &serde_json::Value| rows(item(batch, "pg_settings", None), "databases").clone();
        assert!(all(&cycle(&home, &["--force"])).iter().all(|d| d["name"] != *database));
        let drift = "update pg_database set datcollate = 'en_US.UTF-8', datcollversion = '0.1' where datname";
        cluster.sql("postgres", &format!("{drift} = '{database}'"));
        let batch = cycle(&home, &["--force"]);
        let told = row(item(&batch, "pg_settings", None), "databases", &database);
        let actual: String = cluster.one(
            "postgres",
            &format!("select pg_database_collation_actual_version(oid) from pg_database where datname = '{database}'"),
        );
        assert_eq!((&told["recorded_version"], &told["actual_version"]), (&"0.1".into(), &actual.into()));
        cluster.sql("postgres", &format!("drop database {database}"));
        assert!(all(&cycle(&home, &["--force"])).iter().all(|d| d["name"] != *database));
    });
}
