//! All rules of a run, compiled into one index.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use sha2::{Digest, Sha256};

use super::check;
use super::detection::Test;
use super::error::{Flaw, FlawKind, Flaws, RuleError};
use super::field::Subject;
use super::file::{self, File, Kind, Rule};
use super::index::{AtomId, Demand, Index, demand};
use super::logsource::Constraint;
use super::resolve;
use super::update::{self, Updates};
use crate::evtx::{Head, Record};
use crate::text::Texts;
use crate::text::yaml::{self, Mark, Node, Value};

/// Rules that are compiled into the binary, without their cases, and a digest of the files (made by the build script).
fn embedded() -> (String, Vec<File>) {
    let (digest, files): (String, Vec<(String, &[u8])>) =
        postcard::from_bytes(include_bytes!(concat!(env!("OUT_DIR"), "/rules.bin")))
            .expect("the build script wrote these bytes with the same types");
    let rules = files.into_iter().map(|(path, packed)| File::packed(path, packed));
    (digest, rules.chain(update::embedded()).collect())
}

/// The same with the cases of the rules.
fn embedded_with_cases() -> (String, Vec<File>) {
    let (digest, mut files) = embedded();
    files.iter_mut().for_each(File::unpack);
    let cases: Vec<(String, Vec<Node>)> =
        postcard::from_bytes(include_bytes!(concat!(env!("OUT_DIR"), "/cases.bin")))
            .expect("the build script wrote these bytes with the same types");
    for (file, (_, cases)) in files.iter_mut().zip(cases) {
        for (document, case) in file.documents.iter_mut().zip(cases) {
            if let (Value::Map(entries), Value::Map(own)) = (&mut document.value, case.value) {
                entries.extend(own);
            }
        }
    }
    (digest, files)
}

/// A selection, or a whole condition, of a rule.
#[derive(Debug)]
pub(crate) struct Atom {
    /// What is left to test of a record that the index found.
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
    /// The atoms of each rule by name.
    own: Vec<Vec<(Box<str>, AtomId)>>,
    /// The rules whose whole condition an atom is.
    conditions: FxHashMap<AtomId, Vec<usize>>,
    /// Correlations, each behind those that it refers to.
    correlations: Vec<usize>,
    /// The rules that each correlation refers to, in its order.
    references: FxHashMap<usize, Vec<usize>>,
    /// Windows updates that are known to have broken Remote Desktop.
    pub(crate) updates: Arc<Updates>,
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
        Self::strict(Self::read(folders, embedded())?)
    }

    /// The same with the cases of the built-in rules, which only tests need.
    ///
    /// # Errors
    ///
    /// Those of [`RuleSet::load`].
    pub fn load_with_cases(folders: &[PathBuf]) -> Result<Self, RuleError> {
        Self::strict(Self::read(folders, embedded_with_cases())?)
    }

    fn strict((mut set, flaws): (Self, Vec<Flaw>)) -> Result<Self, RuleError> {
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
        let (set, mut flaws) = Self::read(folders, embedded_with_cases())?;
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

    fn read(
        folders: &[PathBuf],
        (mut digest, mut files): (String, Vec<File>),
    ) -> Result<(Self, Vec<Flaw>), RuleError> {
        let mut flaws = Vec::new();
        for folder in folders {
            read_folder(folder, &mut files, &mut flaws)?;
        }
        for file in &files {
            if let Some(source) = &file.source {
                digest = chained(&digest, &format!("{}\n{source}", file.path));
            }
        }
        Ok(Self::from_files(files, digest, flaws))
    }

    fn from_files(files: Vec<File>, digest: String, mut flaws: Vec<Flaw>) -> (Self, Vec<Flaw>) {
        let mut rules: BTreeMap<(bool, Box<str>), Rule> = BTreeMap::new();
        let (updates, files): (Vec<File>, Vec<File>) =
            files.into_iter().partition(|file| update::is_update_file(&file.path));
        updates.iter().for_each(|file| flaws.extend(check::update(file)));
        let read = |mut file: File| {
            let mut found = Flaws::new(&file.path, file.source.clone());
            let documents = file.take().into_iter().enumerate();
            let own: Vec<(Mark, Rule)> = documents
                .filter_map(|(number, document)| {
                    Some((document.mark, file::read(document, number, &file, &mut found)?))
                })
                .collect();
            (own, found)
        };
        let read: Vec<(Vec<(Mark, Rule)>, Flaws)> = files.into_par_iter().map(read).collect();
        for (own, mut found) in read {
            for (mark, rule) in own {
                let key = (rule.kind != Kind::Signals, rule.name.clone());
                if let Some(other) = rules.get(&key) {
                    let message = format!("`{}` is also the name of {}", rule.name, other.file);
                    found.error(mark, message, "give one of them another name");
                }
                rules.insert(key, rule);
            }
            flaws.extend(found.list);
        }
        let mut rules: Vec<Rule> = rules.into_values().collect();
        resolve::leave_out(&mut rules, &mut flaws);
        let set = Self::new(rules, Arc::new(Updates::new(updates)), digest);
        for (number, rule) in set.rules.iter().enumerate() {
            let mut found = Flaws::new(&rule.file, rule.source.clone());
            check::signals(&set, number, &mut found);
            flaws.extend(found.list);
        }
        flaws.sort();
        (set, flaws)
    }

    /// Compiles rules.
    fn new(rules: Vec<Rule>, updates: Arc<Updates>, fingerprint: String) -> Self {
        let mut set = Self {
            rules,
            atoms: Vec::new(),
            index: Index::default(),
            shared: FxHashMap::default(),
            own: Vec::new(),
            conditions: FxHashMap::default(),
            correlations: Vec::new(),
            references: FxHashMap::default(),
            updates,
            fingerprint,
            warnings: Vec::new(),
        };
        set.compile();
        for number in 0..set.rules.len() {
            if let Some(atom) = set.condition_of(number) {
                set.conditions.entry(atom).or_default().push(number);
            }
        }
        let (correlations, references) = resolve::order(&set.rules);
        set.correlations = correlations;
        set.references = references;
        set
    }

    /// The shared signals and one rule alone: all that a case of the rule needs.
    pub(crate) fn alone(&self, rule: Rule) -> Self {
        let beside = |other: &&Rule| {
            other.kind == Kind::Signals || (other.kind != Kind::Cause && other.file == rule.file)
        };
        let is_named = |name: &str| rule.cause.as_ref().is_some_and(|cause| cause.names(name));
        let mut others: Vec<Rule> = self.rules.iter().filter(beside).map(Rule::bare_signals).collect();
        for signals in others.iter_mut().filter(|other| other.kind == Kind::Signals) {
            signals.detection.selections.retain(|selection| is_named(&selection.name));
        }
        let rules = others.into_iter().chain([rule]).collect();
        Self::new(rules, Arc::clone(&self.updates), self.fingerprint.clone())
    }

    fn compile(&mut self) {
        // Many rules look at the same records in the same way; each such test is made once.
        let most: usize = self.rules.iter().map(|rule| rule.detection.selections.len() + 1).sum();
        self.atoms.reserve(most);
        let mut known: FxHashMap<String, (AtomId, bool)> =
            FxHashMap::with_capacity_and_hasher(most, FxBuildHasher);
        for rule in &self.rules {
            let mut own = Vec::new();
            if rule.constraint.impossible.is_some() {
                self.own.push(own);
                continue;
            }
            // A correlation matches no record by itself; diagnosis says where it does.
            if rule.kind == Kind::Correlation {
                let (atom, none) = (next(&self.atoms), Constraint::default());
                let (test, demand) = (Test::Any(Arc::default()), Demand::default());
                self.atoms.push(Atom { test, constraint: none, demand });
                self.shared.insert(rule.name.clone(), atom);
                own.push((CONDITION.into(), atom));
                self.own.push(own);
                continue;
            }
            for (name, test) in tests(rule) {
                let spelled = spelled(&rule.constraint, &test);
                let (atom, is_indexed) = known.entry(spelled).or_insert_with(|| {
                    let atom = next(&self.atoms);
                    let demand = demand(&test, &rule.constraint);
                    self.atoms.push(Atom { test, constraint: rule.constraint.clone(), demand });
                    (atom, false)
                });
                // What is only a part of the rule's condition is not looked for by itself.
                let atom = *atom;
                if !*is_indexed && rule.asks_for(&name) {
                    *is_indexed = true;
                    if let Some(own) = self.atoms.get(atom as usize) {
                        self.index.add(atom, &own.demand);
                    }
                }
                if rule.kind == Kind::Signals {
                    self.shared.insert(name.clone(), atom);
                }
                own.push((name, atom));
            }
            self.own.push(own);
        }
    }

    /// Every name that a condition of a rule may use.
    pub(super) fn names(&self, rule: usize) -> Vec<&str> {
        let mut own: Vec<&str> = self.own.get(rule).into_iter().flatten().map(|(name, _)| &**name).collect();
        own.sort_unstable();
        let mut shared: Vec<&str> = self.shared.keys().map(|name| &**name).collect();
        shared.sort_unstable();
        own.into_iter().chain(shared).collect()
    }

    /// The atom that a name means inside of a rule: its own selection, else a shared signal.
    pub(crate) fn atom(&self, rule: usize, name: &str) -> Option<AtomId> {
        self.own_atom(rule, name).or_else(|| self.shared.get(name).copied())
    }

    /// The atom of a rule's whole condition.
    pub(crate) fn condition_of(&self, rule: usize) -> Option<AtomId> {
        self.own_atom(rule, CONDITION)
    }

    fn own_atom(&self, rule: usize, name: &str) -> Option<AtomId> {
        self.own.get(rule)?.iter().rev().find(|(own, _)| **own == *name).map(|(_, atom)| *atom)
    }

    /// Correlations, each behind those that it refers to.
    pub(crate) fn correlations(&self) -> &[usize] {
        &self.correlations
    }

    /// The rules that a correlation refers to, in its order.
    pub(crate) fn references(&self, correlation: usize) -> &[usize] {
        self.references.get(&correlation).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a rule is only reported through the correlations that refer to it.
    pub(crate) fn is_silent(&self, rule: usize) -> bool {
        let by = self.references.iter().filter(|(_, rules)| rules.contains(&rule));
        let mut generates = by.map(|(number, _)| {
            let own = self.rules.get(*number).and_then(|rule| rule.correlation.as_ref());
            own.is_some_and(|correlation| correlation.generates)
        });
        let Some(first) = generates.next() else { return false };
        !first && !generates.any(|generates| generates)
    }

    /// The atoms that records with this head may match.
    pub(super) fn candidates(&self, head: &Head<'_>) -> Vec<AtomId> {
        let mut found = Vec::new();
        self.index.candidates(head, &mut found);
        found
    }

    /// An atom by its number.
    pub(super) fn atom_at(&self, id: AtomId) -> Option<&Atom> {
        self.atoms.get(usize::try_from(id).ok()?)
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

    /// The rules whose condition a record meets, in order of name. Causes whose `when` stands in place of their
    /// condition are not among them.
    #[must_use]
    pub fn matching(&self, record: &Record, texts: &Texts) -> Vec<&Rule> {
        let atoms = self.matched(record, texts, &mut Vec::new());
        let met = atoms.iter().filter_map(|atom| self.conditions.get(atom)).flatten();
        let mut numbers: Vec<usize> = met.copied().collect();
        numbers.sort_unstable();
        numbers.into_iter().filter_map(|number| self.rules.get(number)).collect()
    }

    /// Causes and Sigma rules, in order of name.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.kind != Kind::Signals)
    }
}

/// A text that tells tests apart.
fn spelled(constraint: &Constraint, test: &Test) -> String {
    let mut out = String::with_capacity(256);
    for name in constraint.channels.iter().chain(&constraint.providers) {
        out.push_str(name);
        out.push('\0');
    }
    if !out.is_empty() || !constraint.event_ids.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(out, "{}\0{:?}", constraint.channels.len(), constraint.event_ids);
    }
    test.spell(&mut out);
    out
}

/// The number of the atom that comes next.
fn next(atoms: &[Atom]) -> AtomId {
    AtomId::try_from(atoms.len()).expect("rules are bounded by memory long before")
}

/// A digest of texts, chained to the one before.
fn chained(before: &str, text: &str) -> String {
    let digest = Sha256::new().chain_update(before).chain_update(text).finalize();
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The tests of a rule by name: its selections, and its condition where something asks for it.
fn tests(rule: &Rule) -> Vec<(Box<str>, Test)> {
    let detection = &rule.detection;
    let selections = detection.selections.iter();
    let mut tests: Vec<(Box<str>, Test)> =
        selections.map(|selection| (selection.name.clone(), selection.test.clone())).collect();
    if rule.asks_for(CONDITION) {
        let parts = detection.conditions.iter().map(|condition| detection.test_of(condition)).collect();
        tests.push((CONDITION.into(), Test::Any(parts)));
    }
    tests
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
        match yaml::read(&text, &yaml::SMALL) {
            Ok(documents) => {
                own.push(File { path: shown, source: Some(text.as_ref().into()), documents, packed: None });
            }
            Err(error) => {
                let mut found = Flaws::new(&shown, Some(text.as_ref().into()));
                let help = "the file must be YAML; look at the indentation and the quotes";
                found.error(error.mark, error.message, help);
                flaws.extend(found.list);
            }
        }
    }
    let name = |path: &str| (update::is_update_file(path), base_name(path).to_owned());
    let names: FxHashSet<(bool, String)> = own.iter().map(|file| name(&file.path)).collect();
    files.retain(|file| !names.contains(&name(&file.path)));
    files.extend(own);
    Ok(())
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a file holds rules or known updates and not one of the other kinds of data that stand beside them.
fn is_rule_file(folder: &Path, path: &Path) -> bool {
    let is_yaml = path
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("yml") || end.eq_ignore_ascii_case("yaml"));
    let relative = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
    let data = ["events/", "codes/", "builds/", "explain/", "value-maps"];
    is_yaml && !data.iter().any(|start| relative.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::super::matcher::Matcher;
    use super::{RuleSet, Test};

    fn flaws(test: &Test) -> Vec<String> {
        match test {
            Test::Any(tests) | Test::All(tests) => tests.iter().flat_map(flaws).collect(),
            Test::Not(test) => flaws(test),
            Test::Field { matchers, .. } => matchers.iter().filter_map(Matcher::flaw).collect(),
            Test::Keyword(matcher) => matcher.flaw().into_iter().collect(),
        }
    }

    #[test]
    fn expressions_of_the_rules_in_the_program_can_be_compiled() {
        let set = RuleSet::load(&[]).expect("the rules in the program are right");
        let found: Vec<String> = set.atoms.iter().flat_map(|atom| flaws(&atom.test)).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}
