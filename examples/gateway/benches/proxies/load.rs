//! How fast is a server that many connections ask at once?

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub(crate) type Failed = Box<dyn Error + Send + Sync>;

/// What a round came to.
pub(crate) struct Round {
    pub(crate) per_second: f64,
    median: Duration,
}

impl Round {
    /// The median of each figure.
    pub(crate) fn median(mut rounds: Vec<Self>) -> Self {
        let middle = rounds.len() / 2;
        rounds.sort_by_key(|round| round.median);
        let median = rounds[middle].median;
        rounds.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
        Self { per_second: rounds[middle].per_second, median }
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}/s, p50 {:.0} µs", self.per_second, self.median.as_secs_f64() * 1e6)
    }
}

/// So many requests over so many connections that are kept open.
pub(crate) async fn round(
    address: &str,
    streams: bool,
    requests: usize,
    connections: usize,
) -> Result<Round, Failed> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(connect(address).await?);
    }
    let began = Instant::now();
    let asking: Vec<_> = open
        .into_iter()
        .map(|connection| tokio::spawn(ask_often(connection, streams, requests / connections)))
        .collect();
    let mut latencies = Vec::new();
    for asked in asking {
        latencies.extend(asked.await??);
    }
    let took = began.elapsed();
    latencies.sort();
    let per_second = latencies.len() as f64 / took.as_secs_f64();
    Ok(Round { per_second, median: latencies[latencies.len() / 2] })
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>, Failed> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    drop(tokio::spawn(connection));
    Ok(sender)
}

async fn ask_often(
    mut connection: SendRequest<Full<Bytes>>,
    streams: bool,
    times: usize,
) -> Result<Vec<Duration>, Failed> {
    let body = Bytes::from(format!(
        r#"{{"model": "gpt-4o", "max_tokens": 100, "stream": {streams}, "messages": [{{"role": "user", "content": "Which mountain is the tallest?"}}]}}"#
    ));
    let mut latencies = Vec::with_capacity(times);
    for _ in 0..times {
        let request = Request::post("/v1/chat/completions")
            .header("host", "gateway")
            .header("authorization", "Bearer vk-bench")
            .header("content-type", "application/json")
            .body(Full::new(body.clone()))?;
        let began = Instant::now();
        connection.ready().await?;
        let answer = connection.send_request(request).await?;
        if answer.status() != 200 {
            return Err(format!("answered {}", answer.status()).into());
        }
        answer.into_body().collect().await?;
        latencies.push(began.elapsed());
    }
    Ok(latencies)
}
