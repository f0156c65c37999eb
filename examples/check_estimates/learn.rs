//! What would have been held of one's own requests, with and without a calibration?

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use token_budget::call::Conditions;
use token_budget::time::SystemClock;
use token_budget::tokens::Calibration;
use token_budget::{Clock, PricingTable, Usd};

use super::figures::Figures;
use super::judge::{Outcome, applied, by_others, plain, recorded, taught};
use super::records::{Record, Records};

/// Learns from all requests, writes that down, and prints what the other files' calls would have made of each.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn learn(records: &Records, path: &Path) -> Result<(), Box<dyn Error>> {
    let plain = plain(&recorded(&records.list));
    let calibration = taught(&records.list, &plain, None);
    let text = serde_json::to_string(&*calibration)?;
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    let learned = calibration.report();
    let unlearned = plain.len() as u64 - learned.observed;
    println!("learned from {} requests to {} models; {}", learned.observed, learned.models, path.display());
    println!("not learned from: {unlearned}, estimated by a guess");
    for model in calibration.by_model().iter().filter(|model| model.under > 0) {
        let tools = if model.has_tools { " with tools" } else { "" };
        println!("{}{tools}: {} of {} were under their bound", model.model, model.under, model.observed);
    }
    compare(records, &plain, &by_others(&records.list, &plain), "taught by the other files");
    Ok(())
}

/// Prints what a calibration makes of these requests.
///
/// # Errors
/// The file cannot be read, or was written by another version.
pub(crate) fn judge(records: &Records, path: &Path) -> Result<(), Box<dyn Error>> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let calibration: Calibration =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let calibration = Arc::new(calibration);
    let plain = plain(&recorded(&records.list));
    let with = applied(&records.list, &plain, |_| Arc::clone(&calibration));
    compare(records, &plain, &with, "calibrated");
    Ok(())
}

fn compare(records: &Records, without: &[Outcome], with: &[Outcome], name: &str) {
    let prices = PricingTable::bundled();
    let now = SystemClock.now();
    let cost = |record: &Record, tokens: u64| {
        let price = prices.find(None, &record.model, now)?;
        price.quote(tokens, 0, &Conditions::new()).ok()
    };
    let priced = records.list.iter().filter(|record| cost(record, 0).is_some()).count();
    let sum = |tokens: &dyn Fn(usize) -> u64| {
        let each = records.list.iter().enumerate().filter_map(|(place, record)| cost(record, tokens(place)));
        each.fold(Usd::ZERO, |sum, cost| sum.checked_add(cost).unwrap_or(Usd::MAX))
    };
    for (name, outcomes) in [("as built in", without), (name, with)] {
        let figures = Figures::of(outcomes.iter());
        let held = sum(&|place| outcomes[place].estimate.tokens);
        println!("{name}: {}, 95th percentile {} ‰, held {held}", figures.short(), figures.over_p95);
    }
    let used = sum(&|place| records.list[place].reported);
    println!("used: {used}; {priced} of {} requests have a price", records.list.len());
    for (why, count) in &records.left_out {
        println!("not judged: {count}, {why}");
    }
}
