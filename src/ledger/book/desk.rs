//! How does a batch of commands become a write? By rounds: read, decide, write, and again where somebody else was first.
//!
//! All commands of a batch are decided on pages, one for each tenant, which keep what was read as long as its version stands. So
//! a hot tenant is read once and written once for each batch, however many commands it has.
//!
//! # What a round promises
//! * What is due at its instant ends before anything else, in batches of its own of at most a thousand holds.
//! * An answer is given after its write is there. An answer that writes nothing is given where the version was found to stand
//!   after the command was asked: each round begins with a read.
//! * Where a write found another version, or came too late, all commands of that tenant are decided anew on what is there now.
//! * A write whose outcome nobody knows is followed by a read. What was written then answers as a repeat.

use std::collections::HashMap;

use super::job::Job;
use super::page::StorePage;
use super::shelf::Shelf;
use crate::ledger::store::{Digest, Fault, Store, Version};
use crate::values::{Tenant, Timestamp};
use crate::{Error, ErrorKind};

/// How often a batch is decided anew before its callers are told to ask again.
const TRIES_MAX: usize = 64;

/// The pages of all tenants in use, and the store that they are read from.
#[derive(Debug)]
pub(super) struct Desk<S> {
    pub(super) store: S,
    shelf: Shelf,
    /// The newest write of each tenant that was seen: no later state of the store may lack it.
    pub(super) confirmed: HashMap<Tenant, Confirmed>,
    /// When all old ids of a tenant were last forgotten.
    pub(super) forgot: HashMap<Tenant, Timestamp>,
    /// The latest instant that a read has brought; no round decides for an earlier one.
    pub(super) latest: Timestamp,
    /// As of which instant ids may be forgotten.
    pub(super) forgets_at: Timestamp,
    /// Whether a write of this round came too late, so that later ones are not held to what becomes due.
    pub(super) was_late: bool,
}

/// Until when a write is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// Until the next hold of its tenant is due, or what was decided no longer holds.
    ByDue,
    /// As long as its version stands: it only ends what is due.
    None,
}

/// The newest write of a tenant that was seen: its version, its newest entry, and that entry's link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Confirmed {
    pub(super) version: Version,
    pub(super) entries: u64,
    pub(super) head: Digest,
}

/// How an attempt at a round ended.
enum Attempt {
    Done,
    /// Some tenants have to be decided anew.
    Again,
}

impl<S: Store> Desk<S> {
    pub(super) fn new(store: S) -> Self {
        let shelf = Shelf::new(store.describe().remembers);
        Self {
            store,
            shelf,
            confirmed: HashMap::new(),
            forgot: HashMap::new(),
            latest: Timestamp::MIN,
            forgets_at: Timestamp::MIN,
            was_late: false,
        }
    }

    /// Does all that is asked, and writes it. After an error only jobs that were written already may be answered with success.
    pub(super) fn round(&mut self, jobs: &mut [Box<dyn Job<S>>]) -> Result<(), Fault> {
        self.shelf.tidy(self.latest);
        let mut open: Vec<_> = jobs.iter_mut().filter(|job| job.is_open()).collect();
        self.was_late = false;
        for _ in 0..TRIES_MAX {
            match self.attempt(&mut open) {
                Ok(Attempt::Done) => return Ok(()),
                Ok(Attempt::Again) => {}
                // What was written answers as a repeat, and the next attempt begins with a read.
                Err(Fault::Unknown(_)) => self.shelf.void_all(),
                Err(fault) => {
                    self.give_up();
                    return Err(fault);
                }
            }
        }
        self.give_up();
        let text = "others wrote these books each time that this process tried; send the command again";
        Err(Fault::Unavailable(Error::new(ErrorKind::LedgerUnavailable, text)))
    }

    /// Ends a round that cannot be written.
    fn give_up(&mut self) {
        self.shelf.void_all();
        // Nothing is written by it, and a store that failed has nothing to end.
        let _ = self.store.write(&[]);
    }

    /// Asks the store what these jobs ask, each in a round of its own.
    pub(super) fn ask(&mut self, jobs: &mut [Box<dyn Job<S>>]) -> Result<(), Fault> {
        for job in jobs {
            let asked = job.ask(&mut self.store);
            let ended = self.store.write(&[]);
            asked?;
            ended?;
        }
        Ok(())
    }

    /// One read, decision and write. Where a page turns out to be void before anything is written, all pages of the attempt are: what
    /// the others have decided in it is decided anew as well, on clean pages.
    fn attempt(&mut self, jobs: &mut Vec<&mut Box<dyn Job<S>>>) -> Result<Attempt, Fault> {
        let tenants = tenants_of(jobs);
        if !self.decide(&tenants, jobs)? {
            tenants.iter().for_each(|tenant| self.page(tenant).void());
            return Ok(Attempt::Again);
        }
        let moved = self.write(&tenants, Bound::ByDue)?;
        jobs.retain_mut(|job| {
            let is_open = job.tenant().is_some_and(|tenant| moved.contains(tenant));
            if !is_open {
                job.written();
            }
            is_open
        });
        Ok(if jobs.is_empty() { Attempt::Done } else { Attempt::Again })
    }

    /// Reads what the jobs name, ends what is due, and decides each job on its tenant's page. False where a page was void.
    fn decide(&mut self, tenants: &[Tenant], jobs: &mut [&mut Box<dyn Job<S>>]) -> Result<bool, Fault> {
        if !self.fetch_named(tenants, jobs)? {
            return Ok(false);
        }
        for tenant in tenants {
            if !self.end_due(tenant)? {
                return Ok(false);
            }
        }
        // Whoever left while the store was busy has asked nothing.
        for job in jobs.iter_mut().filter(|job| !job.is_abandoned()) {
            let Some(tenant) = job.tenant().cloned() else { continue };
            if !self.end_due_here(&tenant)? {
                return Ok(false);
            }
            while let Err(lack) = job.work(self.page(&tenant)) {
                if !self.fetch_lack(&tenant, lack)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    pub(super) fn page(&mut self, tenant: &Tenant) -> &mut StorePage {
        self.shelf.page(tenant)
    }
}

/// The tenants of these commands, each once, in one order for all processes: a store that locks tenant by tenant never meets another
/// that waits for it.
fn tenants_of<S>(jobs: &[&mut Box<dyn Job<S>>]) -> Vec<Tenant> {
    let mut tenants: Vec<Tenant> = Vec::new();
    for tenant in jobs.iter().filter_map(|job| job.tenant()) {
        if !tenants.contains(tenant) {
            tenants.push(tenant.clone());
        }
    }
    tenants.sort_by(|one, other| one.name().cmp(other.name()));
    tenants
}
