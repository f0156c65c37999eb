//! Does the reqwest middleware carry the gate's rulings, and nothing else?

use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use token_budget::http::BudgetMiddleware;

use crate::http_server::Server;
use crate::http_support::{CHAT, books, gate, house, json};
use crate::support::{House, block_on, usd};

const ASK: &str = r#"{"model":"milli","max_tokens":100,"messages":[]}"#;
const STREAM: &str = r#"{"model":"milli","max_tokens":100,"stream":true,"messages":[]}"#;

fn client(house: &House) -> ClientWithMiddleware {
    ClientBuilder::new(reqwest::Client::new()).with(BudgetMiddleware::new(gate(house))).build()
}

#[test]
fn a_client_of_reqwest_is_held_for_charged_and_refused() {
    let house = house("0.11");
    block_on(async {
        let server = Server::start().await;
        let client = client(&house);
        let answer = client.post(server.url(CHAT)).body(ASK).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.url().path()), (200, CHAT));
        assert_eq!(answer.content_length(), Some(Server::USAGE.len() as u64));
        assert_eq!(books(&house).1, "0.10", "held until the body is read");
        assert_eq!(answer.text().await.unwrap(), Server::USAGE);
        assert_eq!(books(&house), ("0.02".to_owned(), "0.00".to_owned()));

        let stream = client.post(server.url(CHAT)).body(STREAM).send().await.unwrap();
        assert_eq!(stream.text().await.unwrap(), Server::stream());
        assert_eq!(books(&house), ("0.029".to_owned(), "0.00".to_owned()));

        let refused = client.post(server.url(CHAT)).body(ASK).send().await.unwrap();
        assert_eq!((refused.status().as_u16(), refused.url().path()), (402, CHAT));
        assert_eq!(refused.headers()["x-should-retry"], "false");
        let body = json(&refused.bytes().await.unwrap());
        assert_eq!(body["error"]["code"], "budget_exceeded");

        let models = client.get(server.url("/v1/models")).send().await.unwrap();
        assert_eq!(models.status(), 200, "a list costs nothing");
    });
    assert_eq!(books(&house), ("0.029".to_owned(), "0.00".to_owned()));
}

#[test]
fn a_request_without_a_limit_goes_out_with_one() {
    let house = house("100");
    block_on(async {
        let server = Server::start().await;
        let body = r#"{"model":"short","messages":[]}"#;
        let answer =
            client(&house).post(server.url("/echo/v1/chat/completions")).body(body).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), r#"{"model":"short","messages":[],"max_tokens":500}"#);
    });
}

#[test]
fn a_stream_that_is_dropped_is_charged_from_its_drop() {
    let house = house("1");
    block_on(async {
        let server = Server::start().await;
        let mut stream = client(&house).post(server.url(CHAT)).body(STREAM).send().await.unwrap();
        assert!(stream.chunk().await.unwrap().is_some());
        drop(stream);
    });
    let (spent, reserved) = books(&house);
    // The chunk may have brought everything, usage too; otherwise the ten tokens held ahead are charged.
    assert!(usd(&spent) >= usd("0.009"), "{spent}");
    assert_eq!(reserved, "0.00");
}

#[test]
fn a_provider_that_cannot_be_reached_costs_nothing() {
    let house = house("1");
    block_on(async {
        let server = Server::start().await;
        let (gone, reset) = (server.url(CHAT), server.url("/reset/v1/chat/completions"));
        assert!(client(&house).post(reset).body(ASK).send().await.is_err());
        assert_eq!(
            books(&house),
            ("0.10".to_owned(), "0.00".to_owned()),
            "a connection that broke may have cost"
        );
        server.stop().await;
        let error = client(&house).post(gone).body(ASK).send().await.expect_err("nobody listens");
        assert!(error.is_connect());
        assert_eq!(books(&house), ("0.10".to_owned(), "0.00".to_owned()));
    });
}

#[test]
fn a_body_that_cannot_be_cloned_is_read_once_and_sent() {
    let house = house("1");
    block_on(async {
        let server = Server::start().await;
        let body = reqwest::Body::wrap(http_body_util::Full::new(bytes::Bytes::from_static(ASK.as_bytes())));
        let answer = client(&house).post(server.url(CHAT)).body(body).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), Server::USAGE);
    });
    assert_eq!(books(&house).0, "0.02");
}
