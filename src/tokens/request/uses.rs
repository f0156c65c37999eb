//! Which fees may a request incur, and how often at most?

use super::name::Name;
use super::settings::whole_text;
use super::{pieces, sandbox, switches};
use crate::Meter;
use crate::tokens::document::Node;

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
            _ => switches::of(&mut uses, body, field),
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

/// Of two members of one name both count, whichever of them the provider takes.
pub(super) fn tool(uses: &mut Vec<(Meter, Option<u64>)>, item: Node<'_>, calls: Option<u64>) {
    let own = uses_at_most(item);
    let most = match (own, calls) {
        (Some(own), Some(calls)) => Some(own.min(calls)),
        (own, calls) => own.or(calls),
    };
    let kinds = item.children().filter(|field| field.is_named("type")).filter_map(|kind| kind.text());
    let mut is_known = false;
    for meter in kinds.filter_map(|kind| of_kind(&kind, item)) {
        is_known = true;
        add(uses, meter, if meter == Meter::CodeExecution { sandbox::sized(item, most) } else { most });
    }
    if is_known {
        return;
    }
    // Google's tools are named by the field that switches them on.
    for field in item.children().filter(|field| !field.is_null()) {
        if let Some(meter) = of_field(Name::of(&field).as_str()) {
            add(uses, meter, most);
        }
    }
}

/// How often a tool may be used at most, where it says so; nothing where a word for it cannot be read.
pub(super) fn uses_at_most(item: Node<'_>) -> Option<u64> {
    let said = item.children().filter(|field| Name::of(field).as_str() == "maxuses");
    let said = said.map(|uses| whole_text(uses.raw()));
    said.reduce(|one, other| one.zip(other).map(|(one, other)| one.max(other))).flatten()
}

/// The fee of a tool of that kind, where it has one.
pub(super) fn of_kind(kind: &str, tool: Node<'_>) -> Option<Meter> {
    let kind = kind.rsplit(':').next().unwrap_or(kind);
    Some(match kind {
        _ if kind.starts_with("web_search") || kind == "x_search" || kind == "browser_search" => {
            Meter::WebSearch
        }
        _ if kind.starts_with("web_fetch") => Meter::WebFetch,
        _ if kind.starts_with("code_interpreter") || kind.starts_with("code_execution") => {
            Meter::CodeExecution
        }
        "shell" if sandbox::is_hosted(tool) => Meter::CodeExecution,
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
