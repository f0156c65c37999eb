//! A growing array that never moves what it holds.

/// Items in one chunk.
const CHUNK: usize = 1024;

/// Grows by a chunk at a time, so that no command pays for copying a million rows.
#[derive(Debug)]
pub(super) struct Chunks<T> {
    chunks: Vec<Vec<T>>,
    free: Vec<u32>,
    len: usize,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Chunks<T> {
    /// Puts `item` where one was freed, else at the end, and says where.
    ///
    /// `None` where four thousand million places are taken.
    pub(super) fn insert(&mut self, item: T) -> Option<u32> {
        if let Some(place) = self.free.pop() {
            *self.get_mut(place) = item;
            return Some(place);
        }
        self.push(item)
    }

    /// A place that was freed, with what it held last; else one at the end, with what `fresh` makes.
    #[inline]
    pub(super) fn take(&mut self, fresh: impl FnOnce() -> T) -> Option<u32> {
        match self.free.pop() {
            Some(place) => Some(place),
            None => self.push(fresh()),
        }
    }

    fn push(&mut self, item: T) -> Option<u32> {
        let place = u32::try_from(self.len).ok().filter(|place| *place != u32::MAX)?;
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(item);
            self.len = self.len.saturating_add(1);
        }
        Some(place)
    }

    /// Lets a later insert or take have that place.
    #[inline]
    pub(super) fn free(&mut self, place: u32) {
        self.free.push(place);
    }

    #[inline]
    #[expect(clippy::expect_used, reason = "places come from insert, and chunks never shrink")]
    pub(super) fn get(&self, place: u32) -> &T {
        let place = place as usize;
        self.chunks
            .get(place / CHUNK)
            .and_then(|chunk| chunk.get(place % CHUNK))
            .expect("a place that insert gave")
    }

    #[inline]
    #[expect(clippy::expect_used, reason = "places come from insert, and chunks never shrink")]
    pub(super) fn get_mut(&mut self, place: u32) -> &mut T {
        let place = place as usize;
        self.chunks
            .get_mut(place / CHUNK)
            .and_then(|chunk| chunk.get_mut(place % CHUNK))
            .expect("a place that insert gave")
    }

    /// How many places there are, freed ones included.
    pub(super) fn places(&self) -> u32 {
        u32::try_from(self.len).unwrap_or(u32::MAX)
    }
}
