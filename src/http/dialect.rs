//! How does a provider tell its clients that something is wrong?
//!
//! A refusal that a client cannot parse is a crash in the client. So every problem is
//! written in the language of the API that was called: where its SDK looks for the
//! message, with the type that its SDK maps to an exception, and in the middle of a
//! stream as the event that ends it. The whole decision stands beside these fields, under
//! `budget`, for programs that want the figures.
//!
//! The same refusal, with status 402, for two clients:
//!
//! ```text
//! OpenAI     {"error": {"message": "…", "type": "insufficient_quota", "param": null, "code": "budget_exceeded"}, "budget": {…}}
//! Anthropic  {"type": "error", "error": {"type": "billing_error", "message": "…"}, "budget": {…}}
//! ```

use serde_json::{Value, json};

use super::aws;
use super::want::Want;
use crate::Decision;

/// The language of an API, as far as its errors go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// OpenAI, and all that speak its language: Azure, Mistral, Groq, OpenRouter, DeepSeek, xAI, …
    OpenAi,
    Anthropic,
    Gemini,
    Bedrock,
    Cohere,
    Ollama,
}

/// Something that a client is told instead of an answer, or in the middle of one.
#[derive(Debug)]
pub(super) struct Problem<'a> {
    pub(super) status: u16,
    /// What went wrong, for programs: `budget_exceeded`.
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) decision: Option<&'a Decision>,
    pub(super) retry_after: Option<u64>,
}

impl Dialect {
    /// The language that most of a provider's addresses speak.
    pub(super) fn of(provider: &str) -> Option<Self> {
        Some(match provider {
            "anthropic" => Self::Anthropic,
            "google" | "gemini" | "vertex_ai" => Self::Gemini,
            "bedrock" => Self::Bedrock,
            "cohere" => Self::Cohere,
            "ollama" => Self::Ollama,
            _ => return None,
        })
    }

    /// The body of an answer that carries the problem in place of a result.
    pub(super) fn body(self, problem: &Problem<'_>) -> Value {
        let Problem { status, code, message, decision, .. } = problem;
        let kind = self.kind(*status);
        let mut body = match self {
            Self::OpenAi => json!({"error": {"message": message, "type": kind, "param": null, "code": code}}),
            Self::Anthropic => json!({"type": "error", "error": {"type": kind, "message": message}}),
            Self::Gemini => {
                json!({"error": {"code": status, "message": message, "status": kind, "details": details(problem)}})
            }
            Self::Bedrock => json!({"message": message, "code": code}),
            Self::Cohere => json!({"message": message, "code": code}),
            Self::Ollama => json!({"error": message, "code": code}),
        };
        if let (Some(body), Some(decision)) = (body.as_object_mut(), decision) {
            // Beside the provider's own fields, where no client trips over it.
            let decision = serde_json::to_value(decision).unwrap_or(Value::Null);
            body.insert("budget".to_owned(), decision);
        }
        body
    }

    /// The provider's own word for a problem of that status: what its SDK maps to an
    /// exception.
    pub(super) fn kind(self, status: u16) -> &'static str {
        match (self, status) {
            (Self::OpenAi, 402) => "insufficient_quota",
            (Self::OpenAi, 429) => "rate_limit_exceeded",
            (Self::OpenAi, 401) | (Self::Anthropic, 401) => "authentication_error",
            (Self::OpenAi, 403) | (Self::Anthropic, 403) => "permission_error",
            (Self::OpenAi, 500..) => "server_error",
            (Self::Anthropic, 402) => "billing_error",
            (Self::Anthropic, 404) => "not_found_error",
            (Self::Gemini, 404) => "NOT_FOUND",
            (Self::Bedrock, 404) => "ResourceNotFoundException",
            (Self::Anthropic, 413) => "request_too_large",
            (Self::Anthropic, 429) => "rate_limit_error",
            (Self::Anthropic, 500..) => "api_error",
            (Self::Gemini, 401) => "UNAUTHENTICATED",
            (Self::Gemini, 402 | 429) => "RESOURCE_EXHAUSTED",
            (Self::Gemini, 403) => "PERMISSION_DENIED",
            (Self::Gemini, 500..) => "UNAVAILABLE",
            (Self::Gemini, _) => "INVALID_ARGUMENT",
            (Self::Bedrock, 401 | 403) => "AccessDeniedException",
            (Self::Bedrock, 402) => "ServiceQuotaExceededException",
            (Self::Bedrock, 429) => "ThrottlingException",
            (Self::Bedrock, 500..) => "ServiceUnavailableException",
            (Self::Bedrock, _) => "ValidationException",
            _ => "invalid_request_error",
        }
    }

    /// The event that ends a stream of server-sent events with a problem.
    pub(super) fn event(self, want: Want, problem: &Problem<'_>) -> Vec<u8> {
        let mut body = self.body(problem);
        let name = match (self, want) {
            (Self::Anthropic | Self::Cohere, _) => "event: error\n",
            (Self::OpenAi, Want::Response) => {
                // The error event of the Responses API has its fields at the top; clients look in both places.
                if let Some(body) = body.as_object_mut() {
                    body.insert("type".to_owned(), "error".into());
                    body.insert("code".to_owned(), problem.code.into());
                    body.insert("message".to_owned(), problem.message.clone().into());
                    body.insert("param".to_owned(), Value::Null);
                }
                "event: error\n"
            }
            _ => "",
        };
        format!("{name}data: {body}\n\n").into_bytes()
    }

    /// The frame that ends an AWS event stream with a problem.
    pub(super) fn aws_frame(self, problem: &Problem<'_>) -> Vec<u8> {
        aws::exception(Self::Bedrock.kind(problem.status), self.body(problem).to_string().as_bytes())
    }
}

/// Google's details: the reason, and when to come again.
fn details(problem: &Problem<'_>) -> Value {
    let reason = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": problem.code, "domain": "token-budget"});
    match problem.retry_after {
        Some(seconds) => {
            let retry = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{seconds}s")});
            json!([reason, retry])
        }
        None => json!([reason]),
    }
}
