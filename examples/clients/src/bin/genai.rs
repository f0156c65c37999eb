//! `genai`: its chat call in a closure, charged by the body that the provider sent and not by what is left of it.
//!
//! ```text
//! cargo run --bin genai -- http://127.0.0.1:8080/v1
//! ```

use genai::chat::{ChatOptions, ChatRequest, ChatResponse};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, Error, ServiceTarget, webc};
use token_budget::Call;
use token_budget::client::{CallError, Failure, Permit};
use token_budget::enforcer::Actual;
use token_budget::tokens::RequestShape;
use token_budget::wire::extract;
use token_budget_clients::{MODEL, OUTPUT_TOKENS, Outcome, QUESTIONS, base_url, close, enforcer, tell};

#[tokio::main]
async fn main() -> Outcome {
    let endpoint = Endpoint::from_owned(format!("{}/", base_url()?));
    let target = move |target| {
        Ok(ServiceTarget { endpoint: endpoint.clone(), auth: AuthData::from_single("none"), ..target })
    };
    let client = Client::builder().with_service_target_resolver_fn(target).build()?;
    let enforcer = enforcer()?;
    let request = ChatRequest::from_user("Which mountain is the tallest?");
    for _ in 0..QUESTIONS {
        // The request in genai's own words: what of it is unknown to us counts as its JSON, never as nothing.
        let shape = RequestShape::read(&serde_json::to_value(&request)?)?;
        let call = shape.describe(Call::new(MODEL).output_tokens(OUTPUT_TOKENS.into()).team("search"));
        let work = |permit| ask(&client, request.clone(), permit);
        match enforcer.guard_classified(&call, work, how_it_failed).await {
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

async fn ask(client: &Client, request: ChatRequest, permit: Permit) -> Result<(ChatResponse, Actual), Error> {
    let most = u32::try_from(permit.output_tokens).unwrap_or(u32::MAX);
    // Its typed usage knows no tools, tier or cost; the raw body has them all.
    let options = ChatOptions::default().with_max_tokens(most).with_capture_raw_body(true);
    let response = client.exec_chat(MODEL, request, Some(&options)).await?;
    let body = response.captured_raw_body.as_ref().map(ToString::to_string).unwrap_or_default();
    let report = extract(Some("openai"), body.as_bytes(), []).map(Actual::from).unwrap_or_default();
    Ok((response, report))
}

fn how_it_failed(error: &Error) -> Failure {
    match error {
        Error::WebModelCall { webc_error: webc::Error::Reqwest(error), .. } if error.is_connect() => {
            Failure::NotSent
        }
        // Without a status it may have been sent, and it may have been answered.
        error => error.status().map_or(Failure::Unknown, |status| Failure::of_status(status.as_u16())),
    }
}
