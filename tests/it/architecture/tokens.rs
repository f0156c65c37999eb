//! What does a Rust file say, without comments, spaces and tests?
//!
//! A lexer of some eighty lines, because a parser of Rust among the packages would cost every build more than it tells these tests.

/// A word, a sign, or a literal, and the lines on which it begins and ends, counted from one.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
    pub(super) line_end: usize,
}

impl Token {
    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    /// Whether it is a name or a keyword.
    pub(super) fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// The tokens of a file without what is compiled for tests only. A literal is a `"`; `::` and `->` are one token.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    without_tests(&all(text))
}

fn all(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let length = length(rest, first);
        let (token, after) = rest.split_at(length);
        let line_end = line + token.matches('\n').count();
        if !first.is_whitespace() && !token.starts_with("//") && !token.starts_with("/*") {
            let text = if is_literal(token) { "\"" } else { token };
            tokens.push(Token { text: text.to_owned(), line, line_end });
        }
        (rest, line) = (after, line_end);
    }
    tokens
}

fn is_literal(token: &str) -> bool {
    token.ends_with(['"', '\'', '#']) && token.len() > 1 || token.starts_with(|c: char| c.is_ascii_digit())
}

/// How many bytes the token, space or comment takes with which the text begins.
fn length(text: &str, first: char) -> usize {
    let until = |end: &str| text.find(end).map_or(text.len(), |at| at + end.len());
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return until("*/");
    }
    let opening = text.trim_start_matches(['b', 'c']);
    if text.len() - opening.len() < 2 {
        let hashes = opening.strip_prefix('r').map(|raw| raw.len() - raw.trim_start_matches('#').len());
        if let Some(hashes) = hashes.filter(|hashes| opening[1 + hashes..].starts_with('"')) {
            let begin = text.len() - opening.len() + 1 + hashes + 1;
            let end = format!("\"{}", "#".repeat(hashes));
            return text[begin..].find(&end).map_or(text.len(), |at| begin + at + end.len());
        }
        if opening.starts_with('"') {
            return quoted(text, '"');
        }
    }
    if first == '\'' || text.starts_with("b'") {
        // A lifetime is a quote and a word that no quote ends.
        let word = text[1..].find(|c| !is_word(c)).map_or(text.len(), |at| at + 1);
        let is_lifetime = first == '\'' && word > 1 && !text[word..].starts_with('\'');
        return if is_lifetime { word } else { quoted(text, '\'') };
    }
    if is_word(first) {
        return text.find(|c| !is_word(c)).unwrap_or(text.len());
    }
    if text.starts_with("::") || text.starts_with("->") { 2 } else { first.len_utf8() }
}

/// The length of a literal in quotes, in which a backslash hides the next character.
fn quoted(text: &str, quote: char) -> usize {
    let begin = text.find(quote).unwrap() + 1;
    let mut is_hidden = false;
    for (at, c) in text[begin..].char_indices() {
        if !is_hidden && c == quote {
            return begin + at + 1;
        }
        is_hidden = !is_hidden && c == '\\';
    }
    text.len()
}

/// The index behind the bracket that closes what opens at `begin`.
pub(super) fn closed(tokens: &[Token], begin: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(begin) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

fn without_tests(all: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let is_attribute = all[at].is("#");
        let ahead: String = if is_attribute {
            all[at..].iter().take(8).map(|token| token.text.as_str()).collect()
        } else {
            String::new()
        };
        let is_for_tests = ahead.starts_with("#[cfg(test)]")
            || ahead.starts_with("#[cfg(all(test,")
            || ahead.starts_with("#[cfg(doctest)]");
        if is_for_tests {
            at = item_end(all, at);
        } else {
            kept.push(all[at].clone());
            at += 1;
        }
    }
    kept
}

/// The index behind the item, field or statement whose attributes begin there.
fn item_end(tokens: &[Token], begin: usize) -> usize {
    let mut at = begin;
    while tokens[at].is("#") {
        at = closed(tokens, at + 1);
    }
    let is_field = !["pub", "fn", "mod", "impl", "use", "struct", "const"]
        .contains(&tokens[at].text.as_str())
        || tokens[at].is("pub") && tokens.iter().skip(at).take(6).any(|token| token.is(":"));
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "{" => return closed(tokens, at),
            "(" | "[" => at = closed(tokens, at),
            ";" => return at + 1,
            "," if is_field => return at + 1,
            ")" | "]" | "}" => return at,
            _ => at += 1,
        }
    }
    at
}

#[test]
fn the_lexer_leaves_out_comments_literals_and_tests() {
    let text = r##"
        use a::b; // a comment with "quotes"
        fn f<'a>(s: &'a str) -> char { let _ = r#"a "raw" { string"#; '"' }
        #[cfg(test)]
        fn left_out<A, B>() { panic!("{") }
        struct S { a: u8, #[cfg(test)] b: u8, c: u8 }
        #[cfg(test)]
        mod tests { }
    "##;
    let words: Vec<_> = tokens(text).into_iter().map(|token| token.text).collect();
    assert_eq!(
        words.join(" "),
        "use a :: b ; fn f < 'a > ( s : & 'a str ) -> char { let _ = \" ; \" } struct S { a : u8 , c : u8 }"
    );
}
