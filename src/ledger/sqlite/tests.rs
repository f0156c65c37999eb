//! Does the ledger stop where the disk does? Faults that only the inside can bring about.

mod batch;
#[cfg(feature = "testing")]
mod laws;

use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};

use super::failpoint::Fails;
use super::{SqliteLedger, open};
use crate::ledger::{Answer, Certainty, Note, OnExpiry, Outcome, Reconcile, Reply, Reserve};
use crate::values::{Account, BudgetKey, Claim, ClaimLine, Period, ReservationId, Tenant, Timestamp, Unit};
use crate::{BudgetLedger, Error, ErrorKind, Scope};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        // In memory where the system has such a folder: no fault here is the disk's own.
        let shared = PathBuf::from("/dev/shm");
        let parent = if shared.is_dir() { shared } else { std::env::temp_dir() };
        let folder = parent.join(format!("token-budget-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for a test");
        Self(folder)
    }

    fn open(&self) -> SqliteLedger {
        SqliteLedger::open(self.0.join("books.db")).expect("a ledger")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// One line of a team without a limit.
fn team() -> Claim {
    let tenant = Tenant::unnamed();
    let book = BudgetKey {
        tenant: tenant.clone(),
        budget: "team".into(),
        unit: Unit::Usd,
        window: "lifetime".into(),
    };
    let scope = Scope::team("search").expect("a name");
    let period = Period { number: 0, from: Timestamp::MIN, until: Timestamp::MAX, span: 1 };
    let account = Account::new(Arc::new(book), scope.clone());
    let line = ClaimLine { account, period, ceiling: i64::MAX, thresholds: [].into_iter().collect() };
    Claim::new(tenant, &[scope], vec![line]).expect("a sound claim")
}

fn new_id() -> ReservationId {
    use crate::Clock;
    ReservationId::generate(crate::values::SystemClock.now())
}

fn reserve(ledger: &SqliteLedger, id: ReservationId) -> Result<Reply, Error> {
    let (claim, note) = (team(), Note::default());
    let (expires_at, on_expiry) = (Timestamp::MAX, OnExpiry::Hold);
    wait(ledger.reserve(Reserve {
        now: None,
        id,
        claim: &claim,
        amounts: &[5],
        expires_at,
        on_expiry,
        note: &note,
    }))
}

fn reconcile(ledger: &SqliteLedger, id: ReservationId) -> Result<Reply, Error> {
    wait(reconcile_later(ledger, id))
}

fn reconcile_later(ledger: &SqliteLedger, id: ReservationId) -> Answer<'static, Reply> {
    let (claim, note) = (team(), Note::default());
    ledger.reconcile(Reconcile {
        now: None,
        id,
        claim: &claim,
        amounts: &[3],
        certainty: Certainty::Reported,
        attribution: None,
        note: &note,
    })
}

impl SqliteLedger {
    /// Lets the file have so many pages; no more than there are is a full disk, as SQLite says.
    pub(crate) fn limit_pages(&self, most: i64) {
        let limited = wait(self.ask(move |store| {
            let limit = format!("PRAGMA max_page_count = {most}");
            store.work(|store| Ok(store.file.query_row(&limit, [], |row| row.get::<_, i64>(0))?))
        }));
        limited.expect("a limit");
    }
}

fn entries(ledger: &SqliteLedger) -> usize {
    wait(ledger.entries(&Tenant::unnamed(), 1, usize::MAX)).expect("a journal").len()
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_until_the_ledger_is_opened_again() {
    let folder = Folder::new("poison");
    let ledger = folder.open();
    let held = new_id();
    reserve(&ledger, held).expect("a hold");
    ledger.carried().fail.set(0, Fails::Before);

    let failed = reconcile(&ledger, held).expect_err("the sync fails");
    let later = reserve(&ledger, new_id()).expect_err("it is not tried again");
    let read = wait(ledger.entries(&Tenant::unnamed(), 1, 9)).expect_err("nor is anything read");

    for error in [failed, later, read] {
        assert_eq!(error.kind(), ErrorKind::LedgerUnavailable);
        assert!(error.is_retryable() && error.to_string().contains("opened again"), "{error}");
    }
    let again = folder.open();
    assert_eq!(entries(&again), 1, "what was not acknowledged was rolled back");
    assert_eq!(reconcile(&again, held).expect("the same id again").outcome, Outcome::Applied);
    again.verify().expect("sound books");
}

#[test]
fn a_full_disk_refuses_while_it_is_full_and_loses_nothing() {
    let folder = Folder::new("full");
    let ledger = folder.open();
    let held = new_id();
    reserve(&ledger, held).expect("a hold");
    ledger.limit_pages(1);

    let mut admitted = Vec::new();
    let refused = loop {
        let id = new_id();
        match reserve(&ledger, id) {
            Ok(_) => admitted.push(id),
            Err(error) => break error,
        }
    };
    ledger.limit_pages(1_000_000);

    assert_eq!(refused.kind(), ErrorKind::LedgerUnavailable);
    assert!(refused.to_string().contains("full"), "{refused}");
    reconcile(&ledger, held).expect("there is room again, and the ledger goes on");
    assert_eq!(entries(&ledger), admitted.len() + 2, "{} reserves, one reconcile", admitted.len() + 1);
    ledger.verify().expect("sound books");
}

#[test]
fn a_damaged_row_ends_the_batch_and_stops_the_ledger() {
    let folder = Folder::new("damaged");
    let ledger = folder.open();
    let held = new_id();
    reserve(&ledger, held).expect("a hold");
    let file = rusqlite::Connection::open(folder.0.join("books.db")).expect("a second connection");
    file.execute("UPDATE hold_lines SET amount = 4", []).expect("another program meddles");

    let damaged = reconcile(&ledger, held).expect_err("its seal does not fit");
    let later = reserve(&ledger, new_id()).expect_err("the ledger stands still");

    assert_eq!((damaged.kind(), later.kind()), (ErrorKind::Damaged, ErrorKind::LedgerUnavailable));
    assert!(damaged.to_string().contains(&held.to_string()), "{damaged}");
    let confirmed: i64 =
        file.query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).expect("a count");
    assert_eq!(confirmed, 1);
}

#[test]
fn a_file_that_may_only_be_read_is_refused_when_it_is_opened() {
    let folder = Folder::new("read-only");
    drop(folder.open());
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let file = rusqlite::Connection::open_with_flags(folder.0.join("books.db"), flags).expect("a connection");

    let error = open::check_writable(&file).expect_err("the first write would fail").into_error();

    assert_eq!(error.kind(), ErrorKind::LedgerUnavailable);
    assert!(error.to_string().contains("writable"), "{error}");
}
