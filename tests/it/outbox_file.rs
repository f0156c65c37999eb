//! What becomes of reports that a process could not deliver before it died?

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use token_budget::decision::TierAction;
use token_budget::enforcer::OutboxFile;
use token_budget::ledger::MemoryOptions;
use token_budget::time::ManualClock;
use token_budget::{
    Budget, Call, Enforcer, ErrorKind, Event, MemoryLedger, Policy, Tiers, Usage, Usd, Window,
};

use crate::support::{Ears, FarLedger, Link, NOON, at, block_on, call, nanos, prices, team};

/// A ledger far away that outlives the processes, and the file that they hand on.
pub(crate) struct Place {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) books: MemoryLedger,
    pub(crate) path: PathBuf,
}

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, MemoryOptions::default())
    }

    /// One whose ledger forgets holds as soon as they have expired.
    pub(crate) fn forgetful(name: &str) -> Self {
        Self::with(name, MemoryOptions { unreported_max: 0, ..MemoryOptions::default() })
    }

    fn with(name: &str, options: MemoryOptions) -> Self {
        let file = format!("token-budget-{}-{name}", std::process::id());
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
        let clock = Arc::new(ManualClock::at(at(NOON)));
        Self { books: MemoryLedger::with_options(clock.clone(), options), clock, path }
    }

    /// A process: ten dollars a month, warned at eight.
    pub(crate) fn process(&self) -> Process {
        let budget = Budget::usd("search", team(), Usd::dollars(10), Window::month());
        let warned = Tiers::soft_hard(80, 100).unwrap();
        self.process_with(Policy::new([budget.tiers(warned)]).unwrap())
    }

    pub(crate) fn process_with(&self, policy: Policy) -> Process {
        let (far, ears) = (FarLedger::new(self.books.clone()), Ears::default());
        let enforcer = Enforcer::builder()
            .policy(policy)
            .prices(prices())
            .ledger(far.clone())
            .clock(self.clock.clone())
            .observer(ears.clone())
            .outbox_file(OutboxFile::open(&self.path).unwrap())
            .build();
        Process { enforcer, far, ears }
    }

    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(&self.path).unwrap()
    }

    pub(crate) fn refuses_to_open(&self, text: &str) -> token_budget::Error {
        std::fs::write(&self.path, text).unwrap();
        let error = OutboxFile::open(&self.path).unwrap_err();
        assert_eq!(self.text(), text, "a file that is refused stays as it is");
        error
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Dropping it is its death: nothing is said to anybody.
pub(crate) struct Process {
    pub(crate) enforcer: Enforcer,
    pub(crate) far: FarLedger,
    pub(crate) ears: Ears,
}

impl Process {
    /// Sends a call of that many dollars, and reports what it used while the ledger is as that link says.
    pub(crate) fn report_over(&self, link: Link, dollars: u64, used: u64) {
        let call = milli(dollars);
        let sent = block_on(self.enforcer.reserve(&call)).unwrap().or_refusal().unwrap().send();
        self.far.set(link);
        assert!(block_on(sent.reconcile(Usage::of(0, used * 1_000))).unwrap().is_pending());
    }

    /// Dollars spent and reserved.
    pub(crate) fn dollars(&self) -> (i64, i64) {
        let decision = block_on(self.enforcer.check(&call("milli", 0))).unwrap();
        (decision.budgets()[0].spent / nanos("1"), decision.budgets()[0].reserved / nanos("1"))
    }

    pub(crate) fn flush(&self) -> usize {
        block_on(self.enforcer.flush()).unwrap()
    }
}

pub(crate) fn milli(dollars: u64) -> Call {
    call("milli", dollars * 1_000)
}

#[test]
fn a_report_that_could_not_be_delivered_is_delivered_by_the_next_process() {
    let place = Place::new("next");
    place.process().report_over(Link::Away, 5, 3);
    assert_eq!(place.books.open_holds(), 1);

    let next = place.process();

    assert_eq!((next.enforcer.undelivered(), next.flush()), (1, 0));
    assert_eq!((next.dollars(), place.books.open_holds()), ((3, 0), 0));
    assert_eq!(place.text(), "", "what was delivered waits no longer");
}

#[test]
fn a_report_that_did_arrive_is_not_charged_again_by_the_next_process() {
    let place = Place::new("arrived");
    place.process().report_over(Link::Deaf, 5, 3);
    assert_eq!(place.books.open_holds(), 0);

    let next = place.process();
    next.flush();

    assert_eq!(next.dollars(), (3, 0));
}

#[test]
fn the_first_command_of_the_next_process_sees_the_room_that_was_given_back() {
    let place = Place::new("room");
    place.process().report_over(Link::Away, 9, 2);

    let next = place.process();
    let reservation = block_on(next.enforcer.reserve(&milli(7))).unwrap().or_refusal();

    assert!(reservation.is_ok(), "two of ten dollars are spent, and the nine held are given back");
}

#[test]
fn what_was_dropped_while_the_ledger_was_away_is_saved_by_the_next_command() {
    let place = Place::new("dropped");
    let process = place.process();
    let unsent = block_on(process.enforcer.reserve(&milli(2))).unwrap().or_refusal().unwrap();
    let sent = block_on(process.enforcer.reserve(&milli(3))).unwrap().or_refusal().unwrap().send();
    process.far.set(Link::Away);
    drop((unsent, sent));
    assert_eq!(place.text(), "", "a drop writes nothing");

    assert!(block_on(process.enforcer.flush()).is_err());
    drop(process);
    let next = place.process();

    assert_eq!((next.enforcer.undelivered(), next.flush()), (2, 0));
    assert_eq!(next.dollars(), (3, 0), "the unsent is released, the sent is charged what it held");
}

#[test]
fn only_what_is_left_is_handed_on() {
    let place = Place::new("rest");
    let process = place.process();
    process.report_over(Link::Away, 1, 1);
    process.far.set(Link::Up);
    assert_eq!(process.flush(), 0);
    process.report_over(Link::Away, 2, 2);
    let text = place.text();

    let lines: Vec<&str> = text.lines().collect();

    assert_eq!(lines.len(), 1, "{lines:?}");
    drop(process);
    let next = place.process();
    assert_eq!(next.enforcer.undelivered(), 1);
    next.flush();
    assert_eq!(next.dollars(), (3, 0));
}

#[test]
fn a_line_that_the_dying_process_did_not_finish_is_dropped() {
    let place = Place::new("torn");
    place.process().report_over(Link::Away, 5, 3);
    let whole = place.text();
    let torn = format!("{whole}{}", &whole[..whole.len() / 2]);
    std::fs::write(&place.path, torn).unwrap();

    let next = place.process();

    assert_eq!(next.enforcer.undelivered(), 1);
    assert_eq!(place.text(), whole);
}

#[test]
fn a_file_that_holds_anything_else_is_refused_whole_and_says_where() {
    let place = Place::new("damaged");
    place.process().report_over(Link::Away, 5, 3);
    let whole = place.text();

    for (wrong, says) in [
        (format!("{whole}hello\n"), "line 2: "),
        (whole.replace("\"version\":1", "\"version\":2"), "line 1: version 2 is not known here"),
        (whole.replace("\"budget\":", "\"bucket\":"), "line 1: unknown field `bucket`"),
        (
            whole.replace("\"unit\":\"usd\"", "\"unit\":\"shells\""),
            "\"shells\" is not a unit that budgets count",
        ),
        (whole.replace("\"amounts\":[3000000000]", "\"amounts\":[]"), "line 1: 0 amounts for 1 lines"),
    ] {
        assert_ne!(wrong, whole);
        let error = place.refuses_to_open(&wrong);
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.to_string().contains("damaged"), "it names the file: {error}");
    }
}

#[test]
fn two_processes_cannot_have_the_same_file() {
    let place = Place::new("shared");
    let process = place.process();

    let error = OutboxFile::open(&place.path).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::LedgerUnavailable);
    assert!(error.to_string().contains("is in use by another process"), "{error}");
    drop(process);
    OutboxFile::open(&place.path).unwrap();
}

#[test]
fn usage_for_a_forgotten_id_is_posted_once_however_many_processes_try() {
    let place = Place::forgetful("forgotten");
    place.process().report_over(Link::Away, 5, 6);
    // The hold expires and is charged five; its id is forgotten.
    place.clock.advance(Duration::from_secs(3 * 3_600));
    let second = place.process();
    // A link that loses every answer would lose the one that says "forgotten", and nothing would be posted.
    second.far.set(Link::DeafToPostings);
    assert!(block_on(second.enforcer.flush()).is_err(), "the posting arrived, its answer did not");
    assert_eq!(second.dollars(), (6, 0));
    drop(second);

    let third = place.process();
    assert_eq!(third.flush(), 0);

    assert_eq!(third.dollars(), (6, 0));
}

#[test]
fn a_threshold_that_a_late_report_reaches_is_told_although_the_policy_forgot_its_budget() {
    let place = Place::new("reached");
    place.process().report_over(Link::Away, 9, 8);

    let next = place.process_with(Policy::default());
    next.flush();

    let told = next.ears.take();
    let reached = told.iter().find_map(|event| match event {
        Event::Reached { budget, action, at, spent, .. } => Some((budget.as_str(), *action, *at, *spent)),
        _ => None,
    });
    assert_eq!(reached, Some(("search", TierAction::Warn, nanos("8"), nanos("8"))), "{told:?}");
}

#[test]
fn what_is_no_file_is_an_error_and_is_not_read() {
    let folder = OutboxFile::open(env!("CARGO_TARGET_TMPDIR")).unwrap_err();
    assert_eq!(folder.kind(), ErrorKind::LedgerUnavailable, "{folder}");
    #[cfg(target_os = "linux")]
    {
        // It would be read for ever.
        let endless = OutboxFile::open("/dev/full").unwrap_err();
        assert_eq!(endless.to_string(), "outbox: /dev/full is no file");
    }
}
