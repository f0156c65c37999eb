//! Whom do the official SDKs talk to in `tests/sdk`? A provider on a script, and the tower layer in front of it.
//!
//! It prints where both listen, and is told over HTTP what to answer next (`POST /script`); it tells what it
//! billed (`GET /bill`), once every call has ended.

mod layer;

use axum::Json;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use token_budget::testing::{Reply, ScriptedProvider};
use token_budget_clients::Outcome;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Outcome {
    let provider = ScriptedProvider::new();
    let server = provider.serve().await?;
    let control = TcpListener::bind("127.0.0.1:0").await?;
    let layered = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", server.url());
    println!("http://{}", control.local_addr()?);
    println!("http://{}", layered.local_addr()?);

    let (billed, scripted) = (provider.clone(), provider);
    let desk = axum::Router::new()
        .route("/bill", get(async move || Json(bill(&billed).await)))
        .route("/script", post(async move |Json(script): Json<Script>| drop(scripted.reply(script.reply()))));
    let layer = layer::router(server.url())?;
    let (desk, layer) = tokio::join!(axum::serve(control, desk), axum::serve(layered, layer));
    Ok(desk.and(layer)?)
}

/// The next answer, in the words of [`Reply`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    #[serde(default)]
    tokens: usize,
    tool: Option<(String, Value)>,
    status: Option<u16>,
    retry_after_seconds: Option<u64>,
    #[serde(default)]
    latency_ms: u64,
    #[serde(default)]
    pause_ms: u64,
}

impl Script {
    fn reply(self) -> Reply {
        let mut reply = match self.status {
            Some(status) => Reply::status(status),
            None => Reply::tokens(self.tokens),
        };
        if let Some((name, arguments)) = self.tool {
            reply = reply.with_tool_call(&name, &arguments.to_string());
        }
        if let Some(seconds) = self.retry_after_seconds {
            reply = reply.retry_after(Duration::from_secs(seconds));
        }
        reply.latency(Duration::from_millis(self.latency_ms)).pause(Duration::from_millis(self.pause_ms))
    }
}

/// Money as text, so that Python reads it without a loss.
async fn bill(provider: &ScriptedProvider) -> Value {
    provider.all_ended().await;
    let bill = provider.bill();
    json!({
        "usd": bill.usd().to_string(), "usd_unseen": bill.usd_unseen().to_string(),
        "requests": bill.ended(), "billed": bill.requests(),
    })
}
