//! How is a trace written down? Lines of a file, and the columns in them.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io::BufRead;
use std::time::Duration;

use chrono::NaiveDateTime;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use token_budget::Scope;
use token_budget::time::Timestamp;

use crate::trace::{DAY, Request, later};

/// The lines of a file, counted.
pub(crate) struct Rows<R> {
    name: String,
    line: usize,
    lines: R,
}

impl<R: BufRead> Rows<R> {
    pub(crate) fn new(name: String, lines: R) -> Self {
        Self { name, line: 0, lines }
    }

    pub(crate) fn next(&mut self) -> Result<Option<String>, Unreadable> {
        let mut bytes = Vec::new();
        self.line = self.line.saturating_add(1);
        let read = self.lines.read_until(b'\n', &mut bytes).map_err(|error| self.wrong(error))?;
        if read == 0 {
            return Ok(None);
        }
        let text = String::from_utf8(bytes).map_err(|_| self.wrong("is not UTF-8"))?;
        Ok(Some(text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']).to_owned()))
    }

    pub(crate) fn wrong(&self, problem: impl fmt::Display) -> Unreadable {
        Unreadable(format!("{}: line {}: {problem}", self.name, self.line))
    }
}

/// Where each figure stands in a row.
pub(crate) struct Columns {
    at: (usize, Clock),
    client: Option<usize>,
    input: (usize, &'static str),
    output: (usize, &'static str),
    reasoning: Option<(usize, &'static str)>,
    cached: Option<(usize, &'static str)>,
}

/// How a trace tells the time.
#[derive(Clone, Copy)]
enum Clock {
    Date,
    Milliseconds,
    Seconds,
}

impl Clock {
    const ALL: [Self; 3] = [Self::Date, Self::Milliseconds, Self::Seconds];

    fn column(self) -> &'static str {
        match self {
            Self::Date => "timestamp",
            Self::Milliseconds => "timestamp_ms",
            Self::Seconds => "t_seconds",
        }
    }

    fn read(self, text: &str) -> Option<Timestamp> {
        match self {
            Self::Date => {
                let plain = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok();
                plain.map(|instant| instant.and_utc().into()).or_else(|| text.parse().ok())
            }
            Self::Milliseconds => after(text, 6),
            Self::Seconds => after(text, 9),
        }
    }
}

/// The instant so many units after the day begins; a unit has 10 ^ `digits` nanoseconds.
fn after(text: &str, digits: u32) -> Option<Timestamp> {
    let unit = Decimal::from(10_u64.checked_pow(digits)?);
    let nanos = Decimal::from_str_exact(text).ok()?.checked_mul(unit)?.floor().to_u64()?;
    Some(later(DAY, Duration::from_nanos(nanos)))
}

impl Columns {
    pub(crate) fn find(rows: &Rows<impl BufRead>, header: &str) -> Result<Self, Unreadable> {
        let names: Vec<String> = header.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
        let place = |name: &str| names.iter().position(|known| known == name);
        let either =
            |long, short| place(long).map(|at| (at, long)).or_else(|| place(short).map(|at| (at, short)));
        let missing = |wanted: &str| rows.wrong(format!("no column {wanted} in {header:?}"));
        let at = Clock::ALL.into_iter().find_map(|clock| Some((place(clock.column())?, clock)));
        Ok(Self {
            at: at.ok_or_else(|| missing("timestamp, timestamp_ms or t_seconds"))?,
            client: place("client"),
            input: either("input_tokens", "input").ok_or_else(|| missing("input_tokens or input"))?,
            output: either("output_tokens", "output").ok_or_else(|| missing("output_tokens or output"))?,
            reasoning: either("reasoning_tokens", "reasoning"),
            cached: either("prefix_cached_tokens", "cached_tokens"),
        })
    }

    pub(crate) fn request(
        &self,
        rows: &Rows<impl BufRead>,
        row: &str,
        clients: &mut HashMap<String, usize>,
    ) -> Result<Request, Unreadable> {
        let cells: Vec<&str> = row.split(',').map(str::trim).collect();
        let cell = |place: usize, column: &str| {
            cells
                .get(place)
                .copied()
                .ok_or_else(|| rows.wrong(format!("column {column}: the row ends before it")))
        };
        let tokens = |(place, column): (usize, &str)| {
            let text = cell(place, column)?;
            let wrong = || rows.wrong(format!("column {column}: {text:?} is not a number of tokens"));
            text.parse::<u64>().ok().filter(|tokens| *tokens <= TOKENS_MAX).ok_or_else(wrong)
        };
        let part = |column: Option<(usize, &'static str)>, whole: u64| match column {
            None => Ok(0),
            Some((place, name)) => match tokens((place, name))? {
                part if part <= whole => Ok(part),
                part => Err(rows.wrong(format!("column {name}: {part} is more than the whole, {whole}"))),
            },
        };
        let (place, clock) = self.at;
        let column = clock.column();
        let text = cell(place, column)?;
        let at =
            clock.read(text).ok_or_else(|| rows.wrong(format!("column {column}: {text:?} is not a time")))?;
        let name = self.client.map_or(Ok("everyone"), |place| cell(place, "client"))?;
        let (input, output) = (tokens(self.input)?, tokens(self.output)?);
        let (cached, reasoning) = (part(self.cached, input)?, part(self.reasoning, output)?);
        let next = clients.len();
        let client = match clients.get(name) {
            Some(known) => *known,
            None => {
                // A name that no level could bear is found here, where its line is known.
                Scope::user(name).map_err(|error| rows.wrong(format!("column client: {error}")))?;
                *clients.entry(name.to_owned()).or_insert(next)
            }
        };
        Ok(Request { at, client, input, cached, output, reasoning })
    }
}

/// A billion tokens in one call is a slip of the pen.
const TOKENS_MAX: u64 = 1_000_000_000;

/// What is wrong with a trace, and where.
#[derive(Debug)]
pub(crate) struct Unreadable(String);

impl Unreadable {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Unreadable {}
