//! What an operator calls each fault, and the row of docs/FAILURES.md that says what becomes of the data and what to do.

use super::fault::{Fault, Host, Reply, Run, Server, Way};

impl Fault {
    pub(super) fn name(self) -> &'static str {
        self.named().0
    }

    /// No fault has none.
    pub(super) fn row(self) -> Option<&'static str> {
        Some(self.named().1).filter(|row| !row.is_empty())
    }

    fn named(self) -> (&'static str, &'static str) {
        match self {
            Fault::None => ("no fault", ""),
            Fault::Answer(reply) => answer(reply),
            Fault::Way(way) => on_the_way(way),
            Fault::Server(server) => (of_server(server), "database"),
            Fault::Host(host) => of_host(host),
            Fault::Run(run) => of_run(run),
        }
    }
}

fn answer(reply: Reply) -> (&'static str, &'static str) {
    match reply {
        Reply::Refused400 => ("the backend refuses the batch (400, in its own words)", "refused"),
        Reply::Foreign400 => ("something before the backend answers 400", "backend"),
        Reply::Expired401 => ("the token has expired (401)", "token"),
        Reply::ExpiredForGood401 => ("the token has expired (401), its refresh too", "token"),
        Reply::Forbidden403 => ("the token may not push (403)", "token"),
        Reply::Missing404 => ("nothing takes batches at the address (404)", "backend"),
        Reply::TooLarge413 => ("the batch is too large (413)", "large"),
        Reply::TooMany429 => ("too many requests (429)", "backend"),
        Reply::Broken500 => ("the backend fails (500)", "backend"),
        Reply::Stubborn500 => ("the backend fails on one batch alone (500)", "refused"),
        Reply::BadGateway502 => ("a proxy finds no backend (502)", "backend"),
        Reply::Unavailable503 => ("the backend is not available (503)", "backend"),
        Reply::Redirect => ("the answer is a redirect (307)", "backend"),
        Reply::Garbage => ("the answer is garbage", "backend"),
        Reply::TooShort => ("the answer is longer than it says", "backend"),
        Reply::TooLong => ("the answer is shorter than it says", "backend"),
        Reply::Half => ("the answer ends in its middle", "backend"),
        Reply::ResetBeforeBody => ("the connection is reset before the batch is read", "backend"),
        Reply::ResetAfterBody => ("the connection is reset instead of an answer", "backend"),
        Reply::Stall => ("no answer ever comes", "backend"),
        Reply::Drip => ("the answer comes a byte at a time", "backend"),
        Reply::OtherBatch => ("the answer acknowledges another batch", "backend"),
        Reply::RestoredEmpty => ("the backend was restored without its texts", "restored"),
    }
}

fn on_the_way(way: Way) -> (&'static str, &'static str) {
    match way {
        Way::WrongHost => ("the backend's certificate is another host's", "address"),
        Way::ExpiredCertificate => ("the backend's certificate has expired", "address"),
        Way::UnknownAuthority => ("the backend's certificate is signed by a stranger", "address"),
        Way::Refused => ("the backend does not listen", "backend"),
        Way::UnknownName => ("the backend's name is unknown", "address"),
    }
}

fn of_server(server: Server) -> &'static str {
    match server {
        Server::Refuses => "PostgreSQL does not listen",
        Server::Resets => "connections to PostgreSQL are reset",
        Server::SilentAtConnect => "PostgreSQL accepts, and says nothing",
        Server::SilentInAnswer => "PostgreSQL falls silent in an answer",
        Server::CutInAnswer => "the connection to PostgreSQL is cut in an answer",
        Server::Killed => "PostgreSQL is killed during the run",
        Server::InRecovery => "PostgreSQL is in recovery and takes nobody",
        Server::OutOfSlots => "PostgreSQL has no connection left",
        Server::ShuttingDown => "PostgreSQL is shutting down",
    }
}

fn of_host(host: Host) -> (&'static str, &'static str) {
    match host {
        Host::DiskFull => ("the disk of the state directory is full", "disk"),
        Host::ReadOnly => ("the state directory is read-only", "disk"),
        Host::WrongOwner => ("the state directory is another user's", "disk"),
        Host::ClockAhead => ("the clock is ahead, by up to two weeks", "clock"),
        Host::ClockBack => ("the clock is set back, by up to two weeks", "clock"),
        Host::NoMemory => ("memory is short", "memory"),
        Host::LogUnwritable => ("the log cannot be written", "log"),
        Host::SpoolBound => ("the spool is full, as nobody takes anything", "bounds"),
    }
}

fn of_run(run: Run) -> (&'static str, &'static str) {
    match run {
        Run::Killed => ("the run is killed (SIGKILL)", "ended"),
        Run::KilledWhilePushing => ("the run is killed (SIGKILL) as it pushes", "ended"),
        Run::Terminated => ("the run is ended by SIGTERM", "ended"),
        Run::Many => ("several runs at once", "twice"),
    }
}
