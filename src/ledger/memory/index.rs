//! At which place is an id? Half of its hash and the place, in eight bytes, probed in line.
//!
//! An id that hashes to slot 5 stands there or at the next slots that were free when it came: 6, 7, and round the end. A
//! search stops at a free slot, so removing one closes its gap: whatever stands behind it and may stand in it moves up.
//! The ids themselves stand where the places lead, and whoever asks compares them there.

/// A table of places by hash.
#[derive(Debug)]
pub(super) struct Index {
    /// The hash above, the place below. Its length is a power of two.
    slots: Vec<u64>,
    used: usize,
}

/// No place: 2³² − 1 is never given.
const FREE: u64 = u64::MAX;

/// What a search came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    At(u32),
    /// It is not known; it would stand in that slot, as long as nothing else changes.
    Free(usize),
}

impl Index {
    pub(super) fn new() -> Self {
        Self { slots: vec![FREE; 16], used: 0 }
    }

    #[inline]
    fn mask(&self) -> usize {
        self.slots.len().wrapping_sub(1)
    }

    #[inline]
    fn slot(&self, at: usize) -> u64 {
        self.slots.get(at & self.mask()).copied().unwrap_or(FREE)
    }

    fn set(&mut self, at: usize, slot: u64) {
        let at = at & self.mask();
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
        }
    }

    /// The place with that hash of which `is` says that it is the one.
    #[inline]
    pub(super) fn find(&self, hash: u32, is: impl Fn(u32) -> bool) -> Found {
        let mut at = hash as usize & self.mask();
        loop {
            let slot = self.slot(at);
            if slot == FREE {
                return Found::Free(at);
            }
            if (slot >> 32) as u32 == hash && is(slot as u32) {
                return Found::At(slot as u32);
            }
            at = at.wrapping_add(1) & self.mask();
        }
    }

    /// Puts a place into the free slot that `find` has just named.
    #[inline]
    pub(super) fn put(&mut self, at: usize, hash: u32, place: u32) {
        self.set(at, u64::from(hash) << 32 | u64::from(place));
        self.used = self.used.wrapping_add(1);
        // Three quarters full, a search still ends after a few slots.
        if self.used.wrapping_mul(4) > self.slots.len().wrapping_mul(3) {
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        let len = self.slots.len().saturating_mul(2);
        for slot in std::mem::replace(&mut self.slots, vec![FREE; len]) {
            if slot != FREE {
                let mut at = (slot >> 32) as usize;
                while self.slot(at) != FREE {
                    at = at.wrapping_add(1);
                }
                self.set(at, slot);
            }
        }
    }

    /// Takes that place out, if it is there, and closes the gap.
    #[inline]
    pub(super) fn remove(&mut self, hash: u32, place: u32) {
        let wanted = u64::from(hash) << 32 | u64::from(place);
        let mut gap = hash as usize;
        loop {
            let slot = self.slot(gap);
            if slot == wanted {
                break;
            }
            if slot == FREE {
                return;
            }
            gap = gap.wrapping_add(1);
        }
        self.used = self.used.wrapping_sub(1);
        let mut next = gap.wrapping_add(1);
        loop {
            let slot = self.slot(next);
            if slot == FREE {
                break;
            }
            // How far it stands from home, and how far from the gap: it may fill the gap if home is not behind it.
            let from_home = next.wrapping_sub((slot >> 32) as usize) & self.mask();
            if from_home >= next.wrapping_sub(gap) & self.mask() {
                self.set(gap, slot);
                gap = next;
            }
            next = next.wrapping_add(1);
        }
        self.set(gap, FREE);
    }

    /// All places.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().filter(|slot| **slot != FREE).map(|slot| *slot as u32)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn whatever_comes_and_goes_every_place_is_found_and_no_other() {
        let mut index = Index::new();
        let mut known = BTreeMap::new();
        let mut state = 7_u32;
        for place in 0..4_000_u32 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Two hundred hashes for thousands of places: every run is long, and some go round the end.
            let hash = (state >> 8) % 200;
            let Found::Free(at) = index.find(hash, |other| other == place) else { panic!("{place} is new") };
            index.put(at, hash, place);
            known.insert(place, hash);
            if !state.is_multiple_of(3)
                && let Some((place, hash)) = known.pop_first()
            {
                index.remove(hash, place);
                index.remove(hash, place); // nothing is there any more
                assert!(matches!(index.find(hash, |other| other == place), Found::Free(_)));
            }
        }
        assert_eq!(index.iter().collect::<std::collections::BTreeSet<_>>(), known.keys().copied().collect());
        for (place, hash) in known {
            assert_eq!(index.find(hash, |other| other == place), Found::At(place));
        }
    }
}
