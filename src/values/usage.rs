//! What did a call use? Every billed token once.
//!
//! Providers count in different ways. OpenAI's `prompt_tokens` contains what came from a
//! cache; Anthropic's `input_tokens` does not. Google lists thoughts beside the output;
//! OpenAI counts reasoning inside it. [`Usage`] has one normal form: *input contains*
//! cache reads and writes, *output contains* reasoning. So `input + output` is every
//! billed token once, and a part is never added to its whole.
//!
//! Worked example: Anthropic reports 200 `input_tokens`, 800 `cache_read_input_tokens`
//! and 50 `output_tokens`. The normal form is input 1,000, of which 800 are cached, and
//! output 50. The total is 1,050.
//!
//! A missing count is `None` and not zero: a provider that does not mention cache writes
//! has not said that there were none. Whoever charges decides what a missing figure
//! means.

mod parts;

use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use crate::values::amount::Unit;
pub use crate::values::meter::{Meter, MeterUnit};

/// The meters whose counts are kept in 64 bits; they come first in `Meter::ALL`.
const WIDE: usize = 6;

/// What one call used, in the one normal form that prices and budgets read.
///
/// Input contains what was read from and written to caches, and images and sound; output
/// contains reasoning. So no token stands in two places that are added up. A count that
/// was not reported is `None`, which is not zero.
///
/// Use [`Usage::of`] if you have an input and an output, the `with_…` methods for parts
/// of them, and [`with`](Self::with) for what is not counted in tokens (searches, pages,
/// seconds). To read a provider's own answer, use
/// [`wire::extract`](crate::wire::extract), which knows each provider's way of counting.
///
/// # Example: reasoning is a part of the output
/// ```
/// use token_budget::usage::Meter;
/// use token_budget::Usage;
///
/// let usage = Usage::new().with_input(1_200).with_cached_input(1_000).with_output(300).with_reasoning(250);
/// assert_eq!(usage.total(), Some(1_500));
/// assert_eq!(usage.cache_write_5m(), None); // not reported
/// usage.check()?;
/// assert!(usage.with_reasoning(301).check().is_err());
///
/// let searched = usage.with(Meter::WebSearch, 2);
/// assert_eq!(searched.count(Meter::WebSearch), Some(2));
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Usage {
    wide: [Count; WIDE],
    narrow: [SmallCount; Meter::COUNT - WIDE],
}

/// A count that may be missing, in one word, because calls copy their usage into the
/// journal. The largest number means missing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Count(u64);

/// The same in half a word, for meters that are rare and never count billions.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct SmallCount(u32);

impl Count {
    const MISSING: Self = Self(u64::MAX);

    /// A count of 2^64 − 1, which nobody can reach, is kept as one less.
    const fn of(count: u64) -> Self {
        Self(if count == u64::MAX { count.saturating_sub(1) } else { count })
    }

    const fn get(self) -> Option<u64> {
        if self.0 == u64::MAX { None } else { Some(self.0) }
    }
}

impl SmallCount {
    const MISSING: Self = Self(u32::MAX);
    const MAX: u32 = u32::MAX.saturating_sub(1);

    fn of(count: u64) -> Self {
        Self(u32::try_from(count).unwrap_or(Self::MAX).min(Self::MAX))
    }

    const fn get(self) -> Option<u32> {
        if self.0 == u32::MAX { None } else { Some(self.0) }
    }
}

impl Default for Usage {
    fn default() -> Self {
        Self::NOTHING
    }
}

impl Usage {
    /// Nothing was reported.
    const NOTHING: Self = Self {
        wide: [Count::MISSING; WIDE],
        narrow: [SmallCount::MISSING; Meter::COUNT.saturating_sub(WIDE)],
    };

    /// A usage of which nothing has been reported yet.
    #[must_use]
    pub fn new() -> Self {
        Self::NOTHING
    }

    /// That many input and output tokens, which is the commonest report.
    #[must_use]
    pub fn of(input: u64, output: u64) -> Self {
        // In the order of the meters: input with three parts, output with one.
        let (input, output, unsaid) = (Count::of(input), Count::of(output), Count::MISSING);
        Self { wide: [input, unsaid, unsaid, unsaid, output, unsaid], ..Self::NOTHING }
    }

    /// Sets that count: tokens, requests, pages, milliseconds, characters, as the meter
    /// says. A count that was set before is replaced.
    ///
    /// Only the six meters that have a method of their own count beyond 4,294,967,294;
    /// the others stop there.
    #[must_use]
    pub fn with(mut self, meter: Meter, count: u64) -> Self {
        self.set(meter, count);
        self
    }

    /// Sets all input tokens, cache reads and writes included.
    #[must_use]
    pub fn with_input(self, tokens: u64) -> Self {
        self.with(Meter::Input, tokens)
    }

    /// Sets the part of the input that was read from a cache.
    #[must_use]
    pub fn with_cached_input(self, tokens: u64) -> Self {
        self.with(Meter::CachedInput, tokens)
    }

    /// Sets the part of the input that was written to a cache for five minutes, or for
    /// the provider's default.
    #[must_use]
    pub fn with_cache_write_5m(self, tokens: u64) -> Self {
        self.with(Meter::CacheWrite5m, tokens)
    }

    /// Sets the part of the input that was written to a cache for an hour.
    #[must_use]
    pub fn with_cache_write_1h(self, tokens: u64) -> Self {
        self.with(Meter::CacheWrite1h, tokens)
    }

    /// Sets all output tokens, reasoning included.
    #[must_use]
    pub fn with_output(self, tokens: u64) -> Self {
        self.with(Meter::Output, tokens)
    }

    /// Sets the part of the output that was reasoning.
    #[must_use]
    pub fn with_reasoning(self, tokens: u64) -> Self {
        self.with(Meter::Reasoning, tokens)
    }

    /// What that meter counted; `None` if it was not reported.
    #[must_use]
    #[inline]
    pub fn count(&self, meter: Meter) -> Option<u64> {
        let at = meter as usize;
        match self.wide.get(at) {
            Some(count) => count.get(),
            None => self.narrow.get(at.saturating_sub(WIDE))?.get().map(u64::from),
        }
    }

    /// All input tokens, cache reads and writes included.
    #[must_use]
    #[inline]
    pub fn input(&self) -> Option<u64> {
        self.count(Meter::Input)
    }

    /// The part of the input that was read from a cache.
    #[must_use]
    #[inline]
    pub fn cached_input(&self) -> Option<u64> {
        self.count(Meter::CachedInput)
    }

    /// The part of the input written to a cache for five minutes, or for the provider's default.
    #[must_use]
    #[inline]
    pub fn cache_write_5m(&self) -> Option<u64> {
        self.count(Meter::CacheWrite5m)
    }

    /// The part of the input written to a cache for an hour.
    #[must_use]
    #[inline]
    pub fn cache_write_1h(&self) -> Option<u64> {
        self.count(Meter::CacheWrite1h)
    }

    /// All output tokens, reasoning included.
    #[must_use]
    #[inline]
    pub fn output(&self) -> Option<u64> {
        self.count(Meter::Output)
    }

    /// The part of the output that was reasoning.
    #[must_use]
    #[inline]
    pub fn reasoning(&self) -> Option<u64> {
        self.count(Meter::Reasoning)
    }

    /// The sum of both, meter by meter. What either reported is reported. Sums stop at
    /// the largest count.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        other
            .counts()
            .fold(self, |sum: Self, (meter, count)| sum.with(meter, sum.part(meter).saturating_add(count)))
    }

    /// Input plus output, if both were reported. Cached tokens and reasoning are in them
    /// already.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.input()?.checked_add(self.output()?)
    }

    /// Whether both input and output were reported, so that the call can be charged by
    /// what it used.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.input().is_some() && self.output().is_some()
    }

    /// Whether any meter other than the six common ones was reported.
    #[must_use]
    #[inline]
    pub fn has_rare_meters(&self) -> bool {
        self.narrow != [SmallCount::MISSING; Meter::COUNT - WIDE]
    }

    /// The six common counts with every token in one of them: input and output are what their parts leave of them.
    ///
    /// `None` where a whole was not reported, parts exceed it, or any other meter was reported: then this is not all.
    #[inline]
    pub(crate) fn common(&self) -> Option<[u64; WIDE]> {
        let [input, cached, write_5m, write_1h, output, reasoning] = self.wide.map(Count::get);
        let (cached, write_5m, write_1h) =
            (cached.unwrap_or(0), write_5m.unwrap_or(0), write_1h.unwrap_or(0));
        let input = input?.checked_sub(cached)?.checked_sub(write_5m)?.checked_sub(write_1h)?;
        let (output, reasoning) = (output?, reasoning.unwrap_or(0));
        let all = [input, cached, write_5m, write_1h, output.checked_sub(reasoning)?, reasoning];
        (!self.has_rare_meters()).then_some(all)
    }

    /// How many meters are common.
    pub(crate) const COMMON: usize = WIDE;

    /// The six common counts in half the space; `None` where one does not fit, or any other meter was reported.
    #[inline]
    pub(crate) fn packed(&self) -> Option<[u32; WIDE]> {
        let mut packed = [u32::MAX; WIDE];
        let mut large = self.has_rare_meters();
        for (packed, wide) in packed.iter_mut().zip(self.wide) {
            *packed = wide.0 as u32;
            // The largest number of either size means missing, and no other may become it.
            large |= wide.0 >= u64::from(u32::MAX) && wide != Count::MISSING;
        }
        (!large).then_some(packed)
    }

    /// What was [packed](Self::packed).
    pub(crate) fn unpacked(packed: [u32; WIDE]) -> Self {
        let wide = packed
            .map(|count| SmallCount(count).get().map_or(Count::MISSING, |count| Count(u64::from(count))));
        Self { wide, ..Self::NOTHING }
    }

    /// Every count that was reported, in the order of [`Meter::ALL`].
    pub fn counts(&self) -> impl Iterator<Item = (Meter, u64)> {
        Meter::ALL.into_iter().filter_map(|meter| Some((meter, self.count(meter)?)))
    }

    /// A count, or zero if it is missing.
    #[inline]
    pub(super) fn part(&self, meter: Meter) -> u64 {
        self.count(meter).unwrap_or(0)
    }

    pub(super) fn set(&mut self, meter: Meter, count: u64) {
        let at = meter as usize;
        if let Some(slot) = self.wide.get_mut(at) {
            *slot = Count::of(count);
        } else if let Some(slot) = self.narrow.get_mut(at.saturating_sub(WIDE)) {
            *slot = SmallCount::of(count);
        }
    }
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Usage ")?;
        f.debug_map().entries(self.counts().map(|(meter, count)| (meter.name(), count))).finish()
    }
}

impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (meter, count) in self.counts() {
            map.serialize_entry(meter.name(), &count)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Usage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UsageVisitor)
    }
}

struct UsageVisitor;

impl<'de> Visitor<'de> for UsageVisitor {
    type Value = Usage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("counts by meter")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Usage, A::Error> {
        let mut usage = Usage::new();
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let meter = Meter::named(&name)
                .ok_or_else(|| de::Error::custom(format_args!("unknown meter {name:?}")))?;
            if usage.count(meter).is_some() {
                return Err(de::Error::custom(format_args!("{meter} is given twice")));
            }
            usage.set(meter, map.next_value()?);
        }
        Ok(usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_may_fill_their_whole_but_not_exceed_it() {
        let usage = Usage::of(10, 5).with_cached_input(4).with_cache_write_5m(3).with_cache_write_1h(3);
        assert!(usage.check().is_ok());
        assert!(usage.with_cached_input(5).check().is_err());
        assert!(usage.with_reasoning(5).check().is_ok());
        assert!(usage.with_reasoning(6).check().is_err());
    }

    #[test]
    fn sound_may_be_cached_and_is_counted_once_all_the_same() {
        let usage =
            Usage::of(100, 0).with_cached_input(60).with(Meter::CachedAudio, 50).with(Meter::InputAudio, 90); // 50 of it cached, 40 not: all that is not cached
        assert!(usage.check().is_ok());
        let error = usage.with(Meter::InputAudio, 91).check().unwrap_err();
        assert!(error.to_string().contains("usage.input_audio"), "{error}");
        assert!(usage.with(Meter::CachedAudio, 61).check().is_err());
    }

    #[test]
    fn usage_survives_json_and_keeps_what_is_missing() {
        let usage = Usage::of(10, 0).with_cached_input(4).with(Meter::WebSearch, 1);
        let text = serde_json::to_string(&usage).expect("json");
        assert_eq!(text, r#"{"input":10,"cached_input":4,"output":0,"web_search":1}"#);
        assert_eq!(serde_json::from_str::<Usage>(&text).expect("usage"), usage);
        assert!(serde_json::from_str::<Usage>(r#"{"inputs":1}"#).is_err());
        assert!(serde_json::from_str::<Usage>(r#"{"input":1,"input":2}"#).is_err());
        assert!(std::mem::size_of::<Usage>() <= 168);
    }

    #[test]
    fn contradictions_are_clamped_and_flagged() {
        let (usage, changed) = Usage::of(10, 5).with_cached_input(8).with_cache_write_5m(8).clamped();
        assert!(changed);
        assert_eq!((usage.cached_input(), usage.cache_write_5m()), (Some(8), Some(2)));
        assert!(usage.check().is_ok());
        assert_eq!(Usage::of(10, 5).clamped(), (Usage::of(10, 5), false));

        let (usage, changed) = Usage::new().with(Meter::CachedAudio, 7).with_reasoning(3).clamped();
        assert!(changed);
        assert_eq!((usage.cached_input(), usage.input(), usage.output()), (Some(7), Some(7), Some(3)));
    }

    /// A damaged report said only that no input was sound; the input was gone.
    #[test]
    fn a_part_of_zero_needs_no_whole() {
        let usage = Usage::new().with_output(350).with(Meter::InputAudio, 0);
        assert!(usage.check().is_ok());
        assert_eq!(usage.clamped(), (usage, false));
        assert_eq!(usage.input(), None); // still not reported
        assert!(usage.with(Meter::InputAudio, 1).check().is_err());
    }

    #[test]
    fn a_count_beyond_its_range_stops_short_of_missing() {
        assert_eq!(Usage::new().with_input(u64::MAX).input(), Some(u64::MAX - 1));
        let pages = Usage::new().with(Meter::Page, u64::MAX).count(Meter::Page);
        assert_eq!(pages, Some(4_294_967_294));
    }
}
