//! Says what a recorded response cost, line by line.
//!
//! Takes any body or stream of any provider: JSON, server-sent events, lines
//! of JSON, AWS event streams. An unknown model or a missing usage is said so;
//! it is never taken for free.
//!
//! ```text
//! cargo run --example cost_of -- response.json stream.sse --provider openai
//! ```

mod priced;
pub(crate) mod told;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use token_budget::call::ServiceTier;
use token_budget::pricing::{Import, PriceSource};
use token_budget::time::{SystemClock, Timestamp};
use token_budget::{Clock, PricingTable};

use told::{Told, tell};

const HELP: &str = "\
Says what recorded responses cost, by the prices that come with the crate.

Usage: cost_of FILE… [--table FILE] [--provider P] [--model M] [--at TIME] [--tier T] [--json]

  FILE          a body or a stream, as it came, or several in one file, each of which is charged
  --table FILE  the prices to go by instead: LiteLLM's or genai-prices' file, plain or packed
  --provider P  whose prices to look at, as in `openai`; without it, whoever sells the model
  --model M     the model to price; without it, the one that the response names
  --at TIME     when the call was made, as in 2026-11-22T12:00:00Z; without it, now
  --tier T      standard, batch, flex, priority, fast …; without it, what the response says
  --json        prints a JSON object for each file, and one as the last line

Ends with 0 where all that is billed was priced, 1 where something could not be or broke off, 2 where it could not run.";

#[derive(Debug)]
struct Arguments {
    files: Vec<PathBuf>,
    table: Option<PathBuf>,
    asked: Asked,
    json: bool,
}

/// What to go by, where not by the response itself.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) provider: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) tier: Option<ServiceTier>,
    pub(crate) at: Timestamp,
}

fn main() -> ExitCode {
    match Arguments::read(std::env::args().skip(1)) {
        Ok(None) => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok(Some(arguments)) => match run(&arguments) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(problem) => fail(&problem),
        },
        Err(problem) => fail(&problem),
    }
}

fn fail(problem: &str) -> ExitCode {
    eprintln!("cost_of: {problem}");
    ExitCode::from(2)
}

impl Arguments {
    /// The prices to go by.
    fn table(&self) -> Result<PricingTable, String> {
        let Some(path) = &self.table else { return Ok(PricingTable::bundled()) };
        let name = path.display().to_string();
        let bytes = fs::read(path).map_err(|error| format!("{name}: {error}"))?;
        let import = Import::read(&bytes).map_err(|error| format!("{name}: {error}"))?;
        PricingTable::empty()
            .with_import(PriceSource::new(name.as_str()), &import)
            .map_err(|error| format!("{name}: {error}"))
    }

    /// Reads the words after the program's name; `None` where help was asked for.
    fn read(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let now = SystemClock.now();
        let asked = Asked { provider: None, model: None, tier: None, at: now };
        let mut arguments = Self { files: Vec::new(), table: None, asked, json: false };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value; try --help"));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--json" => arguments.json = true,
                "--table" => arguments.table = Some(value()?.into()),
                "--provider" => arguments.asked.provider = Some(value()?),
                "--model" => arguments.asked.model = Some(value()?),
                "--at" => arguments.asked.at = value()?.parse().map_err(|error| format!("--at: {error}"))?,
                "--tier" => {
                    let text = value()?;
                    let tier =
                        ServiceTier::named(&text).ok_or_else(|| format!("--tier: {text:?} is unknown"))?;
                    arguments.asked.tier = Some(tier);
                }
                _ if word.starts_with("--") => return Err(format!("{word:?} is not an option; try --help")),
                _ => arguments.files.push(word.into()),
            }
        }
        if arguments.files.is_empty() {
            return Err("a file is wanted; try --help".into());
        }
        Ok(Some(arguments))
    }
}

/// Prices every file; whether all of them were priced whole.
fn run(arguments: &Arguments) -> Result<bool, String> {
    let table = arguments.table()?;
    let mut files = Vec::new();
    for path in &arguments.files {
        let name = path.display().to_string();
        let body = fs::read(path).map_err(|error| format!("{name}: {error}"))?;
        files.push((name, body));
    }
    let mut out = Told::to(std::io::stdout().lock());
    tell(&files, &table, &arguments.asked, arguments.json, &mut out)
}
