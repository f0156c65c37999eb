//! Do several processes share one budget exactly?

use super::part::{Player, ROOM};
use super::support::{Folder, balance};
use crate::books::team;
use token_budget::ledger::SqliteLedger;

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
