use serde_json::Value;

use super::same::{Field, agrees, ask, rows_agree, steady};
use super::scene::Scene;
use crate::cycle::item::{cycle, item};

const RISK: &[Field] = &[
    (13, "database", "datname"),
    (13, "relfrozenxid", "datfrozenxid::text::int8"),
    (13, "current_xid", "txid_snapshot_xmax(txid_current_snapshot())"),
    (13, "xid_age", "age(datfrozenxid)"),
    (13, "xid_until_wraparound", "2::float8 ^ 31 - age(datfrozenxid)"),
    (13, "percent_until_wraparound", "100 * age(datfrozenxid) / 2::float8 ^ 31"),
    (13, "freeze_max_age", "200000"),
    (13, "at_risk", "age(datfrozenxid) > 200000"),
    (13, "relminmxid", "datminmxid::text::int8"),
    (13, "mxid_age", "mxid_age(datminmxid)"),
    (13, "mxid_until_wraparound", "2::float8 ^ 31 - mxid_age(datminmxid)"),
    (13, "percent_until_mxid_wraparound", "100 * mxid_age(datminmxid) / 2::float8 ^ 31"),
    (13, "multixact_freeze_max_age", "20000"),
    (13, "mxid_at_risk", "mxid_age(datminmxid) > 20000"),
];

/// Tables whose ages and limits differ. What is rewritten here are the catalogs, as no test has the time to use up ids.
const TABLES: &str = "
    create table plain (a text);
    create table eager (a text) with (autovacuum_freeze_max_age = 100000);
    create table toasty (a text) with (autovacuum_freeze_max_age = 100000, toast.autovacuum_enabled = on);
    create table ancient (a text)";

/// A relation that became so old.
fn aged(relation: &str, xids: u32, mxids: u32) -> String {
    format!(
        "update pg_class set relfrozenxid = (((txid_snapshot_xmax(txid_current_snapshot()) - {xids} + 4294967296) % 4294967296)::text)::xid, \
         relminmxid = ((((select next_multixact_id::text::int8 from pg_control_checkpoint()) - {mxids} + 4294967296) % 4294967296)::text)::xid \
         where oid = {relation}"
    )
}

pub(super) fn follows_the_server(scene: &Scene) {
    let server = &scene.primary;
    let risk = || ask(server, "postgres", RISK, "from pg_database");
    let (young, rows) = steady(risk, || scene.run());
    rows_agree(&young["wraparound_risk"], &rows, "database");
    assert!(rows.iter().any(|row| row["database"] == "template0"), "{rows:#?}");

    // Ids are used up; a row that two transactions hold makes a multixact.
    server.sql(
        "sub",
        "create procedure use_up(n int) language plpgsql as \
        'begin for i in 1..n loop perform txid_current(); commit; end loop; end'",
    );
    server.sql("sub", "call use_up(500)");
    multixact(scene);
    let (older, rows) = steady(risk, || scene.run());
    rows_agree(&older["wraparound_risk"], &rows, "database");
    let of = |item: &Value, field: &str| {
        let rows = item["wraparound_risk"].as_array().unwrap();
        rows.iter().find(|r| r["database"] == "template0").unwrap()[field].as_i64().unwrap()
    };
    assert!(of(&older, "xid_age") >= of(&young, "xid_age") + 500);
    assert!(of(&older, "current_xid") >= of(&young, "current_xid") + 500);
    assert!(of(&older, "xid_until_wraparound") <= of(&young, "xid_until_wraparound") - 500);
    assert_eq!(of(&older, "current_mxid"), of(&young, "current_mxid") + 1);
    assert_eq!(of(&older, "mxid_age"), of(&young, "mxid_age") + 1);

    scene.primary.sql("sub", TABLES);
    let aging = [
        // Below its limit, above its own limit, the same by its owner's for a toast table, its own option there.
        ("'plain'::regclass", 150_000, 0),
        ("'eager'::regclass", 150_000, 0),
        ("(select reltoastrelid from pg_class where oid = 'eager'::regclass)", 150_000, 0),
        ("(select reltoastrelid from pg_class where oid = 'toasty'::regclass)", 150_000, 0),
        ("(select reltoastrelid from pg_class where oid = 'ancient'::regclass)", 1_000_000, 30_000),
    ];
    aging.iter().for_each(|(relation, xids, mxids)| server.sql("sub", &aged(relation, *xids, *mxids)));
    server.sql("sub", "update pg_database d set datfrozenxid = c.relfrozenxid, datminmxid = c.relminmxid from pg_class c \
        where datname = 'sub' and c.oid = (select reltoastrelid from pg_class where oid = 'ancient'::regclass)");
    let (item, rows) = steady(risk, || scene.run());
    rows_agree(&item["wraparound_risk"], &rows, "database");
    assert_eq!(item["wraparound_risk"][0]["database"], "sub", "the oldest comes first");
    assert_eq!(
        rows.iter().filter(|row| row["at_risk"] == true && row["mxid_at_risk"] == true).count(),
        1,
        "{rows:#?}"
    );
    the_tables_are_named(scene);
}

fn the_tables_are_named(scene: &Scene) {
    let batch = cycle(&scene.home, &["cron", "--force"]);
    let told = &item(&batch, "pg_replication", Some("sub"))["wraparound_risk"];
    assert_eq!(told.as_array().unwrap().len(), 1, "{told:#}");
    let from = "from pg_database where datname = current_database()";
    let (before, risk) = (&told[0], ask(&scene.primary, "sub", RISK, from));
    agrees(before, &risk[0]);
    assert_eq!(before["tables_needing_vacuum"], 3, "eager, its toast table, and that of ancient: {before:#}");
    assert_eq!(before["tables_needing_mxid_vacuum"], 1, "{before:#}");
    for (name, age, toast) in [
        ("oldest_table_name", "oldest_table_age", "oldest_table_is_toast"),
        ("oldest_mxid_table_name", "oldest_mxid_table_age", "oldest_mxid_table_is_toast"),
    ] {
        assert_eq!((&before[name], &before[toast]), (&"ancient".into(), &true.into()), "{before:#}");
        let kind = if age.contains("mxid") { "mxid_age(relminmxid)" } else { "age(relfrozenxid)" };
        let oldest = format!("select max({kind})::int8 from pg_class where relkind in ('r', 't', 'm')");
        assert_eq!(before[age], scene.primary.one::<i64>("sub", &oldest), "{before:#}");
    }
    let other = &item(&batch, "pg_replication", Some("pub"))["wraparound_risk"][0];
    assert_eq!(
        (&other["tables_needing_vacuum"], &other["database"]),
        (&0.into(), &"pub".into()),
        "{other:#}"
    );
}

fn multixact(scene: &Scene) {
    let (mut one, mut two) = (scene.primary.conn("pub"), scene.primary.conn("pub"));
    for conn in [&mut one, &mut two] {
        conn.batch_execute("begin; select from t where id = 1 for key share").unwrap();
    }
    for conn in [&mut one, &mut two] {
        conn.batch_execute("rollback").unwrap();
    }
}
