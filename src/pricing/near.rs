//! Which rows were most likely meant by a name that has none?
//!
//! A hint in a refusal, never a price. Names are compared by the groups of
//! three letters that they share, so that a word too many, a missing one or
//! another order still leaves the right row on top. The index is made when a
//! name is first refused; a refusal then looks at the rows that share a group,
//! and compares letter by letter only the few that share the most.
//!
//! `gpt-5-mini` has eleven groups: `^g`, which is short because nothing stands before
//! the beginning, then `^gp gpt pt- t-5 -5- 5-m -mi min ini ni$`. The name
//! `gpt-5-mini-hi` has fourteen, ten of them the same: 2 × 10 ÷ (11 + 14) is 80 percent,
//! above the 58 from which a row is told.
//!
//! Groups are hashed into 4,096 lists. Two groups that share a list make a name look
//! nearer than it is, which costs one comparison and changes no answer, because the
//! strokes between the few best are counted exactly. What a stranger can make a
//! refusal cost is bounded by [`GROUPS_MAX`] lists and [`COMPARED`] comparisons.

use std::sync::Arc;

use super::apart::{Apart, Part};
use super::names::NAME_BYTES_MAX;
use super::spelling::{Dialect, Spelling};
use crate::values::name::strokes;

/// Where groups of three letters are kept: as many lists, each of few of the thousands that occur.
const LISTS: usize = 4_096;
/// Groups of a name that is asked for, from its beginning; a published name has at most 80.
const GROUPS_MAX: usize = 96;
/// The rows that are compared letter by letter, and those that are told.
const COMPARED: usize = 12;
pub(super) const TOLD: usize = 3;
/// How much two names share, in percent of what both have, so that one is taken for the other.
const SHARED_LEAST: usize = 58;
/// And so that it is compared at all.
const SHARED_SOME: usize = 40;
/// Up to this length a name has too few groups; it is compared with every name as short.
const SHORT: usize = 6;

/// Every name, by its groups of three letters.
pub(super) struct Near {
    apart: Arc<Apart>,
    /// How many groups each name has.
    groups: Vec<usize>,
    /// By group, the names that have it.
    lists: Vec<Vec<u32>>,
    short: Vec<u32>,
}

impl Near {
    pub(super) fn of(apart: Arc<Apart>) -> Self {
        let mut lists = vec![Vec::new(); LISTS];
        let (mut counts, mut short) = (Vec::with_capacity(apart.0.len()), Vec::new());
        for (part, at) in apart.0.iter().zip(0_u32..) {
            let (groups, used) = groups(part.key.as_bytes());
            for group in groups.iter().take(used) {
                lists.get_mut(usize::from(*group)).into_iter().for_each(|list: &mut Vec<u32>| list.push(at));
            }
            if part.key.len() <= SHORT {
                short.push(at);
            }
            counts.push(used);
        }
        Self { apart, groups: counts, lists, short }
    }

    /// The rows nearest to a name: of the seller, or of anybody where none is named, else of others.
    pub(super) fn rows(&self, seller: Option<&str>, model: &str) -> (Vec<usize>, Vec<usize>) {
        let dialect = seller.map_or_else(|| Dialect::seen_in(model), Dialect::of);
        let Some(asked) = Spelling::of(dialect, model) else { return Default::default() };
        let key = asked.key();
        let (groups, used) = groups(key.as_bytes());
        let shared = self.shared(groups.get(..used).unwrap_or_default());
        let (mut theirs, mut others) = (Best::default(), Best::default());
        let mut take = |at: u32, part: &Part, share: usize| {
            let is_sold = seller.is_none_or(|seller| part.provider == seller);
            (if is_sold { &mut theirs } else { &mut others }).add(share, at);
        };
        // What shares less than this cannot share enough, however short its name. Most names end here, by one byte.
        let least = u8::try_from(used.wrapping_mul(SHARED_SOME).div_ceil(200)).unwrap_or(u8::MAX).max(1);
        for (at, count) in (0_u32..).zip(&shared).filter(|(_, count)| **count >= least) {
            let Some((part, groups)) = self.apart.at(at).zip(self.groups.get(at as usize)) else { continue };
            let count = usize::from(*count).wrapping_mul(200);
            let both = groups.saturating_add(used);
            if count >= both.wrapping_mul(SHARED_SOME) {
                take(at, part, count.checked_div(both).unwrap_or(0));
            }
        }
        if key.len() <= SHORT {
            self.short
                .iter()
                .for_each(|at| self.apart.at(*at).into_iter().for_each(|part| take(*at, part, 0)));
        }
        match self.told(key, &theirs) {
            told if told.is_empty() => (told, self.told(key, &others)),
            told => (told, Vec::new()),
        }
    }

    /// How many of these groups each name has.
    fn shared(&self, groups: &[u16]) -> Vec<u8> {
        let mut shared = vec![0_u8; self.groups.len()];
        for at in groups.iter().filter_map(|group| self.lists.get(usize::from(*group))).flatten() {
            if let Some(count) = usize::try_from(*at).ok().and_then(|at| shared.get_mut(at)) {
                *count = count.wrapping_add(1); // at most 96 groups
            }
        }
        shared
    }

    /// The nearest of those that share the most, by the strokes between them and by what they share.
    fn told(&self, asked: &str, best: &Best) -> Vec<usize> {
        let strokes_max = match asked.len() {
            0..=4 => 1,
            5..=9 => 2,
            _ => 3,
        };
        let ordered = words(asked);
        let mut ranked = Vec::with_capacity(best.1);
        for (share, at) in best.0.iter().take(best.1) {
            let Some(known) = self.apart.at(*at) else { continue };
            // Only what is as long can have the same words in another order.
            let reordered = || known.key.len() == asked.len() && words(&known.key) == ordered;
            let far = if letters(&known.key).eq(letters(asked)) || reordered() {
                Some(0)
            } else {
                strokes(asked.as_bytes(), known.key.as_bytes(), strokes_max)
            };
            // A name that is repeated over and over shares all its groups with what it is made of.
            let alike = asked.len() > 4 && asked.len() <= known.key.len().saturating_mul(4);
            if far.is_some() || (*share >= SHARED_LEAST && alike) {
                let far = far.unwrap_or(usize::MAX);
                // Of rows with one key the one that says least beside it is told first.
                ranked.push((far != 0, usize::MAX.saturating_sub(*share), far, known.length, known.row));
            }
        }
        ranked.sort_unstable();
        let mut rows: Vec<usize> = Vec::with_capacity(TOLD);
        for (.., row) in ranked {
            if rows.len() < TOLD && !rows.contains(&row) {
                rows.push(row);
            }
        }
        rows
    }
}

/// The names that share the most, the most first.
#[derive(Default)]
struct Best([(usize, u32); COMPARED], usize);

impl Best {
    fn add(&mut self, part: usize, at: u32) {
        let Self(best, used) = self;
        if *used == COMPARED && best.last().is_some_and(|(least, _)| *least >= part) {
            return;
        }
        let place = best.iter().take(*used).take_while(|(other, _)| *other >= part).count();
        if best.iter().take(*used).any(|(_, other)| *other == at) {
            return;
        }
        if let Some(behind) = best.get_mut(place..).filter(|behind| !behind.is_empty()) {
            behind.rotate_right(1);
            if let Some(first) = behind.first_mut() {
                *first = (part, at);
            }
            *used = used.saturating_add(1).min(COMPARED);
        }
    }
}

/// A name without what stands between its words.
fn letters(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(u8::is_ascii_alphanumeric)
}

/// The words of a name in the order of the alphabet.
fn words(name: &str) -> Vec<&str> {
    let mut words: Vec<&str> = name.split(|letter: char| !letter.is_ascii_alphanumeric()).collect();
    words.sort_unstable();
    words
}

/// The groups of three letters of a name, with its beginning and end marked; each once.
fn groups(name: &[u8]) -> ([u16; GROUPS_MAX], usize) {
    let mut groups = [0_u16; GROUPS_MAX];
    let mut used = 0_usize;
    let (mut one, mut two) = (0_u32, u32::from(b'^'));
    for byte in name.iter().chain(b"$").take(NAME_BYTES_MAX) {
        let three = u32::from(*byte);
        let mixed = (one << 16 | two << 8 | three).wrapping_mul(0x9e37_79b1);
        // The upper twelve bits: as many as there are lists.
        let group = u16::try_from(mixed >> 20).unwrap_or(0);
        (one, two) = (two, three);
        if groups.iter().take(used).any(|known| *known == group) {
            continue;
        }
        let Some(slot) = groups.get_mut(used) else { break };
        *slot = group;
        used = used.saturating_add(1);
    }
    (groups, used)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 8] = [
        "gpt-5",
        "gpt-5-mini",
        "gpt-5-nano",
        "gpt-4o",
        "o3",
        "claude-3-5-sonnet-20241022",
        "claude-3-5-haiku",
        "claude-sonnet-4-5",
    ];

    fn nearest(asked: &str) -> Vec<&'static str> {
        let names = NAMES.into_iter().enumerate().map(|(row, name)| ("acme", name, row));
        let rows = Near::of(Arc::new(Apart::of(names))).rows(Some("acme"), asked);
        rows.0.into_iter().filter_map(|row| NAMES.get(row).copied()).collect()
    }

    #[test]
    fn a_word_too_many_a_stroke_or_another_order_leave_the_right_row_on_top() {
        for (asked, first) in [
            ("gpt-5-mini-hi", "gpt-5-mini"),
            ("gpt4o", "gpt-4o"),
            ("GPT 4o", "gpt-4o"),
            ("o4", "o3"),
            ("claude-sonnet-3.5", "claude-3-5-sonnet-20241022"),
            ("claude-sonet-4-5", "claude-sonnet-4-5"),
        ] {
            assert_eq!(nearest(asked).first(), Some(&first), "{asked}");
        }
    }

    #[test]
    fn what_is_like_nothing_has_no_neighbour() {
        for asked in ["", "x", "llama-3-70b", "^", "$", "模型模型模型", "gpt"] {
            assert_eq!(nearest(asked), [""; 0], "{asked}");
        }
        assert_eq!(nearest(&"gpt-".repeat(70)), [""; 0], "too long for a name");
        assert_eq!(nearest(&"gpt-".repeat(60)), [""; 0]);
    }
}
