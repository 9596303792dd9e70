//! What the doctor found: each a line for a person, some with the statements that mend it.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    Fine,
    /// Worth doing; a cycle is complete without it.
    Advice,
    /// A cycle is not complete.
    Trouble,
}

#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) mark: Mark,
    pub(super) text: String,
    pub(super) mends: Vec<Mend>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mend {
    /// `None`: any database of the server will do.
    pub(super) database: Option<String>,
    pub(super) sql: String,
    pub(super) then: Then,
}

/// What it takes to be in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Nothing,
    Reload,
    Restart,
}

impl Finding {
    pub(super) fn new(mark: Mark, text: impl Into<String>) -> Finding {
        Finding { mark, text: text.into(), mends: Vec::new() }
    }

    pub(super) fn fine(text: impl Into<String>) -> Finding {
        Finding::new(Mark::Fine, text)
    }

    pub(super) fn advice(text: impl Into<String>) -> Finding {
        Finding::new(Mark::Advice, text)
    }

    pub(super) fn trouble(text: impl Into<String>) -> Finding {
        Finding::new(Mark::Trouble, text)
    }

    pub(super) fn anywhere(mut self, sql: impl Into<String>, then: Then) -> Finding {
        self.mends.push(Mend { database: None, sql: sql.into(), then });
        self
    }

    pub(super) fn within(mut self, database: &str, sql: impl Into<String>) -> Finding {
        self.mends.push(Mend { database: Some(database.to_owned()), sql: sql.into(), then: Then::Nothing });
        self
    }
}
