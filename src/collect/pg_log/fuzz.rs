//! Fuzz target: the log as a server, or whoever writes to its stderr, leaves it.

use super::entry::{Entry, Sink};
use super::figures::Figures;
use super::format::Format;
use super::prefix::Prefix;
use super::times::Clock;
use crate::collect::statement_text::Texts;

/// More than what is told of a log can take, whatever it holds.
const MOST_BYTES: usize = 1 << 20;

/// The first byte says which form; lines on stderr have the first line for a prefix. Nothing is read past the end or left
/// behind it, two wholes side by side are what each of them is, and what is told is bounded and valid.
pub(crate) fn log(data: &[u8]) {
    let Some((which, text)) = data.split_first() else { return };
    let (format, text) = match which % 3 {
        0 => {
            let Some(end) = memchr::memchr(b'\n', text) else { return };
            let Ok(setting) = std::str::from_utf8(&text[..end]) else { return };
            (Format::Stderr(Prefix::parse(setting)), &text[end + 1..])
        }
        1 => (Format::Csv, text),
        _ => (Format::Json, text),
    };
    let (all, done) = read(&format, text, true);
    assert_eq!(done, text.len(), "all of it is taken where nothing follows");
    let (some, done) = read(&format, text, false);
    assert!(done <= text.len() && some.len() <= all.len());
    assert!(format.next_start(text).is_none_or(|at| at > 0 && at <= text.len()));
    if let Some(half) =
        text.len().checked_div(2).and_then(|half| format.next_start(&text[half..]).map(|at| half + at))
    {
        two_wholes(&format, &text[..half], &text[half..]);
    }
    told(&format, text);
}

/// Level, code, message, detail and statement of each entry.
#[derive(Default)]
struct Seen(Vec<[Vec<u8>; 5]>);

impl Sink for Seen {
    fn entry(&mut self, e: &Entry) {
        let fields = [e.level.name().as_bytes(), e.sqlstate, &e.message, &e.detail, &e.statement];
        self.0.push(fields.map(<[u8]>::to_vec));
    }

    fn alien(&mut self) {}
}

fn read(format: &Format, bytes: &[u8], last: bool) -> (Vec<[Vec<u8>; 5]>, usize) {
    let mut seen = Seen::default();
    let done = format.entries(bytes, last, &mut seen);
    (seen.0, done)
}

/// Where the first part needs nothing of the second, and the second begins like an entry.
fn two_wholes(format: &Format, first: &[u8], second: &[u8]) {
    let (mut apart, done) = read(format, first, false);
    match format {
        Format::Stderr(_) => apart = read(format, first, true).0,
        _ if done < first.len() => return,
        _ => {}
    }
    apart.extend(read(format, second, true).0);
    assert_eq!(read(format, &[first, second].concat(), true).0, apart);
}

fn told(format: &Format, text: &[u8]) {
    let mut figures = Figures::new(Clock::new("UTC", 0), Texts::with(true, 1000), false, 0);
    format.entries(text, true, &mut figures);
    let item = serde_json::to_vec(&figures.item()).expect("figures encode");
    assert!(item.len() < MOST_BYTES, "{} bytes of {}", item.len(), text.len());
}
