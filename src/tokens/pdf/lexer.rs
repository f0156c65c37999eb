//! What are the words of a PDF's objects?
//!
//! Words need no blanks between them: `7 0obj<</Type/Page>>endobj8 0 R` is seven and zero,
//! `obj`, a dictionary with two names, `endobj`, eight, zero and `R`. Each byte is read
//! once, so a file costs as much time as it is long, whatever it holds. A string that does
//! not end is told apart ([`Token::Open`]), because whatever stands behind its bracket may
//! be text or objects.

/// One word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Name(&'a [u8]),
    Whole(u64),
    /// A string, without its brackets.
    Text(&'a [u8]),
    DictStart,
    DictEnd,
    ListStart,
    ListEnd,
    Word(&'a [u8]),
    /// A string in hexadecimal of so many digits.
    Code(u64),
    /// A fraction, a stray bracket.
    Other,
    /// A string that does not end.
    Open,
}

/// Cuts bytes into words, each byte once.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next word is looked for.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes on at that place: behind the bytes of a stream.
    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// Passes over bytes of one kind, and returns them.
    fn skip(&mut self, is_in: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| !is_in(*byte)).unwrap_or(rest.len());
        self.at = self.at.saturating_add(length);
        rest.get(..length).unwrap_or_default()
    }

    /// A string's bytes; its first bracket has been read.
    fn text(&mut self) -> Token<'a> {
        let (from, mut depth) = (self.at, 0_u32);
        while let Some(byte) = self.peek() {
            self.step();
            match byte {
                b'\\' => self.step(),
                b'(' => depth = depth.saturating_add(1),
                b')' if depth == 0 => {
                    let until = self.at.saturating_sub(1);
                    return Token::Text(self.bytes.get(from..until).unwrap_or_default());
                }
                b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        Token::Open
    }

    /// What begins with `<`: a dictionary, or a string in hexadecimal.
    fn angle(&mut self) -> Token<'a> {
        if self.peek() == Some(b'<') {
            self.step();
            return Token::DictStart;
        }
        let code = self.skip(|byte| byte != b'>');
        if self.peek().is_none() {
            return Token::Open;
        }
        self.step();
        let digits = code.iter().filter(|byte| byte.is_ascii_hexdigit()).count();
        Token::Code(u64::try_from(digits).unwrap_or(u64::MAX))
    }

    /// A number, or a word; `0obj` is one of each, and so is `endobj7`.
    fn regular(&mut self) -> Token<'a> {
        let from = self.at;
        let digits = self.skip(|byte| byte.is_ascii_digit());
        let is_whole = !digits.is_empty() && !matches!(self.peek(), Some(b'.' | b'-' | b'+'));
        if is_whole {
            let number = digits.iter().fold(0_u64, |sum, digit| {
                sum.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0')))
            });
            return Token::Whole(number);
        }
        self.skip(is_regular);
        let word = self.bytes.get(from..self.at).unwrap_or_default();
        if word.starts_with(ENDOBJ) {
            self.at = from.saturating_add(ENDOBJ.len());
            return Token::Word(ENDOBJ);
        }
        if word.first().is_some_and(|first| matches!(first, b'+' | b'-' | b'.') || first.is_ascii_digit()) {
            return Token::Other;
        }
        Token::Word(word)
    }
}

/// The word behind which another word may begin without a blank.
const ENDOBJ: &[u8] = b"endobj";

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            self.skip(is_blank);
            if self.peek()? != b'%' {
                break;
            }
            self.skip(|byte| byte != b'\n' && byte != b'\r');
        }
        let byte = self.peek()?;
        if is_regular(byte) {
            return Some(self.regular());
        }
        self.step();
        Some(match byte {
            b'/' => Token::Name(self.skip(is_regular)),
            b'(' => self.text(),
            b'<' => self.angle(),
            b'>' if self.peek() == Some(b'>') => {
                self.step();
                Token::DictEnd
            }
            b'[' => Token::ListStart,
            b']' => Token::ListEnd,
            _ => Token::Other,
        })
    }
}

/// The six bytes that PDF takes for white space.
fn is_blank(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 12 | b'\r' | b' ')
}

/// Whether a byte may stand in a name or a word.
pub(super) fn is_regular(byte: u8) -> bool {
    !is_blank(byte) && !matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

/// Whether a name is that one, however it is spelled: `#50age` is `Page`.
pub(super) fn is_named(name: &[u8], plain: &[u8]) -> bool {
    if !name.contains(&b'#') {
        return name == plain;
    }
    let mut rest = name;
    let mut left = plain.iter();
    while let Some((first, others)) = rest.split_first() {
        let code = others.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        let code = code.filter(|_| *first == b'#').and_then(|code| u8::from_str_radix(code, 16).ok());
        let (byte, after) = match code {
            Some(byte) => (byte, others.get(2..).unwrap_or_default()),
            None => (*first, others),
        };
        if left.next() != Some(&byte) {
            return false;
        }
        rest = after;
    }
    left.next().is_none()
}

pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_need_no_blanks_between_them() {
        let words: Vec<_> =
            Lexer::new(b"7 0obj<</Type/Page%a\n/A(b(c)\\))/B<00>/C -1.5>>endobj8 0 R[]").collect();
        let expected = [
            Token::Whole(7),
            Token::Whole(0),
            Token::Word(b"obj"),
            Token::DictStart,
            Token::Name(b"Type"),
            Token::Name(b"Page"),
            Token::Name(b"A"),
            Token::Text(b"b(c)\\)"),
            Token::Name(b"B"),
            Token::Code(2),
            Token::Name(b"C"),
            Token::Other,
            Token::DictEnd,
            Token::Word(b"endobj"),
            Token::Whole(8),
            Token::Whole(0),
            Token::Word(b"R"),
            Token::ListStart,
            Token::ListEnd,
        ];
        assert_eq!(words, expected);
        assert_eq!(Lexer::new(b"(a").next(), Some(Token::Open));
    }

    #[test]
    fn a_name_is_itself_however_it_is_spelled() {
        assert!(is_named(b"Page", b"Page") && is_named(b"#50age", b"Page") && is_named(b"P#61ge", b"Page"));
        assert!(
            !is_named(b"Pages", b"Page") && !is_named(b"#50ages", b"Page") && !is_named(b"Pag#", b"Page")
        );
    }
}
