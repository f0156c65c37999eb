//! Is there room? Reserving and resizing, the only commands that refuse.

use super::book::{Balances, KeptLines, Places, RootBook, check_shape, conflict, fingerprint, negative};
use super::holds::{ExpiryCharge, HoldLine, HoldLines, NewHold, State};
use super::journal::KeptLine;
use super::rows::{Change, NO_ROW};
use crate::ledger::{EntryKind, News, Note, OnExpiry, Outcome, Reply, Reserve, Resize};
use crate::{Balance, Error, ErrorKind, Line, ReservationId, Timestamp};

/// What a look at all lines found.
enum Look {
    Fits,
    Refused,
    Stale,
}

impl RootBook {
    pub(super) fn reserve(&mut self, now: Timestamp, command: &Reserve<'_>) -> Result<Reply, Error> {
        let mut news = self.tick(now);
        check_shape(command.claim, command.amounts)?;
        if let Some(place) = self.holds.find(command.id) {
            return self.reserve_again(place, command, news);
        }
        self.check_age(command.id)?;
        check_expiry(command)?;
        let mut places = Places::new();
        let mut balances = Balances::new();
        let look = self.look(command, &mut places, &mut balances)?;
        if matches!(look, Look::Stale) {
            return Ok(self.reply(Outcome::Stale, Balances::new(), news));
        }
        let frozen = !self.frozen.is_empty() && self.add_frozen(&mut news, command);
        if frozen || matches!(look, Look::Refused) {
            self.explain_rolling(command, &places, &mut balances);
            self.remember_refusal(command)?;
            return Ok(self.reply(Outcome::Refused, balances, news));
        }
        self.hold(command, &mut places)?;
        self.cross(&mut news, command.id, command.claim, &places);
        Ok(self.reply(Outcome::Applied, balances, news))
    }

    /// Reads every line's balance and judges it, without changing any.
    #[inline]
    fn look(
        &mut self,
        command: &Reserve<'_>,
        places: &mut Places,
        balances: &mut Balances,
    ) -> Result<Look, Error> {
        let mut look = Look::Fits;
        for (line, amount) in command.claim.lines().iter().zip(command.amounts) {
            if self.now < line.period.from || self.now >= line.period.until {
                return Ok(Look::Stale);
            }
            if *amount < 0 {
                return Err(negative(&line.account, *amount));
            }
            let place = self.rows.find(self.ledger, &line.account);
            if place != NO_ROW {
                self.rows.advance(place, &line.period);
                if self.rows.get(place).period > line.period.number {
                    return Ok(Look::Stale);
                }
            }
            let balance = self.rows.balance(place, line.period.number);
            if !has_room(line, &balance, *amount)? {
                look = Look::Refused;
            }
            places.push(place);
            balances.push(balance);
        }
        Ok(look)
    }

    fn add_frozen(&self, news: &mut Option<Box<News>>, command: &Reserve<'_>) -> bool {
        let frozen: Vec<_> =
            command.claim.scopes().iter().filter_map(|scope| self.frozen.get(scope)).cloned().collect();
        if frozen.is_empty() {
            return false;
        }
        news.get_or_insert_default().frozen = frozen;
        true
    }

    /// Says of each rolling line without room when it will have some.
    fn explain_rolling(&self, command: &Reserve<'_>, places: &Places, balances: &mut Balances) {
        let lines = command.claim.lines().iter().zip(command.amounts).zip(places);
        for (((line, amount), place), balance) in lines.zip(balances) {
            if line.period.span > 1 && *amount > 0 && balance.used().saturating_add(*amount) > line.ceiling {
                balance.frees_in = self.rows.frees_in(*place, *amount, line.ceiling);
            }
        }
    }

    fn remember_refusal(&mut self, command: &Reserve<'_>) -> Result<(), Error> {
        let new = NewHold {
            id: command.id,
            state: State::Refused,
            fingerprint: fingerprint(command.claim, command.amounts),
            lines: &[],
            unheld: false,
        };
        let place = self.holds.insert(&new).ok_or_else(|| Error::overflow("holds"))?;
        self.remember(place);
        Ok(())
    }

    /// Takes the room that was found.
    #[inline]
    fn hold(&mut self, command: &Reserve<'_>, places: &mut Places) -> Result<(), Error> {
        let mut lines = HoldLines::new();
        let mut changes = KeptLines::new();
        let all = command.claim.lines().iter().zip(command.amounts).zip(places.iter_mut());
        for ((line, amount), place) in all {
            if *place == NO_ROW {
                self.rows.drop_some_idle(self.now);
                *place = self.rows.find_or_make(self.ledger, line)?;
            }
            let row = self.rows.get_mut(*place);
            row.references = row.references.saturating_add(1);
            let period = line.period.number;
            // The row's own period tells the upper half again.
            lines.push(HoldLine { row: *place, period: period as u32, amount: *amount });
            changes.push(KeptLine { row: *place, period, change: Change { spent: 0, reserved: *amount } });
        }
        let fingerprint = fingerprint(command.claim, command.amounts);
        let new = NewHold { id: command.id, state: State::Held, fingerprint, lines: &lines, unheld: false };
        let hold = self.holds.insert(&new).ok_or_else(|| Error::overflow("holds"))?;
        self.set_expiry(hold, command.on_expiry);
        self.holds.schedule(hold, command.expires_at);
        self.post(EntryKind::Reserved, command.id, command.note, &changes);
        Ok(())
    }

    fn set_expiry(&mut self, place: u32, on_expiry: OnExpiry<'_>) {
        self.holds.get_mut(place).on_expiry = match on_expiry {
            OnExpiry::Nothing => ExpiryCharge::Nothing,
            OnExpiry::Hold => ExpiryCharge::Hold,
            OnExpiry::Amounts(amounts) => {
                self.holds.expiry_amounts.insert(place, amounts.into());
                ExpiryCharge::Amounts
            }
        };
    }

    /// The first outcome again, with present balances.
    fn reserve_again(
        &self,
        place: u32,
        command: &Reserve<'_>,
        news: Option<Box<News>>,
    ) -> Result<Reply, Error> {
        let hold = self.holds.get(place);
        let outcome = match hold.state {
            State::Tombstone => return Err(ended(command.id, "was released before it arrived")),
            State::Recorded => return Err(conflict(command.id, "the id belongs to a posting")),
            _ if hold.unheld => return Err(ended(command.id, "was charged before its reserve arrived")),
            _ if hold.fingerprint != fingerprint(command.claim, command.amounts) => {
                let first: Vec<i64> = self.holds.lines(place).iter().map(|line| line.amount).collect();
                return Err(conflict(command.id, &format!("came before with another body (now {first:?})")));
            }
            State::Refused => Outcome::Refused,
            State::Held | State::Charged(_) | State::Released => Outcome::Applied,
        };
        let balances = self.balances_of(command.claim, &self.places(command.claim));
        Ok(Reply { repeated: true, ..self.reply(outcome, balances, news) })
    }

    pub(super) fn resize(&mut self, now: Timestamp, command: &Resize<'_>) -> Result<Reply, Error> {
        let news = self.tick(now);
        check_shape(command.claim, command.amounts)?;
        let place = self.open_hold(command.id)?;
        let lines = self.matching_lines(place, command.claim, command.id)?;
        let places: Places = lines.iter().map(|line| line.row).collect();
        let mut balances = Balances::new();
        let mut changes = KeptLines::new();
        let mut refused = false;
        for ((line, held), amount) in command.claim.lines().iter().zip(&lines).zip(command.amounts) {
            if *amount < 0 {
                return Err(negative(&line.account, *amount));
            }
            let balance = self.rows.balance(held.row, line.period.number);
            let growth = amount.saturating_sub(held.amount);
            let counted = self.rows.counts(held.row, line.period.number);
            refused |= growth > 0 && !(counted && has_room(line, &balance, growth)?);
            balances.push(balance);
            let change = Change { spent: 0, reserved: growth };
            changes.push(KeptLine { row: held.row, period: line.period.number, change });
        }
        if refused {
            return Ok(self.reply(Outcome::Refused, balances, news));
        }
        self.holds.set_amounts(place, command.amounts);
        if let Some(expires_at) = command.expires_at {
            self.holds.unschedule(place);
            self.holds.schedule(place, expires_at);
        }
        if changes.iter().any(|line| line.change != Change::default()) {
            self.resize_rows(command.id, &changes);
        }
        let mut news = news;
        self.cross(&mut news, command.id, command.claim, &places);
        for line in &changes {
            self.rows.close(line.row, line.period);
        }
        Ok(self.reply(Outcome::Applied, balances, news))
    }

    fn resize_rows(&mut self, id: ReservationId, changes: &KeptLines) {
        for line in changes {
            self.rows.apply(line.row, line.period, line.change);
        }
        let note = Note::default();
        let entry = super::journal::NewEntry {
            at: self.now,
            id,
            kind: EntryKind::Resized,
            note: &note,
            signature: None,
        };
        self.write(&entry, changes);
    }

    /// The place of a live hold, or an error that says what became of it.
    fn open_hold(&self, id: ReservationId) -> Result<u32, Error> {
        let place = self.holds.find(id).ok_or_else(|| ended(id, "is not known here"))?;
        match self.holds.get(place).state {
            State::Held => Ok(place),
            state => Err(ended(id, state_text(state))),
        }
    }
}

/// What a hold is to be charged by age must stand beside its lines, like its amounts.
fn check_expiry(command: &Reserve<'_>) -> Result<(), Error> {
    let OnExpiry::Amounts(amounts) = command.on_expiry else { return Ok(()) };
    check_shape(command.claim, amounts)?;
    let mut lines = command.claim.lines().iter().zip(amounts);
    match lines.find(|(_, amount)| **amount < 0) {
        Some((line, amount)) => Err(negative(&line.account, *amount)),
        None => Ok(()),
    }
}

/// The one inequality. A line of amount zero always has room.
#[inline]
fn has_room(line: &Line, balance: &Balance, amount: i64) -> Result<bool, Error> {
    if amount == 0 {
        return Ok(true);
    }
    let used = balance.spent.checked_add(balance.reserved).and_then(|used| used.checked_add(amount));
    match used {
        Some(used) => Ok(used <= line.ceiling),
        None if line.ceiling == i64::MAX => Err(Error::overflow(&line.account.to_string())),
        None => Ok(false),
    }
}

pub(super) fn ended(id: ReservationId, problem: &str) -> Error {
    Error::new(ErrorKind::State, format!("reservation {id} {problem}; nothing was changed"))
}

pub(super) fn state_text(state: State) -> &'static str {
    use crate::ledger::Rank;
    match state {
        State::Held => "is still open",
        State::Charged(Rank::Expired) => "has expired",
        State::Charged(Rank::Provisional) => "was abandoned and is charged what it held",
        State::Charged(Rank::Estimated) => "is charged what was counted",
        State::Charged(Rank::Reported) => "is charged what the provider reported",
        State::Released => "was released",
        State::Refused => "was refused",
        State::Tombstone => "was released before it arrived",
        State::Recorded => "is a posting, not a hold",
    }
}
