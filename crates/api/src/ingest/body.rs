//! A push's body as text: inflated up to a cap, within the memory that all pushes of this process share.

use std::io::Read;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const STEP: usize = 256 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// Of the header's value.
    pub fn of(value: &str) -> Option<Encoding> {
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Encoding::Identity),
            "gzip" | "x-gzip" => Some(Encoding::Gzip),
            "zstd" => Some(Encoding::Zstd),
            _ => None,
        }
    }
}

#[derive(Debug, PartialEq)]
pub enum Refusal {
    /// It is longer than the cap.
    TooLarge,
    /// The memory for pushes is taken by others: later it fits.
    NoRoom,
    Damaged(String),
}

/// The memory that pushes may take together.
#[derive(Clone)]
pub struct Room(Arc<Semaphore>);

/// What a push holds of it, until it is dropped.
#[derive(Debug, Default)]
pub struct Held(Vec<OwnedSemaphorePermit>);

impl Room {
    pub fn new(bytes: usize) -> Room {
        Room(Arc::new(Semaphore::new((bytes / STEP).max(1))))
    }

    /// Room for one more step; never waits, as what waits for each other's room would wait for ever.
    fn step(&self, held: &mut Held) -> Result<(), Refusal> {
        held.0.push(self.0.clone().try_acquire_owned().map_err(|_| Refusal::NoRoom)?);
        Ok(())
    }

    /// Room for so many bytes in all.
    pub fn cover(&self, held: &mut Held, bytes: usize) -> Result<(), Refusal> {
        while held.0.len() * STEP < bytes {
            self.step(held)?;
        }
        Ok(())
    }
}

pub fn inflate(body: &[u8], encoding: Encoding, cap: usize, room: &Room) -> Result<(String, Held), Refusal> {
    let damaged = |e: &dyn std::fmt::Display| Refusal::Damaged(e.to_string());
    let read = |reader: &mut dyn Read| bounded(reader, cap, room);
    let (bytes, held) = match encoding {
        Encoding::Identity => read(&mut &*body),
        Encoding::Gzip => read(&mut MultiGzDecoder::new(body)),
        Encoding::Zstd => {
            // The decoder keeps a whole window, however long the frame says that it is.
            let window = zstd_window(body).ok_or_else(|| damaged(&"it is no frame of zstd"))?;
            let window = usize::try_from(window).ok().filter(|window| *window <= cap);
            let mut aside = Held::default();
            room.cover(&mut aside, window.ok_or(Refusal::TooLarge)?)?;
            let mut decoder = ruzstd::decoding::StreamingDecoder::new(body).map_err(|e| damaged(&e))?;
            let inflated = read(&mut decoder)?;
            if !decoder.get_ref().is_empty() {
                return Err(damaged(&"there is more behind its frame"));
            }
            Ok(inflated)
        }
    }?;
    let text = String::from_utf8(bytes).map_err(|_| Refusal::Damaged("it is not UTF-8".to_owned()))?;
    Ok((text, held))
}

/// How far back a frame may refer, from its header: RFC 8878, 3.1.1.1.
fn zstd_window(frame: &[u8]) -> Option<u64> {
    let (told, rest) = frame.strip_prefix(&[0x28, 0xb5, 0x2f, 0xfd])?.split_first()?;
    let whole = told & 0x20 != 0;
    if !whole {
        let window = *rest.first()?;
        let base = 1_u64 << (10 + (window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    // The frame is one window: its content's size stands behind the id of a dictionary.
    let rest = rest.get([0, 1, 2, 4][usize::from(told & 3)]..)?;
    let size = rest.get(..[1, 2, 4, 8][usize::from(told >> 6)])?;
    let number = size.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
    Some(if size.len() == 2 { number + 256 } else { number })
}

fn bounded(reader: &mut dyn Read, cap: usize, room: &Room) -> Result<(Vec<u8>, Held), Refusal> {
    let (mut bytes, mut held) = (Vec::new(), Held::default());
    loop {
        room.step(&mut held)?;
        let wanted = STEP.min(cap + 1 - bytes.len()) as u64;
        let read =
            reader.take(wanted).read_to_end(&mut bytes).map_err(|e| Refusal::Damaged(e.to_string()))?;
        if bytes.len() > cap {
            return Err(Refusal::TooLarge);
        }
        if (read as u64) < wanted {
            return Ok((bytes, held));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{Encoding, Refusal, Room, STEP, inflate};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn room() -> Room {
        Room::new(64 << 20)
    }

    #[test]
    fn each_encoding_gives_the_same() {
        let text = "caf\u{e9} ".repeat(100_000);
        for (encoding, body) in [
            (Encoding::Identity, text.as_bytes().to_vec()),
            (Encoding::Gzip, gzip(text.as_bytes())),
            (Encoding::Zstd, zstd(text.as_bytes())),
        ] {
            let (read, _) = inflate(&body, encoding, text.len(), &room()).unwrap();
            assert!(read == text, "{encoding:?}");
            let refused = inflate(&body, encoding, text.len() - 1, &room()).unwrap_err();
            assert_eq!(refused, Refusal::TooLarge, "{encoding:?}");
        }
        assert_eq!(Encoding::of(" GZIP "), Some(Encoding::Gzip));
        assert_eq!(Encoding::of("br"), None);
    }

    #[test]
    fn a_bomb_costs_no_more_than_the_cap() {
        let bomb = gzip(&vec![b' '; 64 << 20]);
        assert!(bomb.len() < 100_000);
        assert_eq!(inflate(&bomb, Encoding::Gzip, 1 << 20, &room()).unwrap_err(), Refusal::TooLarge);
    }

    /// A frame of blocks that each repeat one byte 128 KiB long, after a header with this window.
    fn repeated(window: u8, blocks: usize) -> Vec<u8> {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, window];
        for block in 1..=blocks {
            let header = u32::from(block == blocks) | 1 << 1 | (128 << 10) << 3;
            frame.extend(&header.to_le_bytes()[..3]);
            frame.push(b' ');
        }
        frame
    }

    #[test]
    fn a_window_is_no_way_around_the_cap() {
        let (mib, tib) = (10 << 3, 30 << 3);
        let text = inflate(&repeated(mib, 16), Encoding::Zstd, 2 << 20, &room()).unwrap().0;
        assert_eq!(text.len(), 2 << 20);
        for window in [mib, tib] {
            let refused = inflate(&repeated(window, 80_000), Encoding::Zstd, 2 << 20, &room()).unwrap_err();
            assert_eq!(refused, Refusal::TooLarge, "{window}: ten gigabytes");
        }
        let refused = inflate(&repeated(mib, 1), Encoding::Zstd, 2 << 20, &Room::new(STEP)).unwrap_err();
        assert_eq!(refused, Refusal::NoRoom, "the window takes of it too");
    }

    #[test]
    fn the_window_is_as_the_header_says() {
        for (length, expected) in [(5, 5), (300, 300), (70_000, 70_000)] {
            let told = super::zstd_window(&zstd(&vec![b'x'; length])).unwrap();
            assert!(told >= expected, "{told} for {length}");
        }
        let header = |bytes: &[u8]| super::zstd_window(&[&[0x28, 0xb5, 0x2f, 0xfd], bytes].concat());
        assert_eq!(header(&[0x20, 7]), Some(7));
        assert_eq!(header(&[0x61, 0, 1, 1]), Some(513), "behind a dictionary of one byte");
        assert_eq!(header(&[0xe0, 0, 0, 0, 0, 0, 1, 0, 0]), Some(1 << 40));
        assert_eq!(header(&[0, 0x51]), Some((1 << 20) + (1 << 17)));
        assert_eq!((header(&[]), header(&[0xe0, 1]), super::zstd_window(b"{}")), (None, None, None));
    }

    #[test]
    fn damage_is_told() {
        let mut cut = gzip(b"{\"metrics\":[]}");
        cut.truncate(cut.len() - 4);
        for (encoding, body) in [
            (Encoding::Gzip, cut.as_slice()),
            (Encoding::Gzip, b"{}".as_slice()),
            (Encoding::Zstd, b"{}".as_slice()),
            (Encoding::Zstd, [zstd(b"{}"), zstd(b"{}")].concat().as_slice()),
            (Encoding::Identity, b"caf\xe9".as_slice()),
        ] {
            let refused = inflate(body, encoding, 1 << 20, &room()).unwrap_err();
            assert!(matches!(refused, Refusal::Damaged(_)), "{encoding:?}: {refused:?}");
        }
    }

    #[test]
    fn memory_is_shared_and_given_back() {
        let room = Room::new(4 * STEP);
        let text = " ".repeat(2 * STEP);
        let (_, held) = inflate(text.as_bytes(), Encoding::Identity, 1 << 30, &room).unwrap();
        assert_eq!(
            inflate(text.as_bytes(), Encoding::Identity, 1 << 30, &room).unwrap_err(),
            Refusal::NoRoom
        );
        drop(held);
        assert!(inflate(text.as_bytes(), Encoding::Identity, 1 << 30, &room).is_ok());
    }
}
