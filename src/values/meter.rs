//! What does a provider count and bill?
//!
//! A meter is one line of a provider's bill. The same name is used for a count in a
//! usage, for a rate in a price row and for a line of a cost, so that a figure can be
//! followed from the wire to the dollar. The order of the meters is part of the format:
//! the six common classes of tokens come first and are kept in 64 bits, the others in 32.

use std::fmt;

/// Something a provider counts and bills: a class of tokens, runs of one of its own tools, pages, seconds.
///
/// One name for the count in a [`Usage`](crate::Usage) and for its rate in
/// [`Rates`](crate::pricing::Rates). In a usage a whole contains its parts (see
/// [`whole`](Self::whole)); in the lines of a cost every token stands once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Meter {
    /// All input tokens; as a line of a cost, only those that no other line bills.
    Input,
    /// Input tokens read from a cache.
    CachedInput,
    /// Input tokens written to a cache for five minutes, or for the provider's default.
    CacheWrite5m,
    /// Input tokens written to a cache for an hour, or for the longer of two lifetimes.
    CacheWrite1h,
    /// All output tokens; as a line of a cost, only those that no other line bills.
    Output,
    /// Output tokens that are reasoning.
    Reasoning,
    /// Input tokens that are sound.
    InputAudio,
    /// Input tokens that are images.
    InputImage,
    /// Input tokens that are video.
    InputVideo,
    /// Cached input tokens that are sound.
    CachedAudio,
    /// Cached input tokens that are images.
    CachedImage,
    /// Cached input tokens that are video.
    CachedVideo,
    /// Sound written to a cache for the default lifetime.
    CacheWriteAudio,
    /// Output tokens that are sound.
    OutputAudio,
    /// Output tokens that are images.
    OutputImage,
    /// Output tokens that are video.
    OutputVideo,
    /// Tokens of cited sources, billed beside the input.
    Citation,
    /// Searches of the web.
    WebSearch,
    /// Pages fetched.
    WebFetch,
    /// Searches in uploaded files.
    FileSearch,
    /// Sandboxes of a code interpreter.
    CodeExecution,
    /// Searches of a map.
    MapsSearch,
    /// Images that a tool made.
    ImageGeneration,
    /// The call itself: a fee for each request.
    Request,
    /// Queries of a reranker, in the provider's search units.
    SearchUnit,
    /// Pages of documents read.
    Page,
    /// Pages of documents annotated.
    AnnotatedPage,
    /// Images sent, if they are not billed as tokens.
    ImageIn,
    /// Images made, if they are not billed as tokens.
    ImageOut,
    /// Milliseconds of sound sent; its rate is in USD per hour, as those below.
    AudioInMs,
    /// Milliseconds of sound made.
    AudioOutMs,
    /// Milliseconds of video sent.
    VideoInMs,
    /// Milliseconds of video made.
    VideoOutMs,
    /// Characters sent, if they are billed instead of tokens.
    CharacterIn,
    /// Characters made, if they are billed instead of tokens.
    CharacterOut,
}

/// In what a meter counts, and therefore how its rate is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MeterUnit {
    /// Tokens: USD per million.
    Token,
    /// Requests, pages, images: USD for each.
    Piece,
    /// Milliseconds: USD per hour, in which a price per second and one per hour are both exact.
    Millisecond,
    /// Characters: USD per million.
    Character,
}

impl Meter {
    /// How many meters there are.
    pub(crate) const COUNT: usize = 35;

    /// Every meter: the six common classes of tokens, their parts, then what is not counted in tokens.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Input,
        Self::CachedInput,
        Self::CacheWrite5m,
        Self::CacheWrite1h,
        Self::Output,
        Self::Reasoning,
        Self::InputAudio,
        Self::InputImage,
        Self::InputVideo,
        Self::CachedAudio,
        Self::CachedImage,
        Self::CachedVideo,
        Self::CacheWriteAudio,
        Self::OutputAudio,
        Self::OutputImage,
        Self::OutputVideo,
        Self::Citation,
        Self::WebSearch,
        Self::WebFetch,
        Self::FileSearch,
        Self::CodeExecution,
        Self::MapsSearch,
        Self::ImageGeneration,
        Self::Request,
        Self::SearchUnit,
        Self::Page,
        Self::AnnotatedPage,
        Self::ImageIn,
        Self::ImageOut,
        Self::AudioInMs,
        Self::AudioOutMs,
        Self::VideoInMs,
        Self::VideoOutMs,
        Self::CharacterIn,
        Self::CharacterOut,
    ];

    /// The name in usages and price rows: `cached_input`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CachedInput => "cached_input",
            Self::CacheWrite5m => "cache_write_5m",
            Self::CacheWrite1h => "cache_write_1h",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::InputAudio => "input_audio",
            Self::InputImage => "input_image",
            Self::InputVideo => "input_video",
            Self::CachedAudio => "cached_audio",
            Self::CachedImage => "cached_image",
            Self::CachedVideo => "cached_video",
            Self::CacheWriteAudio => "cache_write_audio",
            Self::OutputAudio => "output_audio",
            Self::OutputImage => "output_image",
            Self::OutputVideo => "output_video",
            Self::Citation => "citation",
            Self::WebSearch => "web_search",
            Self::WebFetch => "web_fetch",
            Self::FileSearch => "file_search",
            Self::CodeExecution => "code_execution",
            Self::MapsSearch => "maps_search",
            Self::ImageGeneration => "image_generation",
            Self::Request => "request",
            Self::SearchUnit => "search_unit",
            Self::Page => "page",
            Self::AnnotatedPage => "annotated_page",
            Self::ImageIn => "image_in",
            Self::ImageOut => "image_out",
            Self::AudioInMs => "audio_in_ms",
            Self::AudioOutMs => "audio_out_ms",
            Self::VideoInMs => "video_in_ms",
            Self::VideoOutMs => "video_out_ms",
            Self::CharacterIn => "character_in",
            Self::CharacterOut => "character_out",
        }
    }

    /// The meter of that name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|meter| meter.name() == name)
    }

    /// What the meter counts in, and so how its rate is written.
    #[must_use]
    pub const fn unit(self) -> MeterUnit {
        match self {
            Self::WebSearch
            | Self::WebFetch
            | Self::FileSearch
            | Self::CodeExecution
            | Self::MapsSearch
            | Self::ImageGeneration
            | Self::Request
            | Self::SearchUnit
            | Self::Page
            | Self::AnnotatedPage
            | Self::ImageIn
            | Self::ImageOut => MeterUnit::Piece,
            Self::AudioInMs | Self::AudioOutMs | Self::VideoInMs | Self::VideoOutMs => MeterUnit::Millisecond,
            Self::CharacterIn | Self::CharacterOut => MeterUnit::Character,
            _ => MeterUnit::Token,
        }
    }

    /// Whether the meter counts tokens.
    #[must_use]
    pub const fn counts_tokens(self) -> bool {
        matches!(self.unit(), MeterUnit::Token)
    }

    /// Whether it counts uses of a tool that the provider runs.
    pub(crate) const fn is_of_tool(self) -> bool {
        matches!(
            self,
            Self::WebSearch
                | Self::WebFetch
                | Self::FileSearch
                | Self::CodeExecution
                | Self::MapsSearch
                | Self::ImageGeneration
        )
    }

    /// The meter whose count contains this one in a usage.
    ///
    /// ```
    /// use token_budget::usage::Meter;
    ///
    /// assert_eq!(Meter::CachedAudio.whole(), Some(Meter::CachedInput));
    /// assert_eq!(Meter::CachedInput.whole(), Some(Meter::Input));
    /// assert_eq!(Meter::Citation.whole(), None); // billed beside the input
    /// ```
    #[must_use]
    pub const fn whole(self) -> Option<Self> {
        match self {
            Self::CachedInput
            | Self::CacheWrite5m
            | Self::CacheWrite1h
            | Self::InputAudio
            | Self::InputImage
            | Self::InputVideo => Some(Self::Input),
            Self::CachedAudio | Self::CachedImage | Self::CachedVideo => Some(Self::CachedInput),
            Self::CacheWriteAudio => Some(Self::CacheWrite5m),
            Self::Reasoning | Self::OutputAudio | Self::OutputImage | Self::OutputVideo => Some(Self::Output),
            _ => None,
        }
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_meter_stands_at_its_own_number_and_is_found_by_its_name() {
        for (at, meter) in Meter::ALL.into_iter().enumerate() {
            assert_eq!(meter as usize, at);
            assert_eq!(Meter::named(meter.name()), Some(meter));
        }
        assert_eq!(Meter::named("inputs"), None);
    }
}
