//! Do several processes share one budget exactly?

use token_budget::ledger::SqliteLedger;
use token_budget::{Enforcer, RunGuard, Usage};

use super::part::{Player, ROOM};
use super::support::{Folder, balance, wait};
use crate::books::team;
use crate::support::{call, open_purse, prices, usd};

#[test]
fn four_processes_of_four_threads_admit_exactly_what_fits_one_budget() {
    let folder = Folder::on_disk();
    let path = folder.file("books.db");
    // All open the new file at once: one of them makes it.
    let mut players: Vec<Player> = (0..4).map(|_| Player::start("admit", &path)).collect();
    for player in &mut players {
        assert_eq!(player.next().as_deref(), Some("ready"));
    }

    players.iter_mut().for_each(Player::go);
    let said: Vec<String> = players.iter_mut().map(|player| player.next().expect("its count")).collect();

    let counts: Vec<i64> =
        said.iter().map(|said| said.strip_prefix("admitted ").expect("a count").parse().unwrap()).collect();
    println!("admitted by process: {counts:?}");
    assert_eq!(counts.iter().sum::<i64>(), ROOM);
    assert!(counts.iter().filter(|count| **count > 0).count() > 1, "the processes did not race: {counts:?}");
    let ledger = SqliteLedger::open(&path).expect("a ledger");
    assert_eq!(balance(&ledger, &team(ROOM)), (0, ROOM));
    ledger.verify().expect("sound books");
}

#[test]
fn another_process_continues_a_run_as_it_was_and_its_stop_is_heard_here() {
    let folder = Folder::on_disk();
    let path = folder.file("books.db");
    let ledger = SqliteLedger::open(&path).expect("a ledger");
    let enforcer = Enforcer::builder().policy(open_purse()).prices(prices()).ledger(ledger.clone()).build();
    let run = wait(RunGuard::builder("trip").usd(usd("1.00")).open(&enforcer)).expect("a run");
    let held = wait(run.reserve(&call("milli", 400))).expect("an answer").or_refusal().expect("room");
    drop(wait(held.send().reconcile(Usage::of(0, 400))).expect("a receipt"));

    let mut other = Player::start("run", &path);
    for said in [
        "other limits Conflict",
        "spent 0.40 in 1 rounds",
        "700 tokens None",
        "500 tokens Some($0.50)",
        "stopped",
    ] {
        assert_eq!(other.next().as_deref(), Some(said));
    }

    let refused = wait(run.reserve(&call("milli", 50))).expect("an answer").or_refusal().expect_err("a stop");
    assert!(refused.to_string().contains("it loops"), "{refused}");
    let report = wait(run.report()).expect("a report");
    assert_eq!((report.spent_usd, report.iterations, report.children), (usd("0.90"), 2, 1));
    assert_eq!(report.over.as_deref(), Some("stopped by grace: it loops"));
    ledger.verify().expect("sound books");
}
