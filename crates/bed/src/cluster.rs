//! Throw-away PostgreSQL servers, real ones, each on a port and a socket of its own, superuser `postgres`, no
//! passwords. Tests that only read or make their own databases use [`shared`]; those that stop, crash or set up a
//! server start their own.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use postgres::types::FromSqlOwned;
use postgres::{Client, NoTls};
use rustix::process::Signal;

use super::poll::{LONG, eventually};
use super::ports::{self, Port};
use super::postmaster::{self, Postmaster};

const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("shared_preload_libraries", "pg_stat_statements"),
    ("shared_buffers", "16MB"),
    ("max_connections", "100"),
    ("dynamic_shared_memory_type", "mmap"),
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("wal_level", "logical"),
    ("track_io_timing", "on"),
];

pub struct Cluster {
    pub major: u32,
    postmaster: Postmaster,
    port: Port,
}

/// The server that all tests of this process share, started by the first that asks. It has room for the statements
/// of all of them: none pushes out another's.
pub fn shared(major: u32) -> &'static Cluster {
    static SHARED: [OnceLock<Cluster>; 32] = [const { OnceLock::new() }; 32];
    SHARED[major as usize].get_or_init(|| Cluster::start(major, &[("pg_stat_statements.max", "20000")]))
}

impl Cluster {
    /// Later settings win over earlier ones and over those that every test server has.
    pub fn start(major: u32, settings: &[(&str, &str)]) -> Cluster {
        let mut cluster = Cluster { major, postmaster: Postmaster::prepare(major), port: ports::lease() };
        cluster.configure(SETTINGS);
        cluster.configure_place();
        cluster.configure(settings);
        cluster.launch();
        cluster
    }

    /// A standby with the data of `primary`; `settings` tell whom it follows. Made by hand, as not every tree has
    /// pg_basebackup.
    pub fn standby(primary: &Cluster, settings: &[(&str, &str)]) -> Cluster {
        let major = primary.major;
        let (start, stop) = match major {
            15.. => ("pg_backup_start('bed', true)", "pg_backup_stop(false)"),
            _ => ("pg_start_backup('bed', true, false)", "pg_stop_backup(false, false)"),
        };
        // A backup ends in the session that began it.
        let mut backup = primary.conn("postgres");
        backup.batch_execute(&format!("select {start}")).unwrap();
        let postmaster = Postmaster::prepare_copy(major, &primary.data_dir());
        let label: String = backup.query_one(&format!("select labelfile from {stop}"), &[]).unwrap().get(0);
        let mut cluster = Cluster { major, postmaster, port: ports::lease() };
        fs::write(cluster.data_dir().join("backup_label"), label).unwrap();
        fs::write(cluster.data_dir().join("standby.signal"), "").unwrap();
        cluster.configure_place();
        cluster.configure(settings);
        cluster.launch();
        cluster
    }

    /// Where it listens.
    fn configure_place(&self) {
        let (port, dir) = (self.port.number.to_string(), self.socket_dir().display().to_string());
        self.configure(&[("port", &port), ("unix_socket_directories", &dir)]);
    }

    fn configure(&self, settings: &[(&str, &str)]) {
        let conf = self.data_dir().join("postgresql.conf");
        let mut text = fs::read_to_string(&conf).unwrap();
        for (name, value) in settings {
            text += &format!("{name} = '{}'\n", value.replace('\'', "''"));
        }
        fs::write(conf, text).unwrap();
    }

    fn launch(&mut self) {
        self.postmaster.launch();
        eventually(LONG, || {
            assert!(self.postmaster.alive(), "PostgreSQL {} ended: {}", self.major, self.log_text());
            self.try_conn("postgres").map(drop)
        });
    }

    pub fn port(&self) -> u16 {
        self.port.number
    }

    pub fn socket_dir(&self) -> &Path {
        self.postmaster.dir()
    }

    pub fn data_dir(&self) -> std::path::PathBuf {
        self.postmaster.data_dir()
    }

    /// Of the postmaster.
    pub fn pid(&self) -> i32 {
        self.postmaster.pid()
    }
}

/// Asking it.
impl Cluster {
    fn try_conn(&self, database: &str) -> Result<Client, postgres::Error> {
        let mut config = postgres::Config::new();
        config.host("127.0.0.1").port(self.port()).user("postgres").dbname(database).application_name("bed");
        config.connect_timeout(Duration::from_secs(10)).connect(NoTls)
    }

    #[track_caller]
    pub fn conn(&self, database: &str) -> Client {
        self.try_conn(database).unwrap_or_else(|e| panic!("{database} of PostgreSQL {}: {e:?}", self.major))
    }

    #[track_caller]
    pub fn sql(&self, database: &str, text: &str) {
        self.conn(database).batch_execute(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    }

    #[track_caller]
    pub fn one<T: FromSqlOwned>(&self, database: &str, text: &str) -> T {
        self.conn(database).query_one(text, &[]).unwrap_or_else(|e| panic!("{text}: {e:?}")).get(0)
    }

    /// A name that no other test of this process uses: for databases, roles, slots.
    pub fn fresh_name(&self, prefix: &str) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        format!("{prefix}_{}", NEXT.fetch_add(1, Ordering::Relaxed))
    }

    pub fn fresh_database(&self, prefix: &str) -> String {
        let name = self.fresh_name(prefix);
        self.sql("postgres", &format!("create database {name}"));
        name
    }

    /// Backends by application name or role.
    pub fn backends(&self, who: &str) -> Vec<i32> {
        let text = "select pid from pg_stat_activity where application_name = $1 or usename = $1";
        let rows = self.conn("postgres").query(text, &[&who]).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// Its log.
impl Cluster {
    pub fn log_text(&self) -> String {
        self.log_since(0)
    }

    /// The place that the log has reached, for [`Cluster::log_since`].
    pub fn log_mark(&self) -> usize {
        fs::read(self.postmaster.log_path()).unwrap().len()
    }

    pub fn log_since(&self, mark: usize) -> String {
        String::from_utf8_lossy(&fs::read(self.postmaster.log_path()).unwrap()[mark..]).into_owned()
    }
}

/// What befalls it. A shared server cannot be ended: that takes `&mut`.
impl Cluster {
    /// Fast shutdown: sessions are ended, the port refuses.
    pub fn stop(&mut self) {
        self.postmaster.end(Signal::INT);
    }

    /// A crash: [`Cluster::restart`] recovers from the log.
    pub fn kill9(&mut self) {
        self.postmaster.crash();
    }

    /// For a server that lets nobody in.
    pub fn launch_without_waiting(&mut self) {
        self.postmaster.launch();
    }

    pub fn restart(&mut self) {
        self.stop();
        self.launch();
    }

    /// Stops a backend, or with [`Cluster::pid`] the postmaster, which then accepts and never answers.
    pub fn pause(&self, pid: i32) {
        postmaster::signal(pid, Signal::STOP);
    }

    pub fn resume(&self, pid: i32) {
        postmaster::signal(pid, Signal::CONT);
    }
}
