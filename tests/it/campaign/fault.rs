//! The faults: what each of them does to the backend, the database, the host or the run itself.

/// What befalls one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    None,
    Answer(Reply),
    Way(Way),
    Server(Server),
    Host(Host),
    Run(Run),
}

/// The receiver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reply {
    Refused400,
    Foreign400,
    Expired401,
    ExpiredForGood401,
    Forbidden403,
    Missing404,
    TooLarge413,
    TooMany429,
    Broken500,
    Stubborn500,
    BadGateway502,
    Unavailable503,
    Redirect,
    Garbage,
    TooShort,
    TooLong,
    Half,
    ResetBeforeBody,
    ResetAfterBody,
    Stall,
    Drip,
    OtherBatch,
    RestoredEmpty,
}

/// The way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    WrongHost,
    ExpiredCertificate,
    UnknownAuthority,
    Refused,
    UnknownName,
}

/// PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Server {
    Refuses,
    Resets,
    SilentAtConnect,
    SilentInAnswer,
    CutInAnswer,
    Killed,
    InRecovery,
    OutOfSlots,
    ShuttingDown,
}

/// The host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Host {
    DiskFull,
    ReadOnly,
    WrongOwner,
    ClockAhead,
    ClockBack,
    NoMemory,
    LogUnwritable,
    SpoolBound,
}

/// The run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Run {
    Killed,
    KilledWhilePushing,
    Terminated,
    Many,
}

impl Fault {
    pub(super) fn all() -> Vec<Fault> {
        let replies = [
            Reply::Refused400,
            Reply::Foreign400,
            Reply::Expired401,
            Reply::ExpiredForGood401,
            Reply::Forbidden403,
            Reply::Missing404,
            Reply::TooLarge413,
            Reply::TooMany429,
            Reply::Broken500,
            Reply::Stubborn500,
            Reply::BadGateway502,
            Reply::Unavailable503,
            Reply::Redirect,
            Reply::Garbage,
            Reply::TooShort,
            Reply::TooLong,
            Reply::Half,
            Reply::ResetBeforeBody,
            Reply::ResetAfterBody,
            Reply::Stall,
            Reply::Drip,
            Reply::OtherBatch,
            Reply::RestoredEmpty,
        ];
        let ways =
            [Way::WrongHost, Way::ExpiredCertificate, Way::UnknownAuthority, Way::Refused, Way::UnknownName];
        let servers = [
            Server::Refuses,
            Server::Resets,
            Server::SilentAtConnect,
            Server::SilentInAnswer,
            Server::CutInAnswer,
            Server::Killed,
            Server::InRecovery,
            Server::OutOfSlots,
            Server::ShuttingDown,
        ];
        let hosts = [
            Host::DiskFull,
            Host::ReadOnly,
            Host::WrongOwner,
            Host::ClockAhead,
            Host::ClockBack,
            Host::NoMemory,
            Host::LogUnwritable,
            Host::SpoolBound,
        ];
        let runs = [Run::Killed, Run::KilledWhilePushing, Run::Terminated, Run::Many];
        let each = replies.map(Fault::Answer).into_iter().chain(ways.map(Fault::Way));
        let each = each.chain(servers.map(Fault::Server)).chain(hosts.map(Fault::Host));
        each.chain(runs.map(Fault::Run)).collect()
    }
}
