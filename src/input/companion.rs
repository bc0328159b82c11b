//! Display information that Event Viewer saves beside a log: `LocaleMetaData/<log>_<LCID>.MTA`, on disk and in archives.
//!
//! What is in these files is not looked at. A name without an LCID is passed over.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::Source;
use super::node::Node;

/// The folder beside the log.
const FOLDER: &str = "LocaleMetaData";

/// A file that belongs to a log.
#[derive(Debug, Clone)]
pub struct Companion {
    name: Arc<str>,
    lcid: u32,
    node: Arc<Node>,
}

impl Companion {
    /// The name to show: its path, or that of the archive and its own in there.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The language of its texts (MS-LCID).
    #[must_use]
    pub fn lcid(&self) -> u32 {
        self.lcid
    }

    /// Its bytes.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or has more bytes than `most`.
    pub fn read(&self, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.node.stream()?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).is_ok_and(|size| size <= most) {
            Ok(bytes)
        } else {
            Err(io::Error::other(format!("more than {most} bytes")))
        }
    }
}

/// The companions of a log on disk, in the order of their names.
pub(super) fn beside(log: &Path, node: &Node) -> Vec<Companion> {
    let (Some(folder), Some(stem)) = (log.parent(), log.file_stem().and_then(|stem| stem.to_str())) else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir(folder.join(FOLDER)) else { return Vec::new() };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let companion = |path: &std::path::PathBuf| {
        let (own, lcid) = owner(path.file_name()?.to_str()?)?;
        let name = Arc::from(path.display().to_string());
        (own == stem.to_lowercase()).then(|| Companion { name, lcid, node: node.file_beside(path) })
    };
    paths.iter().filter_map(companion).collect()
}

/// Logs and companions of an archive while it is walked.
#[derive(Default)]
pub(super) struct Shelf {
    /// By the folder and the stem of the log that they belong to, in lower case.
    companions: BTreeMap<(String, String), Vec<Companion>>,
    /// The place of a source among all, and the path of its entry.
    logs: Vec<(usize, String)>,
}

impl Shelf {
    /// Whether the path of an entry is that of a companion.
    pub(super) fn is_companion(path: &str) -> bool {
        log_of(path).is_some()
    }

    /// Takes a companion, with its name to show.
    pub(super) fn put(&mut self, path: &str, name: &str, node: Arc<Node>) {
        if let Some((folder, stem, lcid)) = log_of(path) {
            let companion = Companion { name: Arc::from(name), lcid, node };
            self.companions.entry((folder, stem)).or_default().push(companion);
        }
    }

    /// Notes which sources came out of an entry.
    pub(super) fn note(&mut self, path: &str, sources: std::ops::Range<usize>) {
        self.logs.extend(sources.map(|source| (source, path.to_owned())));
    }

    /// Gives each log its companions.
    pub(super) fn hand_out(mut self, sources: &mut [Source]) {
        for found in self.companions.values_mut() {
            found.sort_by(|left, right| left.name.cmp(&right.name));
        }
        for (source, path) in self.logs {
            let (folder, file) = split(&path);
            let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
            let found = self.companions.get(&(folder.to_lowercase(), stem.to_lowercase()));
            if let (Some(found), Some(source)) = (found, sources.get_mut(source)) {
                source.set_companions(found.clone());
            }
        }
    }
}

/// Folder and stem, in lower case, of the log that an entry belongs to, and its LCID.
fn log_of(path: &str) -> Option<(String, String, u32)> {
    let (above, file) = split(path);
    let (folder, own) = split(above);
    let (stem, lcid) = owner(file)?;
    own.eq_ignore_ascii_case(FOLDER).then(|| (folder.to_lowercase(), stem, lcid))
}

/// Folder and file name; archives of Windows programs have backslashes.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once(['/', '\\']).unwrap_or(("", path))
}

/// The stem, in lower case, of the log that a file belongs to by its name, and the LCID.
fn owner(file_name: &str) -> Option<(String, u32)> {
    let (name, ending) = file_name.rsplit_once('.')?;
    let (stem, lcid) = name.rsplit_once('_')?;
    if !ending.eq_ignore_ascii_case("mta") || stem.is_empty() {
        return None;
    }
    Some((stem.to_lowercase(), lcid.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{log_of, owner};

    #[test]
    fn file_name_tells_log_and_language() {
        let known = |name| owner(name).map(|(stem, lcid)| format!("{stem} {lcid}"));
        assert_eq!(known("System_1033.MTA").as_deref(), Some("system 1033"));
        assert_eq!(known("My_log_1031.mta").as_deref(), Some("my_log 1031"));
        for name in ["System.MTA", "System_x.MTA", "System_1033.txt", "_1033.MTA", "MTA"] {
            assert_eq!(known(name), None, "{name}");
        }
    }

    #[test]
    fn companion_stands_in_a_folder_beside_its_log() {
        let log = |path| log_of(path).map(|(folder, stem, _)| format!("{folder}|{stem}"));
        assert_eq!(log("LocaleMetaData/A_1033.MTA").as_deref(), Some("|a"));
        assert_eq!(log("Host\\localemetadata\\A_1033.MTA").as_deref(), Some("host|a"));
        for path in ["A_1033.MTA", "Host/A_1033.MTA", "xLocaleMetaData/A_1033.MTA"] {
            assert_eq!(log(path), None, "{path}");
        }
    }
}
