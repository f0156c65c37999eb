//! Which names may an object's members have?

/// A name that is not in here stands in no member; one that is may stand there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Names(u64);

impl Names {
    pub(super) fn add(&mut self, name: &[u8]) {
        self.0 |= bit(name);
    }

    /// A name was written with an escape, and may be any.
    pub(super) fn add_any(&mut self) {
        self.0 = u64::MAX;
    }

    pub(super) fn may_have(self, name: &str) -> bool {
        self.0 & bit(name.as_bytes()) != 0
    }
}

/// By a name's length, its first letter and its last: names that APIs know seldom share all three.
fn bit(name: &[u8]) -> u64 {
    let (first, last) = (name.first().copied().unwrap_or(0), name.last().copied().unwrap_or(0));
    let length = name.len().to_le_bytes()[0];
    let mixed = first.wrapping_mul(5) ^ last.wrapping_mul(11) ^ length.wrapping_mul(19);
    1 << (mixed & 63)
}
