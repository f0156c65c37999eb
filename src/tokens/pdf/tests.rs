//! Is a PDF ever held for fewer pages than it has, or for less text?

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::*;

fn packed(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn stream(number: usize, dict: &str, data: &[u8]) -> Vec<u8> {
    let head = format!("{number} 0 obj<<{dict}/Length {}>>stream\n", data.len());
    [head.as_bytes(), data, b"\nendstream endobj\n"].concat()
}

fn file(objects: &[Vec<u8>]) -> Vec<u8> {
    [&b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"[..], &objects.concat()].concat()
}

fn kids(numbers: impl IntoIterator<Item = usize>) -> String {
    numbers.into_iter().map(|number| format!("{number} 0 R ")).collect()
}

fn node(number: usize, count: usize, numbers: impl IntoIterator<Item = usize>) -> Vec<u8> {
    format!("{number} 0 obj<</Type/Pages/Count {count}/Kids[{}]>>endobj\n", kids(numbers)).into_bytes()
}

/// A page whose contents are that object.
fn page(number: usize, contents: usize) -> Vec<u8> {
    format!("{number} 0 obj<</Type/Page/Parent 2 0 R/Contents {contents} 0 R>>endobj\n").into_bytes()
}

/// An object stream of those objects.
fn object_stream(number: usize, objects: &[(usize, String)]) -> Vec<u8> {
    let (mut pairs, mut body) = (String::new(), String::new());
    for (number, object) in objects {
        pairs.push_str(&format!("{number} {} ", body.len()));
        body.push_str(object);
        body.push(' ');
    }
    let dict = format!("/Type/ObjStm/N {}/First {}/Filter/FlateDecode", objects.len(), pairs.len());
    stream(number, &dict, &packed(format!("{pairs}{body}").as_bytes()))
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is what is asked")]
fn is_quick(work: impl FnOnce()) -> bool {
    let began = Instant::now();
    work();
    began.elapsed() < Duration::from_secs(5)
}

fn pages(bytes: &[u8]) -> Option<u64> {
    read(bytes).map(|pdf| pdf.pages)
}

fn text(bytes: &[u8]) -> Option<u64> {
    read(bytes).and_then(|pdf| pdf.text_tokens)
}

#[test]
fn pages_are_counted_and_their_text_is_weighed() {
    // Ten letters and two blanks at a half, a digit at a whole one: 7.
    let contents = stream(5, "/Filter/FlateDecode", &packed(b"BT (page number 1) Tj ET"));
    let two = file(&[node(2, 2, [3, 4]), page(3, 5), page(4, 6), contents, stream(6, "", b"<0041> Tj")]);
    // The second page is one code of two bytes: 1.
    assert_eq!(read(&two), Some(Pdf { pages: 2, text_tokens: Some(8) }));
    assert!(is_pdf(&two) && !is_pdf(b"\x89PNG"));
}

#[test]
fn pages_in_an_object_stream_are_found() {
    let mut objects = vec![(2, format!("<</Type/Pages/Count 40/Kids[{}]>>", kids(10..50)))];
    objects.extend((10..50).map(|number| (number, "<</Type /Page/Contents 60 0 R>>".to_owned())));
    let contents = stream(60, "/Filter[/FlateDecode]", &packed(b"(abcd) Tj"));
    let whole = file(&[object_stream(7, &objects), contents]);
    // Each of 40 pages shows the same four letters.
    assert_eq!(read(&whole), Some(Pdf { pages: 40, text_tokens: Some(80) }));
    let hidden = objects.iter().skip(1).cloned().collect::<Vec<_>>();
    assert_eq!(pages(&file(&[node(2, 1, [10]), object_stream(7, &hidden)])), Some(40));
}

#[test]
fn of_all_that_a_file_says_the_largest_counts() {
    let five_hundred = || (10..510).map(|number| page(number, 3)).collect::<Vec<_>>().concat();
    let said = |count: usize| file(&[node(2, count, 10..510), five_hundred(), stream(3, "", b"")]);
    assert_eq!((pages(&said(1)), pages(&said(900))), (Some(500), Some(900)));
    // Kids that are named twice, and a branch that is: 2 × (3 + 1).
    let twice =
        [node(2, 1, [4, 4]), node(4, 1, [5, 5, 5, 6]), page(5, 3), page(6, 3), stream(3, "", b"(ab) Tj")];
    assert_eq!(read(&file(&twice)), Some(Pdf { pages: 8, text_tokens: Some(8) }));
    // A branch of branches of branches: 10^20 pages, and it ends.
    let deep = (0..20).map(|level| node(100 + level, 1, [101 + level; 10]));
    assert_eq!(pages(&file(&[deep.collect::<Vec<_>>().concat(), page(120, 3)])), Some(u64::MAX));
    let itself = [node(2, 1, [2, 3, 3]), page(3, 4), stream(4, "", b"")];
    assert_eq!(pages(&file(&itself)), Some(2));
    // Two revisions, and kids in a list of its own.
    assert_eq!(pages(&file(&[node(2, 1, [3]), page(3, 4), node(2, 3, [3, 5, 6]), page(3, 4)])), Some(3));
    let list = b"2 0 obj<</Type/Pages/Count 1/Kids 8 0 R>>endobj 8 0 obj[3 0 R 4 0 R 5 0 R]endobj".to_vec();
    assert_eq!(pages(&file(&[list, page(3, 9)])), Some(3));
    // Another spelling.
    assert_eq!(pages(b"%PDF-1.4\n3 0 obj<</#54ype/P#61ge>>endobj 4 0 obj<<%\n/Type%a\n/Page>>"), Some(2));
    assert_eq!(pages(b"junk %PDF-1.4\n3 0 obj<</Type/Pages/Count 0>>endobj 4 0 obj<</Type/Page>>"), Some(1));
}

#[test]
fn what_is_no_page_counts_for_none() {
    let outline = b"9 0 obj<</Type/Outlines/Count 800/First 8 0 R>>endobj ".to_vec();
    let field =
        b"8 0 obj<</FT/Tx/Kids[20 0 R 21 0 R 22 0 R]>>endobj 7 0 obj[20 0 R 21 0 R 22 0 R]endobj ".to_vec();
    assert_eq!(pages(&file(&[node(2, 1, [3]), page(3, 4), outline, field])), Some(1));
    assert_eq!(pages(&file(&[])), None);
    assert_eq!(pages(b""), None);
}

#[test]
fn what_cannot_be_read_is_not_guessed() {
    let objects = [(3, "<</Type/Page/Contents 60 0 R>>".to_owned())];
    let hides = |dict: &str, data: &[u8]| {
        let dict = format!("/Type/ObjStm/N 1/First 4{dict}");
        file(&[node(2, 1, [3]), stream(7, &dict, data)])
    };
    let data = packed(b"3 0 <</Type/Page>>");
    assert_eq!(pages(&hides("/Filter/FlateDecode", &data)), Some(1));
    for (dict, data) in [
        ("/Filter/LZWDecode", &data[..]),
        ("/Filter[/ASCII85Decode/FlateDecode]", &data),
        ("/Filter/FlateDecode/DecodeParms<</Predictor 12>>", &data),
        ("/Filter/FlateDecode", &data[..data.len() - 8]),
        ("/Filter/FlateDecode", b"not packed"),
        ("/Filter 9 0 R", &data),
        ("", b"3 0 <</Type/Page"),
        ("", b"3 9"),
    ] {
        assert_eq!(pages(&hides(dict, data)), None, "{dict}");
    }
    // One that stands inside a string, where only a table would find it.
    let inside = [&b"("[..], &object_stream(7, &objects), b") "].concat();
    assert_eq!(pages(&file(&[node(2, 1, [3]), page(3, 4), inside])), None);
    assert_eq!(pages(&file(&[node(2, 1, [3]), page(3, 4), b"(open".to_vec()])), None);

    // The pages are known, their text is not.
    let known = |more: Vec<u8>| file(&[node(2, 1, [3]), page(3, 4), more]);
    let locked = [stream(4, "", b"(a) Tj"), b"trailer<</Encrypt 9 0 R>>".to_vec()].concat();
    for more in [
        Vec::new(),
        locked,
        stream(4, "/Filter/LZWDecode", b"(a) Tj"),
        stream(4, "/Filter/FlateDecode", b"not packed"),
        b"4 0 obj<<>>stream\n(a) Tj".to_vec(),
    ] {
        assert_eq!(read(&known(more)), Some(Pdf { pages: 1, text_tokens: None }));
    }
    assert_eq!(text(&known(stream(4, "/Filter/FlateDecode", &packed(b"(ab) Tj")))), Some(1));
}

/// Each of these was held for one page: a reader that goes by the file's own table, or is more lenient, finds more.
#[test]
fn a_page_that_only_others_find_is_not_overlooked() {
    let base = |more: &[u8]| file(&[node(2, 1, [3]), page(3, 4), stream(4, "", b""), more.to_vec()]);
    assert_eq!(pages(&base(b"")), Some(1));
    let hidden = b"9 0 obj<</Type/Pages/Kids[10 0 R 11 0 R]>>endobj";
    let in_stream = stream(8, "", hidden);
    let in_comment = [b"%", &hidden[..]].concat();
    let in_string = [b"8 0 obj(", &hidden[..], b")endobj"].concat();
    let apart = stream(8, "", b"\n9%\n0%\nobj<</Type/Pages/Kids[10 0 R 11 0 R]>>");
    let glued = stream(8, "", b" 9 0obj<</Type/Pages/Kids[10 0 R 11 0 R]>>");
    // One that is read stands in for one that is not, where only their number is looked at.
    let decoy = [in_stream.clone(), b"1 0 /a obj 1 0 /a obj ".to_vec()].concat();
    let objects = [(10, "<</Type/Page>>".to_owned())];
    let locked = [object_stream(7, &objects), b"trailer<</Encrypt<</V 1>>>>".to_vec()].concat();
    for more in [in_stream, in_comment, in_string, apart, glued, decoy, locked] {
        assert_eq!(pages(&base(&more)), None, "{}", String::from_utf8_lossy(&more));
    }
    for more in [
        "8 0 obj<</Type/Pages/Count 1/Kids[+10 0 R +11 0 R]>>endobj",
        "8 0 obj<</Type/Pages/Count 1/Kids[10 0 R 11 0 R/Count 1>>endobj",
        "8 0 obj<</Type/Pages/Count 1/Kids[10 0 R 11 0 R]/Kids[10 0 R]>>endobj",
        "8 0 obj<</Type 9 0 R/Kids[10 0 R 11 0 R]>>endobj 9 0 obj/Pages endobj",
        "8 0 obj<</Type/Pages/Count 1/Kids 9 0 R>>endobj 9 0 obj 10 0 R endobj 10 0 obj[11 0 R 12 0 R]endobj",
        "8 0 obj<</Type/Pages/Count 1/Kids[<</Kids[10 0 R 11 0 R]>>]>>endobj",
        "+8 0 obj<</Type/Pages/Count 1/Kids[10 0 R 11 0 R]>>endobj",
        "8 0 obj<</Type/Pages/Count 1/Kids[10 0 R 11 0 R",
    ] {
        assert_eq!(pages(&base(more.as_bytes())), None, "{more}");
    }
    // A branch without a type or a figure, kids in place of links to them, and a tree that only the catalog names.
    let branch = [node(2, 1, [3]), b"3 0 obj<</Kids[10 0 R 11 0 R]>>endobj ".to_vec()];
    assert_eq!(pages(&file(&branch)), Some(2));
    let inline = b"2 0 obj<</Type/Pages/Count 1/Kids[<<>><</Rotate 0>>10 0 R]>>endobj ".to_vec();
    assert_eq!(pages(&file(&[inline])), Some(3));
    let list = b"2 0 obj<</Type/Pages/Count 1/Kids 3 0 R>>endobj 3 0 obj[<<>><<>>]endobj ".to_vec();
    assert_eq!(pages(&file(&[list])), Some(2));
    assert_eq!(pages(&file(&[b"2 0 obj<</Kids[10 0 R 11 0 R]>>endobj ".to_vec()])), Some(2));
}

/// Each of these was held for a letter or two.
#[test]
fn a_short_code_for_a_long_text_is_not_overlooked() {
    let base = |more: Vec<u8>| file(&[node(2, 1, [3]), page(3, 4), stream(4, "", b"(ab) Tj"), more]);
    let map = |lines: &str| {
        let head = "/CIDSystemInfo<</Registry(Adobe)/Ordering(UCS)/Supplement 0>>def 1 beginbfchar ";
        let table = packed(format!("{head}{lines} endbfchar").as_bytes());
        let font = b"8 0 obj<</Type/Font/ToUnicode 9 0 R>>endobj ".to_vec();
        base([font, stream(9, "/Filter/FlateDecode", &table)].concat())
    };
    for lines in ["<0061> <4E00>", "<61> <006600660069>", "<61> <D835DC00>", "<61> <62> [<0041> <0042>]"] {
        assert_eq!(text(&map(lines)), Some(1), "{lines}");
    }
    for lines in ["<61> <00610062006300640065>", "<61> <4E004E01>", "<61> <00 61 4E 00>"] {
        assert_eq!(read(&map(lines)), Some(Pdf { pages: 1, text_tokens: None }), "{lines}");
    }
    let names = |name: &str| base(format!("8 0 obj<</Differences[97 /{name}]>>endobj ").into_bytes());
    assert_eq!((text(&names("f_f_i")), text(&names("uni4E00"))), (Some(1), Some(1)));
    assert_eq!((text(&names("uni4E004E01")), text(&names("a_b_c_d_e"))), (None, None));
    // A note in hexadecimal: four letters of two bytes, half a token a byte.
    let note = b"6 0 obj<</Subtype/Text/Contents<FEFF006100620063>>>endobj ".to_vec();
    assert_eq!(text(&base(note)), Some(1 + 4));
}

#[test]
fn text_is_found_wherever_a_page_may_have_it() {
    let base = |more: Vec<u8>| file(&[node(2, 1, [3]), page(3, 4), more]);
    // Contents that are a list; the same stream under another's name; a drawing; a note; two revisions.
    let list = [b"4 0 obj[5 0 R 5 0 R]endobj ".to_vec(), stream(5, "", b"(abcd) Tj")].concat();
    assert_eq!(text(&base(list)), Some(4));
    assert_eq!(text(&base(stream(4, "/Subtype/Image/Width 1", b"(abcd) Tj"))), Some(2));
    let form = [stream(4, "", b"/Fm0 Do"), stream(6, "/Subtype/Form", b"(abcd) Tj")].concat();
    assert_eq!(text(&base(form)), Some(2));
    // One drawing that is shown ten times; and one that draws another, each shown three times by its page.
    let stamped = [stream(4, "", &b"/Fm0 Do ".repeat(10)), stream(6, "/Subtype/Form", b"(abcd) Tj")].concat();
    assert_eq!(text(&base(stamped)), Some(20));
    let nested =
        [stream(4, "", &b"/A Do ".repeat(3)), stream(6, "/Subtype/Form", b"/B Do /B Do /B Do")].concat();
    let nested = [nested, stream(7, "/Subtype/Form", b"(abcd) Tj")].concat();
    assert_eq!(text(&base(nested)), Some(2 + 4 * 2));
    let note =
        [stream(4, "", b""), b"6 0 obj<</Subtype/Text/Contents(abcd)/T(name)>>endobj".to_vec()].concat();
    assert_eq!(text(&base(note)), Some(2));
    assert_eq!(text(&base([stream(4, "", b"(ab) Tj"), stream(4, "", b"(cd) Tj")].concat())), Some(2));
    // A length that ends too early, and one that is an object.
    let short = b"4 0 obj<</Length 2>>stream\n(abcd) Tj\nendstream endobj ".to_vec();
    let named = b"4 0 obj<</Length 9 0 R>>stream\r\n(abcd) Tj\r\nendstream endobj 9 0 obj 9 endobj".to_vec();
    assert_eq!((text(&base(short)), text(&base(named))), (Some(2), Some(2)));
}

#[test]
fn a_bomb_is_left_alone() {
    let zeros = vec![b' '; 16 << 20];
    let bomb = packed(&zeros);
    let whole = file(&[node(2, 1, [3]), page(3, 4), stream(4, "/Filter/FlateDecode", &bomb)]);
    let dict = "/Type/ObjStm/N 1/First 4/Filter/FlateDecode";
    let list = file(&[node(2, 1, [3]), stream(7, dict, &bomb)]);
    assert!(is_quick(|| {
        assert_eq!(read(&whole), Some(Pdf { pages: 1, text_tokens: None }));
        assert_eq!(pages(&list), None);
    }));
}

/// Each of these took the square of its length at some stage of writing this reader.
#[test]
fn no_file_takes_more_than_a_few_passes() {
    let lists = |many: Many<'_>| {
        let (kids, pages) = (many("5 0 R "), many("3 0 obj<</Type/Page/Contents 4 0 R>>"));
        format!("4 0 obj[{kids}]endobj {pages}{}", String::from_utf8(stream(5, "", b"(a) Tj")).unwrap())
    };
    let nodes = |many: Many<'_>| {
        many("2 0 obj<</Type/Pages/Kids[2 0 R 3 0 R]>>") + " " + &many("3 0 obj<</Count 1/Kids 4 0 R>>")
    };
    let blanks = |many: Many<'_>| many("1 0 obj<</Length 3000000>>stream\nendstream ") + &many(" ");
    assert!(is_linear(lists) && is_linear(nodes) && is_linear(blanks));
    for piece in ["(", "()", "<<[", "/Page ", "stream ", "1 ", "1 0 obj "] {
        assert!(is_linear(|many: Many<'_>| many(piece)), "{piece}");
    }
}

/// Repeats a piece to a stated length.
type Many<'a> = &'a dyn Fn(&str) -> String;

/// Whether four times the length takes less than eight times as long, where its square would take sixteen times.
/// Tried again where it does not: another program may have had the processor in between.
#[expect(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "how long it takes is what is asked"
)]
fn is_linear(body: impl Fn(Many<'_>) -> String) -> bool {
    let time = |length: usize| {
        let body = body(&|piece| piece.repeat(length / piece.len()));
        let bytes = format!("%PDF-1.4\n{body}").into_bytes();
        let began = Instant::now();
        assert!(read(&bytes).is_none_or(|pdf| pdf.pages > 0));
        began.elapsed()
    };
    (0..5).any(|_| {
        let short = time(128 << 10);
        time(512 << 10) < short * 8
    })
}

proptest::proptest! {
    #[test]
    fn a_damaged_file_is_read_and_never_held_for_fewer_pages_than_stand_in_it(
        changes in proptest::collection::vec((proptest::prelude::any::<usize>(), proptest::prelude::any::<u8>()), 0..24),
        left in proptest::prelude::any::<usize>(),
        count in 0_usize..30,
    ) {
        let objects: Vec<_> = (30..50).map(|number| (number, "<</Type/Page/Contents 60 0 R>>".to_owned())).collect();
        let plain: Vec<_> = (10..30).map(|number| page(number, 61)).collect();
        let contents = stream(60, "/Filter/FlateDecode", &packed(b"BT (abcd efgh) Tj ET"));
        let mut bytes = file(&[
            node(2, count, 10..50),
            plain.concat(),
            object_stream(7, &objects),
            contents,
            stream(61, "", b"(0123) Tj"),
        ]);
        for (at, byte) in changes {
            let at = at.checked_rem(bytes.len()).unwrap();
            bytes[at] = byte;
        }
        bytes.truncate(left.checked_rem(bytes.len().saturating_mul(2)).unwrap());
        let there = plain_pages(&bytes);
        if let Some(pdf) = read(&bytes) {
            proptest::prop_assert!(pdf.pages >= there && pdf.pages > 0);
        }
    }
}
