//! Numbers that look random and are the same in every run (SplitMix64).

/// A source of numbers that depends on its name only.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn named(name: &str) -> Self {
        Self(
            name.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
                (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            }),
        )
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// A process or thread id: a multiple of four, as Windows has them.
    pub(crate) fn id(&mut self) -> u32 {
        u32::try_from(self.between(120, 2400) * 4).expect("below 9600")
    }

    /// A GUID in braces.
    pub(crate) fn guid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{{{:08x}-{:04x}-{:04x}-{:04x}-{:012x}}}",
            high >> 32,
            (high >> 16) & 0xffff,
            0x4000 | (high & 0x0fff),
            0x8000 | (low >> 50),
            low & 0xffff_ffff_ffff
        )
    }
}
