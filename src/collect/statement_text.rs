//! Texts of statements among the columns of a part: those named `query`, or ending in `_query`. A session's text is
//! raw, with every literal it was sent with, and cut at track_activity_query_size: none goes out unmasked, and none at
//! all where the operator wants none.

use postgres::Row;
use serde_json::value::RawValue;

use super::mask::mask;
use crate::config::Config;
use crate::pg::rows::{self, Edit};

/// What a server tells instead of the text of another role's statement.
const HIDDEN: &str = "<insufficient privilege>";

#[derive(Clone, Copy, Debug)]
pub struct Texts {
    told: bool,
    max_bytes: usize,
}

impl Texts {
    pub fn of(config: &Config) -> Texts {
        Texts { told: config.privacy.query_text, max_bytes: config.limits.text_bytes }
    }

    #[cfg(any(test, fuzzing))]
    pub fn with(told: bool, max_bytes: usize) -> Texts {
        Texts { told, max_bytes }
    }

    #[cfg(test)]
    pub const OF_TESTS: Texts = Texts { told: true, max_bytes: 1000 };
    #[cfg(test)]
    pub const NONE_OF_TESTS: Texts = Texts { told: false, max_bytes: 1000 };

    pub fn may_be_told(self) -> bool {
        self.told
    }

    /// The row's columns, as [`rows::fields`] writes them.
    pub fn fields(
        self,
        row: &Row,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn std::error::Error + Sync + Send>> {
        rows::edited_fields(row, 0, out, |column, raw| self.edit(column, raw))
    }

    /// The row as an object, for an array that code puts together.
    pub fn object(self, row: &Row) -> Result<Box<RawValue>, Box<dyn std::error::Error + Sync + Send>> {
        let mut json = vec![b'{'];
        self.fields(row, &mut json)?;
        json.push(b'}');
        Ok(RawValue::from_string(String::from_utf8(json)?)?)
    }

    /// A text as it may be told, if it may.
    pub fn told(self, text: &str) -> Option<String> {
        let hidden = text.is_empty() || text.starts_with(HIDDEN);
        (self.told && !hidden).then(|| mask(text, self.max_bytes).text)
    }

    fn edit(self, column: &str, raw: &[u8]) -> Edit {
        match column == "query" || column.ends_with("_query") {
            false => Edit::Keep,
            true => self.told(&String::from_utf8_lossy(raw)).map_or(Edit::LeaveOut, Edit::Replace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: Texts = Texts { told: true, max_bytes: 1000 };

    fn masked(text: &str) -> Edit {
        Edit::Replace(text.to_owned())
    }

    #[test]
    fn columns_of_statements_are_masked_and_no_others() {
        let text = b"select 'secret', 5";
        for column in ["query", "blocked_query", "blocking_query"] {
            assert_eq!(TEXTS.edit(column, text), masked("select '***', 0"), "{column}");
        }
        for column in ["query_id", "queryid", "state", "xquery"] {
            assert_eq!(TEXTS.edit(column, text), Edit::Keep, "{column}");
        }
    }

    #[test]
    fn a_text_cut_anywhere_leaks_nothing_of_its_literals() {
        let whole = "update t set a = E'sec\\'ret', b = $x$secret$x$, c = U&'secret', d = 's''ecret' -- secret\n, e = 'sécret'";
        for cut in (0..=whole.len()).filter(|&at| whole.is_char_boundary(at)) {
            let Edit::Replace(text) = TEXTS.edit("query", &whole.as_bytes()[..cut]) else { continue };
            for leak in ["sec", "ret", "séc", "ecret"] {
                assert!(!text.replace("set", "").contains(leak), "{} -> {text}", &whole[..cut]);
            }
        }
        assert_eq!(
            TEXTS.edit("query", b"select 'caf\xc3"),
            masked("select '***'"),
            "torn within a character"
        );
    }

    #[test]
    fn what_may_not_or_cannot_be_told_is_left_out() {
        let none = Texts { told: false, ..TEXTS };
        assert_eq!(none.edit("query", b"select 1"), Edit::LeaveOut);
        assert_eq!(none.edit("state", b"active"), Edit::Keep);
        assert_eq!(TEXTS.edit("query", b"<insufficient privilege>"), Edit::LeaveOut);
        assert_eq!(TEXTS.edit("query", b""), Edit::LeaveOut);
    }

    #[test]
    fn a_text_is_no_longer_than_the_limit() {
        let short = Texts { max_bytes: 6, ..TEXTS };
        assert_eq!(short.edit("query", b"select a from t"), masked("select"));
    }
}
