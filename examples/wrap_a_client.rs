//! Wraps a client that a team already has, so that none of its calls is made without room.
//!
//! The client stays as it is. Beside it stands one `impl LlmClient`, which
//! answers two questions (what does a request ask for, what did a response
//! use) and may answer two more (how did a call fail, can its output be
//! limited). Then five things are shown, each with its numbers:
//!
//! 1. a call is held, made, and charged what it used;
//! 2. what the provider refuses costs nothing, what timed out is charged in full;
//! 3. a request that asks for too much is sent with the limit its hold covers;
//! 4. a request without room is shortened to what is affordable;
//! 5. a call in a closure needs no `impl` at all.
//!
//! ```text
//! cargo run --example wrap_a_client
//! ```

use std::error::Error;
use std::fmt;

use token_budget::call::Message;
use token_budget::client::{CallError, Failure};
use token_budget::enforcer::Actual;
use token_budget::policy::Caps;
use token_budget::{
    Budget, BudgetEnforcedClient, Call, Enforcer, LlmClient, Policy, Scope, Usage, Usd, Window,
};

type Outcome = Result<(), Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let enforcer = Enforcer::builder().policy(policy()?).build();
    let client = BudgetEnforcedClient::new(ChatClient, enforcer.clone(), Call::charging().team("search"));

    a_call_is_charged_what_it_used(&client).await?;
    how_a_call_failed_decides_its_charge(&client, &enforcer).await?;
    a_long_request_is_limited(&client).await?;
    a_request_without_room_is_shortened(&client).await?;
    a_closure_will_do(&enforcer).await
}

/// Ten cents a day for the team, and no call above 2,000 output tokens.
fn policy() -> Result<Policy, token_budget::Error> {
    let caps = Caps { tokens_output: Some(2_000), ..Caps::default() };
    Policy::new([
        Budget::usd("search", Scope::team("search")?, Usd::cents(10), Window::day()).per_call(caps),
        Budget::usd("night", Scope::team("night")?, Usd::cents(1), Window::day()),
    ])
}

// ---- The client, as the team wrote it. ----

/// A stand-in for an HTTP client: it answers by what the prompt says.
#[derive(Clone, Copy, Debug)]
struct ChatClient;

#[derive(Clone, Debug)]
struct ChatRequest {
    model: &'static str,
    prompt: &'static str,
    max_tokens: u64,
}

#[derive(Clone, Debug)]
struct ChatResponse {
    model: String,
    prompt_tokens: u64,
    completion_tokens: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChatError {
    Connect,
    Status(u16),
    Timeout,
}

impl ChatClient {
    async fn post(self, request: ChatRequest) -> Result<ChatResponse, ChatError> {
        match request.prompt {
            "be unreachable" => Err(ChatError::Connect),
            "be overloaded" => Err(ChatError::Status(429)),
            "be slow" => Err(ChatError::Timeout),
            // "Write a saga" uses all that it may, anything else is answered in 120 tokens.
            prompt => Ok(ChatResponse {
                // Providers answer with the dated name of the model they served.
                model: format!("{}-2024-08-06", request.model),
                prompt_tokens: 10,
                completion_tokens: if prompt == "write a saga" { request.max_tokens } else { 120 },
            }),
        }
    }
}

// ---- What budgets need to know about it. ----

impl LlmClient for ChatClient {
    type Request = ChatRequest;
    type Response = ChatResponse;
    type Error = ChatError;

    /// The text goes in as it is: its tokens are bounded from above, never guessed below.
    fn describe(&self, request: &ChatRequest, call: Call) -> Call {
        call.with_model(request.model)
            .message(Message::user(request.prompt))
            .output_tokens(request.max_tokens)
    }

    async fn call(&self, request: ChatRequest) -> Result<ChatResponse, ChatError> {
        self.post(request).await
    }

    fn actual(&self, response: &ChatResponse) -> Actual {
        Actual {
            usage: Usage::of(response.prompt_tokens, response.completion_tokens),
            model: Some(response.model.as_str().into()),
            ..Actual::default()
        }
    }

    /// Without this every failure counts as "may be billed", which is the safe side.
    fn failure(&self, error: &ChatError) -> Failure {
        match error {
            ChatError::Connect => Failure::NotSent,
            ChatError::Status(status) => Failure::of_status(*status),
            ChatError::Timeout => Failure::Unknown,
        }
    }

    fn clamp(&self, request: &mut ChatRequest, output_tokens: u64) -> bool {
        request.max_tokens = request.max_tokens.min(output_tokens);
        true
    }
}

// ---- The five lessons. ----

/// 10 input tokens at $2.50 and 120 output tokens at $10.00 a million make $0.001225.
async fn a_call_is_charged_what_it_used(client: &BudgetEnforcedClient<ChatClient>) -> Outcome {
    let answer = client.call(ask("say hello", 500)).await?;
    let receipt = answer.receipt?;
    println!("1. {} tokens out, charged ${}", answer.response.completion_tokens, receipt.cost());
    assert_eq!(receipt.cost(), "0.001225".parse()?);
    // The dated name is the same row of the price table: no other model was served.
    assert_eq!(receipt.other_model(), None);
    Ok(())
}

/// The client's own error comes back unchanged; only the books differ.
async fn how_a_call_failed_decides_its_charge(
    client: &BudgetEnforcedClient<ChatClient>,
    enforcer: &Enforcer,
) -> Outcome {
    println!("2. How a call failed decides its charge");
    for (prompt, charged) in [("be unreachable", false), ("be overloaded", false), ("be slow", true)] {
        let before = spent(enforcer, "search").await?;
        let Err(CallError::Client(error)) = client.call(ask(prompt, 500)).await else {
            return Err("the client fails".into());
        };
        let cost = spent(enforcer, "search").await?.checked_sub(before)?;
        println!("   {error:<32} charged ${cost}");
        // A time-out may have been billed: all that was held stands, 500 output tokens among it.
        assert_eq!(cost >= "0.005".parse()?, charged);
    }
    Ok(())
}

/// The hold covers 2,000 output tokens, so the request is sent with no more.
async fn a_long_request_is_limited(client: &BudgetEnforcedClient<ChatClient>) -> Outcome {
    let client = client.clone().clamp_output();
    let answer = client.call(ask("write a saga", 9_000)).await?;
    println!("3. 9,000 tokens asked for, {} written", answer.response.completion_tokens);
    assert_eq!(answer.response.completion_tokens, 2_000);
    assert_eq!(answer.receipt?.overrun(), Usd::ZERO);
    Ok(())
}

/// A cent buys less than a thousand output tokens: ask for what it does buy, but not for a stump.
async fn a_request_without_room_is_shortened(client: &BudgetEnforcedClient<ChatClient>) -> Outcome {
    let night = || Call::charging().team("night");
    println!("4. One cent, and a request for 2,000 tokens");

    let strict = client.clone();
    match strict.call_as(night(), ask("write a saga", 2_000)).await {
        Err(CallError::Refused(decision)) => println!("   as it is: {decision}"),
        other => return Err(format!("there is no room for it: {other:?}").into()),
    }

    let fitting = client.clone().fit_to_room(200);
    let answer = fitting.call_as(night(), ask("write a saga", 2_000)).await?;
    println!("   shortened: {} tokens written", answer.response.completion_tokens);
    assert!((900..1_000).contains(&answer.response.completion_tokens));

    // What is left would buy fewer than 200 tokens: rather no answer than half a sentence.
    assert!(matches!(fitting.call_as(night(), ask("write a saga", 2_000)).await, Err(CallError::Refused(_))));
    Ok(())
}

/// One call in one place: no `impl`, a permit that says how much may be asked for, and a report.
async fn a_closure_will_do(enforcer: &Enforcer) -> Outcome {
    let call = Call::new("gpt-4o").team("search").message(Message::user("sum it up")).output_tokens(300);
    let answer = enforcer
        .guard(&call, |permit| async move {
            let request =
                ChatRequest { model: "gpt-4o", prompt: "sum it up", max_tokens: permit.output_tokens };
            let response = ChatClient.post(request).await?;
            let usage = Usage::of(response.prompt_tokens, response.completion_tokens);
            Ok::<_, ChatError>((response, usage.into()))
        })
        .await?;
    println!("5. A closure: charged ${}", answer.receipt?.cost());
    println!("\nThe team spent ${} of $0.10 today.", spent(enforcer, "search").await?);
    Ok(())
}

fn ask(prompt: &'static str, max_tokens: u64) -> ChatRequest {
    ChatRequest { model: "gpt-4o", prompt, max_tokens }
}

/// What a team has spent today, as advice tells it.
async fn spent(enforcer: &Enforcer, team: &str) -> Result<Usd, token_budget::Error> {
    let advice = enforcer.check(&Call::new("gpt-4o").team(team)).await?;
    Ok(Usd::from_nanos(advice.budgets().first().map_or(0, |day| day.spent)))
}

impl fmt::Display for ChatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.pad("no connection"),
            Self::Status(status) => f.pad(&format!("status {status}")),
            Self::Timeout => f.pad("time-out"),
        }
    }
}

impl Error for ChatError {}
