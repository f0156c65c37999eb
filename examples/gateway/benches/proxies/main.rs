//! What does the gateway cost over a proxy that keeps no budgets?
//!
//! ```text
//! cargo bench      # in examples/gateway: 64 connections, 20,000 requests a round, 5 rounds
//! ```
//!
//! Both proxies are axum in front of the same client, in one process with the provider and the load: first
//! the bare one, then the gateway as it stands, turn about, and the medians of the rounds.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    reason = "a bench measures time, divides it, and stops where its set-up is wrong"
)]

#[path = "../../src/books.rs"]
mod books;
#[path = "../../src/keys.rs"]
mod keys;
mod load;
#[path = "../../src/log.rs"]
mod log;
#[expect(dead_code, reason = "a bench writes no log and trims nothing")]
#[path = "../../src/proxy.rs"]
mod proxy;
#[path = "../../src/upstream.rs"]
mod upstream;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use token_budget::testing::{Reply, ScriptedProvider};
use token_budget::{Enforcer, Policy};
use tokio::net::TcpListener;

use crate::load::{Failed, Round};

const ROUNDS: usize = 5;
const CONNECTIONS: usize = 64;

const POLICY: &str = r#"{"teams": [{"name": "search", "max_budget": "1000000"}], "keys": [{"name": "bench", "max_budget": "1000000"}]}"#;
const KEYS: &str = r#"[{"key": "vk-bench", "name": "bench", "team": "search"}]"#;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let provider = ScriptedProvider::new().totals_only().otherwise(Reply::tokens(40));
    let server = provider.serve().await?;
    let bare = served(bare(server.url())).await?;
    let enforcer = Enforcer::builder().policy(Policy::from_json(POLICY)?).build();
    let upstreams = upstream::Upstreams::new(&server.url(), &server.url()).expect("an address");
    let keys = keys::Keys::read(KEYS).expect("keys of its own");
    let gateway = proxy::Gateway::new(enforcer.clone(), keys, upstreams, false);
    let gateway = served(gateway.router()).await?;

    // `cargo bench -- --test` only looks whether it works.
    let (rounds, part) =
        if std::env::args().any(|argument| argument == "--test") { (1, 20) } else { (ROUNDS, 1) };
    for (name, streams, requests) in [("one-shot", false, 20_000), ("streamed, 43 frames", true, 4_000)] {
        let (requests, mut plain, mut budgeted) = (requests / part, Vec::new(), Vec::new());
        for round in 0..=rounds {
            // The first round warms both up.
            let one = load::round(&bare, streams, requests, CONNECTIONS).await?;
            let other = load::round(&gateway, streams, requests, CONNECTIONS).await?;
            if round > 0 {
                plain.push(one);
                budgeted.push(other);
            }
        }
        let (plain, budgeted) = (Round::median(plain), Round::median(budgeted));
        println!("{name}: bare {plain}; gateway {budgeted}; {:.2} x", budgeted.per_second / plain.per_second);
    }
    for budget in enforcer.check(&token_budget::Call::new("gpt-4o").team("search")).await?.budgets() {
        println!("{}: {} reserved", budget.scope, budget.reserved);
    }
    Ok(())
}

async fn served(router: Router) -> Result<String, std::io::Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    drop(tokio::spawn(async move { axum::serve(listener, router).await }));
    Ok(address)
}

/// A proxy that passes everything on, untouched.
fn bare(upstream: String) -> Router {
    let mut tcp = hyper_util::client::legacy::connect::HttpConnector::new();
    tcp.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build::<_, Body>(tcp);
    Router::new().fallback(async move |mut request: Request| {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let Ok(uri) = format!("{upstream}{path}").parse() else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        *request.uri_mut() = uri;
        match client.request(request).await {
            Ok(answer) => answer.map(Body::new),
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        }
    })
}
