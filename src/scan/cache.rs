//! What was read of a log, kept by content, so that a nightly run reads only what is new.
//!
//! An entry holds for one content, one name, one set of rules, the same texts, one period and one version of rdpwhy.
//! An entry that cannot be used is read anew and written over; the cache can be deleted at any time.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Options;
use super::kept::{self, Kept};
use crate::input::ContentKey;

/// One log's place in the cache.
pub(super) struct Entry {
    folder: PathBuf,
    path: PathBuf,
}

impl Entry {
    pub(super) fn new(folder: &Path, key: &ContentKey, name: &str, options: &Options<'_>) -> Self {
        let mut digest = Sha256::new();
        let version = env!("CARGO_PKG_VERSION");
        let rules = &options.rules.fingerprint;
        let period = (options.since, options.until, options.carve);
        digest.update(format!("{version}\n{rules}\n{period:?}\n{key:?}\n{name}").as_bytes());
        digest.update(options.texts.key(name));
        let name: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { folder: folder.to_owned(), path: folder.join(format!("{name}.part")) }
    }

    /// What was kept, when it can be used.
    pub(super) fn read(&self) -> Option<Kept> {
        kept::unpack(File::open(&self.path).ok()?).ok()
    }

    /// Keeps what was read; the entry is there whole or not at all.
    pub(super) fn write(&self, kept: &Kept) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        kept::pack(kept, &mut file)?;
        file.persist(&self.path).map(drop).map_err(|error| error.error)
    }
}
