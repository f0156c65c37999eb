//! How long is a JSON string, and what does it say?

use memchr::memchr;

/// The inside of a JSON string, its escapes as written.
#[derive(Clone, Copy)]
pub(in crate::wire) struct Raw<'a> {
    pub(in crate::wire) bytes: &'a [u8],
}

impl Raw<'_> {
    /// Bytes and characters that the string stands for, its escapes resolved.
    pub(in crate::wire) fn lengths(&self) -> (u64, u64) {
        let (mut bytes, mut chars) = (0_u64, 0_u64);
        let mut rest = self.bytes;
        while let Some(at) = memchr(b'\\', rest) {
            let (plain, escape) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            bytes = bytes.saturating_add(u64::try_from(plain.len()).unwrap_or(u64::MAX));
            chars = chars.saturating_add(starts(plain));
            let (written, stands_for) = escaped(escape);
            bytes = bytes.saturating_add(stands_for);
            chars = chars.saturating_add(1);
            rest = escape.get(written..).unwrap_or(&[]);
        }
        bytes = bytes.saturating_add(u64::try_from(rest.len()).unwrap_or(u64::MAX));
        (bytes, chars.saturating_add(starts(rest)))
    }

    /// Bytes to leave out where the text is weighed: every long run of one sign that is neither letter
    /// nor digit counts as a byte for four of them. Vocabularies have tokens for a hundred blanks, dashes or lines of a box.
    pub(in crate::wire) fn runs(&self) -> u64 {
        runs(self.bytes, true)
    }

    /// Writes out what the string stands for. What no string can stand for is written as it came.
    pub(in crate::wire) fn unescape_into(&self, out: &mut String) {
        if memchr(b'\\', self.bytes).is_some()
            && let Ok(text) = serde_json::from_slice::<String>(&[b"\"", self.bytes, b"\""].concat())
        {
            return out.push_str(&text);
        }
        out.push_str(&String::from_utf8_lossy(self.bytes));
    }
}

/// The same of a text that is written plainly.
pub(in crate::wire) fn runs_of(text: &str) -> u64 {
    runs(text.as_bytes(), false)
}

/// Bytes to leave out of a text: of each run of at least 16 equal signs that are neither
/// letters nor digits, all but a byte for four of them. A rule of 100 dashes keeps 25 of
/// its 100 bytes.
fn runs(bytes: &[u8], has_escapes: bool) -> u64 {
    const RUN_MIN: u64 = 16;
    let (mut before, mut run, mut sum): (&[u8], u64, u64) = (&[], 0, 0);
    let mut rest = bytes;
    let ended = |sign: &[u8], run: u64| {
        // An escape stands for one byte.
        let each = if has_escapes && sign.first() == Some(&b'\\') { 1 } else { sign.len() };
        let bytes = run.saturating_mul(u64::try_from(each).unwrap_or(1));
        if run < RUN_MIN { 0 } else { bytes.saturating_sub(run.div_ceil(4)) }
    };
    while let Some(first) = rest.first() {
        let length = match first {
            b'\\' if has_escapes => escaped(rest).0,
            0..=0x7F => 1,
            0x80..=0xDF => 2,
            0xE0..=0xEF => 3,
            _ => 4,
        };
        let (sign, next) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        rest = next;
        if sign == before {
            run = run.saturating_add(1);
            continue;
        }
        sum = sum.saturating_add(ended(before, run));
        (before, run) = (sign, u64::from(!is_letter(sign)));
        if run == 0 {
            before = &[];
        }
    }
    sum.saturating_add(ended(before, run))
}

/// Whether a sign as written may be a letter or a digit.
fn is_letter(sign: &[u8]) -> bool {
    match sign {
        [byte] => byte.is_ascii_alphanumeric(),
        [b'\\', b'u', ..] => true,
        [b'\\', ..] => false,
        // General punctuation, arrows, boxes and other symbols; ideographic blanks and marks.
        [0xE2, ..] => false,
        [0xE3, 0x80, ..] => false,
        [0xF0, 0x9F, ..] => false,
        _ => true,
    }
}

/// How many characters begin in these bytes.
fn starts(utf8: &[u8]) -> u64 {
    let starts = utf8.iter().filter(|byte| (**byte & 0xC0) != 0x80).count();
    u64::try_from(starts).unwrap_or(u64::MAX)
}

/// How long an escape is as written, and in UTF-8.
fn escaped(escape: &[u8]) -> (usize, u64) {
    let Some(unit) = unicode(escape) else { return (2, 1) };
    match unit {
        0..=0x7F => (6, 1),
        0x80..=0x7FF => (6, 2),
        0xD800..=0xDBFF => match escape.get(6..).and_then(unicode) {
            Some(0xDC00..=0xDFFF) => (12, 4),
            _ => (6, 3),
        },
        _ => (6, 3),
    }
}

/// The code unit of `\u00e9`.
fn unicode(escape: &[u8]) -> Option<u32> {
    let [b'\\', b'u', digits @ ..] = escape else { return None };
    let digits = std::str::from_utf8(digits.get(..4)?).ok()?;
    u32::from_str_radix(digits, 16).ok()
}
