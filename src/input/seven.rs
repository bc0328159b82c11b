//! 7z archives, read with `sevenz-rust2`: pure Rust, maintained, Apache-2.0, LZMA and LZMA2 without other features.
//!
//! 7z packs many files into one block that can only be decoded from its beginning, so a block is decoded once into
//! a temporary file and its entries are windows of that. The crate indexes what it reads: a panic of it costs the
//! archive, not the run.

use std::io;

use sevenz_rust2::{Archive, BlockDecoder, Error, Password};

use super::blob::Blob;
use super::checked::{MAX_ARCHIVE, MAX_ENTRIES, MAX_INNER, invalid, is_bomb};
use super::isolated::isolated;
use super::seven_header;

/// Bytes that are read for the directory at most: its packed form, and what describes that.
const MAX_DIRECTORY: u64 = 1 << 20;

/// Largest dictionary of a coder: the "ultra" setting of 7-Zip takes 64 MiB, its largest preset 256 MiB.
const MAX_DICTIONARY: u64 = 512 << 20;

/// One entry of an archive.
pub(super) struct Listed {
    pub name: String,
    pub block: usize,
    pub start: u64,
    pub size: u64,
}

/// Lists the entries of an archive that have content.
pub(super) fn list(blob: &Blob) -> io::Result<Vec<Listed>> {
    let archive = read(blob)?;
    if archive.files.len() > MAX_ENTRIES {
        return Err(invalid(&format!(
            "a 7z archive of {} entries, more than {MAX_ENTRIES}",
            archive.files.len()
        )));
    }
    let mut starts = vec![0_u64; archive.blocks.len()];
    let mut listed = Vec::new();
    for (file, block) in archive.files.iter().zip(&archive.stream_map.file_block_index) {
        let Some((block, start)) = block.and_then(|block| Some((block, starts.get_mut(block)?))) else {
            continue;
        };
        if file.has_stream && !file.is_directory {
            listed.push(Listed { name: file.name.clone(), block, start: *start, size: file.size });
            *start = start.saturating_add(file.size);
        }
    }
    let total = starts.iter().fold(0_u64, |sum, size| sum.saturating_add(*size));
    if total > MAX_ARCHIVE || is_bomb(total / 16, blob.len()) {
        return Err(invalid("a 7z archive that claims to grow beyond reason (a decompression bomb)"));
    }
    Ok(listed)
}

/// Decodes a block: the content of its entries one after the other, and what broke it off.
pub(super) fn unpack(blob: &Blob, block: usize) -> io::Result<(Blob, Option<io::Error>)> {
    let archive = read(blob)?;
    let coders = archive.blocks.get(block).map(|block| block.coders.as_slice()).unwrap_or_default();
    if let Some(size) = coders.iter().filter_map(dictionary).max().filter(|&size| size > MAX_DICTIONARY) {
        return Err(invalid(&format!("a 7z archive that needs {} MiB of memory", size >> 20)));
    }
    let unpacked = caught(|| {
        let mut source = blob.reader();
        let password = Password::empty();
        let decoder = BlockDecoder::new(1, block, &archive, &password, &mut source);
        let mut sink = Sink::new()?;
        let done = decoder
            .for_each_entries(&mut |_, content| sink.take(content).map(|()| true).map_err(Error::from));
        sink.finish(done.err().map(|error| named(&error)))
    })?;
    Ok(unpacked)
}

/// Collects entries in a temporary file.
struct Sink {
    file: std::fs::File,
    len: u64,
}

impl Sink {
    fn new() -> Result<Self, Error> {
        Ok(Self { file: tempfile::tempfile()?, len: 0 })
    }

    fn take(&mut self, content: &mut dyn io::Read) -> io::Result<()> {
        let room = MAX_INNER.saturating_sub(self.len);
        let copied = io::copy(&mut io::Read::take(content, room.saturating_add(1)), &mut self.file);
        self.len = self.file.metadata()?.len();
        if copied? > room {
            return Err(invalid("a block of a 7z archive that is too large to decode"));
        }
        Ok(())
    }

    fn finish(self, fault: Option<io::Error>) -> Result<(Blob, Option<io::Error>), Error> {
        Ok((Blob::whole(self.file)?, fault))
    }
}

fn read(blob: &Blob) -> io::Result<Archive> {
    seven_header::check(blob)?;
    caught(|| Archive::read(&mut blob.reader().with_budget(MAX_DIRECTORY), &Password::empty()))
}

fn caught<T>(work: impl FnOnce() -> Result<T, Error>) -> io::Result<T> {
    isolated(work)
        .map_err(|reason| invalid(&format!("a damaged 7z archive that the decoder gives up on ({reason})")))?
        .map_err(|error| named(&error))
}

fn named(error: &Error) -> io::Error {
    match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => invalid("an encrypted 7z archive"),
        Error::UnsupportedCompressionMethod(method) if method.contains("AES") => {
            invalid("an encrypted 7z archive")
        }
        Error::UnsupportedCompressionMethod(method) => {
            invalid(&format!("a 7z archive packed with {method}, which is not read"))
        }
        Error::Io(error, _) => io::Error::new(error.kind(), format!("a damaged 7z archive: {error}")),
        other => invalid(&format!("a damaged 7z archive: {other}")),
    }
}

/// The dictionary that an LZMA or LZMA2 coder asks for, from its properties (7zFormat.txt, LZMA SDK).
fn dictionary(coder: &sevenz_rust2::Coder) -> Option<u64> {
    match (coder.encoder_method_id(), coder.properties()) {
        ([3, 1, 1], [_, a, b, c, d, ..]) => Some(u64::from(u32::from_le_bytes([*a, *b, *c, *d]))),
        ([0x21], [bits, ..]) => Some(u64::from(2 | (bits & 1)) << (u32::from(*bits).min(40) / 2 + 11)),
        _ => None,
    }
}
