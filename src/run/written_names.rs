//! Which tools does a run limit by name, as its books have it?
//!
//! Books keep a figure for each line and are asked by a line's name, so that a name which nobody says is never found.
//! The names are therefore written as figures: seven bytes of their text in each, under a key that is a hash of all of
//! them. They are written before the limits; where an opening breaks off in between or somebody else's limits are
//! first, they stand under a key that no limits name, and nobody reads them.

use std::collections::{BTreeMap, BTreeSet};

use super::figures::LineBalances;
use super::limits::line;
use super::opened::Opened;
use super::post::{amounts, bind_own, charge_if_it_fits, under};
use super::written_words::{KEY, PIECES, scope_text};
use crate::ledger::OnExpiry;
use crate::policy::Budget;
use crate::values::fnv::fnv64;
use crate::values::{Account, ShortText, Unit};
use crate::{Enforcer, Error, ErrorKind, Scope};

/// One of the figures that carry the names.
const PIECE: &str = "run limit name";

/// What divides names, none of which has a control character.
const BETWEEN: &str = "\n";

/// How many bytes one figure carries: their sum with one stays below the largest figure of a run.
const BYTES: usize = 7;

/// How many figures are written or read at once, below the most that one claim carries.
const AT_ONCE: usize = 200;

/// Names of tools as the figures that carry them.
#[derive(Debug)]
pub(super) struct WrittenNames {
    key: i64,
    pieces: Vec<i64>,
}

impl WrittenNames {
    pub(super) fn of<'a>(names: impl IntoIterator<Item = &'a ShortText>) -> Self {
        let sorted: BTreeSet<&str> = names.into_iter().map(ShortText::as_str).collect();
        let text = sorted.into_iter().collect::<Vec<_>>().join(BETWEEN);
        Self { key: key(&text), pieces: text.as_bytes().chunks(BYTES).map(piece).collect() }
    }

    /// What stands beside the limits, so that the names are found; nothing where there is no name.
    pub(super) fn figures(&self) -> Option<[(&'static str, i64); 2]> {
        let count = i64::try_from(self.pieces.len()).unwrap_or(i64::MAX);
        (count > 0).then_some([(KEY, self.key), (PIECES, count)])
    }

    /// Writes the names, unless they stand there already.
    pub(super) async fn write(&self, enforcer: &Enforcer, run: &Opened) -> Result<(), Error> {
        let scope = run.scope();
        let figures: BTreeMap<String, i64> =
            ids(self.key, self.pieces.len()).zip(self.pieces.clone()).collect();
        let figure = |account: &Account| figures.get(account.budget()).copied().unwrap_or(0);
        for ids in figures.keys().collect::<Vec<_>>().chunks(AT_ONCE) {
            let lines = ids.iter().map(|id| piece_line(id, scope)).collect();
            let binding = bind_own(enforcer, &run.call_for([scope.clone()]), lines)?;
            // Who finds them written is refused: the same key has the same names.
            let claim = under(&binding, &[], |line| figure(&line.account))?;
            let asked = amounts(&claim, figure);
            charge_if_it_fits(enforcer.core(), &claim, &asked, OnExpiry::Hold).await?;
        }
        Ok(())
    }
}

/// The names that stand under that key, in so many figures.
pub(super) async fn read_names(
    enforcer: &Enforcer,
    run: &Opened,
    (key, pieces): (i64, i64),
) -> Result<Vec<ShortText>, Error> {
    let scope = run.scope();
    let mut bytes = Vec::new();
    let ids: Vec<String> = ids(key, usize::try_from(pieces).unwrap_or(0)).collect();
    for ids in ids.chunks(AT_ONCE) {
        let lines = ids.iter().map(|id| piece_line(id, scope)).collect();
        let figures = LineBalances::read_lines(enforcer, run, lines).await?;
        let figures = ids.iter().map(|id| figures.get(scope, id, &Unit::Requests).used());
        bytes.extend(figures.flat_map(|figure| figure.to_be_bytes().into_iter().skip(1)));
    }
    let text = String::from_utf8(bytes).unwrap_or_default();
    let text = text.trim_end_matches('\0');
    if self::key(text) != key {
        let text =
            format!("{}: the names of the tools that it limits are not what was written", scope_text(scope));
        return Err(Error::new(ErrorKind::Damaged, text));
    }
    Ok(text.split(BETWEEN).map(Into::into).collect())
}

/// The names of the lines that carry so many pieces.
fn ids(key: i64, pieces: usize) -> impl Iterator<Item = String> {
    // Of one width, so that their order is that of the text.
    (0..pieces).map(move |place| format!("{PIECE} {key:014x} {place:04}"))
}

fn piece_line(id: &str, scope: &Scope) -> Budget {
    line(id, scope, Unit::Requests, None)
}

/// Up to seven bytes of text as one figure, the first byte highest: `"a"` is 0x61 and six zero bytes.
fn piece(bytes: &[u8]) -> i64 {
    let mut figure = [0; 8];
    figure.iter_mut().skip(1).zip(bytes).for_each(|(to, from)| *to = *from);
    i64::from_be_bytes(figure)
}

/// A hash of the text of as many bytes as a figure carries.
fn key(text: &str) -> i64 {
    i64::try_from(fnv64(text.as_bytes()).wrapping_shr(8)).unwrap_or(i64::MAX)
}
