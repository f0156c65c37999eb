//! Who is killed, what had it been told, and what stands in the books?

#![allow(clippy::arithmetic_side_effects, reason = "a demonstration counts what is small")]

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use token_budget::ledger::sqlite::{SqliteLedger, SqliteOptions};
use token_budget::ledger::{BudgetLedger, Certainty, EntryKind, Tenant};
use token_budget::time::{ManualClock, SystemClock};
use token_budget::usage::Unit;
use token_budget::{Budget, Call, Clock, Enforcer, Policy, Scope, Usage, Usd, Window};

use super::Outcome;

const THREADS: usize = 4;

/// Does what the command line asks.
pub(super) fn run() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["work", path] => work(Path::new(path)),
        ["spend", path] => spend(Path::new(path)),
        [] => survive(3),
        [kills] => survive(kills.parse()?),
        _ => Err("usage: survive [KILLS | spend FILE]".into()),
    }
}

/// A budget of so many dollars, for ever, with its books in that file.
fn enforcer(path: &Path, dollars: u32) -> Outcome<Enforcer> {
    let budget = Budget::usd("search", Scope::team("search")?, Usd::dollars(dollars), Window::lifetime());
    Ok(Enforcer::builder().policy(Policy::new([budget])?).ledger(SqliteLedger::open(path)?).build())
}

/// A thousand tokens of output at most: a cent on this model.
fn call() -> Call {
    Call::new("gpt-4o").team("search").input_tokens(0).output_tokens(1_000)
}

fn wait<T>(future: impl Future<Output = T>) -> Outcome<T> {
    Ok(tokio::runtime::Builder::new_current_thread().build()?.block_on(future))
}

/// Kills so many workers, one after the other on one file, and compares after each.
fn survive(kills: usize) -> Outcome<()> {
    let folder = std::env::temp_dir().join(format!("token-budget-survive-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("books.db");
    let mut told = Told::default();
    for number in 0..kills {
        let mut worker = Worker::start(&path)?;
        // Another number each time, so that the kill meets another moment.
        worker.listen(&mut told, 40 + number * 37 % 200)?;
        worker.kill(&mut told)?;
        let found = compare(&path, &told)?;
        println!(
            "kill -9 no. {}: {} answers were given, all of them stand; {} commands were on their way and stand too",
            number + 1,
            told.held.len() + told.charged.len(),
            found
        );
    }
    let holds = end_by_age(&path)?;
    println!("an hour later: {holds} holds of the dead have ended by age, nothing is held, the books add up");
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// What workers were told by the ledger before they died.
#[derive(Debug, Default)]
struct Told {
    held: HashSet<String>,
    charged: HashMap<String, i64>,
}

impl Told {
    /// Notes one line that a worker said; half a line was not said.
    fn note(&mut self, line: &str) -> Outcome<()> {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["held", id, "."] => _ = self.held.insert((*id).to_owned()),
            ["charged", id, nanos, "."] => _ = self.charged.insert((*id).to_owned(), nanos.parse()?),
            _ => {}
        }
        Ok(())
    }
}

/// This program again, in a process of its own.
struct Worker {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Worker {
    fn start(path: &Path) -> Outcome<Self> {
        let mut process =
            Command::new(std::env::current_exe()?).arg("work").arg(path).stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(process.stdout.take().ok_or("it has no words")?).lines();
        Ok(Self { process, lines })
    }

    fn listen(&mut self, told: &mut Told, lines: usize) -> Outcome<()> {
        self.lines.by_ref().take(lines).try_for_each(|line| told.note(&line?))
    }

    /// On Unix this is `kill -9`: the process does not hear of it. What it said before is read to the end.
    fn kill(mut self, told: &mut Told) -> Outcome<()> {
        self.process.kill()?;
        self.process.wait()?;
        self.lines.try_for_each(|line| told.note(&line?))
    }
}

/// Makes calls for ever, and says what the ledger answered.
fn work(path: &Path) -> Outcome<()> {
    let enforcer = enforcer(path, 1_000_000)?;
    let forever = |place: usize| -> Outcome<()> {
        for round in 1.. {
            let reservation = wait(enforcer.reserve(&call()))??.or_refusal()?;
            let id = reservation.id();
            println!("held {id} .");
            let used = Usage::of(0, (round * 7 + place as u64) % 1_000 + 1);
            let receipt = wait(reservation.send().reconcile(used))??;
            println!("charged {id} {} .", receipt.cost().nanos());
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|place| scope.spawn(move || forever(place))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a worker panicked")?)
    })
}

/// Everything that was told stands in the file; says how much more does.
fn compare(path: &Path, told: &Told) -> Outcome<usize> {
    let ledger = SqliteLedger::open(path)?;
    ledger.verify()?;
    let (mut held, mut charged) = (HashSet::new(), HashMap::new());
    for entry in wait(ledger.entries(&Tenant::unnamed(), 1, usize::MAX))?? {
        let dollars = entry.lines.iter().find(|line| *line.account.unit() == Unit::Usd);
        match entry.kind {
            EntryKind::Reserved => _ = held.insert(entry.id.to_string()),
            EntryKind::Reconciled(Certainty::Reported) => {
                _ = charged.insert(entry.id.to_string(), dollars.map_or(0, |line| line.spent));
            }
            other => return Err(format!("{other:?} was never asked for").into()),
        }
    }
    if let Some(id) = told.held.iter().find(|id| !held.contains(*id)) {
        return Err(format!("the hold {id} was lost").into());
    }
    if let Some((id, nanos)) = told.charged.iter().find(|(id, nanos)| charged.get(*id) != Some(*nanos)) {
        return Err(format!("the charge {id} of {nanos} is {:?} in the books", charged.get(id)).into());
    }
    Ok(held.len() + charged.len() - told.held.len() - told.charged.len())
}

/// An hour after the last of them was killed: how many holds were still open.
fn end_by_age(path: &Path) -> Outcome<usize> {
    let later = ManualClock::at(SystemClock.now() + Duration::from_secs(3_600));
    let ledger = SqliteLedger::with_options(path, Arc::new(later), SqliteOptions::default())?;
    let entries = wait(ledger.entries(&Tenant::unnamed(), 1, usize::MAX))??;
    let ended =
        entries.iter().filter(|entry| entry.kind == EntryKind::Reconciled(Certainty::Expired)).count();
    let lines: Vec<_> = entries.iter().flat_map(|entry| &entry.lines).collect();
    let (reserved, spent) =
        lines.iter().fold((0, 0), |(reserved, spent), line| (reserved + line.reserved, spent + line.spent));
    ledger.verify()?;
    match reserved {
        0 => println!("in all {} USD are spent", Usd::from_nanos(spent)),
        _ => return Err(format!("{reserved} are still held").into()),
    }
    Ok(ended)
}

/// Spends a cent at a time of $10 that whoever has this file shares, until nothing is left.
fn spend(path: &Path) -> Outcome<()> {
    let enforcer = enforcer(path, 10)?;
    let mut spent = 0;
    wait(async {
        let refusal = loop {
            match enforcer.reserve(&call()).await?.or_refusal() {
                Ok(reservation) => reservation.send().reconcile(Usage::of(0, 1_000)).await?,
                Err(refusal) => break refusal,
            };
            spent += 1;
        };
        println!("this process spent {spent} cents, then: {refusal}");
        Ok(())
    })?
}
