//! In which form is a run's state saved, and how is one known that has changed since?
//!
//! A state is figures of money in a file. One bit makes 5 of 4 or `team/a` of `team/c`, and what loads is then put on the books. So
//! a checksum over all fields stands beside them, as FNV-1a with 64 bits over their text in JSON; it needs no package and is the
//! same in every build. It is worked out from what was read, not from the bytes: blanks and the order of fields may differ.
//!
//! What the caller attached is kept as text inside the text. A number with a fraction may be read back as its neighbour, which
//! would be another state, and text is read as it stands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::ledger::{Attribution, MarkAction};
use crate::values::fnv::fnv64;
use crate::values::{ShortText, Unit};

/// The form in which states are written. The first had no checksum.
const VERSION: u32 = 2;

/// What a run's books say, to be put on the books of another ledger.
///
/// It serves only where the ledger is gone with its process. Calls in flight
/// are saved as if they were charged what they hold, because they were sent
/// and nobody will hear of them. Parts held for runs below are not saved: each
/// run below saves itself, and is given its part again when it is opened.
///
/// It is money in a file, so a checksum stands beside it: a state of which any part has changed does not load. It is no
/// signature: whoever can write the file can write another state. The budgets of the policy are named in it, and a run is
/// not put under others ([`Builder::resume`](super::Builder::resume)).
///
/// # Example: a run goes on in another process
/// ```
/// use token_budget::run::RunState;
/// use token_budget::{Call, Enforcer, RunGuard, Usage, Usd};
///
/// let (before, after) = (Enforcer::builder().build(), Enforcer::builder().build());
/// let builder = || RunGuard::builder("run-42").usd(Usd::dollars(1));
/// let run = builder().open(&before).wait()?;
/// let call = Call::new("gpt-4o").input_tokens(0).output_tokens(10_000); // ten cents
/// run.reserve(&call).wait()?.or_refusal()?.send().reconcile(Usage::of(0, 10_000)).wait()?;
/// let saved = serde_json::to_string(&run.save().wait()?)?;
///
/// let state: RunState = serde_json::from_str(&saved)?;
/// let run = builder().resume(state.clone()).open(&after).wait()?;
/// assert_eq!(run.report().wait()?.spent_usd, Usd::cents(10));
/// // The ledger knows it by now, and knows better: nothing counts twice.
/// let again = builder().resume(state).open(&after).wait()?;
/// assert!(run.was_restored() && !again.was_restored());
/// assert_eq!(again.report().wait()?.spent_usd, Usd::cents(10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct RunState {
    pub(super) run: ShortText,
    /// What each of its lines counts.
    pub(super) lines: Vec<StateLine>,
    /// How it was stopped, closed or frozen.
    pub(super) mark: Option<(MarkAction, Attribution)>,
    /// The budgets of the policy that bound it.
    pub(super) policy: Vec<ShortText>,
    pub(super) attached: BTreeMap<ShortText, Value>,
}

/// One line of the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateLine {
    pub(super) line: ShortText,
    pub(super) unit: Unit,
    pub(super) figure: i64,
}

impl RunState {
    /// The id of the run that was saved.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }
}

/// A state as it is written: with its version and its checksum.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    run: ShortText,
    lines: Vec<StateLine>,
    mark: Option<(MarkAction, Attribution)>,
    #[serde(default)]
    policy: Vec<ShortText>,
    /// Each value as its own text.
    attached: BTreeMap<ShortText, Value>,
    #[serde(default)]
    checksum: String,
}

impl Written {
    /// The checksum of all other fields.
    fn sum(&mut self) -> Result<String, Error> {
        let said = std::mem::take(&mut self.checksum);
        let text = serde_json::to_vec(self);
        self.checksum = said;
        let text = text.map_err(|_| Error::invalid("run state", "cannot be written as JSON"))?;
        Ok(format!("{:016x}", fnv64(&text)))
    }
}

impl From<RunState> for Written {
    fn from(state: RunState) -> Self {
        let RunState { run, lines, mark, policy, attached } = state;
        let attached = attached.into_iter().map(|(name, value)| (name, Value::String(value.to_string())));
        let attached = attached.collect();
        let mut written =
            Self { version: VERSION, run, lines, mark, policy, attached, checksum: String::new() };
        // Names are text, so there is nothing that JSON cannot say; and a state without its checksum would not load.
        written.checksum = written.sum().unwrap_or_default();
        written
    }
}

impl TryFrom<Written> for RunState {
    type Error = Error;

    fn try_from(mut written: Written) -> Result<Self, Error> {
        let invalid = |problem: String| Err(Error::invalid("run state", problem));
        if written.version != VERSION {
            let version = written.version;
            return invalid(format!(
                "is of form {version}, and this build reads form {VERSION}; save the run again"
            ));
        }
        let sum = written.sum()?;
        if written.checksum != sum {
            return invalid(format!(
                "has changed since it was saved: its checksum is {:?}, and of what it says {sum:?}",
                written.checksum
            ));
        }
        let Written { run, lines, mark, policy, attached, .. } = written;
        let value = |(name, value): (ShortText, Value)| {
            let value = value.as_str().map(serde_json::from_str);
            value.and_then(Result::ok).map(|value| (name, value))
        };
        match attached.into_iter().map(value).collect() {
            Some(attached) => Ok(Self { run, lines, mark, policy, attached }),
            None => invalid("has something attached that is no text of JSON".into()),
        }
    }
}
