//! What did a call use, by the body and the headers of its answer?
//!
//! A body is one document, or several: a list, the lines of a batch's output, a stream that
//! somebody collected. It is tried as one document first. If that fails, the reader is put
//! back to where it was, and the body is cut into documents as a stream would be.

use super::ended::ANSWERS_IN_A_LOG_MAX;
use super::fields::{Field, count};
use super::frames::{Framing, Piece};
use super::reader::Reader;
use super::report::UsageReport;
use crate::{Error, ErrorKind};

/// Reads the usage out of a whole body and its headers.
///
/// Name the provider as in a price table (`"openai"`), or leave it out: the name matters
/// only for whether a reported cost is believed. The body's own form says which API it is.
/// A list, the lines of a batch's output, or a stream that was collected is read document
/// by document. Of the headers only what Bedrock counts in them is read.
///
/// An error body gives a report that names the error and carries no line, unless usage came
/// beside the error.
///
/// # Errors
/// [`ErrorKind::Unreadable`] if the body is not JSON and no header carries usage. Whether
/// such a call was billed is unknown; it is not known to be free.
///
/// # Example: what Bedrock counts in headers is added up
/// ```
/// use token_budget::wire::extract;
///
/// let headers = [("X-Amzn-Bedrock-Input-Token-Count", "26"), ("x-amzn-bedrock-output-token-count", "42")];
/// let report = extract(Some("bedrock"), br#"{"completions": []}"#, headers)?;
/// assert_eq!(report.usage().and_then(|usage| usage.total()), Some(26 + 42));
/// # Ok::<(), token_budget::Error>(())
/// ```
///
/// # Example: an error is a report without lines, and what is no JSON is an error
/// ```
/// use token_budget::wire::extract;
///
/// let error = extract(None, br#"{"error": {"type": "overloaded_error", "message": "try later"}}"#, [])?;
/// assert_eq!((error.error.as_deref(), error.lines.len()), (Some("overloaded_error"), 0));
/// assert!(extract(None, b"<html>", []).is_err());
/// # Ok::<(), token_budget::Error>(())
/// ```
///
/// # Example: a cost is believed only of a provider that is known to charge it
/// ```
/// use token_budget::wire::extract;
///
/// let body = br#"{"usage": {"prompt_tokens": 9, "completion_tokens": 1, "cost": 0.00183}}"#;
/// assert_eq!(extract(Some("openrouter"), body, [])?.cost, Some("0.00183".parse().unwrap()));
/// assert_eq!(extract(Some("openai"), body, [])?.cost, None); // whatever a proxy wrote there
/// # Ok::<(), token_budget::Error>(())
/// ```
pub fn extract<'h>(
    provider: Option<&str>,
    body: &[u8],
    headers: impl IntoIterator<Item = (&'h str, &'h str)>,
) -> Result<UsageReport, Error> {
    let mut reader = Reader::new(provider, false);
    let counted = read_headers(&mut reader, headers);
    let before = reader.clone();
    let mut read = read_body(&mut reader, body);
    if !reader.weighs_runs && reader.report().is_short_of_output() {
        // Blanks and banners are few tokens: before that is held against the answer, its text is weighed.
        reader = before;
        reader.weighs_runs = true;
        read = read_body(&mut reader, body);
    }
    match read {
        Some(()) => Ok(reader.report()),
        None if counted || !reader.report().lines.is_empty() => {
            reader.damaged = true;
            Ok(reader.report())
        }
        None => Err(Error::new(ErrorKind::Unreadable, "body: is not JSON, or breaks off".to_owned())),
    }
}

/// Reads one document, else several: a list, lines of a batch, a stream that somebody
/// collected.
fn read_body(reader: &mut Reader, body: &[u8]) -> Option<()> {
    let before = reader.clone();
    let text = body.strip_prefix(b"\xEF\xBB\xBF".as_slice()).unwrap_or(body).trim_ascii_start();
    if text.starts_with(b"{") && reader.document(text).is_some() {
        return Some(());
    }
    *reader = before;
    read_list(reader, body)
}

/// Reads what Bedrock counts in headers, for models whose own body says nothing; what the
/// body says goes before it. Returns whether there was anything.
fn read_headers<'h>(reader: &mut Reader, headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> bool {
    const NAMES: [(&str, Field); 4] = [
        ("x-amzn-bedrock-input-token-count", Field::Input),
        ("x-amzn-bedrock-output-token-count", Field::Output),
        ("x-amzn-bedrock-cache-read-input-token-count", Field::CacheRead),
        ("x-amzn-bedrock-cache-write-input-token-count", Field::CacheWritten),
    ];
    let mut counted = false;
    let mut has_output = false;
    for (name, value) in headers {
        let known = NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        if let Some((field, count)) =
            known.and_then(|(_, field)| Some((*field, count(value.trim().as_bytes())?)))
        {
            reader.figures.set(field, count);
            counted = true;
            has_output |= field == Field::Output;
        }
    }
    if counted && !has_output {
        // Bedrock counts output in a header for every model that has any.
        reader.figures.set(Field::Output, 0);
    }
    counted
}

/// Reads a body again for its text: all that was generated.
pub(crate) fn heard(provider: Option<&str>, body: &[u8]) -> String {
    let mut reader = Reader::new(provider, false);
    reader.heard = Some(Box::default());
    // What breaks off was heard as far as it goes.
    let _ = read_body(&mut reader, body);
    reader.heard.map(|heard| heard.all).unwrap_or_default()
}

/// Reads a body as the documents of a stream.
fn read_list(reader: &mut Reader, body: &[u8]) -> Option<()> {
    reader.is_stream = true;
    reader.weighs_runs = true;
    reader.ended.answers_max = ANSWERS_IN_A_LOG_MAX;
    reader.finished = false;
    let mut framing = Framing::new();
    let mut read = None;
    let mut take = |piece: Piece<'_>| match piece {
        Piece::Json(json) if reader.document(json).is_some() => read = Some(()),
        Piece::End => {
            reader.finished = true;
            reader.is_over = true;
        }
        Piece::Json(_) | Piece::Lost => reader.damaged = true,
    };
    framing.push(body, &mut take);
    framing.finish(&mut take);
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Meter;
    use crate::wire::Purpose;

    fn read(body: &str) -> UsageReport {
        extract(None, body.as_bytes(), []).expect("readable")
    }

    #[test]
    fn a_batch_is_read_answer_by_answer() {
        let report = read(concat!(
            r#"{"custom_id":"a","response":{"status_code":200,"body":{"model":"gpt-4o","usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}}}"#,
            "\n",
            r#"{"custom_id":"b","result":{"type":"succeeded","message":{"model":"claude-sonnet-4-5","usage":{"input_tokens":3,"cache_read_input_tokens":10,"output_tokens":1}}}}"#,
        ));
        let lines: Vec<_> =
            report.lines.iter().map(|line| (line.model.as_deref(), line.usage.total())).collect();
        assert_eq!(lines, [(Some("gpt-4o"), Some(7)), (Some("claude-sonnet-4-5"), Some(14))]);
        assert_eq!(report.service_tier.as_deref(), Some("batch"));
    }

    #[test]
    fn reasoning_beyond_the_output_is_beside_it() {
        // Perplexity's deep research: 3,000 tokens of answer, 70,000 of reasoning billed apart.
        let report = read(
            r#"{"model":"sonar-deep-research","usage":{"prompt_tokens":9,"completion_tokens":3000,"total_tokens":3009,
                "citation_tokens":20016,"num_search_queries":18,"reasoning_tokens":70000,
                "cost":{"request_cost":0.01,"total_cost":0.5}}}"#,
        );
        let usage = report.usage().expect("a line");
        assert_eq!((usage.output(), usage.reasoning()), (Some(73_000), Some(70_000)));
        assert_eq!((usage.count(Meter::Citation), usage.count(Meter::WebSearch)), (Some(20_016), Some(18)));
        assert_eq!(report.cost.map(|cost| cost.to_string()).as_deref(), Some("0.5"));
    }

    #[test]
    fn passes_beside_the_answer_are_lines_of_their_own() {
        let report = read(
            r#"{"model":"claude-sonnet-4-6","usage":{"input_tokens":229,"output_tokens":5,"iterations":[
                {"type":"compaction","input_tokens":100,"cache_creation_input_tokens":55096,"output_tokens":131},
                {"type":"advisor_message","model":"claude-opus-4-8","input_tokens":2518,"output_tokens":22},
                {"type":"message","input_tokens":229,"output_tokens":5}]}}"#,
        );
        let lines: Vec<_> = report
            .lines
            .iter()
            .map(|line| (line.purpose, line.model.as_deref(), line.usage.input(), line.usage.output()))
            .collect();
        assert_eq!(
            lines,
            [
                (Purpose::Answer, None, Some(229), Some(5)),
                (Purpose::Compaction, None, Some(55_196), Some(131)),
                (Purpose::Advisor, Some("claude-opus-4-8"), Some(2_518), Some(22)),
            ]
        );
    }

    #[test]
    fn a_number_at_the_very_end_may_be_ten_times_too_small() {
        let report =
            extract(None, br#"{"usage":{"prompt_tokens":9,"completion_tokens":15"#, []).expect("usage");
        let usage = report.usage().expect("a line");
        assert_eq!((usage.input(), usage.output(), report.damaged), (Some(9), None, true));
    }

    #[test]
    fn figures_that_cannot_be_are_not_taken_for_zero() {
        for figure in ["-5", "\"many\"", "1e400", "true"] {
            let report = read(&format!(r#"{{"usage":{{"prompt_tokens":{figure},"completion_tokens":1}}}}"#));
            let usage = report.usage().expect("a line");
            assert_eq!((usage.input(), report.damaged), (None, true), "{figure}");
        }
    }

    #[test]
    fn what_broke_off_is_never_taken_for_the_whole() {
        let mut meter = crate::wire::StreamMeter::new(None);
        meter.push(b"data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n");
        let report = meter.finish().or_estimated(30, 400);
        let usage = report.usage().expect("a line");
        assert_eq!((usage.input(), usage.output(), report.estimated), (Some(25), Some(400), true));
    }
}
