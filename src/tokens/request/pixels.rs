//! How large is an image, by the first bytes of its data?

use super::encoded::{self, is_image_kind};
use crate::tokens::bytes;
use crate::values::{Detail, Part, Picture};

/// An image by its base64 text or its address: sized if its header tells the size; [`Part::Opaque`] if it is a
/// film, a sound or a document by what it says or by its first bytes.
pub(super) fn image(text: &str) -> Part {
    if encoded::data_url(text).is_some_and(|(kind, _)| !is_image_kind(kind)) {
        return Part::Opaque;
    }
    let head = encoded::head(text, HEAD_BYTES);
    if is_other(&head) {
        return Part::Opaque;
    }
    match size(&head) {
        Some((width, height)) if width > 0 && height > 0 => {
            Part::Picture(Picture { width, height, detail: Detail::Auto })
        }
        _ => Part::Image,
    }
}

/// Whether base64 text begins as an image does, of whatever format.
pub(super) fn is_image(text: &str) -> bool {
    let head = encoded::head(text, HEAD_CHARACTERS);
    let starts = |start: &[u8]| head.starts_with(start);
    [&b"\x89PNG"[..], b"GIF8", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*"].iter().any(|start| starts(start))
        || starts(b"RIFF") && head.get(8..12) == Some(b"WEBP")
        || is_still(&head)
}

/// As many characters as the longest of those beginnings, in whole groups.
const HEAD_CHARACTERS: usize = 32;

/// A still image in the box in which films are kept as well: HEIC, HEIF, AVIF.
fn is_still(head: &[u8]) -> bool {
    const BRANDS: [&[u8]; 6] = [b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif"];
    head.get(4..8) == Some(b"ftyp") && head.get(8..12).is_some_and(|brand| BRANDS.contains(&brand))
}

/// Whether it begins as a film, a sound or a document does.
fn is_other(head: &[u8]) -> bool {
    let is_box = head.get(4..8) == Some(b"ftyp") && !is_still(head);
    let is_wave = head.starts_with(b"RIFF") && head.get(8..12).is_some_and(|kind| kind != b"WEBP");
    let known: [&[u8]; 6] = [b"%PDF", b"\x1a\x45\xdf\xa3", b"OggS", b"ID3", b"fLaC", b"\0\0\x01\xba"];
    is_box || is_wave || known.iter().any(|start| head.starts_with(start))
}

/// A size stands in the first bytes, in a photograph behind its preview.
const HEAD_BYTES: usize = 256 * 1024;

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

/// The size of a WebP, of its three kinds: extended, lossless, lossy.
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

fn big(head: &[u8], at: usize, count: usize) -> Option<u32> {
    bytes::big(head, at, count).and_then(|number| u32::try_from(number).ok())
}

fn little(head: &[u8], at: usize, count: usize) -> Option<u32> {
    bytes::little(head, at, count).and_then(|number| u32::try_from(number).ok())
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
}
