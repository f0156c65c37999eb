//! How large is the machine that a provider lends for code, and does it lend one?

use crate::tokens::document::Node;

/// Whether a shell runs at the provider's: in a container of its own, made for the request or kept.
pub(in crate::tokens) fn is_hosted(tool: Node<'_>) -> bool {
    let environments = tool.children().filter(|field| field.is_named("environment"));
    let mut kinds = environments.filter_map(|environment| environment.get("type")?.text());
    kinds.any(|kind| kind.starts_with("container"))
}

/// So many sandboxes of a gigabyte as one of that size costs: OpenAI asks for each gigabyte what it asks for the first.
pub(super) fn sized(tool: Node<'_>, most: Option<u64>) -> Option<u64> {
    let places = tool.children().filter(|field| field.is_named("container") || field.is_named("environment"));
    let limits = places.filter_map(|place| place.get("memory_limit")).filter(|limit| !limit.is_null());
    match limits.map(|limit| limit.text().map_or(LARGEST, |limit| gigabytes(&limit))).max() {
        None | Some(1) => most,
        Some(size) => Some(most.unwrap_or(1).saturating_mul(size)),
    }
}

/// The largest that OpenAI lends, and what is held for a size that it does not have.
const LARGEST: u64 = 64;

fn gigabytes(limit: &str) -> u64 {
    match limit {
        "1g" => 1,
        "4g" => 4,
        "16g" => 16,
        _ => LARGEST,
    }
}
