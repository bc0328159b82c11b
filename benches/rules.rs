//! What rules cost on records: ten of them, a thousand, and those of SigmaHQ when `RDPWHY_SIGMA` names a folder.
//!
//! The built-in rules are always there. Records that no rule wants must cost the same whatever the number of rules;
//! those that rules want cost what their tests cost.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use divan::Bencher;
use divan::counter::ItemsCount;
use rdpwhy::evtx::{CHUNK_SIZE, FILE_HEADER_SIZE, Fault, Head, Place, Record, Visitor, read_chunk};
use rdpwhy::rule::RuleSet;
use rdpwhy::text::Texts;

fn main() {
    divan::main();
}

static TEXTS: LazyLock<Texts> = LazyLock::new(Texts::builtin);

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

/// The records of all samples; with another provider and id when `is_foreign`, so that no rule looks at them.
fn records(is_foreign: bool) -> Vec<Record> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "evtx") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let mut visitor = Everything::default();
    for path in paths {
        let bytes = std::fs::read(&path).unwrap_or_default();
        for chunk in bytes.get(FILE_HEADER_SIZE..).unwrap_or_default().chunks(CHUNK_SIZE) {
            read_chunk(chunk, &Place { log: Arc::from("sample"), offset: 0 }, &mut visitor);
        }
    }
    for record in visitor.0.iter_mut().filter(|_| is_foreign) {
        record.provider = Arc::from("Nobody-Asks-For");
        record.event_source = None;
        record.event_id = 64_000;
    }
    visitor.0
}

/// The built-in rules with `count` more, each of which looks for words in an event of its own provider.
fn rules(count: usize) -> RuleSet {
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..count {
        let text = format!(
            "title: Rule {number}\nlogsource: {{product: windows}}\ndetection:\n    one:\n        Provider_Name: Provider-{number}\n        EventID: {}\n        CommandLine|contains: ['word {number}', 'other {number}']\n    two: {{EventID: {}, User|endswith: '{number}'}}\n    condition: one or two\n",
            number % 500,
            number % 90 + 10_000,
        );
        std::fs::write(folder.path().join(format!("bench-{number}.yml")), text).expect("a file");
    }
    RuleSet::load(&[folder.path().to_owned()]).expect("rules")
}

fn run(bencher: Bencher<'_, '_>, set: &RuleSet, is_foreign: bool) {
    let records = records(is_foreign);
    bencher
        .counter(ItemsCount::new(records.len()))
        .bench_local(|| records.iter().map(|record| set.matching(record, &TEXTS).len()).sum::<usize>());
}

#[divan::bench(args = [10, 1000])]
fn records_that_no_rule_wants(bencher: Bencher<'_, '_>, count: usize) {
    run(bencher, &rules(count), true);
}

#[divan::bench(args = [10, 1000])]
fn records_of_samples(bencher: Bencher<'_, '_>, count: usize) {
    run(bencher, &rules(count), false);
}

#[divan::bench(args = [true, false])]
fn rules_of_sigma_foreign_records(bencher: Bencher<'_, '_>, is_foreign: bool) {
    match std::env::var_os("RDPWHY_SIGMA") {
        Some(folder) => {
            run(bencher, &RuleSet::load(&[PathBuf::from(folder)]).expect("rules"), is_foreign);
        }
        None => eprintln!("skipped: RDPWHY_SIGMA names no folder"),
    }
}

/// The sentence of each record of the samples, as reports show it.
#[divan::bench]
fn sentences(bencher: Bencher<'_, '_>) {
    let records = records(false);
    let length = |record: &Record| TEXTS.sentence(divan::black_box(record), None).text.len();
    bencher.counter(ItemsCount::new(records.len())).bench(|| records.iter().map(length).sum::<usize>());
}

#[divan::bench]
fn loading_the_built_in_rules(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| RuleSet::load(&[]).expect("rules"));
}
