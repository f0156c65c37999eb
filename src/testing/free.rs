//! What does a scripted provider answer without a bill?
//!
//! Providers answer some requests without a charge: counting tokens, listing models, and
//! requests that they reject before they generate anything. Such a request takes no reply
//! from the script, has no number, and is not on the bill, so a test that fires one by
//! accident does not shift its script.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::json;

use super::request::{Dialect, Request};
use super::shape::error_body;
use crate::PricingTable;

/// An answer that is not billed and not counted as a request.
pub(super) struct Free {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// The input tokens of a request: Anthropic's `count_tokens`.
pub(super) fn token_count(body: &[u8]) -> Box<Free> {
    match Request::parse(body) {
        Ok(request) => ok(json!({"input_tokens": request.input_tokens()}).to_string()),
        Err(problem) => bad_request(Dialect::Messages, &problem),
    }
}

/// Every model of the table, in a form that both OpenAI's and Anthropic's clients read.
pub(super) fn models(prices: &PricingTable) -> Box<Free> {
    let names: BTreeSet<&str> = prices.prices().map(|price| price.model()).collect();
    let model = |name: &&str| {
        json!({
            "id": name, "object": "model", "created": 0, "owned_by": "scripted",
            "type": "model", "display_name": name, "created_at": "1970-01-01T00:00:00Z",
        })
    };
    let data: Vec<_> = names.iter().map(model).collect();
    let list = json!({
        "object": "list", "data": data, "has_more": false, "first_id": names.first(), "last_id": names.last(),
    });
    ok(list.to_string())
}

/// 400: the body cannot be read, and `problem` says where.
pub(super) fn bad_request(dialect: Dialect, problem: &str) -> Box<Free> {
    Box::new(Free { status: 400, body: error_body(dialect, 400, problem).into() })
}

/// 404: the path or the model does not exist.
pub(super) fn not_found(dialect: Dialect, problem: &str) -> Box<Free> {
    Box::new(Free { status: 404, body: error_body(dialect, 404, problem).into() })
}

fn ok(body: String) -> Box<Free> {
    Box::new(Free { status: 200, body: body.into() })
}
