//! What does an enforcer ask of whoever keeps runs?

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{Admission, Enforcer, Prepared};
use crate::policy::Budget;
use crate::{Call, Error};

/// The answer for a call that names a run; nothing where the run was never opened.
///
/// In a box: an ordinary call does not carry what opening a run would take.
pub(crate) type InRun<'a, T> = Pin<Box<dyn Future<Output = Result<Option<T>, Error>> + Send + 'a>>;

/// Whoever keeps runs.
///
/// A call that names a run is held to the run's limits, whichever way it goes out, also where no guard is open in
/// this process and the limits must be read from the books. Runs are built on the enforcer, so the enforcer cannot
/// name them: it knows this, and [`assemble`](crate::assemble) puts both together.
pub(crate) trait Runs: Send + Sync + 'static {
    /// Holds room in the run's limits, too.
    fn reserve<'a>(&self, enforcer: &'a Enforcer, call: &'a Call) -> InRun<'a, Admission>;
    /// The call's charge set with its run's lines.
    fn prepared<'a>(&self, enforcer: &'a Enforcer, call: &'a Call) -> InRun<'a, Arc<Prepared>>;
    /// The lines of the run, where it is open here, as they are now.
    fn lines(&self, enforcer: &Enforcer, call: &Call) -> Result<Arc<[Arc<Budget>]>, Error>;
}
