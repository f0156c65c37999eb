//! Which shorter conversations would Claude refuse, because a thought in them was signed for what stood before it?

use super::conversation::Item;
use super::conversation::Span;
use super::item;
use crate::tokens::document::Document;

/// The messages with signed thoughts that must not stay behind a gap.
///
/// From version 5.1 on Claude's thoughts are bound to what they were thought after. The API answers 400 to one that
/// stands behind a message which was left out, unless the request lets it drop such thoughts: "Preserved thinking"
/// and "Troubleshooting thinking" in Anthropic's documentation, read in November 2026. A model that nobody names, or
/// whose version cannot be read, is taken for one of those.
#[derive(Debug, Default)]
pub(super) struct Bound(Vec<usize>);

impl Bound {
    /// Finds the signed thoughts of a request; none, if its API does not mind a gap.
    pub(super) fn read(document: &Document<'_>, items: &[Item<'_>], model: &str) -> Self {
        let body = document.root();
        let binding = body.get("thinking").and_then(|thinking| thinking.get("block_binding"));
        let behavior = binding.and_then(|binding| binding.get("prefix_mismatch_behavior")?.text());
        // What the request says is read by the API; it says nothing where the path does.
        let named = body.get("model").and_then(|model| model.text()).filter(|model| model.contains("claude"));
        if behavior.as_deref() == Some("drop_block") || !binds(named.as_deref().unwrap_or(model)) {
            return Self::default();
        }
        let signed = items.iter().enumerate().filter(|(_, item)| item::is_signed(item.node));
        Self(signed.map(|(index, _)| index).collect())
    }

    /// The fewest of `parts`, but no fewer than so many, that leave no such thought behind a gap; `None` if all do.
    pub(super) fn sound(&self, parts: &[Span], least: usize) -> Option<usize> {
        let before = |index: usize| self.0.partition_point(|signed| *signed < index);
        let (mut gap, mut gone) = (usize::MAX, 0_usize);
        for (count, part) in (1..).zip(parts) {
            gap = gap.min(part.start);
            gone = gone.saturating_add(before(part.end).saturating_sub(before(part.start)));
            let behind = self.0.len().saturating_sub(before(gap));
            if count >= least && behind == gone {
                return Some(count);
            }
        }
        None
    }
}

/// Whether a model may bind its thoughts: not the Claudes up to version 5.0, whose names tell.
fn binds(model: &str) -> bool {
    let Some((_, name)) = model.split_once("claude") else { return true };
    let mut words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    // A date is longer than any version is.
    let number = |word: &str| (word.len() <= 2).then(|| word.parse::<u32>().ok()).flatten();
    let Some(major) = words.find_map(number) else { return true };
    (major, words.next().and_then(number).unwrap_or(0)) > (5, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claudes_up_to_five_bind_nothing_and_all_others_may() {
        for free in [
            "claude-3-5-sonnet-20241022",
            "claude-opus-4-20250514",
            "claude-haiku-4-5@20251001",
            "us.anthropic.claude-opus-4-8-v1:0",
            "anthropic/claude-sonnet-4.5",
            "claude-opus-5",
            "claude-2.1",
        ] {
            assert!(!binds(free), "{free}");
        }
        for bound in ["claude-fable-5-1", "claude-opus-5-5", "claude-6", "claude-next", "m", ""] {
            assert!(binds(bound), "{bound}");
        }
    }

    #[test]
    fn a_gap_is_sound_once_every_signed_thought_behind_it_is_gone() {
        let bound = Bound(vec![1, 5]);
        let (old, new) = (0..2, 4..6);
        assert_eq!(bound.sound(&[old.clone(), 2..4, new.clone()], 1), Some(3));
        assert_eq!(bound.sound(&[old, 2..4], 1), None, "the thought at 5 stays");
        assert_eq!(
            bound.sound(std::slice::from_ref(&new), 1),
            Some(1),
            "the thought at 1 stands before the gap"
        );
        assert_eq!(bound.sound(&[6..8, new], 1), Some(1), "nothing is signed behind 6");
        assert_eq!(Bound::default().sound(&[0..2, 2..4], 2), Some(2));
    }
}
