//! A provider on loopback that speaks OpenAI's chat completions and keeps its own bill.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What the provider would write on its invoice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bill {
    /// Requests that came in.
    asked: u64,
    /// Of these, those that it turned away and does not bill.
    pub(crate) turned_away: u64,
    input_tokens: i64,
    /// Of the input, what was read from a cache.
    cached_tokens: i64,
    output_tokens: i64,
}

impl Bill {
    /// Requests that it answered.
    pub(crate) fn billed(&self) -> u64 {
        self.asked - self.turned_away
    }

    /// The invoice at gpt-4o's list prices: $2.50 for a million input tokens, $1.25 where cached, $10.00 for output.
    pub(crate) fn nano_dollars(&self) -> i64 {
        (self.input_tokens - self.cached_tokens) * 2_500
            + self.cached_tokens * 1_250
            + self.output_tokens * 10_000
    }
}

/// A provider that runs until it is dropped.
pub(crate) struct Provider {
    pub(crate) base_url: String,
    bill: Arc<Mutex<Bill>>,
    server: tokio::task::JoinHandle<()>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let bill = Arc::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base_url = format!("http://{}/v1", listener.local_addr().expect("bound"));
        let routes = Router::new().route("/v1/chat/completions", post(answer)).with_state(Arc::clone(&bill));
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.expect("serves") });
        Self { base_url, bill, server }
    }

    pub(crate) fn bill(&self) -> Bill {
        *self.bill.lock().expect("no handler panicked")
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Turns the second request away; asks for a tool where it may, and tells what it found in the next turn.
async fn answer(State(bill): State<Arc<Mutex<Bill>>>, body: String) -> (StatusCode, Json<Value>) {
    let request: Value = serde_json::from_str(&body).expect("a JSON request");
    let mut bill = bill.lock().expect("no handler panicked");
    bill.asked += 1;
    if bill.asked == 2 {
        bill.turned_away += 1;
        let error = json!({"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"});
        return (StatusCode::TOO_MANY_REQUESTS, Json(json!({"error": error})));
    }
    // Every answer differs in every figure, so that no sum is right by chance.
    let (bytes, count) = (body.len() as i64, bill.asked as i64);
    let input = 20 + bytes / 8 + count;
    let (cached, output) = (input / 3, (250 + 7 * count).min(output_limit(&request)));
    bill.input_tokens += input;
    bill.cached_tokens += cached;
    bill.output_tokens += output;
    let (message, finish_reason) = message(&request);
    let usage = json!({
        "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": cached}
    });
    let body = json!({
        "id": format!("chatcmpl-{}", bill.asked), "object": "chat.completion", "created": 1_795_000_000,
        "model": "gpt-4o-2024-08-06", "usage": usage,
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": null}]
    });
    (StatusCode::OK, Json(body))
}

/// The limit that the request names; every recipe must name one.
fn output_limit(request: &Value) -> i64 {
    let limit = request.get("max_completion_tokens").or_else(|| request.get("max_tokens"));
    limit.and_then(Value::as_i64).expect("a limit on the output")
}

fn message(request: &Value) -> (Value, &'static str) {
    let heard_of_it =
        request["messages"].as_array().is_some_and(|all| all.iter().any(|one| one["role"] == "tool"));
    if request.get("tools").is_none() || heard_of_it {
        return (json!({"role": "assistant", "content": "Everest, at 8,849 metres."}), "stop");
    }
    let arguments = r#"{"name": "Everest"}"#;
    let call =
        json!({"id": "call_1", "type": "function", "function": {"name": "height", "arguments": arguments}});
    (json!({"role": "assistant", "content": null, "tool_calls": [call]}), "tool_calls")
}
