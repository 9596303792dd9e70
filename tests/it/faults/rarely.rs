//! A host collector that is due rarely still has its first time.

use super::scene::{assert_code, home, later, ledger, postgres, watched};

#[test]
fn a_host_collector_of_a_long_interval_runs_within_its_first_one() {
    let cluster = watched(18, &[]);
    let server =
        format!("{}\n[disk_usage]\ninterval = 3600", postgres(cluster.port(), r#"["postgres"]"#, ""));
    let home = home("", &server);
    let runs = |home| {
        assert_code(home, &home.cron(), 0);
        let last = home.batches().pop().unwrap();
        last["metrics"].as_array().unwrap().iter().any(|item| item["type"] == "disk_usage")
    };
    runs(&home);
    assert!(ledger(&home).parts.contains_key("disk_usage.all@host"), "its first time is remembered");
    later(&home, 3600);
    assert!(runs(&home), "an interval later it has been due");
    assert!(!runs(&home), "and not again at once");
}
