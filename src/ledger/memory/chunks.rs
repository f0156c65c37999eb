//! A growing array that never moves what it holds.
//!
//! A place is a number that stays valid: hints, queues and records name rows and records by it. Place 300 lies in chunk
//! 300 / 16 = 18 at 300 % 16 = 12. A `Vec` would copy all items whenever it doubles, under the tenant's lock; here the
//! most that one command pays for is one chunk of 16 blanks, and the least that a tenant pays for. Freed places are taken again, last freed first: what was
//! freed last is still in the processor's cache.

/// Items in one chunk.
const CHUNK: usize = 16;

/// Grows by a chunk at a time, so that no command pays for copying a million rows.
#[derive(Debug)]
pub(super) struct Chunks<T> {
    chunks: Vec<Box<[T; CHUNK]>>,
    /// Places that were given up.
    free: Vec<u32>,
    /// Places that were ever given.
    len: usize,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Chunks<T> {
    /// A place that was freed, with what it held last; else one at the end, with what `blank` makes.
    ///
    /// `None` where four thousand million places are taken.
    #[inline]
    pub(super) fn take(&mut self, blank: impl Fn() -> T) -> Option<u32> {
        match self.free.pop() {
            Some(place) => Some(place),
            None => self.grow(blank),
        }
    }

    #[cold]
    fn grow(&mut self, blank: impl Fn() -> T) -> Option<u32> {
        let place = u32::try_from(self.len).ok().filter(|place| *place != u32::MAX)?;
        if self.len == self.chunks.len().saturating_mul(CHUNK) {
            let chunk: Box<[T]> = (0..CHUNK).map(|_| blank()).collect();
            // A slice of that length becomes an array of it.
            self.chunks.push(chunk.try_into().ok()?);
        }
        self.len = self.len.saturating_add(1);
        Some(place)
    }

    /// Lets a later take have that place.
    #[inline]
    pub(super) fn free(&mut self, place: u32) {
        self.free.push(place);
    }

    #[inline]
    #[expect(clippy::expect_used, reason = "places come from take, and chunks never go")]
    pub(super) fn get(&self, place: u32) -> &T {
        self.try_get(place).expect("a place that take gave")
    }

    /// What is at a place that someone else may have named.
    #[inline]
    pub(super) fn try_get(&self, place: u32) -> Option<&T> {
        let place = place as usize;
        self.chunks.get(place / CHUNK)?.get(place % CHUNK)
    }

    #[inline]
    #[expect(clippy::expect_used, reason = "places come from take, and chunks never go")]
    pub(super) fn get_mut(&mut self, place: u32) -> &mut T {
        self.try_get_mut(place).expect("a place that take gave")
    }

    #[inline]
    pub(super) fn try_get_mut(&mut self, place: u32) -> Option<&mut T> {
        let place = place as usize;
        self.chunks.get_mut(place / CHUNK)?.get_mut(place % CHUNK)
    }

    /// How many places there are, freed ones included.
    pub(super) fn places(&self) -> u32 {
        u32::try_from(self.len).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_place_is_taken_again_before_a_new_one() {
        let mut chunks = Chunks::default();
        for number in 0..300_u32 {
            // Nineteen chunks: eighteen of 16, and 12 places of the last.
            assert_eq!(chunks.take(|| 0), Some(number));
            *chunks.get_mut(number) = number * 10;
        }
        chunks.free(131);
        assert_eq!((chunks.take(|| 0), *chunks.get(131)), (Some(131), 1_310));
        assert_eq!((chunks.take(|| 0), chunks.places()), (Some(300), 301));
        assert_eq!((*chunks.get(299), chunks.try_get(304)), (2_990, None));
    }
}
