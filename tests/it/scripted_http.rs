//! Does the scripted provider behave as a real one does on a real connection?

use std::time::Duration;

use token_budget::testing::{CallEnd, Reply, ScriptedProvider, ScriptedServer};
use token_budget::wire::{StreamMeter, extract};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{block_on, prices, usd};

fn provider() -> ScriptedProvider {
    ScriptedProvider::new().prices(prices())
}

/// Connects and asks for a chat completion of `pair`.
async fn ask(server: &ScriptedServer, rest: &str) -> TcpStream {
    let body = format!(r#"{{"model": "pair", {rest} "messages": []}}"#);
    let mut connection = TcpStream::connect(("127.0.0.1", server.port())).await.expect("a connection");
    send(&mut connection, "POST", "/v1/chat/completions", &body).await;
    connection
}

async fn send(connection: &mut TcpStream, method: &str, path: &str, body: &str) {
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    connection.write_all(format!("{head}{body}").as_bytes()).await.expect("sent");
}

/// Reads until that text has come.
async fn read_until(connection: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        let mut piece = [0; 4_096];
        let count = connection.read(&mut piece).await.expect("bytes");
        assert!(count > 0, "the answer ended before {text:?}: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&piece[..count]);
    }
    String::from_utf8(read).expect("text")
}

/// The body of an answer in chunks, put together.
fn unchunked(answer: &str) -> Vec<u8> {
    let (_, mut rest) = answer.split_once("\r\n\r\n").expect("a head");
    let mut body = Vec::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a chunk's size");
        if size == 0 {
            break;
        }
        body.extend_from_slice(&after.as_bytes()[..size]);
        rest = &after[size + 2..];
    }
    body
}

#[test]
fn a_whole_answer_comes_with_its_length_and_keeps_the_connection() {
    block_on(async {
        let provider = provider().otherwise(Reply::tokens(3).input(7));
        let server = provider.serve().await.expect("a port");
        let mut connection = ask(&server, "").await;
        for number in 1..=2 {
            // Seven in and three out.
            let answer = read_until(&mut connection, r#""total_tokens":10}}"#).await;
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
            assert_eq!(provider.bill().requests(), number);
            let again = r#"{"model": "pair", "messages": []}"#;
            send(&mut connection, "POST", "/v1/chat/completions", again).await;
        }
    });
}

#[test]
fn a_stream_on_the_wire_is_read_as_it_was_billed() {
    block_on(async {
        let provider = provider().otherwise(Reply::tokens(3).input(7));
        let server = provider.serve().await.expect("a port");
        let mut connection =
            ask(&server, r#""stream": true, "stream_options": {"include_usage": true},"#).await;
        let answer = read_until(&mut connection, "\r\n0\r\n\r\n").await;
        assert!(answer.contains("content-type: text/event-stream"), "{answer}");
        let mut meter = StreamMeter::new(Some("openai"));
        meter.push(&unchunked(&answer));
        let usage = meter.finish().usage().expect("usage");
        assert_eq!((usage.input(), usage.output()), (Some(7), Some(3)));
        assert_eq!(provider.bill().usd(), usd("0.01"));
    });
}

#[test]
fn an_error_bears_its_status_and_when_to_come_again() {
    block_on(async {
        let provider = provider().otherwise(Reply::status(429).retry_after(Duration::from_secs(7)));
        let server = provider.serve().await.expect("a port");
        let answer = read_until(&mut ask(&server, "").await, "}}").await;
        assert!(answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{answer}");
        assert!(
            answer.contains("retry-after: 7\r\n") && answer.contains("x-request-id: req_1\r\n"),
            "{answer}"
        );
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(extract(None, body.as_bytes(), []).unwrap().error.as_deref(), Some("rate_limit_exceeded"));
        assert_eq!(provider.bill().calls()[0].end, CallEnd::Failed(429));
    });
}

#[test]
fn models_are_listed_on_a_get() {
    block_on(async {
        let server = provider().serve().await.expect("a port");
        let mut connection = TcpStream::connect(("127.0.0.1", server.port())).await.expect("a connection");
        send(&mut connection, "GET", "/v1/models", "").await;
        let answer = read_until(&mut connection, r#""object":"list""#).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    });
}

#[test]
fn a_reset_stream_is_reset_and_not_closed() {
    block_on(async {
        let provider = provider().otherwise(Reply::tokens(50).reset_after(400));
        let server = provider.serve().await.expect("a port");
        for rest in [r#""stream": true,"#, ""] {
            let mut connection = ask(&server, rest).await;
            let mut read = Vec::new();
            let error = connection.read_to_end(&mut read).await.expect_err("no orderly end");
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
            // 400 bytes of the body came before it, in chunks.
            let text = String::from_utf8(read).unwrap();
            let body = unchunked(&format!("{text}0\r\n"));
            assert_eq!(body.len(), 400, "{text}");
        }
        provider.all_ended().await;
        let ends: Vec<_> = provider.bill().calls().iter().map(|call| call.end).collect();
        assert_eq!(ends, [CallEnd::Reset, CallEnd::Reset]);
    });
}

#[test]
fn a_client_that_hangs_up_on_a_stream_is_noticed() {
    block_on(async {
        // It would go on for an hour.
        let slow = Reply::tokens(3_600).input(7).pause(Duration::from_secs(3_600));
        let provider = provider().ahead(2).otherwise(slow);
        let server = provider.serve().await.expect("a port");
        let mut connection = ask(&server, r#""stream": true,"#).await;
        read_until(&mut connection, r#""role":"assistant""#).await;
        assert_eq!(provider.open(), 1);
        drop(connection);
        provider.all_ended().await;
        let bill = provider.bill();
        assert_eq!(bill.calls()[0].end, CallEnd::HungUp);
        // Seven in, nothing delivered, two generated ahead.
        assert_eq!((bill.usd(), bill.output_unseen()), (usd("0.009"), 2));
    });
}

#[test]
fn a_client_that_hangs_up_before_the_answer_is_noticed() {
    block_on(async {
        let slow = Reply::tokens(3).input(7).latency(Duration::from_secs(3_600));
        let provider = provider().otherwise(slow);
        let server = provider.serve().await.expect("a port");
        let connection = ask(&server, "").await;
        while provider.open() == 0 {
            tokio::task::yield_now().await;
        }
        drop(connection);
        provider.all_ended().await;
        assert_eq!((provider.bill().calls()[0].end, provider.bill().usd()), (CallEnd::HungUp, usd("0.01")));
    });
}

#[test]
fn a_server_that_is_dropped_answers_no_more() {
    block_on(async {
        let provider = provider().otherwise(Reply::tokens(3).latency(Duration::from_secs(3_600)));
        let server = provider.serve().await.expect("a port");
        let port = server.port();
        let mut connection = ask(&server, "").await;
        while provider.open() == 0 {
            tokio::task::yield_now().await;
        }
        drop(server);
        let mut read = Vec::new();
        let closed = connection.read_to_end(&mut read).await;
        assert!(closed.is_err() || read.is_empty());
        provider.all_ended().await;
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    });
}
