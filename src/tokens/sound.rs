//! How long does a sound or a film play, by its own bytes?
//!
//! Sound is billed by the second, and a header may say anything. So if the bytes themselves
//! say how long they play (samples of a known width, frames that each say their length),
//! all that are there count, whatever a header claims. A container that keeps the times of
//! its samples in a table is held to the longest of all its tables, which is what a player
//! goes by. What is not known here (WebM, free formats, other codecs) has no length, and
//! takes the model's largest input.
//!
//! For example, 88,200 bytes of one channel, 16 bits and 44,100 samples a second play one
//! second, however few bytes of data the header of the WAVE file claims.

mod boxes;
mod flac;
mod length;
mod mpeg;
mod ogg;
mod wave;

pub(crate) use length::Clip;

/// Reads a file; `None` if nobody can say how long it plays.
pub(crate) fn read(bytes: &[u8]) -> Option<Clip> {
    let sound = |length_ms| Clip { length_ms, is_film: false };
    let starts = |start: &[u8]| bytes.starts_with(start);
    if starts(b"RIFF") && bytes.get(8..12) == Some(b"WAVE") {
        wave::length_ms(bytes).map(sound)
    } else if starts(b"fLaC") {
        flac::length_ms(bytes).map(sound)
    } else if starts(b"OggS") {
        ogg::length_ms(bytes).map(sound)
    } else if bytes.get(4..8) == Some(b"ftyp") {
        boxes::clip(bytes)
    } else if starts(b"ID3") || starts(b"\xff") {
        mpeg::length_ms(bytes).map(sound)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
