//! The text of a statement on its way to the server: comments stay at home, a marker says who asks, and lines of
//! columns that this server turned out not to have are left out. Pure.
//!
//! It relies on how our files are written: one column a line, commas leading.

/// What every statement of ours carries behind its first word, for a DBA who looks at activity or statements.
pub const MARKER: &str = "/* pganalytics:";

/// `sql` as it is sent, without the columns named in `missing`.
pub fn prepare(tag: &str, sql: &str, missing: &[String]) -> String {
    let kept: Vec<&str> = sql
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .filter(|line| {
            missing.is_empty() || !column(line).is_some_and(|name| missing.iter().any(|m| m == name))
        })
        .collect();
    let body = kept.join("\n");
    let (first, rest) = body.split_once(char::is_whitespace).unwrap_or((&body, ""));
    format!("{first} {MARKER}{tag} */\n{rest}")
}

/// The column whose line holds `position` (in characters, from 1, as the server counts): the one to leave out.
pub fn column_at(sent: &str, position: u32) -> Option<&str> {
    let before = usize::try_from(position).ok()?.checked_sub(1)?;
    let (at, _) = sent.char_indices().nth(before)?;
    let start = sent[..at].rfind('\n').map_or(0, |n| n + 1);
    column(sent[start..].lines().next()?)
}

/// The first column whose line calls a function that `message` names: the one to leave out where a server refuses the
/// function. Messages are translated, names in them are not.
pub fn column_calling<'s>(sent: &'s str, message: &str) -> Option<&'s str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named = |called: &str| message.split(|c| !is_name(c)).any(|word| word == called);
    let calls = |line: &str| {
        let heads = line.match_indices('(').map(|(at, _)| &line[..at]);
        heads
            .filter_map(|head| head.rsplit(|c| !is_name(c)).next())
            .any(|name| !name.is_empty() && named(name))
    };
    sent.lines().filter(|line| calls(line)).find_map(column)
}

/// The name that a line `    , expression as name` gives.
fn column(line: &str) -> Option<&str> {
    let expression = line.trim().strip_prefix(',')?.trim();
    let last = expression.rsplit([' ', '.']).next()?;
    (!last.is_empty() && last.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQL: &str = "-- what and why\nselect\n    a.b as first\n    , a.c\n    , f(a.d) as third\nfrom a\n";

    #[test]
    fn comments_stay_and_the_marker_goes() {
        let sent = prepare("pg_stats.tables", SQL, &[]);
        assert!(sent.starts_with("select /* pganalytics:pg_stats.tables */\n"), "{sent}");
        assert!(!sent.contains("what and why"));
    }

    #[test]
    fn an_error_position_names_the_line_to_drop() {
        let sent = prepare("x", SQL, &[]);
        for (needle, name) in [("a.c", "c"), ("a.d", "third"), ("f(", "third")] {
            let position = sent[..sent.find(needle).unwrap()].chars().count() + 1;
            assert_eq!(column_at(&sent, position as u32), Some(name));
            assert!(!prepare("x", SQL, &[name.to_owned()]).contains(needle));
        }
    }

    #[test]
    fn a_refused_function_names_the_line_to_drop() {
        let sent =
            prepare("x", "select\n    k() as a\n    , s.g() as b\n    , s.g(h(1)) as c\nfrom s.t()\n", &[]);
        assert_eq!(column_calling(&sent, "permission denied for function g"), Some("b"));
        assert_eq!(column_calling(&sent, "Function h() is not supported"), Some("c"));
        assert_eq!(column_calling(&sent, "keine Berechtigung für Funktion »h«"), Some("c"));
        for unnamed in ["permission denied for function gh", "function k", "function t", "", "s b c"] {
            assert_eq!(column_calling(&sent, unnamed), None, "{unnamed}");
        }
    }

    #[test]
    fn the_key_column_and_the_rest_of_the_statement_cannot_be_dropped() {
        let sent = prepare("x", SQL, &[]);
        for needle in ["a.b", "from"] {
            let position = sent.find(needle).unwrap() + 1;
            assert_eq!(column_at(&sent, position as u32), None);
        }
        assert_eq!(column_at(&sent, 0), None);
        assert_eq!(column_at(&sent, 100_000), None);
    }
}
