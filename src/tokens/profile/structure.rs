//! What is told of a family before anything was measured?

use crate::tokens::family::Encoding;
use crate::tokens::picture::Pictures;

/// How a family tokenizes, frames, and bills. Shares are millionths.
#[derive(Clone, Copy, Debug)]
pub(in crate::tokens) struct Profile {
    /// The name under which the table lists the family.
    pub(in crate::tokens) name: &'static str,
    /// Who made the models: if a family has few calls, calibration pools those of its
    /// maker.
    pub(in crate::tokens) maker: &'static str,
    /// The family whose figures stand in if nothing was recorded of this one.
    pub(in crate::tokens) parent: Option<&'static str>,
    /// The vocabulary by which its text is counted or bounded.
    pub(in crate::tokens) encoding: Encoding,
    /// Whether that is the family's own vocabulary.
    pub(in crate::tokens) is_exact: bool,
    /// Whether nothing is claimed of the family: its models have nothing in common, or read
    /// what no request carries.
    pub(in crate::tokens) is_guess: bool,
    /// The family's tokens for each of ours, if recordings do not say better.
    pub(in crate::tokens) text_ppm: u32,
    /// Tokens around each message that is no system text.
    pub(in crate::tokens) message: u64,
    /// Tokens around each system text.
    pub(in crate::tokens) system: u64,
    /// Tokens if the assistant speaks first: the template puts a turn of the user's in
    /// front.
    pub(in crate::tokens) answer_first: u64,
    /// Tokens around each message of the assistant, beside `message`.
    pub(in crate::tokens) assistant: u64,
    /// In which notation the model reads its tools.
    pub(in crate::tokens) notation: Notation,
    /// Tokens for each capital letter behind another: closed vocabularies have fewer words
    /// in capitals.
    pub(in crate::tokens) capital_ppm: u32,
    /// Whether the model reads the whole prompt once more after one of the provider's own tools, billed as input.
    pub(in crate::tokens) rereads: bool,
    /// What the model reads on the web by itself, at most; zero for all but agents.
    pub(in crate::tokens) reading: u64,
    /// How it bills images.
    pub(in crate::tokens) pictures: Pictures,
}

/// In what notation a model reads its tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tokens) enum Notation {
    /// OpenAI's: types, and apart from them what the envelope of chat completions adds.
    TypeScript,
    /// Everybody else's: the JSON of the function, without its envelope.
    Json,
}

/// A model of no family that was measured.
pub(super) const OTHER: Profile = Profile {
    name: "other",
    maker: "other",
    parent: None,
    encoding: Encoding::O200k,
    is_exact: false,
    is_guess: true,
    // A twentieth more than OpenAI's vocabulary takes.
    text_ppm: 1_050_000,
    message: 5,
    system: 5,
    answer_first: 0,
    assistant: 0,
    notation: Notation::Json,
    capital_ppm: 100_000,
    rereads: true,
    reading: 0,
    pictures: Pictures::Flat(1_600),
};
