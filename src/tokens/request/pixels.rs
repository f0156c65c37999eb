//! How large is an image, by the first bytes of its data?

use crate::message::{Detail, Part, Picture};

/// An image by its base64 text: sized where its header tells the size.
pub(super) fn image(text: &str) -> Part {
    let data = match text.split_once(";base64,") {
        Some((_, data)) => data,
        None => text,
    };
    let head = decoded(data);
    match size(&head) {
        Some((width, height)) if width > 0 && height > 0 => {
            Part::Picture(Picture { width, height, detail: Detail::Auto })
        }
        _ => Part::Image,
    }
}

/// A size stands in the first bytes, in a photograph behind its preview.
const HEAD_BYTES: usize = 256 * 1024;

/// The first bytes of base64 text; none where it is something else.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut bits = 0_u32;
    let mut held = 0_u32;
    for byte in text.bytes().take(HEAD_BYTES) {
        let value = match byte {
            b'A'..=b'Z' => byte.wrapping_sub(b'A'),
            b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(52),
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => break,
            b'\r' | b'\n' => continue,
            _ => return Vec::new(),
        };
        held = (held << 6) | u32::from(value);
        bits = bits.wrapping_add(6);
        if bits >= 8 {
            bits = bits.wrapping_sub(8);
            bytes.push(u8::try_from((held >> bits) & 0xff).unwrap_or(0));
        }
        held &= 0xffff;
    }
    bytes
}

/// Width and height of a PNG, GIF, WebP or JPEG, by its header.
fn size(head: &[u8]) -> Option<(u32, u32)> {
    if head.starts_with(b"\x89PNG") {
        return Some((big(head, 16, 4)?, big(head, 20, 4)?));
    }
    if head.starts_with(b"GIF8") {
        return Some((little(head, 6, 2)?, little(head, 8, 2)?));
    }
    if head.starts_with(b"RIFF") && head.get(8..12)? == b"WEBP" {
        return webp(head);
    }
    if head.starts_with(b"\xff\xd8") { jpeg(head) } else { None }
}

fn webp(head: &[u8]) -> Option<(u32, u32)> {
    match head.get(12..16)? {
        b"VP8X" => Some((little(head, 24, 3)?.saturating_add(1), little(head, 27, 3)?.saturating_add(1))),
        b"VP8L" => {
            let bits = little(head, 21, 4)?;
            Some(((bits & 0x3fff).saturating_add(1), ((bits >> 14) & 0x3fff).saturating_add(1)))
        }
        b"VP8 " => Some((little(head, 26, 2)? & 0x3fff, little(head, 28, 2)? & 0x3fff)),
        _ => None,
    }
}

/// Walks a JPEG's segments to the one that begins a frame.
fn jpeg(head: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2_usize;
    while *head.get(at)? == 0xff {
        let marker = *head.get(at.saturating_add(1))?;
        let is_frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
        if is_frame {
            return Some((big(head, at.saturating_add(7), 2)?, big(head, at.saturating_add(5), 2)?));
        }
        let length = usize::try_from(big(head, at.saturating_add(2), 2)?).ok()?;
        at = at.saturating_add(length).saturating_add(2);
    }
    None
}

fn big(bytes: &[u8], at: usize, count: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.saturating_add(count))?;
    Some(bytes.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte)))
}

fn little(bytes: &[u8], at: usize, count: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.saturating_add(count))?;
    Some(bytes.iter().rev().fold(0, |sum, byte| (sum << 8) | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_tells_its_size() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\0\0\0\x03\0";
        assert_eq!(size(png), Some((1_024, 768)));
        assert_eq!(size(b"GIF89a\x40\x01\xf0\0"), Some((320, 240)));
        // A lossy picture: 26 bytes in front, then 14 bits each.
        let mut lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\0\0\0".to_vec();
        lossy.extend([0x80, 0x02, 0xe0, 0x01]);
        assert_eq!(size(&lossy), Some((640, 480)));
        // A comment of four bytes, then the frame: precision, height, width.
        assert_eq!(size(b"\xff\xd8\xff\xfe\0\x04ab\xff\xc0\0\x11\x08\x01\xe0\x02\x80"), Some((640, 480)));
        assert_eq!(size(b"\xff\xd8\xff\xe0"), None);
        assert_eq!(size(b""), None);
    }

    #[test]
    fn base64_is_read_as_far_as_it_is_base64() {
        assert_eq!(decoded("aGVsbG8="), b"hello");
        assert_eq!(decoded("https://example.com/a.png"), b"");
    }
}
