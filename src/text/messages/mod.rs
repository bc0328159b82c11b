//! Files that the user gives with `--messages`: catalogues in our schema and provider files of a Windows machine.

mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::WalkDir;

use crate::evtx::Fault;

use super::store::catalogue::{self, Provider};
use super::{MessagesError, provider};

/// Largest file that is read; the largest system libraries have about 40 MB.
const MAX_SIZE: u64 = 128 << 20;

/// Deepest folder and most files that are looked at: `System32` has 5,000.
const MAX_DEPTH: usize = 12;
const MAX_FILES: usize = 50_000;

/// Most `%` of a text; the longest texts of Windows have 30.
const MAX_INSERTS: usize = 1000;

/// Endings of provider files.
const PROVIDER_FILES: [&str; 4] = ["dll", "exe", "sys", "mui"];

/// Folders with texts in a language, English first.
const LANGUAGES: [&str; 2] = ["en-US", "en"];

/// Reads a file or a folder.
pub(super) fn read(path: &Path) -> Result<(Vec<Provider>, Vec<Fault>), MessagesError> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, error))?;
    let mut files = Files::default();
    if metadata.is_dir() {
        files.add_folder(path);
    } else if is_catalogue(path) {
        return Ok(sane(path, read_catalogue(path)?));
    } else {
        files.add(path.to_owned());
        files.add_companions(path);
    }
    files.read()
}

/// Reads the bytes of one file called `name`.
pub(super) fn read_bytes(name: &str, bytes: &[u8]) -> Result<(Vec<Provider>, Vec<Fault>), MessagesError> {
    let path = Path::new(name);
    if is_catalogue(path) {
        return Ok(sane(path, parse_catalogue(path, bytes)?));
    }
    let (resources, mut faults) = match usable(provider::read(bytes)) {
        Ok(resources) => (vec![resources], Vec::new()),
        Err(found) => (Vec::new(), vec![fault(path, &found)]),
    };
    let (providers, broken) = provider::providers(&resources);
    faults.extend(broken.iter().map(|found| fault(path, found)));
    let (providers, absurd) = sane(path, provider::join_unnamed(providers));
    faults.extend(absurd);
    Ok((providers, faults))
}

/// Reads all texts of a folder and gives them as a catalogue file, with what could not be read.
///
/// # Errors
///
/// When the folder cannot be read, or a catalogue in it has another schema.
pub fn build_catalogue(path: &Path) -> Result<(String, Vec<Fault>), MessagesError> {
    let (providers, faults) = read(path)?;
    Ok((write::catalogue(&providers), faults))
}

fn unreadable(path: &Path, source: std::io::Error) -> MessagesError {
    MessagesError::Read { path: path.display().to_string(), source }
}

fn ending(path: &Path) -> String {
    path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default()
}

fn is_catalogue(path: &Path) -> bool {
    matches!(ending(path).as_str(), "yml" | "yaml")
}

fn read_catalogue(path: &Path) -> Result<Vec<Provider>, MessagesError> {
    let bytes = read_capped(path).map_err(|error| unreadable(path, error))?;
    parse_catalogue(path, &bytes)
}

fn parse_catalogue(path: &Path, bytes: &[u8]) -> Result<Vec<Provider>, MessagesError> {
    catalogue::read(&String::from_utf8_lossy(bytes)).map_err(|error| MessagesError::Schema {
        path: path.display().to_string(),
        line: usize::try_from(error.mark.line).unwrap_or(usize::MAX),
        what: error.message,
    })
}

fn read_capped(path: &Path) -> std::io::Result<Vec<u8>> {
    let size = fs::metadata(path)?.len();
    if size > MAX_SIZE {
        return Err(std::io::Error::other(format!("{size} bytes, more than is read")));
    }
    fs::read(path)
}

/// The files to read, provider files by the name that a library and its languages share.
#[derive(Default)]
struct Files {
    catalogues: BTreeSet<PathBuf>,
    providers: BTreeMap<String, BTreeSet<PathBuf>>,
}

impl Files {
    fn add(&mut self, path: PathBuf) {
        if is_catalogue(&path) {
            self.catalogues.insert(path);
        } else {
            let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
            let name = name.strip_suffix(".mui").unwrap_or(&name).to_owned();
            self.providers.entry(name).or_default().insert(path);
        }
    }

    fn add_folder(&mut self, folder: &Path) {
        let walk = WalkDir::new(folder).max_depth(MAX_DEPTH).sort_by_file_name();
        for entry in walk.into_iter().flatten().take(MAX_FILES).filter(|entry| entry.file_type().is_file()) {
            let path = entry.into_path();
            if is_catalogue(&path) || PROVIDER_FILES.contains(&ending(&path).as_str()) {
                self.add(path);
            }
        }
    }

    /// Adds `en-US/X.dll.mui` to `X.dll`, and `X.dll` to its `.mui`.
    fn add_companions(&mut self, path: &Path) {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            return;
        };
        let candidates: Vec<PathBuf> = match name.to_lowercase().ends_with(".mui") {
            true => {
                let stem = path.file_stem().unwrap_or_default();
                let above = folder.parent().map(|above| above.join(stem));
                above.into_iter().chain([folder.join(stem)]).collect()
            }
            false => {
                let beside = folder.join(format!("{name}.mui"));
                let language = |language: &&str| folder.join(language).join(format!("{name}.mui"));
                LANGUAGES.iter().map(language).chain([beside]).collect()
            }
        };
        if let Some(companion) = candidates.into_iter().find(|candidate| candidate.is_file()) {
            self.add(companion);
        }
    }

    fn read(self) -> Result<(Vec<Provider>, Vec<Fault>), MessagesError> {
        let mut all = Vec::new();
        let mut faults = Vec::new();
        for path in &self.catalogues {
            let (providers, absurd) = sane(path, read_catalogue(path)?);
            all.extend(providers);
            faults.extend(absurd);
        }
        for paths in self.providers.values() {
            let mut resources = Vec::new();
            for path in paths {
                match read_resources(path) {
                    Ok(read) => resources.push(read),
                    Err(found) => faults.push(fault(path, &found)),
                }
            }
            let (providers, broken) = provider::providers(&resources);
            let Some(path) = paths.first() else { continue };
            faults.extend(broken.iter().map(|found| fault(path, found)));
            let (providers, absurd) = sane(path, providers);
            faults.extend(absurd);
            all.extend(providers);
        }
        Ok((provider::join_unnamed(all), faults))
    }
}

/// Drops the texts that no writer of messages meant, so that the next source is asked; they are one fault.
fn sane(path: &Path, mut providers: Vec<Provider>) -> (Vec<Provider>, Vec<Fault>) {
    let mut absurd = Vec::new();
    for event in providers.iter_mut().flat_map(|provider| &mut provider.events) {
        let id = event.id;
        event.wordings.retain(|wording| {
            let inserts = wording.message.bytes().filter(|&byte| byte == b'%').count();
            if inserts > MAX_INSERTS {
                absurd.push((id, inserts));
            }
            inserts <= MAX_INSERTS
        });
    }
    let found = absurd.first().map(|(id, inserts)| {
        let more =
            if absurd.len() > 1 { format!(", and {} more like it", absurd.len() - 1) } else { String::new() };
        fault(path, &format!("a text of event {id} with {inserts} inserts{more}"))
    });
    (providers, found.into_iter().collect())
}

fn read_resources(path: &Path) -> Result<provider::Resources, String> {
    let bytes = read_capped(path).map_err(|error| error.to_string())?;
    usable(provider::read(&bytes))
}

fn usable(resources: Result<provider::Resources, String>) -> Result<provider::Resources, String> {
    let resources = resources?;
    if resources.manifests.is_empty() && resources.strings.is_empty() {
        return Err("neither a manifest nor a message table".to_owned());
    }
    Ok(resources)
}

fn fault(path: &Path, found: &str) -> Fault {
    Fault {
        log: Arc::from(path.display().to_string()),
        offset: 0,
        expected: "texts of events".into(),
        found: found.into(),
        lost: 0,
    }
}
