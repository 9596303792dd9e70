use super::Bed;
use crate::support::cluster::Cluster;
use crate::support::majors;

const SENTINEL: &str = "sentinel";

/// Utility statements keep their literals in pg_stat_statements, in some versions the passwords too.
fn statements(role: &str) -> Vec<String> {
    vec![
        format!("create role {role} password 'sentinel1'"),
        format!("alter role {role} password E'sentinel\\'2'"),
        format!("alter role {role} password U&'sentinel3'"),
        format!(
            "create subscription s_{role} connection 'host=nowhere password=sentinel4' publication p with (connect = false)"
        ),
        format!("alter subscription s_{role} set (slot_name = none)"),
        "create foreign data wrapper f".to_owned(),
        "create server sv foreign data wrapper f options (host 'sentinel5')".to_owned(),
        format!("create user mapping for {role} server sv options (user 'u', password 'sentinel6')"),
        "copy (select 'sentinel7') to program 'cat >/dev/null # sentinel8'".to_owned(),
        "do $$ begin perform 'sentinel9'; end $$".to_owned(),
        "do $body$ begin perform 'sentinel10'; end $body$ language plpgsql".to_owned(),
        "set app.x = 'sentinel11'".to_owned(),
        "select 'sentinel12'".to_owned(),
        "create table t (a text default 'sentinel13', check (a <> $q$sentinel14$q$)) /* sentinel15 */"
            .to_owned(),
        "comment on table t is 'it''s sentinel16' -- sentinel17".to_owned(),
        "prepare p as select 'sentinel18'::text".to_owned(),
        "execute p".to_owned(),
        "explain select 'sentinel19'".to_owned(),
        "declare c cursor with hold for select 'sentinel20'".to_owned(),
        format!("drop subscription s_{role}"),
    ]
}

#[test]
fn no_literal_leaves_the_host_or_reaches_a_file() {
    for major in majors() {
        let server = Cluster::start(
            major,
            &[("pg_stat_statements.track", "all"), ("track_activity_query_size", "4096")],
        );
        let bed = Bed::new(&server, 1);
        bed.configure("[postgresql]\nquery_stats_limit = 1000\n");
        let db = &bed.databases[0];
        let role = server.fresh_name("known");
        let mut conn = server.conn(db);
        for text in statements(&role) {
            conn.batch_execute(&text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        }
        let kept: i64 = server.one(db, "select count(*) from pg_stat_statements where query ~ 'sentinel'");
        assert!(kept >= 8, "the server keeps literals of them: {kept}");
        let run = bed.home.run(&["-vv", "cron"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let batch = bed.last();
        let texts = batch.texts(db);
        let masked = texts.iter().filter(|text| text.contains("'***'")).count();
        assert!(masked >= 8, "{texts:?}");
        assert!(texts.iter().any(|text| text.to_lowercase().starts_with("alter role")), "{texts:?}");
        assert!(!texts.iter().any(|text| text.contains(SENTINEL)), "{texts:?}");
        assert!(!batch.0.to_string().contains(SENTINEL));
        assert!(!run.stderr.contains(SENTINEL) && !bed.home.log().contains(SENTINEL));
        let files = everything_below(bed.home.state_dir().parent().unwrap());
        assert!(files.iter().any(|(path, _)| path.contains("/previous/")), "{files:?}");
        assert!(files.iter().any(|(path, _)| path.ends_with("status.json")), "{:?}", paths(&files));
        for (path, bytes) in &files {
            assert!(!bytes.windows(SENTINEL.len()).any(|w| w == SENTINEL.as_bytes()), "{path}");
        }
    }
}

fn paths(files: &[(String, Vec<u8>)]) -> Vec<&str> {
    files.iter().map(|(path, _)| path.as_str()).collect()
}

fn everything_below(dir: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: std::path::PathBuf| match path.is_dir() {
        true => everything_below(&path),
        false => vec![(path.display().to_string(), std::fs::read(&path).unwrap())],
    };
    entries.flat_map(below).collect()
}
