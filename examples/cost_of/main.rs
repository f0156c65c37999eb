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

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use rust_decimal::Decimal;
use serde_json::json;
use token_budget::{Clock, ServiceTier, SystemClock, Timestamp};

use priced::{Bill, Priced};

const HELP: &str = "\
Says what recorded responses cost, by the prices that come with the crate.

Usage: cost_of FILE… [--provider P] [--model M] [--at TIME] [--tier T] [--json]

  FILE          a body or a stream, as it came
  --provider P  whose prices to look at, as in `openai`; without it, whoever sells the model
  --model M     the model to price; without it, the one that the response names
  --at TIME     when the call was made, as in 2026-11-22T12:00:00Z; without it, now
  --tier T      standard, batch, flex or priority; without it, what the response says
  --json        prints a JSON object for each file, and one as the last line

Ends with 0 where everything was priced, 1 where something could not be, 2 where it could not run.";

#[derive(Debug)]
struct Arguments {
    files: Vec<PathBuf>,
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
        Ok(Some(arguments)) => run(&arguments).unwrap_or_else(|problem| fail(&problem)),
        Err(problem) => fail(&problem),
    }
}

fn fail(problem: &str) -> ExitCode {
    eprintln!("cost_of: {problem}");
    ExitCode::from(2)
}

impl Arguments {
    /// Reads the words after the program's name; `None` where help was asked for.
    fn read(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let now = SystemClock.now();
        let asked = Asked { provider: None, model: None, tier: None, at: now };
        let mut arguments = Self { files: Vec::new(), asked, json: false };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value; try --help"));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--json" => arguments.json = true,
                "--provider" => arguments.asked.provider = Some(value()?),
                "--model" => arguments.asked.model = Some(value()?),
                "--at" => arguments.asked.at = value()?.parse().map_err(|error| format!("--at: {error}"))?,
                "--tier" => {
                    let text = value()?;
                    let tier = priced::tier(&text).ok_or_else(|| format!("--tier: {text:?} is unknown"))?;
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

fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let (mut total, mut unpriced) = (Decimal::ZERO, 0_usize);
    for path in &arguments.files {
        let name = path.display().to_string();
        let body = fs::read(path).map_err(|error| format!("{name}: {error}"))?;
        let bill = Bill::of(&body, &arguments.asked);
        let known = bill.total().and_then(|(usd, _)| total.checked_add(usd));
        total = known.unwrap_or(total);
        unpriced = unpriced.saturating_add(usize::from(!bill.is_complete()));
        if arguments.json {
            println!("{}", bill.as_json(&name));
        } else {
            print(&name, &bill);
        }
    }
    let total = total.normalize();
    if arguments.json {
        println!(
            "{}",
            json!({"total_usd": total.to_string(), "files": arguments.files.len(), "unpriced": unpriced})
        );
    } else if unpriced > 0 {
        println!(
            "total: at least ${total}; {unpriced} of {} could not be priced whole",
            arguments.files.len()
        );
    } else {
        println!("total: ${total}");
    }
    Ok(if unpriced > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(name: &str, bill: &Bill) {
    println!("{name}: {}", bill.summary());
    for line in &bill.lines {
        println!("  {} {}", line.model.as_deref().unwrap_or("a model that is not named"), line.purpose);
        for (meter, count) in line.usage.counts().filter(|(_, count)| *count > 0) {
            println!("    used {meter} {count}");
        }
        match &line.priced {
            Priced::Cost { cost, source } => {
                println!("    prices of {source}");
                for part in cost.lines() {
                    let amount =
                        part.amount.map_or("no known fee".to_owned(), |usd| format!("${}", usd.normalize()));
                    let rate = part.rate.map_or(String::new(), |rate| format!(" at {}", rate.normalize()));
                    println!("    {} {}{rate}: {amount}", part.meter, part.quantity);
                }
            }
            Priced::Unknown(why) => println!("    not priced: {why}"),
        }
    }
    if let Some(usd) = bill.reported {
        println!("  the provider says ${}, which is charged in place of the table's price", usd.normalize());
    }
}
