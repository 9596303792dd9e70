//! A PgBouncer in front of a server, in transaction mode, with few server connections: what a client leaves in its
//! session the next one finds. It refuses start-up parameters that it does not know, as it does out of the box.
//!
//! `scripts/test` installs it. It refuses to run as root; root's tests run it as the servers' user.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use postgres::{Client, NoTls, SimpleQueryMessage};
use rustix::process::Signal;

use super::cluster::Cluster;
use super::poll::{LONG, eventually};
use super::ports::{self, Port};
use super::{postmaster, warden};

const PROGRAM: &str = "/usr/sbin/pgbouncer";

pub struct Bouncer {
    port: Port,
    dir: PathBuf,
    child: Child,
}

impl Bouncer {
    /// For these users, who need no password; `pool_size` connections to the server for each user and database.
    pub fn start(server: &Cluster, users: &[&str], pool_size: u32) -> Bouncer {
        let (port, dir) = (ports::lease(), warden::fresh_dir("bouncer"));
        let list: String =
            users.iter().chain(&["postgres"]).map(|user| format!("\"{user}\" \"\"\n")).collect();
        fs::write(dir.join("users"), list).unwrap();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\n\
             unix_socket_dir = {dir}\nlogfile = {dir}/log\nauth_type = trust\nauth_file = {dir}/users\n\
             admin_users = postgres\npool_mode = transaction\ndefault_pool_size = {pool_size}\nmax_client_conn = 200\n\
             server_lifetime = 3600\n",
            server.port(),
            port.number,
            dir = dir.display()
        );
        fs::write(dir.join("ini"), settings).unwrap();
        let child = postmaster::as_server_user(&dir, &PathBuf::from(PROGRAM))
            .arg(dir.join("ini"))
            .current_dir(&dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pgbouncer can be run: scripts/packages pgbouncer");
        let bouncer = Bouncer { port, dir, child };
        eventually(LONG, || bouncer.try_conn("postgres", "pgbouncer").map(drop));
        bouncer
    }

    pub fn port(&self) -> u16 {
        self.port.number
    }

    fn try_conn(&self, user: &str, database: &str) -> Result<Client, postgres::Error> {
        let mut config = postgres::Config::new();
        config.host("127.0.0.1").port(self.port()).user(user).dbname(database).application_name("other");
        config.connect_timeout(Duration::from_secs(10)).connect(NoTls)
    }

    /// Another client of the same pool.
    #[track_caller]
    pub fn conn(&self, user: &str, database: &str) -> Client {
        self.try_conn(user, database).unwrap_or_else(|e| panic!("{database}: {e:?}\n{}", self.log()))
    }

    /// A figure of `SHOW STATS` for one database.
    pub fn stat(&self, database: &str, name: &str) -> u64 {
        let rows = self.conn("postgres", "pgbouncer").simple_query("show stats").unwrap();
        let row = rows.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) if row.get("database") == Some(database) => row.get(name),
            _ => None,
        });
        row.map_or(0, |figure| figure.parse().unwrap())
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        postmaster::signal(self.child.id() as i32, Signal::TERM);
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}
