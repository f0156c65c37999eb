//! What did a call use, by the body and the headers of its answer?

use super::fields::{Field, count};
use super::frames::{Framing, Piece};
use super::reader::Reader;
use super::report::UsageReport;
use crate::{Error, ErrorKind};

/// Reads the usage out of a whole body and its headers.
///
/// The provider is named as in a price table (`"openai"`); it matters only for
/// whether a reported cost is believed, and may be left out. The body's own
/// form says which API it is; a list is read like the frames of a stream.
/// Headers are asked only for what Bedrock counts in them.
///
/// An error body gives a report that names the error and carries no line,
/// unless usage came beside it.
///
/// # Errors
/// [`ErrorKind::Unreadable`] where the body is not JSON and no header carries
/// usage. Whether such a call was billed is unknown; it is not known to be free.
///
/// # Example: what Bedrock counts beside the cache is added up
/// ```
/// use token_budget::wire::extract;
///
/// let headers = [("X-Amzn-Bedrock-Input-Token-Count", "26"), ("x-amzn-bedrock-output-token-count", "42")];
/// let report = extract(Some("bedrock"), br#"{"completions": []}"#, headers)?;
/// assert_eq!(report.usage().and_then(|usage| usage.total()), Some(68));
///
/// let error = extract(None, br#"{"error": {"type": "overloaded_error", "message": "try later"}}"#, [])?;
/// assert_eq!((error.error.as_deref(), error.lines.len()), (Some("overloaded_error"), 0));
/// assert!(extract(None, b"<html>", []).is_err());
/// # Ok::<(), token_budget::Error>(())
/// ```
pub fn extract<'h>(
    provider: Option<&str>,
    body: &[u8],
    headers: impl IntoIterator<Item = (&'h str, &'h str)>,
) -> Result<UsageReport, Error> {
    let mut reader = Reader::new(provider, false);
    let counted = read_headers(&mut reader, headers);
    let body = body.strip_prefix(b"\xEF\xBB\xBF".as_slice()).unwrap_or(body).trim_ascii();
    let silent = reader.clone();
    // Text is counted only where it is needed: an answer that reports no usage is read again.
    reader.is_mute = true;
    let mut read = read_body(&mut reader, body);
    if reader.report().lines.is_empty() {
        reader = silent;
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

fn read_body(reader: &mut Reader, body: &[u8]) -> Option<()> {
    if body.starts_with(b"[") { read_list(reader, body) } else { reader.document(body) }
}

/// Bedrock counts in headers, for models whose own body says nothing; the body goes before them.
fn read_headers<'h>(reader: &mut Reader, headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> bool {
    const NAMES: [(&str, Field); 4] = [
        ("x-amzn-bedrock-input-token-count", Field::Input),
        ("x-amzn-bedrock-output-token-count", Field::Output),
        ("x-amzn-bedrock-cache-read-input-token-count", Field::CacheRead),
        ("x-amzn-bedrock-cache-write-input-token-count", Field::CacheWritten),
    ];
    let mut counted = false;
    for (name, value) in headers {
        let known = NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        if let Some((field, count)) =
            known.and_then(|(_, field)| Some((*field, count(value.trim().as_bytes())?)))
        {
            reader.figures.set(field, count);
            counted = true;
        }
    }
    counted
}

fn read_list(reader: &mut Reader, body: &[u8]) -> Option<()> {
    reader.is_stream = true;
    let mut framing = Framing::new();
    let mut read = None;
    let mut take = |piece: Piece<'_>| match piece {
        Piece::Json(json) if reader.document(json).is_some() => read = Some(()),
        Piece::End => {}
        Piece::Json(_) | Piece::Lost => reader.damaged = true,
    };
    framing.push(body, &mut take);
    framing.finish(&mut take);
    read
}
