//! Is a client of hyper's behind the layer held for and charged, over a socket?

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use token_budget::client::Failure;
use token_budget::http::{BudgetLayer, BudgetService};

use crate::http_server::Server;
use crate::http_support::{CHAT, books, gate, house};
use crate::http_tower::{Layer, Oneshot};
use crate::support::{House, block_on};

/// A hundred tokens of output are held, ten cents; seven in and thirteen out of `pair` are used, two cents.
const ASK: &str = r#"{"model":"milli","max_tokens":100,"messages":[]}"#;

type Loopback = Client<HttpConnector, Full<Bytes>>;
type SaysUnsent = fn(&Error) -> Failure;

/// A client of hyper's behind the layer.
fn loopback(house: &House) -> BudgetService<Loopback, SaysUnsent> {
    let says: SaysUnsent = |error| if error.is_connect() { Failure::NotSent } else { Failure::Unknown };
    BudgetLayer::new(gate(house)).classify(says).layer(Client::builder(TokioExecutor::new()).build_http())
}

#[test]
fn a_client_of_hyper_is_held_for_and_charged_over_a_socket() {
    let house = house("1");
    block_on(async {
        let server = Server::start().await;
        let client = loopback(&house);
        let ask = |path: &str, body: &str| {
            Request::post(server.url(path)).body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap()
        };
        let answer = client.clone().oneshot(ask(CHAT, ASK)).await.unwrap();
        assert_eq!(answer.headers()["content-length"], Server::USAGE.len().to_string());
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), Server::USAGE);
        assert_eq!(books(&house), ("0.02".to_owned(), "0.00".to_owned()));

        let stream = r#"{"model":"milli","max_tokens":100,"stream":true,"messages":[]}"#;
        let answer = client.clone().oneshot(ask(CHAT, stream)).await.unwrap();
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(text, Server::stream());
        // 7 tokens in and 2 out more.
        assert_eq!(books(&house), ("0.029".to_owned(), "0.00".to_owned()));
    });
}

#[test]
fn a_provider_that_cannot_be_reached_costs_nothing_and_one_that_resets_does() {
    let house = house("1");
    block_on(async {
        let client = loopback(&house);
        let request =
            |url: String| Request::post(url).body(Full::new(Bytes::from_static(ASK.as_bytes()))).unwrap();
        let server = Server::start().await;
        let gone = server.url(CHAT);
        let reset = server.url("/reset/v1/chat/completions");
        assert!(
            client.clone().oneshot(request(reset)).await.is_err(),
            "the connection is closed without an answer"
        );
        assert_eq!(books(&house), ("0.10".to_owned(), "0.00".to_owned()));
        server.stop().await;
        let error = client.clone().oneshot(request(gone)).await.expect_err("nobody listens");
        assert!(error.is_connect());
        assert_eq!(books(&house), ("0.10".to_owned(), "0.00".to_owned()));
    });
}
