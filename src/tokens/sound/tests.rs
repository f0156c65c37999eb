//! Is a sound ever held for less than its bytes can play?

use super::*;

fn length(bytes: &[u8]) -> Option<u64> {
    read(bytes).map(|clip| clip.length_ms)
}

/// A WAVE file of so many bytes of sound, whatever it says of their number.
fn wave(tag: u16, channels: u16, rate: u32, bits: u16, said: u32, sound: usize) -> Vec<u8> {
    let block = channels.saturating_mul(bits.div_ceil(8));
    let head: [&[u8]; 11] = [
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0",
        &tag.to_le_bytes(),
        &channels.to_le_bytes(),
        &rate.to_le_bytes(),
        &1_u32.to_le_bytes(),
        &block.to_le_bytes(),
        &bits.to_le_bytes(),
        b"data",
        &said.to_le_bytes(),
        &[],
        &[],
    ];
    [head.concat(), vec![0; sound]].concat()
}

#[test]
fn a_wave_plays_as_long_as_its_bytes() {
    // 16,000 samples of two bytes; the words on the format and the data are 24 bytes more, which is 12 samples.
    for said in [32_000, 0, 1, u32::MAX] {
        assert_eq!(length(&wave(1, 1, 16_000, 16, said, 32_000)), Some(1_001));
    }
    // Two channels of four bytes, and a law of telephony.
    assert_eq!(length(&wave(3, 2, 44_100, 32, 0, 8 * 44_100)), Some(1_001));
    assert_eq!(length(&wave(7, 1, 8_000, 8, 0, 8_000)), Some(1_003));
    // Packed, without a rate, with two formats, cut.
    assert_eq!(length(&wave(2, 1, 16_000, 4, 0, 32_000)), None);
    assert_eq!(length(&wave(1, 1, 0, 16, 0, 32_000)), None);
    assert_eq!(length(&[wave(1, 1, 16_000, 16, 0, 8), b"fmt ".to_vec()].concat()), None);
    assert_eq!(length(b"RIFF\0\0\0\0WAVEfmt "), None);
    // A rate, channels and a width that would make an hour a moment.
    assert_eq!(length(&wave(1, 1, 192_001, 16, 0, 32_000)), None);
    assert_eq!(length(&wave(1, 9, 16_000, 16, 0, 32_000)), None);
    assert_eq!(length(&wave(1, 1, 16_000, 72, 0, 32_000)), None);
}

#[test]
fn an_mp3_plays_as_long_as_its_frames() {
    // MPEG 1, layer III, 128 kbit/s at 44,100: 417 bytes and 1,152 samples, 26.122 ms.
    let frame = [&b"\xff\xfb\x90\x00"[..], &[0; 413]].concat();
    let tag = b"ID3\x04\0\0\0\0\0\x03\xff\xfb\x90".to_vec();
    assert_eq!(length(&[tag, frame.repeat(100)].concat()), Some(2_613));
    // MPEG 2, layer III, 8 kbit/s at 16,000: 36 bytes and 576 samples, 36 ms.
    let slow = [&b"\xff\xf3\x18\x00"[..], &[0; 32]].concat();
    assert_eq!(length(&slow.repeat(1_000)), Some(36_000));
    // AAC at 44,100, a hundred bytes each: 1,024 samples, 23.219 ms.
    let aac = [&b"\xff\xf1\x50\x80\x0c\x9f\xfc"[..], &[0; 93]].concat();
    assert_eq!(length(&aac.repeat(100)), Some(2_322));
    // A hundred bytes of no frame may be ones of a free rate: a millisecond a byte.
    assert_eq!(length(&[frame.clone(), vec![0; 100]].concat()), Some(127));
    // What is no frames for the most part; a rate that each frame would have to show.
    assert_eq!(length(&[frame.clone(), vec![0; 1_000]].concat()), None);
    assert_eq!(length(&[&b"\xff\xfb\x00\x00"[..], &[0; 413]].concat()), None);
}

#[test]
fn a_flac_file_plays_what_its_header_or_its_frames_say() {
    // 44,100 a second, two channels, 16 bits, 88,200 samples.
    let head = |samples: u32| {
        let mut head = b"fLaC\x80\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x42\xf0".to_vec();
        head.extend(samples.to_be_bytes());
        head
    };
    assert_eq!(length(&head(88_200)), Some(2_000));
    // Code 12: 4,096 samples in each of eleven frames.
    let frames = b"\xff\xf8\xc9\x18\0\0\0\0".repeat(11);
    assert_eq!(length(&[head(1), frames].concat()), Some(1_022));
    // The same at 8,000 a second by their own word: 512 ms each. Eleven that keep it elsewhere are held as long.
    for own in [0xc4, 0xcc] {
        let frames = [0xff, 0xf8, own, 0x18, 0, 0, 0, 0].repeat(11);
        assert_eq!(length(&[head(1), frames].concat()), Some(5_632));
    }
}

/// A page of Ogg with those packets, each shorter than 255 bytes.
fn page(granule: u64, packets: &[&[u8]]) -> Vec<u8> {
    let mut page = b"OggS\0\0".to_vec();
    page.extend(granule.to_le_bytes());
    page.extend([0; 12]);
    page.push(u8::try_from(packets.len()).unwrap());
    page.extend(packets.iter().map(|packet| u8::try_from(packet.len()).unwrap()));
    page.extend(packets.concat());
    page
}

#[test]
fn an_opus_file_plays_what_its_pages_or_its_packets_say() {
    let head = page(0, &[b"OpusHead\x01\x01"]);
    // Code 15 is 20 ms of one frame, code 3 of three frames of 60 ms: 10 × 20 + 180.
    let packets = [&[b"\x78ab".as_slice(); 10][..], &[b"\x1b\x03ab"]].concat();
    assert_eq!(length(&[head.clone(), page(1, &packets)].concat()), Some(380));
    assert_eq!(length(&[head, page(96_000, &packets)].concat()), Some(2_000));
    // Vorbis: its pages say a second; 400 bytes could not play longer.
    let vorbis = page(0, &[b"\x01vorbis\0\0\0\0\x01\x80\xbb\0\0"]);
    assert_eq!(length(&[vorbis, page(48_000, &[&[0; 250]])].concat()), Some(1_000));
    assert_eq!(length(&page(0, &[b"Speex   "])), None);
    // Two sounds, one behind the other.
    let mut begins = page(0, &[b"\x01vorbis\0\0\0\0\x01\x80\xbb\0\0"]);
    begins[5] = 2;
    assert_eq!(length(&[begins.clone(), page(48_000, &[&[0; 250]])].concat()), Some(1_000));
    assert_eq!(length(&[begins.clone(), page(48_000, &[]), begins, page(48_000, &[])].concat()), None);
}

fn boxed(name: &[u8; 4], inside: &[u8]) -> Vec<u8> {
    let length = u32::try_from(inside.len().saturating_add(8)).unwrap();
    [&length.to_be_bytes(), &name[..], inside].concat()
}

fn header(name: &[u8; 4], scale: u32, units: u32) -> Vec<u8> {
    boxed(name, &[&[0; 12][..], &scale.to_be_bytes(), &units.to_be_bytes()].concat())
}

fn film(kind: &[u8; 4], said: u32, scale: u32, count: u32, each: u32) -> Vec<u8> {
    let times = [&[0, 0, 0, 0, 0, 0, 0, 1][..], &count.to_be_bytes(), &each.to_be_bytes()].concat();
    let table = boxed(b"minf", &boxed(b"stbl", &boxed(b"stts", &times)));
    let media = [header(b"mdhd", scale, said), boxed(b"hdlr", &[&[0; 8][..], kind].concat()), table].concat();
    let movie = [header(b"mvhd", 1_000, said), boxed(b"trak", &boxed(b"mdia", &media))].concat();
    [boxed(b"ftyp", b"isom\0\0\0\0"), boxed(b"mdat", &[0; 64]), boxed(b"moov", &movie)].concat()
}

#[test]
fn a_film_plays_as_long_as_the_longest_of_its_tables() {
    // 250 images of 40 ms, though it says a millisecond; then the other way round.
    assert_eq!(read(&film(b"vide", 1, 1_000, 250, 40)), Some(Clip { length_ms: 10_000, is_film: true }));
    assert_eq!(read(&film(b"vide", 20_000, 1_000, 250, 40)), Some(Clip { length_ms: 20_000, is_film: true }));
    // 100 packets of 1,024 samples at 44,100, however short it calls them.
    assert_eq!(read(&film(b"soun", 1, 44_100, 100, 1)), Some(Clip { length_ms: 2_322, is_film: false }));
    // A track with two scales.
    let mut twice = boxed(b"ftyp", b"isom");
    let scales = [header(b"mdhd", 1, 0), header(b"mdhd", 1_000_000, 0)].concat();
    twice.extend(boxed(b"moov", &boxed(b"trak", &boxed(b"mdia", &scales))));
    twice.extend(boxed(b"moov", &header(b"mvhd", 1_000, 60_000)));
    assert_eq!(read(&twice), None);
    let fragments = [film(b"vide", 1, 1_000, 250, 40), boxed(b"moof", b"")].concat();
    assert_eq!((read(&fragments), read(&boxed(b"ftyp", b"isom"))), (None, None));
    assert_eq!(read(b"\x1a\x45\xdf\xa3 webm"), None);
}

proptest::proptest! {
    #[test]
    fn no_damaged_file_breaks_the_reader(
        kind in 0_usize..5,
        changes in proptest::collection::vec((proptest::prelude::any::<usize>(), proptest::prelude::any::<u8>()), 0..32),
        left in proptest::prelude::any::<usize>(),
    ) {
        let files = [
            wave(1, 2, 16_000, 16, 9, 2_000),
            [&b"\xff\xfb\x90\x00"[..], &[0; 413]].concat().repeat(9),
            [b"fLaC\x80\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x42\xf0\0\0\0\x09".to_vec(), b"\xff\xf8\xc9\x18\0".repeat(9)].concat(),
            [page(0, &[b"OpusHead\x01\x01"]), page(7, &[b"\x78ab".as_slice(); 9])].concat(),
            film(b"vide", 1, 1_000, 250, 40),
        ];
        let mut bytes = files[kind].clone();
        for (at, byte) in changes {
            let at = at.checked_rem(bytes.len()).unwrap();
            bytes[at] = byte;
        }
        bytes.truncate(left.checked_rem(bytes.len().saturating_mul(2)).unwrap());
        let _ = read(&bytes);
    }
}
