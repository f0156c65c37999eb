//! Does the provider say what it charges, and is it known to say so?
//!
//! Three routers and sellers report money beside tokens: OpenRouter (`cost`), xAI
//! (`cost_in_usd_ticks`) and Perplexity (`cost.total_cost`). A proxy may write a `cost` of
//! its own into anybody's answer. So a figure counts if the caller named one of these
//! providers; if the caller named none, it counts if it is written in a form that only
//! these providers use.
//!
//! A cost of zero is no evidence: OpenRouter writes it if the caller's own key paid. Then
//! what the provider behind it charged (`upstream_inference_cost`) counts, and the router's
//! fee is added.

use rust_decimal::Decimal;

/// One xAI tick is 1e-10 USD.
const TICK_DIGITS: u32 = 10;

/// Providers whose own figure is a charge. Elsewhere a `cost` is whatever a proxy wrote.
const TRUSTED: [&str; 5] = ["openrouter", "xai", "x-ai", "x_ai", "perplexity"];

/// What was said about money.
#[derive(Clone, Debug)]
pub(super) struct CostSeen {
    /// Whether the named provider is known to report what it charges.
    trust: Trust,
    /// The last figure that was read, in USD.
    usd: Option<Decimal>,
    /// Only these providers write it this way, so the form says who speaks.
    has_signature: bool,
    /// The caller's own key paid for the model: the figure is only the router's fee.
    own_key: bool,
    /// What the provider behind the router charged that key.
    upstream: Option<Decimal>,
}

/// Whether the provider is known to report what it charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    Yes,
    No,
    /// Nobody said who the provider is: the form decides.
    ByForm,
}

impl CostSeen {
    pub(super) fn new(provider: Option<&str>) -> Self {
        let trust = match provider {
            None => Trust::ByForm,
            Some(provider) if TRUSTED.contains(&provider) => Trust::Yes,
            Some(_) => Trust::No,
        };
        Self { trust, usd: None, has_signature: false, own_key: false, upstream: None }
    }

    /// A bare figure in USD: OpenRouter's `cost`.
    pub(super) fn usd(&mut self, text: &[u8]) {
        self.usd = decimal(text).or(self.usd);
    }

    /// Perplexity's sum.
    pub(super) fn total(&mut self, text: &[u8]) {
        self.has_signature = true;
        self.usd(text);
    }

    /// xAI's figure, in ticks of 1e-10 USD: `1176500` is 0.00011765 USD.
    pub(super) fn ticks(&mut self, text: &[u8]) {
        self.has_signature = true;
        let ticks = decimal(text).and_then(|ticks| {
            let scale = ticks.scale().checked_add(TICK_DIGITS)?;
            Decimal::try_from_i128_with_scale(ticks.mantissa(), scale).ok()
        });
        self.usd = ticks.or(self.usd);
    }

    /// OpenRouter itemises, and says whose key was used.
    pub(super) fn signature(&mut self) {
        self.has_signature = true;
    }

    /// Whether the caller's own key paid for the model.
    pub(super) fn own_key(&mut self, own: bool) {
        self.signature();
        self.own_key = own;
    }

    /// What the provider behind a router charged.
    pub(super) fn upstream(&mut self, text: &[u8]) {
        self.signature();
        self.upstream = decimal(text).or(self.upstream);
    }

    /// Forgets the figure of an answer that ended; who speaks stays known.
    pub(super) fn clear(&mut self) {
        self.usd = None;
        self.own_key = false;
        self.upstream = None;
    }

    /// The figure, if it can be relied on. A zero is no evidence of a free call.
    pub(super) fn trusted(&self) -> Option<Decimal> {
        let trusted = match self.trust {
            Trust::Yes => true,
            Trust::No => false,
            Trust::ByForm => self.has_signature,
        };
        let is_positive = |usd: &Decimal| !usd.is_zero() && !usd.is_sign_negative();
        let fee = self.usd.filter(|usd| !usd.is_sign_negative());
        // A cost of zero beside one upstream is an own key, whether or not it says so.
        let usd = if self.own_key || fee.is_some_and(|fee| fee.is_zero()) {
            self.upstream.filter(is_positive)?.checked_add(fee.unwrap_or_default())
        } else {
            fee
        };
        usd.filter(|usd| trusted && is_positive(usd)).map(|usd| usd.normalize())
    }
}

/// The number as it is written, never through a float.
fn decimal(text: &[u8]) -> Option<Decimal> {
    let text = std::str::from_utf8(text).ok()?;
    if text.contains(['e', 'E']) { Decimal::from_scientific(text).ok() } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(provider: Option<&str>, say: impl Fn(&mut CostSeen)) -> Option<String> {
        let mut cost = CostSeen::new(provider);
        say(&mut cost);
        cost.trusted().map(|usd| usd.to_string())
    }

    #[test]
    fn a_cost_counts_only_from_those_known_to_report_it() {
        assert_eq!(seen(Some("openrouter"), |cost| cost.usd(b"0.00183")).as_deref(), Some("0.00183"));
        assert_eq!(seen(Some("openai"), |cost| cost.usd(b"0.00183")), None);
        assert_eq!(seen(None, |cost| cost.usd(b"0.00183")), None);
        let itemised = seen(None, |cost| {
            cost.usd(b"1.5e-3");
            cost.signature();
        });
        assert_eq!(itemised.as_deref(), Some("0.0015"));
    }

    #[test]
    fn a_zero_is_unknown_and_a_fee_for_ones_own_key_is_not_the_price() {
        assert_eq!(seen(Some("openrouter"), |cost| cost.usd(b"0")), None);
        assert_eq!(seen(Some("openrouter"), |cost| cost.usd(b"-1")), None);
        let own = seen(Some("openrouter"), |cost| {
            cost.usd(b"0.01");
            cost.own_key(true);
        });
        assert_eq!(own, None);
    }

    #[test]
    fn ticks_are_ten_billionths_of_a_dollar() {
        assert_eq!(seen(None, |cost| cost.ticks(b"1176500")).as_deref(), Some("0.00011765"));
    }
}
