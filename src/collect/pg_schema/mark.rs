//! What the last full item held, and which batch carried it: a small file for each database.
//!
//! Losing the file, or its batch, costs one full item more, nothing else; so whatever is wrong with it reads as absent.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::collect::part::encode;
use crate::collect::{Cx, Memory};
use crate::state::{self, ledger};

const LAYOUT: u32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) layout: u32,
    pub(super) digest: String,
    pub(super) sequence: u64,
    pub(super) recipient: u64,
}

impl Mark {
    pub(super) fn new(digest: String, sequence: u64, recipient: u64) -> Mark {
        Mark { layout: LAYOUT, digest, sequence, recipient }
    }

    /// The mark, if what it speaks of has arrived, or still waits to.
    pub(super) fn read(path: &Path, memory: &Memory, recipient: u64) -> Option<Mark> {
        let mark: Mark = serde_json::from_slice(&state::read(path).ok()?).ok()?;
        let lost = &memory.lost_sequences;
        // The ledger's list is full: of batches before its oldest nobody knows.
        let full = lost.len() >= ledger::REMEMBERED;
        let forgotten = full && lost.iter().min().is_some_and(|first| mark.sequence < *first);
        let holds = mark.layout == LAYOUT && mark.recipient == recipient && mark.sequence < memory.sequence;
        (holds && !forgotten && !lost.contains(&mark.sequence)).then_some(mark)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        encode(self)
    }
}

pub(super) fn path(cx: &Cx, database: u32) -> PathBuf {
    cx.kept("previous", &format!("-{database}.schema"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn memory(lost: Vec<u64>) -> Memory {
        Memory { sequence: 900, lost_sequences: lost, ..Memory::default() }
    }

    #[test]
    fn a_mark_holds_until_its_batch_is_lost_or_another_reads() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mark");
        assert_eq!(Mark::read(&path, &memory(vec![]), 7), None);
        let mark = Mark::new("d".into(), 500, 7);
        fs::write(&path, mark.encode()).unwrap();
        assert_eq!(Mark::read(&path, &memory(vec![499, 501]), 7), Some(mark));
        assert_eq!(Mark::read(&path, &memory(vec![500]), 7), None);
        assert_eq!(Mark::read(&path, &memory(vec![]), 8), None);
        assert_eq!(Mark::read(&path, &memory((501..757).collect()), 7), None, "500 may have been forgotten");
        assert!(
            Mark::read(&path, &memory((400..656).filter(|n| *n != 500).chain([800]).collect()), 7).is_some()
        );
        // A ledger that was lost counts anew: what comes later is not yet there.
        fs::write(&path, Mark::new("d".into(), 901, 7).encode()).unwrap();
        assert_eq!(Mark::read(&path, &memory(vec![]), 7), None);
        fs::write(&path, b"{\"layout\":1").unwrap();
        assert_eq!(Mark::read(&path, &memory(vec![]), 7), None);
    }
}
