//! How close do estimates come to what providers counted, on requests that nobody looked at?
//!
//! ```text
//! cargo run --release --example check_estimates -- requests.jsonl [--json] [--rows] [--explain]
//! cargo run --release --example check_estimates -- requests.jsonl --learn calibration.json
//! cargo run --release --example check_estimates -- requests.jsonl --calibration calibration.json
//! cargo run --release --example check_estimates -- requests.jsonl --table
//! ```
//!
//! Each line of the file is `{"model": …, "request": {the body as it was sent}, "input_total": the input tokens that
//! the provider counted}`; in place of `input_total` the provider's own `usage` object or its whole `response`.
//! `source`, text or an object with `project` and `path`, says from which file or conversation a request comes; a
//! request without one is a file of its own. Whole files are left out together, because requests of one are alike.
//!
//! For each family four lines: *in sample* by the table that is built in, and with a calibration that learned from
//! these very requests; *left out* by a table that the rule (`rule.rs`) made without the request's file, and with a
//! calibration that learned from the other files' estimates of that kind. Only the second pair says what to expect
//! of requests not seen. Of a log that the built-in table has never seen, its first line is out of sample too.
//!
//! `--rows` prints every request, `--explain` the parts of each that was under its bound when left out, `--table` the
//! table as `src/tokens/profile/measured.rs` has it. `--learn` writes what a [`Calibration`](token_budget::tokens::Calibration)
//! learns from the file, and prints what would have been held with and without it; `--calibration` judges by one.
//!
//! Left out, and counted: lines where the provider counted nothing, and requests with a file
//! or another part that nobody can count here, which an enforcer takes at the model's largest input.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "counts of lines, lists that are not empty, and tokens of one request"
)]

mod figures;
mod judge;
mod learn;
mod records;
mod report;
mod rule;

use std::error::Error;
use std::path::Path;

use judge::Judged;
use records::Records;

const USAGE: &str = "usage: check_estimates -- requests.jsonl [--json] [--rows] [--explain] [--table] \
                     [--learn FILE | --calibration FILE]";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    let text =
        std::fs::read_to_string(&arguments.path).map_err(|error| format!("{}: {error}", arguments.path))?;
    let records = Records::read(&text)?;
    if records.list.is_empty() {
        return Err(format!("{}: no request can be judged: {:?}", arguments.path, records.left_out).into());
    }
    if arguments.table {
        print!("{}", report::table(&rule::derived(judge::recorded(&records.list).iter())));
    } else if let Some(path) = &arguments.learn {
        learn::learn(&records, Path::new(path))?;
    } else if let Some(path) = &arguments.calibration {
        learn::judge(&records, Path::new(path))?;
    } else {
        let judged = Judged::of(&records.list);
        if arguments.rows {
            report::rows(&records.list, &judged);
        }
        if arguments.explain {
            report::explain(&records.list, &judged);
        }
        report::families(&judged, &records, arguments.json);
    }
    Ok(())
}

#[derive(Default)]
struct Arguments {
    path: String,
    json: bool,
    rows: bool,
    explain: bool,
    table: bool,
    learn: Option<String>,
    calibration: Option<String>,
}

impl Arguments {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut read = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => read.json = true,
                "--rows" => read.rows = true,
                "--explain" => read.explain = true,
                "--table" => read.table = true,
                "--learn" => read.learn = Some(arguments.next().ok_or(USAGE)?),
                "--calibration" => read.calibration = Some(arguments.next().ok_or(USAGE)?),
                flag if flag.starts_with("--") => return Err(format!("unknown {flag}; {USAGE}").into()),
                _ if read.path.is_empty() => read.path = argument,
                _ => return Err(USAGE.into()),
            }
        }
        if read.path.is_empty() { Err(USAGE.into()) } else { Ok(read) }
    }
}
