//! Compares the matches of Sigma rules between rdpwhy and rsigma, another reader of Sigma, over real records.
//!
//!     rdpwhy-oracle RULES LOGS [EXPLAINED]
//!
//! Both see the same fields of each record. Differences are printed by rule, provider and event id; a line of the
//! file EXPLAINED (`rule<TAB>reason`) explains those of a rule. Ends with 1 when a difference is not explained.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use rdpwhy::diagnose::{Options, diagnose_records};
use rdpwhy::evtx::{CHUNK_SIZE, FILE_HEADER_SIZE, Fault, Head, Place, Record, Visitor, read_chunk};
use rdpwhy::rule::{Kind, RuleSet};
use rdpwhy::text::Texts;
use rsigma_eval::event::JsonEvent;
use rsigma_eval::{CorrelationConfig, CorrelationEngine, Engine};
use rsigma_parser::{SigmaCollection, parse_sigma_yaml};
use serde_json::{Map, Value, json};

/// Keeps all records.
#[derive(Default)]
struct Everything(Vec<Record>);

impl Visitor for Everything {
    fn head(&mut self, _: &Head<'_>) -> bool {
        true
    }

    fn record(&mut self, record: Record) {
        self.0.push(record);
    }

    fn fault(&mut self, _: Fault) {}
}

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let (Some(rules), Some(logs)) = (arguments.first(), arguments.get(1)) else {
        eprintln!("usage: rdpwhy-oracle RULES LOGS [EXPLAINED]");
        return ExitCode::from(2);
    };
    let explained = arguments.get(2).map(|path| explained(path)).unwrap_or_default();
    let set = RuleSet::load(&[rules.clone()]).expect("rules that can be read");
    let collection = collection(rules);
    let records = records(logs);
    println!("{} records, {} rules of Sigma", records.len(), collection.rules.len());
    for flaw in &set.warnings {
        println!("{flaw}");
    }
    let mut differences = detections(&set, &collection, &records);
    differences.extend(correlations(&set, &collection, records));
    let mut is_unexplained = false;
    for (rule, lines) in &differences {
        let reason = explained.get(rule);
        is_unexplained |= reason.is_none();
        println!("{rule}: {}", reason.map_or("NOT EXPLAINED", String::as_str));
        lines.iter().take(8).for_each(|line| println!("    {line}"));
    }
    println!("{} rules differ", differences.len());
    ExitCode::from(u8::from(is_unexplained))
}

fn explained(path: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(path).expect("the file of explanations");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('\t'))
        .map(|(rule, why)| (rule.to_owned(), why.to_owned()))
        .collect()
}

fn files(folder: &Path, end: &str, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, end, out);
        } else if path.extension().is_some_and(|own| own.eq_ignore_ascii_case(end)) {
            out.push(path);
        }
    }
}

fn collection(folder: &Path) -> SigmaCollection {
    let mut paths = Vec::new();
    files(folder, "yml", &mut paths);
    let mut all: Option<SigmaCollection> = None;
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        match parse_sigma_yaml(&text) {
            Ok(own) => match all.as_mut() {
                None => all = Some(own),
                Some(all) => {
                    all.rules.extend(own.rules);
                    all.correlations.extend(own.correlations);
                }
            },
            Err(error) => println!("rsigma cannot read {}: {error}", path.display()),
        }
    }
    all.expect("rules")
}

fn records(folder: &Path) -> Vec<Record> {
    let mut paths = Vec::new();
    files(folder, "evtx", &mut paths);
    let mut visitor = Everything::default();
    for path in paths {
        let bytes = std::fs::read(&path).unwrap_or_default();
        for (index, chunk) in bytes.get(FILE_HEADER_SIZE..).unwrap_or_default().chunks(CHUNK_SIZE).enumerate()
        {
            let offset = u64::try_from(FILE_HEADER_SIZE + index * CHUNK_SIZE).expect("a file's size");
            let log: Arc<str> = Arc::from(path.display().to_string());
            read_chunk(chunk, &Place { log, offset }, &mut visitor);
        }
    }
    let mut records = visitor.0;
    records.sort_by(|left, right| (left.time, left.record_id).cmp(&(right.time, right.record_id)));
    records
}

/// A record as a flat JSON object with the names that rules use.
fn flat(record: &Record) -> Value {
    let mut map = Map::new();
    let mut unnamed = Vec::new();
    for field in &record.fields {
        match field.name.as_deref() {
            Some(name) => {
                map.entry(name.to_owned()).or_insert_with(|| json!(&*field.value));
            }
            None => unnamed.push(json!(&*field.value)),
        }
    }
    if !unnamed.is_empty() {
        map.insert("Data".to_owned(), Value::Array(unnamed));
    }
    map.insert("Provider_Name".to_owned(), json!(&*record.provider));
    map.insert("EventID".to_owned(), json!(record.event_id));
    map.insert("Channel".to_owned(), json!(&*record.channel));
    map.insert("Computer".to_owned(), json!(&*record.computer));
    map.insert("Level".to_owned(), json!(record.level));
    map.insert("EventRecordID".to_owned(), json!(record.record_id));
    Value::Object(map)
}

type Differences = BTreeMap<String, BTreeSet<String>>;

fn detections(set: &RuleSet, collection: &SigmaCollection, records: &[Record]) -> Differences {
    let texts = Texts::builtin();
    let mut engine = Engine::new();
    let refused = engine.add_rules(&collection.rules);
    for (at, error) in refused {
        println!("rsigma cannot use {}: {error}", collection.rules[at].title);
    }
    let ours_by_title: BTreeMap<&str, _> =
        set.rules().filter(|rule| rule.kind == Kind::Sigma).map(|rule| (&*rule.title, rule)).collect();
    let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut differences: BTreeMap<String, BTreeMap<(String, u32, bool), (u64, String)>> = BTreeMap::new();
    let mut total = 0_u64;
    for record in records {
        let ours: BTreeSet<String> = set
            .matching(record, &texts)
            .into_iter()
            .filter(|rule| rule.kind == Kind::Sigma)
            .map(|rule| rule.title.to_string())
            .collect();
        let value = flat(record);
        let event = JsonEvent::borrow(&value);
        let theirs: BTreeSet<String> = engine
            .evaluate(&event)
            .into_iter()
            .map(|result| result.header.rule_title)
            .filter(|title| ours_by_title.get(title.as_str()).is_some_and(|rule| rule.accepts(record)))
            .collect();
        total += u64::try_from(ours.intersection(&theirs).count()).unwrap_or_default();
        for title in &ours {
            counts.entry(title.clone()).or_default().0 += 1;
        }
        for title in &theirs {
            counts.entry(title.clone()).or_default().1 += 1;
        }
        for title in ours.symmetric_difference(&theirs) {
            let key = (record.provider.to_string(), record.event_id, ours.contains(title));
            let entry = differences.entry(title.clone()).or_default().entry(key).or_default();
            entry.0 += 1;
            if entry.1.is_empty() {
                entry.1 = value.to_string().chars().take(600).collect();
            }
        }
    }
    println!("{} rules matched, {total} matches of both", counts.len());
    differences
        .into_iter()
        .map(|(title, keys)| {
            let lines = keys.into_iter().map(|((provider, id, is_ours), (count, example))| {
                let who = if is_ours { "only rdpwhy" } else { "only rsigma" };
                format!("{provider} {id}: {count} {who}, such as {example}")
            });
            (title, lines.collect())
        })
        .collect()
}

/// Which correlations come true on which computers.
fn correlations(set: &RuleSet, collection: &SigmaCollection, records: Vec<Record>) -> Differences {
    let names: BTreeMap<&str, &str> = set
        .rules()
        .filter(|rule| rule.kind == Kind::Correlation)
        .map(|rule| (&*rule.name, &*rule.title))
        .collect();
    let mut differences = Differences::new();
    if names.is_empty() {
        return differences;
    }
    let texts = Texts::builtin();
    let mut computers: BTreeMap<Arc<str>, Vec<Record>> = BTreeMap::new();
    for record in records {
        computers.entry(Arc::clone(&record.computer)).or_default().push(record);
    }
    let (mut both, hosts) = (0_u64, computers.len());
    for (computer, records) in computers {
        let mut engine = CorrelationEngine::new(CorrelationConfig::default());
        engine.add_collection(collection).expect("rules that rsigma can use");
        let mut theirs: BTreeSet<String> = BTreeSet::new();
        for record in &records {
            let value = flat(record);
            let result =
                engine.process_event_at(&JsonEvent::borrow(&value), record.time.0.div_euclid(10_000_000));
            let found = result.into_iter().filter(rsigma_eval::EvaluationResult::is_correlation);
            theirs.extend(found.map(|one| one.header.rule_title));
        }
        let options =
            Options { rules: set, texts: &texts, client_errors: &[], story: None, keeps_harmless: true };
        let ours: BTreeSet<String> = diagnose_records(&records, &options)
            .iter()
            .flat_map(|host| &host.causes)
            .filter_map(|cause| names.get(cause.rule.as_str()))
            .map(|title| (*title).to_owned())
            .collect();
        both += u64::try_from(ours.intersection(&theirs).count()).unwrap_or_default();
        for title in ours.symmetric_difference(&theirs) {
            let who = if ours.contains(title) { "only rdpwhy" } else { "only rsigma" };
            differences.entry(title.clone()).or_default().insert(format!("{computer}: {who}"));
        }
    }
    println!("{} correlations on {hosts} computers, {both} come true for both", names.len());
    differences
}
