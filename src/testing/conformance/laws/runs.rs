//! Does a run go on in every process as it was written into the books?
//!
//! A run lives in the books and not in a process: its limits are written as it is first
//! opened, and whoever opens its id later goes on with them. These laws use two enforcers
//! on the same books, as two processes would be. The model `dollar` costs one dollar an
//! output token, so that a round of 6 costs $6.

use std::sync::Arc;

use super::*;
use crate::pricing::{PriceRow, Rates, Reasoning};
use crate::values::{ServiceTier, Unbound};
use crate::{Call, Enforcer, Error, PricingTable, RunGuard, Usage, Usd};

/// A process that has these books open, and knows nothing of a run but what stands in them.
fn process(books: &Books) -> Held<Enforcer> {
    let rates = Rates::per_million("0", "1000000")?;
    let row = PriceRow::new("law", "dollar").with_rates(ServiceTier::Standard, rates);
    let prices = PricingTable::empty().with_rows([row.with_reasoning(Reasoning::Never)])?;
    let builder = Enforcer::builder().unbound(Unbound::Allow).prices(prices).clock(books.clock());
    Ok(builder.shared_ledger(Arc::clone(&books.ledger)).build())
}

/// One round of so many dollars; whether the run lets it go out.
async fn round(run: &RunGuard, dollars: u64) -> Result<bool, Error> {
    let call = Call::new("dollar").input_tokens(0).output_tokens(dollars);
    let Ok(held) = run.reserve(&call).await?.or_refusal() else { return Ok(false) };
    drop(held.send().reconcile(Usage::of(0, dollars)).await?);
    Ok(true)
}

/// Catches a run that starts at zero in the next process, and one whose limit the next
/// process can raise by opening it with another. Of $10, 6 are spent here; there 5 more
/// do not fit, 4 do.
pub(crate) fn a_run_opened_again_has_the_limits_and_the_figures_that_it_was_left_with(
    ground: &Ground<'_>,
) -> Held {
    let books = ground.books()?;
    let (here, there) = (process(&books)?, process(&books.another()?)?);
    let ten = || RunGuard::builder("r").usd(Usd::dollars(10)).iterations(3);
    let (told, spent) = books.shared.driver.wait(async {
        let first = ten().open(&here).await?;
        let mut told = vec![round(&first, 6).await?];
        drop(first);
        here.flush().await?;
        let other = RunGuard::builder("r").usd(Usd::dollars(100)).open(&there).await;
        told.push(other.is_err_and(|error| error.kind() == ErrorKind::Conflict));
        let again = RunGuard::builder("r").open(&there).await?;
        told.push(!round(&again, 5).await?);
        told.push(round(&again, 4).await?);
        told.push(ten().open(&there).await.is_ok());
        Ok((told, again.report().await?.spent_usd))
    })?;
    equal!(told, [true; 5]);
    equal!(spent, Usd::dollars(10));
    Ok(())
}

/// Catches a process that turns a strict run into one that only observes.
pub(crate) fn a_run_observes_in_every_process_or_in_none_as_it_was_first_opened(ground: &Ground<'_>) -> Held {
    let books = ground.books()?;
    let (here, there) = (process(&books)?, process(&books.another()?)?);
    let once = |id: &'static str| RunGuard::builder(id).iterations(1);
    let told = books.shared.driver.wait(async {
        let (strict, watched) =
            (once("strict").open(&here).await?, once("watched").observe().open(&here).await?);
        let mut told = vec![round(&strict, 1).await?, round(&watched, 1).await?];
        for other in [once("strict").observe(), once("watched")] {
            let opened = other.open(&there).await;
            told.push(opened.is_err_and(|error| error.kind() == ErrorKind::Conflict));
        }
        let strict = RunGuard::builder("strict").open(&there).await?;
        let watched = RunGuard::builder("watched").open(&there).await?;
        told.extend([!round(&strict, 1).await?, round(&watched, 1).await?]);
        Ok(told)
    })?;
    equal!(told, [true; 6]);
    Ok(())
}

/// Catches a stop that reaches only the process in which it was given, or only the run
/// and not its children.
pub(crate) fn a_stop_of_a_run_is_known_to_every_process_and_refuses_unless_the_run_observes(
    ground: &Ground<'_>,
) -> Held {
    let books = ground.books()?;
    let (here, there) = (process(&books)?, process(&books.another()?)?);
    let ten = |id: &'static str| RunGuard::builder(id).iterations(10);
    let (told, over) = books.shared.driver.wait(async {
        let (strict, watched) =
            (ten("strict").open(&here).await?, ten("watched").observe().open(&here).await?);
        let child = strict.child("c").open().await?.or_refusal();
        let child = child.map_err(|refused| Error::new(ErrorKind::State, refused.to_string()))?;
        for id in ["strict", "watched"] {
            RunGuard::builder(id).open(&there).await?.stop(signed("it loops")).await?;
        }
        let told = [round(&strict, 1).await?, round(&child, 1).await?, round(&watched, 1).await?];
        Ok((told, RunGuard::builder("strict").open(&here).await?.report().await?.over))
    })?;
    equal!(told, [false, false, true]);
    equal!(over.as_deref(), Some("stopped by ops: it loops"));
    Ok(())
}
