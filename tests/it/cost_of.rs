//! Does the tool that prices recorded answers count them, heed its table, and end as it says?

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde_json::Value;
use token_budget::PricingTable;
use token_budget::pricing::{Import, PriceSource};

use crate::support::at;

// The tool's own code, so that what it says is what is tested.
#[allow(dead_code, reason = "its main is not called")]
#[path = "../../examples/cost_of/main.rs"]
mod tool;

use tool::Asked;
use tool::told::{Told, tell};

fn asked() -> Asked {
    Asked { provider: None, model: None, tier: None, at: at("2026-11-22T12:00:00Z") }
}

/// What is told of the files, line by line, and whether all was priced.
fn told(files: &[&str], table: &PricingTable, as_json: bool) -> (Vec<String>, bool) {
    let files: Vec<_> = files.iter().map(|body| ("body".to_owned(), body.as_bytes().to_vec())).collect();
    let mut bytes = Vec::new();
    let is_whole = tell(&files, table, &asked(), as_json, &mut Told::to(&mut bytes)).unwrap();
    (String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect(), is_whole)
}

fn last_json(body: &str, table: &PricingTable) -> (Value, bool) {
    let (lines, is_whole) = told(&[body], table, true);
    (serde_json::from_str(lines.last().unwrap()).unwrap(), is_whole)
}

const LOG: &str = concat!(
    r#"{"id":"a","object":"chat.completion","model":"gpt-4o","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":100}}"#,
    "\n",
    r#"{"id":"b","object":"chat.completion","model":"gpt-5","service_tier":"flex","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":100}}"#,
);

#[test]
fn several_answers_in_one_file_are_counted_and_priced_each_at_its_tier() {
    let (last, is_whole) = last_json(LOG, &PricingTable::bundled());
    // 1,000 × $2.50 and 100 × $10 of the one; half of 1,000 × $1.25 and 100 × $10 of the other.
    assert_eq!((last["answers"].as_u64(), last["total_usd"].as_str()), (Some(2), Some("0.004625")));
    assert!(is_whole);
    let (lines, _) = told(&[LOG], &PricingTable::bundled(), false);
    assert_eq!(lines[0], "body: $0.004625, 2 answers");
    assert!(lines.iter().any(|line| line == "  gpt-4o for the answer a"), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "total: $0.004625 for 2 answers");
}

#[test]
fn a_public_table_prices_in_place_of_the_bundled_one() {
    let litellm = br#"{"gpt-4o":{"litellm_provider":"openai","mode":"chat","input_cost_per_token":1e-6,"output_cost_per_token":1e-5}}"#;
    let import = Import::read(litellm).unwrap();
    let table = PricingTable::empty().with_import(PriceSource::new("mine"), &import).unwrap();
    let one = LOG.lines().next().unwrap();
    let (last, is_whole) = last_json(one, &table);
    assert_eq!((last["total_usd"].as_str(), is_whole), (Some("0.002"), true));
    // What the table does not have is not priced by another.
    let (last, is_whole) = last_json(LOG, &table);
    assert_eq!((last["total_usd"].as_str(), is_whole), (Some("0.002"), false));
}

/// `| head -1` ended it with a panic.
#[test]
fn a_reader_who_closes_the_pipe_is_no_failure() {
    struct Pipe(Vec<u8>);
    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.contains(&b'\n') {
                return Err(ErrorKind::BrokenPipe.into());
            }
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let files = [("a".to_owned(), LOG.into()), ("b".to_owned(), b"no JSON".to_vec())];
    let table = PricingTable::bundled();
    for as_json in [false, true] {
        let mut pipe = Pipe(Vec::new());
        let is_whole = tell(&files, &table, &asked(), as_json, &mut Told::to(&mut pipe));
        assert_eq!(is_whole, Ok(false), "what was not told counts all the same");
        assert_eq!(pipe.0.iter().filter(|byte| **byte == b'\n').count(), 1);
        let failed = tell(&files, &table, &asked(), as_json, &mut Told::to(Full));
        assert!(failed.unwrap_err().starts_with("standard output: "));
    }
}

#[test]
fn what_broke_off_was_refused_by_a_filter_or_cannot_be_is_not_priced_whole() {
    let usage = r#""usage":{"prompt_tokens":10,"completion_tokens":1}"#;
    let long = "word after word ".repeat(100);
    for (body, is_priced) in [
        (format!(r#"{{"model":"gpt-4o",{usage}}}"#), true),
        (r#"{"error":{"code":"invalid_api_key","message":"no"}}"#.to_owned(), true),
        (r#"{"error":{"code":"content_filter","message":"no"}}"#.to_owned(), false),
        (format!(r#"{{"model":"gpt-4o",{usage},"choices":[{{"message":{{"content":"{long}"}}}}]}}"#), false),
        (format!("data: {{\"model\":\"gpt-4o\",\"choices\":[],{usage}}}\n\n"), false),
        (format!("data: {{\"model\":\"gpt-4o\",\"choices\":[],{usage}}}\n\ndata: [DONE]\n\n"), true),
        (format!(r#"{{"model":"gpt-4o",{usage}"#), false),
        ("<html>".to_owned(), false),
        (r#"{"model":"gpt-4o","choices":[]}"#.to_owned(), false),
    ] {
        let (lines, is_whole) = told(&[&body], &PricingTable::bundled(), false);
        assert_eq!(is_whole, is_priced, "{lines:?} of {body}");
    }
}

#[test]
fn the_public_logs_are_counted_and_priced() {
    let Some(data) = std::env::var_os("TOKEN_BUDGET_DATA") else {
        println!("skipped: TOKEN_BUDGET_DATA is not set");
        return;
    };
    for (file, answers, usd) in
        [("e1_chat_log.jsonl", 3, "0.003955"), ("e2_transcript_repeats.jsonl", 1, "0.085993")]
    {
        let Ok(body) = std::fs::read_to_string(Path::new(&data).join("cases/public").join(file)) else {
            println!("skipped: there is no {file}");
            continue;
        };
        let (last, is_whole) = last_json(&body, &PricingTable::bundled());
        let found = (last["answers"].as_u64(), last["total_usd"].as_str(), is_whole);
        assert_eq!(found, (Some(answers), Some(usd), true), "{file}");
    }
}
