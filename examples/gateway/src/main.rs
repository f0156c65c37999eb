//! A gateway: virtual keys with budgets, in front of OpenAI's and Anthropic's real ones.
//!
//! A client keeps its official SDK and changes its address and its key. The gateway knows who pays for a
//! virtual key (`keys.json`), holds room in every budget that binds (`policy.json`), sends the request on with
//! the account's own key, meters the answer as it flows by, and charges what it used.
//!
//! ```text
//! cargo run                                        # in this folder; answers by itself: nothing leaves the machine
//! OPENAI_API_KEY=… ANTHROPIC_API_KEY=… cargo run -- \
//!     --openai https://api.openai.com --anthropic https://api.anthropic.com \
//!     --policy policy.json --keys keys.json --books books.db --listen 127.0.0.1:8080
//! ```
//!
//! `--unseen hold` charges an answer that broke off all that it held where its model may have reasoned unseen: for
//! providers faster than the 500 tokens a second that price rows take them for. `--drain` reads a background answer
//! on whose client has left, for its true usage; what stops with its connection is never read on.
//!
//! `--no-limit write-in|hold-most|leave-alone` says what becomes of requests that name no output limit, whatever the
//! policy says: one is written in, the most that the model generates is held, or they are left as they are.
//!
//! `--trim oldest|middle|tools` leaves old parts of a conversation out where there is no room for the whole; the log says
//! how many messages (`left_out`). Without, such a request is refused.
//!
//! `--books` keeps the books in a file that survives the process, readable by its owner alone; without, they are in
//! memory. Each request writes a line of JSON: when, which key, what for, how it was answered and what it cost; no
//! secret, and nothing of a prompt. `proxy.rs` is what there is to copy.

mod books;
mod echo;
mod keys;
mod log;
mod proxy;
mod serve;
mod upstream;

use std::error::Error;
use std::future::IntoFuture;

use token_budget::policy::OnNoLimit;
use token_budget::pricing::Unseen;
use token_budget::tokens::Trim;
use token_budget::{Enforcer, Policy};
use tokio::net::TcpListener;

use crate::keys::Keys;
use crate::proxy::Gateway;
use crate::upstream::Upstreams;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::read(std::env::args().skip(1))?;
    let policy = match &flags.policy {
        Some(path) => Policy::from_path(path)?,
        None => Policy::from_json(include_str!("../policy.json"))?,
    };
    let keys = match &flags.keys {
        Some(path) => Keys::read(&std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?)
            .map_err(|error| format!("{path}: {error}"))?,
        None => Keys::read(include_str!("../keys.json"))?,
    };
    let mut builder = Enforcer::builder().policy(policy);
    if flags.unseen_hold {
        builder = builder.unseen(Unseen::Hold);
    }
    if let Some(choice) = flags.no_limit {
        builder = builder.on_no_limit(choice);
    }
    if let Some(path) = &flags.books {
        builder = builder.ledger(token_budget::ledger::SqliteLedger::open(path)?);
    }
    let enforcer = builder.build();
    let echo = TcpListener::bind("127.0.0.1:0").await?;
    let nobody = format!("http://{}", echo.local_addr()?);
    let upstream = |address: &Option<String>| address.clone().unwrap_or_else(|| nobody.clone());
    let upstreams = Upstreams::new(&upstream(&flags.openai), &upstream(&flags.anthropic))?;
    if flags.openai.is_none() || flags.anthropic.is_none() {
        drop(tokio::spawn(axum::serve(echo, echo::router()).into_future()));
    }

    preload();
    let gateway = Gateway::new(enforcer.clone(), keys, upstreams, flags.drain);
    let gateway = match flags.trim {
        Some(how) => gateway.trimming(how),
        None => gateway,
    };
    let gateway = gateway.logging();
    let listener = TcpListener::bind(&flags.listen).await?;
    tell(&format!("http://{}", listener.local_addr()?));
    serve::serve(listener, gateway.router(), stopped()).await?;
    // Every answer has ended; what a client left behind is still to be told to the ledger.
    enforcer.flush().await?;
    println!("all answers have ended, {} commands are undelivered", enforcer.undelivered());
    Ok(())
}

/// How the gateway was started.
struct Flags {
    listen: String,
    openai: Option<String>,
    anthropic: Option<String>,
    policy: Option<String>,
    keys: Option<String>,
    books: Option<String>,
    no_limit: Option<OnNoLimit>,
    trim: Option<Trim>,
    unseen_hold: bool,
    drain: bool,
}

impl Flags {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut flags = Self {
            listen: "127.0.0.1:8080".to_owned(),
            openai: None,
            anthropic: None,
            policy: None,
            keys: None,
            books: None,
            no_limit: None,
            trim: None,
            unseen_hold: false,
            drain: false,
        };
        while let Some(flag) = arguments.next() {
            if flag == "--drain" {
                flags.drain = true;
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--listen" => flags.listen = value,
                "--openai" => flags.openai = Some(value),
                "--anthropic" => flags.anthropic = Some(value),
                "--policy" => flags.policy = Some(value),
                "--keys" => flags.keys = Some(value),
                "--books" => flags.books = Some(value),
                "--no-limit" => {
                    let choice = value.parse().map_err(|error| format!("--no-limit: {error}"))?;
                    flags.no_limit = Some(choice);
                }
                "--trim" => flags.trim = Some(value.parse().map_err(|error| format!("--trim: {error}"))?),
                "--unseen" if value == "hold" => flags.unseen_hold = true,
                _ => {
                    return Err(format!("{flag} is not known; see the head of src/main.rs").into());
                }
            }
        }
        Ok(flags)
    }
}

/// Loads what counts text before anybody is served.
///
/// An answer that its client leaves is counted as its connection closes: to load a vocabulary there would keep the
/// connection to the provider open meanwhile, and what it generates is billed.
fn preload() {
    for model in ["gpt-4o", "gpt-4"] {
        token_budget::tokens::TiktokenEstimator::new().preload(model);
    }
}

/// Says where it listens, and what to try.
fn tell(address: &str) {
    println!("listening on {address}; try, and then again with more tokens than are left:\n");
    println!(
        "curl {address}/v1/chat/completions -H 'authorization: Bearer vk-ada' -H 'content-type: application/json' \\"
    );
    println!(
        r#"  -d '{{"model": "gpt-4o", "max_tokens": 500, "messages": [{{"role": "user", "content": "Which sea is it?"}}]}}'"#
    );
    println!("curl {address}/budgets -H 'authorization: Bearer vk-ada'\n");
}

/// Ends when the process is asked to stop: by Ctrl-C, or as service managers ask.
async fn stopped() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! { _ = terminate.recv() => {}, _ = tokio::signal::ctrl_c() => {} }
        return;
    }
    drop(tokio::signal::ctrl_c().await);
}
