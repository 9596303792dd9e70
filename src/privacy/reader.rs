//! An item taken apart: its bytes one after the other, none lost, each leaf with its path (`tables[].name`). Items are our
//! own JSON, and what `[[custom]]` returns was parsed before: this checks nothing, and whatever it meets, it comes to an
//! end. Depth costs memory, not stack.

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Commas, colons, spaces.
    Between(&'a [u8]),
    /// `{` or `[`
    Opens(u8),
    /// `}` or `]`
    Closes(u8),
    /// With its quotes.
    Key(&'a [u8]),
    /// Text with its quotes, or a number or word of JSON.
    Leaf(&'a [u8]),
}

impl Piece<'_> {
    pub fn bytes(&self) -> usize {
        match self {
            Piece::Between(raw) | Piece::Key(raw) | Piece::Leaf(raw) => raw.len(),
            Piece::Opens(_) | Piece::Closes(_) => 1,
        }
    }
}

pub struct Reader<'a> {
    rest: &'a [u8],
    open: Vec<Open<'a>>,
    path: String,
}

struct Open<'a> {
    object: bool,
    /// Length of the path of what is inside.
    base: usize,
    /// The next text is a key.
    key: bool,
    /// The value of the key `name`, once it was read.
    name: &'a [u8],
    /// The last key is `name`.
    named: bool,
}

impl<'a> Reader<'a> {
    pub fn new(json: &'a [u8]) -> Reader<'a> {
        Reader { rest: json, open: Vec::new(), path: String::new() }
    }

    /// Of the leaf that was read last. Below `parts`, whose keys are names of parts, a star stands for those.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is called `name` in the object of the leaf that was read last, if it came before.
    pub fn beside(&self) -> &'a [u8] {
        self.open.last().map_or(b"", |open| open.name)
    }

    fn opens(&mut self, object: bool) {
        if !object {
            self.path.push_str("[]");
        }
        self.open.push(Open { object, base: self.path.len(), key: object, name: b"", named: false });
    }

    fn closes(&mut self) {
        self.open.pop();
        self.path.truncate(self.open.last().map_or(0, |open| open.base));
    }

    fn key(&mut self, raw: &'a [u8]) {
        let name = &raw[1..raw.len().max(2) - 1];
        let Some(open) = self.open.last_mut() else { return };
        (open.key, open.named) = (false, name == b"name");
        self.path.truncate(open.base);
        let star = self.open.len() == 2 && self.path == "parts";
        if !self.path.is_empty() {
            self.path.push('.');
        }
        match star {
            true => self.path.push('*'),
            false => self.path.push_str(&String::from_utf8_lossy(name)),
        }
    }

    fn leaf(&mut self, raw: &'a [u8]) {
        if let Some(open) = self.open.last_mut().filter(|open| open.named) {
            (open.name, open.named) = (raw, false);
        }
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let first = *self.rest.first()?;
        let length = match first {
            b'{' | b'[' | b'}' | b']' => 1,
            b'"' => text(self.rest),
            _ if is_between(first) => run(self.rest, is_between),
            _ => run(self.rest, |b| !is_between(b) && !matches!(b, b'{' | b'[' | b'}' | b']' | b'"')),
        };
        let (raw, rest) = self.rest.split_at(length);
        self.rest = rest;
        let object = self.open.last().is_some_and(|open| open.object);
        Some(match first {
            b'{' | b'[' => {
                self.opens(first == b'{');
                Piece::Opens(first)
            }
            b'}' | b']' => {
                self.closes();
                Piece::Closes(first)
            }
            b'"' if self.open.last().is_some_and(|open| open.key) => {
                self.key(raw);
                Piece::Key(raw)
            }
            _ if is_between(first) => {
                if let Some(open) = self.open.last_mut().filter(|_| object && raw.contains(&b',')) {
                    open.key = true;
                }
                Piece::Between(raw)
            }
            _ => {
                self.leaf(raw);
                Piece::Leaf(raw)
            }
        })
    }
}

fn is_between(byte: u8) -> bool {
    matches!(byte, b',' | b':') || byte.is_ascii_whitespace()
}

fn run(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|&byte| !belongs(byte)).unwrap_or(bytes.len())
}

/// Up to the closing quote.
fn text(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}
