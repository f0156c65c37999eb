//! Plain `reqwest`: one JSON call in a closure, held before it is sent and charged by what its answer says.
//!
//! ```text
//! cargo run --bin reqwest -- http://127.0.0.1:8080/v1
//! ```

use reqwest::{Client, Error};
use serde_json::{Value, json};
use token_budget::wire::extract;
use token_budget::{Call, CallError, Failure, Permit, Report, RequestShape};
use token_budget_clients::{MODEL, OUTPUT_TOKENS, Outcome, QUESTIONS, base_url, close, enforcer, tell};

#[tokio::main]
async fn main() -> Outcome {
    let (enforcer, http, base_url) = (enforcer()?, Client::new(), base_url()?);
    let messages = json!([{"role": "user", "content": "Which mountain is the tallest?"}]);
    let request = json!({"model": MODEL, "max_completion_tokens": OUTPUT_TOKENS, "messages": messages});
    for _ in 0..QUESTIONS {
        let call = RequestShape::read(&request)?.describe(Call::charging().team("search"));
        let work = |permit| ask(&http, &base_url, &request, permit);
        match enforcer.run_classified(&call, work, how_it_failed).await {
            Ok(answer) => tell(&enforcer, answer.receipt).await?,
            Err(CallError::Client(error)) => println!("failed: {error}"),
            // A budget refuses, and says why; or the ledger is away.
            Err(stop) => {
                println!("{stop}");
                break;
            }
        }
    }
    close(&enforcer).await
}

async fn ask(
    http: &Client,
    base_url: &str,
    request: &Value,
    permit: Permit,
) -> Result<(Value, Report), Error> {
    let mut request = request.clone();
    // A cap on single calls may have held less output than was asked for.
    request["max_completion_tokens"] = permit.output_tokens.into();
    let sent = http.post(format!("{base_url}/chat/completions")).json(&request).send().await?;
    let body = sent.error_for_status()?.bytes().await?;
    // An answer that cannot be read is charged as it was held for.
    let report = extract(Some("openai"), &body, []).map(Report::from).unwrap_or_default();
    Ok((serde_json::from_slice(&body).unwrap_or_default(), report))
}

fn how_it_failed(error: &Error) -> Failure {
    match error.status() {
        Some(status) => Failure::of_status(status.as_u16()),
        None if error.is_connect() => Failure::NotSent,
        None => Failure::Unknown,
    }
}
