//! Where bytes come from: a file, or a part of another node, to any depth that the walk allowed.
//!
//! A node holds no open file, so thousands of entries cost nothing until they are opened; each opening is
//! independent of others and may run beside them. What had to be decoded into a temporary file (an inner archive, a
//! block of a 7z archive) is kept for the few nodes that were used last, since entries are read in order of names.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flate2::read::MultiGzDecoder;

use super::blob::Blob;
use super::checked::{Checked, MAX_INNER, Promise};
use super::seven;
use super::zip::{self, ZipEntry};

/// Decoded inner archives that are kept, and the bytes they may take on disk together.
const KEPT: usize = 16;
const KEPT_BYTES: u64 = 16 << 30;

/// A place that bytes can be read from.
#[derive(Debug)]
pub(super) struct Node {
    origin: Origin,
    kept: Arc<Kept>,
    /// Held while this node is decoded, so that it is decoded once.
    decoding: Mutex<()>,
}

#[derive(Debug)]
enum Origin {
    File(PathBuf),
    /// What a pipe gave.
    Held(Blob),
    Part(Arc<Node>, Part),
}

/// How a part is found in its holder.
#[derive(Debug)]
pub(super) enum Part {
    Gzip,
    Zip(ZipEntry),
    /// A block of a 7z archive, as the content of its entries one after the other.
    Block(usize),
    /// A piece of a decoded block.
    Window {
        start: u64,
        len: u64,
    },
}

/// Decoded bytes, and what broke them off.
#[derive(Debug)]
struct Spool {
    blob: Blob,
    fault: Option<io::Error>,
}

/// The spools that were used last.
#[derive(Debug, Default)]
pub(super) struct Kept {
    spools: Mutex<VecDeque<(usize, Arc<Spool>)>>,
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(usize, Arc<Spool>)>> {
        self.spools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, id: usize) -> Option<Arc<Spool>> {
        let mut spools = self.lock();
        let place = spools.iter().position(|(own, _)| *own == id)?;
        let entry = spools.remove(place)?;
        let spool = Arc::clone(&entry.1);
        spools.push_back(entry);
        Some(spool)
    }

    fn put(&self, id: usize, spool: &Arc<Spool>) {
        let mut spools = self.lock();
        spools.push_back((id, Arc::clone(spool)));
        let mut bytes: u64 = spools.iter().map(|(_, spool)| spool.blob.len()).sum();
        while spools.len() > KEPT || (bytes > KEPT_BYTES && spools.len() > 1) {
            if let Some((_, gone)) = spools.pop_front() {
                bytes -= gone.blob.len();
            }
        }
    }

    fn forget(&self, id: usize) {
        self.lock().retain(|(own, _)| *own != id);
    }
}

impl Drop for Node {
    /// The address of a node is its name among the kept spools, so it must not outlive the node.
    fn drop(&mut self) {
        let id = self.id();
        self.kept.forget(id);
    }
}

impl Node {
    /// A file on disk.
    pub(super) fn file(path: &Path, kept: &Arc<Kept>) -> Arc<Self> {
        Self::new(Origin::File(path.to_owned()), kept)
    }

    /// Another file on disk, read as this one is.
    pub(super) fn file_beside(&self, path: &Path) -> Arc<Self> {
        Self::file(path, &self.kept)
    }

    /// What a pipe gives, or standard input for `-`: copied into a temporary file, since logs are read out of order.
    pub(super) fn pipe(path: &Path, kept: &Arc<Kept>) -> io::Result<(Arc<Self>, u64)> {
        let stream: Box<dyn Read> =
            if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
        match Blob::spool(stream, MAX_INNER)? {
            (blob, None) => {
                let size = blob.len();
                Ok((Self::new(Origin::Held(blob), kept), size))
            }
            (_, Some(error)) => Err(error),
        }
    }

    /// A part of this node.
    pub(super) fn part(self: &Arc<Self>, part: Part) -> Arc<Self> {
        Self::new(Origin::Part(Arc::clone(self), part), &self.kept)
    }

    fn new(origin: Origin, kept: &Arc<Kept>) -> Arc<Self> {
        Arc::new(Self { origin, kept: Arc::clone(kept), decoding: Mutex::new(()) })
    }

    fn id(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The file on disk, when this is one.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File(path) => Some(path),
            Origin::Held(_) | Origin::Part(..) => None,
        }
    }

    /// The bytes in order.
    pub(super) fn stream(&self) -> io::Result<Box<dyn Read + Send>> {
        match &self.origin {
            Origin::File(path) => Ok(Box::new(File::open(path)?)),
            Origin::Held(blob) => Ok(Box::new(blob.reader())),
            Origin::Part(holder, Part::Gzip) => {
                let packed = holder.packed_len()?;
                let decoder = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, holder.stream()?));
                Ok(Box::new(Checked::new(decoder, Promise { packed, content: None })))
            }
            Origin::Part(holder, Part::Zip(entry)) => zip::open(&holder.blob()?, entry),
            Origin::Part(_, Part::Block(_)) => Ok(Box::new(self.blob()?.reader())),
            Origin::Part(holder, Part::Window { start, len }) => {
                let spool = holder.spool()?;
                let window = spool.blob.window(*start, *len);
                let fault = (window.len() < *len).then(|| spool.fault.as_ref().map(ToString::to_string));
                Ok(Box::new(window.reader().chain(BreakOff(fault.map(Option::unwrap_or_default)))))
            }
        }
    }

    /// The bytes at any position.
    pub(super) fn blob(&self) -> io::Result<Blob> {
        match &self.origin {
            Origin::File(path) => Blob::open(path),
            Origin::Held(blob) => Ok(blob.clone()),
            Origin::Part(holder, Part::Zip(entry)) if entry.is_stored() => {
                zip::window(&holder.blob()?, entry)
            }
            Origin::Part(holder, Part::Window { start, len }) => {
                Ok(holder.spool()?.blob.window(*start, *len))
            }
            Origin::Part(..) => Ok(self.spool()?.blob.clone()),
        }
    }

    /// Bytes that a packed stream takes: what is cheap to know without decoding it.
    fn packed_len(&self) -> io::Result<u64> {
        match &self.origin {
            Origin::Part(_, Part::Zip(entry)) => Ok(entry.size),
            Origin::Part(_, Part::Window { len, .. }) => Ok(*len),
            _ => Ok(self.blob()?.len()),
        }
    }

    /// The bytes decoded into a temporary file, kept for a while.
    fn spool(&self) -> io::Result<Arc<Spool>> {
        let _alone = self.decoding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(spool) = self.kept.get(self.id()) {
            return Ok(spool);
        }
        let spool = match &self.origin {
            Origin::Part(holder, Part::Block(index)) => {
                let blob = holder.blob()?;
                let (blob, fault) = seven::unpack(&blob, *index)?;
                Spool { blob, fault }
            }
            _ => match Blob::spool(self.stream()?, MAX_INNER)? {
                (blob, None) => Spool { blob, fault: None },
                (_, Some(fault)) => return Err(fault),
            },
        };
        let spool = Arc::new(spool);
        self.kept.put(self.id(), &spool);
        Ok(spool)
    }
}

/// Ends a stream with the error that broke it off, if any.
struct BreakOff(Option<String>);

impl Read for BreakOff {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            None => Ok(0),
            Some(fault) => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("the archive breaks off here: {fault}"),
            )),
        }
    }
}
