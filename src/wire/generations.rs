//! Which of several names for one figure counts?
//!
//! Proxies that speak two generations of an API write the names of both into one usage, and
//! leave one of them at zero or at what it was in another form. One such proxy made 38
//! times too much be charged. Three rules, in order:
//!
//! 1. If all filled figures of one kind agree, they are the figure: a zero is only an empty
//!    name.
//! 2. If they differ, the pair of input and output that the total bears out counts. Names
//!    of one generation are tried first. For `prompt_tokens` 900 with `completion_tokens`
//!    90, beside `inputTokens` 100 with `outputTokens` 10: a total of 110 speaks for the
//!    second pair, one of 990 for the first. Caches and thoughts that may stand beside are
//!    tried in the sum, too.
//! 3. If the total bears out none, the larger counts, and the report says that it was not
//!    sure.

use smallvec::SmallVec;

use super::fields::{Field, Figures};

/// Input and output in one generation of names.
#[derive(Clone, Copy)]
enum Names {
    /// `prompt_tokens`, `completion_tokens`: caches are inside.
    Chat,
    /// `input_tokens`, `output_tokens`: caches named apart are beside.
    Plain,
    /// `inputTokens`, `promptTokenCount`: the same in other words.
    Other,
}

/// One figure, and by which name it goes.
type Named = (Names, u64);
type Seen = SmallVec<[Named; 3]>;

/// Returns the figures in one generation of names, and whether two of them contradict
/// each other.
///
/// Most usages have one name for each figure, and nothing is decided.
pub(super) fn one_generation(figures: &Figures) -> (Figures, bool) {
    use Field::{CompletionTokens, Input, InputOther, Output, OutputOther, PromptTokens};
    let seen = |fields: [Field; 3]| -> Seen {
        let named = [Names::Chat, Names::Plain, Names::Other].into_iter().zip(fields);
        named.filter_map(|(names, field)| Some((names, figures.get(field)?))).collect()
    };
    let inputs = seen([PromptTokens, Input, InputOther]);
    let outputs = seen([CompletionTokens, Output, OutputOther]);
    let mut kept = *figures;
    if inputs.len() <= 1 && outputs.len() <= 1 {
        // Each figure has one name: the words of the third generation mean what those of the second do.
        for (other, plain) in [(InputOther, Input), (OutputOther, Output)] {
            if let Some(count) = kept.get(other) {
                kept.clear(other);
                kept.set(plain, count);
            }
        }
        return (kept, false);
    }
    let (input, output, is_sure) = chosen(figures, &inputs, &outputs);
    for field in [PromptTokens, Input, InputOther, CompletionTokens, Output, OutputOther] {
        kept.clear(field);
    }
    let is_chat = matches!(input, Some((Names::Chat, _)));
    if let Some((_, count)) = input {
        kept.set(if is_chat { PromptTokens } else { Input }, count);
    }
    if let Some((_, count)) = output {
        kept.set(if is_chat { CompletionTokens } else { Output }, count);
    }
    (kept, !is_sure)
}

/// The input and the output that count, and whether anything bears them out.
fn chosen(figures: &Figures, inputs: &Seen, outputs: &Seen) -> (Option<Named>, Option<Named>, bool) {
    let largest = |seen: &Seen| {
        // Of equals the first.
        seen.iter().copied().reduce(|most, next| if next.1 > most.1 { next } else { most })
    };
    let agree = |seen: &Seen| {
        let mut filled = seen.iter().map(|(_, count)| *count).filter(|count| *count > 0);
        let first = filled.next();
        filled.all(|count| Some(count) == first)
    };
    if agree(inputs) && agree(outputs) {
        return (largest(inputs), largest(outputs), true);
    }
    let total = figures.get(Field::Total).filter(|total| *total > 0);
    let caches = [Field::CacheRead, Field::CacheWritten];
    let beside = caches.iter().fold(0, |sum: u64, field| sum.saturating_add(figures.or_zero(*field)));
    let apart = [Field::Thoughts, Field::ToolPrompt];
    let apart = apart.iter().fold(0, |sum: u64, field| sum.saturating_add(figures.or_zero(*field)));
    // Totals were seen to be made in three ways: of both, with caches beside, with thoughts
    // beside.
    for extra in [0, beside, apart] {
        let bears_out =
            |input: u64, output: u64| total == Some(input.saturating_add(output).saturating_add(extra));
        // Names of one generation belong together, so that they are tried first.
        let pairs = inputs.iter().flat_map(|input| outputs.iter().map(move |output| (*input, *output)));
        let is_one = |(input, output): &(Named, Named)| input.0 as u8 == output.0 as u8;
        let borne_out = |pair: &(Named, Named)| bears_out(pair.0.1, pair.1.1);
        let found = pairs.clone().filter(is_one).find(borne_out).or_else(|| pairs.clone().find(borne_out));
        if let Some((input, output)) = found {
            return (Some(input), Some(output), true);
        }
    }
    (largest(inputs), largest(outputs), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(counts: &[(Field, u64)]) -> (Option<u64>, Option<u64>, bool) {
        let mut figures = Figures::NONE;
        for (field, count) in counts {
            figures.set(*field, *count);
        }
        let (figures, unsure) = one_generation(&figures);
        let either = |one, other| figures.get(one).or(figures.get(other));
        (either(Field::PromptTokens, Field::Input), either(Field::CompletionTokens, Field::Output), unsure)
    }

    /// A proxy wrote zeros under the old names and the figures under the new: 38 times too much was charged.
    #[test]
    fn a_filled_generation_goes_before_one_of_zeros() {
        use Field::{CompletionTokens, Input, Output, PromptTokens, Total};
        for total in [vec![], vec![(Total, 0)], vec![(Total, 110)]] {
            let zeros = [(PromptTokens, 0), (CompletionTokens, 0), (Input, 100), (Output, 10)];
            assert_eq!(both(&[&zeros[..], &total].concat()), (Some(100), Some(10), false), "{total:?}");
            let crossed = [(PromptTokens, 0), (CompletionTokens, 10), (Input, 100), (Output, 0)];
            assert_eq!(both(&[&crossed[..], &total].concat()), (Some(100), Some(10), false), "{total:?}");
        }
    }

    #[test]
    fn the_generation_that_the_total_bears_out_counts() {
        use Field::{CompletionTokens, InputOther, Output, OutputOther, PromptTokens, Total};
        let rivals = [(PromptTokens, 900), (CompletionTokens, 90), (InputOther, 100), (OutputOther, 10)];
        assert_eq!(both(&[&rivals[..], &[(Total, 110)]].concat()), (Some(100), Some(10), false));
        assert_eq!(both(&[&rivals[..], &[(Total, 990)]].concat()), (Some(900), Some(90), false));
        // Nothing bears either out: the larger, and it is said.
        assert_eq!(both(&rivals), (Some(900), Some(90), true));
        assert_eq!(both(&[(PromptTokens, 5), (Output, 7)]), (Some(5), Some(7), false));
    }
}
