//! What deserves attention, made of items: what a person would find who read all of a batch. Pure.
//!
//! Owns the rules, what each of them takes for too much, and their order. Refuses to guess: a figure that is absent is no
//! finding, and what could not be looked at is told by [`unseen`], so that nothing found is never said of it. Items of
//! this or another release are the same to it: what they do not hold, they do not hold.

pub mod evidence;
pub mod history;
mod item;
mod log;
pub mod looked;
mod rules;
mod statements;
#[cfg(test)]
mod tests;
pub mod unseen;
pub mod words;

use std::cmp::Reverse;

use evidence::Evidence;

/// The worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a look when there is time.
    Notice,
    /// Becomes one of the next kind if nobody acts.
    Warning,
    /// The service, or data, is lost or about to be.
    Critical,
}

impl Severity {
    pub const WORST_FIRST: [Severity; 3] = [Severity::Critical, Severity::Warning, Severity::Notice];

    pub fn word(self) -> &'static str {
        match self {
            Severity::Notice => "notice",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// Where something is; the object as a person would write it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub server: String,
    pub database: Option<String>,
    pub object: Option<String>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A statement, to be run where the finding is.
    Sql(String),
    /// A command or a sentence.
    Do(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub severity: Severity,
    /// What it is, the same words for all of its kind.
    pub what: &'static str,
    pub place: Place,
    /// How much, with its unit.
    pub figure: String,
    /// What it is ranked by among its kind.
    pub size: f64,
    pub why: &'static str,
    pub next: Vec<Step>,
}

/// One kind of trouble, and the type of item that tells of it.
pub struct Rule {
    pub about: &'static str,
    pub reads: &'static str,
    pub find: fn(&Evidence, &mut Vec<Finding>),
}

/// In order of what hurts most when two are equally severe.
pub const RULES: &[Rule] = &[
    rules::collecting::RULE,
    rules::wraparound::RULE,
    rules::checksums::RULE,
    rules::disk::RULE,
    rules::slots::RULE,
    rules::archiver::RULE,
    rules::server_log::RULE,
    rules::sequences::RULE,
    rules::locks::RULE,
    rules::standbys::RULE,
    rules::connections::RULE,
    rules::transactions::RULE,
    rules::xmin::RULE,
    rules::invalid_indexes::RULE,
    rules::vacuum::RULE,
    rules::table_bloat::RULE,
    rules::index_bloat::RULE,
    rules::unused_indexes::RULE,
    rules::statements::RULE,
    rules::cache::RULE,
    rules::checkpoints::RULE,
    rules::deadlocks::RULE,
    rules::temp_files::RULE,
    rules::settings::RULE,
    rules::collations::RULE,
];

/// All there is: the worst first, then by kind in the order of [`RULES`], then the largest, then by place. Where several tell
/// of one thing, the first of them does.
pub fn find(evidence: &[&Evidence]) -> Vec<Finding> {
    let mut all: Vec<(usize, Finding)> = Vec::new();
    for (n, rule) in RULES.iter().enumerate() {
        for each in evidence {
            let mut found = Vec::new();
            (rule.find)(each, &mut found);
            found.retain(|f| all.iter().all(|(_, known)| (known.what, &known.place) != (f.what, &f.place)));
            all.extend(found.into_iter().map(|finding| (n, finding)));
        }
    }
    all.sort_by(|(m, a), (n, b)| {
        let kind = (Reverse(a.severity), m).cmp(&(Reverse(b.severity), n));
        kind.then(b.size.total_cmp(&a.size)).then_with(|| a.place.cmp(&b.place))
    });
    all.into_iter().map(|(_, finding)| finding).collect()
}
