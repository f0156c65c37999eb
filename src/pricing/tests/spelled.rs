//! Is every spelling of a model's name priced as that model, or refused?

use std::io::Read;

use super::*;

/// A public table; `None` where the data directory is not at hand.
fn public(file: &str) -> Option<PricingTable> {
    let Some(directory) = std::env::var_os("TOKEN_BUDGET_DATA") else {
        println!("skipped: TOKEN_BUDGET_DATA is not set");
        return None;
    };
    let path = std::path::PathBuf::from(directory).join("pricing").join(file);
    let mut text = Vec::new();
    let packed = std::fs::read(path).expect("the table can be read");
    flate2::read::MultiGzDecoder::new(&*packed).read_to_end(&mut text).expect("unpacked");
    let import = Import::read(&text).expect("understood");
    Some(PricingTable::empty().with_import(PriceSource::new(file), &import).expect("well-formed"))
}

const LITELLM: &str = "litellm-1.109.1.model_prices.json.gz";

fn answer(table: &PricingTable, provider: &str, model: &str) -> String {
    let provider = (!provider.is_empty()).then_some(provider);
    let found = table.find(provider, model, NOW);
    found.map_or_else(String::new, |price| format!("{}/{}", price.provider(), price.model()))
}

/// The names table: who is asked, under which spelling, and the row that answers; an empty one is refused.
const SPELLINGS: &[(&str, &str, &str)] = &[
    // Bedrock: the version, the profile, the route, the ARN.
    ("bedrock", "anthropic.claude-opus-4-6-v1:0", "bedrock/anthropic.claude-opus-4-6-v1"),
    ("bedrock", "anthropic.claude-opus-4-6", "bedrock/anthropic.claude-opus-4-6-v1"),
    ("bedrock", "anthropic.claude-opus-4.6-v1", "bedrock/anthropic.claude-opus-4-6-v1"),
    ("bedrock", "us.anthropic.claude-opus-4-6-v1:0", "bedrock/us.anthropic.claude-opus-4-6-v1"),
    ("bedrock", "global.anthropic.claude-opus-4-6-v1:0", "bedrock/global.anthropic.claude-opus-4-6-v1"),
    ("bedrock", "anthropic.claude-sonnet-4-5", "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("bedrock", "us.anthropic.claude-sonnet-4-5", "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("bedrock", "converse/anthropic.claude-opus-4-6-v1", "bedrock/anthropic.claude-opus-4-6-v1"),
    (
        // A region is billed as its part of the world, which costs 10 % more than global and the bare name.
        "",
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-6-v1:0",
        "bedrock/us.anthropic.claude-opus-4-6-v1",
    ),
    ("bedrock", "arn:aws:bedrock:ca-central-1::foundation-model/anthropic.claude-opus-4-6-v1", ""),
    (
        "bedrock",
        "arn:aws:bedrock:ap-southeast-2::foundation-model/amazon.nova-pro-v1:0",
        "bedrock/apac.amazon.nova-pro-v1:0",
    ),
    (
        "bedrock",
        "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/anthropic.claude-opus-4-6-v1",
        "",
    ),
    (
        "bedrock",
        "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-opus-4-6-v1",
        "bedrock/eu.anthropic.claude-opus-4-6-v1",
    ),
    // A region that lists its own price answers for its ARN.
    (
        "bedrock",
        "arn:aws:bedrock:ap-northeast-1::foundation-model/anthropic.claude-instant-v1",
        "bedrock/ap-northeast-1/anthropic.claude-instant-v1",
    ),
    // Other regions of that model have other prices, so that one without a row is not known.
    ("bedrock", "arn:aws:bedrock:sa-east-1::foundation-model/anthropic.claude-instant-v1", ""),
    // All places of Claude 3.5 cost the same; of Claude 4.6 the global one is cheaper.
    (
        "bedrock",
        "apac.anthropic.claude-3-5-sonnet-20241022-v2:0",
        "bedrock/anthropic.claude-3-5-sonnet-20241022-v2:0",
    ),
    ("bedrock", "ca.anthropic.claude-opus-4-6-v1", ""),
    ("bedrock", "us-gov.anthropic.claude-opus-4-6-v1", ""),
    ("bedrock", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3", ""),
    // Titan's second version is another model than its first.
    ("bedrock", "amazon.titan-embed-text-v2", "bedrock/amazon.titan-embed-text-v2:0"),
    ("bedrock", "amazon.titan-embed-text-v3:0", ""),
    // Azure: dots, OpenAI's older spelling, where it runs; a deployment's own name is anybody's.
    ("azure", "gpt-5-2", "azure/gpt-5.2"),
    ("azure", "GPT-5.2", "azure/gpt-5.2"),
    ("azure", "eu/gpt-4o", "azure/eu/gpt-4o"),
    ("azure", "eu/gpt-5-2", "azure/eu/gpt-5.2"),
    ("azure", "azure/us/GPT-4o", "azure/us/gpt-4o"),
    ("azure", "global/gpt-5.2", "azure/gpt-5.2"),
    ("azure", "gpt-35-turbo-0125", ""),
    ("azure", "apac/gpt-5.2", ""),
    ("azure", "my-gpt-4o", ""),
    ("azure_ai", "phi-4", "azure_ai/Phi-4"),
    ("azure_ai", "grok-4.1-fast-reasoning", "azure_ai/grok-4-1-fast-reasoning"),
    ("azure", "claude-opus-4-6", ""),
    // Vertex AI: resource names and versions behind an at sign.
    (
        "vertex_ai",
        "publishers/anthropic/models/claude-sonnet-4-5@20250929",
        "vertex_ai/claude-sonnet-4-5@20250929",
    ),
    ("vertex_ai", "claude-sonnet-4-5-20250929", "vertex_ai/claude-sonnet-4-5@20250929"),
    ("vertex_ai", "claude-sonnet-4-5@default", "vertex_ai/claude-sonnet-4-5"),
    (
        "vertex_ai",
        "projects/p/locations/global/publishers/google/models/gemini-2.5-pro",
        "vertex_ai/gemini-2.5-pro",
    ),
    (
        "vertex_ai",
        "publishers/deepseek-ai/models/deepseek-v3.1-maas",
        "vertex_ai/deepseek-ai/deepseek-v3.1-maas",
    ),
    // A regional endpoint costs 10 % more, and a name cannot say that to a price: the region of the call does.
    ("vertex_ai", "projects/p/locations/us-east5/publishers/anthropic/models/claude-opus-4-6", ""),
    // OpenAI, Anthropic and Google, with and without a provider.
    ("openai", "GPT-4o", "openai/gpt-4o"),
    ("OpenAI", "gpt-4o", "openai/gpt-4o"),
    ("", "OpenAI/GPT-4o-2024-05-13", "openai/gpt-4o-2024-05-13"),
    // The first gpt-4o costs twice what the undated name does, however its date is written.
    ("openai", "gpt-4o-20240513", "openai/gpt-4o-2024-05-13"),
    ("", "gpt-4o-20240513", "openai/gpt-4o-2024-05-13"),
    ("openai", "gpt-4o@20240513", "openai/gpt-4o-2024-05-13"),
    ("azure", "eu/gpt-4o-20240513", "azure/eu/gpt-4o-2024-05-13"),
    ("openai", "GPT-4o_2024-05-13", ""),
    ("openai", "gpt-4o.2024.05.13", ""),
    // Another seller comes after the maker where nobody was asked for.
    ("", "gpt-5.6-terra", "openai/gpt-5.6-terra"),
    ("openai", "gpt-5-2", "openai/gpt-5.2"),
    ("openai", "gpt-4-1", "openai/gpt-4.1"),
    ("openai", "gpt-41", ""),
    ("openai", "gpt-51", ""),
    ("openai", "gpt-4o-maxi", ""),
    ("openai", "ft:GPT-4o-2024-08-06:acme::7p4lURel", "openai/ft:gpt-4o-2024-08-06"),
    ("anthropic", "claude-opus-4.6", "anthropic/claude-opus-4-6"),
    ("anthropic", "Claude-Opus-4-6", "anthropic/claude-opus-4-6"),
    ("anthropic", "claude-opus-4-6[1m]", "anthropic/claude-opus-4-6"),
    // Its row ends at 200,000 tokens, and no input is held above that.
    ("anthropic", "claude-sonnet-4-5[1m]", ""),
    ("anthropic", "claude-4-6-opus", ""),
    ("", "anthropic/claude-sonnet-4.5", "anthropic/claude-sonnet-4-5"),
    ("", "models/gemini-2-5-pro", "google/gemini-2.5-pro"),
    ("google", "gemini-2-5-pro", "google/gemini-2.5-pro"),
    // OpenRouter is another seller, and this table has no row of it; a suffix is never dropped.
    ("openrouter", "anthropic/claude-sonnet-4.5", ""),
    ("", "openai/gpt-4o:free", ""),
    ("", "openai/gpt-4o:nitro", ""),
];

#[test]
fn a_spelling_is_the_row_that_it_means_or_none() {
    let Some(table) = public(LITELLM) else { return };
    let wrong: Vec<_> = SPELLINGS
        .iter()
        .map(|(provider, model, expected)| (provider, model, *expected, answer(&table, provider, model)))
        .filter(|(.., expected, found)| expected != found)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_refused_name_has_the_nearest_row_as_its_hint() {
    let Some(table) = public(LITELLM) else { return };
    for (provider, model, hint) in [
        ("openai", "gpt-5-mini-hi", "openai/gpt-5-mini ($0.25 in, $2 out a million tokens)"),
        (
            "openrouter",
            "anthropic/claude-sonnet-4.5",
            "anthropic/claude-sonnet-4-5 ($3 in, $15 out a million tokens; another seller)",
        ),
        ("bedrock", "ca.anthropic.claude-opus-4-6-v1", "bedrock/anthropic.claude-opus-4-6-v1 ("),
        ("anthropic", "claude-sonnet-4-5[1m]", "anthropic/claude-sonnet-4-5 ("),
        ("anthropic", "claude-4-6-opus", "anthropic/claude-opus-4-6"),
        ("azure", "my-gpt-4o", "azure/gpt-4o ("),
        ("azure", "claude-opus-4-6", "anthropic/claude-opus-4-6 ("),
    ] {
        let nearest = table.nearest(Some(provider), model);
        assert!(
            nearest.first().is_some_and(|first| first.starts_with(hint)),
            "{provider} {model}: {nearest:#?}"
        );
    }
    assert_eq!(table.nearest(Some("openai"), "zzzz-qqqq"), [""; 0]);
}

/// Spellings that a seller, a client or a person makes of a row's name.
fn spellings(provider: &str, model: &str) -> Vec<String> {
    let dashes = |from: char, to: &str| {
        let letters: Vec<char> = model.chars().collect();
        let between = |at: usize| {
            let digit =
                |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(char::is_ascii_digit);
            digit(at.checked_sub(1)) && digit(at.checked_add(1))
        };
        let each = letters.iter().enumerate();
        each.map(|(at, letter)| if *letter == from && between(at) { to.into() } else { letter.to_string() })
            .collect::<String>()
    };
    let mut made = vec![
        model.to_uppercase(),
        model.to_lowercase(),
        dashes('.', "-"),
        dashes('-', "."),
        format!("{model}-20250929"),
        format!("{model}-2025-09-29"),
        format!("{model}-latest"),
        format!("{model}[1m]"),
        format!("{model}:0"),
        format!("{model}-v1"),
        format!("{model}-v1:0"),
        format!("{model}@default"),
        format!("{model}@20250929"),
        format!("{model}:free"),
        format!("{model}:nitro"),
        format!("{provider}/{model}"),
        format!("{provider}/{}", model.to_uppercase()),
        format!("publishers/anthropic/models/{model}"),
        format!("projects/p/locations/us-east5/publishers/google/models/{model}"),
        format!("arn:aws:bedrock:us-east-1::foundation-model/{model}"),
        format!("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/{model}"),
    ];
    for place in ["us", "eu", "apac", "jp", "global", "us-gov", "ca"] {
        made.push(format!("{place}.{model}"));
        made.push(format!("{place}/{model}"));
    }
    for cut in [":0", "-v1:0", "-v1", "us.", "eu.", "apac.", "global.", "us/", "eu/"] {
        made.extend(model.strip_suffix(cut).map(str::to_owned));
        made.extend(model.strip_prefix(cut).map(str::to_owned));
    }
    made.retain(|name| name != model);
    made.sort();
    made.dedup();
    made
}

/// How many names of a table were asked for, and how they were answered.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    rows: usize,
    spellings: usize,
    found: usize,
    other_row: usize,
    refused: usize,
}

/// Asks for rows of a table by their own names and by every spelling that means no other row: for all of them, or, in a
/// build that is not optimised, for one in seven, unless `TOKEN_BUDGET_EVERY_NAME` is set.
fn asked_for_every_row(table: &PricingTable) -> Counts {
    let is_whole = !cfg!(debug_assertions) || std::env::var_os("TOKEN_BUDGET_EVERY_NAME").is_some();
    let rows = table.prices().step_by(if is_whole { 1 } else { 7 });
    let rows: Vec<Arc<ModelPrice>> = rows.cloned().collect();
    let (mut counts, mut wrong) = (Counts::default(), Vec::new());
    for row in &rows {
        let at = row.valid_from().max(Timestamp::EPOCH);
        let found = |model: &str| table.find(Some(row.provider()), model, at);
        counts.rows += 1;
        let own = found(row.model()).expect("a row is found by its own name");
        assert_eq!((own.provider(), own.model()), (row.provider(), row.model()));
        for spelling in spellings(row.provider(), row.model()) {
            counts.spellings += 1;
            let Some(price) = found(&spelling) else {
                counts.refused += 1;
                continue;
            };
            assert_eq!(price.provider(), row.provider(), "{spelling}");
            if own.costs_as(price) {
                counts.found += 1;
                continue;
            }
            // Another price: only where the spelling is that row's own name, or nearer to it than to this one.
            counts.other_row += 1;
            // What a publication says of its own names is its own affair.
            let said = table.has_clause_for(row.provider(), &spelling);
            if !said && !is_nearer(&spelling, price.model(), row.model()) {
                wrong.push(format!("{}: {spelling} of {} is {}", row.provider(), row.model(), price.model()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {counts:?}: {wrong:#?}", wrong.len());
    counts
}

/// Whether a spelling says a place, a date or a version that the row found has and the row it was made of has not.
fn is_nearer(spelling: &str, found: &str, made_of: &str) -> bool {
    const PLACES: [&str; 10] =
        ["us", "eu", "apac", "jp", "au", "ca", "global", "global-standard", "us-gov", "us-gov-west-1"];
    let place = |name: &str| {
        let name = name.to_lowercase();
        let name = if name.contains("profile/us")
            || name.contains("profile/eu")
            || name.contains("profile/global")
        {
            name.rsplit("profile/").next().unwrap_or_default()
        } else {
            &name
        };
        let place = PLACES.into_iter().find(|place| name.split(['.', '/']).next() == Some(*place));
        // A region's own model is billed as its part of the world.
        let place = place.or_else(|| match name.strip_prefix("arn:aws:bedrock:") {
            Some(region) if region.starts_with("us-") => Some("us"),
            Some(region) if region.starts_with("eu-") => Some("eu"),
            _ => None,
        });
        place.map(|place| place.trim_end_matches("-standard"))
    };
    if place(spelling) == place(found) && place(found) != place(made_of) {
        return true;
    }
    let plain = |name: &str| -> Vec<String> {
        let name = name.to_lowercase().replace("@default", "");
        let words = name.split(|letter: char| !letter.is_alphanumeric());
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let asked = plain(spelling);
    let count = |model: &str| plain(model).iter().filter(|word| !asked.contains(word)).count();
    let missing = |model: &str| {
        let words = plain(model);
        asked.iter().filter(|word| !words.contains(word)).count()
    };
    (missing(found), count(found)) <= (missing(made_of), count(made_of))
}

#[test]
fn every_row_is_found_by_its_name_and_no_spelling_takes_another_price() {
    for file in [LITELLM, "genai-prices-0.2.3.providers.json.gz"] {
        let Some(table) = public(file) else { return };
        let counts = asked_for_every_row(&table);
        println!("{file}: {counts:?}");
        assert!(counts.found > counts.rows, "{counts:?}");
    }
    println!("bundled: {:?}", asked_for_every_row(&PricingTable::bundled()));
}

#[test]
fn rows_of_different_prices_under_one_key_are_not_chosen_between() {
    let rows = [("Model-1.5", "1"), ("model-1-5", "2"), ("other-1.5", "3"), ("Other-1-5", "3")];
    let rows = rows.map(|(model, input)| own(model, input, "10"));
    let table = PricingTable::empty().with_rows(rows).expect("well-formed");
    assert_eq!(answer(&table, "acme", "model-1-5"), "acme/model-1-5");
    assert_eq!(answer(&table, "acme", "MODEL-1.5"), "");
    assert_eq!(table.nearest(Some("acme"), "MODEL-1.5").len(), 2, "the hint names both");
    assert_eq!(answer(&table, "acme", "OTHER-1.5"), "acme/other-1.5", "both cost the same");
}
