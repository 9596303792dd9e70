//! `log_line_prefix` as something to match lines with.
//!
//! A prefix holds names that anybody may choose (%a, %u, %d), so where one ends is settled by what follows it: the next
//! literal, and in the end the word of a level. The first way that fits the whole line is taken.

use super::read::find;

/// What a line's prefix said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) time: &'a [u8],
    pub(super) sqlstate: &'a [u8],
    pub(super) pid: &'a [u8],
    pub(super) user: &'a [u8],
    pub(super) database: &'a [u8],
    pub(super) application: &'a [u8],
    pub(super) client: &'a [u8],
    pub(super) backend_type: &'a [u8],
    pub(super) query_id: &'a [u8],
}

#[derive(Clone, Debug)]
enum Token {
    Literal(Vec<u8>),
    /// `%t %m %s`: date, time, zone.
    Instant(Slot),
    /// Letters and digits of one kind: no way to end it but one.
    Run(Slot, fn(u8) -> bool),
    /// Anything up to what follows.
    Text(Slot),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    None,
    Time,
    Sqlstate,
    Pid,
    User,
    Database,
    Application,
    Client,
    BackendType,
    QueryId,
}

#[derive(Clone, Debug)]
pub(super) struct Prefix {
    tokens: Vec<Token>,
    /// Tokens before %q: all that a process without a session writes.
    before_stop: Option<usize>,
}

/// How many ways of one line are tried: names full of what ends a name make no line slow.
const TRIES: u32 = 64;

impl Prefix {
    pub(super) fn parse(setting: &str) -> Prefix {
        let mut prefix = Prefix { tokens: Vec::new(), before_stop: None };
        let text = setting.as_bytes();
        let mut at = 0;
        while at < text.len() {
            if text[at] != b'%' {
                prefix.literal(text[at]);
                at += 1;
                continue;
            }
            let begin = at + 1;
            let digits = text[begin..].iter().take_while(|b| b.is_ascii_digit() || **b == b'-').count();
            let Some(&escape) = text.get(begin + digits) else { break };
            at = begin + digits + 1;
            match (escape, digits > 0) {
                (b'%', _) => prefix.literal(b'%'),
                (b'q', _) => prefix.before_stop = prefix.before_stop.or(Some(prefix.tokens.len())),
                (_, padded) => prefix.tokens.extend(token(escape, padded)),
            }
        }
        prefix
    }

    fn literal(&mut self, byte: u8) {
        // What stands behind %q is not one with what stands before it.
        let apart = self.before_stop == Some(self.tokens.len());
        match self.tokens.last_mut() {
            Some(Token::Literal(bytes)) if !apart => bytes.push(byte),
            _ => self.tokens.push(Token::Literal(vec![byte])),
        }
    }

    /// What the prefix of a line says, and where it ends; `fits` judges what follows.
    pub(super) fn read<'a>(
        &self,
        line: &'a [u8],
        fits: impl Fn(&[u8]) -> bool,
    ) -> Option<(Found<'a>, usize)> {
        let whole = self.walk(&self.tokens, line, &fits);
        whole.or_else(|| self.walk(&self.tokens[..self.before_stop?], line, &fits))
    }

    fn walk<'a>(
        &self,
        tokens: &[Token],
        line: &'a [u8],
        fits: &impl Fn(&[u8]) -> bool,
    ) -> Option<(Found<'a>, usize)> {
        let (mut found, mut tries) = (Found::default(), TRIES);
        let end = step(tokens, line, 0, fits, &mut found, &mut tries)?;
        Some((found, end))
    }
}

fn token(escape: u8, padded: bool) -> Option<Token> {
    let digit = |b: u8| b.is_ascii_digit();
    let signed = |b: u8| b.is_ascii_digit() || b == b'-';
    let decimal = |b: u8| b.is_ascii_digit() || b == b'.';
    let hex = |b: u8| b.is_ascii_hexdigit() || b == b'.';
    let letters = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase();
    let transaction = |b: u8| b.is_ascii_digit() || b == b'/';
    Some(match escape {
        b't' | b'm' => Token::Instant(Slot::Time),
        b's' => Token::Instant(Slot::None),
        b'a' => Token::Text(Slot::Application),
        b'u' => Token::Text(Slot::User),
        b'd' => Token::Text(Slot::Database),
        b'r' | b'h' => Token::Text(Slot::Client),
        b'b' => Token::Text(Slot::BackendType),
        b'i' | b'L' => Token::Text(Slot::None),
        _ if padded => Token::Text(slot_of_run(escape)?),
        b'p' => Token::Run(Slot::Pid, digit),
        b'P' | b'l' | b'x' => Token::Run(Slot::None, digit),
        b'n' => Token::Run(Slot::Time, decimal),
        b'c' => Token::Run(Slot::None, hex),
        b'e' => Token::Run(Slot::Sqlstate, letters),
        b'v' => Token::Run(Slot::None, transaction),
        b'Q' => Token::Run(Slot::QueryId, signed),
        // A server writes nothing for what it does not know.
        _ => return None,
    })
}

fn slot_of_run(escape: u8) -> Option<Slot> {
    Some(match escape {
        b'p' => Slot::Pid,
        b'n' => Slot::Time,
        b'e' => Slot::Sqlstate,
        b'Q' => Slot::QueryId,
        b'P' | b'l' | b'x' | b'c' | b'v' => Slot::None,
        _ => return None,
    })
}

/// The rest of the tokens on the rest of the line; the end of the prefix, if they fit.
fn step<'a>(
    tokens: &[Token],
    line: &'a [u8],
    mut at: usize,
    fits: &impl Fn(&[u8]) -> bool,
    found: &mut Found<'a>,
    tries: &mut u32,
) -> Option<usize> {
    for (n, token) in tokens.iter().enumerate() {
        let rest = &line[at..];
        at += match token {
            Token::Literal(bytes) if rest.starts_with(bytes) => bytes.len(),
            Token::Literal(_) => return None,
            Token::Instant(slot) => {
                let length = instant(rest)?;
                lay(found, *slot, &rest[..length]);
                length
            }
            Token::Run(slot, belongs) => {
                let length = rest.iter().position(|&b| !belongs(b)).unwrap_or(rest.len());
                lay(found, *slot, &rest[..length]);
                length
            }
            Token::Text(slot) => return text(*slot, &tokens[n + 1..], line, at, fits, found, tries),
        };
    }
    fits(&line[at..]).then_some(at)
}

/// A name that may hold anything: every end is tried where what follows could begin, the first first.
fn text<'a>(
    slot: Slot,
    after: &[Token],
    line: &'a [u8],
    from: usize,
    fits: &impl Fn(&[u8]) -> bool,
    found: &mut Found<'a>,
    tries: &mut u32,
) -> Option<usize> {
    let mut end = from;
    loop {
        if let Some(Token::Literal(bytes)) = after.first() {
            end += find(&line[end..], bytes)?;
        }
        *tries = tries.checked_sub(1)?;
        if let Some(done) = step(after, line, end, fits, found, tries) {
            lay(found, slot, line[from..end].trim_ascii());
            return Some(done);
        }
        if end >= line.len() {
            return None;
        }
        end += 1;
    }
}

fn lay<'a>(found: &mut Found<'a>, slot: Slot, value: &'a [u8]) {
    let place = match slot {
        Slot::None => return,
        Slot::Time => &mut found.time,
        Slot::Sqlstate => &mut found.sqlstate,
        Slot::Pid => &mut found.pid,
        Slot::User => &mut found.user,
        Slot::Database => &mut found.database,
        Slot::Application => &mut found.application,
        Slot::Client => &mut found.client,
        Slot::BackendType => &mut found.backend_type,
        Slot::QueryId => &mut found.query_id,
    };
    *place = value;
}

/// `2026-02-03 04:05:06[.789] ZONE`, where the zone is a word or an offset.
pub(super) fn instant(text: &[u8]) -> Option<usize> {
    let pattern = b"dddd-dd-dd dd:dd:dd";
    let head = text.get(..pattern.len())?;
    let like = |(b, p): (&u8, &u8)| if *p == b'd' { b.is_ascii_digit() } else { b == p };
    if !head.iter().zip(pattern).all(like) {
        return None;
    }
    let mut at = pattern.len();
    if text.get(at) == Some(&b'.') {
        at += 1 + text[at + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
    }
    if text.get(at) != Some(&b' ') {
        return Some(at);
    }
    Some(at + 1 + zone(&text[at + 1..]))
}

/// `CEST`, `+02`, `+05:30`. What else stands behind it is the prefix's own, a colon above all.
fn zone(text: &[u8]) -> usize {
    let signed = matches!(text.first(), Some(b'+' | b'-'));
    let digits = |from: usize| text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    match signed {
        false => text.iter().take_while(|b| b.is_ascii_alphanumeric()).count(),
        true => match digits(1) {
            2 if text.get(3) == Some(&b':') && digits(4) == 2 && text.get(6) != Some(&b'.') => 6,
            count => 1 + count,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(rest: &[u8]) -> bool {
        rest.starts_with(b"LOG:  ")
    }

    fn read<'a>(setting: &str, line: &'a str) -> Option<(Found<'a>, &'a str)> {
        let (found, end) = Prefix::parse(setting).read(line.as_bytes(), level)?;
        Some((found, &line[end..]))
    }

    #[test]
    fn prefixes_of_all_kinds_are_taken_apart() {
        let (found, rest) = read("%m [%p] ", "2026-02-03 04:05:06.789 UTC [77] LOG:  x").unwrap();
        assert_eq!((found.time, found.pid), (&b"2026-02-03 04:05:06.789 UTC"[..], &b"77"[..]));
        assert_eq!(rest, "LOG:  x");
        let long = "%t:%r:%u@%d:[%p]: %a %e %Q %c %l %v %x %b %h %i %n %s%% ";
        let line = "2026-02-03 04:05:06 CET:10.0.0.1(4711):me@app:[9]: psql 1 42P01 -33 65.1 3 2/5 0 client backend ::1 SELECT \
                    1770000000.123 2026-02-03 04:05:06 CET% LOG:  x";
        let (found, _) = read(long, line).unwrap();
        assert_eq!(
            (found.user, found.database, found.client),
            (&b"me"[..], &b"app"[..], &b"10.0.0.1(4711)"[..])
        );
        assert_eq!(
            (found.application, found.sqlstate, found.query_id),
            (&b"psql 1"[..], &b"42P01"[..], &b"-33"[..])
        );
        assert_eq!(
            (found.backend_type, found.time),
            (&b"client"[..], &b"1770000000.123"[..]),
            "nothing tells a space within from one behind"
        );
    }

    #[test]
    fn background_processes_stop_where_the_setting_says() {
        let setting = "%m [%p] %q%u@%d/%a ";
        let (found, _) = read(setting, "2026-02-03 04:05:06.789 +02 [77] me@db/a b LOG:  x").unwrap();
        assert_eq!((found.user, found.application), (&b"me"[..], &b"a b"[..]));
        let (found, rest) = read(setting, "2026-02-03 04:05:06.789 +02 [77] LOG:  x").unwrap();
        assert_eq!((found.pid, found.user, rest), (&b"77"[..], &b""[..], "LOG:  x"));
    }

    #[test]
    fn names_may_hold_what_ends_them() {
        let (found, _) = read("%u@%d: ", "a@b@c: d: LOG:  x").unwrap();
        assert_eq!((found.user, found.database), (&b"a"[..], &b"b@c: d"[..]));
        assert_eq!(read("<%a> ", "<> x > LOG> LOG:  y").unwrap().0.application, b"> x > LOG");
        let many = "a@".repeat(1000) + "LOG:  x";
        assert_eq!(read("%u@%d@%a@%h ", &many), None, "given up in good time");
    }

    #[test]
    fn padding_is_no_part_of_a_value() {
        let (found, _) = read("%-8u|%8p|%5d ", "me      |      77|   db LOG:  x").unwrap();
        assert_eq!((found.user, found.pid, found.database), (&b"me"[..], &b"77"[..], &b"db"[..]));
        assert!(read("%-8u|%8p ", "        |      77 LOG:  x").is_some());
    }

    #[test]
    fn odd_settings_match_what_a_server_writes_for_them() {
        assert!(read("", "LOG:  x").is_some());
        assert!(read("100%% %k%", "100% LOG:  x").is_some());
        assert!(read("%m", "2026-02-03 04:05:06.789 UTCLOG:  x").is_none());
        assert!(read("%m:", "2026-02-03 04:05:06.789 UTC:LOG:  x").is_some());
        assert!(read("%m ", "no time LOG:  x").is_none());
        assert!(read("%p ", " LOG:  x").is_some(), "some processes have none");
    }
}
