//! Which fields of a request, beside its tools, let its model search or read for a fee?

use super::figures::{add, figure};
use super::name::Name;
use crate::tokens::document::{Kind, Node};
use crate::values::{Meter, SearchContext};

type Uses = Vec<(Meter, Option<u64>)>;

/// Adds the fees that a field of the body switches on.
pub(super) fn of(uses: &mut Uses, body: Node<'_>, field: Node<'_>) {
    if field.is_null() || field.switch() == Some(false) {
        return;
    }
    match Name::of(&field).as_str() {
        "websearchoptions" => add(uses, Meter::WebSearch, Some(searches(field))),
        "searchparameters" => sources(uses, field),
        "enablesearch" => add(uses, Meter::WebSearch, by_strategy(body)),
        // The same in the words of Alibaba's own API.
        "parameters" => {
            let switch = field.children().filter(|inner| Name::of(inner).as_str() == "enablesearch");
            for _ in switch.filter(|switch| !switch.is_null() && switch.switch() != Some(false)) {
                add(uses, Meter::WebSearch, by_strategy(field));
            }
        }
        "connectors" => {
            let says =
                |one: &Node<'_>| one.get("id").and_then(|id| id.text()).is_some_and(|id| id == "web-search");
            for _ in field.children().filter(says) {
                add(uses, Meter::WebSearch, None);
            }
        }
        "plugins" => plugins(uses, field),
        _ => {}
    }
}

/// Searches of a request to a model that always searches: one. Perplexity's search in several steps, which `auto` may
/// choose, is one at up to three times the fee.
fn searches(options: Node<'_>) -> u64 {
    let kind = options.get("search_type").and_then(|kind| kind.text());
    match kind.as_deref() {
        None | Some("fast" | "web") => 1,
        Some(_) => 3,
    }
}

/// Alibaba's search: one for each request, unless an agent searches as often as it likes.
fn by_strategy(around: Node<'_>) -> Option<u64> {
    let strategy = around.get("search_options").and_then(|options| options.get("search_strategy")?.text());
    (!strategy.is_some_and(|strategy| strategy.contains("agent"))).then_some(1)
}

/// xAI's search: billed by the source, twenty unless said otherwise.
fn sources(uses: &mut Uses, field: Node<'_>) {
    if field.get("mode").and_then(|mode| mode.word()) == Some("off") {
        return;
    }
    let most = field.get("max_search_results").and_then(figure).unwrap_or(20);
    add(uses, Meter::WebSearch, Some(most));
}

/// OpenRouter's plugins. Its own reader of files is billed by the page if it recognises letters.
fn plugins(uses: &mut Uses, list: Node<'_>) {
    if list.kind() != Kind::Array {
        return;
    }
    for plugin in list.children() {
        match plugin.get("id").and_then(|id| id.word()) {
            Some("web") => add(uses, Meter::WebSearch, Some(1)),
            Some("file-parser") => add(uses, Meter::Page, None),
            _ => {}
        }
    }
}

/// The largest size of a search that is asked for, in the options of a request or in a tool; `None` if none is.
pub(super) fn search_context(body: Node<'_>) -> Option<SearchContext> {
    let options = body.children().filter(|field| Name::of(field).as_str() == "websearchoptions");
    let tools = body.children().filter(|field| Name::of(field).as_str() == "tools");
    let places = options.chain(tools.flat_map(|tools| tools.children()));
    let sizes =
        places.flat_map(|place| place.children().filter(|field| field.is_named("search_context_size")));
    let rank = |size: &SearchContext| (*size == SearchContext::High, *size == SearchContext::Medium);
    sizes
        .filter(|size| !size.is_null())
        .map(|size| match size.text().as_deref() {
            Some("low") => SearchContext::Low,
            Some("medium") => SearchContext::Medium,
            _ => SearchContext::High,
        })
        .max_by_key(rank)
}
