//! Which figures can a provider report, before anything is added up?
//!
//! Reading and understanding are two steps. A [`Field`] is a figure under the meaning of
//! its name alone: `prompt_tokens` is not yet an input, since caches may be inside or
//! beside it. [`Figures`] holds the last value of each field; `normal` then makes one usage
//! of all of them, when the totals are known.
//!
//! Numbers are read as decimal text: `12`, `12.0`, `1.2e1` and `"12"` are twelve. What
//! cannot be a count (negative, larger than 2^40, no number) is no count, and never zero.

/// One figure as a provider reports it. `normal` decides which figure contains which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Input in OpenAI's chat form, in which caches are inside.
    PromptTokens,
    /// Output in the same form; some proxies write it beside an empty one in the other.
    CompletionTokens,
    /// Input in any other form, in which caches named apart are beside it.
    Input,
    /// Output in any other form.
    Output,
    /// Input and output under names of a third generation, in camel case or counted by Google.
    InputOther,
    OutputOther,
    /// The provider's own sum of input and output.
    Total,
    /// Only a count was asked for.
    Counted,
    /// Cache reads and writes that the input contains.
    CachedInside,
    WrittenInside,
    /// Cache reads and writes in fields of their own.
    CacheRead,
    CacheWritten,
    /// Cache writes at Anthropic's default lifetime.
    Written5m,
    /// Cache writes for an hour.
    Written1h,
    /// Reasoning in the details of output: inside it.
    Reasoning,
    /// Reasoning named beside the output and not in its details: inside it, unless there is more of it.
    ReasoningApart,
    /// Thoughts that the output does not contain (Gemini).
    Thoughts,
    /// What tools brought into the prompt, beside it (Gemini).
    ToolPrompt,
    /// Input by modality, inside the input.
    InputAudio,
    InputImage,
    InputVideo,
    /// Cached input by modality.
    CachedAudio,
    CachedImage,
    CachedVideo,
    /// Output by modality, inside the output.
    OutputAudio,
    OutputImage,
    OutputVideo,
    /// Tokens of cited pages (Perplexity).
    Citation,
    /// Units that Cohere bills, which are fewer than the tokens it saw.
    BilledInput,
    BilledOutput,
    BilledImageTokens,
    BilledImages,
    /// Cohere's units of ranking.
    SearchUnit,
    /// Uses of tools, each billed by the piece.
    WebSearch,
    /// Searches of posts, billed like those of the web (xAI).
    PostSearch,
    WebFetch,
    FileSearch,
    /// Searches of collections, billed like those of files (xAI).
    DocumentSearch,
    CodeExecution,
    ImageGeneration,
    /// Pages that were read (Mistral).
    Page,
    /// Sound by its length, in milliseconds.
    AudioMs,
}

/// What was reported so far for one line: the last frame that carries a field wins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    counts: [Option<u64>; Self::COUNT],
    /// Those of the usage object now being read, a bit for each field.
    here: u64,
}

impl Figures {
    /// How many fields there are: the last one's number and one.
    const COUNT: usize = Field::AudioMs as usize + 1;

    /// Nothing was reported.
    pub(super) const NONE: Self = Self { counts: [None; Self::COUNT], here: 0 };

    /// A figure; `None` if it was not reported.
    #[inline]
    pub(super) fn get(&self, field: Field) -> Option<u64> {
        self.counts.get(field as usize).copied().flatten()
    }

    /// A figure, for a sum to which what is missing adds nothing.
    pub(super) fn or_zero(&self, field: Field) -> u64 {
        self.get(field).unwrap_or(0)
    }

    /// Sets a figure, whatever was there.
    #[inline]
    pub(super) fn set(&mut self, field: Field, count: u64) {
        if let Some(slot) = self.counts.get_mut(field as usize) {
            *slot = Some(count);
        }
    }

    /// Takes a figure of the object now being read. Of two names for one figure in it, a filled one goes
    /// before a zero: proxies add a second generation of names and leave one of both empty.
    #[inline]
    pub(super) fn take(&mut self, field: Field, count: u64) {
        let bit = 1_u64.checked_shl(field as u32).unwrap_or(0);
        if count > 0 || self.here & bit == 0 {
            self.here |= bit;
            self.set(field, count);
        }
    }

    /// Another object begins: what it says replaces what was said before, zeros included.
    #[inline]
    pub(super) fn begin(&mut self) {
        self.here = 0;
    }

    /// Forgets a figure.
    pub(super) fn clear(&mut self, field: Field) {
        if let Some(slot) = self.counts.get_mut(field as usize) {
            *slot = None;
        }
    }

    /// Whether nothing was reported at all.
    pub(super) fn is_empty(&self) -> bool {
        self.counts.iter().all(Option::is_none)
    }
}

/// The largest count that is believed: a million times a context of a million tokens.
const COUNT_MAX: u64 = 1 << 40;

/// A count as JSON writes it: `12`, `12.0`, `1.2e1`, also inside quotes. Rounded
/// up; negative, or larger than anything can be, is nothing.
pub(super) fn count(text: &[u8]) -> Option<u64> {
    exact_count(text).map(|(count, _)| count)
}

/// The same, and whether the number was a whole one: nobody counts half a token.
pub(super) fn exact_count(text: &[u8]) -> Option<(u64, bool)> {
    scaled(text, 0).filter(|(count, _)| *count <= COUNT_MAX)
}

/// Seconds as whole milliseconds, rounded up.
pub(super) fn millis(text: &[u8]) -> Option<u64> {
    scaled(text, 3).map(|(millis, _)| millis).filter(|millis| *millis <= COUNT_MAX)
}

/// A decimal number times ten to that power, rounded up to a whole one, and whether it was one.
fn scaled(text: &[u8], power: i64) -> Option<(u64, bool)> {
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (text.get(..at)?, exponent(text.get(at.checked_add(1)?..)?)?),
        None => (text, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(at) => (mantissa.get(..at)?, mantissa.get(at.checked_add(1)?..)?),
        None => (mantissa, [].as_slice()),
    };
    if whole.is_empty() {
        return None;
    }
    let mut point = i64::try_from(whole.len()).ok()?.checked_add(power)?.checked_add(exponent)?;
    let (mut value, mut rest) = (0_u64, false);
    for digit in whole.iter().chain(fraction) {
        let digit = digit.is_ascii_digit().then(|| digit.wrapping_sub(b'0'))?;
        if point > 0 {
            value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
        } else {
            rest |= digit != 0;
        }
        point = point.saturating_sub(1);
    }
    if value == 0 {
        return Some((u64::from(rest), !rest));
    }
    for _ in 0..point.max(0) {
        value = value.checked_mul(10)?;
    }
    value.checked_add(u64::from(rest)).map(|value| (value, !rest))
}

/// The power of ten behind an `e`; larger ones than a thousand are not believed.
fn exponent(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let exponent = text.strip_prefix('+').unwrap_or(text).parse::<i64>().ok()?;
    (-1_000..=1_000).contains(&exponent).then_some(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_in_every_form_and_never_negative() {
        for (text, number) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("12.0", Some(12)),
            ("1.25e2", Some(125)),
            ("1E+3", Some(1_000)),
            ("0.1", Some(1)),
            ("0e999", Some(0)),
            ("1099511627776", Some(1 << 40)),
            ("1099511627777", None),
            ("18446744073709551616", None),
            ("1e20", None),
            ("1e9999999", None),
            ("-1", None),
            ("true", None),
            ("", None),
            (".", None),
            ("1x", None),
        ] {
            assert_eq!(count(text.as_bytes()), number, "{text}");
        }
    }

    #[test]
    fn seconds_are_rounded_up_to_milliseconds() {
        for (text, ms) in [("37", 37_000), ("4.6075", 4_608), ("0.0001", 1), ("2e0", 2_000)] {
            assert_eq!(millis(text.as_bytes()), Some(ms), "{text}");
        }
    }
}
