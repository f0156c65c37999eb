//! How is it written down where a value begins?

/// What a text says of caches, wherever it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheMarks {
    /// Something is marked to be kept: Anthropic's mark, or Bedrock's.
    pub(crate) writes: bool,
    /// Something is marked as the end of what is to be kept: OpenAI's mark.
    pub(crate) breaks: bool,
    /// A lifetime is named, and it is none that is the default.
    pub(crate) lasts: bool,
}

/// Deeper values are passed over, and count as a part that cannot be
/// counted: the parser recurses no deeper, whatever is sent.
pub(super) const DEPTH_MAX: usize = 32;

/// Where a value begins, and what comes behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Its name in an object.
    pub(super) key: Key,
    /// Where the value begins in the text.
    pub(super) at: u32,
    /// The entry behind it and all that is in it, with its flags in the highest bits.
    pub(super) next: u32,
}

/// A flag of `next`: the list has items without entries (numbers, switches, nulls, and what
/// is empty).
pub(super) const BARE: u32 = 1 << 31;
/// A flag of `next`: what is in the value lies too deep.
pub(super) const DEEP: u32 = 1 << 30;
/// The bits of `next` that are the index.
pub(super) const INDEX: u32 = DEEP - 1;

/// Where a name begins, behind the quote, and how long it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Key(pub(super) u32);

impl Key {
    /// The bits of the place: no name begins further from the beginning of a text.
    pub(super) const PLACE: u32 = (1 << 26) - 1;
    /// The length of a name that is as long or longer, or that has an escape in it: its end
    /// is searched.
    pub(super) const OTHER: usize = 31;
    /// A flag: all letters of the name are small, and no underscore is among them.
    pub(super) const FOLDED: u32 = 1 << 31;

    /// A name without escapes.
    pub(super) fn plain(at: u32, name: &[u8]) -> Self {
        let length = u32::try_from(name.len().min(Self::OTHER)).unwrap_or(0);
        let is_folded = !name.iter().any(|byte| *byte == b'_' || byte.is_ascii_uppercase());
        let folded = if is_folded { Self::FOLDED } else { 0 };
        Self(at & Self::PLACE | length << 26 | folded)
    }

    /// Any other name.
    pub(super) fn other(at: u32) -> Self {
        Self(at & Self::PLACE | 31 << 26)
    }

    /// Where the name begins, behind its quote.
    pub(super) fn at(self) -> usize {
        place(self.0 & Self::PLACE)
    }

    /// How long a short name without escapes is; `None` for any other.
    pub(super) fn length(self) -> Option<usize> {
        Some(place((self.0 & !Self::FOLDED) >> 26)).filter(|length| *length < Self::OTHER)
    }
}

/// Entries in pieces of one size, so that a large text is not copied while it is read.
#[derive(Debug, Default)]
pub(super) struct Entries(Vec<Vec<Entry>>);

/// Entries in one piece: 48 kilobytes.
const PIECE: usize = 4_096;

impl Entries {
    pub(super) fn len(&self) -> u32 {
        let full = self.0.len().saturating_sub(1).saturating_mul(PIECE);
        let last = self.0.last().map_or(0, Vec::len);
        u32::try_from(full.saturating_add(last)).unwrap_or(INDEX)
    }

    pub(super) fn push(&mut self, entry: Entry) {
        match self.0.last_mut().filter(|piece| piece.len() < PIECE) {
            Some(piece) => piece.push(entry),
            None => {
                // The first piece is as small as most requests.
                let mut piece = Vec::with_capacity(if self.0.is_empty() { 64 } else { PIECE });
                piece.push(entry);
                self.0.push(piece);
            }
        }
    }

    pub(super) fn get(&self, index: u32) -> Option<&Entry> {
        let index = usize::try_from(index).ok()?;
        self.0.get(index / PIECE)?.get(index % PIECE)
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Entry> {
        let index = usize::try_from(index).ok()?;
        self.0.get_mut(index / PIECE)?.get_mut(index % PIECE)
    }
}

/// A place as an index, on machines of any width.
pub(super) fn place(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}
