//! In which order are parts of a conversation left out?

use std::ops::Range;

use super::conversation::{Conversation, Item, Turn};
use super::item::Part;
use super::told::Trim;

/// Messages that go together, by their places.
pub(super) type Span = Range<usize>;

/// All that may be left out, what goes first in front.
pub(super) fn parts(conversation: &Conversation<'_>, how: Trim) -> Vec<Span> {
    let Some((_, earlier)) = conversation.turns.split_last() else { return Vec::new() };
    match how {
        Trim::OldestFirst => free(earlier).collect(),
        Trim::Middle => {
            let between: Vec<_> = free(earlier.get(1..).unwrap_or_default()).collect();
            outward(between)
        }
        Trim::Tools => {
            let turns = earlier.iter().filter(|turn| !turn.is_pinned);
            turns.flat_map(|turn| rounds(conversation, turn.items.clone())).collect()
        }
    }
}

fn free(turns: &[Turn]) -> impl Iterator<Item = Span> {
    turns.iter().filter(|turn| !turn.is_pinned).map(|turn| turn.items.clone())
}

/// From the middle outward; of two equally near to it the earlier first.
fn outward(spans: Vec<Span>) -> Vec<Span> {
    let last = spans.len().saturating_sub(1);
    let mut placed: Vec<_> = spans.into_iter().enumerate().collect();
    // Twice the distance, so that the middle of an even number is a whole number, too.
    placed.sort_by_key(|(place, _)| place.saturating_mul(2).abs_diff(last));
    placed.into_iter().map(|(_, span)| span).collect()
}

/// The rounds of a turn: what the model said, with the results behind it.
fn rounds(conversation: &Conversation<'_>, turn: Span) -> Vec<Span> {
    let mut rounds = Vec::new();
    let part = |index: usize| conversation.items.get(index).map_or(Part::Other, |item: &Item<'_>| item.part);
    let mut at = turn.start;
    while at < turn.end {
        let from = at;
        let run = |at: &mut usize, wanted: Part| {
            let from = *at;
            while *at < turn.end && part(*at) == wanted {
                *at = at.saturating_add(1);
            }
            *at > from
        };
        let says = run(&mut at, Part::Said);
        let is_answered = run(&mut at, Part::Results);
        if says && is_answered && is_whole(conversation, &(from..at)) {
            rounds.push(from..at);
        }
        if at == from {
            at = at.saturating_add(1);
        }
    }
    rounds
}

/// Whether every call of a round is answered in it, and every result answers one of its calls.
fn is_whole(conversation: &Conversation<'_>, round: &Span) -> bool {
    let links = &conversation.links;
    let first = links.calls.partition_point(|call| call.item < round.start);
    let calls = links.calls.iter().skip(first).take_while(|call| call.item < round.end);
    let has_orphan = || {
        let first = links.orphans.partition_point(|item| *item < round.start);
        links.orphans.get(first).is_some_and(|item| *item < round.end)
    };
    let mut count = 0_usize;
    let all = calls.inspect(|_| count = count.saturating_add(1)).all(|call| match call.answered {
        Some(answer) => round.contains(&answer),
        None => !call.has_id,
    });
    all && count > 0 && !has_orphan()
}
