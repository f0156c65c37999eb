//! How is what responses cost told, to people and to programs?

use std::io::{ErrorKind, Write};

use rust_decimal::Decimal;
use serde_json::json;
use token_budget::PricingTable;
use token_budget::usage::{Meter, MeterUnit};

use super::Asked;
use super::priced::{Bill, Priced};

/// Where lines go to. A reader who has seen enough and closed the pipe is no failure: nothing more is told.
#[derive(Debug)]
pub(crate) struct Told<W> {
    out: Option<W>,
}

impl<W: Write> Told<W> {
    pub(crate) fn to(out: W) -> Self {
        Self { out: Some(out) }
    }

    fn line(&mut self, text: &str) -> Result<(), String> {
        let Some(out) = &mut self.out else { return Ok(()) };
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.out = None;
                Ok(())
            }
            written => written.map_err(|error| format!("standard output: {error}")),
        }
    }
}

/// Tells what each file cost, and all of them; whether each was priced whole.
pub(crate) fn tell<W: Write>(
    files: &[(String, Vec<u8>)],
    table: &PricingTable,
    asked: &Asked,
    as_json: bool,
    out: &mut Told<W>,
) -> Result<bool, String> {
    let (mut total, mut unpriced, mut answers) = (None, 0_usize, 0_usize);
    for (name, body) in files {
        let bill = Bill::of(body, table, asked);
        if let Some((usd, _)) = bill.total() {
            let sum = total.unwrap_or(Decimal::ZERO).checked_add(usd);
            total = Some(sum.ok_or("the total is too large to be written down")?);
        }
        unpriced = unpriced.saturating_add(usize::from(!bill.is_complete()));
        answers = answers.saturating_add(bill.answers());
        if as_json {
            out.line(&bill.as_json(name).to_string())?;
        } else {
            for line in lines(name, &bill) {
                out.line(&line)?;
            }
        }
    }
    let (count, total) = (files.len(), total.map(|usd| usd.normalize().to_string()));
    let last = match total {
        total if as_json => {
            json!({"total_usd": total, "files": count, "answers": answers, "unpriced": unpriced}).to_string()
        }
        Some(usd) if unpriced == 0 => format!("total: ${usd} for {}", counted(answers)),
        Some(usd) => format!("total: at least ${usd}; {unpriced} of {count} could not be priced whole"),
        None => format!("total: unknown; {unpriced} of {count} could not be priced"),
    };
    out.line(&last)?;
    Ok(unpriced == 0)
}

fn counted(answers: usize) -> String {
    if answers == 1 { "1 answer".into() } else { format!("{answers} answers") }
}

fn lines(name: &str, bill: &Bill) -> Vec<String> {
    let mut lines = vec![format!("{name}: {}, {}", bill.summary(), counted(bill.answers()))];
    for line in &bill.lines {
        let id = line.id.as_deref().map_or(String::new(), |id| format!(" {id}"));
        lines.push(format!(
            "  {} {}{id}",
            line.model.as_deref().unwrap_or("a model that is not named"),
            line.purpose
        ));
        for (meter, count) in line.usage.counts().filter(|(_, count)| *count > 0) {
            lines.push(format!("    used {meter} {count}"));
        }
        if line.is_doubted {
            lines.push("    its text is more than that: the output is not believed".into());
        }
        match &line.priced {
            Priced::Cost { cost, source } => {
                lines.push(format!("    prices of {source}"));
                for part in cost.lines() {
                    let amount = part.amount.map_or("no known fee".to_owned(), |usd| format!("${usd}"));
                    let rate = part.rate.map_or(String::new(), |rate| {
                        format!(" at ${} {}", rate.normalize(), per(part.meter))
                    });
                    lines.push(format!("    {} {}{rate}: {amount}", part.meter, part.quantity));
                }
            }
            Priced::Unknown(why) => lines.push(format!("    not priced: {why}")),
        }
    }
    if let Some(usd) = bill.reported {
        lines.push(format!(
            "  the provider says ${}, which is charged in place of the table's price",
            usd.normalize()
        ));
    }
    lines
}

/// For how many a rate is.
fn per(meter: Meter) -> &'static str {
    match meter.unit() {
        MeterUnit::Token | MeterUnit::Character => "per million",
        MeterUnit::Millisecond => "per hour",
        _ => "each",
    }
}
