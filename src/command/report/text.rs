//! Text in columns of a terminal: what does not fit is broken between words, or shortened in the middle, where names
//! differ least.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::quote::plain;

const GAP: &str = "...";

/// Columns that it takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// At most so wide; what stays is its beginning and its end.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let text = plain(text);
    if width(&text) <= most {
        return text;
    }
    let room = most.saturating_sub(GAP.len());
    let (head, tail) = (room - room / 2, room / 2);
    let start = fitting(text.chars(), head);
    let end: String = fitting(text.chars().rev(), tail).chars().rev().collect();
    format!("{start}{GAP}{end}")
}

fn fitting(chars: impl Iterator<Item = char>, most: usize) -> String {
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken <= most
    };
    chars.take_while(fits).collect()
}

/// Lines of whole words; a word that is wider than a line is shortened.
pub(super) fn wrapped(text: &str, most: usize) -> Vec<String> {
    let words = plain(text);
    let words = words.split_whitespace().map(|word| (shortened(word, most), true));
    lines(words, most)
}

/// A statement in lines, broken only where that changes nothing; `None` where a name alone is wider than a line.
pub(super) fn statement(sql: &str, most: usize) -> Option<Vec<String>> {
    let pieces = pieces(sql);
    let fits = pieces.iter().all(|(piece, _)| width(piece) <= most);
    fits.then(|| lines(pieces.into_iter(), most))
}

/// Each piece with whether a space stands before it.
fn lines(pieces: impl Iterator<Item = (String, bool)>, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (piece, apart) in pieces {
        let space = if apart { " " } else { "" };
        match lines.last_mut() {
            Some(line) if width(line) + space.len() + width(&piece) <= most => {
                line.push_str(space);
                line.push_str(&piece);
            }
            _ => lines.push(piece),
        }
    }
    lines
}

/// At spaces and behind dots, outside of quotes.
fn pieces(sql: &str) -> Vec<(String, bool)> {
    let (mut pieces, mut piece, mut apart, mut quote) = (Vec::new(), String::new(), true, None);
    for c in sql.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            _ => {}
        }
        if quote.is_none() && c == ' ' {
            pieces.push((std::mem::take(&mut piece), std::mem::replace(&mut apart, true)));
            continue;
        }
        piece.push(c);
        if quote.is_none() && c == '.' && piece.ends_with("\".") {
            pieces.push((std::mem::take(&mut piece), std::mem::replace(&mut apart, false)));
        }
    }
    pieces.push((piece, apart));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_wide_loses_its_middle() {
        assert_eq!(shortened("abcdefghij", 10), "abcdefghij");
        assert_eq!(shortened("abcdefghijk", 10), "abcd...ijk");
        assert_eq!(shortened("名名名名名名", 9), "名...名");
        assert_eq!(shortened("a\u{1b}[31m\u{202e}b", 20), "a [31m b");
        for most in 3..30 {
            assert!(width(&shortened(&"名a".repeat(30), most)) <= most);
        }
    }

    #[test]
    fn lines_hold_whole_words() {
        assert_eq!(wrapped("a bb ccc dddd", 6), ["a bb", "ccc", "dddd"]);
        assert_eq!(wrapped("x abcdefghijk", 8), ["x", "abc...jk"]);
        assert!(wrapped("", 8).is_empty());
    }

    #[test]
    fn statements_break_where_it_changes_nothing() {
        let sql = "drop index \"a b\".\"c 'd\" where 'x y'";
        assert_eq!(statement(sql, 100).unwrap(), [sql]);
        assert_eq!(statement(sql, 11).unwrap(), ["drop index", "\"a b\".", "\"c 'd\"", "where 'x y'"]);
        assert_eq!(statement(sql, 5), None);
        assert_eq!(statement("select \"it\"\"s. \".x", 10).unwrap(), ["select", "\"it\"\"s. \".", "x"]);
    }
}
