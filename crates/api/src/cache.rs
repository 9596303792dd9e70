//! What is remembered of the database between requests: collectors and which texts it has. Bounded, short-lived, and
//! forgotten as soon as a connection leads to another database, such as one restored from a backup.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache as Memory;
use uuid::Uuid;

use crate::figures::{Cache, Figures};
use crate::store::collectors::Known;
use crate::store::sessions::Person;
use crate::store::texts::Statement;

/// How long a revoked token may still be believed.
const COLLECTORS_FOR: Duration = Duration::from_secs(10);
/// Where a pooler, or a machine set back with its memory, hides a restore, its texts are missed after this long.
const TEXTS_FOR: Duration = Duration::from_secs(60);

pub struct Caches {
    generation: AtomicU64,
    collectors: Memory<Uuid, Known>,
    people: Memory<Uuid, Person>,
    texts: Memory<(Uuid, Statement), ()>,
}

impl Default for Caches {
    fn default() -> Caches {
        Caches {
            generation: AtomicU64::new(0),
            collectors: Memory::builder().max_capacity(20_000).time_to_live(COLLECTORS_FOR).build(),
            people: Memory::builder().max_capacity(20_000).time_to_live(COLLECTORS_FOR).build(),
            texts: Memory::builder().max_capacity(500_000).time_to_live(TEXTS_FOR).build(),
        }
    }
}

impl Caches {
    /// To be called with the pool's generation before anything is looked up.
    pub fn as_of(&self, generation: u64) {
        if self.generation.swap(generation, Ordering::Relaxed) != generation {
            self.collectors.invalidate_all();
            self.people.invalidate_all();
            self.texts.invalidate_all();
        }
    }

    pub fn collector(&self, id: Uuid, figures: &Figures) -> Option<Known> {
        let known = self.collectors.get(&id);
        figures.looked_up(Cache::Collectors, usize::from(known.is_some()), usize::from(known.is_none()));
        known
    }

    pub fn remember(&self, known: Known) {
        self.collectors.insert(known.id, known);
    }

    pub fn forget(&self, id: Uuid) {
        self.collectors.invalidate(&id);
    }

    pub fn person(&self, session: Uuid) -> Option<Person> {
        self.people.get(&session)
    }

    pub fn remember_person(&self, person: Person) {
        self.people.insert(person.session, person);
    }

    /// After a logout, or a change of somebody's role: other replicas learn of it within ten seconds.
    pub fn forget_people(&self) {
        self.people.invalidate_all();
    }

    /// Those of which it is not known that the database has a text.
    pub fn without_text<'a>(
        &self,
        collector: Uuid,
        statements: impl Iterator<Item = &'a Statement>,
        figures: &Figures,
    ) -> BTreeSet<Statement> {
        let (mut hits, mut unsure) = (0, BTreeSet::new());
        for statement in statements {
            if self.texts.contains_key(&(collector, statement.clone())) {
                hits += 1;
            } else {
                unsure.insert(statement.clone());
            }
        }
        figures.looked_up(Cache::Texts, hits, unsure.len());
        unsure
    }

    pub fn remember_texts(&self, collector: Uuid, statements: impl IntoIterator<Item = Statement>) {
        statements.into_iter().for_each(|statement| self.texts.insert((collector, statement), ()));
    }

    /// Whether what is put in comes out again.
    pub fn works(&self) -> bool {
        let probe = Known { id: Uuid::nil(), epoch: 0 };
        self.remember(probe);
        let found = self.collectors.get(&probe.id) == Some(probe);
        self.forget(probe.id);
        found
    }
}
