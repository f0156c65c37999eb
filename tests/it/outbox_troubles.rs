//! What is lost between the outbox and its file when nothing goes as it should?

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use token_budget::call::Prompt;
use token_budget::enforcer::OutboxFile;
use token_budget::stream::{StreamOptions, StreamSeen};
use token_budget::time::SystemClock;
use token_budget::{Clock, ErrorKind, MeteredStream, Usage};

use crate::outbox_file::{Place, milli};
use crate::support::{Link, block_on};

/// Longer than the ledger in memory remembers ids.
const LONG: Duration = Duration::from_secs(3 * 3_600);

/// An answer in pieces of a thousand tokens, a dollar each.
struct Answer(VecDeque<u64>);

impl Stream for Answer {
    type Item = Result<u64, ()>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

#[test]
fn a_stream_that_is_dropped_writes_no_file_and_its_report_is_saved_by_the_next_command() {
    let place = Place::new("stream");
    let process = place.process();
    let sent = block_on(process.enforcer.reserve(&milli(5))).unwrap().or_refusal().unwrap().send();
    let read = |tokens: &u64, seen: &mut StreamSeen| seen.usage(Usage::of(0, *tokens));
    let answer = Answer([1_000, 2_000].into());
    let mut stream = Box::pin(MeteredStream::new(sent, answer, read, StreamOptions::default()));
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(stream.as_mut().poll_next(&mut context), Poll::Ready(Some(Ok(1_000)))));
    process.far.set(Link::Away);

    drop(stream);

    assert_eq!((place.text().as_str(), process.enforcer.undelivered()), ("", 1), "a drop does no I/O");
    assert!(block_on(process.enforcer.flush()).is_err());
    drop(process);
    let next = place.process();
    assert_eq!((next.enforcer.undelivered(), next.flush()), (1, 0));
    assert_eq!(next.dollars(), (1, 0), "it left before the end: what was said by then");
}

#[test]
fn a_report_whose_id_was_forgotten_meanwhile_survives_the_process() {
    let place = Place::forgetful("forgotten-at-once");
    let process = place.process();
    let sent = block_on(process.enforcer.reserve(&milli(5))).unwrap().or_refusal().unwrap().send();
    // The hold expires and is charged five; then the answer comes after all.
    place.clock.advance(LONG);
    assert!(block_on(sent.reconcile(Usage::of(0, 6_000))).unwrap().is_pending());
    drop(process);

    let next = place.process();

    assert_eq!((next.enforcer.undelivered(), next.flush()), (1, 0));
    assert_eq!(next.dollars(), (6, 0));
}

#[test]
fn a_report_that_damaged_books_did_not_take_waits_until_they_are_repaired() {
    let place = Place::new("damaged-books");
    let process = place.process();
    process.report_over(Link::Damaged, 5, 3);
    let error = block_on(process.enforcer.flush()).unwrap_err();
    assert_eq!((error.kind(), process.enforcer.undelivered()), (ErrorKind::Damaged, 1));
    drop(process);

    let next = place.process();

    assert_eq!((next.enforcer.undelivered(), next.flush()), (1, 0));
    assert_eq!(next.dollars(), (3, 0));
}

#[test]
fn a_release_that_could_not_be_delivered_survives_the_process() {
    let place = Place::new("release");
    let process = place.process();
    let reservation = block_on(process.enforcer.reserve(&milli(5))).unwrap().or_refusal().unwrap();
    process.far.set(Link::Away);
    assert!(block_on(reservation.release()).is_err());
    drop(process);

    let next = place.process();

    assert_eq!((next.enforcer.undelivered(), next.flush()), (1, 0));
    assert_eq!((next.dollars(), place.books.open_holds()), ((0, 0), 0));
}

#[test]
fn a_reserve_whose_answer_was_lost_is_taken_back_by_the_next_process() {
    let place = Place::new("lost-answer");
    let process = place.process();
    process.far.set(Link::Deaf);
    assert!(block_on(process.enforcer.reserve(&milli(5))).is_err());
    assert_eq!(place.books.open_holds(), 1);
    drop(process);

    let next = place.process();

    assert_eq!((next.enforcer.undelivered(), next.flush()), (1, 0));
    assert_eq!((next.dollars(), place.books.open_holds()), ((0, 0), 0));
}

#[test]
fn a_posting_that_never_arrived_is_made_although_its_own_id_was_forgotten_too() {
    let place = Place::forgetful("forgotten-twice");
    place.process().report_over(Link::Away, 5, 6);
    place.clock.advance(LONG);
    let second = place.process();
    second.far.set(Link::LosesPostings);
    assert!(block_on(second.enforcer.flush()).is_err());
    assert_eq!(second.dollars(), (5, 0), "what its hold was charged by age");
    drop(second);
    // By now the ledger takes no new id of that time.
    place.clock.advance(LONG);

    let third = place.process();
    assert_eq!(third.flush(), 0);

    assert_eq!(third.dollars(), (6, 0));
    assert_eq!(place.text(), "");
}

#[test]
fn several_reports_of_one_call_end_in_the_last_word_whichever_comes_first() {
    for is_last_word_first in [false, true] {
        let place = Place::new("several");
        place.process().report_over(Link::Away, 5, 3);
        let reported = place.text();
        // As charged for an abandoned call: all that it held.
        let provisional = reported
            .replace("\"certainty\":\"reported\"", "\"certainty\":\"provisional\"")
            .replace("[3000000000]", "[5000000000]");
        assert_ne!(reported, provisional);
        let second = |text: &str| text.replace("\"number\":0", "\"number\":1");
        let text = match is_last_word_first {
            true => format!("{reported}{}", second(&provisional)),
            false => format!("{provisional}{}", second(&reported)),
        };
        std::fs::write(&place.path, text).unwrap();

        let next = place.process();

        assert_eq!((next.enforcer.undelivered(), next.flush()), (2, 0));
        assert_eq!(next.dollars(), (3, 0));
    }
}

#[test]
fn a_file_of_a_newer_version_says_so_whatever_else_is_new_in_it() {
    let place = Place::new("newer");
    place.process().report_over(Link::Away, 5, 3);
    let newer = place.text().replace("\"version\":1", "\"version\":2").replace("\"id\":", "\"name\":");

    let error = place.refuses_to_open(&newer);

    assert!(error.to_string().contains("line 1: version 2 is not known here"), "{error}");
}

#[test]
fn a_field_that_is_not_known_is_refused_at_every_depth() {
    let place = Place::new("depth");
    place.process().report_over(Link::Away, 5, 3);
    let whole = place.text();
    for known in ["\"waits\":{", "\"lines\":[{", "\"reconcile\":{"] {
        let other = whole.replace(known, &format!("{known}\"news\":1,"));
        assert_ne!(other, whole);

        let error = place.refuses_to_open(&other);

        assert!(error.to_string().contains("unknown field `news`"), "{known} {error}");
    }
}

#[test]
fn no_text_of_a_prompt_is_written() {
    let place = Place::new("prompt");
    let process = place.process();
    let message = serde_json::json!({"role": "user", "content": "my password is swordfish"});
    let request = serde_json::json!({"model": "milli", "messages": [message]});
    let call = milli(5).prompt(Prompt::from_request(&request).unwrap());
    let sent = block_on(process.enforcer.reserve(&call)).unwrap().or_refusal().unwrap().send();
    process.far.set(Link::Away);
    assert!(block_on(sent.reconcile(Usage::of(0, 3_000))).unwrap().is_pending());

    let text = place.text();

    assert!(text.contains("milli") && !text.contains("swordfish"), "{text}");
}

#[test]
fn ten_thousand_reports_wait_and_are_delivered_in_time_that_grows_with_their_number() {
    let place = Place::new("many");
    let wanted = if cfg!(debug_assertions) { 2_000 } else { 10_000 };
    let process = place.process();
    let tokens = Usage::of(0, 1);
    let sent: Vec<_> = (0..wanted)
        .map(|_| {
            let call = crate::support::call("milli", 1);
            block_on(process.enforcer.reserve(&call)).unwrap().or_refusal().unwrap().send()
        })
        .collect();
    process.far.set(Link::Away);
    let begun = SystemClock.now();
    for sent in sent {
        assert!(block_on(sent.reconcile(tokens)).unwrap().is_pending());
    }
    let (saved, size) = (SystemClock.now().since(begun), place.text().len());
    drop(process);

    let begun = SystemClock.now();
    let next = place.process();
    let opened = SystemClock.now().since(begun);
    assert_eq!((next.enforcer.undelivered(), next.flush()), (wanted, 0));

    println!(
        "{wanted} reports: {saved:?} to save {size} bytes, {opened:?} to open, {:?} in all",
        SystemClock.now().since(begun)
    );
    let spent = block_on(next.enforcer.check(&milli(0))).unwrap().budgets()[0].spent;
    assert_eq!(spent, i64::try_from(wanted).unwrap() * 1_000_000);
    assert_eq!((place.text().as_str(), place.books.open_holds()), ("", 0));
    OutboxFile::open(&place.path).unwrap_err();
}
