//! Which fees may a request incur, and how often at most?

use super::figures::{add, whole_text};
use super::language::{self, Language};
use super::name::Name;
use super::{pieces, sandbox, switches};
use crate::tokens::document::Node;
use crate::values::Meter;

/// Every fee that the body names a way to incur, beside those of the tools that its conversation announces.
pub(super) fn of(
    body: Node<'_>,
    language: &'static Language,
    announced: &[(Meter, Option<u64>)],
) -> Vec<(Meter, Option<u64>)> {
    let mut uses = Vec::new();
    let calls = calls_at_most(body, language);
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
        add(&mut uses, *meter, fewer(*own, calls));
    }
    pieces::of(&mut uses, body);
    uses
}

/// What bounds all tools together: a word of OpenAI's Responses, which no other API reads.
pub(super) fn calls_at_most(body: Node<'_>, language: &'static Language) -> Option<u64> {
    let says = |field: &str| body.get(field).is_some_and(|value| !value.is_null());
    let is_read = std::ptr::eq(language, &raw const language::RESPONSES)
        || std::ptr::eq(language, &raw const language::ANY)
            && !["messages", "contents"].iter().any(|field| says(field));
    body.get("max_tool_calls").filter(|_| is_read).and_then(|calls| whole_text(calls.raw()))
}

fn tools(uses: &mut Vec<(Meter, Option<u64>)>, list: Node<'_>, calls: Option<u64>) {
    each_tool(list, &mut |item| tool(uses, item, calls));
}

/// Goes through the tools of a list, or the only one. A namespace is a list of tools under one name.
pub(super) fn each_tool(list: Node<'_>, each: &mut dyn FnMut(Node<'_>)) {
    let only = Some(list).filter(Node::is_object);
    let items = list.children().filter(|_| only.is_none());
    for item in only.into_iter().chain(items).filter(Node::is_object) {
        each(item);
        item.children().filter(|field| field.is_named("tools")).for_each(|inside| each_tool(inside, each));
    }
}

/// The smaller of what bounds one tool and what bounds all of them together, if either does.
pub(super) fn fewer(own: Option<u64>, calls: Option<u64>) -> Option<u64> {
    match (own, calls) {
        (Some(own), Some(calls)) => Some(own.min(calls)),
        (own, calls) => own.or(calls),
    }
}

/// Of two members of one name both count, whichever of them the provider takes.
pub(super) fn tool(uses: &mut Vec<(Meter, Option<u64>)>, item: Node<'_>, calls: Option<u64>) {
    let own = uses_at_most(item).filter(|_| heeds_uses(item, "type"));
    let most = fewer(own, calls);
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

/// Whether a tool's API reads `max_uses`: Anthropic, whose tools have their date behind their names, and OpenRouter,
/// whose tools and plugins have its name before theirs. To others it bounds nothing.
pub(super) fn heeds_uses(item: Node<'_>, kind: &str) -> bool {
    let is_date = |word: &str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit());
    let mut kinds = item.children().filter(|field| field.is_named(kind));
    kinds.all(|kind| {
        let kind = kind.text().unwrap_or_default();
        kind.contains(':') || kind.rsplit('_').next().is_some_and(is_date)
    })
}

/// How often a tool may be used at most, if it says so; nothing if a word for it cannot be read.
pub(super) fn uses_at_most(item: Node<'_>) -> Option<u64> {
    let said = item.children().filter(|field| Name::of(field).as_str() == "maxuses");
    let said = said.map(|uses| whole_text(uses.raw()));
    said.reduce(|one, other| one.zip(other).map(|(one, other)| one.max(other))).flatten()
}

/// The fee of a tool of that kind, if it has one.
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

/// The fee of a tool of Google's, by the field that switches the tool on.
fn of_field(name: &str) -> Option<Meter> {
    Some(match name {
        "googlesearch" | "googlesearchretrieval" | "enterprisewebsearch" => Meter::WebSearch,
        "googlemaps" => Meter::MapsSearch,
        "filesearch" => Meter::FileSearch,
        "codeexecution" => Meter::CodeExecution,
        _ => return None,
    })
}
