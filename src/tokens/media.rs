//! How many tokens is a PDF, a sound, or a film?
//!
//! Figures of November 2026. Google (ai.google.dev, "Document understanding", "Media resolution", "Tokens"): a page is
//! 258 tokens up to Gemini 2.5, whose table has the text of a page beside it; 560 from Gemini 3 on, 280 in low and
//! 1,120 in high resolution, and its text is not charged. 77 pages of a dense report were billed as 77 × 258 by
//! `gemini-2.0-flash`, and pages of text as 560 by Gemini 3. Sound is 32 tokens a second (billed: 32 by 2.5, 25 by 2.0
//! and 3). An image of a film is 258 tokens (billed: 260 and 263), 66 in low resolution; 70 from Gemini 3 on (billed:
//! 65), 280 in high resolution; one a second.
//!
//! Anthropic ("PDF support"): each page as an image, and its text, 1,500 to 3,000 tokens. In a measurement of October
//! 2026 (huggingface.co/datasets/JOHNISKING/pdf-token-cost) a page was 1,575 tokens on Claude 4.5 and 5.5 beside its
//! text. OpenAI ("File inputs"): an image of each page, and its text; in low detail before GPT-5.6 unless asked for
//! otherwise, which is not relied on. Sound is a token for each tenth of a second ("Managing costs", Realtime; billed:
//! 44 for four and a half).
//!
//! Of others nobody says what a page takes. The most that is known of one image is held: 3,025 tokens of Mistral's
//! (1,540 × 1,540 pixels), 2,600 of Amazon Nova's, 2,560 of Qwen's, 1,792 of xAI's; and the text.

use super::family::Family;
use super::picture::{ORIGINAL_MOST, Pictures};
use super::profile::Profile;
use crate::values::Detail;
use crate::values::call::message::{Film, Pages, Sound};

/// Tokens to expect of a file, and tokens that are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FileTokens {
    pub(super) expected: u64,
    pub(super) most: u64,
}

impl FileTokens {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            expected: self.expected.saturating_add(other.expected),
            most: self.most.saturating_add(other.most),
        }
    }
}

/// How a family bills files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// Gemini up to 2.5: 258 a page, and its text at most as much again.
    Gemini,
    /// Gemini 3: a page by its resolution, its text free.
    Gemini3,
    /// A model of Google's that is not told apart: the dearest of both.
    Google,
    /// An image for each page, and the text at so many millionths of our tokens.
    Shown {
        page: u64,
        /// The same for a page that is looked at in its own size.
        page_original: u64,
        text_ppm: u32,
        /// Whether the family takes sound at a known rate.
        hears: bool,
    },
}

/// Google's page up to 2.5, its guide's figure and the bill of 77 recorded pages.
const PAGE: u64 = 258;
/// Google's page from Gemini 3 on, at the usual resolution; half in low, twice in high.
const PAGE_3: u64 = 560;
/// Anthropic's page: 1,575 measured (October 2026), rounded up to its largest image before
/// 4.7.
const PAGE_CLAUDE: u64 = 1_600;
/// A page of others: above the 3,025 of Mistral's largest image, the most that is known.
const PAGE_OTHERS: u64 = 3_200;
/// Google's tokens a second of sound: 32 billed by 2.5; 2.0 and 3 bill 25.
const SOUND_GOOGLE: u64 = 32;
/// OpenAI's tokens a second of sound: one for each tenth of a second.
const SOUND_OPENAI: u64 = 10;
/// Google's tokens for an image of a film up to 2.5: 258 in its guide, 263 the most that
/// was billed.
const FRAME: u64 = 263;
/// The same in low resolution.
const FRAME_LOW: u64 = 66;
/// The same from Gemini 3 on; 65 were billed.
const FRAME_3: u64 = 70;
/// The same in high resolution.
const FRAME_3_HIGH: u64 = 280;
/// The new vocabulary of Claude, the dearest that was measured.
const TEXT_CLAUDE_PPM: u32 = 1_360_000;
const WHOLE_PPM: u32 = 1_000_000;

/// So many millionths of it, what is begun counted whole.
fn share(tokens: u64, ppm: u32) -> u64 {
    tokens.saturating_mul(u64::from(ppm)).div_ceil(1_000_000)
}

/// How a family with a profile of its own bills files.
pub(super) fn of(profile: &Profile) -> Media {
    let shown = |page, page_original, hears| Media::Shown {
        page,
        page_original,
        text_ppm: profile.text_ppm.max(WHOLE_PPM),
        hears,
    };
    match (profile.name, profile.pictures) {
        ("gemini-2.0" | "gemini-2.5", _) => Media::Gemini,
        ("gemini-3", _) => Media::Gemini3,
        ("openai" | "openai-reasoning" | "openai-text" | "o1-mini", pictures) => {
            shown(pictures.most(), pictures.unsized_tokens(Detail::Original), true)
        }
        (_, Pictures::Area { .. }) => shown(PAGE_CLAUDE, PAGE_CLAUDE, false),
        (_, pictures) => others(pictures.most(), profile.text_ppm.max(WHOLE_PPM)),
    }
}

/// The same by the coarse family alone: the dearest of its models.
pub(super) fn in_family(family: Family) -> Media {
    let image = family.allowance().image;
    match family {
        Family::Google => Media::Google,
        Family::OpenAi { .. } => Media::Shown {
            page: image,
            page_original: image.max(family.image_original()),
            text_ppm: WHOLE_PPM,
            hears: true,
        },
        Family::Anthropic => Media::Shown {
            page: PAGE_CLAUDE,
            page_original: PAGE_CLAUDE,
            text_ppm: TEXT_CLAUDE_PPM,
            hears: false,
        },
        Family::Other => others(image, WHOLE_PPM),
    }
}

/// A family of which nobody says what a page takes: its largest image, or the largest of
/// all others.
fn others(image: u64, text_ppm: u32) -> Media {
    let [_, _, original] = ORIGINAL_MOST;
    let page = image.max(PAGE_OTHERS);
    Media::Shown { page, page_original: page.max(original), text_ppm, hears: false }
}

impl Media {
    /// The tokens of a PDF's pages; `None` if its text is billed and not known.
    pub(super) fn pages(self, pages: &Pages) -> Option<FileTokens> {
        let times = |page: u64| pages.count.saturating_mul(page);
        let by_detail = match pages.detail {
            Detail::Low => PAGE_3 / 2,
            Detail::Auto => PAGE_3,
            Detail::High => PAGE_3.saturating_mul(2),
            Detail::Original => PAGE_3.saturating_mul(4),
        };
        Some(match self {
            Self::Gemini => {
                let text = pages.text_tokens.unwrap_or(u64::MAX).min(times(PAGE));
                FileTokens { expected: times(PAGE), most: times(PAGE).saturating_add(text) }
            }
            Self::Gemini3 => FileTokens { expected: times(by_detail), most: times(by_detail) },
            Self::Google => FileTokens { expected: times(PAGE), most: times(by_detail.max(PAGE_3)) },
            Self::Shown { page, page_original, text_ppm, .. } => {
                let page = if pages.detail == Detail::Original { page_original } else { page };
                let text = share(pages.text_tokens?, text_ppm);
                // Prose has four letters a token, not two.
                FileTokens {
                    expected: times(page).saturating_add(text / 2),
                    most: times(page).saturating_add(text),
                }
            }
        })
    }

    /// The tokens of a sound; `None` if nobody says what a second takes. One second more is
    /// held than was begun, because providers round in their own way.
    pub(super) fn sound(self, sound: Sound) -> Option<FileTokens> {
        let rate = match self {
            Self::Gemini | Self::Gemini3 | Self::Google => SOUND_GOOGLE,
            Self::Shown { hears: true, .. } => SOUND_OPENAI,
            Self::Shown { .. } => return None,
        };
        let tokens = |seconds: u64| seconds.saturating_mul(rate);
        let seconds = sound.length_ms.div_ceil(1_000);
        Some(FileTokens { expected: tokens(seconds), most: tokens(seconds.saturating_add(1)) })
    }

    /// The tokens of a film's images and of its sound; `None` if nobody says what they
    /// take.
    pub(super) fn film(self, film: Film) -> Option<FileTokens> {
        let is_close = matches!(film.detail, Detail::High | Detail::Original);
        let frame = match self {
            Self::Gemini if film.detail == Detail::Low => FRAME_LOW,
            Self::Gemini => FRAME,
            Self::Gemini3 if !is_close => FRAME_3,
            Self::Gemini3 | Self::Google => FRAME_3_HIGH,
            Self::Shown { .. } => return None,
        };
        let images = |frames: u64| frames.saturating_mul(frame);
        let shown = FileTokens { expected: images(film.frames), most: images(film.frames.saturating_add(1)) };
        Some(shown.plus(self.sound(Sound { length_ms: film.length_ms })?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGES: Pages = Pages { count: 108, text_tokens: Some(0), detail: Detail::Auto };

    #[test]
    fn a_page_of_google_is_one_figure_and_its_text_at_most_another() {
        // 108 × 258.
        assert_eq!(Media::Gemini.pages(&PAGES), Some(FileTokens { expected: 27_864, most: 27_864 }));
        let full = Pages { text_tokens: None, ..PAGES };
        assert_eq!(Media::Gemini.pages(&full), Some(FileTokens { expected: 27_864, most: 55_728 }));
        assert_eq!(Media::Gemini3.pages(&full), Some(FileTokens { expected: 60_480, most: 60_480 }));
        let high = Pages { detail: Detail::High, ..PAGES };
        assert_eq!(Media::Gemini3.pages(&high).map(|held| held.most), Some(108 * 1_120));
        // Which of them it is, nobody has said: the dearer.
        assert_eq!(Media::Google.pages(&full).map(|held| held.most), Some(60_480));
    }

    #[test]
    fn where_text_is_billed_and_not_known_nothing_is_said() {
        let claude = in_family(Family::Anthropic);
        assert_eq!(claude.pages(&Pages { text_tokens: None, ..PAGES }), None);
        // 1,600 + 1,000 × 1.36.
        let one = Pages { count: 1, text_tokens: Some(1_000), ..PAGES };
        assert_eq!(claude.pages(&one), Some(FileTokens { expected: 2_280, most: 2_960 }));
    }

    #[test]
    fn a_film_is_its_images_and_its_sound() {
        let minute = Film { length_ms: 59_500, frames: 60, detail: Detail::Auto };
        // 60 × 263 and 60 × 32; one more of each is held. 15,780 and 1,917 were billed for a minute.
        let held = FileTokens { expected: 15_780 + 1_920, most: 61 * 263 + 61 * 32 };
        assert_eq!(Media::Gemini.film(minute), Some(held));
        assert_eq!(in_family(Family::Other).film(minute), None);
        assert_eq!(in_family(Family::Other).sound(Sound { length_ms: 1 }), None);
    }

    #[test]
    fn no_figure_overflows() {
        let endless = Pages { count: u64::MAX, text_tokens: Some(u64::MAX), detail: Detail::Original };
        for media in [Media::Gemini, Media::Gemini3, Media::Google, in_family(Family::Anthropic)] {
            assert_eq!(media.pages(&endless).map(|held| held.most), Some(u64::MAX));
        }
        let film = Film { length_ms: u64::MAX, frames: u64::MAX, detail: Detail::High };
        assert_eq!(Media::Gemini.film(film).map(|held| held.most), Some(u64::MAX));
    }
}
