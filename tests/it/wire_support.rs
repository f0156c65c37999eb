//! Which responses stand in for every provider's form? All of them were made up.

use std::fs;
use std::path::Path;

/// The bytes of a response in `tests/fixtures/wire`.
///
/// The lines of a `.frames` file become one AWS event frame each.
pub(crate) fn fixture(file: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wire").join(file);
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    if file.ends_with(".frames") {
        return bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).flat_map(frame).collect();
    }
    bytes
}

/// Every file there is, by name.
pub(crate) fn all() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wire");
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Whether that file is a stream and not a whole body.
pub(crate) fn is_stream(file: &str) -> bool {
    !file.ends_with(".json") || file == "gemini_list.json"
}

/// One frame with one header; its checksums are not looked at.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    let header = b"\x0d:content-type\x07\x00\x10application/json";
    let headers = u32::try_from(header.len()).unwrap();
    let length = 12 + headers + u32::try_from(payload.len()).unwrap() + 4;
    [&length.to_be_bytes()[..], &headers.to_be_bytes(), &[0; 4], header, payload, &[0; 4]].concat()
}
