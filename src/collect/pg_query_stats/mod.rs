//! Statements, ranked by what grew since the last run: the pure parts and the SQL.
//!
//! Pass 1 (`rank.*.sql`) streams every statement's key and figures into [`entry::Entry`]; [`rank::rank`] chooses; pass 2
//! (`rows.*.sql`) reads all figures of the chosen ones and, for those [`texts::order`] marks, their texts, which
//! [`texts::read`] masks. What the next run compares with goes through [`previous`]. SQL files are gated by the
//! extension's version: `pg_upgrade` keeps an old one on a new server.
//!
//! A run: [`previous::read`], [`previous::Previous::void_marks`], pass 1, `rank`, `order`, pass 2, `texts::read` for each
//! text, the batch is sealed, then [`rank::Ranking::records`] into [`previous::write`].
//!
//! Pass 2 with texts can fail as a whole with 22021 or 22P05: one statement of a database in another encoding that cannot
//! be converted makes the extension refuse every text. It then runs again with no `with_text` set; figures never fail so.
//!
//! `hash` is the signed queryid as a string: a JSON number above 2^53 loses its last digits in JavaScript and in jq.

pub mod entry;
pub mod growth;
pub mod mask;
pub mod previous;
pub mod rank;
pub mod share;
pub mod texts;

#[cfg(test)]
mod sql_tests;
