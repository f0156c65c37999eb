//! Which bytes stand in a request as base64?

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// As lenient as the decoders that providers use.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The bytes of base64 text, of either alphabet, broken into lines or not; `None` if it is something else.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    let text = data(text)?;
    if let Ok(bytes) = LENIENT.decode(text) {
        return Some(bytes);
    }
    let signs = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).map(standard);
    LENIENT.decode(signs.collect::<Vec<_>>()).ok()
}

/// The bytes of the first characters of base64 text, up to its padding; none if it is something else.
pub(super) fn head(text: &str, characters: usize) -> Vec<u8> {
    let text = text.split_once(";base64,").map_or(text, |(_, data)| data);
    let signs = text.bytes().take(characters).take_while(|byte| *byte != b'=');
    let mut signs: Vec<u8> = signs.filter(|byte| !matches!(byte, b'\r' | b'\n')).map(standard).collect();
    let whole = signs.len().saturating_mul(3) / 4;
    if signs.len() % 4 == 1 {
        // Six bits are no byte: the text was cut inside one.
        signs.push(b'A');
    }
    let mut bytes = LENIENT.decode(signs).unwrap_or_default();
    bytes.truncate(whole);
    bytes
}

/// A sign of the alphabet for addresses, in the usual one.
fn standard(sign: u8) -> u8 {
    match sign {
        b'-' => b'+',
        b'_' => b'/',
        sign => sign,
    }
}

/// The base64 text itself, without what may stand before it.
pub(super) fn data(text: &str) -> Option<&str> {
    match data_url(text) {
        Some((kind, data)) => data.filter(|_| kind.to_ascii_lowercase().ends_with(";base64")),
        None => Some(text),
    }
}

/// The kind and the data of a `data:` address: `image/png;base64` and what comes behind the comma, if it does.
pub(super) fn data_url(text: &str) -> Option<(&str, Option<&str>)> {
    let rest =
        text.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:")).and_then(|_| text.get(5..))?;
    Some(rest.split_once(',').map_or((rest, None), |(kind, data)| (kind, Some(data))))
}

pub(super) fn is_image_kind(kind: &str) -> bool {
    kind.get(.."image/".len()).is_some_and(|start| start.eq_ignore_ascii_case("image/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_in_every_spelling_that_providers_take() {
        for text in
            ["aGk_Pg==", "aGk/Pg", "aGk/\r\nPg==", "data:text/plain;base64,aGk/Pg==", "DATA:;BASE64,aGk/Pg=="]
        {
            assert_eq!(bytes(text).as_deref(), Some(&b"hi?>"[..]), "{text}");
        }
        // Cut inside a byte, and at its padding: two letters of three, and all.
        assert_eq!(head("aGk/Pg==", 3), b"hi");
        assert_eq!(head("data:text/plain;base64,aG\r\nk_Pg==", 5), b"hi");
        assert_eq!(head("aGk/Pg==", 5), b"hi?");
        assert_eq!(head("aGk_Pg==", 99), b"hi?>");
        assert_eq!(head("https://example.com/a.png", 99), b"");
        for text in ["aGk*", "data:text/plain,hi", "https://example.com/a.pdf", "aGk=aGk=", "a"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
