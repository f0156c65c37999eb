//! Text to count, of many kinds, and who counts it.

use std::hint::black_box;

use token_budget::TokenEstimator;
use token_budget::tokens::{FamilyEstimator, TiktokenEstimator};

use crate::peers::Random;
use crate::timing::Work;

const BYTES: usize = 16 * 1024;

/// 16 KB of each kind. Prose and code are this project's own; the rest is made, the same in every run.
pub fn corpora() -> Vec<(&'static str, String)> {
    const CHINESE: &str = "春眠不觉晓处处闻啼鸟夜来风雨声花落知多少床前明月光疑是地上霜举头望低头思故乡白日依山尽黄河入海流欲穷千里目更上一层楼千山鸟飞绝万径人踪灭孤舟蓑笠翁独钓寒江雪学而时习之不亦说乎有朋自远方来人不知而不愠君子务本本立道生";
    const JAPANESE: &str = "吾輩は猫である名前はまだ無いどこで生れたかとんと見当がつかぬ何でも薄暗いじめじめした所でニャーニャー泣いていた事だけは記憶している山路を登りながらこう考えた智に働けば角が立つ情に棹させば流される意地を通せば窮屈だ";
    const RUSSIAN: &str = "я помню чудное мгновенье передо мной явилась ты как мимолётное виденье гений чистой красоты в томленьях грусти безнадежной тревогах шумной суеты звучал долго голос нежный снились милые черты шли годы бурь порыв мятежный рассеял прежние мечты";
    let mut random = Random(7);
    vec![
        (
            "English",
            cut(concat!(include_str!("../../../README.md"), include_str!("../../../docs/ARCHITECTURE.md"))),
        ),
        ("Rust", cut(concat!(include_str!("cases.rs"), include_str!("sqlite.rs")))),
        ("JSON", cut(&json(&mut random))),
        ("Chinese", cut(&clauses(CHINESE, "，。", &mut random))),
        ("Japanese", cut(&clauses(JAPANESE, "、。", &mut random))),
        ("Russian", cut(&words(RUSSIAN, &mut random))),
        ("base64", cut(&base64(&mut random))),
        ("a log of UUIDs", cut(&log(&mut random))),
    ]
}

fn cut(text: &str) -> String {
    let mut end = BYTES.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// Clauses of three to twelve characters from anywhere in the sample.
fn clauses(sample: &str, marks: &str, random: &mut Random) -> String {
    let characters: Vec<char> = sample.chars().collect();
    let marks: Vec<char> = marks.chars().collect();
    let mut text = String::new();
    while text.len() < BYTES {
        let length = 3 + random.below(10);
        let from = random.below(characters.len() - length);
        text.extend(&characters[from..from + length]);
        text.push(marks[random.below(marks.len())]);
    }
    text
}

fn words(sample: &str, random: &mut Random) -> String {
    let words: Vec<&str> = sample.split(' ').collect();
    let mut text = String::new();
    while text.len() < BYTES {
        text.push_str(words[random.below(words.len())]);
        text.push_str([" ", " ", " ", ", ", ". "][random.below(5)]);
    }
    text
}

fn json(random: &mut Random) -> String {
    let mut text = String::from("[");
    while text.len() < BYTES {
        let (id, price) = (random.below(100_000), random.below(10_000));
        text += &format!(
            r#"{{"id":{id},"name":"item {}","tags":["new","sale"],"price":{}.{:02},"ok":true}},"#,
            random.below(500),
            price / 100,
            price % 100
        );
    }
    text
}

fn base64(random: &mut Random) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    while text.len() < BYTES {
        text.extend((0..76).map(|_| char::from(LETTERS[random.below(64)])));
        text.push('\n');
    }
    text
}

fn log(random: &mut Random) -> String {
    let mut text = String::new();
    while text.len() < BYTES {
        let [a, b, c] = [0; 3].map(|_| random.below(1 << 32));
        text += &format!(
            "2026-11-22T08:{:02}:{:02}Z request {a:08x}-{:04x}-4{:03x}-{:04x}-{b:08x}{:04x} took {} ms\n",
            random.below(60),
            random.below(60),
            c % 65_536,
            c % 4_096,
            a % 65_536,
            b % 65_536,
            random.below(5_000)
        );
    }
    text
}

/// The same text with another number behind it each time, so that no memo of whole texts knows it.
struct Unseen {
    text: String,
    length: usize,
    number: u64,
}

impl Unseen {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), length: text.len(), number: 0 }
    }

    fn next(&mut self) -> &str {
        self.number += 1;
        self.text.truncate(self.length);
        self.text += &format!(" {}", self.number);
        &self.text
    }
}

pub fn tokenizer(text: &str) -> Vec<Work> {
    let tokenizer = tiktoken_rs::o200k_base_singleton();
    let mut unseen = Unseen::new(text);
    vec![Box::new(move |iterations| {
        for _ in 0..iterations {
            black_box(tokenizer.encode_ordinary(black_box(unseen.next())).len());
        }
    })]
}

pub fn counted(text: &str) -> Vec<Work> {
    let estimator = TiktokenEstimator::new();
    let mut unseen = Unseen::new(text);
    vec![Box::new(move |iterations| {
        for _ in 0..iterations {
            let estimate = estimator.count_text("gpt-4o", black_box(unseen.next()));
            assert_eq!(estimate.kind, token_budget::tokens::EstimateKind::Count);
        }
    })]
}

/// Each count on a thread of its own, which knows no piece yet; making the thread is part of it.
pub fn counted_cold(text: &str) -> Vec<Work> {
    let estimator = TiktokenEstimator::new();
    let mut unseen = Unseen::new(text);
    vec![Box::new(move |iterations| {
        for _ in 0..iterations {
            let (estimator, text) = (&estimator, unseen.next());
            std::thread::scope(|scope| {
                scope.spawn(|| black_box(estimator.count_text("gpt-4o", text)));
            });
        }
    })]
}

pub fn rough(text: &str) -> Vec<Work> {
    let estimator = FamilyEstimator::new();
    let mut unseen = Unseen::new(text);
    vec![Box::new(move |iterations| {
        for _ in 0..iterations {
            black_box(estimator.count_text("gpt-4o", black_box(unseen.next())));
        }
    })]
}
