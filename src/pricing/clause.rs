//! Which names does a table mean by a clause instead of a list?
//!
//! A publication may know a model by a pattern: `^claude-opus-5[-@]\d{8}$`. Patterns come out of a file that somebody else
//! wrote, so their length and their compiled size are bounded, and the engine is one whose time is linear in the name.
//! That engine has no look-around. The one form that publications use, a beginning that must not follow, is taken apart
//! into two patterns; any other look-around makes the clause one that is not understood.

use crate::values::ShortText;
use regex_lite::{Regex, RegexBuilder};

/// The longest pattern that is compiled; the longest published one has 70 bytes.
const PATTERN_BYTES_MAX: usize = 500;
/// The largest compiled pattern: 64 KiB, several times the largest published one.
const PROGRAM_BYTES_MAX: usize = 1 << 16;

/// A condition on a model's name, which is in lower case.
#[derive(Clone, Debug)]
pub(super) enum Clause {
    Equals(ShortText),
    StartsWith(ShortText),
    EndsWith(ShortText),
    Contains(ShortText),
    Matches(Regex),
    Not(Box<Self>),
    Any(Vec<Self>),
    All(Vec<Self>),
}

impl Clause {
    pub(super) fn holds(&self, name: &str) -> bool {
        match self {
            Self::Equals(text) => name == text,
            Self::StartsWith(text) => name.starts_with(text.as_str()),
            Self::EndsWith(text) => name.ends_with(text.as_str()),
            Self::Contains(text) => name.contains(text.as_str()),
            Self::Matches(regex) => regex.is_match(name),
            Self::Not(clause) => !clause.holds(name),
            Self::Any(clauses) => clauses.iter().any(|clause| clause.holds(name)),
            Self::All(clauses) => clauses.iter().all(|clause| clause.holds(name)),
        }
    }

    /// A pattern that may refuse a beginning: `^(?!…)` is all of the look-around that is understood.
    pub(super) fn pattern(pattern: &str) -> Option<Self> {
        if pattern.len() > PATTERN_BYTES_MAX {
            return None;
        }
        let regex = |pattern: &str| {
            RegexBuilder::new(pattern).size_limit(PROGRAM_BYTES_MAX).build().ok().map(Self::Matches)
        };
        let Some(rest) = pattern.strip_prefix("^(?!") else { return regex(pattern) };
        let end = closing(rest)?;
        let (refused, rest) = (rest.get(..end)?, rest.get(end.checked_add(1)?..)?);
        let refused = Self::Not(Box::new(regex(&format!("^(?:{refused})"))?));
        Some(Self::All(vec![refused, regex(&format!("^{rest}"))?]))
    }

    /// Adds every name that the clause gives in full.
    pub(super) fn names<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::Equals(text) => names.push(text),
            Self::Any(clauses) => clauses.iter().for_each(|clause| clause.names(names)),
            _ => {}
        }
    }

    /// Whether it says no more than the names it gives in full.
    pub(super) fn is_list(&self) -> bool {
        match self {
            Self::Equals(_) => true,
            Self::Any(clauses) => clauses.iter().all(Self::is_list),
            _ => false,
        }
    }
}

/// Where the parenthesis closes that was opened just before.
fn closing(pattern: &str) -> Option<usize> {
    let (mut depth, mut escaped, mut class) = (0_u32, false, false);
    for (at, letter) in pattern.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            '(' if !class => depth = depth.saturating_add(1),
            ')' if !class && depth == 0 => return Some(at),
            ')' if !class => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_beginning_is_understood() {
        let clause = Clause::pattern(r"^(?!.*-[tT][tT][sS](?:$|-))").expect("understood");
        assert!(clause.holds("gemini-2.5-flash"));
        assert!(!clause.holds("gemini-2.5-flash-tts"));
        assert!(!clause.holds("gemini-2.5-tts-preview"));
        assert!(clause.holds("gemini-ttsx"));
        let dated = Clause::pattern(r"^claude-opus-5[-@]\d{8}$").expect("understood");
        assert!(dated.holds("claude-opus-5@20260101") && !dated.holds("claude-opus-5@2026"));
        assert!(Clause::pattern("(?<=a)b").is_none());
        assert!(Clause::pattern("^(?!a").is_none());
        assert!(Clause::pattern(&"a".repeat(501)).is_none());
        assert!(Clause::pattern(&"(a{1000}){1000}".repeat(9)).is_none());
    }
}
