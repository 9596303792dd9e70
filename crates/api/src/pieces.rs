//! Partitions that are known to be there, so that a push asks only for those of a new day.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::retention::Piece;
use crate::store::failure::Failure;
use crate::store::partitions;
use crate::store::pool::{self, Db};

#[derive(Default)]
pub struct Pieces(Mutex<HashSet<Piece>>);

impl Pieces {
    /// Sees to it that all of them are there.
    pub async fn ensure(&self, db: &Db, wanted: &BTreeSet<Piece>) -> Result<(), Failure> {
        let missing: Vec<Piece> =
            wanted.iter().filter(|piece| !self.known().contains(piece)).copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        db.with(pool::LONG, async |client| {
            let tx = pool::begin(client).await?;
            partitions::ensure(&tx, missing.iter().copied()).await?;
            Ok(tx.commit().await?)
        })
        .await?;
        self.known().extend(missing);
        Ok(())
    }

    /// After a restore, or a partition that was dropped by hand.
    pub fn forget(&self) {
        self.known().clear();
    }

    fn known(&self) -> MutexGuard<'_, HashSet<Piece>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
