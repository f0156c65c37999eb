//! What does the durable ledger cost beside SQLite itself, which writes the same rows and decides nothing?

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use token_budget::ledger::{
    Certainty, Claim, Note, OnExpiry, Outcome, Reconcile, ReservationId, Reserve, SqliteLedger, Tenant,
};
use token_budget::time::SystemClock;
use token_budget::{BudgetLedger, Clock};

use crate::cases::{books, claim};
use crate::timing::Run;

const LINES: i64 = 4;
const TASKS: usize = 16;

/// Pairs of a durable reserve and a durable reconcile on one hot path of four lines.
pub fn report(run: &Run) {
    let (rounds, pairs) = if run.is_test() { (1, 32) } else { (7, 4_000) };
    let folder = Folder::new();
    let ledger = SqliteLedger::open(folder.0.join("ledger.db")).unwrap();
    let mut raw = Raw::new(&folder.0.join("raw.db"));
    let (mut tasks, mut batches) = (Vec::new(), Vec::new());
    let (mut alone, mut two_transactions) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let measured = (
            by_tasks(&ledger, pairs),
            raw.by_batches(pairs),
            one_by_one(&ledger, pairs / 8),
            raw.one_by_one(pairs / 8),
        );
        // The first round warms up.
        if round > 0 || run.is_test() {
            tasks.push(measured.0);
            batches.push(measured.1);
            alone.push(measured.2);
            two_transactions.push(measured.3);
        }
    }
    let (tasks, batches) = (median(&mut tasks), median(&mut batches));
    println!("durable pairs of reserve and reconcile, 4 lines, on disk");
    println!("  {:<52} {batches:>9.0} pairs/s", "raw SQLite, the same rows, 16 commands a transaction");
    let share = tasks / batches;
    println!("  {:<52} {tasks:>9.0} pairs/s  {share:>6.2} ×  (aim ≥ 0.70)", "ledger, 16 tasks");
    let (alone, raw) = (median(&mut alone), median(&mut two_transactions));
    println!("  {:<52} {raw:>9.1} µs", "raw SQLite, two transactions, p50");
    println!("  {:<52} {alone:>9.1} µs  {:>6.2} ×  (aim ≤ 2.00)\n", "ledger, one task, p50", alone / raw);
    ledger.verify().unwrap();
}

/// Pairs a second that sixteen tasks make together.
fn by_tasks(ledger: &SqliteLedger, pairs: usize) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let started = Instant::now();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..TASKS {
            let (ledger, claim) = (ledger.clone(), hot_path());
            tasks.spawn(async move {
                for _ in 0..pairs / TASKS {
                    pair(&ledger, &claim).await;
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    });
    pairs as f64 / started.elapsed().as_secs_f64()
}

/// The median pair of one task, in microseconds.
fn one_by_one(ledger: &SqliteLedger, pairs: usize) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let claim = hot_path();
    let time = |_| {
        let started = Instant::now();
        runtime.block_on(pair(ledger, &claim));
        micros(started.elapsed())
    };
    median(&mut (0..pairs).map(time).collect::<Vec<_>>())
}

fn hot_path() -> Claim {
    let tenant = Tenant::unnamed();
    claim(&tenant, &books(&tenant, LINES as usize), 0, i64::MAX)
}

async fn pair(ledger: &SqliteLedger, claim: &Claim) {
    let (now, note, amounts) = (SystemClock.now(), &Note::default(), &[1_i64; LINES as usize]);
    let (id, expires_at) = (ReservationId::generate(now), now + Duration::from_secs(300));
    let reserve = Reserve { now: None, id, claim, amounts, expires_at, on_expiry: OnExpiry::Hold, note };
    assert!(ledger.reserve(reserve).await.unwrap().outcome == Outcome::Applied);
    ledger
        .reconcile(Reconcile {
            now: None,
            id,
            claim,
            amounts,
            certainty: Certainty::Reported,
            attribution: None,
            note,
        })
        .await
        .unwrap();
}

/// The same tables, written by SQL alone.
struct Raw {
    file: Connection,
    next: i64,
}

impl Raw {
    fn new(path: &Path) -> Self {
        // The ledger makes the tables, and the rows that a first pair makes.
        let ledger = SqliteLedger::open(path).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(pair(&ledger, &hot_path()));
        drop(ledger);
        let file = Connection::open(path).unwrap();
        file.busy_timeout(Duration::from_secs(10)).unwrap();
        file.set_prepared_statement_cache_capacity(64);
        file.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384")
            .unwrap();
        Self { file, next: 2 }
    }

    /// Pairs a second in transactions of sixteen commands.
    fn by_batches(&mut self, pairs: usize) -> f64 {
        let started = Instant::now();
        for _ in 0..pairs / TASKS {
            let first = self.next;
            self.transaction(|raw| (0..TASKS).for_each(|_| raw.reserve()));
            self.transaction(|raw| (first..first + TASKS as i64).for_each(|hold| raw.reconcile(hold)));
        }
        pairs as f64 / started.elapsed().as_secs_f64()
    }

    /// The median pair in two transactions of its own, in microseconds.
    fn one_by_one(&mut self, pairs: usize) -> f64 {
        let mut time = |_| {
            let (started, hold) = (Instant::now(), self.next);
            self.transaction(Self::reserve);
            self.transaction(|raw| raw.reconcile(hold));
            micros(started.elapsed())
        };
        median(&mut (0..pairs).map(&mut time).collect::<Vec<_>>())
    }

    fn run(&self, sql: &str, values: impl rusqlite::Params) {
        self.file.prepare_cached(sql).unwrap().execute(values).unwrap();
    }

    fn transaction(&mut self, work: impl FnOnce(&mut Self)) {
        self.run("BEGIN IMMEDIATE", []);
        work(self);
        let entries = self.next * 2;
        self.run("UPDATE tenants SET entries = ?, head = ?, time = ?", params![entries, [7_u8; 32], entries]);
        self.run("COMMIT", []);
    }

    fn reserve(&mut self) {
        let hold = self.next;
        self.next += 1;
        let id = (hold as u128).to_be_bytes();
        self.run(
            "INSERT INTO holds VALUES (1, ?1, 'held', ?2, ?3, 'hold', 0, NULL, NULL, ?4)",
            params![id, [7_u8; 16], i64::MAX - hold, hold],
        );
        for line in 0..LINES {
            self.run(
                "INSERT INTO hold_lines VALUES (1, ?1, ?2, ?3, 0, 1, 0, 0)",
                params![id, line, line + 1],
            );
        }
        self.entry(hold * 2 - 1, &id, ("reserved", None));
        self.lines(hold * 2 - 1, (0, 1));
    }

    fn reconcile(&mut self, hold: i64) {
        let id = (hold as u128).to_be_bytes();
        self.run(
            "UPDATE holds SET state = 'reported', ended_at = ?2, seal = ?2 WHERE tenant = 1 AND id = ?1",
            params![id, hold],
        );
        for line in 0..LINES {
            self.run(
                "UPDATE hold_lines SET amount = 2 WHERE tenant = 1 AND id = ? AND line = ?",
                params![id, line],
            );
        }
        self.entry(hold * 2, &id, ("reconciled", Some("reported")));
        self.lines(hold * 2, (1, -1));
    }

    fn entry(&self, sequence: i64, id: &[u8; 16], (kind, detail): (&str, Option<&str>)) {
        self.run(
            "INSERT INTO journal VALUES (1, ?1, ?1, ?2, ?3, ?4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ?5)",
            params![SEQUENCE_START + sequence, id, kind, detail, [7_u8; 32]],
        );
    }

    /// The entry's lines, and what they change.
    fn lines(&self, sequence: i64, (spent, reserved): (i64, i64)) {
        for line in 0..LINES {
            self.run(
                "INSERT INTO journal_lines VALUES (1, ?1, ?2, ?3, 0, ?4, ?5)",
                params![SEQUENCE_START + sequence, line, line + 1, spent, reserved],
            );
            self.run(
                "UPDATE balances SET spent = spent + ?2, reserved = reserved + ?3
                 WHERE tenant = 1 AND account = ?1 AND period = 0",
                params![line + 1, spent, reserved],
            );
        }
    }
}

/// The ledger's own first pair has taken entries 1 and 2.
const SEQUENCE_START: i64 = 2;

/// A folder on the disk that the build is on.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ratios-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1_000.0
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
