//! Which turns does a request's conversation have, and what is it without some of them?
//!
//! A turn begins with a message of the user that does not follow another one. For the
//! messages system, user, assistant, user, user, assistant: the system's belongs to the
//! first turn and is kept, 0 to 2 are the first turn, 3 to 5 the second. If a call of the
//! first turn is answered in the second, both are one: an API refuses a result without its
//! call.

use std::collections::HashSet;
use std::ops::Range;

use crate::values::ShortText;

use super::item::{self, List, Part};
use super::links::Links;
use super::told::{LeftOut, Trim, Trimmed};
use crate::tokens::Estimate;
use crate::tokens::document::edit::{Edits, Object};
use crate::tokens::document::{Document, Kind, Node};
use crate::{Error, ErrorKind};

/// Messages that go together, by their places.
pub(super) type Span = Range<usize>;

/// The messages of a request, and what holds them together.
#[derive(Debug)]
pub(super) struct Conversation<'d> {
    pub(super) items: Vec<Item<'d>>,
    pub(super) links: Links,
    /// Messages from the beginning of a turn to that of the next; the first begins at 0. None, if nobody asks.
    pub(super) turns: Vec<ConversationTurn>,
}

/// A message, and the part that it plays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'d> {
    pub(super) node: Node<'d>,
    pub(super) part: Part,
}

/// Messages that go or stay together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConversationTurn {
    pub(super) items: Range<usize>,
    /// How often the user asked in it: more than once, if calls and their results lie in several.
    pub(super) count: usize,
    /// It holds what must not be left out.
    pub(super) is_pinned: bool,
    /// Anthropic's system speaks in it, and must do so behind the user and before the model.
    pub(super) is_directed: bool,
}

/// Anthropic documents that it takes no more messages in a request, and no other API is known to.
const MESSAGES_MAX: usize = 100_000;
/// The lists of a body that may be a conversation.
pub(super) const LISTS: [(&str, List); 3] =
    [("messages", List::Messages), ("contents", List::Contents), ("input", List::Input)];

impl<'d> Conversation<'d> {
    /// Reads the conversation of a request.
    ///
    /// What is not known here is refused and not guessed: leaving out half of something
    /// would change what the request asks.
    pub(super) fn read(document: &'d Document<'_>) -> Result<Self, Error> {
        let (list, kind) = list(document)?;
        if list.kind() != Kind::Array || list.is_cut() {
            return Err(unsupported("its conversation is no list of messages"));
        }
        if list.has_bare() {
            return Err(unsupported("its list of messages holds something that is none"));
        }
        let mut items = Vec::new();
        for (index, node) in list.children().enumerate() {
            if index >= MESSAGES_MAX {
                return Err(unsupported("it has more than 100,000 messages"));
            }
            if item::is_twofold(node) {
                return Err(unreadable(&format!("message {index} names something twice")));
            }
            let part = Some(node).filter(Node::is_object).and_then(|node| item::part_of(node, kind));
            let part = part.ok_or_else(|| {
                unsupported(&format!("message {index} has a form or a role that is not known here"))
            })?;
            items.push(Item { node, part });
        }
        let links = Links::read(items.iter().map(|item| (item.node, item.part)));
        let turns = joined(turns(&items, is_anthropics(document)), &links);
        Ok(Self { items, links, turns })
    }

    /// The changes that remove those parts, but for what is always kept.
    pub(super) fn without(&self, parts: &[Span]) -> Edits {
        let mut edits = Edits::default();
        for run in self.runs(parts) {
            // Up to the next message: its comma goes with it. The last turn stays, so that there is one.
            let at = |index: usize| self.items.get(index).map(|item| item.node.at());
            if let (Some(from), Some(to)) = (at(run.start), at(run.end)) {
                edits.replace(from..to, "");
            }
        }
        edits
    }

    /// The messages of those parts that go, as stretches without a gap.
    fn runs(&self, parts: &[Span]) -> Vec<Range<usize>> {
        let mut sorted: Vec<&Span> = parts.iter().collect();
        sorted.sort_unstable_by_key(|span| span.start);
        let mut runs: Vec<Range<usize>> = Vec::new();
        for index in sorted.into_iter().flat_map(Clone::clone) {
            if self.items.get(index).is_none_or(|item| item.part == Part::Kept) {
                continue;
            }
            match runs.last_mut().filter(|run| run.end == index) {
                Some(run) => run.end = index.saturating_add(1),
                None => runs.push(index..index.saturating_add(1)),
            }
        }
        runs
    }

    /// Reports what is missing, for whoever asked for the trim.
    pub(super) fn told(&self, parts: &[Span], how: Trim, before: Estimate, after: Estimate) -> Trimmed {
        let indices: Vec<usize> = self.runs(parts).into_iter().flatten().collect();
        let mut tools: Vec<ShortText> = Vec::new();
        for call in &self.links.calls {
            let is_new = !call.name.is_empty() && !tools.contains(&call.name);
            if is_new && tools.len() < TOOLS_MAX && indices.binary_search(&call.item).is_ok() {
                tools.push(call.name.clone());
            }
        }
        // What stands before the first question may be a round of tools, and begins where its turn does.
        let begun: HashSet<usize> = parts.iter().map(|span| span.start).collect();
        let whole = |turn: &&ConversationTurn| how != Trim::Tools && begun.contains(&turn.items.start);
        let message = |index: usize| {
            let role = self.items.get(index).map(|item| item::label(item.node)).unwrap_or_default();
            LeftOut::new(index, if role.len() <= ROLE_BYTES { role.as_ref() } else { "" })
        };
        Trimmed {
            turns: self.turns.iter().filter(whole).map(|turn| turn.count).sum(),
            messages: indices.iter().map(|index| message(*index)).collect(),
            tools,
            ..Trimmed::new(how, before, after)
        }
    }
}

/// More tools than any API takes in a request are not told.
const TOOLS_MAX: usize = 128;
/// Longer than any kind of item is.
const ROLE_BYTES: usize = 64;

/// The one list of messages that stands in the body.
fn list<'d>(document: &'d Document<'_>) -> Result<(Node<'d>, List), Error> {
    let root = document.root();
    if !root.is_object() {
        return Err(unreadable("is not a JSON object"));
    }
    let body = Object::of(document);
    let names = LISTS.map(|(name, _)| name);
    if body.doubled().is_some() || body.misspelt(&names).is_some() {
        return Err(unreadable("a name can be read in two ways"));
    }
    let lists = LISTS.iter().filter_map(|(name, kind)| Some((root.get(name)?, *kind)));
    let mut lists = lists.filter(|(list, _)| !list.is_null());
    match (lists.next(), lists.next()) {
        (Some(list), None) => Ok(list),
        (None, _) => Err(unsupported("it holds no list of messages")),
        _ => Err(unsupported("it holds several lists of messages")),
    }
}

/// Whether a body is in Anthropic's language, as far as it shows: if another is taken for one, less is left out.
fn is_anthropics(document: &Document<'_>) -> bool {
    let body = document.root();
    let model = body.get("model").and_then(|model| model.text());
    model.is_some_and(|model| model.contains("claude"))
        || ["system", "anthropic_version"].into_iter().any(|name| body.get(name).is_some())
}

/// What stands before the first question belongs to it.
fn turns(items: &[Item<'_>], is_anthropics: bool) -> Vec<ConversationTurn> {
    let mut turns: Vec<ConversationTurn> = Vec::new();
    let mut before = None;
    for (index, item) in items.iter().enumerate() {
        if item.part == Part::Asked && before != Some(Part::Asked) {
            let from = if turns.is_empty() { 0 } else { index };
            turns.push(ConversationTurn {
                items: from..index,
                count: 1,
                is_pinned: false,
                is_directed: false,
            });
        }
        if item.part != Part::Kept {
            before = Some(item.part);
        }
        if let Some(turn) = turns.last_mut() {
            turn.items.end = index.saturating_add(1);
            turn.is_directed |= item.part == Part::Kept && is_anthropics;
            turn.is_pinned |= item.part == Part::Said && item::parts(item.node).any(item::is_summary);
        }
    }
    turns
}

/// Turns that share a call, or lie between two that do, are one.
fn joined(turns: Vec<ConversationTurn>, links: &Links) -> Vec<ConversationTurn> {
    // For each message the last one that it is joined with.
    let spans = links.calls.iter().filter_map(|call| Some((call.item, call.answered?)));
    let mut spans: Vec<_> = spans.filter(|(call, answer)| answer > call).collect();
    spans.sort_unstable();
    let mut spans = spans.into_iter().peekable();
    let mut joined: Vec<ConversationTurn> = Vec::new();
    let mut reach = 0_usize;
    for turn in turns {
        let is_joined = turn.items.start <= reach && !joined.is_empty();
        while let Some((_, answer)) = spans.next_if(|(call, _)| *call < turn.items.end) {
            reach = reach.max(answer);
        }
        match joined.last_mut().filter(|_| is_joined) {
            Some(last) => {
                last.items.end = turn.items.end;
                last.count = last.count.saturating_add(turn.count);
                last.is_pinned |= turn.is_pinned;
                last.is_directed |= turn.is_directed;
            }
            None => joined.push(turn),
        }
    }
    joined
}

/// The error of a conversation that is not known here.
fn unsupported(problem: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("request: cannot be trimmed: {problem}"))
}

/// The error of a body that can be read in two ways, or in none.
fn unreadable(problem: &str) -> Error {
    Error::new(ErrorKind::Unreadable, format!("request: {problem}"))
}
