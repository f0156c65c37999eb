//! `rig`: an agent with a tool, each of whose turns, whole or streamed, is held and charged by its transport.
//!
//! ```text
//! cargo run --bin rig -- http://127.0.0.1:8080/v1
//! ```

use reqwest_middleware::ClientBuilder;
use rig_agent::{AgentBuilder, agent::stream_to_stdout, rig_tool};
use rig_core::{providers::openai::OpenAIConfig, tool::ToolExecutionError};
use rig_reqwest::ReqwestMiddlewareClient;
use token_budget::http::BudgetMiddleware;
use token_budget_clients::{MODEL, OUTPUT_TOKENS, Outcome, QUESTIONS, base_url, close, enforcer, gate};

#[rig_tool(description = "The height of a mountain in metres", params(name = "Its name"))]
fn height(name: String) -> Result<u32, ToolExecutionError> {
    if name == "Everest" { Ok(8_849) } else { Err(ToolExecutionError::not_found("no such mountain")) }
}

#[tokio::main]
async fn main() -> Outcome {
    let enforcer = enforcer()?;
    let budget = BudgetMiddleware::new(gate(&enforcer));
    let http = ReqwestMiddlewareClient::from(ClientBuilder::new(reqwest::Client::new()).with(budget).build());
    let openai = OpenAIConfig::new("none").with_base_url(base_url()?).connect(http);
    let agent = AgentBuilder::new(openai.chat(MODEL)).max_tokens(OUTPUT_TOKENS.into()).tool(Height).build();
    for question in 0..QUESTIONS {
        let prompt = agent.prompt("How tall is the tallest mountain?").max_turns(3);
        let outcome = match question % 2 {
            0 => prompt.await.map(drop).map_err(|error| error.to_string()),
            _ => stream_to_stdout(&mut prompt.stream()).await.map(drop).map_err(|error| error.to_string()),
        };
        match outcome {
            Ok(()) => println!("\nanswered: {question}"),
            Err(error) if error.contains("budget_exceeded") => {
                println!("\nrefused: {error}");
                break;
            }
            Err(error) => println!("\nfailed: {error}"),
        }
    }
    close(&enforcer).await
}
