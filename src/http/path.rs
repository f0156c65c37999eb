//! Which path does a server read, whatever way it is written?
//!
//! Judging a path is only worth something if the server reads the same path. Servers
//! differ: some decode `%2e%2e` before they resolve `..`, some treat a backslash as a
//! slash, some drop what follows a semicolon, some decode twice. A path that is a list of
//! models for the gate and a file for the server would get past every budget. So a path
//! is folded to the form in which all servers agree, that form is judged *and sent*, and
//! a path without such a form is refused.

use std::borrow::Cow;

use super::refusal::Denial;

/// Folds a path to the one form in which every server reads it alike: `.`, `..` and empty segments are gone, and
/// what need not be percent-encoded is not.
///
/// Judge this form, and send this form: `/v1/models/../files/x` looks like a list of models to a rule that compares
/// beginnings, and is a file to the server. An encoded slash stays inside its segment, because names of models
/// have it (`arn%3Aaws%3A…%2Fprofile`). A trailing slash stays.
///
/// # Errors
/// A denial with status 403 for what servers read in different ways: a backslash, an encoded control character,
/// a parameter (`..;x`), bytes that are encoded twice (`%252e`), an encoded slash beside dots (`..%2f`), a
/// percent sign without two digits, and what does not begin with a slash.
///
/// ```
/// use token_budget::http::fold_path;
///
/// assert_eq!(fold_path("/v1/models/%2e%2e//files/./file-%61bc").unwrap(), "/v1/files/file-abc");
/// assert_eq!(fold_path("/model/arn%3Aaws%2Fus.claude/invoke").unwrap(), "/model/arn%3Aaws%2Fus.claude/invoke");
/// assert_eq!(fold_path("/v1/models/..%2ffiles/x").unwrap_err().status(), 403);
/// ```
pub fn fold_path(path: &str) -> Result<Cow<'_, str>, Denial> {
    let Some(inside) = path.strip_prefix('/') else { return Err(twofold("does not begin with a slash")) };
    // Nearly every path has nothing to fold.
    let is_simple =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b':');
    if path.bytes().all(is_simple) && !path.contains("//") && !path.contains("/.") {
        return Ok(Cow::Borrowed(path));
    }
    let mut folded: Vec<Cow<'_, str>> = Vec::new();
    let mut ends_open = true;
    for segment in inside.split('/') {
        let segment = fold_segment(segment)?;
        ends_open = matches!(&*segment, "" | "." | "..");
        match &*segment {
            "" | "." => {}
            ".." => drop(folded.pop()),
            _ => folded.push(segment),
        }
    }
    let mut text = String::with_capacity(path.len());
    for segment in &folded {
        text.push('/');
        text.push_str(segment);
    }
    if ends_open {
        text.push('/');
    }
    Ok(if text == path { Cow::Borrowed(path) } else { Cow::Owned(text) })
}

/// Whether a path is written as every server reads it, save slashes that stand twice.
pub(super) fn is_plain(path: &str) -> bool {
    let written = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let parts: Vec<String> = written(path);
    fold_path(path).is_ok_and(|folded| parts == written(&folded) as Vec<String>)
}

/// One segment with what need not be encoded decoded, or the reason why servers would not
/// agree on it.
fn fold_segment(segment: &str) -> Result<Cow<'_, str>, Denial> {
    let has_odd =
        segment.bytes().any(|byte| byte <= b' ' || matches!(byte, b'\\' | b';' | b'?' | b'#' | 127));
    if has_odd {
        return Err(twofold("has a character that servers read in different ways"));
    }
    if !segment.contains('%') {
        return Ok(Cow::Borrowed(segment));
    }
    let (mut folded, mut decoded) = (String::with_capacity(segment.len()), Vec::with_capacity(segment.len()));
    let mut rest = segment;
    while let Some(at) = rest.find('%') {
        let (before, encoded) = rest.split_at(at);
        let Some((byte, after)) = encoded_byte(encoded) else {
            return Err(twofold("has a percent sign without two digits"));
        };
        folded.push_str(before);
        decoded.extend_from_slice(before.as_bytes());
        decoded.push(byte);
        match byte {
            b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                folded.push(char::from(byte))
            }
            b'%' if encoded_byte(&format!("%{after}")).is_some() => return Err(twofold("is encoded twice")),
            b'\\' | b';' | 127 | 0..=31 => {
                return Err(twofold("has a character that servers read in different ways"));
            }
            _ => folded.push_str(encoded.get(..3).unwrap_or(encoded)),
        }
        rest = after;
    }
    folded.push_str(rest);
    decoded.extend_from_slice(rest.as_bytes());
    let Ok(decoded) = std::str::from_utf8(&decoded) else { return Err(twofold("is not UTF-8")) };
    if decoded.contains('/') && decoded.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(twofold("has an encoded slash beside dots or nothing"));
    }
    Ok(Cow::Owned(folded))
}

/// The byte that stands percent-encoded at the beginning, and what comes after it.
fn encoded_byte(text: &str) -> Option<(u8, &str)> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_plain)?;
    Some((byte, text.get(3..)?))
}

/// The denial of a path that servers read in different ways.
pub(super) fn twofold(problem: &str) -> Denial {
    Denial::forbidden(format!("the path {problem}; write it as it is meant"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_folded_as_servers_do() {
        for (path, folded) in [
            ("/v1/models/../files/file-abc/content", "/v1/files/file-abc/content"),
            ("/v1/models/%2e%2e/responses/resp_1", "/v1/responses/resp_1"),
            ("/v1/models/%2E./%2e%2E/responses", "/responses"),
            ("/v1/models/../../organization/admin_api_keys", "/organization/admin_api_keys"),
            ("/../../etc", "/etc"),
            ("//host/path", "/host/path"),
            ("/v1//chat/./completions/", "/v1/chat/completions/"),
            ("/v1/models/..", "/v1/"),
            ("/v1/chat/%63ompletions", "/v1/chat/completions"),
            ("/", "/"),
            ("//", "/"),
            ("/v1/models/%2e%2e%2e", "/v1/models/..."),
        ] {
            assert_eq!(fold_path(path).expect(path), folded, "{path}");
        }
    }

    // Each of these went out with the account's key, because a rule and a server read it differently.
    #[test]
    fn what_servers_read_in_different_ways_is_refused() {
        for path in [
            "",
            "*",
            "v1/models",
            "http://host/v1/models",
            "/v1/models/..%2ffiles/x",
            "/v1/models/%2e%2e%2Ffiles",
            "/v1/models/x%2f..%2f..%2ffiles",
            "/a%2f/b",
            "/v1/models/..\\files\\x",
            "/v1/models/..%5cfiles",
            "/v1/models/%5C..",
            "/v1/models/%252e%252e/files",
            "/v1/models/%252E./files",
            "/v1/%2563hat",
            "/v1/models/..;/files/x",
            "/v1/models/..%3b/files",
            "/v1/models;a=b/x",
            "/v1/models/%c0%ae%c0%ae/files",
            "/v1/models/%ff",
            "/v1/models/%",
            "/v1/models/%2",
            "/v1/models/%2g",
            "/v1/models/%00",
            "/v1/models/%0d%0aHost:x",
            "/v1/models/a\tb",
            "/v1/models/a b",
            "/v1/models/x?y",
            "/v1/x#y",
            "/v1/models/%+1",
        ] {
            assert_eq!(fold_path(path).map(|_| ()).expect_err(path).status(), 403, "{path}");
        }
    }

    #[test]
    fn ordinary_paths_stay_as_they_are() {
        for path in [
            "/v1/chat/completions",
            "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.anthropic.claude/invoke",
            "/v1/models/meta-llama%2FLlama-3",
            "/openai/deployments/gpt%204o/chat/completions",
            "/v1/models/100%25",
            "/v1/projects/p/locations/us/publishers/anthropic/models/claude@20250929:rawPredict",
            "/v1/models/mod%C3%A8le",
        ] {
            let folded = fold_path(path).expect(path);
            assert!(matches!(folded, Cow::Borrowed(_)), "{path}: {folded}");
            assert!(is_plain(path), "{path}");
        }
        assert!(is_plain("//v1//models") && !is_plain("/v1/models/../files") && !is_plain("/v1/%6dodels"));
    }
}
