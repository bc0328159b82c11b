//! A window of a file that many readers can share: each read names its position.
//!
//! Archives need to jump about, several entries of one archive are read at the same time, and an inner archive
//! that is stored uncompressed is just a smaller window. An inner archive that is compressed is decoded once into
//! an anonymous temporary file, because zip keeps its directory at its end.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

/// Bytes copied at once when spooling.
const BLOCK: usize = 256 * 1024;

/// A window of a file.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    file: Arc<File>,
    start: u64,
    len: u64,
}

impl Blob {
    /// The whole of a file on disk.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::whole(File::open(path)?)
    }

    /// The whole of an open file.
    pub(super) fn whole(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), start: 0, len })
    }

    /// Copies a stream of at most `limit` bytes into an anonymous temporary file.
    ///
    /// A stream that breaks off leaves what came before, and its error beside it.
    pub(super) fn spool(mut stream: impl Read, limit: u64) -> io::Result<(Self, Option<io::Error>)> {
        let mut file = tempfile::tempfile()?;
        let mut block = vec![0; BLOCK];
        let mut len: u64 = 0;
        let mut fault = None;
        loop {
            let read = match stream.read(&mut block) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            };
            len += u64::try_from(read).unwrap_or(u64::MAX);
            if len > limit {
                return Err(io::Error::other(format!(
                    "more than {} GiB to copy into a temporary file",
                    limit >> 30
                )));
            }
            file.write_all(block.get(..read).unwrap_or_default())?;
        }
        Ok((Self { file: Arc::new(file), start: 0, len }, fault))
    }

    /// Bytes in the window.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// A window inside this one; it ends where this one ends.
    pub(super) fn window(&self, start: u64, len: u64) -> Self {
        let start = start.min(self.len);
        Self {
            file: Arc::clone(&self.file),
            start: self.start.saturating_add(start),
            len: len.min(self.len - start),
        }
    }

    /// Reads up to a whole buffer from `offset`; fewer bytes only at the end of the window.
    pub(super) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..room).filter(|rest| !rest.is_empty()) {
            let at = self.start + offset + u64::try_from(done).unwrap_or(u64::MAX);
            match read_once(&self.file, rest, at) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// A reader from the beginning of the window.
    pub(super) fn reader(&self) -> BlobReader {
        BlobReader { blob: self.clone(), position: 0, budget: u64::MAX }
    }
}

#[cfg(unix)]
fn read_once(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_once(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// Reads a [`Blob`] in order, and jumps.
#[derive(Debug, Clone)]
pub(super) struct BlobReader {
    blob: Blob,
    position: u64,
    budget: u64,
}

impl BlobReader {
    /// Refuses to read more than `budget` bytes in all, wherever they stand.
    pub(super) fn with_budget(mut self, budget: u64) -> Self {
        self.budget = budget;
        self
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.blob.read_at(self.position, buffer)?;
        let count = u64::try_from(read).unwrap_or(u64::MAX);
        self.budget = self
            .budget
            .checked_sub(count)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "an unreasonably large directory"))?;
        self.position += count;
        Ok(read)
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(delta) => self.blob.len.checked_add_signed(delta),
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
        };
        self.position = target
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a position before the beginning"))?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, SeekFrom};

    use super::Blob;

    #[test]
    fn window_ends_where_its_file_ends() {
        let (blob, fault) = Blob::spool(&b"0123456789"[..], 10).expect("a temporary file");
        assert!(fault.is_none());
        let window = blob.window(4, 100).window(1, 3);
        let mut text = String::new();
        window.reader().read_to_string(&mut text).expect("readable");
        assert_eq!(text, "567");
        let mut reader = blob.reader();
        reader.seek(SeekFrom::End(-2)).expect("inside");
        text.clear();
        reader.read_to_string(&mut text).expect("readable");
        assert_eq!(text, "89");
        assert!(reader.seek(SeekFrom::Current(-11)).is_err());
    }

    #[test]
    fn spool_and_budget_are_limits() {
        assert!(Blob::spool(&[0; 11][..], 10).is_err());
        let (blob, _) = Blob::spool(&[0; 10][..], 10).expect("a temporary file");
        assert!(blob.reader().with_budget(9).read_to_end(&mut Vec::new()).is_err());
    }
}
