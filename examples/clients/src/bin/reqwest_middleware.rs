//! `reqwest-middleware`: one line beside the client, and every request of it is held and charged, streams too.
//!
//! ```text
//! cargo run --bin reqwest_middleware -- http://127.0.0.1:8080/v1
//! ```

use futures_util::TryStreamExt;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde_json::{Value, json};
use token_budget::http::BudgetMiddleware;
use token_budget_clients::{MODEL, OUTPUT_TOKENS, Outcome, QUESTIONS, base_url, close, enforcer, gate};

#[tokio::main]
async fn main() -> Outcome {
    let (enforcer, base_url) = (enforcer()?, base_url()?);
    let budget = BudgetMiddleware::new(gate(&enforcer));
    let client = ClientBuilder::new(reqwest::Client::new()).with(budget).build();
    let messages = json!([{"role": "user", "content": "Which mountain is the tallest?"}]);
    let mut request = json!({"model": MODEL, "max_completion_tokens": OUTPUT_TOKENS, "messages": messages});
    for question in 0..QUESTIONS {
        request["stream"] = (question % 2 == 1).into();
        match ask(&client, &format!("{base_url}/chat/completions"), &request).await {
            Ok((200, bytes)) => println!("answered: {} bytes", bytes.len()),
            Ok((402, bytes)) => {
                let refusal: Value = serde_json::from_slice(&bytes)?;
                println!("refused: {}", refusal["error"]["message"].as_str().unwrap_or_default());
                break;
            }
            Ok((status, _)) => println!("failed: {status}"),
            Err(error) => println!("failed: {error}"),
        }
    }
    close(&enforcer).await
}

async fn ask(
    client: &ClientWithMiddleware,
    url: &str,
    request: &Value,
) -> Result<(u16, Vec<u8>), reqwest_middleware::Error> {
    let answer = client.post(url).json(request).send().await?;
    let (status, mut bytes, mut pieces) = (answer.status().as_u16(), Vec::new(), answer.bytes_stream());
    while let Some(piece) = pieces.try_next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok((status, bytes))
}
