//! Which rates hold for one request, once its conditions are known?
//!
//! A [`RateSet`] is one cell of a price: one region, one band of input lengths, one
//! tier. Conditions are looked up once for a request, and everything afterwards is
//! arithmetic on one set.
//!
//! Each set holds its rates twice. The list `named` is exact, in units of 10⁻²⁷
//! dollars, and answers for every meter. The array `common` holds the six meters of
//! nearly every call in atto-dollars, where a rate fits 64 bits: a charge by
//! `common` is six multiplications, some 300 instructions where the exact way takes
//! 6,000. A set is `plain` only where both ways give the same sum, so the fast way
//! rounds nothing.
//!
//! Rates for a quote are worked out here as well, because a quote asks for the
//! dearest of several meters, and that maximum never changes after compiling.

use std::sync::Arc;

use super::extras::SearchRates;
use super::row::PriceRow;
use super::units::{Filled, Given, at, units};
use crate::Error;
use crate::values::call::conditions::CacheWrites;
use crate::values::{Conditions, Meter, Modality, SearchContext};

/// Units in an atto-dollar, in which the common rates fit 64 bits.
const PER_ATTO: u128 = 1_000_000_000;

/// The meters of nearly every call.
pub(super) const COMMON: [Meter; 6] = [
    Meter::Input,
    Meter::CachedInput,
    Meter::CacheWrite5m,
    Meter::CacheWrite1h,
    Meter::Output,
    Meter::Reasoning,
];

/// What all sets of a row have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shared {
    /// Fees of a search by its size, in the order of [`SearchContext`].
    search: [Option<u128>; 4],
    /// The least that is billed of a meter.
    minimums: Arc<[(Meter, u64)]>,
}

impl Shared {
    pub(super) fn of(row: &PriceRow) -> Result<Self, Error> {
        let mut search = [None; 4];
        for (size, fee) in row.search_context.iter().flat_map(SearchRates::iter) {
            let units = units(Meter::WebSearch, *fee)
                .map_err(|problem| Error::invalid("search_context", format!("{fee} {problem}")))?;
            search.get_mut(size as usize).into_iter().for_each(|slot| *slot = Some(units));
        }
        if let Some(unknown) = row.allowances.iter().find(|free| Meter::named(&free.meter).is_none()) {
            return Err(Error::invalid("allowances.meter", format!("{:?} is not a meter", unknown.meter)));
        }
        let minimums = row.minimums.iter().map(|minimum| {
            let meter = Meter::named(&minimum.meter).ok_or_else(|| {
                Error::invalid("minimums.meter", format!("{:?} is not a meter", minimum.meter))
            })?;
            // A quote could not contain it: nobody knows beforehand which classes there will be.
            if meter.counts_tokens() {
                return Err(Error::invalid(
                    "minimums.meter",
                    format!("{meter} counts tokens, which have no minimum"),
                ));
            }
            Ok((meter, minimum.count))
        });
        Ok(Self { search, minimums: minimums.collect::<Result<_, _>>()? })
    }
}

/// The rates under known conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RateSet {
    /// Atto-dollars for one token of each common meter.
    pub(super) common: [u64; 6],
    /// The common rates are all there is to a call without rare meters.
    pub(super) plain: bool,
    /// They are those of the tier, and not the dearest of others.
    pub(super) is_known: bool,
    quote: QuoteRates,
    /// Units for one token, piece or hour, in the order of the meters.
    named: Box<[(Meter, u128)]>,
    shared: Shared,
}

/// Atto-dollars, rounded up, for the worst case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct QuoteRates {
    input: u64,
    /// With what is written to a cache for its default lifetime, by the provider itself or where a request marks it.
    input_kept: u64,
    /// With what is written to a cache for longer, where the request asks for that.
    input_written: u64,
    output: u64,
    /// With the images that a model makes unasked which sells them by the token.
    output_unsaid: u64,
    /// It sells images by the token.
    draws: bool,
    request: u64,
    /// Input and output of sound, images, video.
    modal: [(u64, u64); 3],
}

/// The dearest rates that may apply to a request, in atto-dollars.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dearest {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) request: u64,
}

impl RateSet {
    pub(super) fn of(filled: &Filled, shared: &Shared) -> Self {
        let rates = &filled.rates;
        let exact = COMMON.map(|meter| at(rates, meter).and_then(exact_atto));
        let fee = at(rates, Meter::Request);
        let named = Meter::ALL.into_iter().filter_map(|meter| Some((meter, at(rates, meter)?))).collect();
        let plain = filled.is_known
            && exact.iter().all(Option::is_some)
            && fee.is_none()
            && shared.minimums.iter().all(|(meter, _)| !COMMON.contains(meter));
        let mut set = Self {
            common: exact.map(Option::unwrap_or_default),
            plain,
            is_known: filled.is_known,
            quote: QuoteRates::default(),
            named,
            shared: shared.clone(),
        };
        set.quote = set.worst(rates);
        set
    }

    /// Units for one of that meter, by its own rate or that of its whole.
    pub(super) fn rate(&self, meter: Meter, search: SearchContext) -> Option<u128> {
        if meter == Meter::WebSearch {
            let sized = self.shared.search.get(search as usize).copied().flatten();
            return sized.or_else(|| self.find(meter));
        }
        self.find(meter).or_else(|| self.rate(meter.whole()?, search))
    }

    /// Whether something costs by a rate of its own.
    pub(super) fn is_priced(&self, meter: Meter) -> bool {
        self.find(meter).is_some_and(|rate| rate > 0)
    }

    /// Whether tokens of that side cost anything.
    pub(super) fn bills(&self, side: Side) -> bool {
        let tokens = self.named.iter().filter(|(meter, rate)| meter.counts_tokens() && *rate > 0);
        tokens.into_iter().any(|(meter, _)| Side::of(*meter) == side)
    }

    /// Whether any token costs anything.
    pub(super) fn bills_tokens(&self) -> bool {
        self.bills(Side::In) || self.bills(Side::Out)
    }

    /// Whether any token has a rate, be it zero.
    pub(super) fn names_tokens(&self) -> bool {
        self.named.iter().any(|(meter, _)| meter.counts_tokens())
    }

    /// Whether there are rates, and all are zero.
    pub(super) fn is_zero(&self) -> bool {
        let fees = self.shared.search.iter().flatten();
        !self.named.is_empty() && self.named.iter().map(|(_, rate)| rate).chain(fees).all(|rate| *rate == 0)
    }

    /// Whether no rate is known.
    pub(super) fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// The least that is billed of a meter.
    pub(super) fn minimum(&self, meter: Meter) -> u64 {
        self.shared.minimums.iter().find(|(other, _)| *other == meter).map_or(0, |(_, least)| *least)
    }

    #[inline]
    pub(super) fn dearest(&self, conditions: &Conditions, keeps: bool) -> Dearest {
        let rates = &self.quote;
        let input = match (conditions.cache(), keeps) {
            (CacheWrites::ForLong, _) => rates.input_written,
            (CacheWrites::Marked, _) | (CacheWrites::ByItself, true) => rates.input_kept,
            (CacheWrites::Unsaid | CacheWrites::Nothing, _) | (CacheWrites::ByItself, false) => rates.input,
        };
        let output = if self.draws_unasked(conditions) { rates.output_unsaid } else { rates.output };
        let mut dearest = Dearest { input, output, request: rates.request };
        if conditions.is_multimodal() {
            for (modality, (input, output)) in
                [Modality::Audio, Modality::Image, Modality::Video].into_iter().zip(rates.modal)
            {
                if conditions.has_input(modality) {
                    dearest.input = dearest.input.max(input);
                }
                if conditions.has_output(modality) {
                    dearest.output = dearest.output.max(output);
                }
            }
        }
        dearest
    }

    /// What an answer may be made of beside text, at the dearest rate: whatever is asked for, and what is drawn unasked.
    pub(super) fn dearest_kind(&self, conditions: &Conditions) -> Option<Meter> {
        const KINDS: [(Modality, Meter); 3] = [
            (Modality::Audio, Meter::OutputAudio),
            (Modality::Image, Meter::OutputImage),
            (Modality::Video, Meter::OutputVideo),
        ];
        let drawn = self.draws_unasked(conditions).then_some(Meter::OutputImage);
        let asked =
            KINDS.into_iter().filter(|(kind, _)| conditions.has_output(*kind)).map(|(_, meter)| meter);
        asked.chain(drawn).max_by_key(|meter| self.rate(*meter, SearchContext::Medium))
    }

    /// Whether the model sells images by the token, and nobody says that the answer has none.
    #[inline]
    fn draws_unasked(&self, conditions: &Conditions) -> bool {
        self.quote.draws && !conditions.says_output()
    }

    fn find(&self, meter: Meter) -> Option<u128> {
        let at = self.named.binary_search_by_key(&meter, |(meter, _)| *meter).ok()?;
        self.named.get(at).map(|(_, rate)| *rate)
    }

    /// Parts fall back to their wholes here as they do in a charge.
    fn worst(&self, rates: &Given) -> QuoteRates {
        let rate = |meter: Meter| self.rate(meter, SearchContext::Medium).map_or(0, atto_rounded_up);
        let most = |meters: &[Meter]| meters.iter().map(|meter| rate(*meter)).max().unwrap_or(0);
        let input = most(&[Meter::Input, Meter::CachedInput]);
        QuoteRates {
            input,
            input_kept: input.max(rate(Meter::CacheWrite5m)),
            input_written: input.max(most(&[Meter::CacheWrite5m, Meter::CacheWrite1h])),
            output: most(&[Meter::Output, Meter::Reasoning]),
            output_unsaid: most(&[Meter::Output, Meter::Reasoning, Meter::OutputImage]),
            draws: self.is_priced(Meter::OutputImage),
            request: at(rates, Meter::Request).map_or(0, atto_rounded_up),
            modal: [
                (
                    most(&[Meter::InputAudio, Meter::CachedAudio, Meter::CacheWriteAudio]),
                    most(&[Meter::OutputAudio]),
                ),
                (most(&[Meter::InputImage, Meter::CachedImage]), most(&[Meter::OutputImage])),
                (most(&[Meter::InputVideo, Meter::CachedVideo]), most(&[Meter::OutputVideo])),
            ],
        }
    }
}

/// Whether a meter is of what goes in, of what comes out, or of a tool that the provider runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    In,
    Out,
    Tool,
}

impl Side {
    pub(super) fn of(meter: Meter) -> Self {
        match meter {
            Meter::Output
            | Meter::Reasoning
            | Meter::OutputAudio
            | Meter::OutputImage
            | Meter::OutputVideo
            | Meter::ImageOut
            | Meter::AudioOutMs
            | Meter::VideoOutMs
            | Meter::CharacterOut => Self::Out,
            _ if meter.is_of_tool() => Self::Tool,
            _ => Self::In,
        }
    }
}

fn exact_atto(units: u128) -> Option<u64> {
    let atto = units.checked_div(PER_ATTO)?;
    (atto.checked_mul(PER_ATTO)? == units).then(|| u64::try_from(atto).ok())?
}

/// Ten dollars, the most of a piece, still fit.
fn atto_rounded_up(units: u128) -> u64 {
    u64::try_from(units.div_ceil(PER_ATTO)).unwrap_or(u64::MAX)
}
