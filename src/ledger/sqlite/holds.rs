//! Which ids are known, and what does each hold?
//!
//! One table for every id that is remembered: open holds, charges, releases, refusals,
//! tombstones, postings. So "is this id known, and as what?" is one look-up by tenant and
//! id. The seal covers the row and its lines, so a line that is missing or changed is
//! found when the hold is next read.
//!
//! Ids sort by their time, as bytes. Old ids are therefore forgotten from the front of
//! the index, some hundred at a time, in the transaction of another command.
//!
//! | state | has lines | ends or ended by |
//! | --- | --- | --- |
//! | held | what it holds | reconcile, release, or its expiry |
//! | expired, provisional, estimated, reported | what was charged | a surer figure replaces it; below reported a release withdraws it |
//! | released | zeros | usage that comes late is still recorded |
//! | refused, tombstone | none | usage that comes all the same replaces the row |
//! | recorded | what was posted | nothing: a posting is corrected by another posting |

use rusqlite::{Connection, OptionalExtension, params};
use smallvec::SmallVec;

use super::fault::{Fault, StoreError, damaged};
use super::seal::{Ink, id_bytes};
use super::text;
use crate::ledger::rules::State;
use crate::values::{ReservationId, Timestamp};

/// A known id: an open hold, or the remembered answer of what has ended.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    /// Its number in the file; zero until it is written.
    pub(super) number: i64,
    /// The id that its caller made.
    pub(super) id: ReservationId,
    /// Whether it is open, and if not, how it ended.
    pub(super) state: State,
    /// A hash of what was first asked, by which a repeat is told from a conflict.
    pub(super) body: [u8; 16],
    /// When it ends by itself; the last instant of all for what was never open.
    pub(super) expires_at: Timestamp,
    /// What it is charged then.
    pub(super) on_expiry: ExpiryCharge,
    /// Whether it was charged without ever having been held.
    pub(super) unheld: bool,
    /// When it ended; nothing while it is open. Forgetting counts from here.
    pub(super) ended_at: Option<Timestamp>,
    /// The number of what its commands said about their call.
    pub(super) call: Option<i64>,
    /// What it holds, or was charged, on each account.
    pub(super) lines: HoldLines,
}

pub(super) type HoldLines = SmallVec<[HoldLine; 8]>;

/// What a hold is charged if it ends by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpiryCharge {
    /// The call was never sent: nothing is charged.
    Nothing,
    /// What it holds at that moment, resizes included.
    Hold,
    /// Amounts that the reserve stated, line by line.
    Amounts,
}

/// One line of a hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HoldLine {
    /// The account's number.
    pub(super) account: i64,
    /// The period as first resolved; a late charge lands there as well.
    pub(super) period: i64,
    /// What the hold holds while it lives, afterwards what it was charged.
    pub(super) amount: i64,
    /// How much of the charge has been taken back by refunds.
    pub(super) refunded: i64,
    /// What this line is charged on expiry, if the reserve stated amounts.
    pub(super) on_expiry: Option<i64>,
}

impl Hold {
    /// An id that is written for the first time.
    pub(super) fn new(id: ReservationId, state: State, body: [u8; 16], lines: HoldLines) -> Self {
        Self {
            number: 0,
            id,
            state,
            body,
            expires_at: Timestamp::MAX,
            on_expiry: ExpiryCharge::Nothing,
            unheld: false,
            ended_at: None,
            call: None,
            lines,
        }
    }

    /// What is charged when it ends by age.
    pub(super) fn expiry_charges(&self) -> SmallVec<[i64; 8]> {
        let charge = |line: &HoldLine| match self.on_expiry {
            ExpiryCharge::Nothing => 0,
            ExpiryCharge::Hold => line.amount,
            ExpiryCharge::Amounts => line.on_expiry.unwrap_or(0),
        };
        self.lines.iter().map(charge).collect()
    }

    pub(super) fn set_amounts(&mut self, amounts: &[i64]) {
        self.lines.iter_mut().zip(amounts).for_each(|(line, amount)| line.amount = *amount);
    }

    /// The checksum over the row and its lines.
    fn seal(&self, tenant: i64) -> i64 {
        let mut ink = Ink::of("hold");
        ink.int(tenant).bytes(&id_bytes(self.id)).text(text::state(self.state)).bytes(&self.body);
        ink.int(self.expires_at.as_nanos()).text(self.on_expiry.text()).int(i64::from(self.unheld));
        ink.maybe_int(self.ended_at.map(Timestamp::as_nanos)).maybe_int(self.call);
        for line in &self.lines {
            ink.int(line.account).int(line.period).int(line.amount).int(line.refunded);
            ink.maybe_int(line.on_expiry);
        }
        ink.seal()
    }
}

impl ExpiryCharge {
    fn text(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Hold => "hold",
            Self::Amounts => "amounts",
        }
    }

    fn read(text: &str) -> Result<Self, StoreError> {
        Ok(match text {
            "nothing" => Self::Nothing,
            "hold" => Self::Hold,
            "amounts" => Self::Amounts,
            other => return Err(damaged(format!("{other:?} is no charge on expiry of this version"))),
        })
    }
}

/// Reads holds with the columns that [`read`] expects.
macro_rules! select {
    ($where:literal) => {
        concat!(
            "SELECT hold, id, state, body, expires_at, on_expiry, unheld, ended_at, call, seal, tenant FROM holds ",
            $where
        )
    };
}

/// The hold of that id, with its lines, checked against its seal.
pub(super) fn find(file: &Connection, tenant: i64, id: ReservationId) -> Result<Option<Hold>, Fault> {
    let mut find = file.prepare_cached(select!("WHERE tenant = ? AND id = ?"))?;
    let found = find.query_row(params![tenant, id_bytes(id)], |row| Ok(read(file, row))).optional()?;
    Ok(found.transpose()?)
}

/// The open hold that ends first.
pub(super) fn next_due(file: &Connection, tenant: i64) -> Result<Option<Hold>, Fault> {
    let mut find =
        file.prepare_cached(select!("WHERE tenant = ? AND state = 'held' ORDER BY expires_at, id LIMIT 1"))?;
    let found = find.query_row([tenant], |row| Ok(read(file, row))).optional()?;
    Ok(found.transpose()?)
}

/// The open holds of one tenant, oldest first.
pub(super) fn open_of(file: &Connection, tenant: i64, limit: usize) -> Result<Vec<Hold>, Fault> {
    let mut find = file.prepare_cached(select!("WHERE tenant = ? AND state = 'held' ORDER BY id LIMIT ?"))?;
    let mut rows = find.query(params![tenant, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut open = Vec::new();
    while let Some(row) = rows.next()? {
        open.push(read(file, row)?);
    }
    Ok(open)
}

/// Hands every known id of all tenants to `each`.
pub(super) fn each(file: &Connection, mut each: impl FnMut(Hold)) -> Result<(), StoreError> {
    let mut read_all = file.prepare(select!("ORDER BY hold"))?;
    let mut rows = read_all.query([])?;
    while let Some(row) = rows.next()? {
        each(read(file, row)?);
    }
    Ok(())
}

/// Writes a new id with its lines.
pub(super) fn insert(file: &Connection, tenant: i64, hold: &Hold) -> Result<(), Fault> {
    let mut write = file.prepare_cached(
        "INSERT INTO holds (tenant, id, state, body, expires_at, on_expiry, unheld, ended_at, call, seal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let number = write.insert(params![
        tenant,
        id_bytes(hold.id),
        text::state(hold.state),
        hold.body,
        hold.expires_at.as_nanos(),
        hold.on_expiry.text(),
        hold.unheld,
        hold.ended_at.map(Timestamp::as_nanos),
        hold.call,
        hold.seal(tenant),
    ])?;
    let mut write = file.prepare_cached("INSERT INTO hold_lines VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for (at, line) in hold.lines.iter().enumerate() {
        let (amount, refunded) = (line.amount, line.refunded);
        write.execute(params![
            number,
            at as i64,
            line.account,
            line.period,
            amount,
            refunded,
            line.on_expiry
        ])?;
    }
    Ok(())
}

/// Writes what has changed about a known id; lines that equal those in `before` are not
/// written.
pub(super) fn update(file: &Connection, tenant: i64, hold: &Hold, before: &[HoldLine]) -> Result<(), Fault> {
    let mut write = file.prepare_cached(
        "UPDATE holds SET state = ?2, expires_at = ?3, unheld = ?4, ended_at = ?5, seal = ?6 WHERE hold = ?1",
    )?;
    write.execute(params![
        hold.number,
        text::state(hold.state),
        hold.expires_at.as_nanos(),
        hold.unheld,
        hold.ended_at.map(Timestamp::as_nanos),
        hold.seal(tenant),
    ])?;
    let mut write = file
        .prepare_cached("UPDATE hold_lines SET amount = ?3, refunded = ?4 WHERE hold = ?1 AND line = ?2")?;
    for (at, (line, before)) in hold.lines.iter().zip(before).enumerate() {
        if line != before {
            write.execute(params![hold.number, at as i64, line.amount, line.refunded])?;
        }
    }
    Ok(())
}

/// Forgets an id, because it is written anew or has become too old.
pub(super) fn delete(file: &Connection, number: i64) -> Result<(), Fault> {
    file.prepare_cached("DELETE FROM holds WHERE hold = ?")?.execute([number])?;
    Ok(())
}

/// Forgets some ids that ended before `cutoff` and bear a time before it; returns whether
/// there may be more. At most 256 at once, so that no command waits long for it.
pub(super) fn forget_some(file: &Connection, tenant: i64, cutoff: Timestamp) -> Result<bool, Fault> {
    const AT_ONCE: usize = 256;
    // The first id that is not yet too old: its time is counted in whole milliseconds, rounded up.
    let millis = cutoff.as_nanos().max(0).saturating_add(999_999).div_euclid(1_000_000);
    let first_kept = u128::from(millis.unsigned_abs()).wrapping_shl(80).to_be_bytes();
    let mut forget = file.prepare_cached(
        "DELETE FROM holds WHERE hold IN (SELECT hold FROM holds WHERE tenant = ?1 AND id < ?2
         AND state <> 'held' AND ended_at < ?3 ORDER BY id LIMIT 256)",
    )?;
    let forgotten = forget.execute(params![tenant, first_kept, cutoff.as_nanos()])?;
    Ok(forgotten == AT_ONCE)
}

/// A hold with its lines, checked against its seal.
fn read(file: &Connection, row: &rusqlite::Row<'_>) -> Result<Hold, StoreError> {
    let number = row.get(0)?;
    let state = text::read_state(row.get_ref(2)?.as_str().map_err(not_text)?)?;
    // What holds nothing any more, and never did, has no lines to fetch.
    let lines = match state {
        State::Refused | State::Tombstone => HoldLines::new(),
        _ => read_lines(file, number)?,
    };
    let hold = Hold {
        number,
        id: ReservationId::from_bits(u128::from_be_bytes(row.get(1)?)),
        state,
        body: row.get(3)?,
        expires_at: Timestamp::from_nanos(row.get(4)?),
        on_expiry: ExpiryCharge::read(row.get_ref(5)?.as_str().map_err(not_text)?)?,
        unheld: row.get(6)?,
        ended_at: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_nanos),
        call: row.get(8)?,
        lines,
    };
    if hold.seal(row.get(10)?) != row.get::<_, i64>(9)? {
        return Err(damaged(format!("reservation {}: its seal does not fit", hold.id)));
    }
    Ok(hold)
}

fn read_lines(file: &Connection, number: i64) -> Result<HoldLines, StoreError> {
    let mut read = file.prepare_cached(
        "SELECT account, period, amount, refunded, on_expiry, line FROM hold_lines WHERE hold = ? ORDER BY line",
    )?;
    let mut rows = read.query([number])?;
    let mut lines = HoldLines::new();
    while let Some(row) = rows.next()? {
        // Lines are changed by their number, which no seal covers.
        if row.get::<_, i64>(5)? != lines.len() as i64 {
            return Err(damaged(format!("a line of hold {number} is missing")));
        }
        lines.push(HoldLine {
            account: row.get(0)?,
            period: row.get(1)?,
            amount: row.get(2)?,
            refunded: row.get(3)?,
            on_expiry: row.get(4)?,
        });
    }
    Ok(lines)
}

fn not_text(_: rusqlite::types::FromSqlError) -> StoreError {
    damaged("a text is none")
}
