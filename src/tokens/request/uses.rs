//! Which fees may a request incur, and how often at most?

use super::name::Name;
use super::pieces;
use super::settings::whole_text;
use crate::Meter;
use crate::tokens::document::{Kind, Node};

/// Every fee that the body names a way to incur, beside those of the tools that its conversation announces.
pub(super) fn of(body: Node<'_>, announced: &[(Meter, Option<u64>)]) -> Vec<(Meter, Option<u64>)> {
    let mut uses = Vec::new();
    // What bounds all tools together: OpenAI's.
    let calls = body.get("max_tool_calls").and_then(|calls| whole_text(calls.raw()));
    for field in body.children() {
        match Name::of(&field).as_str() {
            "tools" => tools(&mut uses, field, calls),
            "toolconfig" => {
                if let Some(list) = field.get("tools") {
                    tools(&mut uses, list, calls);
                }
            }
            // One search a request, by OpenAI's models that always search.
            "websearchoptions" if !field.is_null() => add(&mut uses, Meter::WebSearch, Some(1)),
            "searchparameters" => searched(&mut uses, field),
            "plugins" => plugins(&mut uses, field),
            _ => {}
        }
    }
    for (meter, own) in announced {
        let most = own.map_or(calls, |own| Some(calls.map_or(own, |calls| own.min(calls))));
        add(&mut uses, *meter, most);
    }
    pieces::of(&mut uses, body);
    uses
}

pub(super) fn add(uses: &mut Vec<(Meter, Option<u64>)>, meter: Meter, count: Option<u64>) {
    match uses.iter_mut().find(|(known, _)| *known == meter) {
        // Two tools may be used one after the other.
        Some((_, known)) => *known = known.zip(count).map(|(one, other)| one.saturating_add(other)),
        None => uses.push((meter, count)),
    }
}

fn tools(uses: &mut Vec<(Meter, Option<u64>)>, list: Node<'_>, calls: Option<u64>) {
    if list.is_object() {
        return tool(uses, list, calls);
    }
    list.children().filter(Node::is_object).for_each(|item| tool(uses, item, calls));
}

pub(super) fn tool(uses: &mut Vec<(Meter, Option<u64>)>, item: Node<'_>, calls: Option<u64>) {
    let own = ["max_uses", "maxUses"]
        .iter()
        .find_map(|field| item.get(field))
        .and_then(|uses| whole_text(uses.raw()));
    let most = match (own, calls) {
        (Some(own), Some(calls)) => Some(own.min(calls)),
        (own, calls) => own.or(calls),
    };
    let kind = item.get("type").and_then(|kind| kind.text());
    if let Some(meter) = kind.as_deref().and_then(of_kind) {
        return add(uses, meter, most);
    }
    // Google's tools are named by the field that switches them on.
    for field in item.children().filter(|field| !field.is_null()) {
        if let Some(meter) = of_field(Name::of(&field).as_str()) {
            add(uses, meter, most);
        }
    }
}

fn of_kind(kind: &str) -> Option<Meter> {
    let kind = kind.rsplit(':').next().unwrap_or(kind);
    Some(match kind {
        _ if kind.starts_with("web_search") || kind == "x_search" || kind == "browser_search" => {
            Meter::WebSearch
        }
        _ if kind.starts_with("web_fetch") => Meter::WebFetch,
        _ if kind.starts_with("code_interpreter") || kind.starts_with("code_execution") => {
            Meter::CodeExecution
        }
        "file_search" | "collections_search" | "document_library" => Meter::FileSearch,
        "image_generation" => Meter::ImageGeneration,
        _ => return None,
    })
}

fn of_field(name: &str) -> Option<Meter> {
    Some(match name {
        "googlesearch" | "googlesearchretrieval" | "enterprisewebsearch" => Meter::WebSearch,
        "googlemaps" => Meter::MapsSearch,
        "filesearch" => Meter::FileSearch,
        "codeexecution" => Meter::CodeExecution,
        _ => return None,
    })
}

/// xAI's search: billed by the source, twenty unless said otherwise.
fn searched(uses: &mut Vec<(Meter, Option<u64>)>, field: Node<'_>) {
    if field.get("mode").and_then(|mode| mode.word()) == Some("off") || field.is_null() {
        return;
    }
    let most = field.get("max_search_results").and_then(|most| whole_text(most.raw())).unwrap_or(20);
    add(uses, Meter::WebSearch, Some(most));
}

/// OpenRouter's plugins.
fn plugins(uses: &mut Vec<(Meter, Option<u64>)>, list: Node<'_>) {
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
