//! Display information saved beside a log: `LocaleMetaData/<log>_<LCID>.MTA`, the finished text of every record.
//!
//! A text belongs to the record with the same EventRecordID. Merged logs repeat these numbers; then the text that
//! holds most of the record's values is taken. A file whose name has no LCID is passed over.

mod file;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::evtx::{Fault, Record};

use file::MtaFile;

/// Largest file that is read; display information is smaller than its log.
const MAX_SIZE: u64 = 1 << 28;

/// The primary language of an LCID (MS-LCID): the low ten bits.
const LANGUAGE_MASK: u32 = 0x3FF;

/// The language number of English.
const ENGLISH: u32 = 0x09;

/// Shortest value that tells one text from another.
const TELLING_LENGTH: usize = 2;

/// The texts of one log in one language.
#[derive(Debug, Clone)]
pub(super) struct Mta {
    log: Arc<str>,
    lcid: u32,
    file: Arc<MtaFile>,
}

impl Mta {
    /// Takes the bytes of a file called `name` that belongs to a log.
    pub(super) fn read(name: &str, log: &str, lcid: u32, bytes: Vec<u8>) -> Result<Self, Fault> {
        let file = MtaFile::read(bytes).map_err(|damage| fault(name, damage.offset, damage.found))?;
        Ok(Self { log: Arc::from(log), lcid, file: Arc::new(file) })
    }

    /// Whether the texts are English.
    pub(super) fn is_english(&self) -> bool {
        self.lcid & LANGUAGE_MASK == ENGLISH
    }

    /// The text of a record of this log.
    pub(super) fn message(&self, record: &Record) -> Option<String> {
        if record.log != self.log {
            return None;
        }
        let mut texts = self.file.messages(record.record_id);
        texts.dedup();
        let values = |text: &String| {
            let telling = record.fields.iter().filter(|field| field.value.len() >= TELLING_LENGTH);
            telling.filter(|field| text.contains(&*field.value)).count()
        };
        // Of equally good texts the first one counts, as it does for Windows.
        texts.reverse();
        texts.into_iter().max_by_key(values)
    }
}

/// The files that belong to a log, with their LCIDs, in the order of their names.
pub(super) fn files_beside(log: &Path) -> Vec<(PathBuf, u32)> {
    let (Some(folder), Some(stem)) = (log.parent(), log.file_stem().and_then(|stem| stem.to_str())) else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir(folder.join("LocaleMetaData")) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let path = entry.path();
            let lcid = lcid_for(path.file_name()?.to_str()?, stem)?;
            Some((path, lcid))
        })
        .collect();
    files.sort();
    files
}

/// The LCID in a file name, when the file belongs to the log with this stem.
pub(super) fn lcid_for(file_name: &str, stem: &str) -> Option<u32> {
    let (name, extension) = file_name.rsplit_once('.')?;
    let (own, lcid) = name.rsplit_once('_')?;
    let is_its = extension.eq_ignore_ascii_case("mta") && own.to_lowercase() == stem.to_lowercase();
    lcid.parse().ok().filter(|_| is_its)
}

/// Reads a file from disk.
pub(super) fn read_file(path: &Path, log: &str, lcid: u32) -> Result<Mta, Fault> {
    let name = path.display().to_string();
    let unreadable = |error: std::io::Error| fault(&name, 0, &error.to_string());
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_SIZE {
        return Err(fault(&name, 0, &format!("{size} bytes, more than is read")));
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    Mta::read(&name, log, lcid, bytes)
}

fn fault(name: &str, offset: u64, found: &str) -> Fault {
    Fault {
        log: Arc::from(name),
        offset,
        expected: "display information of a log".into(),
        found: found.into(),
        lost: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::lcid_for;

    #[test]
    fn file_name_tells_log_and_language() {
        assert_eq!(lcid_for("System_1033.MTA", "system"), Some(1033));
        assert_eq!(lcid_for("My_log_1031.mta", "My_log"), Some(1031));
        for name in ["System.MTA", "System_x.MTA", "Other_1033.MTA", "System_1033.txt", "_1033.MTA"] {
            assert_eq!(lcid_for(name, "System"), None, "{name}");
        }
    }
}
