//! The rules of a hold, once, for every ledger over a store.
//!
//! The ledger in memory keeps them in a form of its own so far; the game of the conformance suite compares the two.
//!
//! Each command is a function of what is known (a [`Page`]), the command, and the page's instant. It answers, and writes what
//! changed back to the page. Nothing here reads a clock, a file or a socket, so a rule is checked by reading it, and every backend
//! gets the same edge (exactly at the ceiling, a refund of exactly the rest).
//!
//! | Command | Function | File |
//! |---|---|---|
//! | reserve, resize | [`reserve`], [`resize`] | `admit`: is there room? |
//! | reconcile, release | [`reconcile`], [`release`] | `end`: what was really used? |
//! | expiry | [`expire`] | `expire`: what becomes of a hold at its age? |
//! | record | [`record`] | `post`: what is posted without a hold? |
//! | mark | [`mark`] | `mark`: which scopes admit nothing? |
//!
//! # Looking before changing
//! A command first looks at everything that it needs, then decides, then changes. A look may find that the page does not know a row
//! ([`Stop::Missing`]): the command then has changed nothing, and is tried again once the row was read. A page that knows all its rows
//! can say so by a `Missing` without values.
//!
//! # What a page is trusted with
//! A page keeps figures and names; it judges nothing. The arithmetic of rows that ledgers share (which thresholds are new, when does
//! a rolling line have room) stands in `rules`.

mod admit;
mod end;
mod expire;
mod mark;
mod post;

use smallvec::SmallVec;

pub(crate) use self::admit::{reserve, resize};
pub(crate) use self::end::{reconcile, release};
pub(crate) use self::expire::expire;
pub(crate) use self::mark::mark;
pub(crate) use self::post::record;
use super::rules::State;
use super::rules::rows::Fired;
use super::{
    Attribution, Effects, EntryKind, FrozenScope, MarkScope, Note, OnExpiry, Outcome, Reached, Reply,
};
use crate::values::{Account, Balance, Claim, ClaimLine, ReservationId, Timestamp};
use crate::{Error, ErrorKind, Scope};

/// Why a command has no reply.
#[derive(Debug)]
pub(crate) enum Stop<M> {
    /// The page does not know a row that the command needs. Nothing has changed.
    Missing(M),
    /// The command cannot be obeyed. Nothing has changed.
    Answer(Error),
}

impl<M> From<Error> for Stop<M> {
    fn from(error: Error) -> Self {
        Self::Answer(error)
    }
}

/// What a look at a page finds, or why it stops.
pub(crate) type Looked<T, P> = Result<T, Stop<<P as Page>::Missing>>;

/// What is known of one tenant, at one instant, and where changes go.
///
/// Methods that answer [`Looked`] only look. The others change, and cannot fail: what they are given was looked at before.
pub(crate) trait Page {
    /// A row that the page does not know.
    type Missing;
    /// What a call is about, as this page names it.
    type About: Clone;

    /// The instant for which commands are decided; it never runs backwards.
    fn now(&self) -> Timestamp;
    /// Refuses an id that is not known here and may have been forgotten, or is made for a day to come.
    fn check_age(&self, id: ReservationId) -> Result<(), Error>;
    /// A hash of a command's lines and amounts, by which a repeat is told from another body.
    fn body(&self, claim: &Claim, amounts: &[i64]) -> u128;
    /// What is remembered of that id.
    fn known(&self, id: ReservationId) -> Looked<Option<Known<Self::About>>, Self>;
    /// The number of that account, if it has one. A name that could never be read back is an error.
    fn find(&self, account: &Account) -> Looked<Option<u32>, Self>;
    /// The account of that number.
    fn account(&self, number: u32) -> Looked<Account, Self>;
    /// The newest period that any command has named on that account.
    fn newest(&self, number: u32) -> Looked<i64, Self>;
    /// What counts in that period, over its whole span; `None` where the page no longer counts so old a period.
    fn balance(&self, number: u32, period: i64) -> Looked<Option<Balance>, Self>;
    /// Whether the change can be made without a sum that does not fit.
    fn fits(&self, line: &Line) -> Looked<bool, Self>;
    /// After how many sub-periods beyond that period the amount fits under the line's ceiling; `None` where it never does, or
    /// nothing rolls.
    fn frees_in(&self, number: u32, line: &ClaimLine, amount: i64) -> Looked<Option<u32>, Self>;
    /// The mark that stands on that scope.
    fn frozen(&self, scope: &Scope) -> Looked<Option<FrozenScope>, Self>;

    /// Numbers of the claim's accounts, each made where there is none and moved on to its line's period.
    ///
    /// # Errors
    /// Where no further account can be numbered. Nothing that counts has changed.
    fn open(&mut self, claim: &Claim) -> Result<Numbers, Error>;
    /// Makes a change that fits; the balance after it, over the whole span.
    fn apply(&mut self, line: &Line) -> Balance;
    /// The thresholds of the line that its spent money has reached for the first time in the period, noted as told from now on.
    fn fire(&mut self, number: u32, line: &ClaimLine) -> Fired;
    /// What that note's call is about, as this page names it.
    fn about(&mut self, note: &Note) -> Self::About;
    /// Remembers an id, in place of what was remembered of it.
    fn keep(&mut self, known: Known<Self::About>);
    /// Remembers, in this process alone, that an id was refused.
    fn refused(&mut self, id: ReservationId, body: u128);
    /// Writes a mark, or takes it away.
    fn set_mark(&mut self, command: &MarkScope<'_>);
    /// Notes that what was decided holds only before that instant.
    fn holds_until(&mut self, until: Timestamp);
    /// Writes a journal entry of now.
    fn write(&mut self, entry: Written<'_, Self::About>, lines: &[Line]);
    /// Notes that the threshold which the last entry tells waits to be delivered.
    fn pending(&mut self, reached: &Reached);
    /// What the next reply is to tell.
    fn effects(&mut self) -> &mut Effects;
    /// The same, taken.
    fn take_effects(&mut self) -> Option<Box<Effects>>;
}

/// What is remembered of one id: an open hold, or the answer of what has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Known<A> {
    /// The id that its caller made.
    pub id: ReservationId,
    /// Whether it is open, and if not, how it ended.
    pub state: State,
    /// A hash of what was first asked.
    pub body: u128,
    /// When it ends by itself; the last instant of all for what was never open. Until when an imported row is remembered.
    pub expires_at: Timestamp,
    /// What it is charged then.
    pub on_expiry: ExpiryCharge,
    /// Whether it was charged or posted without ever having been held.
    pub unheld: bool,
    /// When it ended; nothing while it is open.
    pub ended_at: Option<Timestamp>,
    /// What its first command said of its call.
    pub about: A,
    /// What it holds, or was charged, on each account, in the order of its claim.
    pub lines: SmallVec<[KnownLine; 8]>,
}

pub(crate) type KnownLines = SmallVec<[KnownLine; 8]>;

/// What a hold is charged when it ends by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryCharge {
    /// The call was never sent: nothing is charged.
    Nothing,
    /// What it holds at that moment, resizes included.
    Hold,
    /// Amounts that the reserve stated, line by line.
    Amounts,
}

/// One line of a known id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownLine {
    /// The account's number.
    pub account: u32,
    /// The period as first resolved; a late charge lands there as well.
    pub period: i64,
    /// While it lives what it holds, afterwards what it was charged.
    pub amount: i64,
    /// How much of the charge was given back since, by refunds.
    pub refunded: i64,
    /// What this line is charged by age, where the reserve stated amounts.
    pub on_expiry: i64,
}

/// A change to one period of one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The account's number.
    pub account: u32,
    /// The period whose balance changes.
    pub period: i64,
    /// Added to what is spent; below zero for a refund.
    pub spent: i64,
    /// Added to what is reserved; below zero as a hold ends.
    pub reserved: i64,
}

pub(crate) type Lines = SmallVec<[Line; 8]>;
pub(crate) type Numbers = SmallVec<[u32; 8]>;
pub(crate) type Balances = SmallVec<[Balance; 8]>;

/// A journal entry before it has a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'a, A> {
    /// What happened.
    pub(crate) kind: EntryKind,
    /// The id of the command, or of the hold that expired.
    pub(crate) id: ReservationId,
    /// What its call is about.
    pub(crate) about: Option<&'a A>,
    /// What the command said of usage and end.
    pub(crate) note: &'a Note,
    /// Who did it and why, where a person did.
    pub(crate) attribution: Option<&'a Attribution>,
    /// The scope that was marked.
    pub(crate) scope: Option<&'a Scope>,
}

impl<'a, A> Written<'a, A> {
    /// An entry that nobody signed.
    fn new(kind: EntryKind, id: ReservationId, about: &'a A, note: &'a Note) -> Self {
        Self { kind, id, about: Some(about), note, attribution: None, scope: None }
    }

    /// An entry that the ledger writes by itself.
    fn bare(kind: EntryKind, id: ReservationId) -> Self {
        Self { kind, id, about: None, note: &Note::NONE, attribution: None, scope: None }
    }
}

impl<A> Known<A> {
    /// An id that is remembered from now on.
    fn new(id: ReservationId, state: State, body: u128, about: A, lines: KnownLines) -> Self {
        Self {
            id,
            state,
            body,
            expires_at: Timestamp::MAX,
            on_expiry: ExpiryCharge::Nothing,
            unheld: false,
            ended_at: None,
            about,
            lines,
        }
    }

    /// An id that was refused, and holds nothing.
    pub(crate) fn refused(id: ReservationId, body: u128, about: A) -> Self {
        Self::new(id, State::Refused, body, about, KnownLines::new())
    }

    /// What each line holds, or was charged.
    fn amounts(&self) -> Vec<i64> {
        self.lines.iter().map(|line| line.amount).collect()
    }

    /// The same id as it stands once it has ended, charged these amounts.
    fn ended(mut self, now: Timestamp, state: State, charges: impl IntoIterator<Item = i64>) -> Self {
        self.state = state;
        self.ended_at = Some(now);
        self.lines.iter_mut().zip(charges).for_each(|(line, charge)| line.amount = charge);
        self
    }
}

impl From<OnExpiry<'_>> for ExpiryCharge {
    fn from(on_expiry: OnExpiry<'_>) -> Self {
        match on_expiry {
            OnExpiry::Nothing => Self::Nothing,
            OnExpiry::Hold => Self::Hold,
            OnExpiry::Amounts(_) => Self::Amounts,
        }
    }
}

/// An answer of now, with all that came to light.
fn reply<P: Page>(page: &mut P, outcome: Outcome, balances: Balances) -> Reply {
    let effects = page.take_effects();
    Reply { outcome, repeated: false, unheld: false, replaced: None, now: page.now(), balances, effects }
}

/// The balances of a claim's lines as they stand now; an account that nobody has named is empty.
fn balances_of<P: Page>(page: &P, claim: &Claim) -> Looked<Balances, P> {
    claim.lines().iter().map(|line| balance_of(page, line)).collect()
}

fn balance_of<P: Page>(page: &P, line: &ClaimLine) -> Looked<Balance, P> {
    let Some(number) = page.find(&line.account)? else { return Ok(Balance::default()) };
    Ok(page.balance(number, line.period.number)?.unwrap_or_default())
}

/// Whether the claim names the lines of that id: the same accounts and periods, in the same order.
fn are_lines<P: Page, A>(page: &P, known: &Known<A>, claim: &Claim) -> Looked<bool, P> {
    if known.lines.len() != claim.lines().len() {
        return Ok(false);
    }
    for (held, line) in known.lines.iter().zip(claim.lines()) {
        if held.period != line.period.number || page.find(&line.account)? != Some(held.account) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Refuses changes of which a sum does not fit.
fn check_fits<P: Page>(page: &P, lines: &[Line]) -> Looked<(), P> {
    for line in lines {
        if !page.fits(line)? {
            return Err(Error::overflow(&page.account(line.account)?.to_string()).into());
        }
    }
    Ok(())
}

/// Looks at what posting these amounts without a hold needs, and refuses what cannot be posted.
///
/// Such a charge may be of a past period and never of a coming one: an account that ran ahead would answer `Stale` to every call of
/// the present.
fn check_new<P: Page>(page: &P, claim: &Claim, amounts: &[i64]) -> Looked<(), P> {
    for (line, spent) in claim.lines().iter().zip(amounts) {
        if line.period.from > page.now() {
            return Err(
                Error::invalid("claim", format!("the period of {} has not begun", line.account)).into()
            );
        }
        if let Some(account) = page.find(&line.account)? {
            check_fits(page, &[Line { account, period: line.period.number, spent: *spent, reserved: 0 }])?;
        }
    }
    look_at_thresholds(page, claim)
}

/// Looks at the balances by which thresholds are judged once the command is done, so that no row is missing then.
fn look_at_thresholds<P: Page>(page: &P, claim: &Claim) -> Looked<(), P> {
    claim.lines().iter().filter(|line| !line.thresholds.is_empty()).try_for_each(|line| {
        balance_of(page, line)?;
        Ok(())
    })
}

/// What posting these amounts changes.
fn new_lines(claim: &Claim, numbers: &[u32], amounts: &[i64]) -> Lines {
    let all = claim.lines().iter().zip(numbers).zip(amounts);
    all.map(|((line, number), amount)| Line {
        account: *number,
        period: line.period.number,
        spent: *amount,
        reserved: 0,
    })
    .collect()
}

/// Makes the changes and writes their entry; the balances after them.
fn post<P: Page>(page: &mut P, entry: Written<'_, P::About>, lines: &[Line]) -> Balances {
    let balances = lines.iter().map(|line| page.apply(line)).collect();
    page.write(entry, lines);
    balances
}

/// Tells of each threshold that spent money has reached on the claim's lines, lowest first, with an entry for each.
///
/// A refusal makes no account, and where there is none nothing is spent.
fn cross<P: Page>(page: &mut P, id: ReservationId, claim: &Claim) {
    for line in claim.lines().iter().filter(|line| !line.thresholds.is_empty()) {
        let Ok(Some(account)) = page.find(&line.account) else { continue };
        let period = line.period.number;
        for (tier, at) in page.fire(account, line) {
            let Ok(Some(Balance { spent, .. })) = page.balance(account, period) else { continue };
            let reached = Reached { account: line.account.clone(), period, tier, at, spent };
            let told = Line { account, period, spent: 0, reserved: 0 };
            page.write(Written::bare(EntryKind::Reached(tier), id), &[told]);
            page.pending(&reached);
            page.effects().reached.push(reached);
        }
    }
}

/// An id that is older than what is remembered, so that nobody can tell whether it was executed before.
pub(crate) fn forgotten(id: ReservationId, remembers: std::time::Duration) -> Error {
    let text = format!(
        "reservation {id}: older than the {} s that this ledger remembers; use a new id",
        remembers.as_secs()
    );
    Error::new(ErrorKind::Forgotten, text)
}
