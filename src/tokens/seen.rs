//! How many tokens is a text of which pieces were seen, at most, where its model's family
//! is known?
//!
//! A stream shows its answer in pieces that end anywhere. Counting each piece would count a
//! word that is cut twice. So what is kept is the open run (letters, blanks) at the end of
//! what was seen: a further piece goes on with it, and the sum is the same wherever the
//! text is cut. For example, `"hello world"` is two runs of five letters at three letters a
//! token, 2 + 2, and one blank that belongs to the word behind it: at most 4. The
//! vocabulary says 2.

#[cfg(feature = "tiktoken")]
use super::family::{Encoding, Family};
use super::profile;

/// Counts generated text as it flows by, in pieces that need not end where tokens do.
///
/// While text flows it is counted by kinds of characters, a few nanoseconds a piece: never
/// less than a vocabulary was seen to make of it, and for prose about half more. An OpenAI
/// model's own vocabulary counts it exactly, but only if somebody asks at its end: most
/// streams report their usage, and then nobody does.
#[derive(Clone, Debug)]
pub(crate) struct SeenText {
    /// The family's tokens for each of ours, in millionths; never below a million.
    text_ppm: u32,
    /// Bytes so far: the count is never above them.
    bytes: u64,
    /// Tokens of all runs that have ended.
    tokens: u64,
    /// The run that may go on with the next piece.
    run: Run,
    /// The model's own vocabulary, if it is built in.
    #[cfg(feature = "tiktoken")]
    own: Option<Own>,
}

/// Characters of one kind that stand together.
#[derive(Clone, Copy, Debug)]
struct Run {
    kind: Kind,
    length: u64,
    /// Capitals behind another letter: vocabularies know fewer such words.
    capitals: u64,
}

/// What a character belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Latin,
    Blank,
    /// Whatever is a token of its own, or several.
    Single,
}

/// The model's own vocabulary, and the text that it is to count.
#[cfg(feature = "tiktoken")]
#[derive(Clone, Debug)]
struct Own {
    encoding: Encoding,
    /// Text that is not counted yet, at most a stretch and a piece.
    text: String,
    /// Tokens of the stretches that were counted.
    counted: u64,
}

/// Text is counted in stretches of that many bytes: a cut adds a token at most, and never hides one.
#[cfg(feature = "tiktoken")]
const STRETCH_BYTES: usize = 64 << 10;

impl SeenText {
    /// A count for that model; `None` if nobody measured what its family makes of a text.
    pub(crate) fn of(model: &str) -> Option<Self> {
        let profile = profile::of(model);
        if matches!(profile.name, "other" | "agent") {
            return None;
        }
        Some(Self {
            // A family may make more tokens of a text than was counted, but none is trusted to make fewer.
            text_ppm: profile.text_ppm.max(1_000_000),
            bytes: 0,
            tokens: 0,
            run: Run { kind: Kind::Blank, length: 0, capitals: 0 },
            #[cfg(feature = "tiktoken")]
            own: Family::of(model).encoding().map(|encoding| Own {
                encoding,
                text: String::new(),
                counted: 0,
            }),
        })
    }

    /// Adds a further piece.
    pub(crate) fn push(&mut self, piece: &str) {
        self.bytes = self.bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        for character in piece.chars() {
            self.add(character);
        }
        #[cfg(feature = "tiktoken")]
        if let Some(own) = &mut self.own {
            own.text.push_str(piece);
            if own.text.len() > STRETCH_BYTES {
                let _ = own.count();
            }
        }
    }

    /// Tokens so far, at most: by kinds of characters, and no more than there are bytes.
    pub(crate) fn at_most(&self) -> u64 {
        let ours = self.tokens.saturating_add(self.run.tokens());
        ours.saturating_mul(u64::from(self.text_ppm)).div_ceil(1_000_000).min(self.bytes)
    }

    /// Tokens in all: by the model's own vocabulary, if that is built in.
    ///
    /// The first count of a vocabulary in a process loads it, see
    /// [`TiktokenEstimator`](super::TiktokenEstimator); but in a `Drop` nothing is loaded.
    pub(crate) fn count(&mut self) -> u64 {
        self.counted().unwrap_or_else(|| self.at_most())
    }

    /// The same if the model's own vocabulary counts it, and nothing else.
    pub(crate) fn counted(&mut self) -> Option<u64> {
        #[cfg(feature = "tiktoken")]
        {
            let at_most = self.at_most();
            let own = self.own.as_mut()?;
            own.count()?;
            // A vocabulary takes what it could not cut at its bytes.
            Some(own.counted.min(at_most))
        }
        #[cfg(not(feature = "tiktoken"))]
        None
    }

    /// Adds a character to the run, or ends the run and begins another.
    fn add(&mut self, character: char) {
        let kind = kind(character);
        if kind == self.run.kind {
            self.run.length = self.run.length.saturating_add(1);
            self.run.capitals = self.run.capitals.saturating_add(u64::from(character.is_ascii_uppercase()));
        } else {
            self.tokens = self.tokens.saturating_add(self.run.tokens());
            self.run = Run { kind, length: 1, capitals: 0 };
        }
        if kind == Kind::Single {
            // Each is counted at once: a digit, a sign, a letter of another alphabet, an ideograph.
            self.tokens = self.tokens.saturating_add(single(character));
            self.run.length = 0;
        }
    }
}

impl Run {
    /// The most tokens of a run, were it to end here.
    fn tokens(self) -> u64 {
        match self.kind {
            _ if self.length == 0 => 0,
            // Words of English are mostly one token each; of Finnish or Polish one for every three letters.
            Kind::Latin => self.length.saturating_add(self.capitals).div_ceil(3),
            // One blank belongs to the word behind it.
            Kind::Blank => self.length.saturating_sub(1).div_ceil(4),
            Kind::Single => 0,
        }
    }
}

/// The kind of a character. A letter beyond ASCII is counted by itself.
fn kind(character: char) -> Kind {
    match character {
        'a'..='z' | 'A'..='Z' => Kind::Latin,
        ' ' => Kind::Blank,
        _ => Kind::Single,
    }
}

/// What one character of no run comes to: a sign or digit one token, others no more than their bytes.
fn single(character: char) -> u64 {
    match character {
        '\0'..='\u{7F}' => 1,
        '\u{80}'..='\u{7FF}' => 1,
        // Ideographs were seen to be two at most; what no vocabulary knows falls back to its bytes.
        '\u{3000}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' => 2,
        other => u64::try_from(other.len_utf8()).unwrap_or(4),
    }
}

#[cfg(feature = "tiktoken")]
impl Own {
    /// `None` in a `Drop` before the vocabulary was loaded.
    fn count(&mut self) -> Option<()> {
        let tokens = super::tiktoken::tokens(self.encoding, &self.text)?;
        self.counted = self.counted.saturating_add(tokens);
        self.text.clear();
        Some(())
    }
}

/// Whether so many bytes may be no more than `most` tokens.
///
/// No language has more than eight bytes for each token: whoever sends more has passed its
/// limit.
pub(crate) fn keeps_to_limit(bytes: u64, most: u64) -> bool {
    const BYTES_PER_TOKEN_MAX: u64 = 8;
    bytes <= most.saturating_mul(BYTES_PER_TOKEN_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_most(model: &str, pieces: &[&str]) -> u64 {
        let mut seen = SeenText::of(model).expect("a family that was measured");
        pieces.iter().for_each(|piece| seen.push(piece));
        seen.at_most()
    }

    #[test]
    fn where_a_text_was_cut_makes_no_difference() {
        let whole = at_most("claude-3-haiku", &["The quick brown fox, 12 dogs;  and more"]);
        let cut = at_most("claude-3-haiku", &["The qu", "ick br", "own fox, 1", "2 dogs; ", " and more"]);

        assert_eq!(whole, cut);
    }

    #[test]
    fn a_model_that_nobody_measured_is_not_counted() {
        assert!(SeenText::of("milli").is_none());
        assert!(SeenText::of("groq/compound").is_none());
    }

    #[test]
    fn no_text_is_more_tokens_than_bytes() {
        assert_eq!(at_most("gemini-2.5-pro", &["1;2"]), 3);
        assert_eq!(at_most("gemini-2.5-pro", &["é"]), 1);
        assert_eq!(at_most("gemini-2.5-pro", &[""]), 0);
    }

    /// What the vocabularies make of texts in many scripts is the nearest thing to the closed ones.
    #[cfg(feature = "tiktoken")]
    #[test]
    fn the_count_by_characters_stands_above_both_vocabularies_in_every_script() {
        let texts = [
            "What is the tallest mountain? It is Mount Everest, at 8,848.86 metres above the sea.",
            "Jestem studentem i mieszkam w Warszawie, a wieczorami czytam książki po łacinie.",
            "Minä olen opiskelija ja asun Helsingissä; iltaisin luen kirjoja saunassa.",
            "Ich bin Donaudampfschifffahrtsgesellschaftskapitän und wohne in Österreich.",
            "Ben öğrenciyim ve İstanbul'da yaşıyorum, akşamları kitap okuyorum.",
            "Tôi là sinh viên và sống ở Hà Nội, buổi tối tôi đọc sách.",
            "Я студент и живу в Москве, по вечерам читаю книги.",
            "Είμαι φοιτητής και μένω στην Αθήνα, τα βράδια διαβάζω βιβλία.",
            "אני סטודנט ואני גר בירושלים, בערבים אני קורא ספרים.",
            "أنا طالب وأسكن في القاهرة، وفي المساء أقرأ الكتب.",
            "मैं एक छात्र हूँ और दिल्ली में रहता हूँ, शाम को किताबें पढ़ता हूँ।",
            "ฉันเป็นนักเรียนและอาศัยอยู่ที่กรุงเทพฯ ตอนเย็นฉันอ่านหนังสือ",
            "მე ვარ სტუდენტი და ვცხოვრობ თბილისში, საღამოს წიგნებს ვკითხულობ.",
            "Ես ուսանող եմ և ապրում եմ Երևանում, երեկոյան գրքեր եմ կարդում։",
            "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。",
            "私は学生で、東京に住んでいます。夜は本を読みます。",
            "나는 학생이고 서울에 살며 저녁에는 책을 읽는다.",
            "👩‍👩‍👧‍👦 🎉🎊 ✨ 🇩🇪 ☃️",
            "aGVsbG8gd29ybGQhIFRoaXMgaXMgYmFzZTY0IHRleHQgd2l0aCBudW1iZXJzIDEyMzQ1Njc4OTA=",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "QZXJVKWQPFTHZBXNQJ XKCDZQWV PPQRZ",
            "| name | size |\n|------|------|\n| a    | 10   |\n| b    | 2000 |\n",
            "fn main() {\n        let x = vec![1, 2, 3];\n\t\tprintln!(\"{x:?}\");\n}\n",
            "{\"a\":[1,2,{\"b\":null,\"c\":\"\\u00e9\"}],\"d\":-1.5e10}",
            "==========\n***  HELLO  ***\n==========\n\n\n\n",
        ];
        for text in texts {
            for model in ["gpt-4o", "gpt-4"] {
                let mut seen = SeenText::of(model).expect("a family that was measured");
                seen.push(text);
                let (at_most, exact) = (seen.at_most(), seen.count());
                assert!(at_most >= exact, "{model}: {at_most} for {exact} of {text:?}");
            }
        }
    }

    #[cfg(feature = "tiktoken")]
    #[test]
    fn the_models_own_vocabulary_counts_a_long_text_in_stretches() {
        let mut seen = SeenText::of("gpt-4o").expect("a family that was measured");
        for _ in 0..30_000 {
            seen.push(" the boat is");
        }

        let counted = seen.count();

        assert!((90_000..=90_010).contains(&counted), "{counted}");
    }
}
