//! Which write gets lost, on its way there or on its answer's way back?

use crate::ledger::store;
use crate::testing::conformance::Fault;
use crate::{Error, ErrorKind};

/// The write that is to be lost.
#[derive(Debug, Default)]
pub(in crate::testing) struct Plan(Option<(u64, Fault)>);

impl Plan {
    /// So many writes from now; zero is the next one.
    pub(in crate::testing) fn lose(&mut self, write: u64, fault: Fault) {
        self.0 = Some((write, fault));
    }

    /// What is planned for the write that is made now.
    pub(in crate::testing) fn next(&mut self) -> Option<Fault> {
        match self.0.take() {
            Some((0, fault)) => Some(fault),
            later => {
                self.0 = later.map(|(writes, fault)| (writes.saturating_sub(1), fault));
                None
            }
        }
    }
}

/// What is heard of a write that was lost, either way.
pub(in crate::testing) fn lost() -> store::Fault {
    store::Fault::Unknown(Error::new(ErrorKind::LedgerUnavailable, "the answer of a write was lost"))
}
