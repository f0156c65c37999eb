//! `async-openai` by its typed API: one `impl LlmClient` beside the client, and every call of it is held and charged.
//!
//! ```text
//! cargo run --bin async_openai_typed -- http://127.0.0.1:8080/v1
//! ```

use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequest, CreateChatCompletionResponse,
};
use async_openai::{Client, config::OpenAIConfig, error::OpenAIError, middleware::ReqwestService};
use token_budget::client::{CallError, Failure};
use token_budget::enforcer::Actual;
use token_budget::tokens::RequestShape;
use token_budget::wire::extract;
use token_budget::{BudgetEnforcedClient, Call, LlmClient};
use token_budget_clients::{MODEL, OUTPUT_TOKENS, Outcome, QUESTIONS, base_url, close, enforcer, tell};

#[tokio::main]
async fn main() -> Outcome {
    let config = OpenAIConfig::new().with_api_base(base_url()?).with_api_key("none");
    // Left to itself it sends a failed call up to three times more, and nobody reserves for those.
    let once = ReqwestService::new(reqwest::Client::new());
    let chat = Chat(Client::with_config(config).with_http_service(once));
    let client = BudgetEnforcedClient::new(chat, enforcer()?, Call::charging().team("search"));
    let request = CreateChatCompletionRequest {
        model: MODEL.into(),
        max_completion_tokens: Some(OUTPUT_TOKENS),
        messages: vec![ChatCompletionRequestUserMessage::from("Which mountain is the tallest?").into()],
        ..Default::default()
    };
    for _ in 0..QUESTIONS {
        match client.call(request.clone()).await {
            Ok(answer) => tell(client.enforcer(), answer.receipt).await?,
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

struct Chat(Client<OpenAIConfig>);

impl LlmClient for Chat {
    type Request = CreateChatCompletionRequest;
    type Response = CreateChatCompletionResponse;
    type Error = OpenAIError;

    fn describe(&self, request: &Self::Request, call: Call) -> Call {
        let body = serde_json::to_vec(request).unwrap_or_default();
        // A call that is left without a model is not made.
        RequestShape::parse(&body).map_or(call.clone(), |shape| shape.describe(call))
    }

    async fn call(&self, request: Self::Request) -> Result<Self::Response, OpenAIError> {
        self.0.chat().create(request).await
    }

    fn actual(&self, response: &Self::Response) -> Actual {
        let body = serde_json::to_vec(response).unwrap_or_default();
        extract(Some("openai"), &body, []).map(Actual::from).unwrap_or_default()
    }

    fn failure(&self, error: &OpenAIError) -> Failure {
        match error {
            OpenAIError::InvalidArgument(_) => Failure::NotSent,
            OpenAIError::Reqwest(error) if error.is_connect() => Failure::NotSent,
            OpenAIError::ApiError(error) => Failure::of_status(error.status_code.as_u16()),
            _ => Failure::Unknown,
        }
    }

    fn clamp(&self, request: &mut Self::Request, output_tokens: u64) -> bool {
        request.max_completion_tokens = u32::try_from(output_tokens).ok();
        true
    }
}
