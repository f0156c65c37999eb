//! What is left after `kill -9`, and after a log that was cut off?
//!
//! `TOKEN_BUDGET_KILLS` and `TOKEN_BUDGET_CUTS` make these tests as long as one likes.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use token_budget::ledger::{Certainty, EntryKind, SqliteLedger};

use super::part::Player;
use super::support::{Folder, charge, hold, journal, open_at};
use crate::books::team;
use crate::support::{Dice, setting};

/// What a killed process had said.
#[derive(Debug, Default)]
struct Said {
    tried: HashSet<String>,
    held: HashSet<String>,
    charged: HashMap<String, i64>,
}

impl Said {
    fn note(&mut self, words: &str) {
        let mut words = words.split(' ');
        let (what, id) = (words.next().expect("a word"), words.next().expect("an id").to_owned());
        match what {
            "try" => _ = self.tried.insert(id),
            "held" => _ = self.held.insert(id),
            "charged" => _ = self.charged.insert(id, words.next().expect("an amount").parse().unwrap()),
            other => panic!("nobody says {other}"),
        }
    }

    /// Everything acknowledged is in the books, and nothing that was never tried.
    fn check(&self, path: &Path) {
        let ledger = SqliteLedger::open(path).expect("a ledger");
        let entries = journal(&ledger);
        let mut held = HashSet::new();
        let mut charged = HashMap::new();
        for entry in &entries {
            let id = entry.id.to_string();
            assert!(self.tried.contains(&id), "{id} was invented");
            match entry.kind {
                EntryKind::Reserved => _ = held.insert(id),
                EntryKind::Reconciled(Certainty::Reported) => _ = charged.insert(id, entry.lines[0].spent),
                other => panic!("{other:?} was never asked for"),
            }
        }
        assert!(self.held.is_subset(&held), "a hold was lost");
        let lost = self.charged.iter().find(|(id, amount)| charged.get(*id) != Some(amount));
        assert_eq!(lost, None, "a charge was lost");
        ledger.verify().expect("sound books");
    }
}

#[test]
fn whatever_was_acknowledged_before_a_kill_is_there_and_nothing_else() {
    let kills = setting("TOKEN_BUDGET_KILLS", 20);
    let mut dice = Dice::new("kills");
    let mut acknowledged = 0;
    for _ in 0..kills {
        let folder = Folder::on_disk();
        let path = folder.file("books.db");
        let mut player = Player::start("write", &path);
        let mut said = Said::default();
        for _ in 0..dice.below(400) {
            said.note(&player.next().expect("it never stops"));
        }

        player.kill();
        while let Some(words) = player.next() {
            said.note(&words);
        }

        said.check(&path);
        acknowledged += said.held.len() + said.charged.len();
    }
    println!("{kills} kills, {acknowledged} acknowledged commands, 0 lost, 0 invented");
}

#[test]
fn a_log_cut_anywhere_keeps_all_that_was_acknowledged_before_the_cut() {
    let cuts = setting("TOKEN_BUDGET_CUTS", 40);
    let mut dice = Dice::new("cuts");
    let folder = Folder::in_memory();
    let (path, log) = (folder.file("books.db"), folder.file("books.db-wal"));
    let ledger = open_at(&path, 0);
    // How long the log was when so many entries had been acknowledged.
    let mut acknowledged = Vec::new();
    let length = || std::fs::metadata(&log).expect("a log").len();
    for number in 0..25 {
        let (id, _) = hold(&ledger, &team(i64::MAX), &[number], 3_600);
        acknowledged.push((length(), acknowledged.len() + 1));
        charge(&ledger, id, &team(i64::MAX), &[number + 1]);
        acknowledged.push((length(), acknowledged.len() + 1));
    }
    assert!(acknowledged.is_sorted(), "the log began anew, so that its length tells nothing");
    let whole = journal(&ledger);
    let (base, bytes) = (std::fs::read(&path).expect("the file"), std::fs::read(&log).expect("the log"));

    for cut in 0..cuts {
        let (first, last) = (acknowledged[0].0, acknowledged[acknowledged.len() - 1].0);
        let place = first + dice.below(last - first + 1);
        let (path, log) = (folder.file(&format!("cut{cut}.db")), folder.file(&format!("cut{cut}.db-wal")));
        let mut image = bytes[..usize::try_from(place).expect("small")].to_vec();
        // The sector that was being written when the power went holds anything.
        image.extend((0..512).map(|_| dice.next() as u8));
        std::fs::write(&path, &base).expect("an image");
        std::fs::write(&log, &image).expect("an image");

        let ledger = open_at(&path, 0);
        let found = journal(&ledger);

        let expected = acknowledged.iter().filter(|(length, _)| *length <= place).count();
        assert!(found.len() >= expected, "cut at {place}: {} of {expected} entries", found.len());
        assert_eq!(found, whole[..found.len()], "cut at {place}");
        ledger.verify().expect("sound books");
    }
    println!("{cuts} images, 0 acknowledged commands lost");
}
