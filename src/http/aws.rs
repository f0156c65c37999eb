//! How does an AWS event stream carry an exception?
//!
//! Bedrock streams are binary frames. Clients check both checksums, so a problem in the
//! middle of a stream must be a correct frame, or the client reports a broken connection
//! instead of a budget.
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | length of the whole frame |
//! | 4 | length of the headers |
//! | 4 | CRC-32 of the eight bytes before |
//! | … | headers: name length (1), name, type 7 for text (1), value length (2), value |
//! | … | payload: JSON |
//! | 4 | CRC-32 of everything before |

/// A frame of type `exception`: prelude, headers, payload, each part with its checksum.
pub(super) fn exception(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in
        [(":message-type", "exception"), (":exception-type", kind), (":content-type", "application/json")]
    {
        headers.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        headers.extend_from_slice(name.as_bytes());
        headers.push(7); // a string
        headers.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let total = headers.len().saturating_add(payload.len()).saturating_add(16);
    let mut frame = Vec::with_capacity(total);
    frame.extend_from_slice(&length(total));
    frame.extend_from_slice(&length(headers.len()));
    frame.extend_from_slice(&checksum(&frame));
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&checksum(&frame));
    frame
}

/// CRC-32 as gzip has it, big-endian.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    zlib_rs::crc32::crc32(0, bytes).to_be_bytes()
}
