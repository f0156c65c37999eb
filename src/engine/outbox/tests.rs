//! What if the outbox's file cannot be written for a while?

use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Outbox, OutboxFile, Pending, Waiting};
use crate::ledger::{Certainty, Note};
use crate::values::{Binding, ManualClock, ReservationId, Timestamp, Unit};
use crate::{Budget, Call, Clock, Enforcer, ErrorKind, Policy, Scope, Window};

/// A file for one test.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Self {
        let name = format!("token-budget-outbox-{test}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn open(&self) -> OutboxFile {
        OutboxFile::open(&self.0).expect("an outbox")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.0).expect("a text")
    }

    /// The numbers of what the next process would find.
    fn left(&self) -> Vec<u64> {
        super::file::read(self.text().as_bytes()).expect("whole lines").into_keys().collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// From now on every write to the file fails, or none does.
fn set_writable(outbox: &Outbox, place: &Place, is_writable: bool) {
    let file = match is_writable {
        true => OpenOptions::new().read(true).write(true).open(&place.0),
        false => File::open(&place.0),
    };
    outbox.file.as_ref().expect("a file").pages().file = file.expect("the same file");
}

fn policy() -> Policy {
    policy_of(100)
}

/// So many requests a day.
fn policy_of(requests: u64) -> Policy {
    let scope = Scope::team("search").expect("a name");
    Policy::new([Budget::count("search", scope, Unit::Requests, requests, Window::day())]).expect("a policy")
}

fn binding(now: Timestamp) -> Arc<Binding> {
    let call = Call::new("gpt-4o").team("search");
    Arc::new(policy().bind(&call, now).expect("a binding"))
}

fn release() -> Pending {
    let now = Timestamp::EPOCH;
    Pending::Release { id: ReservationId::generate(now), binding: binding(now), note: Note::default() }
}

#[test]
fn what_could_not_be_written_is_written_when_the_file_can_be_again() {
    let place = Place::new("again");
    let outbox = Outbox::surviving(place.open());
    outbox.push(release());
    set_writable(&outbox, &place, false);
    let error = outbox.save().expect_err("it cannot be written");
    assert_eq!(error.kind(), ErrorKind::LedgerUnavailable);
    outbox.push(release());
    set_writable(&outbox, &place, true);

    outbox.save().expect("room again");
    outbox.save().expect("nothing to do");

    assert_eq!(place.left(), [0, 1]);
    assert_eq!(place.text().lines().count(), 2, "each is written once");
}

// It lost its number only while it waited; one whose delivery was under way kept it, and was never written.
#[test]
fn what_was_being_delivered_while_its_write_failed_is_written_with_the_next() {
    let place = Place::new("race");
    let outbox = Outbox::surviving(place.open());
    outbox.push(release());
    set_writable(&outbox, &place, false);
    let mut pages = outbox.file.as_ref().expect("a file").pages();
    // As `save` does, while another flush takes the command and fails to deliver it.
    let popped = outbox.pop().expect("it waits");
    let number = pages.number();
    pages.write(&[(number, popped.pending.clone())]).expect_err("it cannot be written");
    drop(pages);
    outbox.push_first(Waiting { number: Some(number), ..popped });
    set_writable(&outbox, &place, true);

    outbox.save().expect("room again");

    assert_eq!(place.left(), [number]);
}

// A number whose strike failed stayed among the open ones for ever, so that the file was never emptied again.
#[test]
fn a_strike_that_failed_is_made_up_for_and_the_file_is_emptied_in_the_end() {
    let place = Place::new("strike");
    let outbox = Outbox::surviving(place.open());
    (0..3).for_each(|_| outbox.push(release()));
    outbox.save().expect("a file");
    let strike = || {
        let number = outbox.pop().expect("one waits").number;
        outbox.strike(number)
    };
    set_writable(&outbox, &place, false);
    strike().expect_err("it cannot be written");
    set_writable(&outbox, &place, true);
    assert_eq!(place.left(), [0, 1, 2], "sent again, should the process die now");

    strike().expect("room again");
    assert_eq!(place.left(), [2], "both are struck");
    strike().expect("the last one");

    assert_eq!(place.text(), "");
}

// The second attempt posted what the first could not write down; the next process would have posted it again.
#[test]
fn a_posting_is_not_sent_before_it_stands_in_the_file() {
    let place = Place::new("posting");
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_000_000)));
    let builder = Enforcer::builder().policy(policy()).clock(clock.clone());
    let enforcer = builder.outbox_file(place.open()).build();
    let (core, now) = (enforcer.core(), clock.now());
    core.outbox.push(Pending::Reconcile {
        id: ReservationId::generate(now),
        binding: binding(now),
        amounts: [1].into_iter().collect(),
        held: [].into_iter().collect(),
        certainty: Certainty::Reported,
        note: Note::default(),
        correction: None,
    });
    core.outbox.save().expect("a file");
    // The ledger forgets its id.
    clock.advance(Duration::from_secs(3 * 3_600));
    set_writable(&core.outbox, &place, false);
    let spent = || {
        let line = binding(now).claim.lines()[0].clone();
        let read = core.ledger.balances(&[(line.account.clone(), line.period)]).wait();
        read.expect("a balance")[0].spent
    };

    for _ in 0..2 {
        let error = enforcer.flush().wait().expect_err("it cannot be written down");
        assert_eq!((error.kind(), spent()), (ErrorKind::LedgerUnavailable, 0), "{error}");
    }
    set_writable(&core.outbox, &place, true);
    assert_eq!(enforcer.flush().wait().expect("room again"), 0);

    assert_eq!((spent(), place.text().as_str()), (1, ""));
}

#[cfg(feature = "sqlite")]
#[test]
fn a_full_disk_refuses_calls_and_lets_reports_wait_until_there_is_room() {
    use crate::ledger::SqliteLedger;
    use crate::{BudgetLedger, Usage};

    let (place, books) = (Place::new("full"), Place::new("full-books"));
    let ledger = SqliteLedger::open(&books.0).expect("a ledger");
    // Enough calls to fill the pages that a new file has to spare.
    let builder = Enforcer::builder().policy(policy_of(10_000)).ledger(ledger.clone());
    let enforcer = builder.outbox_file(place.open()).build();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let call = Call::new("gpt-4o").team("search").input_tokens(10).output_tokens(10);
    let reserve = || runtime.block_on(enforcer.reserve(&call));
    let mut sent = vec![reserve().expect("an answer").or_refusal().expect("room").send()];
    ledger.limit_pages(1);

    let full = loop {
        match reserve() {
            Ok(admission) => sent.push(admission.or_refusal().expect("room").send()),
            Err(error) => break error,
        }
    };
    let calls = sent.len();
    let reports = sent.into_iter().map(|sent| runtime.block_on(sent.reconcile(Usage::of(10, 10))));
    let waiting = reports.filter(|receipt| receipt.as_ref().expect("a receipt").is_pending()).count();

    assert_eq!(full.kind(), ErrorKind::LedgerUnavailable);
    assert!(full.to_string().contains("full"), "{full}");
    // And the one that takes back the reserve that failed.
    assert!(waiting > 0 && enforcer.undelivered() == waiting + 1, "{waiting} of {calls}");
    assert_eq!(place.left().len(), waiting + 1);
    assert!(reserve().is_err(), "still full");
    ledger.limit_pages(1_000_000);
    let room = reserve().expect("there is room again").or_refusal().expect("and in the budget");
    assert_eq!((enforcer.undelivered(), place.text().as_str()), (0, ""));
    let check = runtime.block_on(enforcer.check(&call)).expect("an answer");
    assert_eq!(check.budgets()[0].spent, i64::try_from(calls).expect("few"));
    drop(room);
    let open = runtime.block_on(ledger.entries(&crate::values::Tenant::unnamed(), 1, 1)).expect("a journal");
    assert_eq!(open.len(), 1);
    ledger.verify().expect("sound books");
}
