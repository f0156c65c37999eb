//! Plain `reqwest`: a function that posts JSON becomes a client that is held before it sends and charged after.
//!
//! ```text
//! cargo run --bin reqwest -- http://127.0.0.1:8080/v1
//! ```

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use reqwest::{Client, Error};
use serde_json::{Value, json};
use token_budget::client::{CallError, Failure, JsonClient};
use token_budget::stream::StreamError;
use token_budget::{BudgetEnforcedClient, Call};
use token_budget_clients::{MODEL, OUTPUT_TOKENS, Outcome, QUESTIONS, base_url, close, enforcer};

#[tokio::main]
async fn main() -> Outcome {
    let (http, url) = (Client::new(), format!("{}/chat/completions", base_url()?));
    let post = move |body: Value| {
        let sent = http.post(&url).json(&body).send();
        async { sent.await?.error_for_status() }
    };
    let whole = post.clone();
    let json = JsonClient::new("openai", move |body| {
        let answer = whole(body);
        async { answer.await?.bytes().await }
    })
    .streaming(move |body| {
        let answer = post(body);
        async { Ok(answer.await?.bytes_stream()) }
    })
    .failing(how_it_failed);
    let client = BudgetEnforcedClient::new(json, enforcer()?, Call::charging().team("search"));

    let messages = json!([{"role": "user", "content": "Which mountain is the tallest?"}]);
    let request = json!({"model": MODEL, "max_completion_tokens": OUTPUT_TOKENS, "messages": messages});
    for question in 0..QUESTIONS {
        let outcome = match question % 2 {
            0 => client.call(request.clone()).await.map(|answer| answer.response.len()),
            _ => read(client.stream(request.clone()).await).await,
        };
        match outcome {
            Ok(bytes) => println!("answered: {bytes} bytes"),
            Err(CallError::Client(error)) => println!("failed: {error}"),
            // A budget refuses, and says why; or the ledger is away.
            Err(stop) => {
                println!("{stop}");
                break;
            }
        }
    }
    close(client.enforcer()).await
}

/// How many bytes came; a stream may also end where its budget does.
async fn read<S>(stream: Result<S, CallError<Error>>) -> Result<usize, CallError<Error>>
where
    S: Stream<Item = Result<Bytes, StreamError<Error>>>,
{
    let read = stream?.try_fold(0, async |sum, piece| Ok(sum + piece.len())).await;
    read.map_err(|error| match error {
        StreamError::Refused(cut_off) => CallError::Refused(Box::new(cut_off.decision)),
        StreamError::Ledger(error) => CallError::Ledger(error),
        StreamError::Client(error) => CallError::Client(error),
    })
}

fn how_it_failed(error: &Error) -> Failure {
    match error.status() {
        Some(status) => Failure::of_status(status.as_u16()),
        None if error.is_connect() => Failure::NotSent,
        None => Failure::Unknown,
    }
}
