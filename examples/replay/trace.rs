//! Which requests were made, when, and what did each really use?

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use token_budget::Usage;
use token_budget::time::Timestamp;

use crate::csv::{Columns, Rows, Unreadable};

/// One request of a trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) at: Timestamp,
    /// Whose it is: a place in [`Trace::clients`].
    pub(crate) client: usize,
    pub(crate) input: u64,
    pub(crate) cached: u64,
    pub(crate) output: u64,
    pub(crate) reasoning: u64,
}

impl Request {
    /// What the provider reports.
    pub(crate) fn usage(&self) -> Usage {
        let usage = Usage::of(self.input, self.output);
        usage.with_cached_input(self.cached).with_reasoning(self.reasoning)
    }
}

/// Requests in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) requests: Vec<Request>,
    /// At least one: a trace that names none was made by everyone.
    pub(crate) clients: Vec<String>,
    /// Rows without a single token: no provider bills those.
    pub(crate) skipped: usize,
}

/// Times that are counted from the beginning of the trace are laid on this day: 2026-11-01, a month's first.
pub(crate) const DAY: Timestamp = Timestamp::from_secs(1_793_491_200);

impl Trace {
    /// Reads a CSV file, packed or plain.
    pub(crate) fn read(path: &Path) -> Result<Self, Unreadable> {
        let name = path.display();
        let file = File::open(path).map_err(|error| Unreadable::new(format!("{name}: {error}")))?;
        let packed = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
        let bytes: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Self::from_rows(&mut Rows::new(name.to_string(), BufReader::new(bytes)))
    }

    fn from_rows(rows: &mut Rows<impl BufRead>) -> Result<Self, Unreadable> {
        let header = rows.next()?.ok_or_else(|| rows.wrong("the file is empty"))?;
        let columns = Columns::find(rows, &header)?;
        let (mut trace, mut clients) = (Self::default(), HashMap::new());
        while let Some(row) = rows.next()? {
            if row.trim().is_empty() {
                continue;
            }
            let request = columns.request(rows, &row, &mut clients)?;
            if request.input == 0 && request.output == 0 {
                trace.skipped = trace.skipped.saturating_add(1);
            } else {
                trace.requests.push(request);
            }
        }
        if trace.requests.is_empty() {
            return Err(rows.wrong("there is no request in it"));
        }
        trace.requests.sort_by_key(|request| request.at);
        let mut names: Vec<(String, usize)> = clients.into_iter().collect();
        names.sort_by_key(|(_, place)| *place);
        trace.clients = names.into_iter().map(|(name, _)| name).collect();
        Ok(trace)
    }

    /// The instant of the first request.
    pub(crate) fn begins(&self) -> Timestamp {
        self.requests.first().map_or(DAY, |request| request.at)
    }

    /// The time from the first request to the last, but at least a second.
    pub(crate) fn length(&self) -> Duration {
        let last = self.requests.last().map_or(DAY, |request| request.at);
        last.since(self.begins()).max(Duration::from_secs(1))
    }

    /// The output that 99 of 100 calls stay within: what an operator would set who watched for a week.
    pub(crate) fn output_tokens_common(&self) -> u64 {
        let mut outputs: Vec<u64> = self.requests.iter().map(|request| request.output).collect();
        outputs.sort_unstable();
        let place = outputs.len().saturating_mul(99).div_euclid(100);
        outputs.get(place).or(outputs.last()).copied().unwrap_or(1).max(1)
    }
}

/// That much after `at`.
#[expect(clippy::arithmetic_side_effects, reason = "a Timestamp saturates at both ends")]
pub(crate) fn later(at: Timestamp, span: Duration) -> Timestamp {
    at + span
}
