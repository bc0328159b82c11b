//! Arguments become paths of files: folders are walked, patterns matched, lists read; each file stands once.
//!
//! Files are not opened here. A path that exists is taken as it is before it is tried as a pattern, so folders
//! called `[old]` work, and quotes that a Windows shell left on an argument are dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use walkdir::{DirEntry, WalkDir};

use super::list;
use super::{Options, Problem};

/// Endings, in lower case, of files that may hold records.
const ENDINGS: [&str; 8] = ["evtx", "xml", "jsonl", "ndjson", "json", "zip", "gz", "7z"];

/// A file that may be a log.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub path: PathBuf,
    /// Whether the user named this very file.
    pub is_named: bool,
    /// Whether it can be read once only: standard input or a pipe.
    pub is_pipe: bool,
    /// Arguments that lead here, by number.
    pub arguments: BTreeSet<usize>,
}

/// What the arguments lead to.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// Files by path.
    pub candidates: Vec<Candidate>,
    /// Folders and patterns, by the number of their argument: each should lead to a log.
    pub wide: BTreeMap<usize, PathBuf>,
    pub problems: Vec<Problem>,
}

/// Follows all arguments and the list that the options name.
pub(super) fn expand(arguments: &[PathBuf], options: &Options) -> Paths {
    let mut walk = Walk { takes_all: options.carve, ..Walk::default() };
    let mut arguments = arguments.to_vec();
    if let Some(list) = &options.files_from {
        match list::read(list) {
            Ok(paths) => arguments.extend(paths),
            Err(error) => walk.paths.problems.push(named_error(list, &error)),
        }
    }
    for (number, argument) in arguments.iter().enumerate() {
        walk.number = number;
        walk.argument(argument);
    }
    let mut paths = walk.paths;
    paths.candidates = walk.files.into_values().collect();
    paths.candidates.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
    paths
}

/// True when a name ends in what logs and archives of logs end in.
pub(super) fn may_hold_records(name: &Path) -> bool {
    ending(name).is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// The ending of a name in lower case.
pub(super) fn ending(name: &Path) -> Option<String> {
    name.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase)
}

#[derive(Default)]
struct Walk {
    paths: Paths,
    /// By canonical path.
    files: BTreeMap<PathBuf, Candidate>,
    number: usize,
    takes_all: bool,
}

impl Walk {
    fn argument(&mut self, argument: &Path) {
        let path = unquoted(argument);
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                self.paths.wide.insert(self.number, path.clone());
                self.folder(&path);
            }
            Ok(found) if found.is_file() => self.file(&path, true),
            Ok(found) if is_pipe(&found) => self.pipe(&path),
            Ok(_) => self.paths.problems.push(problem(
                &path,
                "neither a file nor a folder",
                "save what it gives in a file first",
                true,
            )),
            Err(_) if path == Path::new("-") => self.pipe(&path),
            Err(error) => match pattern(&path) {
                Some((base, matcher, depth)) => self.pattern(&path, &base, &matcher, depth),
                None => self.paths.problems.push(named_error(&path, &error)),
            },
        }
    }

    fn file(&mut self, path: &Path, is_named: bool) {
        let key = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let candidate = self.files.entry(key).or_insert_with(|| Candidate {
            path: path.to_owned(),
            is_named,
            is_pipe: false,
            arguments: BTreeSet::new(),
        });
        candidate.is_named |= is_named;
        candidate.arguments.insert(self.number);
        if path.as_os_str() < candidate.path.as_os_str() {
            path.clone_into(&mut candidate.path);
        }
    }

    fn pipe(&mut self, path: &Path) {
        self.file(path, true);
        if let Some(candidate) = self.files.values_mut().find(|candidate| candidate.path == path) {
            candidate.is_pipe = true;
        }
    }

    fn folder(&mut self, folder: &Path) {
        for entry in WalkDir::new(folder).follow_links(true).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_file() => {
                    if self.takes_all || may_hold_records(entry.path()) {
                        self.file(entry.path(), false);
                    }
                }
                Ok(_) => {}
                Err(error) => self.walk_error(&error),
            }
        }
    }

    fn pattern(&mut self, whole: &Path, base: &Path, matcher: &GlobMatcher, depth: usize) {
        self.paths.wide.insert(self.number, whole.to_owned());
        let root = if base.as_os_str().is_empty() { Path::new(".") } else { base };
        let matched = |entry: &DirEntry| {
            let rest = entry.path().strip_prefix(root).unwrap_or(entry.path());
            matcher.is_match(rest)
        };
        for entry in WalkDir::new(root).follow_links(true).max_depth(depth).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.depth() == 0 || !matched(&entry) => {}
                Ok(entry) => {
                    let inner = entry.path().strip_prefix(root).unwrap_or(entry.path());
                    let path = base.join(inner);
                    if entry.file_type().is_dir() {
                        self.folder(&path);
                    } else if entry.file_type().is_file() {
                        self.file(&path, false);
                    }
                }
                Err(error) if is_gone(&error) && error.path() == Some(root) => {}
                Err(error) => self.walk_error(&error),
            }
        }
    }

    fn walk_error(&mut self, error: &walkdir::Error) {
        let path = error.path().unwrap_or(Path::new("."));
        let found = if let Some(ancestor) = error.loop_ancestor() {
            let what = format!("a link that leads back to {}", ancestor.display());
            problem(path, &what, "nothing is lost: that folder is read once", false)
        } else {
            let io = error.io_error().map_or(io::ErrorKind::Other, io::Error::kind);
            if is_gone(error) && !may_hold_records(path) {
                return;
            }
            // What the folder or pattern holds is not known.
            self.paths.wide.remove(&self.number);
            Problem { is_missed: !is_gone(error), ..named_error(path, &io.into()) }
        };
        let is_read = error.loop_ancestor().is_some();
        self.paths.problems.push(Problem { is_read, ..found });
    }
}

/// Whether nothing stands there.
fn is_gone(error: &walkdir::Error) -> bool {
    error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(unix)]
fn is_pipe(found: &fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&found.file_type())
}

#[cfg(not(unix))]
fn is_pipe(_: &fs::Metadata) -> bool {
    false
}

/// The path without the quotes that `cmd.exe` and others leave on an argument.
fn unquoted(path: &Path) -> PathBuf {
    let Some(text) = path.to_str().filter(|_| fs::symlink_metadata(path).is_err()) else {
        return path.to_owned();
    };
    let inner = ['"', '\''].iter().find_map(|&quote| text.strip_prefix(quote)?.strip_suffix(quote));
    // `"C:\logs\"` arrives as `C:\logs"`: the backslash escapes the closing quote.
    PathBuf::from(inner.unwrap_or_else(|| text.strip_suffix('"').unwrap_or(text)))
}

/// Splits a pattern into the folder to walk, what to match below it, and how deep.
fn pattern(path: &Path) -> Option<(PathBuf, GlobMatcher, usize)> {
    let is_wild = |part: &Component<'_>| part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
    let parts: Vec<Component<'_>> = path.components().collect();
    let first = parts.iter().position(is_wild)?;
    let (base, rest) = parts.split_at_checked(first)?;
    let rest: PathBuf = rest.iter().collect();
    let depth = if rest.to_str()?.contains("**") { usize::MAX } else { parts.len() - first };
    let glob =
        GlobBuilder::new(rest.to_str()?).literal_separator(true).case_insensitive(true).build().ok()?;
    Some((base.iter().collect(), glob.compile_matcher(), depth))
}

fn named_error(path: &Path, error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound => {
            problem(path, "no such file or folder", "check the path; quote it when it holds spaces", true)
        }
        io::ErrorKind::PermissionDenied => problem(
            path,
            "permission denied",
            "copy the log to a place that you may read, or run with more rights",
            true,
        ),
        _ => {
            problem(path, &format!("cannot be read: {error}"), "copy it to a local disk and try again", true)
        }
    }
}

pub(super) fn problem(path: &Path, what: &str, help: &str, is_missed: bool) -> Problem {
    Problem {
        path: path.display().to_string(),
        what: what.to_owned(),
        help: help.to_owned(),
        is_read: false,
        is_missed,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{may_hold_records, pattern, unquoted};

    #[test]
    fn quotes_of_a_windows_shell_are_dropped() {
        assert_eq!(unquoted(Path::new("'no/such dir/*.evtx'")), Path::new("no/such dir/*.evtx"));
        assert_eq!(unquoted(Path::new("\"no such\"")), Path::new("no such"));
        assert_eq!(unquoted(Path::new("C:\\no such\"")), Path::new("C:\\no such"));
        assert_eq!(unquoted(Path::new("it's")), Path::new("it's"));
    }

    #[test]
    fn pattern_walks_below_its_plain_part() {
        let (base, glob, depth) = pattern(Path::new("a/b*/c?.EVTX")).expect("a pattern");
        assert_eq!((base.as_path(), depth), (Path::new("a"), 2));
        assert!(glob.is_match("bc/c1.evtx"));
        assert!(!glob.is_match("bc/d/c1.evtx"));
        assert_eq!(pattern(Path::new("**/*.evtx")).expect("a pattern").2, usize::MAX);
        assert!(pattern(Path::new("a/b")).is_none());
        assert!(pattern(Path::new("a/[")).is_none());
    }

    #[test]
    fn endings_are_compared_without_case() {
        assert!(may_hold_records(Path::new("a/SYSTEM.EvTx")));
        assert!(!may_hold_records(Path::new("evtx")));
    }
}
