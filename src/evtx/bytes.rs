//! Numbers out of bytes that nobody vouches for: a read past the end is `None`, never a panic.

/// The little-endian number of two bytes at `at`.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|raw| u16::from_le_bytes(*raw))
}

/// The little-endian number of four bytes at `at`.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|raw| u32::from_le_bytes(*raw))
}

/// The little-endian number of four bytes at `at`, as a length or an offset.
pub(super) fn size_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_at(bytes, at)?).ok()
}

/// The little-endian number of eight bytes at `at`.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|raw| u64::from_le_bytes(*raw))
}

/// A position that only moves forwards, up to an end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'c> {
    bytes: &'c [u8],
    at: usize,
    end: usize,
}

impl<'c> Cursor<'c> {
    /// Reads `bytes` from `at` to `end`; `None` when that is no part of them.
    pub(super) fn new(bytes: &'c [u8], at: usize, end: usize) -> Option<Self> {
        (at <= end && end <= bytes.len()).then_some(Self { bytes, at, end })
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_done(&self) -> bool {
        self.at >= self.end
    }

    /// The byte here, which stays unread.
    pub(super) fn peek(&self) -> Option<u8> {
        if self.is_done() { None } else { self.bytes.get(self.at).copied() }
    }

    /// Passes over `count` bytes and says where they began.
    pub(super) fn skip(&mut self, count: usize) -> Option<usize> {
        let at = self.at;
        let next = at.checked_add(count)?;
        if next > self.end {
            return None;
        }
        self.at = next;
        Some(at)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        let at = self.skip(1)?;
        self.bytes.get(at).copied()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        let at = self.skip(2)?;
        u16_at(self.bytes, at)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        let at = self.skip(4)?;
        u32_at(self.bytes, at)
    }

    pub(super) fn size(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }
}
