//! Does a run mean the same on books in memory and in a file, from this process and from another?

use std::sync::Arc;
use std::time::Duration;

use token_budget::decision::RefusalKind;
use token_budget::ledger::Attribution;
use token_budget::run::{Builder, RunPart, RunReport};
use token_budget::time::ManualClock;
use token_budget::usage::Unit;
use token_budget::{
    BudgetLedger, Clock, Decision, Enforcer, ErrorKind, Event, MemoryLedger, RunGuard, Usage, Usd,
};

#[cfg(feature = "sqlite")]
use crate::sqlite::support::Folder;
use crate::support::{Ears, NOON, at, block_on, call, open_purse, prices, usd};

/// Books that several processes have open, and their clock.
pub(crate) struct Books {
    pub(crate) clock: Arc<ManualClock>,
    store: Store,
}

enum Store {
    Memory(MemoryLedger),
    #[cfg(feature = "sqlite")]
    File(Folder),
}

impl Books {
    /// Empty ones of every kind.
    pub(crate) fn all() -> Vec<Self> {
        let clock = || Arc::new(ManualClock::at(at(NOON)));
        let memory = clock();
        let store = Store::Memory(MemoryLedger::with_clock(memory.clone()));
        vec![
            Self { clock: memory, store },
            #[cfg(feature = "sqlite")]
            Self { clock: clock(), store: Store::File(Folder::in_memory()) },
        ]
    }

    /// A handle of its own on them.
    pub(crate) fn ledger(&self) -> Arc<dyn BudgetLedger> {
        match &self.store {
            Store::Memory(ledger) => Arc::new(ledger.clone()),
            #[cfg(feature = "sqlite")]
            Store::File(folder) => {
                use token_budget::ledger::{SqliteLedger, SqliteOptions};
                let clock: Arc<dyn Clock> = self.clock.clone();
                let options = SqliteOptions::default();
                Arc::new(SqliteLedger::with_options(folder.file("books.db"), clock, options).unwrap())
            }
        }
    }

    /// What another process is: it knows nothing of a run but what stands in the books.
    pub(crate) fn process(&self) -> (Enforcer, Ears) {
        let ears = Ears::default();
        let builder = Enforcer::builder().policy(open_purse()).prices(prices()).clock(self.clock.clone());
        (builder.shared_ledger(self.ledger()).observer(ears.clone()).build(), ears)
    }

    pub(crate) fn enforcer(&self) -> Enforcer {
        self.process().0
    }
}

fn signed(by: &str, reason: &str) -> Attribution {
    Attribution::new(by, reason)
}

pub(crate) fn open(builder: Builder, enforcer: &Enforcer) -> RunGuard {
    block_on(builder.open(enforcer)).unwrap()
}

/// The run as the books have it, opened by its id alone.
pub(crate) fn again(id: &'static str, enforcer: &Enforcer) -> RunGuard {
    open(RunGuard::builder(id), enforcer)
}

/// So many tenths of a cent are spent; or the refusal.
pub(crate) fn spend(run: &RunGuard, tokens: u64) -> Result<(), Box<Decision>> {
    let held = block_on(run.reserve(&call("milli", tokens))).unwrap().or_refusal()?;
    drop(block_on(held.send().reconcile(Usage::of(0, tokens))).unwrap());
    Ok(())
}

pub(crate) fn report(run: &RunGuard) -> RunReport {
    block_on(run.report()).unwrap()
}

/// Its guard is dropped, and what that leaves is told to the books.
pub(crate) fn leave(run: RunGuard, enforcer: &Enforcer) {
    drop(run);
    block_on(enforcer.flush()).unwrap();
}

/// Opening it that way is a conflict that says so.
fn conflict(builder: Builder, enforcer: &Enforcer, said: &str) {
    let error = block_on(builder.open(enforcer)).unwrap_err();
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains(said), "{error}");
}

#[test]
fn a_runs_limits_are_written_once_and_only_a_signed_grant_raises_them() {
    for books in Books::all() {
        let (here, there) = (books.enforcer(), books.enforcer());
        let dollar = || RunGuard::builder("r").usd(usd("1.00")).iterations(50);
        let first = open(dollar(), &here);
        assert!(spend(&first, 400).is_ok());

        conflict(
            dollar().usd(usd("100")),
            &there,
            "USD: it was opened with 1.00 USD, and not with 100.00 USD",
        );
        conflict(RunGuard::builder("r").usd(usd("1.00")), &there, "iterations: it was opened with 50");
        leave(open(dollar(), &there), &there);
        let second = again("r", &there);
        assert_eq!((second.limits().usd, second.limits().iterations), (Some(usd("1.00")), Some(50)));
        assert!(spend(&second, 601).is_err() && spend(&second, 500).is_ok());
        assert!(spend(&first, 101).is_err(), "both processes spend of one dollar");

        block_on(second.grant(usd("0.50"), signed("ada", "nearly done"))).unwrap();
        // The other process hears of it with its next refusal at the latest.
        assert!(spend(&first, 600).is_ok() && spend(&first, 1).is_err());
        let told = report(&second);
        assert_eq!((told.spent_usd, told.granted_usd), (usd("1.50"), usd("0.50")));
        conflict(dollar().usd(usd("1.50")), &books.enforcer(), "it was opened with 1.00 USD");
    }
}

#[test]
fn a_run_that_is_opened_elsewhere_goes_on_as_it_was() {
    for books in Books::all() {
        let (here, heard_here) = books.process();
        let limited = || {
            let builder = RunGuard::builder("r").usd(usd("1.00")).iterations(10).tool("search", 3);
            builder.time_limit(Duration::from_secs(60))
        };
        let run = open(limited(), &here);
        assert!(spend(&run, 900).is_ok());
        block_on(run.tools(["search", "search"])).unwrap().or_refusal().unwrap().start();
        books.clock.advance(Duration::from_secs(20));
        leave(run, &here);
        drop(here);
        // Time that nobody has it open does not count.
        books.clock.advance(Duration::from_secs(3_600));

        let (there, heard) = books.process();
        let run = open(limited(), &there);
        let told = report(&run);
        assert_eq!((told.spent_usd, told.iterations, told.tools["search"]), (usd("0.90"), 1, 2));
        assert_eq!(told.open_for, Duration::from_secs(20));
        let refused = block_on(run.tools(["search", "search"])).unwrap().or_refusal().unwrap_err();
        assert_eq!(refused.fits, ["search"]);
        assert!(spend(&run, 100).is_ok(), "the last of its dollar");
        let reached = |event: &Event| matches!(event, Event::Reached { .. });
        let fired = heard_here.count(reached) + heard.count(reached);
        assert!(spend(&run, 0).is_ok(), "a call of nothing costs nothing");
        assert_eq!(heard_here.count(reached) + heard.count(reached), fired, "a threshold fires once");
        books.clock.advance(Duration::from_secs(40));
        let late = spend(&run, 0).unwrap_err();
        assert_eq!(
            (&late.refusals()[0].unit, &late.refusals()[0].kind),
            (&Unit::TimeMs, &RefusalKind::RunLimit)
        );
    }
}

// Such a run was refused in every other process: its books had the limits and not the names.
#[test]
fn a_run_with_limits_on_single_tools_goes_on_by_its_id() {
    // As many as may be, as long as may be: 128 names of 128 bytes are more than one claim can carry.
    let long = |at: usize| format!("{at:03}-{}", "ü".repeat(62));
    let few = [("search".to_owned(), 3), ("fetch".to_owned(), 0)];
    let many: Vec<(String, u64)> = (0..128).map(|at| (long(at), at as u64)).collect();
    for tools in [few.to_vec(), many] {
        let limited = |id: &'static str| {
            tools.iter().fold(RunGuard::builder(id).usd(usd("1.00")), |builder, (name, limit)| {
                builder.tool(name.as_str(), *limit)
            })
        };
        for books in Books::all() {
            let (here, there) = (books.enforcer(), books.enforcer());
            let run = open(limited("r"), &here);
            let (name, limit) = tools.last().unwrap();
            let all = vec![name.clone(); *limit as usize];
            if !all.is_empty() {
                block_on(run.tools(all)).unwrap().or_refusal().unwrap().start();
            }
            leave(run, &here);

            let run = again("r", &there);
            let names = |run: &RunGuard| {
                let tools = run.limits().tools.iter();
                tools.map(|(name, limit)| (name.to_string(), *limit)).collect::<Vec<_>>()
            };
            let mut sorted = tools.clone();
            sorted.sort();
            assert_eq!(names(&run), sorted);
            let refused = block_on(run.tools([name.as_str()])).unwrap().or_refusal().unwrap_err();
            assert!(refused.decision.to_string().contains(&format!("{limit} of {limit} calls")), "{refused}");
            // The same limits are still no others, and others still are.
            drop(open(limited("r"), &there));
            let other = RunGuard::builder("r").usd(usd("1.00")).tool("more", 1);
            conflict(other, &there, "tools limited by name: it was opened with");
            // So do those below it.
            let child = open(RunGuard::builder("r/child").tool("look", 1), &there);
            leave(child, &there);
            assert_eq!(names(&again("r/child", &books.enforcer())), [("look".to_owned(), 1)]);
        }
    }
}

// Whoever opens a run with other limits at the same instant leaves names behind that nobody reads.
#[test]
fn of_two_who_open_a_run_at_once_the_tools_of_one_stand() {
    for books in Books::all() {
        let race = |name: &'static str| {
            let enforcer = books.enforcer();
            std::thread::spawn(move || block_on(RunGuard::builder("r").tool(name, 1).open(&enforcer)).is_ok())
        };
        let opened: Vec<bool> =
            ["one", "other"].map(race).into_iter().map(|race| race.join().unwrap()).collect();
        let won = opened.iter().position(|opened| *opened).expect("one of them opens it");
        assert!(!opened[1 - won], "the other is told of other limits");
        let run = again("r", &books.enforcer());
        assert_eq!(run.limits().tools.keys().collect::<Vec<_>>(), [["one", "other"][won]]);
    }
}

#[test]
fn a_saved_run_with_limits_on_single_tools_goes_on_by_its_id_on_other_books() {
    for (before, after) in Books::all().into_iter().zip(Books::all()) {
        let limited = || RunGuard::builder("r").usd(usd("1.00")).tool("search", 3);
        let run = open(limited(), &before.enforcer());
        let state = block_on(run.save()).unwrap();
        drop(open(limited().resume(state), &after.enforcer()));
        let run = again("r", &after.enforcer());
        assert_eq!(run.limits().tools.get("search"), Some(&3));
    }
}

#[test]
fn a_child_that_is_opened_by_its_id_has_its_parents() {
    for books in Books::all() {
        let (here, there) = (books.enforcer(), books.enforcer());
        let trip = open(RunGuard::builder("trip").usd(usd("1.00")), &here);
        let search = block_on(trip.child("search").usd(usd("0.80")).open()).unwrap().or_refusal().unwrap();
        assert!(spend(&search, 300).is_ok());

        let search = again("trip/search", &there);
        assert_eq!(search.limits().usd, Some(usd("0.80")));
        assert!(spend(&search, 501).is_err() && spend(&search, 400).is_ok());
        let told = report(&again("trip", &there));
        // Every run above sees a charge when it is made, and the books tell direct from subtree.
        assert_eq!((told.subtree.usd, told.direct.usd, told.children), (usd("0.70"), Usd::ZERO, 1));
        assert!(spend(&trip, 200).is_ok());
        let refused = spend(&search, 101).unwrap_err();
        let by_trip = |refusal: &token_budget::decision::Refusal| {
            refusal.scope.as_ref().map(|scope| scope.name()) == Some("trip")
        };
        assert!(refused.refusals().iter().any(by_trip), "{refused}");
        // One that nobody opened yet, below a run that stands, is its child all the same.
        let other = open(RunGuard::builder("trip/book").usd(usd("5")), &there);
        assert!(spend(&other, 101).is_err() && spend(&other, 100).is_ok());
        assert_eq!(report(&trip).children, 2);
    }
}

#[test]
fn depth_and_children_are_limits_in_every_process() {
    for books in Books::all() {
        let (here, there) = (books.enforcer(), books.enforcer());
        let builder = RunGuard::builder("r").usd(usd("1")).max_depth(1).max_children(2);
        let run = open(builder, &here);
        drop(block_on(run.child("a").open()).unwrap().or_refusal().unwrap());
        let elsewhere = again("r", &there);
        drop(block_on(elsewhere.child("b").open()).unwrap().or_refusal().unwrap());
        let refused = block_on(elsewhere.child("c").open()).unwrap().or_refusal().unwrap_err();
        assert_eq!((&refused.refusals()[0].unit, refused.refusals()[0].limit), (&Unit::Children, Some(2)));
        let deep = again("r/a", &there);
        let refused = block_on(deep.child("x").open()).unwrap().or_refusal().unwrap_err();
        assert_eq!((&refused.refusals()[0].unit, refused.refusals()[0].limit), (&Unit::Depth, Some(1)));
    }
}

#[test]
fn a_part_is_held_on_its_parent_until_the_child_ends_wherever_that_is() {
    for books in Books::all() {
        let (here, there) = (books.enforcer(), books.enforcer());
        let top = open(RunGuard::builder("top").usd(usd("1.00")), &here);
        let carved = |run: &RunGuard, name: &'static str, part| {
            block_on(run.child(name).carve(RunPart::Usd(usd(part))).open()).unwrap().or_refusal()
        };
        let child = carved(&top, "child", "0.60").unwrap();
        assert!(carved(&top, "other", "0.41").is_err(), "a part that does not fit is refused");
        assert!(spend(&child, 200).is_ok());
        assert_eq!((report(&top).spent_usd, report(&top).reserved_usd), (Usd::ZERO, usd("0.60")));
        leave(child, &here);

        let parent = again("top", &there);
        let child = block_on(parent.child("child").open()).unwrap().or_refusal().unwrap();
        let in_flight = block_on(child.reserve(&call("milli", 300))).unwrap().or_refusal().unwrap().send();
        assert!(spend(&child, 101).is_err() && spend(&parent, 401).is_err());
        // A stop reaches what is carved: its calls name those above.
        block_on(child.close()).unwrap();
        let told = report(&parent);
        assert_eq!(
            (told.spent_usd, told.reserved_usd),
            (usd("0.20"), usd("0.30")),
            "its call in flight keeps its own"
        );
        // What is posted below after its end is posted above as well.
        drop(block_on(in_flight.reconcile(Usage::of(0, 100))).unwrap());
        assert!(spend(&parent, 700).is_ok());
        let told = report(&parent);
        assert_eq!(
            (told.spent_usd, told.direct.usd, told.reserved_usd),
            (usd("1.00"), usd("0.70"), Usd::ZERO)
        );
    }
}

#[test]
fn a_stop_reaches_every_run_below_in_every_process_and_the_first_reason_stands() {
    for books in Books::all() {
        let (here, there) = (books.enforcer(), books.enforcer());
        let top = open(RunGuard::builder("top").usd(usd("1.00")), &here);
        let child = block_on(top.child("c").carve(RunPart::Usd(usd("0.50"))).open()).unwrap();
        let child = child.or_refusal().unwrap();
        let in_flight = block_on(child.reserve(&call("milli", 100))).unwrap().or_refusal().unwrap().send();
        block_on(again("top", &there).stop(signed("grace", "it loops"))).unwrap();
        block_on(again("top", &there).stop(signed("ada", "another reason"))).unwrap();

        for run in [&top, &child, &again("top/c", &books.enforcer())] {
            let refused = spend(run, 0).unwrap_err();
            assert!(refused.to_string().contains("it loops"), "{refused}");
        }
        // Calls in flight are recorded.
        drop(block_on(in_flight.reconcile(Usage::of(0, 150))).unwrap());
        assert_eq!(report(&child).spent_usd, usd("0.15"));
        let told = report(&again("top", &books.enforcer()));
        assert_eq!(told.over.as_deref(), Some("stopped by grace: it loops"));
    }
}

#[test]
fn a_runs_time_is_never_later_than_its_parents_and_refuses_no_report() {
    for books in Books::all() {
        let (here, there) = (books.enforcer(), books.enforcer());
        let hour = Duration::from_secs(3_600);
        let minute = Duration::from_secs(60);
        let top = open(RunGuard::builder("top").usd(usd("1")).deadline(books.clock.now() + minute), &here);
        let child = block_on(top.child("c").time_limit(hour).open()).unwrap().or_refusal().unwrap();
        let in_flight = block_on(child.reserve(&call("milli", 100))).unwrap().or_refusal().unwrap().send();
        books.clock.advance(minute);
        assert!(matches!(spend(&child, 1).unwrap_err().refusals()[0].kind, RefusalKind::Deadline { .. }));
        assert!(spend(&again("top", &there), 1).is_err());
        drop(block_on(in_flight.reconcile(Usage::of(0, 100))).unwrap());
        assert_eq!(report(&top).spent_usd, usd("0.10"));
    }
}

// Whoever opened a run again without the word held it to limits that were to be watched alone, and whoever opened it
// with the word passed limits that were to hold.
#[test]
fn whether_a_runs_limits_refuse_is_written_with_them() {
    for books in Books::all() {
        let (here, there) = (books.enforcer(), books.enforcer());
        let strict = || RunGuard::builder("strict").iterations(1);
        let watched = || RunGuard::builder("watched").iterations(1).observe();
        let (first, second) = (open(strict(), &here), open(watched(), &here));
        for enforcer in [&here, &there] {
            let said =
                "enforcement: it was opened with limits that refuse, and not with limits that only observe";
            conflict(strict().observe(), enforcer, said);
            conflict(RunGuard::builder("strict").observe(), enforcer, said);
            let said =
                "enforcement: it was opened with limits that only observe, and not with limits that refuse";
            conflict(RunGuard::builder("watched").iterations(1), enforcer, said);
            drop(open(watched(), enforcer));
            drop(open(RunGuard::builder("watched").observe(), enforcer));
        }
        assert!(spend(&first, 1).is_ok() && spend(&second, 1).is_ok());
        // Who names nothing continues it as it was written.
        assert!(spend(&again("strict", &there), 1).is_err());
        assert!(spend(&again("watched", &there), 1).is_ok());
        // So does a call that only names the run, in a process that never opened it.
        let named = |id: &str| {
            let call = call("milli", 1).scope(token_budget::Scope::run(id).unwrap());
            block_on(books.enforcer().reserve(&call)).unwrap().is_admitted()
        };
        assert!(named("watched") && !named("strict"));
        // A stop is reported and refuses nothing where the run observes, in every process.
        for id in ["strict", "watched"] {
            block_on(again(id, &there).stop(signed("ops", "enough"))).unwrap();
        }
        assert!(spend(&again("watched", &books.enforcer()), 1).is_ok() && named("watched"));
    }
}

#[test]
fn a_run_below_observes_by_its_own_word_and_is_bound_by_those_above() {
    for books in Books::all() {
        let (here, there) = (books.enforcer(), books.enforcer());
        let top = open(RunGuard::builder("top").iterations(3), &here);
        let child = block_on(top.child("c").iterations(1).observe().open()).unwrap().or_refusal().unwrap();
        assert!(spend(&child, 1).is_ok() && spend(&child, 1).is_ok());
        let child = again("top/c", &there);
        assert!(spend(&child, 1).is_ok(), "its own limit is watched alone");
        assert!(spend(&child, 1).is_err(), "that of the run above holds");
        let refused = block_on(again("top", &there).child("c").iterations(1).open());
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
    }
}

#[test]
fn an_observing_run_is_saved_and_restored_as_one() {
    for (before, after) in Books::all().into_iter().zip(Books::all()) {
        let watched = || RunGuard::builder("w").iterations(1).observe();
        let (here, there) = (before.enforcer(), after.enforcer());
        let run = open(watched(), &here);
        assert!(spend(&run, 1).is_ok());
        let state = block_on(run.save()).unwrap();
        let restored = open(watched().resume(state), &there);
        assert!(restored.was_restored() && spend(&restored, 1).is_ok());
        conflict(RunGuard::builder("w").iterations(1), &after.enforcer(), "limits that only observe");
    }
}

#[test]
fn a_run_that_cannot_go_on_answers_at_once_with_a_report() {
    for books in Books::all() {
        let enforcer = books.enforcer();
        let run = open(RunGuard::builder("r").usd(usd("1.00")).iterations(2), &enforcer);
        run.attach("task", 7);
        assert!(spend(&run, 100).is_ok() && spend(&run, 100).is_ok() && spend(&run, 1).is_err());
        let told = report(&run);
        let over = told.over.expect("why");
        assert!(over.contains("2 of 2 iterations used"), "{over}");
        assert_eq!((told.spent_usd, told.iterations, &told.attached["task"]), (usd("0.20"), 2, &7.into()));
        // Another process says so, too, from the books alone.
        let over = report(&again("r", &books.enforcer())).over.expect("why");
        assert!(over.contains("2 of 2 iterations used"), "{over}");
    }
}

// A report said of a run that observes that it is over, while its calls went out.
#[test]
fn a_run_that_observes_is_not_over_and_says_why_it_would_be() {
    for books in Books::all() {
        let enforcer = books.enforcer();
        let watched = RunGuard::builder("w").iterations(1).time_limit(Duration::from_secs(60)).observe();
        let run = open(watched, &enforcer);
        let told = report(&run);
        assert_eq!((told.over, told.would_be_over), (None, None));
        assert!(spend(&run, 1).is_ok() && spend(&run, 1).is_ok());
        let told = report(&again("w", &books.enforcer()));
        assert_eq!(told.over, None);
        let would = told.would_be_over.expect("its limit is used up");
        assert!(would.contains("2 of 1 iterations used"), "{would}");
        books.clock.advance(Duration::from_secs(60));
        assert!(report(&run).over.is_none() && spend(&run, 1).is_ok());
        block_on(run.stop(signed("ops", "enough"))).unwrap();
        let told = report(&run);
        assert_eq!((told.over, told.would_be_over.as_deref()), (None, Some("stopped by ops: enough")));
        // A run below that enforces is not stopped by it, and is over by its own limit alone.
        let child = block_on(run.child("c").iterations(1).open()).unwrap().or_refusal().unwrap();
        assert!(report(&child).over.is_none() && spend(&child, 1).is_ok() && spend(&child, 1).is_err());
        assert!(report(&child).over.expect("its own limit").contains("1 of 1 iterations used"));
    }
}
