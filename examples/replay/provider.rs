//! A provider that has never heard of budgets: how long does a call take, and what is billed for it?

use std::sync::Arc;
use std::time::Duration;

use rust_decimal::Decimal;
use token_budget::call::Conditions;
use token_budget::pricing::ModelPrice;
use token_budget::usage::Meter;
use token_budget::{Error, PricingTable, Usd};

use crate::trace::{Request, Trace};

/// No call takes longer, and every hold outlives it.
pub(crate) const LATENCY_MAX: Duration = Duration::from_secs(3_600);

/// How many calls should be in flight on average: the more, the harder the test.
const IN_FLIGHT: u64 = 300;

/// One model's price and pace.
#[derive(Debug)]
pub(crate) struct Provider {
    price: Arc<ModelPrice>,
    latency_mean: Duration,
    output_mean: u64,
}

impl Provider {
    /// A provider of that model, slow enough that several hundred calls overlap.
    pub(crate) fn new(prices: &PricingTable, model: &str, trace: &Trace) -> Result<Self, String> {
        let price = prices.find(None, model, trace.begins());
        let price = price.ok_or_else(|| format!("--model: the bundled prices have no {model:?}"))?;
        let requests = u64::try_from(trace.requests.len()).unwrap_or(u64::MAX).max(1);
        let outputs = trace.requests.iter().fold(0_u64, |sum, request| sum.saturating_add(request.output));
        let nanos = trace.length().as_nanos().saturating_mul(u128::from(IN_FLIGHT));
        let mean = nanos.checked_div(u128::from(requests)).and_then(|mean| u64::try_from(mean).ok());
        Ok(Self {
            price: Arc::clone(price),
            latency_mean: mean.map_or(LATENCY_MAX, Duration::from_nanos).min(Duration::from_secs(600)),
            output_mean: outputs.div_ceil(requests).max(1),
        })
    }

    /// Half of the time goes by before the first token; the rest grows with the output.
    pub(crate) fn latency(&self, request: &Request) -> Duration {
        let mean = self.latency_mean.as_nanos();
        let grown = mean.saturating_mul(u128::from(request.output)).checked_div(u128::from(self.output_mean));
        let nanos = mean.saturating_add(grown.unwrap_or(0)).div_euclid(2);
        // A second before the hold would expire.
        let longest = LATENCY_MAX.saturating_sub(Duration::from_secs(1));
        u64::try_from(nanos).map_or(longest, |nanos| Duration::from_nanos(nanos).min(longest))
    }

    /// What is billed, reckoned from the price list alone: rates, times tokens, rounded up once.
    pub(crate) fn bill(&self, request: &Request) -> Result<Usd, Error> {
        let uncached = request.input.saturating_sub(request.cached);
        let answer = request.output.saturating_sub(request.reasoning);
        let lines = [
            (Meter::Input, uncached),
            (Meter::CachedInput, request.cached),
            (Meter::Output, answer),
            (Meter::Reasoning, request.reasoning),
        ];
        let mut sum = Decimal::ZERO;
        for (meter, tokens) in lines {
            let rate = self.price.rate(meter, request.input, &Conditions::new()).unwrap_or_default();
            let line = Decimal::from(tokens).checked_mul(rate);
            sum = line.and_then(|line| sum.checked_add(line)).ok_or_else(|| Error::overflow("bill"))?;
        }
        // Rates are for a million tokens.
        let dollars = sum.checked_div(Decimal::from(1_000_000)).ok_or_else(|| Error::overflow("bill"))?;
        Usd::from_decimal_rounded_up(dollars)
    }
}
