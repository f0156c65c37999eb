//! What do the tests over HTTP share?

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use serde_json::Value;
use token_budget::http::{Admitted, Answered, HttpBudget, HttpRefusal, RequestHead, Ruling};
use token_budget::stream::StreamOptions;
use token_budget::{Budget, Call, Policy, Usd, Window};

use crate::support::{House, call, ready, team};

/// A host that no table names: prices are found by the model alone.
pub(crate) const HOST: &str = "llm.test";
pub(crate) const CHAT: &str = "/v1/chat/completions";
pub(crate) const MESSAGES: &str = "/v1/messages";
pub(crate) const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
pub(crate) const EVENTS: [(&str, &str); 1] = [("content-type", "text/event-stream; charset=utf-8")];

/// A house whose team may spend so many dollars a day.
pub(crate) fn house(dollars: &str) -> House {
    let limit: Usd = dollars.parse().expect("dollars");
    House::new(Policy::new([Budget::usd("search", team(), limit, Window::day())]).expect("a policy"))
}

/// A gate that charges the team, and holds ten output tokens of a stream ahead.
pub(crate) fn gate(house: &House) -> HttpBudget {
    HttpBudget::new(house.enforcer.clone(), |_| Ok(Call::charging().team("search")))
        .streams(StreamOptions::slices(10))
}

pub(crate) fn post<'a>(host: &'a str, path: &'a str) -> RequestHead<'a> {
    RequestHead::new("POST", host, path, &[("", ""); 0])
}

/// What the gate says of a request to the host that no table names.
pub(crate) fn rule(gate: &HttpBudget, path: &str, body: &str) -> Ruling {
    ready(gate.admit(&post(HOST, path), body.as_bytes()))
}

pub(crate) fn admitted(gate: &HttpBudget, path: &str, body: &str) -> Box<Admitted> {
    match rule(gate, path, body) {
        Ruling::Admitted(admitted) => admitted,
        other => panic!("not admitted: {}", said(&other)),
    }
}

pub(crate) fn refused(ruling: Ruling) -> HttpRefusal {
    match ruling {
        Ruling::Refused(refusal) => refusal,
        other => panic!("not refused: {}", said(&other)),
    }
}

fn said(ruling: &Ruling) -> String {
    match ruling {
        Ruling::Pass => "pass".to_owned(),
        Ruling::Admitted(_) => "admitted".to_owned(),
        Ruling::Refused(refusal) => String::from_utf8_lossy(&refusal.body).into_owned(),
    }
}

pub(crate) fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

pub(crate) fn header<'a>(refusal: &'a HttpRefusal, name: &str) -> Option<&'a str> {
    refusal.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

/// A body in pieces; at its end it ends, fails, or waits for ever.
#[derive(Debug)]
pub(crate) struct Pieces {
    pub(crate) pieces: VecDeque<Vec<u8>>,
    pub(crate) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Ends,
    Resets,
    Waits,
}

impl Pieces {
    pub(crate) fn of<P: AsRef<[u8]>>(pieces: impl IntoIterator<Item = P>) -> Self {
        Self { pieces: pieces.into_iter().map(|piece| piece.as_ref().to_vec()).collect(), end: End::Ends }
    }

    pub(crate) fn then(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}

impl Stream for Pieces {
    type Item = io::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match (self.pieces.pop_front(), self.end) {
            (Some(piece), _) => Poll::Ready(Some(Ok(piece))),
            (None, End::Ends) => Poll::Ready(None),
            (None, End::Resets) => {
                self.end = End::Ends;
                Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
            }
            (None, End::Waits) => Poll::Pending,
        }
    }
}

/// What a client reads of a body: the pieces until it ends, fails or waits.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) pieces: Vec<Vec<u8>>,
    pub(crate) failed: bool,
    pub(crate) ended: bool,
}

impl Heard {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes()).expect("text")
    }
}

/// Meters a body and reads it as far as it goes.
pub(crate) fn read(answered: Answered, body: Pieces) -> Heard {
    read_some(answered, body, usize::MAX)
}

/// The same, for a client that hangs up after so many pieces.
pub(crate) fn read_some(answered: Answered, body: Pieces, at_most: usize) -> Heard {
    let mut answer = answered.meter(body);
    let mut heard = Heard::default();
    let mut context = Context::from_waker(std::task::Waker::noop());
    while heard.pieces.len() < at_most {
        match Pin::new(&mut answer).poll_next(&mut context) {
            Poll::Ready(Some(Ok(piece))) => heard.pieces.push(piece),
            Poll::Ready(Some(Err(_))) => heard.failed = true,
            Poll::Ready(None) => {
                heard.ended = true;
                break;
            }
            Poll::Pending => break,
        }
    }
    heard
}

/// Spent and reserved of the team's day, as dollars.
pub(crate) fn books(house: &House) -> (String, String) {
    let (spent, reserved) = house.dollars(&call("milli", 0));
    (spent.to_string(), reserved.to_string())
}

/// A stream of OpenAI's chat in the events of one choice: a word each, then the finish, usage, and the mark.
pub(crate) fn chat_events(words: &[&str], usage: Option<(u64, u64)>) -> Vec<String> {
    let mut events: Vec<String> = words
        .iter()
        .map(|word| {
            format!("data: {{\"model\":\"pair\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}}}}],\"usage\":null}}\n\n")
        })
        .collect();
    events.push(
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n"
            .to_owned(),
    );
    events.extend(usage.map(usage_event));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

pub(crate) fn usage_event((input, output): (u64, u64)) -> String {
    let total = input + output;
    format!(
        "data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":{input},\"completion_tokens\":{output},\"total_tokens\":{total}}}}}\n\n"
    )
}
