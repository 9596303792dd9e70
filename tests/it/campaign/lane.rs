//! A lane: one collector with its database, its backend and its host, on which one fault after the other is brought
//! about (see `inflict`). It never repairs what a run left behind; it only lets time pass.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;
use std::time::Duration;

use pganalytics::state::ledger::{self, Ledger};

use super::account::Account;
use super::evidence::{self, Marks};
use super::fault::{Fault, Host, Run};
use super::receiver::Receiver;
use super::told::Told;
use super::witness::Witness;
use super::{Fired, RUN_S, host};
use crate::support::chance::Chance;
use crate::support::cluster::Cluster;
use crate::support::home::{self, Home};
use crate::support::proxy::{Mode, Proxy};

pub(super) const PASSWORD: &str = "s3cret-password-2718281828";

/// What the program says of a panic, wherever it was caught.
const BROKE: &str = "The collector broke at ";

pub(super) struct Lane {
    pub(super) chance: Chance,
    pub(super) runs: u64,
    pub(super) fired: Fired,
    pub(super) told: Told,
    pub(super) slowest: Option<Duration>,
    /// No run takes longer.
    ceiling: Duration,
    /// What no run should do, in words.
    odd: Vec<String>,
    pub(super) cluster: Cluster,
    /// A server that never gets out of recovery.
    pub(super) recovering: Cluster,
    pub(super) proxy: Proxy,
    pub(super) receiver: Receiver,
    pub(super) home: Home,
    witness: Witness,
    pub(super) program: PathBuf,
    /// Batches that no disk took and no backend: told on stderr, for the disk that should count them is the one that fails.
    unsealed: u64,
    /// What a run takes: a signal comes before that.
    pub(super) horizon: Duration,
    /// Whether the run went on when its signal was sent.
    pub(super) was_running: bool,
}

impl Lane {
    pub(super) fn open(major: u32, chance: Chance, late: Duration) -> Lane {
        host::assert_root();
        let cluster = Cluster::start(major, &[("max_connections", "20"), ("password_encryption", "md5")]);
        cluster.sql(
            "postgres",
            &format!("create role mon login password '{PASSWORD}'; grant pg_monitor to mon"),
        );
        cluster.sql(
            "postgres",
            "create extension pg_stat_statements; create table t as select generate_series(1, 100) n",
        );
        cluster.sql("postgres", "create role crowd login");
        let rules = "host all mon all password\nhost all all all trust\n";
        fs::write(cluster.data_dir().join("pg_hba.conf"), rules).unwrap();
        cluster.sql("postgres", "select pg_reload_conf()");
        let home = Home::new();
        let spool = home.state_dir().join("spool");
        fs::create_dir(&spool).unwrap();
        fs::set_permissions(home.state_dir(), fs::Permissions::from_mode(0o700)).unwrap();
        // Beside the configuration, where the server's user can run it too.
        let program = home.config_path().with_file_name("pganalytics");
        fs::copy(crate::support::program("pganalytics"), &program).unwrap();
        fs::write(home.config_path().with_file_name("injected"), "").unwrap();
        fs::write(home.config_path(), "").unwrap();
        // It holds a password; the server's user reads it too, by its group.
        chown(home.config_path(), None, Some(group_of(&cluster))).unwrap();
        fs::set_permissions(home.config_path(), fs::Permissions::from_mode(0o640)).unwrap();
        let receiver = Receiver::open(home.config_path().parent().unwrap());
        fs::write(home.state_dir().join("collector.token"), receiver.token()).unwrap();
        Lane {
            chance,
            runs: 0,
            fired: Fired::new(),
            told: Told::new(),
            slowest: None,
            unsealed: 0,
            ceiling: Duration::from_secs(RUN_S) + late,
            odd: Vec::new(),
            recovering: recovering(major),
            proxy: Proxy::start(SocketAddr::from(([127, 0, 0, 1], cluster.port()))),
            cluster,
            receiver,
            witness: Witness::of(&spool),
            home,
            program,
            horizon: Duration::from_millis(100),
            was_running: false,
        }
    }

    /// A run may be over before its kill, or leave the backend alone for a while: then once more.
    pub(super) fn turn(&mut self, fault: Fault) {
        let _ = (0..10).any(|_| self.attempt(fault));
    }

    /// Whether the fault happened.
    fn attempt(&mut self, fault: Fault) -> bool {
        self.pass_time();
        let marks = Marks::of(self);
        let log = self.home.log().len();
        let runs = self.with(fault);
        let happened = evidence::happened(self, fault, &marks, &runs);
        let sum = self.fired.entry(fault).or_default();
        *sum = (sum.0 + u32::from(happened), sum.1 + 1);
        runs.iter().for_each(|run| self.look_at(fault, run));
        let said = self.home.log()[log..].to_owned() + &runs[0].stderr;
        if said.contains(BROKE) && fault != Fault::Host(Host::NoMemory) {
            self.odd.push(format!("{}: {}", fault.name(), tail(&said)));
        }
        if happened {
            self.told.entry(fault).or_default().note(&said, &runs);
        }
        self.receiver.order(None);
        self.receiver.forget();
        self.proxy.set(Mode::Forward);
        self.witness.look();
        happened
    }

    /// Everything is well from here on: what waits goes out.
    pub(super) fn heal(&mut self) {
        for _ in 0..100 {
            self.let_pass(4000);
            self.configure(self.proxy.port(), &self.receiver.url(), "", "");
            let run = self.home.cron();
            self.look_at(Fault::None, &run);
            self.receiver.forget();
            self.witness.look();
            if run.code == Some(0) && self.home.spool_files().is_empty() {
                return;
            }
        }
        panic!("a hundred runs did not heal it: {}", tail(&self.home.log()));
    }

    pub(super) fn account(&self) -> Account {
        let dropped = self.ledger().unwrap_or_default().dropped.sequences;
        Account::of(
            &self.witness.sealed,
            &self.receiver.desk(),
            &self.home.state_dir(),
            self.unsealed,
            &dropped,
        )
    }

    pub(super) fn assert_in_time(&self) {
        assert!(self.odd.is_empty(), "{}", self.odd.join("\n"));
    }

    pub(super) fn host_log(&self) -> String {
        fs::read_to_string(self.host_log_path()).unwrap()
    }

    pub(super) fn host_log_path(&self) -> PathBuf {
        self.home.config_path().with_file_name("injected")
    }

    pub(super) fn noted(&self, line: &str) {
        let mut log = fs::File::options().append(true).open(self.host_log_path()).unwrap();
        writeln!(log, "{line}").unwrap();
    }
}

fn group_of(cluster: &Cluster) -> u32 {
    fs::metadata(cluster.data_dir()).unwrap().gid()
}

fn recovering(major: u32) -> Cluster {
    let mut cluster = Cluster::start(major, &[("hot_standby", "off")]);
    cluster.stop();
    fs::write(cluster.data_dir().join("standby.signal"), "").unwrap();
    cluster.launch_without_waiting();
    cluster
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

/// Time, and what is left to the runs.
impl Lane {
    /// Mostly so much that whatever wait there was is over.
    fn pass_time(&mut self) {
        let seconds = if self.chance.below(5) == 0 { 60 } else { 4000 };
        self.let_pass(seconds);
    }

    pub(super) fn let_pass(&self, seconds: i64) {
        let Some(mut ledger) = self.ledger() else { return };
        for server in ledger.servers.values_mut() {
            server.until = server.until.map(|until| until - seconds);
            server.missing_until = server.missing_until.map(|until| until - seconds);
            server.databases.values_mut().for_each(|known| known.until -= seconds);
            server.refused.values_mut().for_each(|refused| refused.until -= seconds);
        }
        ledger.parts.values_mut().for_each(|part| part.last -= seconds);
        ledger.breaker.open_until = ledger.breaker.open_until.map(|until| until - seconds);
        ledger.pushed_at = ledger.pushed_at.map(|at| at - seconds);
        ledger.stubborn.iter_mut().for_each(|batch| batch.since -= seconds);
        ledger.write(&self.home.state_dir().join("ledger.json")).unwrap();
    }

    /// `None` where there is none, or one that the next run sets aside.
    fn ledger(&self) -> Option<Ledger> {
        let path = self.home.state_dir().join("ledger.json");
        path.exists().then(|| ledger::peek(&path)).filter(|ledger| *ledger != Ledger::default())
    }

    pub(super) fn configure(&self, port: u16, url: &str, more: &str, log_path: &str) {
        let log_path = if log_path.is_empty() { "{log}" } else { log_path };
        let ca = self.receiver.ca_file.display();
        self.home.config(&format!(
            "[collector]\nid = \"campaign\"\nstate_dir = \"{{state}}\"\nrun_timeout = {RUN_S}\n\
             [postgres]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"mon\"\npassword = \"{PASSWORD}\"\n\
             databases = \"postgres, template1\"\nsslmode = \"disable\"\n\
             [logging]\nfile_path = \"{log_path}\"\n[backend]\nurl = \"{url}\"\n[tls]\nca_file = \"{ca}\"\n{more}\n"
        ));
    }

    fn look_at(&mut self, fault: Fault, run: &home::Run) {
        self.runs += 1;
        self.slowest = self.slowest.max(Some(run.took));
        self.unsealed += u64::from(run.stderr.contains("it is lost"));
        // Before a run listens to it, SIGTERM ends it like any process; nothing has begun by then.
        let ended = if fault == Fault::Run(Run::Terminated) { Some(15) } else { Some(9) };
        let killed = matches!(fault, Fault::Run(_)) && run.signal == ended;
        let starved = fault == Fault::Host(Host::NoMemory) && run.code.is_some_and(|code| code > 100);
        if !(killed || starved || matches!(run.code, Some(0 | 1 | 3 | 75))) {
            self.odd.push(format!("{}: {run:?}", fault.name()));
        }
        if run.took > self.ceiling {
            self.odd.push(format!("{}: took {:?}", fault.name(), run.took));
        }
    }
}
