//! What do other processes do in these tests? This binary starts itself again, to play a part.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use token_budget::ledger::{Attribution, Note, OnExpiry, Outcome, ReservationId, SqliteLedger};
use token_budget::time::SystemClock;
use token_budget::{Clock, Enforcer, RunGuard, Usage};

use super::support::{charge, reserve, wait};
use crate::books::team;
use crate::support::{call, open_purse, prices, usd};

/// A process that plays a part, and what it says.
pub(crate) struct Player {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What every line begins with that a player says: the test harness says things, too.
const SAYS: &str = "@ ";

impl Player {
    /// Starts a process that plays that part on that file.
    pub(crate) fn start(part: &str, path: &Path) -> Self {
        let binary = std::env::current_exe().expect("this binary");
        let mut child = Command::new(binary)
            .args(["--exact", "sqlite::part::plays_a_part", "--ignored", "--nocapture"])
            .env("TOKEN_BUDGET_PART", part)
            .env("TOKEN_BUDGET_FILE", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("its words")).lines();
        Self { child, lines }
    }

    /// The next thing it says; `None` once it is gone.
    pub(crate) fn next(&mut self) -> Option<String> {
        let said = self.lines.by_ref().map_while(Result::ok).find(|line| line.contains(SAYS))?;
        // The harness leaves its own line open before it hands over.
        said.split_once(SAYS).map(|(_, said)| said.to_owned())
    }

    /// Lets it go on.
    pub(crate) fn go(&mut self) {
        let mut input = self.child.stdin.take().expect("not told yet");
        input.write_all(b"go\n").expect("a process that listens");
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a process");
        self.child.wait().expect("its end");
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(words: &str) {
    // One write for each line: a killed process must not leave half a word.
    let line = format!("\n{SAYS}{words}\n");
    std::io::stdout().write_all(line.as_bytes()).expect("somebody listens");
}

#[test]
#[ignore = "other tests run it in processes of their own"]
fn plays_a_part() {
    let part = std::env::var("TOKEN_BUDGET_PART").expect("another test started this");
    let path = std::env::var("TOKEN_BUDGET_FILE").expect("a file");
    match part.as_str() {
        "admit" => admit(Path::new(&path)),
        "write" => write(Path::new(&path)),
        "run" => continue_run(Path::new(&path)),
        other => panic!("no part is called {other}"),
    }
}

/// Opens the run of another process by its id, says how it stands, spends of it, and stops it.
fn continue_run(path: &Path) {
    let ledger = SqliteLedger::open(path).expect("a ledger");
    let enforcer = Enforcer::builder().policy(open_purse()).prices(prices()).ledger(ledger).build();
    let other = RunGuard::builder("trip").usd(usd("100"));
    say(&format!("other limits {:?}", wait(other.open(&enforcer)).expect_err("a conflict").kind()));
    let run = wait(RunGuard::builder("trip").open(&enforcer)).expect("the run");
    let report = wait(run.report()).expect("a report");
    say(&format!("spent {} in {} rounds", report.spent_usd, report.iterations));
    let round = |tokens: u64| {
        let held = wait(run.reserve(&call("milli", tokens))).expect("an answer").or_refusal().ok()?;
        Some(wait(held.send().reconcile(Usage::of(0, tokens))).expect("a receipt").cost())
    };
    say(&format!("700 tokens {:?}", round(700)));
    say(&format!("500 tokens {:?}", round(500)));
    let child = wait(run.child("search").open()).expect("an answer").or_refusal().expect("a child");
    drop(child);
    wait(run.stop(Attribution::new("grace", "it loops"))).expect("a stop");
    drop(run);
    wait(enforcer.flush()).expect("a ledger");
    say("stopped");
}

pub(crate) const ROOM: i64 = 400;
const THREADS: usize = 4;

fn new_id() -> ReservationId {
    ReservationId::generate(SystemClock.now())
}

/// Holds one after the other on all threads until there is no room, and says how many fitted.
fn admit(path: &Path) {
    let ledger = SqliteLedger::open(path).expect("a ledger");
    say("ready");
    std::io::stdin().lock().read_line(&mut String::new()).expect("a start");
    let admitted: i64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let mut admitted = 0;
                    while hold_one(&ledger, new_id(), ROOM) == Outcome::Applied {
                        admitted += 1;
                    }
                    admitted
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).sum()
    });
    say(&format!("admitted {admitted}"));
}

/// Holds and charges for ever, saying each step before and after.
fn write(path: &Path) {
    let ledger = SqliteLedger::open(path).expect("a ledger");
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for amount in 0.. {
                    let id = new_id();
                    say(&format!("try {id}"));
                    hold_one(&ledger, id, i64::MAX);
                    say(&format!("held {id}"));
                    charge(&ledger, id, &team(i64::MAX), &[amount]);
                    say(&format!("charged {id} {amount}"));
                }
            });
        }
    });
}

fn hold_one(ledger: &SqliteLedger, id: ReservationId, ceiling: i64) -> Outcome {
    let expiry = (SystemClock.now() + Duration::from_secs(3_600), OnExpiry::Hold);
    reserve(ledger, (id, &Note::default()), (&team(ceiling), &[1]), expiry).expect("an answer").outcome
}
