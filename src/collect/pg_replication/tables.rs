//! How old a database is and which of its tables make it so: a row of `wraparound_risk`, in the database's own item.

use wire::Outcome;

use crate::collect::part::{Done, Fragment};
use crate::collect::{Cx, Placed};
use crate::pg::rows;
use crate::pg::session::Session;

pub(super) const KEY: &str = "wraparound_tables";
const TAG: &str = "pg_replication.wraparound_tables";
const SQL: &str = include_str!("wraparound_tables.13.sql");

pub(super) fn run(session: &mut Session, _: &Cx) -> Vec<Placed> {
    let mut json = br#""wraparound_risk":[{"#.to_vec();
    let asked = session.query(TAG, SQL, &[], |row| rows::fields(row, 0, &mut json));
    let done = match asked {
        Ok(()) => {
            json.extend_from_slice(b"}]");
            Done {
                key: KEY,
                fragment: Fragment::Fields(json),
                outcome: Outcome { rows: 1, ..Outcome::default() },
            }
        }
        Err(failure) => failure.done(KEY),
    };
    vec![Placed { database: None, done }]
}
