//! The item of a server: two statements, what they say against the last item, and what of it travels.

use serde::Serialize;
use wire::Outcome;

use super::changes::{self, Change, Seen};
use super::read::{self, RoleSetting, Setting};
use crate::collect::part::{Done, Fragment};
use crate::collect::{Cx, Keep, Placed};
use crate::pg::failure::Failure;
use crate::pg::session::Session;

pub(super) const KEY: &str = "settings";
/// Of each kind; totals tell what there is.
const ROWS: usize = 1000;

#[derive(Serialize)]
struct Item<'a> {
    settings: &'a [Setting],
    settings_total: u64,
    role_settings: &'a [RoleSetting],
    role_settings_total: u64,
    pending_restarts: Vec<&'a str>,
    digest: String,
    /// Absent on the first run.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<Vec<Change>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_since: Option<String>,
}

pub(super) fn run(session: &mut Session, cx: &Cx) -> Vec<Placed> {
    let done = collect(session, cx).unwrap_or_else(|failure| failure.done(KEY));
    vec![Placed { database: None, done }]
}

fn collect(session: &mut Session, cx: &Cx) -> Result<Done, Failure> {
    let settings = read::settings(session)?;
    let roles = read::role_settings(session)?;
    let taken_at = jiff::Timestamp::from_microsecond(cx.facts.now_us).unwrap_or_default().to_string();
    let all = cx.facts.may.roles.contains("pg_read_all_settings");
    let now = Seen::new(&settings.rows, &roles.rows, taken_at, all);
    let path = changes::path(cx);
    let compared = changes::read(&path).and_then(|before| Some((now.since(&before)?, before.taken_at)));
    let (changed, changed_since) = compared.unzip();
    let item = Item {
        settings: &settings.rows,
        settings_total: settings.total,
        role_settings: &roles.rows[..roles.rows.len().min(ROWS)],
        role_settings_total: roles.total,
        pending_restarts: settings
            .rows
            .iter()
            .filter(|s| s.pending_restart)
            .map(|s| s.name.as_str())
            .collect(),
        digest: now.digest(),
        changed,
        changed_since,
    };
    let rows = settings.rows.len() as u64;
    let outcome = Outcome { rows, total: Some(settings.total), ..Outcome::default() };
    let fragment = Fragment::fields(&item);
    session.keep = Some(Keep::File { path, content: now.encode(), answered: Vec::new() });
    Ok(Done { key: KEY, fragment, outcome })
}
