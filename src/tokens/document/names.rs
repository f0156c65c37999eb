//! Which names may an object's members have?
//!
//! Every reader asks the outermost object for dozens of members, of which most bodies have
//! a few. A filter of 64 bits answers most of these questions without looking at any
//! member: each name sets the bit of its length, its first letter and its last. `model` and
//! `metal` share a bit, and are then told apart by looking; `tools` sets another, so a body
//! without it is not searched.

/// A name that is not in here stands in no member; one that is may stand there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Names(u64);

impl Names {
    /// Adds a name.
    pub(super) fn add(&mut self, name: &[u8]) {
        self.0 |= bit(name);
    }

    /// A name was written with an escape, and may be any.
    pub(super) fn add_any(&mut self) {
        self.0 = u64::MAX;
    }

    /// Whether a member may have that name; if not, none has.
    pub(super) fn may_have(self, name: &str) -> bool {
        self.0 & bit(name.as_bytes()) != 0
    }
}

/// The bit of a name, by its length, its first letter and its last: names that APIs know
/// seldom share all three.
fn bit(name: &[u8]) -> u64 {
    let (first, last) = (name.first().copied().unwrap_or(0), name.last().copied().unwrap_or(0));
    let length = name.len().to_le_bytes()[0];
    let mixed = first.wrapping_mul(5) ^ last.wrapping_mul(11) ^ length.wrapping_mul(19);
    1 << (mixed & 63)
}
