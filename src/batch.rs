//! The batch under way: items go into one gzip stream as they finish.
//!
//! Owns the compressed bytes, which are all that memory holds of finished items (a 21-database batch is some 90 kB).
//! They stay in memory rather than in a file so that a full disk does not stop a batch from leaving the host. What
//! `[privacy]` hides is taken out here, so that nothing gets round it.

use std::io::{self, BufWriter, Read, Write};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use wire::{Counts, Head, Tail, Verdict};

use crate::privacy::screen::Screen;

/// Measured on batches of 0.5 and 2.7 MB: level 7 sends a fifth and a tenth less than 6 for a quarter more time at most;
/// 8 and 9 take up to twice as long for 5 percent at best.
const LEVEL: u32 = 7;
/// The encoder clears its output buffer at every call: many small items cost more than few large pieces.
const PIECE_BYTES: usize = 64 * 1024;

pub struct Batch {
    head: Head,
    stream: BufWriter<GzEncoder<Vec<u8>>>,
    items: u64,
    raw_bytes: u64,
    outcomes: Counts,
    /// `None`: everything may leave.
    screen: Option<Screen>,
}

/// A finished batch, ready for the spool.
#[derive(Debug)]
pub struct Sealed {
    pub head: Head,
    pub bytes: Vec<u8>,
    pub items: u64,
    pub outcomes: Counts,
    /// Before compression.
    pub raw_bytes: u64,
}

impl Batch {
    pub fn open(head: Head) -> Result<Batch> {
        let encoder = GzEncoder::new(Vec::with_capacity(32 * 1024), Compression::new(LEVEL));
        let mut batch = Batch {
            stream: BufWriter::with_capacity(PIECE_BYTES, encoder),
            items: 0,
            raw_bytes: 0,
            outcomes: Counts::default(),
            screen: None,
            head,
        };
        let open = wire::open(&batch.head);
        batch.write(&open).context("starting a batch")?;
        Ok(batch)
    }

    /// Every item passes it from here on.
    pub fn behind(mut self, screen: Option<Screen>) -> Batch {
        self.screen = screen;
        self
    }

    /// Appends one item: a JSON object.
    pub fn item(&mut self, json: &[u8]) -> Result<()> {
        if self.items > 0 {
            self.write(b",").context("adding to the batch")?;
        }
        let screened = self.screen.as_ref().map(|screen| screen.item(json));
        self.write(screened.as_deref().unwrap_or(json)).context("adding to the batch")?;
        self.items += 1;
        Ok(())
    }

    pub fn count(&mut self, verdict: Verdict) {
        self.outcomes.add(verdict);
    }

    pub fn items(&self) -> u64 {
        self.items
    }

    pub fn raw_bytes(&self) -> u64 {
        self.raw_bytes
    }

    pub fn seal(mut self) -> Result<Sealed> {
        let close = wire::close(&Tail { metrics_count: self.items, outcomes: self.outcomes });
        self.write(&close).context("closing the batch")?;
        let encoder = self.stream.into_inner().map_err(io::IntoInnerError::into_error);
        let bytes = encoder.and_then(GzEncoder::finish).context("compressing the batch")?;
        Ok(Sealed {
            head: self.head,
            bytes,
            items: self.items,
            outcomes: self.outcomes,
            raw_bytes: self.raw_bytes,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.raw_bytes += bytes.len() as u64;
        self.stream.write_all(bytes)
    }
}

/// The text of a sealed batch, for targets that take no gzip.
pub fn inflate(sealed: &[u8]) -> Result<Vec<u8>> {
    let mut text = Vec::with_capacity(sealed.len() * 8);
    GzDecoder::new(sealed).read_to_end(&mut text).context("inflating a sealed batch; its file is damaged")?;
    Ok(text)
}
