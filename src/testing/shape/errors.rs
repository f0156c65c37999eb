//! How does a provider say that it does not answer?
//!
//! The official clients decide by status *and* body whether to try again, so the body
//! must be in the provider's own words.

use serde_json::json;

use crate::testing::request::Dialect;

/// An error body in the shape of that API; a status without a word of its own gets the
/// general one.
pub(in crate::testing) fn error_body(dialect: Dialect, status: u16, message: &str) -> String {
    if dialect == Dialect::Messages {
        let kind = match status {
            400 => "invalid_request_error",
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            504 => "timeout_error",
            503 | 529 => "overloaded_error",
            _ => "api_error",
        };
        return json!({"type": "error", "error": {"type": kind, "message": message}}).to_string();
    }
    let (kind, code) = match status {
        400 => ("invalid_request_error", None),
        401 => ("invalid_request_error", Some("invalid_api_key")),
        404 => ("invalid_request_error", Some("model_not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        408 | 504 => ("timeout", None),
        _ => ("server_error", None),
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}}).to_string()
}
