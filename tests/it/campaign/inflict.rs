//! Each fault, brought about: told to the receiver, the proxy, the server, the host or the run, for one turn of a lane.

use std::net::{TcpStream, ToSocketAddrs};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::fault::{Fault, Host, Reply, Run, Server, Way};
use super::host;
use super::lane::Lane;
use crate::support::home;
use crate::support::poll::{LONG, eventually};
use crate::support::proxy::Mode;
use crate::support::{ports, postmaster};

/// The least that a spool may be told to hold.
const SPOOL_BYTES: u64 = 65_536;
const NOBODY: &str = "https://nowhere.invalid:8080";

impl Lane {
    pub(super) fn with(&mut self, fault: Fault) -> Vec<home::Run> {
        self.configure(self.proxy.port(), &self.receiver.url(), "", "");
        match fault {
            Fault::None => {
                let run = self.home.cron();
                self.horizon = run.took;
                vec![run]
            }
            Fault::Answer(reply) => self.with_answer(reply),
            Fault::Way(way) => self.with_way(way),
            Fault::Server(server) => self.with_server(server),
            Fault::Host(host) => self.with_host(host),
            Fault::Run(run) => self.with_run(run),
        }
    }

    fn with_answer(&mut self, reply: Reply) -> Vec<home::Run> {
        self.receiver.order(Some(reply));
        match reply {
            // Until it is put aside: five answers over ten minutes, then once more behind the others.
            Reply::Stubborn500 => (0..12)
                .map(|_| {
                    self.let_pass(200);
                    self.home.cron()
                })
                .collect(),
            _ => vec![self.home.cron()],
        }
    }

    fn with_way(&self, way: Way) -> Vec<home::Run> {
        let nobody = ports::lease();
        let false_urls = self.receiver.false_urls();
        let url = match way {
            Way::WrongHost => false_urls[0].0.clone(),
            Way::ExpiredCertificate => false_urls[1].0.clone(),
            Way::UnknownAuthority => false_urls[2].0.clone(),
            Way::Refused => {
                let refused = TcpStream::connect(("127.0.0.1", nobody.number)).unwrap_err();
                self.noted(&format!("unreachable: {refused}"));
                format!("https://localhost:{}", nobody.number)
            }
            Way::UnknownName => {
                let unknown = ("nowhere.invalid", 8080).to_socket_addrs().map(|_| ()).unwrap_err();
                self.noted(&format!("unreachable: {unknown}"));
                NOBODY.to_owned()
            }
        };
        self.configure(self.proxy.port(), &url, "", "");
        vec![self.home.cron()]
    }

    fn with_server(&mut self, server: Server) -> Vec<home::Run> {
        let bytes = 200 + self.chance.below(8000);
        match server {
            Server::Refuses => self.proxy.set(Mode::Refuse),
            Server::Resets => self.proxy.set(Mode::Reset),
            Server::SilentAtConnect => self.proxy.set(Mode::Stall),
            Server::SilentInAnswer => self.proxy.set(Mode::StallAfter(bytes)),
            Server::CutInAnswer => self.proxy.set(Mode::CutAfter(bytes)),
            Server::InRecovery => {
                self.configure(self.recovering.port(), &self.receiver.url(), "", "");
            }
            Server::Killed => return self.with_server_killed(),
            Server::OutOfSlots => {
                let port = self.cluster.port();
                let login = format!("host=127.0.0.1 port={port} user=crowd dbname=postgres");
                let crowd: Vec<_> =
                    (0..30).map_while(|_| postgres::Client::connect(&login, postgres::NoTls).ok()).collect();
                assert!(crowd.len() < 30, "the slots have no end");
                return vec![self.home.cron()];
            }
            Server::ShuttingDown => {
                let session = self.cluster.conn("postgres");
                let mark = self.cluster.log_mark();
                postmaster::signal(self.cluster.pid(), Signal::TERM);
                eventually(LONG, || match self.cluster.log_since(mark) {
                    log if log.contains("received smart shutdown request") => Ok(()),
                    log => Err(log),
                });
                let run = self.home.cron();
                drop(session);
                self.cluster.restart();
                return vec![run];
            }
        }
        vec![self.home.cron()]
    }

    fn with_server_killed(&mut self) -> Vec<home::Run> {
        let before = self.proxy.connections();
        let run = self.home.spawn(&["cron"]);
        eventually(LONG, || if self.proxy.connections() > before { Ok(()) } else { Err("no connection") });
        std::thread::sleep(Duration::from_millis(self.chance.below(100)));
        self.cluster.kill9();
        let run = run.wait(LONG);
        self.cluster.restart();
        vec![run]
    }

    fn with_host(&mut self, host: Host) -> Vec<home::Run> {
        let chance = self.chance.below(u64::MAX);
        match host {
            Host::SpoolBound => return self.with_spool_full(),
            Host::LogUnwritable => {
                let target = host::log_path(&self.home, chance);
                self.configure(self.proxy.port(), &self.receiver.url(), "", &target);
            }
            // A wait, or a spool, that meets another time.
            Host::ClockAhead | Host::ClockBack => {
                let order = self.some_order();
                self.receiver.order(order);
            }
            _ => {}
        }
        let command: Command = host::wrapped(host, &self.home, &self.program, &self.host_log_path(), chance);
        vec![self.home.spawn_command(command).wait(LONG)]
    }

    /// Nobody takes anything until there is no room for another batch, and then two more come.
    fn with_spool_full(&mut self) -> Vec<home::Run> {
        self.receiver.order(Some(Reply::Missing404));
        let bound = format!("[spool]\nmax_bytes = {SPOOL_BYTES}");
        self.configure(self.proxy.port(), &self.receiver.url(), &bound, "");
        let mut runs = Vec::new();
        let mut more = 2;
        while more > 0 && runs.len() < 60 {
            let files = self.home.spool_files();
            let sizes = files.iter().filter_map(|file| Some(file.metadata().ok()?.len()));
            let (all, largest) = sizes.fold((0, 0), |(all, largest), size| (all + size, size.max(largest)));
            if all + largest > SPOOL_BYTES {
                self.noted(&format!("SpoolBound {all} bytes wait"));
                more -= 1;
            }
            runs.push(self.home.cron());
        }
        runs
    }

    fn some_order(&mut self) -> Option<Reply> {
        let orders = [
            None,
            None,
            Some(Reply::ResetAfterBody),
            Some(Reply::Drip),
            Some(Reply::TooLarge413),
            Some(Reply::TooMany429),
            Some(Reply::Unavailable503),
            Some(Reply::Half),
        ];
        orders[self.chance.below(orders.len() as u64) as usize]
    }

    fn with_run(&mut self, how: Run) -> Vec<home::Run> {
        let order = self.some_order();
        self.receiver.order(order);
        if how == Run::Many {
            let many = 2 + self.chance.below(9);
            let running: Vec<_> = (0..many).map(|_| self.home.spawn(&["cron"])).collect();
            return running.into_iter().map(|run| run.wait(LONG)).collect();
        }
        let mut run = self.home.spawn(&["cron"]);
        let moment = Duration::from_micros(self.chance.below(self.horizon.as_micros() as u64));
        if how == Run::KilledWhilePushing {
            eventually(LONG, || {
                if self.receiver.requests() > 0 || !run.is_running() { Ok(()) } else { Err("no push") }
            });
            std::thread::sleep(moment / 20);
        } else {
            std::thread::sleep(moment);
        }
        self.was_running = run.is_running();
        match how {
            Run::Terminated => run.signal(Signal::TERM),
            _ => run.kill9(),
        }
        vec![run.wait(LONG)]
    }
}
