use std::fs;

use super::{SETTINGS, forced};
use crate::cycle::item::watching;
use crate::support::cluster::Cluster;
use crate::support::majors;

/// One that follows nobody is a standby like any other to whoever asks it.
#[test]
fn a_standby_tells_what_it_has() {
    for major in majors() {
        let mut cluster = Cluster::start(major, SETTINGS);
        cluster.sql("postgres", "create table t as select generate_series(1, 1000) as a");
        fs::write(cluster.data_dir().join("standby.signal"), "").unwrap();
        cluster.restart();
        let home = watching(&cluster, "postgres", "[pg_security]\nenabled = true\n");
        let archiver = forced(&home, "pg_archiver");
        assert_eq!((&archiver["archive_mode"], &archiver["archiving"]), (&"on".into(), &false.into()));
        assert_eq!((&archiver["failing"], &archiver["archiver_set"]), (&false.into(), &false.into()));
        let wal = forced(&home, "pg_wal");
        assert!(wal["insert_lsn"].is_null() && wal["insert_lsn_bytes"].is_null(), "{wal:#}");
        assert_eq!(wal["wal_records"].is_u64(), major >= 14);
        let bgwriter = forced(&home, "pg_bgwriter");
        let redo: String = cluster.one("postgres", "select redo_lsn::text from pg_control_checkpoint()");
        assert_eq!(bgwriter["last_checkpoint_redo_lsn"], redo.as_str());
        for kind in ["pg_slru", "pg_settings", "pg_security"] {
            assert_eq!(forced(&home, kind)["outcome"], "ok", "{kind}");
        }
    }
}
