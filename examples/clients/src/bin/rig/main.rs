//! `rig`: an agent with a tool, each of whose turns is held before it is sent and charged by what came back.
//!
//! ```text
//! cargo run --bin rig -- http://127.0.0.1:8080/v1
//! ```

mod transport;

use rig_agent::{AgentBuilder, rig_tool};
use rig_core::{providers::openai::OpenAIConfig, tool::ToolExecutionError};
use rig_reqwest::ReqwestClient;
use token_budget::Call;
use token_budget_clients::{MODEL, OUTPUT_TOKENS, Outcome, QUESTIONS, base_url, close, enforcer};

use crate::transport::{Budgeted, REFUSED};

#[rig_tool(description = "The height of a mountain in metres", params(name = "Its name"))]
fn height(name: String) -> Result<u32, ToolExecutionError> {
    if name == "Everest" { Ok(8_849) } else { Err(ToolExecutionError::not_found("no such mountain")) }
}

#[tokio::main]
async fn main() -> Outcome {
    let enforcer = enforcer()?;
    let charge = Call::charging().team("search");
    let http = Budgeted { http: ReqwestClient::default(), enforcer: enforcer.clone(), charge };
    let openai = OpenAIConfig::new("none").with_base_url(base_url()?).connect(http);
    let agent = AgentBuilder::new(openai.chat(MODEL)).max_tokens(OUTPUT_TOKENS.into()).tool(Height).build();
    for _ in 0..QUESTIONS {
        match agent.prompt("How tall is the tallest mountain?").max_turns(3).await {
            Ok(answer) => println!("answered: {}", answer.output()),
            Err(error) if error.provider_response_status() == Some(REFUSED) => {
                println!("refused: {}", error.provider_response_body().unwrap_or_default());
                break;
            }
            Err(error) => println!("failed: {error}"),
        }
    }
    close(&enforcer).await
}
