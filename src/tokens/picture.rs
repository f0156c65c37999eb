//! How many tokens is an image of that size?
//!
//! Each provider publishes a rule, and the rules have nothing in common: tiles, patches,
//! area, crops, levels. One variant of [`Pictures`] is one rule. For example, OpenAI's
//! tiles: an image of 2,048 × 4,096 pixels is first scaled into a square of 2,048 (to 1,024
//! × 2,048), then so that its shorter side has 768 (768 × 1,536), and cut into tiles of
//! 512: two by three, 85 + 6 × 170 = 1,105 tokens. All arithmetic saturates, since sizes
//! come from the headers of files that anybody may write.

use crate::values::{Detail, Picture};

/// How a family bills images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pictures {
    /// OpenAI: a base, and so much for each tile of 512 pixels after scaling to 2,048 and
    /// 768.
    Tiles { base: u64, tile: u64 },
    /// OpenAI's smaller models: patches of 32 pixels, at most so many, times so many
    /// hundredths.
    Patches { most: u64, hundredths: u64 },
    /// Anthropic: pixels divided by 750 after the long side was scaled, and at most so many
    /// tokens.
    Area { long: u64, most: u64 },
    /// Gemini 2: 258 tokens for each tile of 768 pixels, and one tile for a small image.
    Crops,
    /// Gemini 3: 280 tokens if looked at coarsely, 1,120 otherwise.
    Levels,
    /// Others: so much for each, whatever its size.
    Flat(u64),
}

/// Patches of an image that OpenAI is asked to look at in its own size.
const PATCHES_ORIGINAL: u64 = 10_000;
/// Google's figure for its highest resolution.
const GOOGLE_ORIGINAL: u64 = 2_240;
/// Alibaba's for an image in high resolution; squares of 28 pixels are a token.
const OTHERS_ORIGINAL: u64 = 16_384;

/// The most that an image in its own size takes of OpenAI's, Google's and others' models,
/// if nobody looks at its size.
pub(super) const ORIGINAL_MOST: [u64; 3] = [PATCHES_ORIGINAL * 12 / 10, GOOGLE_ORIGINAL, OTHERS_ORIGINAL];

impl Pictures {
    /// The tokens of an image of that size; a size of zero in both directions is not known.
    pub(super) fn tokens(self, picture: Picture) -> u64 {
        if picture.width == 0 && picture.height == 0 {
            return self.unsized_tokens(picture.detail);
        }
        let is_original = picture.detail == Detail::Original;
        let (width, height) = (u64::from(picture.width).max(1), u64::from(picture.height).max(1));
        match self {
            Self::Tiles { base, .. } if picture.detail == Detail::Low => base,
            Self::Tiles { base, tile } => {
                let (width, height) = fitted(width, height, 2_048);
                let short = width.min(height);
                let (width, height) = if short > 768 {
                    (scaled(width, 768, short), scaled(height, 768, short))
                } else {
                    (width, height)
                };
                let tiles = width.div_ceil(512).saturating_mul(height.div_ceil(512));
                base.saturating_add(tile.saturating_mul(tiles))
            }
            Self::Patches { most, hundredths } => {
                let most = if is_original { most.max(PATCHES_ORIGINAL) } else { most };
                let patches = width.div_ceil(32).saturating_mul(height.div_ceil(32)).min(most);
                patches.saturating_mul(hundredths).div_ceil(100)
            }
            Self::Area { long, most } => {
                let (width, height) = fitted(width, height, long);
                width.saturating_mul(height).div_ceil(750).min(most)
            }
            Self::Levels if picture.detail == Detail::Low => 280,
            Self::Levels if is_original => GOOGLE_ORIGINAL,
            Self::Crops if width.max(height) <= 384 => 258,
            Self::Crops => {
                let tiles = width.div_ceil(768).saturating_mul(height.div_ceil(768));
                tiles.saturating_mul(258)
            }
            Self::Levels => 1_120,
            Self::Flat(tokens) if is_original => {
                width.saturating_mul(height).div_ceil(28 * 28).clamp(tokens, OTHERS_ORIGINAL.max(tokens))
            }
            Self::Flat(tokens) => tokens,
        }
    }

    /// The tokens of an image of unknown size that is looked at in that way. Not all
    /// families heed each way.
    pub(super) fn unsized_tokens(self, detail: Detail) -> u64 {
        match (self, detail) {
            (Self::Tiles { base, .. }, Detail::Low) => base,
            // Scaled to 512 pixels.
            (Self::Patches { hundredths, .. }, Detail::Low) => hundredths.saturating_mul(256).div_ceil(100),
            (Self::Levels, Detail::Low) => 280,
            (Self::Patches { most, hundredths }, Detail::Original) => {
                most.max(PATCHES_ORIGINAL).saturating_mul(hundredths).div_ceil(100)
            }
            (Self::Levels, Detail::Original) => GOOGLE_ORIGINAL,
            (Self::Flat(tokens), Detail::Original) => tokens.max(OTHERS_ORIGINAL),
            _ => self.most(),
        }
    }

    /// The tokens of the largest ordinary image, for one of unknown size.
    pub(super) fn most(self) -> u64 {
        match self {
            Self::Tiles { base, tile } => base.saturating_add(tile.saturating_mul(8)),
            Self::Patches { most, hundredths } => most.saturating_mul(hundredths).div_ceil(100),
            Self::Area { most, .. } => most,
            // Four tiles are 1,032.
            Self::Crops | Self::Levels => 1_120,
            Self::Flat(tokens) => tokens,
        }
    }
}

/// Both sides scaled so that the longer is at most `most`.
fn fitted(width: u64, height: u64, most: u64) -> (u64, u64) {
    let long = width.max(height);
    if long <= most { (width, height) } else { (scaled(width, most, long), scaled(height, most, long)) }
}

/// A side scaled by `to / from`, at least one pixel.
fn scaled(side: u64, to: u64, from: u64) -> u64 {
    side.saturating_mul(to).checked_div(from).unwrap_or(side).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIGH: fn(u32, u32) -> Picture = |width, height| Picture { width, height, detail: Detail::High };

    #[test]
    fn openai_bills_tiles() {
        let gpt_4o = Pictures::Tiles { base: 85, tile: 170 };
        // 1,024 × 1,024 is scaled to 768 × 768: four tiles.
        assert_eq!(gpt_4o.tokens(HIGH(1_024, 1_024)), 85 + 4 * 170);
        // 2,048 × 4,096 fits 1,024 × 2,048, then 768 × 1,536: two by three tiles.
        assert_eq!(gpt_4o.tokens(HIGH(2_048, 4_096)), 85 + 6 * 170);
        assert_eq!(gpt_4o.tokens(Picture { detail: Detail::Low, ..HIGH(4_096, 4_096) }), 85);
    }

    #[test]
    fn smaller_openai_models_bill_patches() {
        let mini = Pictures::Patches { most: 1_536, hundredths: 162 };
        // 32 × 32 patches, 1,024 × 1.62 rounded up.
        assert_eq!(mini.tokens(HIGH(1_024, 1_024)), 1_659);
        assert_eq!(mini.tokens(HIGH(10_000, 10_000)), 2_489);
    }

    #[test]
    fn anthropic_bills_the_area_and_google_crops() {
        // 1,092 × 1,092 / 750 = 1,589.95.
        let claude = Pictures::Area { long: 1_568, most: 1_600 };
        assert_eq!(claude.tokens(HIGH(1_092, 1_092)), 1_590);
        assert_eq!(claude.tokens(HIGH(8_000, 8_000)), 1_600);
        assert_eq!(Pictures::Crops.tokens(HIGH(384, 384)), 258);
        assert_eq!(Pictures::Crops.tokens(HIGH(1_024, 1_024)), 4 * 258);
    }

    #[test]
    fn no_size_overflows() {
        let area = Pictures::Area { long: 2_576, most: 5_000 };
        for pictures in [area, Pictures::Crops, Pictures::Patches { most: 1_536, hundredths: 246 }] {
            assert!(pictures.tokens(HIGH(u32::MAX, u32::MAX)) > 0);
            assert!(pictures.tokens(HIGH(0, u32::MAX)) > 0);
        }
    }
}
