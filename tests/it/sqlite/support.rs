//! Where do durable books lie while they are tested?

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake};

use rusqlite::Connection;
use token_budget::ledger::{
    Certainty, Claim, Entry, Note, OnExpiry, Reconcile, Reply, ReservationId, Reserve, SqliteLedger,
    SqliteOptions,
};
use token_budget::time::{ManualClock, Timestamp};
use token_budget::{BudgetLedger, Error};

use crate::books::tenant;

/// A folder of its own for one test, removed at its end.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// On the disk that the build is on.
    pub(crate) fn on_disk() -> Self {
        Self::below(Path::new(env!("CARGO_TARGET_TMPDIR")))
    }

    /// In memory where the system has such a folder: for what is not about the disk.
    pub(crate) fn in_memory() -> Self {
        let shared = Path::new("/dev/shm");
        if shared.is_dir() { Self::below(shared) } else { Self::on_disk() }
    }

    fn below(parent: &Path) -> Self {
        static FOLDERS: AtomicU64 = AtomicU64::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = parent.join(format!("token-budget-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for a test");
        Self(folder)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What a failed test leaves behind may be worth a look.
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// Counts rows of that file by plain SQL.
pub(crate) fn count(path: &Path, from: &str) -> i64 {
    let reader = Connection::open(path).expect("a second connection");
    reader.query_row(&format!("SELECT count(*) FROM {from}"), [], |row| row.get(0)).expect("a count")
}

/// A ledger in that file whose clock stands at that many seconds.
pub(crate) fn open_at(path: &Path, seconds: i64) -> SqliteLedger {
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(seconds)));
    SqliteLedger::with_options(path, clock, SqliteOptions::default()).expect("a ledger")
}

/// Waits until nobody has these books open: the thread of a handle ends soon after it, and what shows others that they are open.
pub(crate) fn closed(path: &Path) {
    let open = std::fs::File::open(path.with_extension("db-open")).expect("a file beside the books");
    while open.try_lock().is_err() {
        std::thread::yield_now();
    }
}

/// A hold of those amounts until that second, charged what it holds.
pub(crate) fn hold(
    ledger: &SqliteLedger,
    claim: &Claim,
    amounts: &[i64],
    until: i64,
) -> (ReservationId, Reply) {
    let id = ReservationId::generate(Timestamp::EPOCH);
    let expiry = (Timestamp::from_secs(until), OnExpiry::Hold);
    let reply = reserve(ledger, (id, &Note::default()), (claim, amounts), expiry).expect("an answer");
    (id, reply)
}

pub(crate) fn reserve(
    ledger: &SqliteLedger,
    (id, note): (ReservationId, &Note),
    (claim, amounts): (&Claim, &[i64]),
    (expires_at, on_expiry): (Timestamp, OnExpiry<'_>),
) -> Result<Reply, Error> {
    wait(ledger.reserve(Reserve { now: None, id, claim, amounts, expires_at, on_expiry, note }))
}

/// Charges what the provider reported.
pub(crate) fn charge(ledger: &SqliteLedger, id: ReservationId, claim: &Claim, amounts: &[i64]) -> Reply {
    let (note, certainty) = (&Note::default(), Certainty::Reported);
    wait(ledger.reconcile(Reconcile { now: None, id, claim, amounts, certainty, attribution: None, note }))
        .expect("an answer")
}

/// Spent and reserved of the claim's first line.
pub(crate) fn balance(ledger: &SqliteLedger, claim: &Claim) -> (i64, i64) {
    let line = &claim.lines()[0];
    let read = wait(ledger.balances(&[(line.account.clone(), line.period)])).expect("a balance");
    (read[0].spent, read[0].reserved)
}

/// The whole journal of the tests' tenant.
pub(crate) fn journal(ledger: &SqliteLedger) -> Vec<Entry> {
    wait(ledger.entries(&tenant(), 1, usize::MAX)).expect("a journal")
}

/// Runs a future to its end on this thread, which sleeps while there is nothing to do.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
