//! Looks into each candidate: a log becomes a source, an archive is walked, anything else is said what it is.
//!
//! Files that a folder or an archive holds beside its logs are passed over in silence; those that were named, or
//! are called `.evtx`, are not.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::checked::{MAX_ARCHIVE, MAX_DEPTH, is_bomb};
use super::companion::Shelf;
use super::node::{Kept, Node, Part};
use super::paths::{Candidate, ending, expand, may_hold_records, problem};
use super::sniff::{CHUNK_MAGIC, HEAD, Kind, Pack, sniff};
use super::{Format, Found, Options, Problem, Source, seven, zip};

/// Inner archives that are opened for one file.
const MAX_INNER_ARCHIVES: usize = 5_000;

/// Chunks that are tried before a `.evtx` file without any mark is given up: 64 MiB.
const PROBED_CHUNKS: usize = 1024;

/// Longest entry name that is shown whole, in characters.
const MAX_NAME: usize = 300;

/// Finds all logs that the arguments and the options name, by name and each once.
#[must_use]
pub fn find(arguments: &[PathBuf], options: &Options) -> Found {
    let paths = expand(arguments, options);
    let kept = Arc::new(Kept::default());
    let looked: Vec<Look> =
        paths.candidates.par_iter().map(|candidate| Look::into(candidate, options.carve, &kept)).collect();
    let mut found = Found { sources: Vec::new(), problems: paths.problems };
    let mut fruitful: BTreeSet<usize> = BTreeSet::new();
    for (look, candidate) in looked.into_iter().zip(&paths.candidates) {
        if !look.sources.is_empty() || !look.problems.is_empty() {
            fruitful.extend(&candidate.arguments);
        }
        found.sources.extend(look.sources);
        found.problems.extend(look.problems);
    }
    for (_, path) in paths.wide.iter().filter(|(number, _)| !fruitful.contains(number)) {
        found.problems.push(barren(path));
    }
    found.sources.sort_by(|a, b| a.name().cmp(b.name()));
    found.problems.sort();
    found.problems.dedup();
    found
}

fn barren(path: &Path) -> Problem {
    if path.is_dir() {
        let help = "give the folder that holds .evtx files; on the server they are in \
                    C:\\Windows\\System32\\winevt\\Logs";
        problem(path, "a folder without event logs", help, true)
    } else {
        problem(path, "no event log matches this pattern", "check it, or give the folder", true)
    }
}

/// What stands where, on the way into archives.
struct Place {
    node: Arc<Node>,
    /// The name to show.
    name: String,
    /// The name whose ending counts.
    file: PathBuf,
    size: u64,
    depth: usize,
    is_named: bool,
}

/// One candidate and what was found in it.
struct Look {
    carve: bool,
    sources: Vec<Source>,
    problems: Vec<Problem>,
    /// Bytes of the candidate, and what its parts claim to be together.
    packed: u64,
    total: u64,
    archives: usize,
}

impl Look {
    fn into(candidate: &Candidate, carve: bool, kept: &Arc<Kept>) -> Self {
        let mut look =
            Self { carve, sources: Vec::new(), problems: Vec::new(), packed: 0, total: 0, archives: 0 };
        let mut place = Place {
            node: Node::file(&candidate.path, kept),
            name: candidate.path.display().to_string(),
            file: candidate.path.clone(),
            size: candidate.path.metadata().map_or(0, |found| found.len()),
            depth: 0,
            is_named: candidate.is_named,
        };
        if candidate.is_pipe {
            match Node::pipe(&candidate.path, kept) {
                Ok((node, size)) => (place.node, place.size) = (node, size),
                Err(error) => {
                    look.unreadable(&place, &error);
                    return look;
                }
            }
        }
        look.packed = place.size;
        look.visit(&place);
        if place.is_named && look.sources.is_empty() && look.problems.is_empty() {
            look.refuse(
                &place,
                "an archive without event logs",
                "give the archive or folder that holds .evtx files",
            );
        }
        look
    }

    fn visit(&mut self, place: &Place) {
        let (kind, is_empty) = match kind_of(&place.node) {
            Ok(known) => known,
            Err(error) => return self.unreadable(place, &error),
        };
        match kind {
            Kind::Log(format) => self.accept(place, format),
            Kind::Archive(pack) => self.archive(place, pack),
            Kind::Unknown | Kind::Other(..) if self.carve && !is_empty => self.accept(place, Format::Evtx),
            Kind::Unknown | Kind::Other(..) if Self::matters(place) && has_chunk(&place.node) => {
                self.accept(place, Format::Evtx)
            }
            Kind::Unknown if Self::matters(place) => self.refuse(
                place,
                "no event log: neither a file header nor a chunk stands where one should",
                "export the log again, or search the file for records with --carve",
            ),
            Kind::Other(what, help) if Self::matters(place) => self.refuse(place, what, help),
            Kind::Unknown | Kind::Other(..) => {}
        }
    }

    /// True when it must be said what this is.
    fn matters(place: &Place) -> bool {
        place.is_named || ending(&place.file).as_deref() == Some("evtx")
    }

    fn accept(&mut self, place: &Place, format: Format) {
        let name = Arc::from(place.name.as_str());
        self.sources.push(Source::new(name, Arc::clone(&place.node), place.size, format));
    }

    fn refuse(&mut self, place: &Place, what: &str, help: &str) {
        self.problems.push(problem(Path::new(&place.name), what, help, place.is_named));
    }

    fn note(&mut self, place: &Place, what: &str, help: &str) {
        self.refuse(place, what, help);
        if let Some(last) = self.problems.last_mut() {
            last.is_read = true;
        }
    }

    fn unreadable(&mut self, place: &Place, error: &io::Error) {
        let help = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "copy the log to a place that you may read, or run with more rights"
            }
            _ if place.depth > 0 => "get the archive again, or unpack it and give the folder",
            _ => "copy it to a local disk and try again",
        };
        let what = match error.kind() {
            io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => format!("cannot be read: {error}"),
        };
        self.problems.push(problem(Path::new(&place.name), &what, help, true));
    }

    fn archive(&mut self, place: &Place, pack: Pack) {
        if place.depth >= MAX_DEPTH {
            return self.refuse(
                place,
                "an archive in too many archives",
                "unpack the outer ones and give the folder",
            );
        }
        self.archives += 1;
        if self.archives > MAX_INNER_ARCHIVES {
            return self.refuse(
                place,
                "one of too many inner archives",
                "unpack the outer archive and give the folder",
            );
        }
        if ending(&place.file).as_deref() == Some("evtx") {
            let (what, plain) = match pack {
                Pack::Zip => ("a zip archive that is called .evtx", "rename it to .zip"),
                Pack::Gzip => ("a gzip archive that is called .evtx", "rename it to .gz"),
                Pack::SevenZip => ("a 7z archive that is called .evtx", "rename it to .7z"),
            };
            self.note(place, &format!("{what}; it is read as such"), plain);
        }
        let mut shelf = Shelf::default();
        let walked = match pack {
            Pack::Gzip => {
                self.gzip(place);
                Ok(())
            }
            Pack::Zip => self.zip(place, &mut shelf),
            Pack::SevenZip => self.seven(place, &mut shelf),
        };
        shelf.hand_out(&mut self.sources);
        if let Err(error) = walked {
            let what = error.to_string();
            self.refuse(place, &what, "get the archive again, or unpack it and give the folder");
        }
    }

    fn gzip(&mut self, place: &Place) {
        let inner = Place {
            node: place.node.part(Part::Gzip),
            name: place.name.clone(),
            file: if ending(&place.file).as_deref() == Some("gz") {
                place.file.with_extension("")
            } else {
                place.file.clone()
            },
            size: declared_size(&place.node).unwrap_or_default(),
            depth: place.depth + 1,
            is_named: place.is_named,
        };
        self.visit(&inner);
    }

    fn zip(&mut self, place: &Place, shelf: &mut Shelf) -> io::Result<()> {
        let mut names = BTreeSet::new();
        for listed in zip::list(&place.node.blob()?)? {
            if !is_of_use(&listed.name) {
                continue;
            }
            let size = listed.entry.size;
            let inner = self.inner(place, &listed.name, place.node.part(Part::Zip(listed.entry)), size);
            if !names.insert(inner.name.clone()) {
                self.note(&inner, "several entries have this name; all are read", "pack the archive again");
            }
            if let Some((what, help)) = listed.refusal {
                self.refuse(&inner, what, help);
                continue;
            }
            self.entry(&inner, &listed.name, shelf)?;
        }
        Ok(())
    }

    fn seven(&mut self, place: &Place, shelf: &mut Shelf) -> io::Result<()> {
        let mut blocks: BTreeMap<usize, Arc<Node>> = BTreeMap::new();
        for listed in seven::list(&place.node.blob()?)? {
            if !is_of_use(&listed.name) {
                continue;
            }
            let block =
                blocks.entry(listed.block).or_insert_with(|| place.node.part(Part::Block(listed.block)));
            let window = block.part(Part::Window { start: listed.start, len: listed.size });
            let inner = self.inner(place, &listed.name, window, listed.size);
            self.entry(&inner, &listed.name, shelf)?;
        }
        Ok(())
    }

    /// Takes what an archive holds under this path.
    fn entry(&mut self, inner: &Place, path: &str, shelf: &mut Shelf) -> io::Result<()> {
        self.afford(inner)?;
        if Shelf::is_companion(path) {
            shelf.put(path, &inner.name, Arc::clone(&inner.node));
        } else {
            let before = self.sources.len();
            self.visit(inner);
            shelf.note(path, before..self.sources.len());
        }
        Ok(())
    }

    fn inner(&mut self, place: &Place, name: &str, node: Arc<Node>, size: u64) -> Place {
        let shown = shown(name);
        let inner = Place {
            node,
            name: format!("{}!{shown}", place.name),
            file: PathBuf::from(name),
            size,
            depth: place.depth + 1,
            is_named: false,
        };
        if shown.chars().count() != name.chars().count() || shown.contains('\u{fffd}') {
            self.note(
                &inner,
                "an entry with an absurd name; it is read and shown with a shorter one",
                "check where the archive comes from",
            );
        }
        inner
    }

    /// Counts what an entry claims to be; an error when the whole file would grow beyond reason.
    fn afford(&mut self, place: &Place) -> io::Result<()> {
        self.total = self.total.saturating_add(place.size);
        if self.total > MAX_ARCHIVE || is_bomb_in_all(self.total, self.packed) {
            return Err(io::Error::other(
                "an archive that claims to grow beyond reason (a decompression bomb); the rest of it is not read",
            ));
        }
        Ok(())
    }
}

/// Whether an entry of an archive may be a log, an archive, or belong to a log.
fn is_of_use(path: &str) -> bool {
    may_hold_records(Path::new(path)) || Shelf::is_companion(path)
}

/// Like [`is_bomb`], without a limit on the size of one entry, and with room for 7z's larger ratios.
fn is_bomb_in_all(total: u64, packed: u64) -> bool {
    is_bomb(total.min(super::checked::MAX_ENTRY), packed.saturating_mul(4))
}

/// The name of an entry as it can be shown: slashes, no control characters, of bounded length.
fn shown(name: &str) -> String {
    let clean = |c: char| match c {
        '\\' => '/',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    let count = name.chars().count();
    if count <= MAX_NAME {
        return name.chars().map(clean).collect();
    }
    let half = MAX_NAME / 2;
    let begin = name.chars().take(half).map(clean);
    begin.chain(['…']).chain(name.chars().skip(count - half).map(clean)).collect()
}

/// What a node's first bytes are; a log that breaks off early is still told by them.
fn kind_of(node: &Node) -> io::Result<(Kind, bool)> {
    let mut head = Vec::with_capacity(HEAD);
    let read = node.stream()?.take(HEAD as u64).read_to_end(&mut head);
    let kind = sniff(&head);
    match (kind, read) {
        (Kind::Other(..) | Kind::Unknown, Err(error)) => Err(error),
        _ => Ok((kind, head.is_empty())),
    }
}

/// True when a chunk stands where one should, though the file header is gone.
fn has_chunk(node: &Node) -> bool {
    let Ok(mut stream) = node.stream() else { return false };
    let mut skip: u64 = 4096;
    for _ in 0..PROBED_CHUNKS {
        let mut mark = Vec::new();
        let skipped = io::copy(&mut (&mut stream).take(skip), &mut io::sink());
        let read = (&mut stream).take(CHUNK_MAGIC.len() as u64).read_to_end(&mut mark);
        match (skipped, read) {
            (Ok(_), Ok(_)) if mark == CHUNK_MAGIC => return true,
            (Ok(skipped), Ok(_)) if skipped == skip && mark.len() == CHUNK_MAGIC.len() => {}
            _ => return false,
        }
        skip = 65_536 - CHUNK_MAGIC.len() as u64;
    }
    false
}

/// The size that gzip's last four bytes declare, modulo 4 GiB (RFC 1952, ISIZE).
fn declared_size(node: &Node) -> io::Result<u64> {
    if node.path().is_none() {
        return Ok(0);
    }
    let blob = node.blob()?;
    let mut tail = [0; 4];
    blob.read_at(blob.len().saturating_sub(4), &mut tail)?;
    Ok(u64::from(u32::from_le_bytes(tail)))
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn entry_names_are_shown_harmlessly() {
        assert_eq!(shown("a\\b\u{1b}[31m.evtx"), "a/b\u{fffd}[31m.evtx");
        let long = shown(&format!("{}.evtx", "x".repeat(100_000)));
        assert!(long.chars().count() < 400 && long.ends_with("x.evtx") && long.contains('…'));
    }
}
