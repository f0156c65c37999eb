//! In which order are parts of a conversation left out?
//!
//! The search asks for prefixes of one list, so all policy is in the order of that list.
//! For turns 0 to 5, of which 5 is the last and stays, `OldestFirst` is 0, 1, 2, 3, 4.
//! `Middle` keeps turn 0 too and goes outward from the middle of 1 to 4: 2, 3, 1, 4.
//! `Tools` lists rounds of tool calls instead of turns.

use super::conversation::{Conversation, ConversationTurn, Item, Span};
use super::item::{self, Part};
use super::links::Call;
use super::told::Trim;

/// So many of the newest answered rounds of the last turn stay, as Anthropic's `clear_tool_uses` keeps three.
const ROUNDS_KEPT: usize = 3;

/// All that may be left out, what goes first in front.
pub(super) fn parts(conversation: &Conversation<'_>, how: Trim) -> Vec<Span> {
    let Some((last, earlier)) = conversation.turns.split_last() else { return Vec::new() };
    match how {
        Trim::OldestFirst => free(earlier).collect(),
        Trim::Middle => {
            let between: Vec<_> = free(earlier.get(1..).unwrap_or_default()).collect();
            outward(between)
        }
        Trim::Tools => {
            let of = |turn: &ConversationTurn, kept| thoughts_last(rounds(conversation, turn, kept));
            let turns = earlier.iter().filter(|turn| !turn.is_pinned);
            let mut parts: Vec<Span> = turns.flat_map(|turn| of(turn, 0)).collect();
            if !last.is_pinned {
                parts.extend(of(last, ROUNDS_KEPT));
            }
            parts
        }
    }
}

/// The turns that may go whole.
fn free(turns: &[ConversationTurn]) -> impl Iterator<Item = Span> {
    turns.iter().filter(|turn| !turn.is_pinned && !turn.is_directed).map(|turn| turn.items.clone())
}

/// From the middle outward; of two equally near to it the earlier first.
fn outward(spans: Vec<Span>) -> Vec<Span> {
    let last = spans.len().saturating_sub(1);
    let mut placed: Vec<_> = spans.into_iter().enumerate().collect();
    // Twice the distance, so that the middle of an even number is a whole number, too.
    placed.sort_by_key(|(place, _)| place.saturating_mul(2).abs_diff(last));
    placed.into_iter().map(|(_, span)| span).collect()
}

/// What the model said and called in one answer, with the results behind it.
struct Round {
    items: Span,
    /// It holds a thought, from which the calls of later rounds without a thought may have
    /// come.
    thinks: bool,
    may_go: bool,
}

/// The rounds of a turn; of those that may go so many of the newest are kept.
fn rounds(conversation: &Conversation<'_>, turn: &ConversationTurn, kept: usize) -> Vec<Round> {
    let mut rounds: Vec<Round> = Vec::new();
    let item = |index: usize| conversation.items.get(index);
    let part = |index: usize| item(index).map_or(Part::Other, |item: &Item<'_>| item.part);
    let end = turn.items.end;
    let mut at = turn.items.start;
    while at < end {
        let from = at;
        let run = |at: &mut usize, wanted: Part| {
            let from = *at;
            while *at < end && part(*at) == wanted {
                *at = at.saturating_add(1);
            }
            from..*at
        };
        let said = run(&mut at, Part::Said);
        let results = run(&mut at, Part::Results);
        // What the provider runs by itself has no id, and waits for no result.
        let waits = |call: &Call| call.has_id || !results.is_empty();
        if calls(conversation, &said).any(waits) {
            let may_go = !results.is_empty() && is_whole(conversation, &(from..at));
            let thinks = said.filter_map(item).any(|item| item::thinks(item.node));
            rounds.push(Round { items: from..at, thinks, may_go });
        }
        if at == from {
            at = at.saturating_add(1);
        }
    }
    for round in rounds.iter_mut().rev().filter(|round| round.may_go).take(kept) {
        round.may_go = false;
    }
    if let Some(round) = rounds.last_mut().filter(|_| turn.is_directed) {
        // Behind what Anthropic's system says in mid-conversation an answer must follow.
        round.may_go &= (round.items.end..end).any(|index| part(index) == Part::Said);
    }
    rounds
}

/// Oldest first, but a round with a thought only behind those that may have come from it, and not while one of them stays.
///
/// Anthropic refuses calls of a turn that begins without its thought, and OpenAI a call without the `reasoning` item that
/// came with it.
fn thoughts_last(rounds: Vec<Round>) -> Vec<Span> {
    let mut parts = Vec::with_capacity(rounds.len());
    let mut thought: Option<Round> = None;
    for round in rounds {
        if round.thinks {
            parts
                .extend(thought.replace(round).filter(|thought| thought.may_go).map(|thought| thought.items));
        } else if round.may_go {
            parts.push(round.items);
        } else if let Some(thought) = &mut thought {
            thought.may_go = false;
        }
    }
    parts.extend(thought.filter(|thought| thought.may_go).map(|thought| thought.items));
    parts
}

/// The calls that stand in those messages.
fn calls<'c>(conversation: &'c Conversation<'_>, items: &Span) -> impl Iterator<Item = &'c Call> {
    let calls = &conversation.links.calls;
    let first = calls.partition_point(|call| call.item < items.start);
    let end = items.end;
    calls.iter().skip(first).take_while(move |call| call.item < end)
}

/// Whether every call of a round is answered in it, and every result answers one of its calls.
fn is_whole(conversation: &Conversation<'_>, round: &Span) -> bool {
    let links = &conversation.links;
    let has_orphan = || {
        let first = links.orphans.partition_point(|item| *item < round.start);
        links.orphans.get(first).is_some_and(|item| *item < round.end)
    };
    let all = calls(conversation, round).all(|call| match call.answered {
        Some(answer) => round.contains(&answer),
        None => !call.has_id,
    });
    all && !has_orphan()
}
