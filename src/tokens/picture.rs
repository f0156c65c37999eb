//! How many tokens is an image of that size?

use crate::message::{Detail, Picture};

/// How a family bills images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pictures {
    /// A base, and so much for each tile of 512 pixels after scaling to 2048 and 768.
    Tiles { base: u64, tile: u64 },
    /// Patches of 32 pixels, at most so many, times so many hundredths.
    Patches { most: u64, hundredths: u64 },
    /// Pixels divided by 750, after scaling the long side, and at most so many tokens.
    Area { long: u64, most: u64 },
    /// 258 tokens for each tile of 768 pixels, one for a small image.
    Crops,
    /// 280 tokens looked at coarsely, 1,120 otherwise.
    Levels,
    /// So much for each, whatever its size.
    Flat(u64),
}

impl Pictures {
    /// Tokens of an image of that size.
    pub(super) fn tokens(self, picture: Picture) -> u64 {
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
                let patches = width.div_ceil(32).saturating_mul(height.div_ceil(32)).min(most);
                patches.saturating_mul(hundredths).div_ceil(100)
            }
            Self::Area { long, most } => {
                let (width, height) = fitted(width, height, long);
                width.saturating_mul(height).div_ceil(750).min(most)
            }
            Self::Levels if picture.detail == Detail::Low => 280,
            Self::Crops if picture.detail == Detail::Low || width.max(height) <= 384 => 258,
            Self::Crops => {
                let tiles = width.div_ceil(768).saturating_mul(height.div_ceil(768));
                tiles.saturating_mul(258)
            }
            Self::Levels => 1_120,
            Self::Flat(tokens) => tokens,
        }
    }

    /// Tokens of the largest ordinary image, where the size is not known.
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
