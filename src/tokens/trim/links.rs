//! Which results answer which calls?
//!
//! A call and its result must go or stay together, and the id tells which belong to which.
//! Ids are read in the order of the conversation, so an id that is used again means the
//! latest call. A result of which nobody knows the call is an orphan: no round that holds
//! one may go.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::values::ShortText;

use super::item::{self, Part};
use crate::tokens::document::{Kind, Node};

/// A call of a tool, with all that belongs to it.
#[derive(Debug)]
pub(super) struct Call {
    /// The message that it stands in.
    pub(super) item: usize,
    /// The last message that answers it; `None` if none is known to.
    pub(super) answered: Option<usize>,
    /// Whether it bears an id, by which a result can be told.
    pub(super) has_id: bool,
    pub(super) name: ShortText,
}

/// The calls of a conversation, in their order.
#[derive(Debug, Default)]
pub(super) struct Links {
    pub(super) calls: Vec<Call>,
    /// Messages with a result of which nobody knows the call.
    pub(super) orphans: Vec<usize>,
}

/// The calls that are open, by their ids: the latest, if an id is used again.
type Open<'d> = HashMap<Cow<'d, str>, usize>;

/// No API takes longer names of tools.
const NAME_BYTES: usize = 128;

impl Links {
    /// Finds all calls of a conversation and the results that answer them, in one pass.
    pub(super) fn read<'d>(items: impl Iterator<Item = (Node<'d>, Part)>) -> Self {
        let (mut links, mut open) = (Self::default(), Open::new());
        for (index, (node, part)) in items.enumerate() {
            match part {
                Part::Said => links.calls_in(&mut open, index, node),
                Part::Results | Part::Other => links.results_in(&open, index, node),
                Part::Kept | Part::Asked => {}
            }
        }
        links
    }

    /// Finds the calls in a message of the model, in whichever dialect.
    fn calls_in<'d>(&mut self, open: &mut Open<'d>, index: usize, node: Node<'d>) {
        let listed = node.get("tool_calls").filter(|list| list.kind() == Kind::Array);
        for call in listed.into_iter().flat_map(|list| list.children()) {
            let inner = ["function", "custom"].into_iter().find_map(|name| call.get(name)).unwrap_or(call);
            self.call(open, index, &[text(call, "id")], text(inner, "name"));
        }
        if let Some(call) = node.get("function_call").filter(Node::is_object) {
            self.call(open, index, &[], text(call, "name"));
        }
        for call in item::parts(node).filter_map(item::call_of) {
            self.call(open, index, &[text(call, "id"), text(call, "toolUseId")], text(call, "name"));
        }
        let kind = node.get("role").is_none().then(|| text(node, "type")).flatten();
        if let Some(kind) = kind.filter(|kind| kind.ends_with("_call") || kind == "mcp_approval_request") {
            // What the provider runs by itself has no other id than its own, and waits for no result.
            let is_asked = node.get("call_id").is_some() || kind == "mcp_approval_request";
            let ids = if is_asked { [text(node, "call_id"), text(node, "id")] } else { [None, None] };
            self.call(open, index, &ids, text(node, "name").or(Some(kind)));
        }
    }

    /// Adds a call, under each of its ids.
    fn call<'d>(
        &mut self,
        open: &mut Open<'d>,
        index: usize,
        ids: &[Option<Cow<'d, str>>],
        name: Option<Cow<'d, str>>,
    ) {
        let mut has_id = false;
        for id in ids.iter().flatten() {
            open.insert(id.clone(), self.calls.len());
            has_id = true;
        }
        let name = name.filter(|name| name.len() <= NAME_BYTES).unwrap_or_default();
        self.calls.push(Call { item: index, answered: None, has_id, name: ShortText::from(name.as_ref()) });
    }

    /// Finds the results in a message.
    fn results_in(&mut self, open: &Open<'_>, index: usize, node: Node<'_>) {
        const OF_MESSAGE: [&str; 3] = ["tool_call_id", "call_id", "approval_request_id"];
        const OF_PART: [&str; 3] = ["tool_use_id", "toolUseId", "id"];
        let own = OF_MESSAGE.into_iter().find_map(|name| text(node, name));
        // One kind of output names its call as its own id.
        let own = own.or_else(|| node.get("role").is_none().then(|| text(node, "id")).flatten());
        self.result(open, index, own);
        for result in item::parts(node).filter_map(item::result_of) {
            self.result(open, index, OF_PART.into_iter().find_map(|name| text(result, name)));
        }
    }

    /// Marks the call of that id as answered here; without such a call the result is an
    /// orphan.
    fn result(&mut self, open: &Open<'_>, index: usize, id: Option<Cow<'_, str>>) {
        let Some(id) = id else { return };
        match open.get(&id).and_then(|call| self.calls.get_mut(*call)) {
            Some(call) => call.answered = Some(index),
            None => self.orphans.push(index),
        }
    }
}

fn text<'d>(node: Node<'d>, name: &str) -> Option<Cow<'d, str>> {
    node.get(name).and_then(|value| value.text())
}
