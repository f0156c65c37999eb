//! What does the HTTP layer add to a request and to a frame, over the same path without it?
//!
//! `cargo bench --bench http` sends each request twice, with and without the layer, in turn and
//! over kept connections: to a provider in the same task, and to one behind a socket of this machine.
//! `-- --test` sends a few, to see that it works.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench measures time, divides it, and stops where its set-up is wrong"
)]

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use token_budget::call::ScopeKind;
use token_budget::http::{BudgetLayer, HttpBudget};
use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Window};
use tower::{Layer, Service, ServiceExt};

/// Frames of one streamed answer.
const FRAMES: usize = 1_000;

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    // `cargo bench -- ledger` asks for a group of the other bench.
    if std::env::args().skip(1).any(|argument| !argument.starts_with('-') && argument != "http") {
        return;
    }
    let (requests, streams) = if is_test { (10, 2) } else { (10_000, 200) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        println!("{requests} requests and {streams} streams of {FRAMES} frames each way, in turn; medians\n");
        compare(
            "in one task",
            tower::service_fn(provider::<Full<Bytes>>),
            "http://llm.test",
            requests,
            streams,
        )
        .await;
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        compare("over a socket", client, &serve().await, requests, streams).await;
    });
}

/// Measures a service with the layer and without.
async fn compare<S, B>(title: &str, service: S, url: &str, requests: usize, streams: usize)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: std::fmt::Debug,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Debug,
{
    let metered = BudgetLayer::new(gate()).layer(service.clone());
    for (what, body, rounds, frames) in
        [("one-shot", ask(false), requests, 1), ("a frame of a stream", ask(true), streams, FRAMES as i64)]
    {
        let mut pairs = Vec::new();
        for _ in 0..rounds + rounds / 10 {
            let plain = time(service.clone(), url, &body).await;
            pairs.push((plain, time(metered.clone(), url, &body).await));
        }
        // The first tenth warms up.
        let pairs = &pairs[rounds / 10..];
        let each = |nanos: fn(&(i64, i64)) -> i64| {
            let mut all: Vec<_> = pairs.iter().map(nanos).collect();
            all.sort_unstable();
            all[all.len() / 2] / frames
        };
        let (without, with, added) = (each(|pair| pair.0), each(|pair| pair.1), each(|pair| pair.1 - pair.0));
        println!("{title:<14} {what:<20} {without:>8} ns without, {with:>8} ns with, {added:>7} ns added");
    }
}

/// One request, until the last byte of its answer.
async fn time<S, B>(service: S, url: &str, body: &Bytes) -> i64
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: std::fmt::Debug,
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let request = Request::post(format!("{url}/v1/chat/completions")).body(Full::new(body.clone())).unwrap();
    let started = Instant::now();
    let answer = service.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut body = std::pin::pin!(answer.into_body());
    while let Some(frame) = body.frame().await {
        std::hint::black_box(frame.unwrap());
    }
    i64::try_from(started.elapsed().as_nanos()).unwrap()
}

/// A team's month and day, and each user's day: four lines that bind.
fn gate() -> HttpBudget {
    let team = Scope::team("search").unwrap();
    let budgets = [
        Budget::usd("month", team.clone(), Usd::dollars(1_000_000), Window::month()),
        Budget::usd("day", team, Usd::dollars(1_000_000), Window::day()),
        Budget::each_usd("users", ScopeKind::User, Usd::dollars(1_000_000), Window::day()),
        Budget::each_usd("users-month", ScopeKind::User, Usd::dollars(1_000_000), Window::month()),
    ];
    let enforcer = Enforcer::builder().policy(Policy::new(budgets).unwrap()).build();
    HttpBudget::new(enforcer, |_| Ok(Call::charging().team("search").user("ada")))
}

fn ask(streams: bool) -> Bytes {
    let text = "Summarise the following report in three sentences for a reader in a hurry. ".repeat(20);
    format!(
        r#"{{"model":"gpt-4o","max_tokens":4000,"stream":{streams},"stream_options":{{"include_usage":true}},"messages":[{{"role":"system","content":"Be brief."}},{{"role":"user","content":"{text}"}}]}}"#
    )
    .into()
}

async fn provider<B>(request: Request<B>) -> Result<Response<Answer>, Infallible>
where
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let streams = body.windows(13).any(|window| window == b"\"stream\":true");
    let kind = if streams { "text/event-stream" } else { "application/json" };
    let answer = if streams { Answer { left: FRAMES, last: LAST } } else { Answer { left: 1, last: WHOLE } };
    Ok(Response::builder().header("content-type", kind).body(answer).unwrap())
}

/// An answer in one piece, or in many frames.
struct Answer {
    left: usize,
    last: &'static [u8],
}

const FRAME: &[u8] = b"data: {\"id\":\"chatcmpl-0123456789abcdefghijklmn\",\"object\":\"chat.completion.chunk\",\"created\":1764713372,\"model\":\"gpt-4o\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_0123456789\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n";
const LAST: &[u8] = b"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":300,\"completion_tokens\":1000,\"total_tokens\":1300}}\n\ndata: [DONE]\n\n";
const WHOLE: &[u8] = b"{\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion\",\"created\":1764713372,\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"The report says that costs rose, that nobody noticed, and that a budget would have helped.\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":300,\"completion_tokens\":20,\"total_tokens\":320}}";

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        let bytes = if self.left == 0 { self.last } else { FRAME };
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(bytes)))))
    }
}

/// A provider behind a socket, on a thread of its own.
async fn serve() -> String {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            tell.send(listener.local_addr().unwrap().port()).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                socket.set_nodelay(true).unwrap();
                let service = hyper::service::service_fn(provider::<hyper::body::Incoming>);
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
            }
        });
    });
    format!("http://127.0.0.1:{}", told.await.unwrap())
}
