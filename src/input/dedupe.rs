//! The same content counts once, whatever it is called and however it is packed.
//!
//! Sources are compared by size first, then by their first bytes, and only what still looks alike is read to the
//! end: files side by side, block by block; entries of archives one after the other for their hashes. The first 8 KiB of two logs differ almost always (numbers and checksums of the first records stand there),
//! so a run over thousands of logs that all have the default maximum size reads little more than their heads.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::Source;

/// Bytes compared before whole contents are: the file header and the first chunk header with its checksums.
const HEAD: u64 = 8 << 10;

/// Most files that are compared side by side, and bytes of each that are compared at once.
const MAX_OPEN: usize = 16;
const BLOCK: usize = 256 << 10;

/// What two sources of the same content share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ContentKey {
    /// Bytes of content.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
}

/// A source whose content was found before.
#[derive(Debug, Clone)]
pub struct Duplicate {
    /// Name of the source that is left out.
    pub name: Arc<str>,
    /// Name of the source that stays.
    pub same_as: Arc<str>,
}

/// Reads a source to its end and says what its content is.
///
/// # Errors
///
/// When the source cannot be opened or breaks off.
pub fn content_key(source: &Source) -> io::Result<ContentKey> {
    hash(source, u64::MAX)
}

/// Leaves the first source of each content, in the given order; sources that cannot be read all stay.
#[must_use]
pub fn dedupe(sources: Vec<Source>) -> (Vec<Source>, Vec<Duplicate>) {
    let all: Vec<usize> = (0..sources.len()).collect();
    let sizes = groups(&all, |index| sources.get(index).map(Source::size));
    let heads = refine(&sources, sizes, HEAD);
    let is_on_disk = |index: &usize| sources.get(*index).is_some_and(|source| source.path().is_some());
    let (on_disk, others): (Vec<_>, Vec<_>) =
        heads.into_iter().partition(|group| group.iter().all(is_on_disk));
    let mut contents = refine(&sources, others, u64::MAX);
    contents.par_extend(on_disk.into_par_iter().flat_map_iter(|group| alike(&sources, group)));
    let mut first: BTreeMap<usize, usize> = BTreeMap::new();
    for group in contents {
        if let Some((&kept, rest)) = group.split_first() {
            first.extend(rest.iter().map(|&index| (index, kept)));
        }
    }
    let names: Vec<Arc<str>> = sources.iter().map(|source| Arc::clone(source.name())).collect();
    let mut kept = Vec::with_capacity(sources.len());
    let mut duplicates = Vec::new();
    for (index, source) in sources.into_iter().enumerate() {
        match first.get(&index).and_then(|&same| names.get(same)) {
            None => kept.push(source),
            Some(same_as) => {
                duplicates.push(Duplicate { name: Arc::clone(source.name()), same_as: Arc::clone(same_as) });
            }
        }
    }
    (kept, duplicates)
}

/// Splits groups by the hash of their members' first bytes; members that cannot be read fall out.
fn refine(sources: &[Source], candidates: Vec<Vec<usize>>, limit: u64) -> Vec<Vec<usize>> {
    let work: Vec<usize> = candidates.iter().flatten().copied().collect();
    let keys: BTreeMap<usize, ContentKey> = work
        .into_par_iter()
        .filter_map(|index| Some((index, hash(sources.get(index)?, limit).ok()?)))
        .collect();
    candidates.iter().flat_map(|group| groups(group, |index| keys.get(&index).copied())).collect()
}

/// Splits a group of any size by its members' contents.
fn alike(sources: &[Source], group: Vec<usize>) -> Vec<Vec<usize>> {
    let mut known: Vec<Vec<usize>> = Vec::new();
    let mut rest = group.as_slice();
    while !rest.is_empty() {
        // The first of each content is read again beside those that come.
        let firsts: Vec<usize> = known.iter().filter_map(|own| own.first().copied()).collect();
        let Some(room) = MAX_OPEN.checked_sub(firsts.len()).filter(|room| *room >= MAX_OPEN / 2) else {
            return refine(sources, vec![group], u64::MAX);
        };
        let (batch, behind) = rest.split_at(room.min(rest.len()));
        rest = behind;
        let batch: Vec<usize> = firsts.into_iter().chain(batch.iter().copied()).collect();
        let found = side_by_side(sources, &batch);
        let is_known = |index: &usize| known.iter().any(|own| own.first() == Some(index));
        let strangers: Vec<usize> = batch.iter().copied().filter(|index| !is_known(index)).collect();
        for index in strangers {
            let alike = found.iter().find(|group| group.contains(&index)).and_then(|group| group.first());
            match known.iter_mut().find(|own| own.first() == alike) {
                Some(own) => own.push(index),
                None => known.push(vec![index]),
            }
        }
    }
    known.retain(|own| own.len() > 1);
    known
}

/// Splits a small group by its members' contents; members that cannot be read to their end fall out.
fn side_by_side(sources: &[Source], group: &[usize]) -> Vec<Vec<usize>> {
    let open = |index: &usize| Some((*index, sources.get(*index)?.node().stream().ok()?, Vec::new()));
    let mut open: Vec<_> = group.iter().filter_map(open).collect();
    // Members that are alike so far have the same number.
    let mut classes: BTreeMap<usize, usize> = open.iter().map(|(index, ..)| (*index, 0)).collect();
    loop {
        open.retain_mut(|(index, stream, block)| {
            let is_read = read_block(stream, block).is_ok();
            if !is_read {
                classes.remove(index);
            }
            is_read
        });
        let mut found: Vec<(usize, usize, &[u8])> = Vec::new();
        for (index, _, block) in &open {
            let Some(class) = classes.get_mut(index) else { continue };
            let same = found.iter().find(|(_, before, bytes)| before == class && *bytes == block.as_slice());
            match same {
                Some((first, ..)) => *class = *first,
                None => {
                    found.push((*index, *class, block));
                    *class = *index;
                }
            }
        }
        let same = |class: &usize| classes.values().filter(|other| *other == class).count();
        let alone: Vec<usize> =
            classes.iter().filter(|(_, class)| same(class) == 1).map(|(index, _)| *index).collect();
        classes.retain(|index, _| !alone.contains(index));
        // What has no twin any more is not read on, and what has ended has ended for all that are alike.
        open.retain(|(index, _, block)| !block.is_empty() && classes.contains_key(index));
        if open.is_empty() {
            return groups(group, |index| classes.get(&index).copied());
        }
    }
}

/// Reads as much of a block as there is.
fn read_block(stream: &mut impl Read, block: &mut Vec<u8>) -> io::Result<()> {
    block.clear();
    stream.take(BLOCK as u64).read_to_end(block).map(drop)
}

/// Groups of at least two members with the same key.
fn groups<K: Ord>(members: &[usize], key: impl Fn(usize) -> Option<K>) -> Vec<Vec<usize>> {
    let mut by_key: BTreeMap<K, Vec<usize>> = BTreeMap::new();
    for &index in members {
        if let Some(key) = key(index) {
            by_key.entry(key).or_default().push(index);
        }
    }
    by_key.into_values().filter(|group| group.len() > 1).collect()
}

fn hash(source: &Source, limit: u64) -> io::Result<ContentKey> {
    let mut stream = source.node().stream()?.take(limit);
    let mut block = vec![0; 64 << 10];
    let mut hasher = Sha256::new();
    let mut size: u64 = 0;
    loop {
        match stream.read(&mut block) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(block.get(..read).unwrap_or_default());
                size += u64::try_from(read).unwrap_or(u64::MAX);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(ContentKey { size, sha256: hasher.finalize().into() })
}
