//! Says how large the directory of a 7z archive is, before it is decoded.
//!
//! The directory is compressed itself, and the decoder takes its size on trust. Only the one shape that 7-Zip and
//! others write is known: one coder, or two when the directory is encrypted (7zFormat.txt of the LZMA SDK).

use std::io;

use super::blob::Blob;
use super::checked::invalid;

/// Bytes in front of the packed streams.
const SIGNATURE_HEADER: u64 = 32;

/// Largest directory, packed and unpacked: about ten thousand entries.
const MAX_PACKED: u64 = 256 << 10;
const MAX_UNPACKED: u64 = 1 << 20;

/// Property ids of the format.
const ENCODED_HEADER: u8 = 0x17;
const PACK_INFO: u8 = 0x06;
const UNPACK_INFO: u8 = 0x07;
const SIZE: u8 = 0x09;
const FOLDER: u8 = 0x0b;
const UNPACK_SIZE: u8 = 0x0c;

/// Refuses archives whose directory is too large, encrypted, or of a shape that nobody writes.
pub(super) fn check(blob: &Blob) -> io::Result<()> {
    let mut start = [0; 32];
    if blob.read_at(0, &mut start)? < start.len() {
        return Err(invalid("a damaged 7z archive: it ends in its header"));
    }
    let number = |at: usize| {
        let bytes = start.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        u64::from_le_bytes(bytes.unwrap_or_default())
    };
    let (offset, size) = (number(12), number(20));
    if size == 0 {
        return Err(invalid("a 7z archive that is empty or was never finished"));
    }
    if size > MAX_PACKED {
        return Err(too_large());
    }
    let mut header = vec![0; usize::try_from(size).unwrap_or_default()];
    let read = blob.read_at(SIGNATURE_HEADER.saturating_add(offset), &mut header)?;
    if read < header.len() {
        return Err(invalid("a damaged 7z archive: its directory at the end is missing"));
    }
    match header.split_first() {
        Some((&ENCODED_HEADER, packed)) => match Cursor(packed).unpacked() {
            Some(size) if size <= MAX_UNPACKED => Ok(()),
            Some(_) => Err(too_large()),
            None => Err(invalid("a 7z archive whose directory is encrypted or damaged")),
        },
        _ => Ok(()),
    }
}

fn too_large() -> io::Error {
    invalid("a 7z archive with an unreasonably large directory")
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    /// The size of the directory once it is decoded.
    fn unpacked(mut self) -> Option<u64> {
        self.expect(PACK_INFO)?;
        self.number()?;
        if self.number()? != 1 {
            return None;
        }
        self.expect(SIZE)?;
        self.number()?;
        self.skip_to(UNPACK_INFO)?;
        self.expect(FOLDER)?;
        // One folder, not external, one coder.
        for known in [1, 0, 1] {
            self.expect(known)?;
        }
        let flags = self.byte()?;
        let has_properties = flags & 0x20 != 0;
        if flags & 0x10 != 0 {
            return None;
        }
        self.skip(u64::from(flags & 0x0f))?;
        if has_properties {
            let size = self.number()?;
            self.skip(size)?;
        }
        self.expect(UNPACK_SIZE)?;
        self.number()
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn expect(&mut self, known: u8) -> Option<()> {
        (self.byte()? == known).then_some(())
    }

    fn skip(&mut self, count: u64) -> Option<()> {
        self.0 = self.0.get(usize::try_from(count).ok()?..)?;
        Some(())
    }

    /// Passes over the end mark and a checksum, when one stands in front of it.
    fn skip_to(&mut self, id: u8) -> Option<()> {
        match self.byte()? {
            0 => self.expect(id),
            // Digests: all defined, one CRC-32, end.
            0x0a => {
                self.expect(1)?;
                self.skip(4)?;
                self.expect(0)?;
                self.expect(id)
            }
            _ => None,
        }
    }

    /// A number of 1 to 9 bytes: the leading ones of the first say how many follow.
    fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let mut value = 0;
        for place in 0..more {
            value |= u64::from(self.byte()?) << (8 * place);
        }
        let high = u64::from(first) & (0x7f_u64 >> more.min(7));
        Some(value | high.checked_shl(8 * more).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::Cursor;

    #[test]
    fn numbers_take_one_to_nine_bytes() {
        assert_eq!(Cursor(&[0x7f]).number(), Some(0x7f));
        assert_eq!(Cursor(&[0x81, 0x02]).number(), Some(0x102));
        assert_eq!(Cursor(&[0xc1, 0x02, 0x03]).number(), Some(0x1_0302));
        assert_eq!(Cursor(&[0xff, 1, 0, 0, 0, 0, 0, 0, 1]).number(), Some(0x0100_0000_0000_0001));
        assert_eq!(Cursor(&[0x81]).number(), None);
    }

    #[test]
    fn declared_size_is_found() {
        let header =
            [6, 0, 1, 9, 20, 0, 7, 0x0b, 1, 0, 1, 0x23, 3, 1, 1, 5, 0x5d, 0, 0, 1, 0, 0x0c, 0x81, 0x10, 0];
        assert_eq!(Cursor(&header).unpacked(), Some(0x110));
        assert_eq!(Cursor(&header[..20]).unpacked(), None);
    }
}
