//! Zip archives: the directory as a list of entries, and each entry as a stream of its own.
//!
//! The crate `zip` reads the directory lazily, so memory stays bounded whatever an archive claims. Entries are decoded here,
//! because a stream must own its file to be read beside others; only what Windows and zip tools write by default
//! is decoded (stored, Deflate, and Deflate64, which Explorer uses for entries of more than 2 GiB).

use std::io::{self, BufReader, Read};

use ::zip::CompressionMethod;
use ::zip::read::Config;
use ::zip::unstable::read::ZipIterable;

use super::blob::Blob;
use super::checked::{Checked, MAX_ENTRIES, Promise, invalid};

/// Bytes of the directory that are read at most.
const MAX_DIRECTORY: u64 = 64 << 20;

/// Signature and size of a local file header (APPNOTE.TXT 4.3.7).
const LOCAL_MAGIC: &[u8] = b"PK\x03\x04";
const LOCAL_SIZE: usize = 30;

/// One entry of an archive.
#[derive(Debug, Clone)]
pub(super) struct ZipEntry {
    header: u64,
    packed: u64,
    /// Bytes of the content, as the directory declares it.
    pub size: u64,
    crc: u32,
    method: CompressionMethod,
}

/// One entry's name, and why it cannot be read, if so.
pub(super) struct Listed {
    pub name: String,
    pub entry: ZipEntry,
    pub refusal: Option<(&'static str, &'static str)>,
}

/// Lists the entries of an archive, without folders.
pub(super) fn list(blob: &Blob) -> io::Result<Vec<Listed>> {
    let reader = blob.reader().with_budget(MAX_DIRECTORY);
    let broken = |error: ::zip::result::ZipError| invalid(&format!("a damaged zip archive: {error}"));
    let mut archive = ZipIterable::try_new(reader, Config::default()).map_err(broken)?;
    if archive.len() > MAX_ENTRIES {
        return Err(invalid(&format!("a zip archive of {} entries, more than {MAX_ENTRIES}", archive.len())));
    }
    let mut entries = Vec::new();
    for file in archive.files().map_err(broken)? {
        let file = file.map_err(broken)?;
        if file.is_dir() {
            continue;
        }
        let name = file.name().map_or_else(
            |_| String::from_utf8_lossy(file.name_raw()).into_owned(),
            std::borrow::Cow::into_owned,
        );
        let entry = ZipEntry {
            header: file.header_start(),
            packed: file.compressed_size(),
            size: file.size(),
            crc: file.crc32(),
            method: file.compression(),
        };
        let refusal = refusal(&entry, file.encrypted());
        entries.push(Listed { name, entry, refusal });
    }
    Ok(entries)
}

fn refusal(entry: &ZipEntry, is_encrypted: bool) -> Option<(&'static str, &'static str)> {
    if is_encrypted {
        return Some(("an encrypted entry", "unpack the archive with its password and give the folder"));
    }
    if super::checked::is_bomb(entry.size, entry.packed) {
        return Some((
            "an entry that claims to grow beyond reason (a decompression bomb)",
            "if you trust it, unpack it and give the folder",
        ));
    }
    let known = [CompressionMethod::Stored, CompressionMethod::DEFLATE, CompressionMethod::DEFLATE64];
    (!known.contains(&entry.method)).then_some((
        "an entry packed with a method that is not read",
        "pack it again with Deflate, the default of zip tools, or unpack it and give the folder",
    ))
}

impl ZipEntry {
    /// True when the content stands in the archive as it is.
    pub(super) fn is_stored(&self) -> bool {
        self.method == CompressionMethod::Stored
    }
}

/// The bytes that an entry takes in its archive.
pub(super) fn window(blob: &Blob, entry: &ZipEntry) -> io::Result<Blob> {
    let mut header = [0; LOCAL_SIZE];
    let read = blob.read_at(entry.header, &mut header)?;
    if read < LOCAL_SIZE || !header.starts_with(LOCAL_MAGIC) {
        return Err(invalid("a damaged zip archive: an entry is not where the directory says"));
    }
    let [.., name_low, name_high, extra_low, extra_high] = header;
    let skip = u64::from(u16::from_le_bytes([name_low, name_high]))
        + u64::from(u16::from_le_bytes([extra_low, extra_high]))
        + 30;
    Ok(blob.window(entry.header.saturating_add(skip), entry.packed))
}

/// The content of an entry.
pub(super) fn open(blob: &Blob, entry: &ZipEntry) -> io::Result<Box<dyn Read + Send>> {
    let packed = BufReader::with_capacity(1 << 16, window(blob, entry)?.reader());
    let promise = Promise { packed: entry.packed, content: Some((entry.size, entry.crc)) };
    Ok(match entry.method {
        CompressionMethod::Stored => Box::new(Checked::new(packed, promise)),
        CompressionMethod::DEFLATE => {
            Box::new(Checked::new(flate2::bufread::DeflateDecoder::new(packed), promise))
        }
        _ => Box::new(Checked::new(deflate64::Deflate64Decoder::with_buffer(packed), promise)),
    })
}
