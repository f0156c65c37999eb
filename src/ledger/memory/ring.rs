//! How are items kept in the order in which they came? In a queue that doubles when it is full, or a circle that does not grow.
//!
//! The queue has two counters that only grow, and a mask. With 64 places, head 62 and tail 65, the queue has three items, at 62, 63 and 64 & 63 = 0. What was pushed keeps its
//! count while it is in the queue, so that it can be changed there. Counters may wrap at 2³², since only their difference
//! and their lower bits count.

/// A queue whose items are found by the count that they were pushed at.
#[derive(Debug, Default)]
pub(super) struct Ring<T> {
    /// Its length is nothing, or a power of two.
    items: Vec<T>,
    head: u32,
    tail: u32,
}

/// Places of a ring that holds anything.
const SMALLEST: usize = 16;

impl<T: Copy + Default> Ring<T> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.tail.wrapping_sub(self.head) as usize
    }

    /// The count of the oldest item.
    #[inline]
    pub(super) fn head(&self) -> u32 {
        self.head
    }

    /// Adds an item, and says its count.
    #[inline]
    pub(super) fn push(&mut self, item: T) -> u32 {
        if self.len() == self.items.len() {
            self.grow();
        }
        let count = self.tail;
        if let Some(slot) = self.slot(count) {
            *slot = item;
        }
        self.tail = count.wrapping_add(1);
        count
    }

    /// Doubles the ring. Every item keeps its count.
    #[cold]
    fn grow(&mut self) {
        let len = self.items.len().saturating_mul(2).max(SMALLEST);
        let mut items = vec![T::default(); len];
        for (count, item) in self.iter() {
            if let Some(slot) = items.get_mut(count as usize & len.wrapping_sub(1)) {
                *slot = item;
            }
        }
        self.items = items;
    }

    /// The oldest item, taken out.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        let oldest = self.first()?;
        self.head = self.head.wrapping_add(1);
        Some(oldest)
    }

    /// The newest item, taken out.
    pub(super) fn pop_last(&mut self) -> Option<T> {
        let newest = self.last()?;
        self.tail = self.tail.wrapping_sub(1);
        Some(newest)
    }

    #[inline]
    pub(super) fn first(&self) -> Option<T> {
        if self.head == self.tail { None } else { self.at(self.head) }
    }

    #[inline]
    pub(super) fn last(&self) -> Option<T> {
        if self.head == self.tail { None } else { self.at(self.tail.wrapping_sub(1)) }
    }

    /// The item of that count, to be changed.
    #[inline]
    pub(super) fn slot(&mut self, count: u32) -> Option<&mut T> {
        let mask = self.items.len().wrapping_sub(1);
        self.items.get_mut(count as usize & mask)
    }

    #[inline]
    fn at(&self, count: u32) -> Option<T> {
        self.items.get(count as usize & self.items.len().wrapping_sub(1)).copied()
    }

    /// All items with their counts, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, T)> {
        let counts = (0..self.tail.wrapping_sub(self.head)).map(|back| self.head.wrapping_add(back));
        counts.filter_map(|count| Some((count, self.at(count)?)))
    }
}

/// The newest items, at most a stated number: it grows to that length, and is written round and round from then on.
///
/// With a length of three, 1, 2 and 3 fill it; 4 takes the place of 1, and 1 is handed back.
#[derive(Debug)]
pub(super) struct Circle<T> {
    items: Vec<T>,
    /// Where the oldest stands, once all places are taken.
    oldest: usize,
    most: usize,
}

impl<T: Copy> Circle<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { items: Vec::new(), oldest: 0, most }
    }

    /// Adds an item, and hands back the one that makes way for it.
    #[inline]
    pub(super) fn push(&mut self, item: T) -> Option<T> {
        if self.items.len() < self.most {
            self.items.push(item);
            return None;
        }
        // There is none where nothing is kept at all.
        let Some(slot) = self.items.get_mut(self.oldest) else { return Some(item) };
        let oldest = std::mem::replace(slot, item);
        let next = self.oldest.wrapping_add(1);
        self.oldest = if next == self.most { 0 } else { next };
        Some(oldest)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// All items, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = T> {
        let (newer, older) = self.items.split_at_checked(self.oldest).unwrap_or_default();
        older.iter().chain(newer).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_their_count_and_order_while_the_ring_turns_and_grows() {
        let mut ring = Ring::default();
        let counts: Vec<u32> = (0..20).map(|item| ring.push(item)).collect();
        for item in 0..15 {
            assert_eq!(ring.pop(), Some(item));
        }
        for item in 20..60 {
            ring.push(item);
        }

        *ring.slot(counts[17]).expect("it is in the queue") = 1_700;

        let mut left = vec![15, 16, 1_700];
        left.extend(18..60);
        assert_eq!(ring.iter().map(|(_, item)| item).collect::<Vec<_>>(), left);
        assert_eq!(
            (ring.pop_last(), ring.last(), ring.first(), ring.len()),
            (Some(59), Some(58), Some(15), 44)
        );
    }

    #[test]
    fn counters_that_wrap_change_nothing() {
        let mut ring = Ring { items: Vec::new(), head: u32::MAX - 5, tail: u32::MAX - 5 };
        for item in 0..40 {
            ring.push(item);
        }
        assert_eq!(ring.iter().map(|(_, item)| item).collect::<Vec<_>>(), (0..40).collect::<Vec<_>>());
    }

    #[test]
    fn the_newest_are_kept_in_their_order_and_the_oldest_is_handed_back() {
        let mut circle = Circle::new(3);
        let back: Vec<Option<u32>> = (1..=5).map(|item| circle.push(item)).collect();
        assert_eq!(back, [None, None, None, Some(1), Some(2)]);
        assert_eq!((circle.iter().collect::<Vec<_>>(), circle.len()), (vec![3, 4, 5], 3));
        assert_eq!(Circle::new(0).push(7), Some(7));
    }
}
