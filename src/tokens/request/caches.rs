//! What does a request let its provider write to a cache?

use crate::tokens::document::Node;
use crate::values::call::conditions::CacheWrites;

/// What it marks, and for how long; if it marks nothing, whether its provider may write by itself.
///
/// `OpenAI` writes up to the newest message by itself from gpt-5.6 on, unless `prompt_cache_options` has the mode
/// `explicit`: then only what a `prompt_cache_breakpoint` ends (its prompt caching guide, November 2026). A key
/// (`prompt_cache_key`) says where to look, and neither asks for a cache nor against one.
pub(super) fn of(body: Node<'_>) -> CacheWrites {
    let marks = body.document_marks();
    if is_for_long(body) || (marks.writes && marks.lasts) {
        return CacheWrites::ForLong;
    }
    if marks.writes {
        return CacheWrites::Marked;
    }
    let mode = body.get("prompt_cache_options").and_then(|options| options.get("mode"));
    let is_explicit = mode.and_then(|mode| mode.text()).is_some_and(|mode| mode == "explicit");
    if is_explicit && !marks.breaks && !names_kept(body) {
        CacheWrites::Nothing
    } else {
        CacheWrites::ByItself
    }
}

/// Whether a lifetime is asked for that is not the default, in `OpenAI`'s fields.
fn is_for_long(body: Node<'_>) -> bool {
    let ttl = body.get("prompt_cache_options").and_then(|options| options.get("ttl"));
    let other = |said: Option<Node<'_>>, defaults: &[&str]| {
        said.is_some_and(|said| {
            !said.is_null() && !said.text().is_some_and(|said| defaults.contains(&said.as_ref()))
        })
    };
    other(ttl, &["30m"]) || other(body.get("prompt_cache_retention"), &["in_memory", "in-memory"])
}

/// Whether it names what its provider keeps, in which there may be marks that nobody here sees.
fn names_kept(body: Node<'_>) -> bool {
    let names = |field: &&str| body.get(field).is_some_and(|kept| !kept.is_null());
    ["previous_response_id", "conversation", "prompt"].iter().any(names)
        || body.get("input").is_some_and(|input| input.children().any(|item| refers(item)))
}

/// Whether an item may be one that the provider keeps.
fn refers(item: Node<'_>) -> bool {
    item.is_object() && item.get("id").is_some_and(|id| !id.is_null())
}
