//! Who may do what: one table. Handlers name their action in their signature (`May<ReadConfig>`), so that no route is
//! without one.

/// What a principal is, for this table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Collector,
    Viewer,
    User,
    Admin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    PushMetrics,
    ReadMetrics,
    ReadCollectors,
    DeleteCollector,
    ReadConfig,
    WriteConfig,
    ManageUsers,
    EndSession,
}

/// A collector's are its own: whose they are is looked at where they are read.
pub const fn allowed(who: Who, action: Action) -> bool {
    use Action::*;
    use Who::*;
    match action {
        PushMetrics => matches!(who, Collector),
        ReadMetrics => true,
        ReadCollectors | EndSession => matches!(who, Viewer | User | Admin),
        ReadConfig => matches!(who, Collector | Admin),
        DeleteCollector | WriteConfig | ManageUsers => matches!(who, Admin),
    }
}

/// An action as a type.
pub trait Acts {
    const ACTION: Action;
}

pub struct PushMetrics;
pub struct ReadMetrics;
pub struct ReadCollectors;
pub struct DeleteCollector;
pub struct ReadConfig;
pub struct WriteConfig;
pub struct ManageUsers;
pub struct EndSession;

impl Acts for PushMetrics {
    const ACTION: Action = Action::PushMetrics;
}
impl Acts for ReadMetrics {
    const ACTION: Action = Action::ReadMetrics;
}
impl Acts for ReadCollectors {
    const ACTION: Action = Action::ReadCollectors;
}
impl Acts for DeleteCollector {
    const ACTION: Action = Action::DeleteCollector;
}
impl Acts for ReadConfig {
    const ACTION: Action = Action::ReadConfig;
}
impl Acts for WriteConfig {
    const ACTION: Action = Action::WriteConfig;
}
impl Acts for ManageUsers {
    const ACTION: Action = Action::ManageUsers;
}
impl Acts for EndSession {
    const ACTION: Action = Action::EndSession;
}
