//! Whether a fault happened, by what its injector wrote down: never by what the collector says.

use super::fault::{Fault, Run, Server, Way};
use super::lane::Lane;
use crate::support::home;

/// How far each injector's log had come before the run.
pub(super) struct Marks {
    replies: usize,
    broken: usize,
    proxy: usize,
    server: usize,
    recovering: usize,
    host: usize,
}

impl Marks {
    pub(super) fn of(lane: &Lane) -> Marks {
        Marks {
            replies: lane.receiver.desk().faults.len(),
            broken: lane.receiver.false_urls().iter().map(|(_, stub)| stub.broken().len()).sum(),
            proxy: lane.proxy.faults().len(),
            server: lane.cluster.log_mark(),
            recovering: lane.recovering.log_mark(),
            host: lane.host_log().len(),
        }
    }
}

pub(super) fn happened(lane: &Lane, fault: Fault, since: &Marks, runs: &[home::Run]) -> bool {
    let server_log = || lane.cluster.log_since(since.server);
    match fault {
        Fault::None => true,
        Fault::Answer(reply) => lane.receiver.desk().faults[since.replies..].contains(&reply),
        Fault::Way(Way::WrongHost | Way::ExpiredCertificate | Way::UnknownAuthority) => {
            let stubs = lane.receiver.false_urls();
            stubs.iter().map(|(_, stub)| stub.broken().len()).sum::<usize>() > since.broken
        }
        Fault::Way(Way::Refused | Way::UnknownName) => lane.host_log()[since.host..].contains("unreachable"),
        Fault::Server(Server::Killed) => server_log().contains("was not properly shut down"),
        Fault::Server(Server::InRecovery) => lane.recovering.log_since(since.recovering).contains("FATAL"),
        Fault::Server(Server::OutOfSlots) => {
            let log = server_log();
            log.contains("too many clients") || log.contains("connection slots are reserved")
        }
        Fault::Server(Server::ShuttingDown) => server_log().contains("the database system is shutting down"),
        Fault::Server(_) => lane.proxy.faults().len() > since.proxy,
        Fault::Host(host) => lane.host_log()[since.host..].contains(&format!("{host:?}")),
        Fault::Run(Run::Killed | Run::KilledWhilePushing) => runs.iter().any(|run| run.signal == Some(9)),
        Fault::Run(Run::Terminated) => lane.was_running && runs.iter().any(|run| run.code == Some(1)),
        Fault::Run(Run::Many) => runs.iter().any(|run| run.code == Some(75)),
    }
}
