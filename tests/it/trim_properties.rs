//! Is any conversation trimmed to exactly what leaving out one part after the other would come to?

use proptest::prelude::*;
use serde_json::Value;
use token_budget::TokenEstimator;
use token_budget::tokens::{ByteBoundEstimator, RequestShape, Trim, Trimming};

use crate::trim_support::trim;

/// A turn: how often the user speaks, the calls of each round and whether a thought stands before them, the length of what is said, whether it is answered.
#[derive(Clone, Debug)]
struct Turn {
    asks: usize,
    rounds: Vec<(usize, bool)>,
    bytes: usize,
    is_answered: bool,
    is_directed: bool,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = (
        1_usize..3,
        prop::collection::vec((1_usize..4, any::<bool>()), 0..7),
        0_usize..300,
        any::<bool>(),
        any::<bool>(),
    );
    let turn = turn.prop_map(|(asks, rounds, bytes, is_answered, is_directed)| {
        // Else two questions would stand in a row, which are one.
        let is_answered = is_answered || rounds.is_empty();
        Turn { asks, rounds, bytes, is_answered, is_directed }
    });
    prop::collection::vec(turn, 1..9)
}

#[derive(Clone, Copy, Debug)]
enum Language {
    Chat,
    /// Of a Claude whose thoughts are bound to nothing.
    Messages,
    /// Of one whose thoughts are bound to what stands before them.
    Signed,
    Responses,
    Gemini,
}

/// A message of a conversation, and what it belongs to: its turn and its round.
struct Item {
    text: String,
    turn: usize,
    round: Option<Round>,
    stays: bool,
    is_signed: bool,
}

/// A round of a turn, by its number.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Round {
    number: usize,
    thinks: bool,
}

impl Language {
    fn list(self) -> &'static str {
        match self {
            Self::Chat | Self::Messages | Self::Signed => "messages",
            Self::Responses => "input",
            Self::Gemini => "contents",
        }
    }

    fn says(self, role: &str, text: &str) -> String {
        match self {
            Self::Chat | Self::Messages | Self::Signed | Self::Responses => {
                format!(r#"{{"role":"{role}","content":"{text}"}}"#)
            }
            Self::Gemini => {
                let role = if role == "assistant" { "model" } else { role };
                format!(r#"{{"role":"{role}","parts":[{{"text":"{text}"}}]}}"#)
            }
        }
    }

    /// What else stands in a body.
    fn model(self) -> &'static str {
        match self {
            Self::Messages => "claude-sonnet-4-6",
            Self::Signed => "claude-sonnet-5-5",
            _ => "gpt-5",
        }
    }

    fn is_anthropics(self) -> bool {
        matches!(self, Self::Messages | Self::Signed)
    }

    fn has_thoughts(self) -> bool {
        self.is_anthropics() || matches!(self, Self::Responses)
    }

    /// The messages of a round with calls of these ids.
    fn round(self, ids: &[String], text: &str, thinks: bool) -> Vec<String> {
        let each = |write: &dyn Fn(&String) -> String| ids.iter().map(write).collect::<Vec<_>>();
        match self {
            Self::Chat => {
                let calls =
                    each(&|id| format!(r#"{{"id":"{id}","function":{{"name":"find","arguments":"{{}}"}}}}"#));
                let said =
                    format!(r#"{{"role":"assistant","content":null,"tool_calls":[{}]}}"#, calls.join(" , "));
                let results =
                    each(&|id| format!(r#"{{"role":"tool","tool_call_id":"{id}","content":"{text}"}}"#));
                [vec![said], results].concat()
            }
            Self::Messages | Self::Signed => {
                let calls =
                    each(&|id| format!(r#"{{"type":"tool_use","id":"{id}","name":"find","input":{{}}}}"#));
                let results = each(&|id| {
                    format!(r#"{{"type":"tool_result","tool_use_id":"{id}","content":"{text}"}}"#)
                });
                let thought =
                    if thinks { r#"{"type":"thinking","thinking":"hm","signature":"s"},"# } else { "" };
                vec![
                    format!(r#"{{"role":"assistant","content":[{thought}{}]}}"#, calls.join(",")),
                    format!(r#"{{"role":"user","content":[{}]}}"#, results.join(",")),
                ]
            }
            Self::Responses => {
                let calls = each(&|id| {
                    format!(r#"{{"type":"function_call","call_id":"{id}","name":"find","arguments":"{{}}"}}"#)
                });
                let results = each(&|id| {
                    format!(r#"{{"type":"function_call_output","call_id":"{id}","output":"{text}"}}"#)
                });
                let thought = r#"{"type":"reasoning","summary":[],"encrypted_content":"x"}"#.to_owned();
                [if thinks { vec![thought] } else { vec![] }, calls, results].concat()
            }
            Self::Gemini => {
                let calls = each(&|_| r#"{"functionCall":{"name":"find","args":{}}}"#.to_owned());
                let results = each(&|_| {
                    format!(r#"{{"functionResponse":{{"name":"find","response":{{"x":"{text}"}}}}}}"#)
                });
                vec![
                    format!(r#"{{"role":"model","parts":[{}]}}"#, calls.join(",")),
                    format!(r#"{{"role":"user","parts":[{}]}}"#, results.join(",")),
                ]
            }
        }
    }
}

fn items(language: Language, turns: &[Turn]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut ids = 0;
    let mut rounds = 0;
    for (at, turn) in turns.iter().enumerate() {
        let mut add = |text: String, round: Option<Round>, stays: bool| {
            let is_signed = matches!(language, Language::Signed) && text.contains("signature");
            items.push(Item { text, turn: at, round, stays, is_signed });
        };
        let text = "w".repeat(turn.bytes);
        for ask in 0..turn.asks {
            add(language.says("user", &format!("{at} {ask} {text}")), None, false);
        }
        if turn.is_directed && !matches!(language, Language::Gemini) {
            add(language.says("system", "a direction"), None, true);
        }
        for (calls, thinks) in &turn.rounds {
            let thinks = *thinks && language.has_thoughts();
            // Ids are used again, as some servers do.
            let ids: Vec<String> = (0..*calls)
                .map(|_| {
                    ids = (ids + 1) % 5;
                    format!("id{ids}")
                })
                .collect();
            for message in language.round(&ids, &text, thinks) {
                add(message, Some(Round { number: rounds, thinks }), false);
            }
            rounds += 1;
        }
        if turn.is_answered {
            add(language.says("assistant", &format!("answer {text}")), None, false);
        }
    }
    items
}

/// What goes at each step, by a rule that is told of turns and rounds rather than having to find them.
fn steps(language: Language, turns: &[Turn], items: &[Item], how: Trim) -> Vec<Vec<usize>> {
    let last = turns.len() - 1;
    let of_turn = |turn: usize| {
        let belongs = |(_, item): &(usize, &Item)| item.turn == turn && !item.stays;
        items.iter().enumerate().filter(belongs).map(|(index, _)| index).collect::<Vec<_>>()
    };
    let may_go = |turn: &usize| !(language.is_anthropics() && turns[*turn].is_directed);
    match how {
        Trim::OldestFirst => (0..last).filter(may_go).map(of_turn).collect(),
        Trim::Middle => {
            // One stands in the middle, or two do; then two at a time, the older first.
            let between: Vec<usize> = (1..last).filter(may_go).collect();
            let (older, newer) = between.split_at(between.len() / 2);
            let (middle, newer) = newer.split_at(between.len() % 2);
            let pairs = older.iter().rev().zip(newer).flat_map(|(older, newer)| [*older, *newer]);
            middle.iter().copied().chain(pairs).map(of_turn).collect()
        }
        _ => {
            let of_round = |round: Round| {
                (0..items.len()).filter(|index| items[*index].round == Some(round)).collect::<Vec<_>>()
            };
            let rounds = (0..=last).flat_map(|turn| {
                let mut rounds: Vec<Round> =
                    items.iter().filter(|item| item.turn == turn).filter_map(|item| item.round).collect();
                rounds.dedup();
                let ends_with_answer = turns[turn].is_answered || turns[turn].rounds.is_empty();
                let newest = match turn == last {
                    true => 3,
                    false => usize::from(!may_go(&turn) && !ends_with_answer),
                };
                let older = rounds.len().saturating_sub(newest);
                rounds_of_turn(&rounds, older)
            });
            rounds.map(of_round).collect()
        }
    }
}

/// The first so many rounds in the order in which they go: behind each thought is found what may have come from it.
fn rounds_of_turn(rounds: &[Round], older: usize) -> Vec<Round> {
    let mut order = Vec::new();
    let mut from = 0;
    while from < rounds.len() {
        let followers = (from + 1..rounds.len()).take_while(|at| !rounds[*at].thinks).count();
        let end = from + 1 + followers;
        let leads = if rounds[from].thinks { 1 } else { 0 };
        order.extend((from + leads..end).filter(|at| *at < older).map(|at| rounds[at]));
        if leads == 1 && end <= older {
            order.push(rounds[from]);
        }
        from = end;
    }
    order
}

/// Whether a thought that is signed stands behind something that is missing.
fn is_torn(items: &[Item], gone: &[usize]) -> bool {
    let gap = gone.iter().min().copied().unwrap_or(usize::MAX);
    items.iter().enumerate().any(|(index, item)| item.is_signed && index > gap && !gone.contains(&index))
}

fn written(language: Language, items: &[Item], gone: &[usize], gap: &str) -> String {
    let stays = items.iter().enumerate().filter(|(index, _)| !gone.contains(index));
    let texts: Vec<&str> = stays.map(|(_, item)| item.text.as_str()).collect();
    let between = format!(",{gap}");
    let (model, list, texts) = (language.model(), language.list(), texts.join(&between));
    format!("{{\"model\":\"{model}\",\"x\" : 1.0,\"{list}\":[{texts}{gap}],\"y\":\"\\u00e9\" }}\n")
}

fn tokens(body: &str) -> u64 {
    let shape = RequestShape::parse(body.as_bytes()).expect("a request");
    ByteBoundEstimator.count("gpt-4o", &shape.prompt).tokens
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whole pairs, kept system text, the last turn, valid JSON, byte for byte, no part too many: all of it follows,
    /// because the body is the one that is written without the parts.
    #[test]
    fn leaving_out_one_part_after_the_other_comes_to_the_same(
        turns in turns(),
        language in prop::sample::select(vec![
            Language::Chat, Language::Messages, Language::Signed, Language::Responses, Language::Gemini,
        ]),
        how in prop::sample::select(vec![Trim::OldestFirst, Trim::Middle, Trim::Tools]),
        share in 0_u64..110,
        gap in prop::sample::select(vec!["", " ", "\n\t"]),
    ) {
        let items = items(language, &turns);
        let whole = written(language, &items, &[], gap);
        let limit = tokens(&whole) * share / 100;
        let mut gone = Vec::new();
        let mut expected = whole.clone();
        for step in steps(language, &turns, &items, how) {
            if tokens(&expected) <= limit && !is_torn(&items, &gone) {
                break;
            }
            gone.extend(step);
            expected = written(language, &items, &gone, gap);
        }
        gone.sort_unstable();
        let trimmed = trim(&whole, how, limit, &ByteBoundEstimator);
        if tokens(&expected) <= limit && is_torn(&items, &gone) {
            prop_assert!(trimmed.is_err(), "{:?}", trimmed);
            return Ok(());
        }
        let (trimming, after) = trimmed.expect("a conversation");
        match trimming {
            Trimming::Fits(before) => {
                prop_assert!(gone.is_empty() && before.tokens <= limit);
            }
            Trimming::Shorter(trimmed) => {
                prop_assert_eq!(&after, &expected);
                prop_assert!(serde_json::from_str::<Value>(&after).is_ok());
                prop_assert_eq!(trimmed.after.tokens, tokens(&after));
                prop_assert!(trimmed.after.tokens <= limit && trimmed.before.tokens == tokens(&whole));
                let told: Vec<usize> = trimmed.messages.iter().map(|message| message.index).collect();
                prop_assert_eq!(told, gone);
            }
            Trimming::NeverFits(least) => {
                prop_assert_eq!(least.tokens, tokens(&expected));
                prop_assert!(least.tokens > limit);
            }
        }
    }

    /// A body that is cut or whose bytes are changed is an error or an answer, and never another body by accident.
    #[test]
    fn a_damaged_body_is_trimmed_to_json_or_left_alone(
        turns in turns(),
        cut in 0_usize..4_000,
        byte in any::<u8>(),
    ) {
        let items = items(Language::Messages, &turns);
        let mut bytes = written(Language::Messages, &items, &[], " ").into_bytes();
        let at = cut % bytes.len();
        bytes[at] = byte;
        let before = bytes.clone();
        let target = token_budget::tokens::TrimTarget::new(50, Trim::OldestFirst, "gpt-4o", &ByteBoundEstimator);
        match RequestShape::trim(&mut bytes, &target) {
            Ok(Trimming::Shorter(_)) => prop_assert!(serde_json::from_slice::<Value>(&bytes).is_ok()),
            _ => prop_assert_eq!(bytes, before),
        }
    }
}
