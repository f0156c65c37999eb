//! Is an answer that is made in the background charged when a poll shows its end, once, and by its own tenant?

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use token_budget::Call;
use token_budget::http::{HttpBudget, RequestHead, Ruling};

use crate::http_support::{HOST, JSON, Pieces, admitted, books, gate, house, read};
use crate::support::{House, call, ready};

/// A hundred output tokens of `milli` are held: ten cents.
const ASK: &str = r#"{"model":"milli","input":"","background":true,"max_output_tokens":100}"#;

fn shown(id: &str, status: &str, output: Option<u64>) -> String {
    let usage = output.map_or("null".to_owned(), |output| {
        format!(r#"{{"input_tokens":0,"output_tokens":{output},"total_tokens":{output}}}"#)
    });
    format!(r#"{{"id":"{id}","object":"response","status":"{status}","model":"milli","usage":{usage}}}"#)
}

/// Asks for an answer in the background, which the provider queues under that id.
fn ask(gate: &HttpBudget, id: &str) {
    let answered = admitted(gate, "/v1/responses", ASK).send().answered(200, &JSON);
    let body = shown(id, "queued", None);
    assert_eq!(read(answered, Pieces::of([&body])).text(), body);
}

/// Polls, and hands the provider's body on; false where the gate knows no such answer.
fn poll(gate: &HttpBudget, (method, path): (&str, &str), status: u16, body: &str) -> bool {
    let headers = [("", ""); 0];
    let head = RequestHead::new(method, HOST, path, &headers);
    assert!(matches!(ready(gate.admit(&head, b"")), Ruling::Pass), "a poll costs nothing");
    let Some(polled) = gate.polled(&head) else { return false };
    assert_eq!(read(polled.answered(status, &JSON), Pieces::of([body])).text(), body, "unchanged");
    true
}

const GET: (&str, &str) = ("GET", "/v1/responses/resp_1");

fn asking() -> (House, HttpBudget) {
    let house = house("1");
    let gate = gate(&house);
    ask(&gate, "resp_1");
    assert_eq!(books(&house), ("0.00".to_owned(), "0.10".to_owned()));
    (house, gate)
}

#[test]
fn a_poll_that_shows_the_end_charges_what_it_shows_and_the_next_finds_nothing() {
    let (house, gate) = asking();

    assert!(poll(&gate, GET, 200, &shown("resp_1", "in_progress", None)));
    assert_eq!(books(&house), ("0.00".to_owned(), "0.10".to_owned()), "it goes on");
    assert!(poll(&gate, GET, 200, &shown("resp_1", "completed", Some(30))));

    assert_eq!(books(&house), ("0.03".to_owned(), "0.00".to_owned()));
    assert!(!poll(&gate, GET, 200, &shown("resp_1", "completed", Some(30))));
}

#[test]
fn every_last_status_ends_the_call_and_one_without_usage_charges_what_was_held() {
    for (status, output, spent) in [
        ("incomplete", Some(100), "0.10"),
        ("failed", Some(7), "0.007"),
        ("cancelled", Some(20), "0.02"),
        ("cancelled", None, "0.10"),
        ("failed", None, "0.10"),
    ] {
        let (house, gate) = asking();
        assert!(poll(&gate, GET, 200, &shown("resp_1", status, output)));
        assert_eq!(books(&house), (spent.to_owned(), "0.00".to_owned()), "{status} {output:?}");
    }
}

#[test]
fn a_cancel_ends_the_call_as_a_poll_does() {
    let (house, gate) = asking();
    let cancel = ("POST", "/v1/responses/resp_1/cancel");

    assert!(poll(&gate, cancel, 200, &shown("resp_1", "cancelled", Some(20))));

    assert_eq!(books(&house), ("0.02".to_owned(), "0.00".to_owned()));
}

#[test]
fn what_is_not_the_end_of_that_very_answer_ends_nothing() {
    let (house, gate) = asking();

    for (status, body) in [
        (200, shown("resp_2", "completed", Some(1))),
        (200, shown("resp_1", "paused", Some(1))),
        (200, r#"{"error":{"message":"no such response"}}"#.to_owned()),
        (404, shown("resp_1", "completed", Some(1))),
        (200, "{\"id\":\"resp_1\",\"status\":\"comp".to_owned()),
    ] {
        assert!(poll(&gate, GET, status, &body));
        assert_eq!(books(&house), ("0.00".to_owned(), "0.10".to_owned()), "{status} {body}");
    }
    for (method, path) in [
        ("GET", "/v1/responses/resp_1/input_items"),
        ("DELETE", "/v1/responses/resp_1"),
        ("GET", "/v1/files/resp_1"),
        ("GET", "/v1/responses/"),
    ] {
        assert!(!poll(&gate, (method, path), 200, "{}"), "{method} {path}");
    }
}

/// Whoever may choose the host could answer the poll by himself.
#[test]
fn a_poll_at_another_host_ends_nothing() {
    let (house, gate) = asking();
    let headers = [("", ""); 0];

    let head = RequestHead::new("GET", "elsewhere.example", "/v1/responses/resp_1", &headers);

    assert!(gate.polled(&head).is_none());
    assert_eq!(books(&house), ("0.00".to_owned(), "0.10".to_owned()));
}

#[test]
fn a_tenants_poll_does_not_end_anothers_call() {
    let house = house("1");
    // Who asks changes with each request: acme, globex, globex, acme.
    let turn = Arc::new(AtomicUsize::new(0));
    let asks = Arc::clone(&turn);
    let gate = HttpBudget::new(house.enforcer.for_requests(), move |_: &RequestHead<'_>| {
        let name = ["acme", "globex"][asks.load(Ordering::SeqCst)];
        Ok(Call::charging().organization(name).team("search"))
    });
    let of_acme = call("milli", 1).organization("acme");
    ask(&gate, "resp_1");
    assert_eq!(house.balances(&of_acme), [(0, 100_000_000)]);

    turn.store(1, Ordering::SeqCst);
    assert!(!poll(&gate, GET, 200, &shown("resp_1", "completed", Some(1))));
    assert_eq!(house.balances(&of_acme), [(0, 100_000_000)]);

    turn.store(0, Ordering::SeqCst);
    assert!(poll(&gate, GET, 200, &shown("resp_1", "completed", Some(30))));
    assert_eq!(house.balances(&of_acme), [(30_000_000, 0)]);
}

#[test]
fn of_more_than_ten_thousand_answers_the_oldest_is_charged_what_it_holds() {
    let house = house("2000");
    let gate = gate(&house);
    (0..10_000).for_each(|number| ask(&gate, &format!("resp_{number}")));
    assert_eq!(books(&house), ("0.00".to_owned(), "1000.00".to_owned()));

    ask(&gate, "resp_more");

    assert_eq!(books(&house), ("0.10".to_owned(), "1000.00".to_owned()));
    assert!(!poll(&gate, ("GET", "/v1/responses/resp_0"), 200, "{}"));
}

#[test]
fn a_report_after_the_hold_grew_too_old_replaces_its_charge() {
    let (house, gate) = asking();
    house.clock.advance(std::time::Duration::from_secs(3_600));
    assert_eq!(books(&house), ("0.10".to_owned(), "0.00".to_owned()));

    assert!(poll(&gate, GET, 200, &shown("resp_1", "completed", Some(30))));

    assert_eq!(books(&house), ("0.03".to_owned(), "0.00".to_owned()));
}

#[test]
fn an_answer_that_comes_at_once_is_charged_at_once() {
    let house = house("1");
    let gate = gate(&house);
    let answered = admitted(&gate, "/v1/responses", ASK).send().answered(200, &JSON);

    read(answered, Pieces::of([shown("resp_1", "completed", Some(30))]));

    assert_eq!(books(&house), ("0.03".to_owned(), "0.00".to_owned()));
    assert!(!poll(&gate, GET, 200, "{}"));
}
