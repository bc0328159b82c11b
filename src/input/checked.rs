//! A decoder's output, held against what its archive promises and against limits that a bomb would break.

use std::io::{self, Read};

/// Largest entry that is read; real logs stay far below.
pub(super) const MAX_ENTRY: u64 = 32 << 30;

/// Largest inner archive that is copied to a temporary file.
pub(super) const MAX_INNER: u64 = 8 << 30;

/// Sum of the sizes that one archive may declare.
pub(super) const MAX_ARCHIVE: u64 = 256 << 30;

/// Most entries of one archive; a support bundle has some hundred.
pub(super) const MAX_ENTRIES: usize = 200_000;

/// Archives inside of archives that are followed.
pub(super) const MAX_DEPTH: usize = 4;

/// Up to this size any ratio is fine: zero-filled logs shrink a thousandfold.
const RATIO_FREE: u64 = 64 << 20;

/// Largest ratio beyond it; real logs shrink ten- to sixtyfold.
const MAX_RATIO: u64 = 400;

/// True when so many bytes cannot honestly come from so few.
pub(super) fn is_bomb(size: u64, packed: u64) -> bool {
    size > MAX_ENTRY || (size > RATIO_FREE && size / MAX_RATIO > packed)
}

/// What an archive promises of an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Promise {
    /// Bytes that the entry takes in its archive.
    pub packed: u64,
    /// Bytes and CRC-32 of the entry's content, when the archive says so.
    pub content: Option<(u64, u32)>,
}

/// Passes bytes on while they keep the promise.
pub(super) struct Checked<R> {
    inner: R,
    promise: Promise,
    done: u64,
    crc: crc32fast::Hasher,
}

impl<R: Read> Checked<R> {
    pub(super) fn new(inner: R, promise: Promise) -> Self {
        Self { inner, promise, done: 0, crc: crc32fast::Hasher::new() }
    }

    fn end(&self) -> io::Result<()> {
        let Some((size, crc)) = self.promise.content else { return Ok(()) };
        if self.done < size {
            let what = format!("the entry ends after {} of {size} bytes", self.done);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
        }
        if self.crc.clone().finalize() != crc {
            return Err(invalid("the entry's content does not fit its checksum"));
        }
        Ok(())
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.inner.read(buffer).map_err(|error| {
            let what = format!("broken compressed data after {} bytes: {error}", self.done);
            io::Error::new(error.kind(), what)
        })?;
        if read == 0 {
            return self.end().map(|()| 0);
        }
        self.done += u64::try_from(read).unwrap_or(u64::MAX);
        self.crc.update(buffer.get(..read).unwrap_or_default());
        match self.promise.content {
            Some((size, _)) if self.done > size => {
                Err(invalid(&format!("the entry is longer than the {size} bytes that its archive declares")))
            }
            None if is_bomb(self.done, self.promise.packed) => Err(invalid(&format!(
                "{} bytes grow to more than {}: a decompression bomb",
                self.promise.packed, self.done
            ))),
            _ => Ok(read),
        }
    }
}

/// An error for content that breaks the rules of its format.
pub(super) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::{Checked, Promise, RATIO_FREE, is_bomb};

    fn read(content: Option<(u64, u32)>) -> String {
        let mut text = String::new();
        match Checked::new(&b"abc"[..], Promise { packed: 3, content }).read_to_string(&mut text) {
            Ok(_) => text,
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn broken_promises_are_named() {
        let crc = crc32fast::hash(b"abc");
        assert_eq!(read(None), "abc");
        assert_eq!(read(Some((3, crc))), "abc");
        assert_eq!(read(Some((4, crc))), "the entry ends after 3 of 4 bytes");
        assert!(read(Some((2, crc))).contains("longer than the 2 bytes"));
        assert!(read(Some((3, 1))).contains("checksum"));
    }

    #[test]
    fn endless_zeros_end_as_a_bomb() {
        let checked = Checked::new(io::repeat(0), Promise { packed: 1000, content: None });
        let (mut stream, mut buffer, mut total) = (checked, vec![0; 1 << 20], 0_usize);
        let error = loop {
            match stream.read(&mut buffer) {
                Ok(read) => total += read,
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("bomb"));
        assert!(u64::try_from(total).expect("small") <= RATIO_FREE);
        assert!(!is_bomb(RATIO_FREE * 4, RATIO_FREE / 10));
    }
}
