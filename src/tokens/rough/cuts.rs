//! Into how many tokens can a text be cut at most, if no two neighbours are one token
//! together?
//!
//! Byte-pair merging stops only if no pair of neighbours is a token. So the tokenizer's own
//! result is among the cuts in which no such pair is left, and the longest of these bounds
//! it.
//!
//! It is a dynamic program over characters that keeps, for each place, the most tokens of a
//! cut by the length of its last token: one character, two, or more. Only pairs and triples
//! of characters are known, so three classes suffice: whether a further character may be a
//! token of its own depends on the last token only if both together are two or three
//! characters long.
//!
//! For example, `ab` behind a word that has ended, if `ab` is a token: `a` alone is a
//! cut of one. `b` as a token of its own would leave the pair `a`, `b`, which is a token:
//! forbidden. `ab` as one token is allowed: one. If `ab` is no token, `b` may stand alone,
//! and the bound is two.

use super::known::Facts;

/// Goes through a text and keeps the most tokens that can begin in it so far.
///
/// If nothing is known about characters, any cut is allowed: the bound gets wider, and
/// stays sound.
pub(super) struct Cuts {
    facts: &'static Facts,
    /// Cuts that end at the last character.
    last: Last,
    /// Cuts that end at the character before it.
    before: Last,
    /// The most tokens up to the third character from the end: a token of three may begin
    /// there.
    third: i64,
    /// The most tokens up to any character before that: a longer token may begin there.
    fourth: i64,
    /// The last character, or that nothing is known of it.
    one_back: u8,
    /// The character before it.
    two_back: u8,
}

/// The most tokens of a cut by the length of its last token: one character, two, or more.
#[derive(Clone, Copy)]
struct Last {
    one: i64,
    two: i64,
    more: i64,
}

/// There is no such cut. Half of the least number, so that adding to it stays far below
/// zero.
const NEVER: i64 = i64::MIN / 2;
/// A character of which nothing is known.
const UNKNOWN: u8 = 0x80;

impl Last {
    const NEVER: Self = Self { one: NEVER, two: NEVER, more: NEVER };

    /// The most tokens, whatever the last one is.
    #[inline]
    fn most(self) -> i64 {
        self.one.max(self.two).max(self.more)
    }
}

impl Cuts {
    /// At the beginning of a text, where a piece begins too.
    pub(super) fn new(facts: &'static Facts) -> Self {
        let mut cuts = Self {
            facts,
            last: Last { more: 0, ..Last::NEVER },
            before: Last::NEVER,
            third: NEVER,
            fourth: NEVER,
            one_back: UNKNOWN,
            two_back: UNKNOWN,
        };
        cuts.close(0);
        cuts
    }

    /// Adds a further character of ASCII, perhaps in one token with those before it.
    #[inline]
    pub(super) fn push(&mut self, byte: u8) {
        let (one_back, two_back) = (self.one_back, self.two_back);
        let is_known = one_back != UNKNOWN;
        let is_pair = is_known && self.facts.is_pair(one_back, byte);
        let triple = if two_back == UNKNOWN { None } else { self.facts.is_triple(two_back, one_back, byte) };
        let unless = |is_token: bool, tokens: i64| if is_token { NEVER } else { tokens };
        let is_triple = triple == Some(true);
        // The character alone. It may follow a token of one character unless the two are a
        // token, one of two unless all three are, and any longer one.
        let one = self.last.more.max(unless(is_pair, self.last.one)).max(unless(is_triple, self.last.two));
        // One token with the character before it, if the two are one. It may follow a token
        // of one character unless all three are a token. Of four characters nothing is
        // known, so any longer one is allowed.
        let two = self.before.more.max(self.before.two).max(unless(is_triple, self.before.one));
        let two = unless(is_known && !is_pair, two);
        // A longer token: of three characters if these may be one, or of more, of which
        // nothing is known.
        let more = unless(triple == Some(false), self.third).max(self.fourth);
        self.fourth = self.fourth.max(self.third);
        self.third = self.before.most();
        self.before = self.last;
        let [one, two, more] = [one, two, more].map(|tokens| tokens.saturating_add(1));
        self.last = Last { one, two, more };
        (self.two_back, self.one_back) = (one_back, byte);
    }

    /// Says that from here on nothing is known of the characters so far: pieces may be cut
    /// here, or not.
    #[inline]
    pub(super) fn forget(&mut self) {
        (self.two_back, self.one_back) = (UNKNOWN, UNKNOWN);
    }

    /// Says that no token goes on beyond here, and that so many follow.
    #[inline]
    pub(super) fn close(&mut self, tokens: u64) {
        self.start(self.last.most(), tokens);
    }

    /// Says that a token may go on beyond here, and that so many begin in what follows.
    #[inline]
    pub(super) fn open(&mut self, tokens: u64) {
        // What goes on begins at the last character, or before it.
        let begun = self.before.most().max(self.third).max(self.fourth).saturating_add(1);
        self.start(self.last.most().max(begun), tokens);
    }

    /// Begins anew behind so many tokens.
    #[inline]
    fn start(&mut self, so_far: i64, tokens: u64) {
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
        self.last = Last { more: so_far.saturating_add(tokens), ..Last::NEVER };
        self.before = Last::NEVER;
        (self.third, self.fourth) = (NEVER, NEVER);
        self.forget();
    }

    /// The most tokens of all that was seen.
    pub(super) fn most(&self) -> u64 {
        u64::try_from(self.last.most()).unwrap_or(0)
    }
}
