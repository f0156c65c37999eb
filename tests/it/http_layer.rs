//! Does the tower layer carry the gate's rulings, and nothing else?

use std::future::{Future, Ready, ready};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use token_budget::http::{BudgetLayer, Denial, HttpBudget, failure_of};

use crate::http_support::{CHAT, books, gate, house, json};
use crate::http_tower::{Layer, Oneshot, Service, service_fn};
use crate::support::{block_on, usd};

/// A hundred tokens of output are held, ten cents; seven in and thirteen out of `pair` are used, two cents.
const ASK: &str = r#"{"model":"milli","max_tokens":100,"messages":[]}"#;
const USAGE: &str =
    r#"{"model":"pair","usage":{"prompt_tokens":7,"completion_tokens":13,"total_tokens":20}}"#;

fn post(body: &str) -> Request<Full<Bytes>> {
    Request::post("http://llm.test/v1/chat/completions")
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .unwrap()
}

fn usage() -> Response<Full<Bytes>> {
    Response::new(Full::new(Bytes::from_static(USAGE.as_bytes())))
}

#[test]
fn two_hundred_parallel_requests_never_hold_more_than_there_is() {
    // A dollar: ten calls at once.
    let house = house("1");
    let (now, most, served) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let provider = {
        let (now, most, served) = (now.clone(), most.clone(), served.clone());
        service_fn(move |_: Request<Full<Bytes>>| {
            let (now, most, served) = (now.clone(), most.clone(), served.clone());
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                for _ in 0..50 {
                    tokio::task::yield_now().await;
                }
                now.fetch_sub(1, Ordering::SeqCst);
                served.fetch_add(1, Ordering::SeqCst);
                Ok::<_, io::Error>(usage())
            }
        })
    };
    let client = BudgetLayer::new(gate(&house)).layer(provider);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let refused = runtime.block_on(async {
        let calls = (0..200).map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let answer = client.oneshot(post(ASK)).await.unwrap();
                let status = answer.status().as_u16();
                answer.into_body().collect().await.unwrap();
                status
            })
        });
        let mut refused = 0;
        for call in calls.collect::<Vec<_>>() {
            let status = call.await.unwrap();
            assert!([200, 402, 429].contains(&status), "{status}");
            refused += usize::from(status != 200);
        }
        refused
    });
    let (most, served) = (most.load(Ordering::SeqCst), served.load(Ordering::SeqCst));
    println!("{served} served, at most {most} at once, {refused} refused");
    assert!((2..=10).contains(&most), "{most} at once");
    assert_eq!(served + refused, 200);
    let spent = usd("0.02").nanos() * i64::try_from(served).unwrap();
    assert_eq!(books(&house), (token_budget::Usd::from_nanos(spent).to_string(), "0.00".to_owned()));
}

#[test]
fn a_request_without_a_limit_goes_out_with_one_and_with_its_own_length() {
    let house = house("100");
    let provider = service_fn(|request: Request<Full<Bytes>>| async {
        let length = request.headers()["content-length"].to_str().unwrap().parse::<usize>().unwrap();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, Bytes::from_static(br#"{"model":"short","messages":[],"max_tokens":500}"#));
        assert_eq!(length, body.len());
        Ok::<_, io::Error>(usage())
    });
    let client = BudgetLayer::new(gate(&house)).layer(provider);
    let answer = block_on(client.oneshot(post(r#"{"model":"short","messages":[]}"#))).unwrap();
    assert_eq!((answer.status().as_u16(), books(&house).1.as_str()), (200, "0.50"));
}

/// A service that is ready when it is told to be, and may be called only then.
#[derive(Debug)]
struct Gated {
    open: Arc<AtomicBool>,
    was_ready: bool,
}

impl Clone for Gated {
    fn clone(&self) -> Self {
        Self { open: self.open.clone(), was_ready: false }
    }
}

impl Service<Request<Full<Bytes>>> for Gated {
    type Response = Response<Full<Bytes>>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.was_ready = self.open.load(Ordering::SeqCst);
        if self.was_ready { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        assert!(std::mem::take(&mut self.was_ready), "called before it was ready");
        ready(Ok(usage()))
    }
}

#[test]
fn nothing_is_held_for_a_request_that_waits_for_its_turn() {
    let house = house("1");
    let open = Arc::new(AtomicBool::new(false));
    let service = BudgetLayer::new(gate(&house)).layer(Gated { open: open.clone(), was_ready: false });
    let mut context = Context::from_waker(Waker::noop());
    let mut call = Box::pin(service.oneshot(post(ASK)));
    assert!(call.as_mut().poll(&mut context).is_pending());
    assert_eq!(books(&house), ("0.00".to_owned(), "0.00".to_owned()));
    open.store(true, Ordering::SeqCst);
    let Poll::Ready(Ok(answer)) = call.as_mut().poll(&mut context) else { panic!("no answer") };
    assert_eq!(books(&house), ("0.00".to_owned(), "0.10".to_owned()), "held until the body is read");
    drop(answer);
    assert_eq!(books(&house).1, "0.00");
}

#[test]
fn errors_of_the_service_are_unchanged_and_charged_as_somebody_says() {
    let table: [(io::ErrorKind, &str); 3] = [
        (io::ErrorKind::ConnectionRefused, "0.00"),
        (io::ErrorKind::ConnectionReset, "0.10"),
        (io::ErrorKind::TimedOut, "0.10"),
    ];
    for (kind, spent) in table {
        let house = house("1");
        let provider = service_fn(move |_: Request<Full<Bytes>>| {
            ready(Err::<Response<Full<Bytes>>, _>(io::Error::from(kind)))
        });
        let layer = BudgetLayer::new(gate(&house)).classify(|error: &io::Error| failure_of(error));
        let error = block_on(layer.layer(provider).oneshot(post(ASK))).expect_err("the provider's error");
        assert_eq!(error.kind(), kind);
        assert_eq!(books(&house), (spent.to_owned(), "0.00".to_owned()), "{kind:?}");

        let silent = BudgetLayer::new(gate(&house)).layer(provider);
        drop(block_on(silent.oneshot(post(ASK))));
        assert_ne!(books(&house).0, spent, "where nobody says, it may have been billed");
    }
}

#[test]
fn a_client_that_hangs_up_before_the_head_is_charged_what_it_held() {
    let house = house("1");
    let provider =
        service_fn(|_: Request<Full<Bytes>>| std::future::pending::<io::Result<Response<Full<Bytes>>>>());
    let mut call = Box::pin(BudgetLayer::new(gate(&house)).layer(provider).oneshot(post(ASK)));
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(books(&house).1, "0.10");
    drop(call);
    assert_eq!(books(&house), ("0.10".to_owned(), "0.00".to_owned()));
}

#[test]
fn what_is_sent_is_what_is_held_for_and_can_be_read() {
    let house = house("0.05");
    let gate = gate(&house).fit_to_room(1);
    let provider = service_fn(|request: Request<Full<Bytes>>| async move {
        let length = request.headers()["content-length"].to_str().unwrap().to_owned();
        assert_eq!(request.headers()["accept-encoding"], "identity");
        let body = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!((json(&body)["max_tokens"].as_u64(), length), (Some(50), body.len().to_string()));
        Ok::<_, io::Error>(usage())
    });
    let mut request = post(ASK);
    request.headers_mut().insert("accept-encoding", "gzip, br".parse().unwrap());
    request.headers_mut().insert("content-length", ASK.len().into());
    let answer = block_on(BudgetLayer::new(gate).layer(provider).oneshot(request)).unwrap();
    assert_eq!(answer.status(), 200);
}

#[test]
fn what_is_not_billed_passes_untouched() {
    let house = house("1");
    let gate = gate(&house).largest_body(10);
    let provider = service_fn(|request: Request<Full<Bytes>>| async move {
        assert_eq!(request.headers()["accept-encoding"], "gzip");
        Ok::<_, io::Error>(Response::new(request.into_body()))
    });
    let service = BudgetLayer::new(gate).layer(provider);
    let long = "x".repeat(100);
    let free = |path: &str| {
        let request = Request::post(format!("http://llm.test{path}")).header("accept-encoding", "gzip");
        block_on(service.clone().oneshot(request.body(Full::new(Bytes::from(long.clone()))).unwrap()))
            .unwrap()
    };
    let answer = free("/v1/files");
    assert_eq!(block_on(answer.into_body().collect()).unwrap().to_bytes(), long);
    assert_eq!(free(CHAT).status(), 413);
    let unknown = free("/v1/batches");
    assert_eq!(
        (unknown.status().as_u16(), &unknown.headers()["content-type"]),
        (403, &"application/json".parse().unwrap())
    );
    assert_eq!(books(&house), ("0.00".to_owned(), "0.00".to_owned()));
}

/// A body that nobody may look at.
struct Untouchable;

impl http_body::Body for Untouchable {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, io::Error>>> {
        panic!("read before it was known who pays");
    }
}

impl From<Bytes> for Untouchable {
    fn from(_: Bytes) -> Self {
        Self
    }
}

// Whoever knew the address could make the layer keep 32 MB for each connection, with any key or none.
#[test]
fn nobodys_body_is_read_before_it_is_known_who_pays() {
    let house = house("1");
    let gate = HttpBudget::new(house.enforcer.clone(), |_| Err(Denial::unauthorized("this is no key")));
    let provider = service_fn(|_: Request<Untouchable>| async { Ok::<_, io::Error>(usage()) });
    let service = BudgetLayer::new(gate).layer(provider);
    for (path, status) in [(CHAT, 401), ("/v1/batches", 403), ("/v1/models/..%2fchat/completions", 403)] {
        let request = Request::post(format!("http://llm.test{path}")).body(Untouchable).unwrap();
        assert_eq!(block_on(service.clone().oneshot(request)).unwrap().status(), status, "{path}");
    }
    assert_eq!(books(&house), ("0.00".to_owned(), "0.00".to_owned()));
}

// A path was judged as what it folds to, and sent as it was written.
#[test]
fn a_path_is_sent_as_it_was_judged() {
    let house = house("1");
    let provider = service_fn(|request: Request<Full<Bytes>>| async move {
        let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        Ok::<_, io::Error>(
            Response::builder().header("target", target).body(Full::new(Bytes::new())).unwrap(),
        )
    });
    let service = BudgetLayer::new(gate(&house)).layer(provider);
    let sent = |path: &str| {
        let request = Request::get(format!("http://llm.test{path}")).body(Full::new(Bytes::new())).unwrap();
        let answer = block_on(service.clone().oneshot(request)).unwrap();
        let target = answer.headers().get("target").map(|target| target.to_str().unwrap().to_owned());
        (answer.status().as_u16(), target)
    };
    for (path, target) in [
        ("/v1/models/../files/x?after=%2e%2e", "/v1/files/x?after=%2e%2e"),
        ("//v1/models/%2e%2e/responses/r", "/v1/responses/r"),
        ("/v1/models/meta%2Fllama", "/v1/models/meta%2Fllama"),
        ("/v1/models?limit=1", "/v1/models?limit=1"),
    ] {
        assert_eq!(sent(path), (200, Some(target.to_owned())), "{path}");
    }
    for path in
        ["/v1/models/..%2ffiles/x", "/v1/models/%252e%252e/files", "/v1/models/..;/files", "/v1/models/%5c.."]
    {
        assert_eq!(sent(path), (403, None), "{path}");
    }
}

#[test]
fn a_poll_through_the_layer_charges_the_answer_that_was_made_in_the_background() {
    let house = house("1");
    let provider = service_fn(|request: Request<Full<Bytes>>| {
        let body = if request.method() == "GET" {
            assert_eq!(request.headers()["accept-encoding"], "identity");
            r#"{"id":"resp_1","status":"completed","model":"milli","usage":{"input_tokens":0,"output_tokens":30}}"#
        } else {
            r#"{"id":"resp_1","status":"queued","usage":null}"#
        };
        ready(Ok::<_, io::Error>(Response::new(Full::new(Bytes::from_static(body.as_bytes())))))
    });
    let layer = BudgetLayer::new(gate(&house));
    let send = |request: Request<Full<Bytes>>| {
        let client = layer.layer(provider);
        block_on(async {
            client.oneshot(request).await.unwrap().into_body().collect().await.unwrap().to_bytes()
        })
    };

    let ask = r#"{"model":"milli","input":"","background":true,"max_output_tokens":100}"#;
    send(
        Request::post("http://llm.test/v1/responses")
            .body(Full::new(Bytes::from_static(ask.as_bytes())))
            .unwrap(),
    );
    assert_eq!(books(&house), ("0.00".to_owned(), "0.10".to_owned()));
    send(Request::get("http://llm.test/v1/responses/resp_1").body(Full::new(Bytes::new())).unwrap());

    assert_eq!(books(&house), ("0.03".to_owned(), "0.00".to_owned()));
}
