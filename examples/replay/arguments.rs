//! What was asked for on the command line?

use std::path::PathBuf;

/// The text of `--help`.
pub(crate) const HELP: &str = "\
Replays a trace of requests against a policy, on a simulated clock.

Usage: replay [--trace FILE] [--policy FILE] [--model NAME] [--threads N]
              [--max-tokens N] [--json]

  --trace FILE     CSV with a header, plain or .gz; without it, a made-up day. Columns:
                   timestamp (date and time), timestamp_ms or t_seconds;
                   input_tokens (or input), output_tokens (or output);
                   and, if present, client, reasoning_tokens (or reasoning),
                   prefix_cached_tokens. Others are passed over.
  --policy FILE    a policy in JSON or TOML; without it, limits are cut to the trace
  --model NAME     the model that all calls are priced as (gpt-4o)
  --threads N      workers that make the calls (4)
  --max-tokens N   output tokens that each call asks for and is held for; without it,
                   what 99 of 100 calls of the trace stay within
  --json           prints one JSON object as the last line

Ends with 0 where the books are right, 1 where they are not, 2 where it could not run.";

/// A replay, as it was asked for.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) trace: Option<PathBuf>,
    pub(crate) policy: Option<PathBuf>,
    pub(crate) model: String,
    pub(crate) threads: usize,
    pub(crate) output_tokens_max: Option<u64>,
    pub(crate) json: bool,
}

/// More threads than this only stand in each other's way.
const THREADS_MAX: usize = 256;

impl Arguments {
    /// Reads the words after the program's name; `None` where help was asked for.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut arguments = Self {
            trace: None,
            policy: None,
            model: "gpt-4o".into(),
            threads: 4,
            output_tokens_max: None,
            json: false,
        };
        let mut words = words;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value; try --help"));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--json" => arguments.json = true,
                "--trace" => arguments.trace = Some(value()?.into()),
                "--policy" => arguments.policy = Some(value()?.into()),
                "--model" => arguments.model = value()?,
                "--threads" => arguments.threads = within(&word, &value()?, THREADS_MAX)?,
                "--max-tokens" => arguments.output_tokens_max = Some(within(&word, &value()?, u64::MAX)?),
                _ => return Err(format!("{word:?} is not an option; try --help")),
            }
        }
        Ok(Some(arguments))
    }
}

/// A whole number from one to `most`.
fn within<N>(word: &str, text: &str, most: N) -> Result<N, String>
where
    N: std::str::FromStr + PartialOrd + From<u8> + std::fmt::Display,
{
    match text.parse::<N>() {
        Ok(number) if number >= N::from(1) && number <= most => Ok(number),
        _ => Err(format!("{word}: {text:?} is not a whole number from 1 to {most}")),
    }
}
