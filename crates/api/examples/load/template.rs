//! A batch that the real collector made, cut open where a push has something of its own.

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use wire::Batch;

pub(crate) struct Template {
    pieces: Vec<Piece>,
    timestamp: Timestamp,
}

enum Piece {
    Text(String),
    /// Moves along with the batch's own.
    Moment(Timestamp),
    Batch,
    Collector,
    Sequence,
}

pub(crate) fn read(path: &str) -> Result<Template> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    let batch: Batch = serde_json::from_str(&text).with_context(|| format!("{path} is no batch"))?;
    let sequence = format!("\"sequence\":{},", batch.sequence);
    let (before, after) = text.split_once(&sequence).context("the batch has no sequence where it belongs")?;
    let mut pieces = Vec::new();
    cut(before, &mut pieces);
    pieces.push(Piece::Text("\"sequence\":".to_owned()));
    pieces.push(Piece::Sequence);
    pieces.push(Piece::Text(",".to_owned()));
    cut(after, &mut pieces);
    let has = |own: fn(&Piece) -> bool| pieces.iter().any(own);
    ensure!(has(|piece| matches!(piece, Piece::Batch)), "{path} has no batch_id");
    ensure!(has(|piece| matches!(piece, Piece::Collector)), "{path} has no collector_id");
    Ok(Template { pieces, timestamp: batch.timestamp.parse()? })
}

/// At each string that is a moment, or the id of the batch or of its collector.
fn cut(text: &str, pieces: &mut Vec<Piece>) {
    let (mut begin, mut at) = (0, 0);
    while let Some(quote) = text[at..].find('"') {
        let open = at + quote + 1;
        let close = open + closing(&text[open..]);
        let (before, string) = (&text[begin..open], &text[open..close]);
        let own = if before.ends_with("\"batch_id\":\"") {
            Some(Piece::Batch)
        } else if before.ends_with("\"collector_id\":\"") {
            Some(Piece::Collector)
        } else {
            string.parse().ok().filter(|_| string.ends_with('Z')).map(Piece::Moment)
        };
        if let Some(own) = own {
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(own);
            begin = close;
        }
        at = close + 1;
    }
    pieces.push(Piece::Text(text[begin..].to_owned()));
}

/// Where a string ends that begins here.
fn closing(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().position(|byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => byte == b'"',
    });
    end.unwrap_or(text.len())
}

impl Template {
    /// As this collector would have made it at that moment.
    pub(crate) fn fill(
        &self,
        batch_id: &str,
        collector: &str,
        sequence: u64,
        at: Timestamp,
    ) -> Result<String> {
        let by: SignedDuration = at.duration_since(self.timestamp);
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(piece) => text += piece,
                Piece::Moment(moment) => text += &moment.checked_add(by)?.to_string(),
                Piece::Batch => text += batch_id,
                Piece::Collector => text += collector,
                Piece::Sequence => text += &sequence.to_string(),
            }
        }
        Ok(text)
    }
}
