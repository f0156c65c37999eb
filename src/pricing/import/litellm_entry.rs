//! What does one entry of LiteLLM's table cost, by tier and by length of the input?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use super::ImportReport;
use super::json::{Json, Map, get};
use super::litellm::wrong;
use super::litellm_fields::{CostField, bears_cost};
use crate::Error;
use crate::pricing::band::Band;
use crate::pricing::rates::Rates;
use crate::pricing::row::PriceRow;
use crate::pricing::unseen::Reasoning;
use crate::pricing::{families, reasons};
use crate::values::{Meter, ServiceTier};

/// Rates of one length of input, by tier.
type ByTier = BTreeMap<ServiceTier, Rates>;

/// One entry, taken apart.
pub(super) struct Entry<'a> {
    pub(super) key: &'a str,
    pub(super) mode: String,
    /// By threshold in thousands of tokens; none is zero.
    rates: BTreeMap<u64, ByTier>,
    pub(super) row: PriceRow,
}

impl<'a> Entry<'a> {
    /// Reads an entry into a row; none where it has no price that is understood.
    pub(super) fn read(
        key: &'a str,
        provider: &str,
        fields: &Map<'_>,
        report: &mut ImportReport,
    ) -> Result<Option<PriceRow>, Error> {
        let mode = get(fields, "mode")?.and_then(|json| json.text().map(str::to_owned)).unwrap_or_default();
        let row = PriceRow::new(provider, key).completely();
        let mut entry = Self { key, mode, rates: BTreeMap::new(), row };
        let given = entry.flat(fields, report)?;
        entry.limits(fields)?;
        entry.unseen(provider, fields);
        entry.thresholds(provider, given, report);
        entry.tiered(fields, report)?;
        entry.multipliers(fields, report)?;
        entry.searches(fields, report)?;
        entry.off_peak(fields, report)?;
        entry.zeros(provider, report);
        let row = entry.row;
        let none = ServiceTier::ALL.into_iter().all(|tier| row.rates(tier).is_empty());
        if none && row.bands.is_empty() {
            report.skip(key, "has no price that is understood");
            return Ok(None);
        }
        Ok(Some(row))
    }

    /// Every field that is one figure; which names were given.
    fn flat(
        &mut self,
        fields: &Map<'_>,
        report: &mut ImportReport,
    ) -> Result<Vec<(String, CostField)>, Error> {
        const HANDLED: [&str; 8] = [
            "tiered_pricing",
            "off_peak_pricing",
            "search_context_cost_per_query",
            "search_free_requests",
            "provider_specific_entry",
            "regional_processing_uplift_multiplier_eu",
            "regional_processing_uplift_multiplier_us",
            "regional_endpoint_uplift_multiplier",
        ];
        let mut given = Vec::new();
        for (name, raw) in fields.iter().filter(|(name, _)| !HANDLED.contains(&name.as_str())) {
            if !bears_cost(name) || raw.get() == "null" {
                continue;
            }
            if name == "web_search_billing_unit" && raw.get() == "\"per_query\"" {
                continue; // as our meter counts them
            }
            // An older name of the rate of cache reads, which their calculator does not read.
            if name == "input_cost_per_token_cache_hit" && Self::is_cached_rate(fields, raw)? {
                continue;
            }
            let Some(field) = CostField::named(name, &self.mode) else {
                report.miss(self.key, name.as_str());
                continue;
            };
            let rate = field.rate(&Json::of(raw)?).map_err(|problem| wrong(self.key, name, problem))?;
            let rates =
                self.rates.entry(field.above_k.unwrap_or(0)).or_default().entry(field.tier).or_default();
            // Of two fields for one meter, as an older name beside a newer, the first stays.
            match rates.get(field.meter) {
                Some(other) if other != rate => report.miss(self.key, name.as_str()),
                Some(_) => {}
                None => rates.set(field.meter, Some(rate)),
            }
            given.push((name.clone(), field));
        }
        Ok(given)
    }

    /// Whether that figure is the entry's rate of cache reads once more.
    fn is_cached_rate(fields: &Map<'_>, raw: &RawValue) -> Result<bool, Error> {
        let Some(cached) = get(fields, "cache_read_input_token_cost")? else { return Ok(false) };
        Ok(cached.figure(6).ok() == Json::of(raw)?.figure(6).ok())
    }

    fn limits(&mut self, fields: &Map<'_>) -> Result<(), Error> {
        let count = |name: &str| get(fields, name).map(|json| json.and_then(|json| json.count()));
        self.row.context_tokens = count("max_input_tokens")?.filter(|tokens| *tokens > 0);
        let silent = matches!(self.mode.as_str(), "embedding" | "rerank" | "moderation");
        let output = count("max_output_tokens")?.filter(|tokens| *tokens > 0);
        self.row.output_tokens_max = if silent { Some(0) } else { output };
        Ok(())
    }

    /// Whether it reasons by itself, as far as the table says it or the family is known; how fast its seller is.
    fn unseen(&mut self, provider: &str, fields: &Map<'_>) {
        let is = |name: &str, text: &str| {
            let raw = fields.iter().find(|(field, _)| field == name).map(|(_, raw)| raw.get());
            raw == Some(text)
        };
        let silent = [
            "embedding",
            "rerank",
            "moderation",
            "ocr",
            "search",
            "audio_transcription",
            "audio_speech",
            "video_generation",
        ];
        let known = reasons::reasoning(self.key);
        self.row.reasoning = if silent.contains(&self.mode.as_str()) {
            Some(Reasoning::Never)
        } else if is("thinking_always_on", "true") {
            Some(Reasoning::Always)
        } else if is("default_reasoning_effort", "\"none\"") {
            Some(Reasoning::OnRequest)
        } else if is("supports_reasoning", "true") {
            // It can, so a family that does not is another model's.
            known.filter(|known| *known != Reasoning::Never).or(Some(Reasoning::Always))
        } else {
            known
        };
        self.row.unseen_tokens_per_second = families::tokens_per_second(provider);
    }

    /// What an entry says that names nothing above zero, or no tokens and something that is not understood.
    ///
    /// There a zero often means that nobody has looked it up.
    fn zeros(&mut self, provider: &str, report: &ImportReport) {
        if !self.row.charges() {
            self.row.free = families::is_free(provider, self.key, &self.mode);
            self.row.unknown = !self.row.free;
            return;
        }
        let counts = |meter: Meter| self.row.standard.get(meter).is_some_and(|rate| !rate.is_zero());
        let by_token = Meter::ALL.into_iter().any(|meter| meter.counts_tokens() && counts(meter));
        let banded = !self.row.bands.is_empty();
        self.row.unknown = !by_token && !banded && report.has_gaps(self.key);
    }

    /// Makes bands of the thresholds at which the input has a rate, and lists what is priced at others.
    fn thresholds(&mut self, provider: &str, given: Vec<(String, CostField)>, report: &mut ImportReport) {
        let is_edge = |rates: &ByTier| {
            rates.get(&ServiceTier::Standard).is_some_and(|rates| rates.get(Meter::Input).is_some())
        };
        let edges: BTreeSet<u64> =
            self.rates.iter().filter(|(k, rates)| **k > 0 && is_edge(rates)).map(|(k, _)| *k).collect();
        for (name, field) in given {
            if field.above_k.is_some_and(|k| !edges.contains(&k)) {
                report.miss(self.key, name);
            }
        }
        let base = self.rates.remove(&0).unwrap_or_default();
        for (tier, rates) in &base {
            *self.row.rates_mut(*tier) = rates.clone();
        }
        // Where nothing else is priced of a maker of images, that is an image made.
        let makes = matches!(self.mode.as_str(), "image_generation" | "image_edit");
        if makes && self.row.standard.iter().all(|(meter, _)| meter == Meter::ImageIn) {
            let made = self.row.standard.get(Meter::ImageIn);
            self.row.standard.set(Meter::ImageOut, made);
            self.row.standard.set(Meter::ImageIn, None);
        }
        let images = self.row.standard.get(Meter::OutputImage);
        if self.row.standard.get(Meter::Output).is_none() && images.is_some() {
            self.row.standard.set(Meter::Output, images);
        }
        for (k, rates) in std::mem::take(&mut self.rates) {
            if !edges.contains(&k) {
                continue;
            }
            let tokens = k.saturating_mul(1_000);
            let mut band = Band::default();
            if provider == "xai" {
                band.from_input_tokens = Some(tokens);
            } else {
                band.above_input_tokens = Some(tokens);
            }
            for (tier, rates) in rates {
                *band.rates_mut(tier) = rates;
            }
            self.row.bands.push(band);
        }
        self.reasoning();
    }

    /// Writes down what reasoning costs at every length and tier, where it has a rate of its own.
    fn reasoning(&mut self) {
        let of = |row: &PriceRow, tier: ServiceTier, meter: Meter| row.rates(tier).get(meter);
        let standard = of(&self.row, ServiceTier::Standard, Meter::Reasoning);
        let tiers: Vec<_> =
            ServiceTier::ALL.into_iter().filter(|tier| !self.row.rates(*tier).is_empty()).collect();
        for tier in tiers {
            // The tier's own rate; else its output's, whatever that is at each length; else the standard rate.
            let own = of(&self.row, tier, Meter::Reasoning);
            let priced = tier != ServiceTier::Standard && of(&self.row, tier, Meter::Output).is_some();
            if own.is_none() && (standard.is_none() || priced) {
                let of_tier = of(&self.row, tier, Meter::Output);
                for band in &mut self.row.bands {
                    let output = band.rates(tier).get(Meter::Output).or(band.standard.get(Meter::Output));
                    let output = output.or(of_tier);
                    if standard.is_some() {
                        band.rates_mut(tier).set(Meter::Reasoning, output);
                    }
                }
                continue;
            }
            let rate = own.or(standard);
            self.row.rates_mut(tier).set(Meter::Reasoning, rate);
            for band in &mut self.row.bands {
                band.rates_mut(tier).set(Meter::Reasoning, rate);
            }
        }
    }
}
