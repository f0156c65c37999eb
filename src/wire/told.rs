//! How much of an answer was told already, and of which part of it?

use smallvec::SmallVec;

use super::json::{Cursor, Kind};
use super::vocabulary::At;

/// Places that are told apart; what comes in more of them counts as told of the last one.
const PLACES_MAX: usize = 1_024;

/// Where a text stands: in which item of the answer, and in which part of the item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// `output_index`; `None` if no frame said it.
    item: Option<u64>,
    /// `content_index` or `summary_index`.
    part: Option<u64>,
}

/// How much text was told of each place.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Each place, and the bytes that were told of it.
    places: SmallVec<[(Place, u64); 2]>,
    /// The place of the last frame, where its text was told as a piece.
    current: Option<usize>,
    /// The last frame may have repeated what was told before it.
    pub(super) has_repeated: bool,
}

/// Something that a document shows whole: what it is, and how many bytes were left where it began.
pub(super) type ShownAt = (At, usize);

impl Place {
    /// Takes note of a number that says where a text stands.
    pub(super) fn number(&mut self, key: &[u8], value: &mut Cursor<'_>) -> Option<()> {
        if value.kind()? != Kind::Bare {
            return value.skip();
        }
        let number = std::str::from_utf8(value.bare()?).ok().and_then(|text| text.parse::<u32>().ok());
        match key {
            b"output_index" => self.item = number.map(u64::from),
            // A summary and a text of one item count their parts apart.
            b"summary_index" => self.part = number.map(|part| u64::from(part) | 1 << 32),
            _ => self.part = number.map(u64::from),
        }
        Some(())
    }

    /// Whether both may be the same place, as far as each says.
    fn may_be(self, other: Self) -> bool {
        let agree = |one: Option<u64>, other: Option<u64>| one.is_none() || other.is_none() || one == other;
        agree(self.item, other.item) && agree(self.part, other.part)
    }
}

impl Told {
    /// Takes note of text at that place.
    pub(super) fn tell(&mut self, place: Place, bytes: u64) {
        let known = self.places.iter().position(|(known, _)| *known == place);
        let at = known.unwrap_or_else(|| {
            if self.places.len() < PLACES_MAX {
                self.places.push((place, 0));
            }
            self.places.len().saturating_sub(1)
        });
        self.tell_at(Some(at), bytes);
    }

    /// The same at a place that was told of before, if it is one.
    #[inline]
    pub(super) fn tell_at(&mut self, at: Option<usize>, bytes: u64) {
        self.current = at.filter(|_| bytes > 0);
        if let Some((_, told)) = self.current.and_then(|at| self.places.get_mut(at)) {
            *told = told.saturating_add(bytes);
        }
    }

    /// The place of which the last frame told a piece.
    pub(super) fn current(&self) -> Option<usize> {
        self.current
    }

    /// Nothing was told by the last frame yet.
    pub(super) fn end_frame(&mut self, has_repeated: bool) {
        self.current = None;
        self.has_repeated = has_repeated;
    }

    /// How much was told of that place, and of what lies in it.
    pub(super) fn of(&self, place: Place) -> u64 {
        let told = self.places.iter().filter(|(known, _)| known.may_be(place));
        told.fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }
}
