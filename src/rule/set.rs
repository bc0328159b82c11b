//! All rules of a run, compiled into one index.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use rustc_hash::{FxHashMap, FxHashSet};

use super::check;
use super::detection::Test;
use super::error::{Flaw, FlawKind, Flaws, RuleError};
use super::field::Subject;
use super::file::{self, File, Kind, Rule};
use super::index::{AtomId, Demand, Index, demand};
use super::logsource::Constraint;
use super::yaml::{self, Node};
use crate::evtx::{Head, Record};
use crate::text::Texts;

/// Rules that are compiled into the binary: path and documents of each file (made by the build script).
static EMBEDDED: LazyLock<Vec<(String, Vec<Node>)>> = LazyLock::new(|| {
    postcard::from_bytes(include_bytes!(concat!(env!("OUT_DIR"), "/rules.bin")))
        .expect("the build script wrote these bytes with the same types")
});

/// A selection, or a whole condition, of a rule.
#[derive(Debug)]
pub(crate) struct Atom {
    pub(crate) rule: usize,
    pub(crate) name: Box<str>,
    pub(crate) test: Test,
    pub(crate) constraint: Constraint,
    pub(crate) demand: Demand,
}

/// Name of the atom that stands for the rule's condition.
pub(crate) const CONDITION: &str = "condition";

/// Rules, ready to match.
#[derive(Debug)]
pub struct RuleSet {
    pub(crate) rules: Vec<Rule>,
    pub(crate) atoms: Vec<Atom>,
    index: Index,
    shared: FxHashMap<Box<str>, AtomId>,
    own: FxHashMap<(usize, Box<str>), AtomId>,
    /// Changes whenever a rule changes.
    pub fingerprint: String,
    /// Warnings about rules that work all the same.
    pub warnings: Vec<Flaw>,
}

impl RuleSet {
    /// The built-in rules, with those of `folders` added or, by file name, in their place.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read or a rule in it is wrong; plain Sigma rules that cannot run are warnings.
    pub fn load(folders: &[PathBuf]) -> Result<Self, RuleError> {
        let (mut set, flaws) = Self::read(folders)?;
        if flaws.iter().any(|flaw| flaw.kind == FlawKind::Error) {
            return Err(RuleError::Flaws(flaws));
        }
        set.warnings = flaws;
        Ok(set)
    }

    /// The same with everything that is wrong, errors or not: for those who write rules. Of built-in rules only when
    /// no folder is given.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn check(folders: &[PathBuf], texts: &Texts) -> Result<(Self, Vec<Flaw>), RuleError> {
        let (set, mut flaws) = Self::read(folders)?;
        for (number, rule) in set.rules.iter().enumerate() {
            if folders.is_empty() || rule.source.is_some() {
                flaws.extend(check::rule(&set, number, texts));
            }
        }
        flaws.extend(
            check::cycles(&set)
                .into_iter()
                .filter(|(number, _)| {
                    folders.is_empty() || set.rules.get(*number).is_some_and(|rule| rule.source.is_some())
                })
                .map(|(_, flaw)| flaw),
        );
        flaws.sort();
        flaws.dedup();
        Ok((set, flaws))
    }

    fn read(folders: &[PathBuf]) -> Result<(Self, Vec<Flaw>), RuleError> {
        let builtin = EMBEDDED.iter().map(|(path, documents)| File {
            path: path.clone(),
            source: None,
            documents: documents.clone(),
        });
        let mut files: Vec<File> = builtin.collect();
        let mut flaws = Vec::new();
        for folder in folders {
            read_folder(folder, &mut files, &mut flaws)?;
        }
        Ok(Self::from_files(&files, flaws))
    }

    fn from_files(files: &[File], mut flaws: Vec<Flaw>) -> (Self, Vec<Flaw>) {
        let mut rules: BTreeMap<(bool, Box<str>), Rule> = BTreeMap::new();
        let mut digest = sha2::Sha256::default();
        for file in files {
            let content = format!("{}\n{:?}\n", file.path, file.documents);
            sha2::Digest::update(&mut digest, content.as_bytes());
            let mut found = Flaws::new(&file.path, file.source.clone());
            for (number, document) in file.documents.iter().enumerate() {
                let Some(rule) = file::read(document, number, file, &mut found) else { continue };
                let key = (rule.kind != Kind::Signals, rule.name.clone());
                if let Some(other) = rules.get(&key) {
                    let message = format!("`{}` is also the name of {}", rule.name, other.file);
                    found.error(document.mark, message, "give one of them another name");
                }
                rules.insert(key, rule);
            }
            flaws.extend(found.list);
        }
        let set = Self::new(rules.into_values().collect(), fingerprint(&sha2::Digest::finalize(digest)));
        for (number, rule) in set.rules.iter().enumerate() {
            let mut found = Flaws::new(&rule.file, rule.source.clone());
            check::signals(&set, number, &mut found);
            flaws.extend(found.list);
        }
        flaws.sort();
        (set, flaws)
    }

    /// Compiles rules.
    fn new(rules: Vec<Rule>, fingerprint: String) -> Self {
        let mut set = Self {
            rules,
            atoms: Vec::new(),
            index: Index::default(),
            shared: FxHashMap::default(),
            own: FxHashMap::default(),
            fingerprint,
            warnings: Vec::new(),
        };
        set.compile();
        set
    }

    /// The shared signals and one rule alone: all that a case of the rule needs.
    pub(crate) fn alone(&self, rule: Rule) -> Self {
        let signals = self.rules.iter().filter(|rule| rule.kind == Kind::Signals).cloned();
        Self::new(signals.chain([rule]).collect(), self.fingerprint.clone())
    }

    fn compile(&mut self) {
        for (number, rule) in self.rules.iter().enumerate() {
            if rule.constraint.impossible.is_some() {
                continue;
            }
            let detection = &rule.detection;
            let mut tests: Vec<(Box<str>, Test)> = detection
                .selections
                .iter()
                .map(|selection| (selection.name.clone(), selection.test.clone()))
                .collect();
            if rule.kind != Kind::Signals {
                let parts =
                    detection.conditions.iter().map(|condition| detection.test_of(condition)).collect();
                tests.push((CONDITION.into(), Test::Any(parts)));
            }
            for (name, test) in tests {
                let atom =
                    AtomId::try_from(self.atoms.len()).expect("rules are bounded by memory long before");
                let demand = demand(&test, &rule.constraint);
                self.index.add(atom, &demand);
                if rule.kind == Kind::Signals {
                    self.shared.insert(name.clone(), atom);
                }
                self.own.insert((number, name.clone()), atom);
                self.atoms.push(Atom {
                    rule: number,
                    name,
                    test,
                    constraint: rule.constraint.clone(),
                    demand,
                });
            }
        }
    }

    /// Every name that a condition of a rule may use.
    pub(super) fn names(&self, rule: usize) -> Vec<&str> {
        let own = self.atoms.iter().filter(|atom| atom.rule == rule).map(|atom| &*atom.name);
        let mut shared: Vec<&str> = self.shared.keys().map(|name| &**name).collect();
        shared.sort_unstable();
        own.chain(shared).collect()
    }

    /// The atom that a name means inside of a rule: its own selection, else a shared signal.
    pub(crate) fn atom(&self, rule: usize, name: &str) -> Option<AtomId> {
        self.own.get(&(rule, Box::from(name))).or_else(|| self.shared.get(name)).copied()
    }

    /// Whether any rule looks at records with this head.
    pub(crate) fn wants(&self, head: &Head<'_>, scratch: &mut Vec<AtomId>) -> bool {
        self.index.candidates(head, scratch);
        !scratch.is_empty()
    }

    /// The atoms that a record matches, in ascending order.
    pub(crate) fn matched(&self, record: &Record, texts: &Texts, scratch: &mut Vec<AtomId>) -> Vec<AtomId> {
        self.index.candidates(&record.head(), scratch);
        if scratch.is_empty() {
            return Vec::new();
        }
        let subject = Subject::new(record, texts);
        let holds = |id: &AtomId| {
            let index = usize::try_from(*id).ok()?;
            let atom = self.atoms.get(index)?;
            (atom.constraint.allows(record) && atom.test.matches(&subject)).then_some(*id)
        };
        scratch.iter().filter_map(holds).collect()
    }

    /// Causes and Sigma rules, in order of name.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.kind != Kind::Signals)
    }
}

fn fingerprint(digest: &[u8]) -> String {
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Reads all `.yml` and `.yaml` files below a folder, or one file. A file replaces an earlier folder's one of its name.
fn read_folder(folder: &Path, files: &mut Vec<File>, flaws: &mut Vec<Flaw>) -> Result<(), RuleError> {
    let unreadable = |path: &Path, source| RuleError::Unreadable { path: path.to_owned(), source };
    fs::metadata(folder).map_err(|source| unreadable(folder, source))?;
    let mut own: Vec<File> = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            unreadable(
                folder,
                error.into_io_error().unwrap_or_else(|| std::io::Error::other("a loop of links")),
            )
        })?;
        let path = entry.path();
        if !entry.file_type().is_file() || !is_rule_file(folder, path) {
            continue;
        }
        let bytes = fs::read(path).map_err(|source| unreadable(path, source))?;
        let text = String::from_utf8_lossy(&bytes);
        let shown = path.to_string_lossy().replace('\\', "/");
        match yaml::read(&text) {
            Ok(documents) => {
                own.push(File { path: shown, source: Some(text.as_ref().into()), documents });
            }
            Err(error) => {
                let mut found = Flaws::new(&shown, Some(text.as_ref().into()));
                let help = "the file must be YAML; look at the indentation and the quotes";
                found.error(error.mark, error.message, help);
                flaws.extend(found.list);
            }
        }
    }
    let names: FxHashSet<&str> = own.iter().map(|file| base_name(&file.path)).collect();
    files.retain(|file| !names.contains(base_name(&file.path)));
    files.extend(own);
    Ok(())
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a file holds rules and not one of the other kinds of data that stand beside them.
fn is_rule_file(folder: &Path, path: &Path) -> bool {
    let is_yaml = path
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("yml") || end.eq_ignore_ascii_case("yaml"));
    let relative = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
    let data = ["events/", "codes/", "updates/", "builds/", "value-maps"];
    is_yaml && !data.iter().any(|start| relative.starts_with(start))
}
