use super::*;
use crate::collect::pg_log::entry::Entry;

/// What came out: level, code, message, detail and statement of each entry.
#[derive(Default)]
struct Seen {
    entries: Vec<[String; 5]>,
    aliens: u64,
}

impl Sink for Seen {
    fn entry(&mut self, e: &Entry) {
        let text = |raw: &[u8]| String::from_utf8_lossy(raw).into_owned();
        let level = e.level.name().to_owned();
        self.entries.push([level, text(e.sqlstate), text(&e.message), text(&e.detail), text(&e.statement)]);
    }

    fn alien(&mut self) {
        self.aliens += 1;
    }
}

fn stderr() -> Format {
    Format::Stderr(Prefix::parse("%m [%p] "))
}

fn read(format: &Format, bytes: &[u8], last: bool) -> (Seen, usize) {
    let mut seen = Seen::default();
    let done = format.entries(bytes, last, &mut seen);
    (seen, done)
}

const AT: &str = "2026-02-03 04:05:06.789 UTC [7] ";

fn log(lines: &[&str]) -> Vec<u8> {
    lines
        .iter()
        .map(|l| if l.starts_with(['\t', '!']) { format!("{l}\n") } else { format!("{AT}{l}\n") })
        .collect::<String>()
        .into()
}

#[test]
fn an_entry_on_stderr_has_many_lines() {
    let bytes = log(&[
        "ERROR:  23505: duplicate key",
        "DETAIL:  Key (a)=(1",
        "\t2) already exists.",
        "STATEMENT:  insert into t",
        "\tvalues (1)",
        "LOG:  next",
    ]);
    let (seen, done) = read(&stderr(), &bytes, false);
    assert_eq!(
        seen.entries,
        [[
            "error",
            "23505",
            "duplicate key",
            "Key (a)=(1\n\t2) already exists.",
            "insert into t\n\tvalues (1)"
        ]]
    );
    assert_eq!(&bytes[done..], format!("{AT}LOG:  next\n").as_bytes(), "the last may go on");
    let (seen, done) = read(&stderr(), &bytes, true);
    assert_eq!((seen.entries.len(), done), (2, bytes.len()));
}

#[test]
fn what_others_write_into_the_log_is_nobodys() {
    let bytes = log(&[
        "! cp: no such file",
        "\tmore",
        "LOG:  a",
        "! oops",
        "DETAIL:  of nothing",
        "WAS:  b",
        "LOG:  c",
    ]);
    let (seen, _) = read(&stderr(), &bytes, true);
    let told: Vec<_> = seen.entries.iter().map(|e| (e[0].as_str(), e[2].as_str())).collect();
    assert_eq!(told, [("log", "a"), ("unknown", "b"), ("log", "c")]);
    assert_eq!(seen.aliens, 2);
}

fn csv(message: &str, statement: &str) -> String {
    let quoted = |t: &str| format!("\"{}\"", t.replace('"', "\"\""));
    format!(
        "2026-02-03 04:05:06.789 UTC,\"me\",\"app\",7,\"[local]\",65.1,3,\"SELECT\",2026-02-03 04:05:06 UTC,3/4,0,ERROR,42P01,{},,,,,,{},15,,\"psql\",\"client backend\",,0\n",
        quoted(message),
        quoted(statement)
    )
}

#[test]
fn records_have_quotes_and_lines_in_them() {
    let bytes = csv("relation \"x\" is, not\nthere", "select 1,\n\"a\"") + &csv("b", "") + "2026-02-03 04:0";
    let (seen, done) = read(&Format::Csv, bytes.as_bytes(), false);
    assert_eq!(seen.entries.len(), 2);
    assert_eq!(seen.entries[0], ["error", "42P01", "relation \"x\" is, not\nthere", "", "select 1,\n\"a\""]);
    assert_eq!(&bytes[done..], "2026-02-03 04:0");
    let open = csv("open", "x");
    let (seen, done) = read(&Format::Csv, &open.as_bytes()[..open.len() - 20], false);
    assert_eq!((seen.entries.len(), done), (0, 0));
}

#[test]
fn a_torn_record_takes_none_of_the_others_along() {
    let whole = csv("whole, \"x\"", "select 'y'");
    for cut in 1..whole.len() - 1 {
        let bytes = format!("{}\n{whole}{whole}", &whole[..cut]);
        let (seen, done) = read(&Format::Csv, bytes.as_bytes(), true);
        let good = seen.entries.iter().filter(|e| e[2] == "whole, \"x\"").count();
        // Near its end a torn record is whole enough; near its first comma it is not.
        assert!(good >= 2, "{cut}: {good} of {bytes}");
        assert_eq!(done, bytes.len(), "{cut}");
    }
}

#[test]
fn lines_of_json_are_read_and_others_counted() {
    let bytes = b"{\"timestamp\":\"2026-02-03 04:05:06.789 UTC\",\"pid\":7,\"error_severity\":\"FATAL\",\"state_code\":\"57P01\",\
        \"message\":\"a \\\"b\\\"\",\"new\":{\"x\":1},\"query_id\":-5}\n{torn\n{\"message\":\"caf\xe9\",\"error_severity\":\"LOG\"}\n{\"mess";
    let (seen, done) = read(&Format::Json, bytes, false);
    assert_eq!(seen.entries[0][..3], ["fatal", "57P01", "a \"b\""]);
    assert_eq!(seen.entries[1][2], "caf\u{fffd}");
    assert_eq!((seen.entries.len(), seen.aliens, &bytes[done..]), (2, 1, &b"{\"mess"[..]));
}

#[test]
fn the_next_beginning_is_found_from_anywhere() {
    let text = log(&["LOG:  a", "\tmore", "DETAIL:  d", "ERROR:  b"]);
    let at = stderr().next_start(&text).unwrap();
    assert!(text[at..].ends_with(b"ERROR:  b\n") && text[at..].starts_with(b"2026"));
    assert_eq!(stderr().next_start(&text[at..]), None);
    let records = csv("a\nb", "c") + &csv("d", "");
    assert_eq!(Format::Csv.next_start(records.as_bytes()), Some(csv("a\nb", "c").len()));
    assert_eq!(Format::Json.next_start(b"x\"}\n{\"timestamp\":1}\n"), Some(4));
}

#[test]
fn no_bytes_at_all_make_it_stumble() {
    let mut seed = 7u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let pieces: Vec<Vec<u8>> =
        [AT, "LOG:  ", "ERROR:  ", "DETAIL:  ", "\n", "\t", "\"", "\"\"", ",", "{\"timestamp\":", "}", "\0"]
            .iter()
            .map(|p| p.as_bytes().to_vec())
            .chain([csv("x", "y").into_bytes(), vec![0xff, 0xfe]])
            .collect();
    for _ in 0..3000 {
        let bytes: Vec<u8> = (0..next() % 30).flat_map(|_| pieces[next() % pieces.len()].clone()).collect();
        for format in [stderr(), Format::Csv, Format::Json] {
            let (_, done) = read(&format, &bytes, false);
            assert!(done <= bytes.len());
            let (_, done) = read(&format, &bytes, true);
            assert_eq!(done, bytes.len(), "{format:?} {:?}", String::from_utf8_lossy(&bytes));
            format.next_start(&bytes);
        }
    }
}

/// However the bytes are cut, the same entries come out of them.
#[test]
fn pieces_make_what_the_whole_makes() {
    let text = log(&["LOG:  a", "\tmore", "ERROR:  b", "DETAIL:  d", "STATEMENT:  s", "\tt", "LOG:  c"]);
    let records = (csv("a \"q\"\nb", "c") + &csv("d", "")).into_bytes();
    for (format, bytes) in [(stderr(), text), (Format::Csv, records)] {
        let whole = read(&format, &bytes, true).0.entries;
        for size in 1..bytes.len() {
            let (mut seen, mut from, mut to) = (Seen::default(), 0, 0);
            while to < bytes.len() {
                to = (to + size).min(bytes.len());
                from += format.entries(&bytes[from..to], to == bytes.len(), &mut seen);
            }
            assert_eq!(seen.entries, whole, "{size}");
        }
    }
}
