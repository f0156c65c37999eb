//! What is a message of a conversation, as far as leaving it out goes?
//!
//! Each dialect says the same in its own way: a result is a message of the role `tool`, a
//! part of a user's message, or an item of its own. The part that a message plays is all
//! that the trim needs to know, and a message whose part is not known stops the trim.

use std::borrow::Cow;

use crate::tokens::document::edit::Object;
use crate::tokens::document::{Kind, Node};

/// What part a message plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The system's, or something else that no turn owns.
    Kept,
    /// The user's own words.
    Asked,
    /// The model's: what it thought, said and called.
    Said,
    /// Results of tools.
    Results,
    /// Of the conversation, but nobody here knows what depends on it; a user's words beside results.
    Other,
}

/// The list of a body that a conversation stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// Chat, Messages, Converse.
    Messages,
    /// Gemini: who names nobody is the user.
    Contents,
    /// Responses.
    Input,
}

/// What an item plays; `None` if its role or its form is not known here.
pub(super) fn part_of(item: Node<'_>, list: List) -> Option<Part> {
    let role = item.get("role").filter(|role| !role.is_null());
    let Some(role) = role else {
        return match list {
            List::Messages => None,
            List::Contents => Some(of_user(item)),
            List::Input => of_kind(&item.get("type")?.text()?),
        };
    };
    Some(match role.text()?.as_ref() {
        "system" | "developer" => Part::Kept,
        "user" => of_user(item),
        "assistant" | "model" => Part::Said,
        "tool" | "function" => Part::Results,
        _ => return None,
    })
}

/// An item of the Responses API that no role speaks.
fn of_kind(kind: &str) -> Option<Part> {
    Some(match kind {
        "message" => return None,
        // What came before in a sealed form, and definitions of tools.
        "compaction" | "compaction_summary" | "mcp_list_tools" | "additional_tools" => Part::Kept,
        "reasoning" | "mcp_approval_request" => Part::Said,
        kind if kind.ends_with("_call") => Part::Said,
        kind if kind.ends_with("_output") => Part::Results,
        // What a person approved (`mcp_approval_response`) was said by somebody, and the call that it let run names it.
        _ => Part::Other,
    })
}

/// What a user's message plays: the user's words, results of tools, or both, which stays.
fn of_user(item: Node<'_>) -> Part {
    let (mut results, mut words) = (false, false);
    for part in parts(item) {
        match result_of(part) {
            Some(_) => results = true,
            None if part.get("cachePoint").is_some() => {}
            None => words = true,
        }
    }
    match (results, words) {
        (false, _) => Part::Asked,
        (true, false) => Part::Results,
        (true, true) => Part::Other,
    }
}

/// The objects that a message is made of.
pub(super) fn parts<'d>(item: Node<'d>) -> impl Iterator<Item = Node<'d>> {
    listed(item, ["content", "parts"])
}

fn listed<'d>(item: Node<'d>, names: [&'static str; 2]) -> impl Iterator<Item = Node<'d>> {
    let lists = names.into_iter().filter_map(move |name| item.get(name));
    lists.filter(|list| list.kind() == Kind::Array).flat_map(|list| list.children()).filter(Node::is_object)
}

/// The object in which a part says which call it answers.
pub(super) fn result_of<'d>(part: Node<'d>) -> Option<Node<'d>> {
    let named = ["toolResult", "functionResponse", "function_response"];
    if let Some(result) = named.into_iter().find_map(|name| part.get(name)) {
        return Some(result);
    }
    is_kind(part, |kind| kind == "tool_result" || kind.ends_with("_tool_result")).then_some(part)
}

/// The object in which a part says what it calls.
pub(super) fn call_of<'d>(part: Node<'d>) -> Option<Node<'d>> {
    let named = ["toolUse", "functionCall", "function_call"];
    if let Some(call) = named.into_iter().find_map(|name| part.get(name)) {
        return Some(call);
    }
    // Tools that the provider runs are answered in the same message.
    is_kind(part, |kind| kind == "tool_use").then_some(part)
}

/// Whether a message of the model holds a thought: Anthropic's, OpenAI's, Converse's, or one of a router to them.
pub(super) fn thinks(item: Node<'_>) -> bool {
    is_kind(item, |kind| kind == "reasoning") || thoughts(item).next().is_some()
}

/// Whether a message of the model holds a thought that was signed, as Claude's are.
pub(super) fn is_signed(item: Node<'_>) -> bool {
    let says = |node: Node<'_>, name: &str| node.get(name).is_some_and(|value| value.kind() == Kind::Text);
    let is_signed = |part: Node<'_>| match part.get("reasoningContent") {
        Some(thought) => {
            let text = thought.get("reasoningText").unwrap_or(thought);
            says(text, "signature") || says(thought, "redactedContent")
        }
        None => says(part, "signature") || is_kind(part, |kind| kind == "redacted_thinking"),
    };
    thoughts(item).any(is_signed)
}

/// The thoughts of a message, as its API or a router to it writes them.
fn thoughts<'d>(item: Node<'d>) -> impl Iterator<Item = Node<'d>> {
    let is_thought = |part: &Node<'_>| {
        part.get("reasoningContent").is_some()
            || is_kind(*part, |kind| matches!(kind, "thinking" | "redacted_thinking"))
    };
    // LiteLLM and OpenRouter hand them on beside the text.
    parts(item).filter(is_thought).chain(listed(item, ["thinking_blocks", "reasoning_details"]))
}

/// Whether a part is a summary of everything before it.
pub(super) fn is_summary(part: Node<'_>) -> bool {
    is_kind(part, |kind| kind == "compaction")
}

fn is_kind(part: Node<'_>, wanted: impl Fn(&str) -> bool) -> bool {
    part.get("type").and_then(|kind| kind.text()).is_some_and(|kind| wanted(&kind))
}

/// Who speaks, or what it is.
pub(super) fn label<'d>(item: Node<'d>) -> Cow<'d, str> {
    let said = |name: &str| item.get(name).and_then(|word| word.text());
    said("role").or_else(|| said("type")).unwrap_or(Cow::Borrowed("user"))
}

/// Whether a name by which anything is decided here stands twice in a message, so that a server may read another one.
pub(super) fn is_twofold(item: Node<'_>) -> bool {
    let doubled = |node: Node<'_>| node.is_object() && Object::at(node).doubled().is_some();
    let inside = |list: Node<'_>| {
        let list = Some(list).filter(|list| list.kind() == Kind::Array);
        list.into_iter()
            .flat_map(|list| list.children())
            .any(|part| doubled(part) || part.is_object() && part.children().any(doubled))
    };
    doubled(item) || item.children().any(|member| doubled(member) || inside(member))
}
