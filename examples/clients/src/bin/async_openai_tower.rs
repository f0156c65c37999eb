//! `async-openai` by its tower hook: the budget sits under every request, whole or streamed, of every API of it.
//!
//! ```text
//! cargo run --bin async_openai_tower -- http://127.0.0.1:8080/v1
//! ```

use async_openai::types::chat::{ChatCompletionRequestUserMessage, CreateChatCompletionRequest};
use async_openai::{Client, config::OpenAIConfig, error::OpenAIError, middleware::HttpRequestFactory};
use futures_util::StreamExt;
use reqwest::{Body, Error, Response};
use token_budget::Enforcer;
use token_budget::client::Failure;
use token_budget::http::BudgetLayer;
use token_budget_clients::{MODEL, OUTPUT_TOKENS, Outcome, QUESTIONS, base_url, close, enforcer, gate};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::main]
async fn main() -> Outcome {
    let enforcer = enforcer()?;
    let client = client(&enforcer, base_url()?);
    for question in 0..QUESTIONS {
        match ask(&client, question % 2 == 1).await {
            Ok(answer) => println!("answered: {answer}"),
            Err(OpenAIError::ApiError(error)) if error.status_code == 402 => {
                println!("refused: {error}");
                break;
            }
            Err(error) => println!("failed: {error}"),
        }
    }
    close(&enforcer).await
}

fn client(enforcer: &Enforcer, base_url: String) -> Client<OpenAIConfig> {
    let http = reqwest::Client::new();
    let send = service_fn(move |request: http::Request<Body>| {
        let http = http.clone();
        async move { Ok::<_, Error>(http.execute(request.try_into()?).await?.into()) }
    });
    let not_sent = |error: &Error| if error.is_connect() { Failure::NotSent } else { Failure::Unknown };
    let budgeted = BudgetLayer::new(gate(enforcer)).classify(not_sent).layer(send);
    // Where requests are to be retried, put the client's own retry layer around this one.
    let service = service_fn(move |factory: HttpRequestFactory| {
        let budgeted = budgeted.clone();
        async move {
            let answer = budgeted.oneshot(factory.build().await?.try_into()?).await?;
            Ok::<Response, OpenAIError>(answer.map(Body::wrap).into())
        }
    });
    let config = OpenAIConfig::new().with_api_base(base_url).with_api_key("none");
    Client::with_config(config).with_http_service(service)
}

async fn ask(client: &Client<OpenAIConfig>, streams: bool) -> Result<String, OpenAIError> {
    let messages = vec![ChatCompletionRequestUserMessage::from("Which mountain is the tallest?").into()];
    let (model, max_completion_tokens) = (MODEL.into(), Some(OUTPUT_TOKENS));
    let request =
        CreateChatCompletionRequest { model, max_completion_tokens, messages, ..Default::default() };
    if !streams {
        let answer = client.chat().create(request).await?;
        return Ok(answer.choices.into_iter().filter_map(|choice| choice.message.content).collect());
    }
    let (mut stream, mut text) = (client.chat().create_stream(request).await?, String::new());
    while let Some(chunk) = stream.next().await {
        text.extend(chunk?.choices.into_iter().filter_map(|choice| choice.delta.content));
    }
    Ok(text)
}
