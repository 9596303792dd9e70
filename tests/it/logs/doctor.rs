//! What `check` says of a log that cannot be read: the grant with what it gives away, and nothing that one would paste.

use super::{by_role, read, talkative};
use crate::support::majors;

#[test]
fn the_grant_is_named_with_its_price_and_not_proposed() {
    for major in majors() {
        let cluster = talkative(major, &[("listen_addresses", "127.0.0.1, 127.0.0.2")]);
        cluster.sql("postgres", "create role mon login; grant pg_monitor to mon");
        super::files::let_in(&cluster);
        let home = by_role(cluster.port(), "mon", "host = \"127.0.0.2\"");
        let item = read(&home);
        assert_eq!(item["parts"]["log"]["outcome"], "skipped", "{item:#}");
        assert_eq!(item["parts"]["log"]["reason"], "privilege", "{item:#}");
        let run = home.run(&["check"]);
        let words = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            words.contains("password hashes included") && words.contains("pg_read_binary_file"),
            "{}",
            run.stdout
        );
        assert!(!words.contains("grant execute on function pg_catalog.pg_read"), "{}", run.stdout);
        // Whoever gives it all the same has what it is for.
        cluster.sql(
            "postgres",
            "grant execute on function pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean) to mon",
        );
        assert_eq!(read(&home)["parts"]["log"]["reason"], "first_run");
        assert_eq!(read(&home)["source"], "sql");
    }
}
