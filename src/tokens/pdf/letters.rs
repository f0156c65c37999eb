//! Does each code of a font stand for a letter, or for a long text?
//!
//! A font may say which letters a code stands for, and whoever reads a file aloud says as many: a file of ten thousand
//! codes could show a million letters. A code for one letter, or for a few joined ones such as `ffi`, is what fonts have;
//! the text of a file with others is not known.

use super::facts::Packed;
use super::inflate::Inflater;

/// A table of codes and letters has no more bytes: 65,536 lines.
const BYTES_MOST: usize = 4 * 1_024 * 1_024;
/// `ffl` is three.
const LETTERS_MOST: usize = 4;

/// Whether a table of codes and letters names only letters; `None` if it cannot be read.
pub(super) fn are_plain(data: &[u8], packed: Packed, inflater: &mut Inflater) -> Option<bool> {
    let mut table = Vec::new();
    match packed {
        Packed::Not => table.extend_from_slice(data.get(..data.len().min(BYTES_MOST.saturating_add(1)))?),
        Packed::Flate => inflater.each(data, |piece| {
            if table.len() <= BYTES_MOST {
                table.extend_from_slice(piece);
            }
        })?,
        Packed::Otherwise => return None,
    }
    let is_whole = table.len() <= BYTES_MOST;
    let mut is_dict = false;
    let mut codes = table.split(|byte| *byte == b'<').skip(1);
    is_whole.then(|| {
        codes.all(|code| {
            // Behind two brackets a dictionary begins.
            let is_code = !std::mem::replace(&mut is_dict, code.is_empty());
            !is_code || is_letters(code)
        })
    })
}

/// Whether a code is one letter's in hexadecimal, one of two halves, or a few of plain
/// letters.
fn is_letters(code: &[u8]) -> bool {
    let code = code.split(|byte| *byte == b'>').next().unwrap_or_default();
    let digits: Vec<u8> = code.iter().copied().filter(u8::is_ascii_hexdigit).collect();
    let is_pair = digits.len() == 8
        && matches!(digits.get(..2), Some([b'D' | b'd', b'8' | b'9' | b'A' | b'B' | b'a' | b'b']));
    let is_plain = |unit: &[u8]| matches!(unit, [b'0', b'0', b'0'..=b'7', _]);
    digits.len() <= 4
        || is_pair
        || digits.len() <= LETTERS_MOST.saturating_mul(4) && digits.chunks(4).all(is_plain)
}
