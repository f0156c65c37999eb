//! Does every part of a usage fit into its whole?
//!
//! Providers report parts that contradict their wholes: a cache read larger than the input, reasoning beyond the output. Such a
//! report is charged all the same, with the parts cut to what can be true, because a call that is not charged at all is
//! the worse mistake.

use super::{Meter, Usage};
use crate::Error;

impl Usage {
    /// Checks that no part is larger than its whole.
    ///
    /// A part of zero contradicts nothing, even if the whole was not reported.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the part.
    #[inline]
    pub fn check(&self) -> Result<(), Error> {
        if !self.has_rare_meters() && self.common_parts_fit() { Ok(()) } else { self.check_all() }
    }

    /// The same check for usages of the six common meters, as nearly all are: three
    /// additions and two comparisons.
    #[inline]
    fn common_parts_fit(&self) -> bool {
        let caches = [Meter::CachedInput, Meter::CacheWrite5m, Meter::CacheWrite1h];
        let cached = caches.into_iter().fold(0, |sum: u64, part| sum.saturating_add(self.part(part)));
        cached <= self.part(Meter::Input) && self.part(Meter::Reasoning) <= self.part(Meter::Output)
    }

    /// The whole check, which names the first part that does not fit.
    fn check_all(&self) -> Result<(), Error> {
        for part in Meter::ALL {
            let (Some(whole), Some(1..)) = (part.whole(), self.count(part)) else { continue };
            if self.count(whole).is_none() {
                let problem = format!("is missing beside its part {part}");
                return Err(Error::invalid(&format!("usage.{whole}"), problem));
            }
        }
        let (clamped, _) = self.reduced();
        for meter in Meter::ALL {
            let (given, fitting) = (self.part(meter), clamped.part(meter));
            if given != fitting {
                let problem = format!("{given} tokens, of which the whole has room for {fitting}");
                return Err(Error::invalid(&format!("usage.{meter}"), problem));
            }
        }
        Ok(())
    }

    /// The same usage with parts cut to their wholes, and whether anything had to be cut.
    ///
    /// A whole that is missing beside its parts becomes their sum. If parts exceed their
    /// whole, cache reads are kept before writes, and the cheaper five-minute write is
    /// cut first.
    ///
    /// # Example: eight read and eight written of ten
    /// ```
    /// use token_budget::Usage;
    ///
    /// let (usage, was_cut) = Usage::of(10, 5).with_cached_input(8).with_cache_write_5m(8).clamped();
    /// assert_eq!((usage.cached_input(), usage.cache_write_5m()), (Some(8), Some(2)));
    /// assert!(was_cut);
    /// ```
    #[must_use]
    pub fn clamped(self) -> (Self, bool) {
        if self.check().is_ok() { (self, false) } else { (self.completed().reduced().0, true) }
    }

    /// With every missing whole as the sum of its parts, the smallest wholes first, so
    /// that audio in a cache makes a cached input, and that an input.
    fn completed(mut self) -> Self {
        for whole in [Meter::CachedInput, Meter::CacheWrite5m, Meter::Input, Meter::Output] {
            let sum = self
                .counts()
                .filter(|(meter, _)| meter.whole() == Some(whole))
                .fold(0, |sum: u64, (_, part)| sum.saturating_add(part));
            if self.count(whole).is_none() && sum > 0 {
                self.set(whole, sum);
            }
        }
        self
    }

    /// With every part cut to the room that is left in its whole; returns also the room
    /// that is left of the input.
    ///
    /// A kind of content may be in a cache as well: of 90 tokens of sound 50 may be
    /// cached. The cached ones stand inside the cached input already, and need no room of
    /// the rest.
    fn reduced(mut self) -> (Self, u64) {
        use Meter::{
            CacheWrite1h, CacheWrite5m, CacheWriteAudio, CachedAudio, CachedImage, CachedInput, CachedVideo,
            Input, InputAudio, InputImage, InputVideo, Output, OutputAudio, OutputImage, OutputVideo,
            Reasoning,
        };
        let mut room = self.part(Input);
        for part in [CachedInput, CacheWrite1h, CacheWrite5m] {
            self.cut(part, 0, &mut room);
        }
        let mut cached = self.part(CachedInput);
        for part in [CachedAudio, CachedImage, CachedVideo] {
            self.cut(part, 0, &mut cached);
        }
        self.cut(CacheWriteAudio, 0, &mut self.part(CacheWrite5m));
        for (part, inside) in [
            (InputAudio, self.part(CachedAudio).saturating_add(self.part(CacheWriteAudio))),
            (InputImage, self.part(CachedImage)),
            (InputVideo, self.part(CachedVideo)),
        ] {
            self.cut(part, inside, &mut room);
        }
        let mut left = self.part(Output);
        for part in [Reasoning, OutputAudio, OutputImage, OutputVideo] {
            self.cut(part, 0, &mut left);
        }
        (self, room)
    }

    /// Cuts a part to the room that is left. The tokens `inside` it have their room
    /// elsewhere and need none.
    fn cut(&mut self, part: Meter, inside: u64, room: &mut u64) {
        let Some(tokens) = self.count(part) else { return };
        let needed = tokens.saturating_sub(inside);
        let taken = needed.min(*room);
        *room = room.saturating_sub(taken);
        if taken < needed {
            self.set(part, inside.saturating_add(taken));
        }
    }
}
