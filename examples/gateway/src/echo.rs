//! Who answers where there is no provider? One that says what it was told, in OpenAI's and in Anthropic's shape.

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::Response;
use axum::response::{IntoResponse, Json};
use axum::routing::{get, post};
use futures_util::stream;
use serde_json::{Value, json};

pub(crate) fn router() -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/messages", post(message))
        .route("/v1/models", get(async || Json(json!({"object": "list", "data": [{"id": "gpt-4o"}]}))))
}

/// What was asked, a token a word.
struct Asked {
    model: Value,
    words: Vec<String>,
    streams: bool,
}

impl Asked {
    fn read(body: &Value) -> Self {
        let last = body["messages"].as_array().and_then(|messages| messages.last());
        let text = last.and_then(|message| message["content"].as_str()).unwrap_or("nothing");
        let words = text.split_inclusive(' ').map(str::to_owned).collect();
        Self { model: body["model"].clone(), words, streams: body["stream"] == true }
    }
}

async fn chat(Json(body): Json<Value>) -> Response<Body> {
    let Asked { model, words, streams } = Asked::read(&body);
    let count = words.len();
    let usage = json!({"prompt_tokens": count, "completion_tokens": count, "total_tokens": count.saturating_add(count)});
    let answer = |object, choice, usage| json!({"id": "echo", "object": object, "created": 0, "model": model, "choices": choice, "usage": usage});
    if !streams {
        let message = json!({"role": "assistant", "content": words.concat()});
        let choice = json!([{"index": 0, "message": message, "finish_reason": "stop"}]);
        return Json(answer("chat.completion", choice, usage)).into_response();
    }
    let chunk = |choices, usage| format!("data: {}\n\n", answer("chat.completion.chunk", choices, usage));
    let mut frames: Vec<String> = words
        .iter()
        .map(|word| {
            chunk(json!([{"index": 0, "delta": {"content": word}, "finish_reason": null}]), Value::Null)
        })
        .collect();
    frames.push(chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]), Value::Null));
    if body.pointer("/stream_options/include_usage") == Some(&Value::Bool(true)) {
        frames.push(chunk(json!([]), usage));
    }
    frames.push("data: [DONE]\n\n".to_owned());
    events(frames)
}

async fn message(Json(body): Json<Value>) -> Response<Body> {
    let Asked { model, words, streams } = Asked::read(&body);
    let (input, output) = (words.len(), words.len());
    let answer = |content, stop_reason: Value, output| {
        json!({
            "id": "echo", "type": "message", "role": "assistant", "model": model, "content": content,
            "stop_reason": stop_reason, "stop_sequence": null,
            "usage": {"input_tokens": input, "output_tokens": output}
        })
    };
    if !streams {
        let content = json!([{"type": "text", "text": words.concat()}]);
        return Json(answer(content, "end_turn".into(), output)).into_response();
    }
    let begin = json!({"type": "message_start", "message": answer(json!([]), Value::Null, 0)});
    let block = json!({"type": "text", "text": ""});
    let mut frames = vec![begin, json!({"type": "content_block_start", "index": 0, "content_block": block})];
    frames.extend(words.iter().map(|word| {
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}})
    }));
    frames.push(json!({"type": "content_block_stop", "index": 0}));
    let end = json!({"stop_reason": "end_turn", "stop_sequence": null});
    frames.push(json!({"type": "message_delta", "delta": end, "usage": {"output_tokens": output}}));
    frames.push(json!({"type": "message_stop"}));
    events(frames.iter().map(|frame| {
        let name = frame["type"].as_str().unwrap_or("message");
        format!("event: {name}\ndata: {frame}\n\n")
    }))
}

/// Server-sent events, each in a piece of its own.
fn events(frames: impl IntoIterator<Item = String>) -> Response<Body> {
    let frames: Vec<_> = frames.into_iter().map(|frame| Ok::<_, Infallible>(Bytes::from(frame))).collect();
    ([("content-type", "text/event-stream")], Body::from_stream(stream::iter(frames))).into_response()
}
