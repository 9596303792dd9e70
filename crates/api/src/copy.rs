//! Rows in the binary format of COPY, written as they are read, so that nothing stands in memory twice.
//!
//! The number of a batch is known only once the database has given it: each row begins with an id of which the lower
//! part, the item's place, is written first, and [`Rows::numbered`] adds the rest.

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

/// Items that a batch may hold: the part of an id that counts them.
pub const ITEMS: usize = 1 << 16;

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The beginning of the year 1: what is earlier the server does not read as it is written on the wire.
pub const OLDEST: Timestamp = Timestamp::constant(-62_135_596_800, 0);
/// 2000-01-01, from which the server counts, in microseconds of Unix time.
pub(crate) const EPOCH_US: i64 = 946_684_800_000_000;

/// Rows of one table.
#[derive(Debug)]
pub struct Rows {
    /// Until they are sent for the first time.
    bytes: Vec<u8>,
    sent: Option<Bytes>,
    /// Where ids stand.
    ids: Vec<usize>,
    width: u16,
}

impl Rows {
    pub fn new(width: usize) -> Rows {
        let width = u16::try_from(width).expect("tables have few columns");
        Rows { bytes: HEADER.to_vec(), sent: None, ids: Vec::new(), width }
    }

    pub fn count(&self) -> usize {
        self.ids.len()
    }

    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    pub fn begin(&mut self, place: usize) {
        self.bytes.extend(self.width.to_be_bytes());
        self.bytes.extend(8_u32.to_be_bytes());
        self.ids.push(self.bytes.len());
        self.bytes.extend((place as u64).to_be_bytes());
    }

    pub fn null(&mut self) {
        self.bytes.extend((-1_i32).to_be_bytes());
    }

    fn value(&mut self, bytes: &[u8]) {
        self.bytes.extend(length(bytes.len()));
        self.bytes.extend_from_slice(bytes);
    }

    pub fn int(&mut self, value: i64) {
        self.eight(value.to_be_bytes());
    }

    /// Most values: in one piece, as each looks once whether there is room.
    fn eight(&mut self, bytes: [u8; 8]) {
        let mut cell = [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        cell[4..].copy_from_slice(&bytes);
        self.bytes.extend_from_slice(&cell);
    }

    pub fn integer(&mut self, value: i32) {
        self.value(&value.to_be_bytes());
    }

    pub fn float(&mut self, value: f64) {
        self.eight(value.to_be_bytes());
    }

    pub fn bool(&mut self, value: bool) {
        self.value(&[u8::from(value)]);
    }

    pub fn text(&mut self, value: &str) {
        self.value(value.as_bytes());
    }

    pub fn uuid(&mut self, value: Uuid) {
        self.value(value.as_bytes());
    }

    pub fn time(&mut self, at: Timestamp) {
        self.int(at.as_microsecond() - EPOCH_US);
    }

    /// Version 1 of the binary format of `jsonb` is the text itself.
    pub fn json(&mut self, value: &str) {
        self.bytes.extend(length(value.len() + 1));
        self.bytes.push(1);
        self.bytes.extend_from_slice(value.as_bytes());
    }

    /// Everything, with its end mark, and with ids that have their upper part. A transaction may have to be repeated, then
    /// under another number: what was sent before is copied only if somebody still holds it.
    pub fn numbered(&mut self, batch: i64) -> Bytes {
        let mut bytes = match self.sent.take() {
            Some(sent) => Vec::from(sent),
            None => {
                self.bytes.extend((-1_i16).to_be_bytes());
                std::mem::take(&mut self.bytes)
            }
        };
        let base = (batch as u64) * ITEMS as u64;
        for &at in &self.ids {
            let slot = &mut bytes[at..at + 8];
            let place = u64::from_be_bytes(slot.try_into().expect("eight bytes"));
            slot.copy_from_slice(&(base + place % ITEMS as u64).to_be_bytes());
        }
        self.sent.insert(bytes.into()).clone()
    }
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).expect("a batch is bounded far below").to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::{HEADER, ITEMS, Rows};

    #[test]
    fn rows_are_numbered_as_often_as_they_are_sent() {
        let mut rows = Rows::new(2);
        for place in [0, 5] {
            rows.begin(place);
            rows.int(-7);
        }
        let expected = |batch: usize| {
            let row = |place: usize| {
                let id = (batch * ITEMS + place).to_be_bytes();
                [&[0, 2, 0, 0, 0, 8], &id[..], &[0, 0, 0, 8], &(-7_i64).to_be_bytes()].concat()
            };
            [HEADER, &row(0), &row(5), &[0xff, 0xff]].concat()
        };
        let held = rows.numbered(3);
        assert_eq!(held, expected(3));
        assert_eq!(rows.numbered(4), expected(4));
        assert_eq!(rows.numbered(1 << 40), expected(1 << 40), "nobody holds what was sent before");
        assert_eq!(held, expected(3), "and who does sees no change");
    }
}
