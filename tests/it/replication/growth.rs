use std::time::Instant;

use serde_json::Value;

use super::scene::{ALONE, Scene, told};
use crate::cycle::item::watching;
use crate::support::poll::{LONG, eventually};

fn number(item: &Value, field: &str) -> f64 {
    let wal = &item["wal_status"];
    wal[field].as_f64().unwrap_or_else(|| panic!("no {field} in {wal:#}"))
}

pub(super) fn is_what_was_written_between_two_runs(scene: &Scene) {
    let home = watching(&scene.primary, "postgres", ALONE);
    let (began, first, once) = (Instant::now(), told(&home), Instant::now());
    assert!(first["wal_status"]["growth_rate_mb_per_hour"].is_null(), "a rate of one run");
    let part = &first["parts"]["wal_status"];
    assert_eq!((&part["outcome"], &part["reason"]), (&"partial".into(), &"first_run".into()));
    scene
        .primary
        .sql("pub", "insert into t select n, repeat('more', 300) from generate_series(5000, 9000) n");
    let (again, second, ended) = (Instant::now(), told(&home), Instant::now());

    assert_eq!(second["parts"]["wal_status"]["outcome"], "ok");
    let interval_s = number(&second, "growth_interval_s");
    let bounds = (again - once).as_secs_f64()..=(ended - began).as_secs_f64();
    assert!(bounds.contains(&interval_s), "{bounds:?} {interval_s}");
    let written_mb = (number(&second, "position_bytes") - number(&first, "position_bytes")) / 1048576.0;
    assert!(written_mb > 4.0, "{written_mb}");
    let rate = number(&second, "growth_rate_mb_per_hour");
    let expected = written_mb * 3600.0 / interval_s;
    assert!((rate / expected - 1.0).abs() < 0.01, "{rate} {expected}");
}

pub(super) fn is_not_told_across_a_promotion(scene: &Scene) {
    let home = watching(&scene.far, "postgres", ALONE);
    told(&home);
    let second = told(&home);
    assert!(number(&second, "growth_rate_mb_per_hour") >= 0.0);
    assert!(second["wal_receiver"]["pid"].is_i64());
    scene.far.sql("postgres", "select pg_promote()");
    eventually(LONG, || match scene.far.one::<bool>("postgres", "select pg_is_in_recovery()") {
        false => Ok(()),
        true => Err("in recovery still"),
    });
    let promoted = told(&home);
    assert!(promoted["wal_status"]["growth_rate_mb_per_hour"].is_null(), "{promoted:#}");
    assert_eq!(promoted["parts"]["wal_status"]["reason"], "first_run");
    assert_eq!(promoted["wal_status"]["timeline"], 2);
    assert!(number(&told(&home), "growth_rate_mb_per_hour") >= 0.0, "and from there on again");
}
