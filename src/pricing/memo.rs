//! Which row did this spelling mean the last time?
//!
//! A fixed number of places, so that names out of requests cost no memory: two
//! names that share a place take turns. A map that grows would be a leak that a
//! stranger can fill, and an LRU list would take a lock for all readers at once;
//! here a reader locks one place of 512.
//!
//! Only found names are kept. A refusal is asked again each time, because a table
//! that is swapped in may know the name, and because unknown names are unlimited.

use std::sync::OnceLock;

use parking_lot::Mutex;

use super::names::{Name, NameRef};

/// How many spellings are remembered.
const PLACES: usize = 512;

/// Names that were found in another way than as they are, each with its row.
#[derive(Default)]
pub(super) struct Memo(OnceLock<Places>);

/// A name and its row.
type Place = Mutex<Option<(Name, usize)>>;

struct Places {
    kept: Box<[Place]>,
    hasher: foldhash::fast::RandomState,
}

impl Memo {
    pub(super) fn find(&self, name: &NameRef<'_>) -> Option<usize> {
        let place = self.0.get()?.of(name)?.lock();
        place.as_ref().filter(|(kept, _)| name.is(kept)).map(|(_, row)| *row)
    }

    pub(super) fn keep(&self, name: &NameRef<'_>, row: usize) {
        let places = self.0.get_or_init(|| Places {
            kept: (0..PLACES).map(|_| Mutex::new(None)).collect(),
            hasher: foldhash::fast::RandomState::default(),
        });
        if let Some(place) = places.of(name) {
            let name = Name { provider: name.provider.into(), model: name.model.into() };
            *place.lock() = Some((name, row));
        }
    }
}

impl Places {
    fn of(&self, name: &NameRef<'_>) -> Option<&Place> {
        let hash = std::hash::BuildHasher::hash_one(&self.hasher, name);
        let at = usize::try_from(hash).unwrap_or(usize::MAX).checked_rem(PLACES)?;
        self.kept.get(at)
    }
}
