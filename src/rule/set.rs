//! All rules of a run, compiled into one index.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::condition::Condition;
use super::detection::Test;
use super::error::{Flaw, Flaws, RuleError};
use super::field::Subject;
use super::file::{self, Kind, Rule};
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
    /// The built-in rules, with those of `folders` added or, by name, in their place.
    pub fn load(folders: &[PathBuf]) -> Result<Self, RuleError> {
        let mut files: Vec<(String, Vec<Node>)> = EMBEDDED.clone();
        let mut flaws = Vec::new();
        for folder in folders {
            read_folder(folder, &mut files, &mut flaws)?;
        }
        Self::from_files(files, flaws)
    }

    /// Only the rules of a folder or file, without the built-in ones.
    pub fn only(path: &Path) -> Result<Self, RuleError> {
        let mut files = Vec::new();
        let mut flaws = Vec::new();
        read_folder(path, &mut files, &mut flaws)?;
        Self::from_files(files, flaws)
    }

    fn from_files(files: Vec<(String, Vec<Node>)>, mut flaws: Vec<Flaw>) -> Result<Self, RuleError> {
        let mut rules: BTreeMap<(bool, Box<str>), Rule> = BTreeMap::new();
        let mut digest = sha2::Sha256::default();
        for (path, documents) in &files {
            sha2::Digest::update(&mut digest, format!("{path}\n{documents:?}\n").as_bytes());
            let mut found = Flaws::new(path);
            for document in documents {
                if let Some(rule) = file::read(document, path, &mut found) {
                    rules.insert((rule.kind != Kind::Signals, rule.name.clone()), rule);
                }
            }
            flaws.extend(found.list);
        }
        let mut set = Self {
            rules: rules.into_values().collect(),
            atoms: Vec::new(),
            index: Index::default(),
            shared: FxHashMap::default(),
            own: FxHashMap::default(),
            fingerprint: fingerprint(&sha2::Digest::finalize(digest)),
            warnings: Vec::new(),
        };
        set.compile();
        set.check_signals(&mut flaws);
        flaws.sort();
        if flaws.iter().any(|flaw| !flaw.is_warning) {
            return Err(RuleError::Flaws(flaws));
        }
        set.warnings = flaws;
        Ok(set)
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
                    detection.conditions.iter().map(|condition| whole(condition, detection)).collect();
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

    /// Every signal that a cause names must exist.
    fn check_signals(&self, flaws: &mut Vec<Flaw>) {
        for (number, rule) in self.rules.iter().enumerate() {
            let Some(cause) = &rule.cause else { continue };
            let mut found = Flaws::new(&rule.file);
            let conditions = cause.when.iter().chain(
                cause
                    .raises
                    .iter()
                    .chain(&cause.lowers)
                    .chain(&cause.rules_out)
                    .map(|weight| &weight.condition),
            );
            let mut terms = Vec::new();
            conditions.for_each(|when| when.terms(&mut terms));
            for term in terms {
                let others = term.bounds.iter().map(|bound| &bound.other);
                for name in std::iter::once(&term.signal).chain(others) {
                    if self.atom(number, name).is_none() {
                        let known: Vec<&str> = self.names(number);
                        let help = super::error::nearest(name, &known).map_or_else(
                            || format!("known here: {}", known.join(", ")),
                            |near| format!("did you mean `{near}`?"),
                        );
                        let mark = rule.node.get("cause").map_or(rule.node.mark, |node| node.mark);
                        found.error(
                            mark,
                            format!("`{name}` is neither a selection of this rule nor a shared signal"),
                            help,
                        );
                    }
                }
            }
            flaws.extend(found.list);
        }
    }

    fn names(&self, rule: usize) -> Vec<&str> {
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

fn whole(condition: &Condition, detection: &super::detection::Detection) -> Test {
    let list = |parts: &[Condition]| parts.iter().map(|part| whole(part, detection)).collect();
    match condition {
        Condition::Selection(index) => {
            detection.selections.get(*index).map_or(Test::Any(Vec::new()), |selection| selection.test.clone())
        }
        Condition::Not(inner) => Test::Not(Box::new(whole(inner, detection))),
        Condition::All(parts) => Test::All(list(parts)),
        Condition::Any(parts) => Test::Any(list(parts)),
    }
}

/// Reads all `.yml` and `.yaml` files below a folder, or one file. A file replaces an earlier one of its name.
fn read_folder(
    folder: &Path,
    files: &mut Vec<(String, Vec<Node>)>,
    flaws: &mut Vec<Flaw>,
) -> Result<(), RuleError> {
    let unreadable = |path: &Path, source| RuleError::Unreadable { path: path.to_owned(), source };
    fs::metadata(folder).map_err(|source| unreadable(folder, source))?;
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            unreadable(
                folder,
                error.into_io_error().unwrap_or_else(|| std::io::Error::other("a loop of links")),
            )
        })?;
        let path = entry.path();
        let is_rule = path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("yml") || end.eq_ignore_ascii_case("yaml"));
        let relative = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let is_data = ["events/", "codes/", "updates/", "builds/", "value-maps"]
            .iter()
            .any(|start| relative.starts_with(start));
        if !entry.file_type().is_file() || !is_rule || is_data {
            continue;
        }
        let text = fs::read(path).map_err(|source| unreadable(path, source))?;
        let shown = path.to_string_lossy().replace('\\', "/");
        match yaml::read(&String::from_utf8_lossy(&text)) {
            Ok(documents) => {
                files.retain(|(other, _)| other.rsplit('/').next() != shown.rsplit('/').next());
                files.push((shown, documents));
            }
            Err(error) => flaws.push(Flaw {
                file: shown,
                mark: error.mark,
                message: error.message,
                help: "the file must be YAML; look at the indentation and the quotes".to_owned(),
                is_warning: false,
            }),
        }
    }
    Ok(())
}
